//! Which items a category pays for, as documents that spend ask it.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::{category_item, expense_item, refusals};
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// Each line of a document names an item that the category allows; every line that does not is told, at `/lines/{index}/expense_item_id`.
///
/// # Errors
/// 422 `unknown_reference`, `item_not_allowed`, `item_forbidden`.
pub async fn check(tx: &Tx, category: Uuid, items: impl IntoIterator<Item = Uuid>) -> Result<(), Problem> {
    let rules = tx.all(tx.select::<category_item::Entity>().filter(category_item::Column::CategoryId.eq(category))).await?;
    let rules: BTreeMap<Uuid, bool> = rules.into_iter().map(|rule| (rule.expense_item_id, rule.allowed)).collect();
    let mut found: Option<Problem> = None;
    for (index, item) in items.into_iter().enumerate() {
        let pointer = format!("/lines/{index}/expense_item_id");
        tx.reference::<expense_item::Entity>(item, &pointer).await?;
        let refusal = match rules.get(&item) {
            Some(true) => continue,
            Some(false) => refusals::item_forbidden(&pointer),
            None => refusals::item_not_allowed(&pointer),
        };
        found = Some(match found {
            None => refusal,
            Some(mut first) => {
                first.errors.extend(refusal.errors);
                first
            }
        });
    }
    found.map_or(Ok(()), Err)
}
