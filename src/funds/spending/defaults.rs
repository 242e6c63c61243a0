//! What ships with the program: the eight expense items, the eight bans, the standards and the tax rule, each with its source. A district adopts them with one
//! operation; adopting again adds only what is missing.

use chrono::NaiveDate;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::routes::NewExpenseItem;
use super::routes_standards::{Above, Basis};
use super::tax::{self, NewTaxRule};
use super::{category, category_item, expense_item, standard, standard_write, standards, tax_rule, write};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};

const SHIPPED: &str = include_str!("defaults/spending.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipped {
    expense_items: Vec<ShippedItem>,
    bans: Vec<ShippedBan>,
    standards: Vec<ShippedStandard>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShippedItem {
    code: String,
    name: String,
    #[serde(default)]
    labour_income: bool,
}

/// One of the eight bans; two are acts that nobody books as an item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShippedBan {
    ban: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "the words of the rule, for those who read the file"))]
    rule: String,
    item: Option<ShippedItem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShippedStandard {
    item: String,
    name: String,
    basis: Basis,
    grade: Option<String>,
    place: Option<String>,
    amount: Option<Fen>,
    above: Above,
    max_per_half_day: Option<i32>,
    source: String,
    #[serde(default)]
    to_be_confirmed: bool,
}

/// What adopting added.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Adopted {
    /// Expense items that were added, or that now say what they stand for.
    pub expense_items: Vec<expense_item::Model>,
    /// Standards that were added.
    pub standards: Vec<standard::Model>,
    /// The tax rule that was added.
    pub tax_rule: Option<tax_rule::Model>,
    /// Categories that now forbid what stands for a ban.
    pub categories: Vec<Uuid>,
}

/// An item of this name, made where the district has none; one that is there is told what it stands for.
async fn item(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, wanted: ShippedItem, ban: Option<&str>, adopted: &mut Adopted) -> Result<expense_item::Model, Problem> {
    let found = tx.one(tx.select::<expense_item::Entity>().filter(expense_item::Column::Name.eq(wanted.name.as_str()))).await?;
    let there = match found {
        Some(there) => there,
        None => {
            let mut code = wanted.code.clone();
            // A district that uses the code for something else keeps it.
            for number in 2..100 {
                if tx.count(tx.select::<expense_item::Entity>().filter(expense_item::Column::Code.eq(code.as_str()))).await? == 0 {
                    break;
                }
                code = format!("{}-{number}", wanted.code);
            }
            let made = write::add_item(tx, act, district, NewExpenseItem { code, name: wanted.name, labour_income: wanted.labour_income }).await?;
            if ban.is_none() {
                adopted.expense_items.push(made.clone());
                return Ok(made);
            }
            made
        }
    };
    let ban = ban.map(str::to_owned).or_else(|| there.ban.clone());
    if there.ban == ban && (there.labour_income || !wanted.labour_income) {
        return Ok(there);
    }
    let after = expense_item::Model { ban, labour_income: there.labour_income || wanted.labour_income, ..there.clone() };
    let after = write::put_item(tx, act, &there, after).await?;
    adopted.expense_items.push(after.clone());
    Ok(after)
}

/// Adopts what ships: items, bans, standards and the tax rule that the district does not have yet, in force from a day.
///
/// # Errors
/// 500 where the database fails.
pub async fn adopt(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, from: NaiveDate) -> Result<Adopted, Problem> {
    let shipped: Shipped = serde_json::from_str(SHIPPED).map_err(Problem::internal)?;
    let mut adopted = Adopted::default();
    let mut items = Vec::new();
    for wanted in shipped.expense_items {
        items.push(item(tx, act, district, wanted, None, &mut adopted).await?);
    }
    let mut banned = Vec::new();
    for ban in shipped.bans {
        if let Some(wanted) = ban.item {
            banned.push(item(tx, act, district, wanted, Some(&ban.ban), &mut adopted).await?.id);
        }
    }
    let there = standard_write::of_items(tx, items.iter().map(|item| item.id)).await?;
    for wanted in shipped.standards {
        let item = items.iter().find(|item| item.name == wanted.item).ok_or_else(|| Problem::internal(format!("a shipped standard of no item: {}", wanted.item)))?;
        let row = row_of(act, item, wanted, from);
        if !there.iter().any(|other| standards::same_key(other, &row)) {
            adopted.standards.push(standard_write::insert(tx, act, row).await?);
        }
    }
    if tx.count(tx.select::<tax_rule::Entity>()).await? == 0 {
        let tax::ShippedRule { rule, source, to_be_confirmed } = tax::shipped()?;
        let tax::LabourTax { flat_up_to, flat_deduction, deduction_percent, brackets } = rule;
        adopted.tax_rule = Some(tax::set(tx, act, district, NewTaxRule { effective_from: from, flat_up_to, flat_deduction, deduction_percent, brackets, source, to_be_confirmed }).await?);
    }
    adopted.categories = forbid(tx, act, &banned).await?;
    Ok(adopted)
}

fn row_of(act: &Act, item: &expense_item::Model, wanted: ShippedStandard, from: NaiveDate) -> standard::Model {
    standard::Model {
        id: new_id(),
        district_id: item.district_id,
        expense_item_id: item.id,
        name: wanted.name,
        basis: wanted.basis.code().to_owned(),
        grade: wanted.grade,
        place: wanted.place,
        season_from: None,
        season_to: None,
        amount: wanted.amount,
        above: wanted.above.code().to_owned(),
        max_per_half_day: wanted.max_per_half_day,
        max_per_day: None,
        effective_from: from,
        ended_on: None,
        source: wanted.source,
        to_be_confirmed: wanted.to_be_confirmed,
        set_by: act.user_id(),
        version: 1,
        created_at: act.at,
    }
}

/// Every category forbids what stands for a ban, unless its lists name it already.
async fn forbid(tx: &Tx, act: &Act, banned: &[Uuid]) -> Result<Vec<Uuid>, Problem> {
    let listed = tx.all(tx.select::<category_item::Entity>().filter(category_item::Column::ExpenseItemId.is_in(banned.iter().copied()))).await?;
    let mut changed = Vec::new();
    for row in tx.all(tx.select::<category::Entity>()).await? {
        let missing: Vec<Uuid> = banned.iter().copied().filter(|item| !listed.iter().any(|entry| entry.category_id == row.id && entry.expense_item_id == *item)).collect();
        if missing.is_empty() {
            continue;
        }
        let entries = missing.iter().map(|item| category_item::Model { id: new_id(), district_id: row.district_id, category_id: row.id, expense_item_id: *item, allowed: false });
        tx.insert_all::<category_item::Entity, category_item::ActiveModel>(entries.collect()).await?;
        let next = category::ActiveModel { id: Unchanged(row.id), version: Set(row.version.saturating_add(1)), ..Default::default() };
        let after = tx.update::<category::Entity, _>(next).await?;
        let forbidden = serde_json::json!({"category": after, "forbidden_item_ids": missing});
        audit::record(tx, act, Event::new("category.change", "category", after.id, category::Entity::place(&after)).before(&row)?.after(&forbidden)?).await?;
        changed.push(after.id);
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::funds::spending::routes_standards::NewStandard;
    use crate::kernel::problem::Faults;
    use crate::platform::http::Body;

    #[test]
    fn what_ships_is_whole_and_could_be_set_by_hand() {
        let shipped: Shipped = serde_json::from_str(SHIPPED).unwrap();
        let names: Vec<_> = shipped.expense_items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["租车费", "城市间交通费", "伙食费", "住宿费", "场地费", "讲课费", "资料费", "其他费用"]);
        assert_eq!((shipped.bans.len(), shipped.bans.iter().filter(|ban| ban.item.is_some()).count()), (8, 6));
        assert!(shipped.bans.iter().all(|ban| ban.rule.starts_with("严禁") && !ban.ban.is_empty()));
        for item in &names {
            assert!(shipped.standards.iter().any(|standard| standard.item == *item), "{item} has no standard");
        }
        for wanted in shipped.standards {
            let new = NewStandard {
                expense_item_id: Uuid::nil(),
                name: wanted.name,
                basis: wanted.basis,
                grade: wanted.grade,
                place: wanted.place,
                season_from: None,
                season_to: None,
                amount: wanted.amount,
                above: wanted.above,
                max_per_half_day: wanted.max_per_half_day,
                max_per_day: None,
                effective_from: NaiveDate::MIN,
                source: wanted.source,
                to_be_confirmed: wanted.to_be_confirmed,
            };
            let mut faults = Faults::none();
            new.faults(&mut faults);
            assert_eq!(faults.into_result(), Ok(()));
        }
    }
}
