//! The layouts that come with the program.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::{StatementLayout, Template, bank_file_template, statement_layout};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Tx};

/// Code, name and layout.
pub(super) const BUILT_IN: [(&str, &str, &str); 3] = [
    ("csv_utf8_header", "通用 CSV（UTF-8，有标题行）", include_str!("templates/csv_utf8_header.json")),
    ("csv_gb18030_total", "通用 CSV（GB18030，无标题行，首行合计）", include_str!("templates/csv_gb18030_total.json")),
    ("xlsx", "通用 Excel", include_str!("templates/xlsx.json")),
];

/// Code, name and layout of statements.
pub(super) const LAYOUTS: [(&str, &str, &str); 3] = [
    ("csv_utf8", "通用对账单 CSV（UTF-8，收入支出两列）", include_str!("layouts/csv_utf8.json")),
    ("csv_gb18030", "通用对账单 CSV（GB18030，借贷标志）", include_str!("layouts/csv_gb18030.json")),
    ("xlsx", "通用对账单 Excel", include_str!("layouts/xlsx.json")),
];

/// Gives a district the layouts that come with the program, of bank files and of statements, those that it does not have yet, and says how many. The transaction's scope is the district.
///
/// # Errors
/// 500 where the database fails.
pub async fn seed(tx: &Tx, act: &Act, district: Uuid) -> Result<usize, Problem> {
    let own = tx.select::<bank_file_template::Entity>().filter(bank_file_template::Column::DistrictId.eq(district)).filter(bank_file_template::Column::StreetId.is_null());
    let there = tx.all(own).await?;
    let mut made = 0_usize;
    for (code, name, text) in BUILT_IN.into_iter().filter(|(code, ..)| there.iter().all(|row| row.code != *code)) {
        let template: Template = serde_json::from_str(text).map_err(Problem::internal)?;
        let row = bank_file_template::ActiveModel {
            id: Set(new_id()),
            district_id: Set(district),
            street_id: Set(None),
            code: Set(code.to_owned()),
            name: Set(name.to_owned()),
            definition: Set(serde_json::to_value(&template).map_err(Problem::internal)?),
            version: Set(1),
            created_at: Set(act.at),
            created_by: Set(act.user_id()),
        };
        let row = tx.insert::<bank_file_template::Entity, _>(row).await?;
        let event = Event::new("bank_file_template.create", "bank_file_template", row.id, bank_file_template::Entity::place(&row)).after(&row)?;
        audit::record(tx, act, event).await?;
        made = made.saturating_add(1);
    }
    Ok(made.saturating_add(seed_layouts(tx, act, district).await?))
}

async fn seed_layouts(tx: &Tx, act: &Act, district: Uuid) -> Result<usize, Problem> {
    let own = tx.select::<statement_layout::Entity>().filter(statement_layout::Column::DistrictId.eq(district)).filter(statement_layout::Column::StreetId.is_null());
    let there = tx.all(own).await?;
    let mut made = 0_usize;
    for (code, name, text) in LAYOUTS.into_iter().filter(|(code, ..)| there.iter().all(|row| row.code != *code)) {
        let layout: StatementLayout = serde_json::from_str(text).map_err(Problem::internal)?;
        let row = statement_layout::ActiveModel {
            id: Set(new_id()),
            district_id: Set(district),
            street_id: Set(None),
            code: Set(code.to_owned()),
            name: Set(name.to_owned()),
            definition: Set(serde_json::to_value(&layout).map_err(Problem::internal)?),
            version: Set(1),
            created_at: Set(act.at),
            created_by: Set(act.user_id()),
        };
        let row = tx.insert::<statement_layout::Entity, _>(row).await?;
        let event = Event::new("statement_layout.create", "statement_layout", row.id, statement_layout::Entity::place(&row)).after(&row)?;
        audit::record(tx, act, event).await?;
        made = made.saturating_add(1);
    }
    Ok(made)
}
