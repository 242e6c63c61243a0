//! Keeping a district's categories and expense items.

use std::collections::BTreeSet;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::refusals::code_taken;
use super::routes::{CategoryChange, ExpenseItemChange, NewCategory, NewExpenseItem};
use super::{category, category_item, expense_item};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

/// Adds an expense item to a district.
///
/// # Errors
/// 409 `code_taken`.
pub async fn add_item(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewExpenseItem) -> Result<expense_item::Model, Problem> {
    let code = new.code.clone();
    let row = expense_item::Model { id: new_id(), district_id: district.district_id, code: new.code, name: new.name, labour_income: new.labour_income, ban: None, version: 1, created_at: act.at };
    let row = expense_item::ActiveModel::from(row).reset_all();
    let item = tx.try_insert::<expense_item::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { code_taken(&code) } else { error.into() })?;
    audit::record(tx, act, Event::new("expense_item.add", "expense_item", item.id, expense_item::Entity::place(&item)).after(&item)?).await?;
    Ok(item)
}

/// Changes the name of an expense item, or whether it pays for work; its code stays.
///
/// # Errors
/// 500 where the database fails.
pub async fn change_item(tx: &Tx, act: &Act, row: Authorised<expense_item::Model>, change: ExpenseItemChange) -> Result<expense_item::Model, Problem> {
    let before = row.into_inner();
    let after = expense_item::Model { name: change.name, labour_income: change.labour_income, ..before.clone() };
    put_item(tx, act, &before, after).await
}

/// Writes an expense item as it is now, with its audit event.
pub(super) async fn put_item(tx: &Tx, act: &Act, before: &expense_item::Model, after: expense_item::Model) -> Result<expense_item::Model, Problem> {
    let after = expense_item::Model { version: before.version.saturating_add(1), ..after };
    let after = tx.update::<expense_item::Entity, _>(expense_item::ActiveModel::from(after).reset_all()).await?;
    audit::record(tx, act, Event::new("expense_item.change", "expense_item", after.id, expense_item::Entity::place(&after)).before(before)?.after(&after)?).await?;
    Ok(after)
}

/// Adds a category to a district.
///
/// # Errors
/// 409 `code_taken`; 422 `unknown_reference` for an item of another district.
pub async fn add_category(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewCategory) -> Result<category::Model, Problem> {
    check_items(tx, &new.allowed_item_ids, &new.forbidden_item_ids).await?;
    let code = new.code.clone();
    let row = category::ActiveModel {
        id: Set(new_id()),
        district_id: Set(district.district_id),
        code: Set(new.code),
        name: Set(new.name),
        earmarked: Set(new.earmarked),
        transfer_out_allowed: Set(new.transfer_out_allowed),
        pays_individuals: Set(new.pays_individuals),
        carry_over: Set(new.carry_over.code().to_owned()),
        version: Set(1),
        created_at: Set(act.at),
    };
    let made = tx.try_insert::<category::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { code_taken(&code) } else { error.into() })?;
    put_items(tx, &made, &new.allowed_item_ids, &new.forbidden_item_ids).await?;
    audit::record(tx, act, Event::new("category.add", "category", made.id, category::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Changes a category; what the change leaves out stays. Its code and whether it pays individuals stay as they were made: documents rest on them.
///
/// # Errors
/// 409 `code_taken`; 422 `unknown_reference`.
pub async fn change_category(tx: &Tx, act: &Act, row: Authorised<category::Model>, change: CategoryChange) -> Result<category::Model, Problem> {
    let before = row.into_inner();
    let others = tx.select::<category::Entity>().filter(category::Column::Name.eq(change.name.as_str())).filter(category::Column::Id.ne(before.id));
    if change.name != before.name && tx.count(others).await? > 0 {
        return Err(code_taken(&change.name));
    }
    if let (Some(allowed), Some(forbidden)) = (&change.allowed_item_ids, &change.forbidden_item_ids) {
        check_items(tx, allowed, forbidden).await?;
        for old in tx.all(tx.select::<category_item::Entity>().filter(category_item::Column::CategoryId.eq(before.id))).await? {
            tx.delete::<category_item::Entity, category_item::ActiveModel>(old).await?;
        }
        put_items(tx, &before, allowed, forbidden).await?;
    }
    let next = category::ActiveModel {
        id: Unchanged(before.id),
        name: Set(change.name),
        earmarked: Set(change.earmarked),
        transfer_out_allowed: Set(change.transfer_out_allowed),
        carry_over: Set(change.carry_over.code().to_owned()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<category::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("category.change", "category", after.id, category::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

async fn check_items(tx: &Tx, allowed: &[Uuid], forbidden: &[Uuid]) -> Result<(), Problem> {
    let known = tx.all(tx.select::<expense_item::Entity>().filter(expense_item::Column::Id.is_in(allowed.iter().chain(forbidden).copied()))).await?;
    let known: BTreeSet<Uuid> = known.into_iter().map(|item| item.id).collect();
    let mut faults = Faults::none();
    for (list, ids) in [("allowed_item_ids", allowed), ("forbidden_item_ids", forbidden)] {
        for (index, id) in ids.iter().enumerate().filter(|(_, id)| !known.contains(id)) {
            faults.add(&format!("/{list}/{index}"), "unknown_reference", format!("没有费用项目 {id}"), format!("there is no expense item {id}"));
        }
    }
    faults.into_result()
}

/// Writes the lists of a category. What stands for one of the eight bans is forbidden unless the category allows it by name.
async fn put_items(tx: &Tx, category: &category::Model, allowed: &[Uuid], forbidden: &[Uuid]) -> Result<(), Problem> {
    let banned = tx.all(tx.select::<expense_item::Entity>().filter(expense_item::Column::Ban.is_not_null())).await?;
    let forbidden: Vec<Uuid> = banned.into_iter().map(|item| item.id).filter(|id| !allowed.contains(id)).chain(forbidden.iter().copied()).collect();
    for (ids, is_allowed) in [(allowed, true), (forbidden.as_slice(), false)] {
        for item in ids.iter().copied().collect::<BTreeSet<_>>() {
            let row = category_item::ActiveModel { id: Set(new_id()), district_id: Set(category.district_id), category_id: Set(category.id), expense_item_id: Set(item), allowed: Set(is_allowed) };
            tx.insert::<category_item::Entity, _>(row).await?;
        }
    }
    Ok(())
}
