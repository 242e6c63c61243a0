//! The final accounts 决算: written once, when a year closes, from the budget and the ledger; a line a category.

use std::collections::BTreeMap;
use std::fmt::Write;

use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::final_account;
use crate::funds::budget::budget_line;
use crate::funds::ledger::print::{STYLE, escape};
use crate::funds::ledger::{Account, balances, fiscal_year, turnover_of_year};
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_names;
use crate::platform::db::Tx;

/// Writes the final accounts of a year, after its transfer was booked.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn write(tx: &Tx, act: &Act, year: &fiscal_year::Model, december: Month) -> Result<(), Problem> {
    let mut rows: BTreeMap<Uuid, final_account::Model> = BTreeMap::new();
    let lines = tx
        .select::<budget_line::Entity>()
        .filter(budget_line::Column::StreetId.eq(year.street_id))
        .filter(budget_line::Column::FiscalYear.eq(year.year))
        .filter(budget_line::Column::State.eq("approved"));
    for line in tx.all(lines).await? {
        let row = of(&mut rows, act, year, line.category_id);
        row.budget = row.budget.checked_add(line.amount).map_err(Problem::internal)?;
        row.adjusted = row.adjusted.checked_add(line.approved).map_err(Problem::internal)?;
    }
    for turnover in turnover_of_year(tx, year.street_id, Account::Appropriation, year.year).await? {
        let row = of(&mut rows, act, year, turnover.category_key);
        row.received = row.received.checked_add(Fen(turnover.credit.0.saturating_sub(turnover.debit.0))).map_err(Problem::internal)?;
    }
    for turnover in turnover_of_year(tx, year.street_id, Account::Expenditure, year.year).await? {
        let row = of(&mut rows, act, year, turnover.category_key);
        row.spent = row.spent.checked_add(Fen(turnover.debit.0.saturating_sub(turnover.credit.0))).map_err(Problem::internal)?;
    }
    for balance in balances(tx, year.street_id, december.last_day()).await?.into_iter().filter(|row| row.account == Account::CarriedOver.code()) {
        if let Some(category) = balance.category_id {
            of(&mut rows, act, year, category).carried_over = balance.balance;
        }
    }
    tx.insert_all::<final_account::Entity, final_account::ActiveModel>(rows.into_values().collect()).await
}

fn of<'a>(rows: &'a mut BTreeMap<Uuid, final_account::Model>, act: &Act, year: &fiscal_year::Model, category_id: Uuid) -> &'a mut final_account::Model {
    rows.entry(category_id).or_insert_with(|| final_account::Model {
        id: new_id(),
        district_id: year.district_id,
        street_id: year.street_id,
        fiscal_year: year.year,
        category_id,
        budget: Fen::ZERO,
        adjusted: Fen::ZERO,
        received: Fen::ZERO,
        spent: Fen::ZERO,
        carried_over: Fen::ZERO,
        created_at: act.at,
    })
}

/// The print view of the final accounts (A4).
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn page(tx: &Tx, year: &fiscal_year::Model) -> Result<String, Problem> {
    let rows = tx.all(tx.select::<final_account::Entity>().filter(final_account::Column::StreetId.eq(year.street_id)).filter(final_account::Column::FiscalYear.eq(year.year))).await?;
    let mut categories = tx.all(tx.select::<category::Entity>().filter(category::Column::Id.is_in(rows.iter().map(|row| row.category_id)))).await?;
    categories.sort_by(|one, two| one.code.cmp(&two.code));
    let street = street_names(tx, [year.street_id]).await?.remove(&year.street_id).unwrap_or_default();
    let cells = |figures: [Fen; 5]| figures.iter().map(|figure| format!("<td class=\"amount\">{figure}</td>")).collect::<String>();
    let figures = |row: &final_account::Model| [row.budget, row.adjusted, row.received, row.spent, row.carried_over];
    let (mut body, mut sums) = (String::new(), [Fen::ZERO; 5]);
    for category in &categories {
        for row in rows.iter().filter(|row| row.category_id == category.id) {
            let _ = write!(body, "<tr><td>{}</td><td>{}</td>{}</tr>", escape(&category.code), escape(&category.name), cells(figures(row)));
            for (sum, figure) in sums.iter_mut().zip(figures(row)) {
                *sum = sum.checked_add(figure).map_err(Problem::internal)?;
            }
        }
    }
    let note = if year.state == "closed" { "" } else { "本年度尚未结账，决算数以结账后为准。" };
    Ok(format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{0}{1}年度决算表</title><style>{STYLE}</style></head><body><h1>决算表</h1>\
         <div class=\"head\"><span>单位：{0}</span><span>年度：{1}</span><span>单位：元</span></div>\
         <table><thead><tr><th>编码</th><th>经费类别</th><th>年初预算</th><th>调整后预算</th><th>到位</th><th>支出</th><th>累计结转</th></tr></thead><tbody>{body}</tbody>\
         <tfoot><tr><th colspan=\"2\">合计</th>{2}</tr></tfoot></table><p class=\"small\">{note}</p></body></html>",
        escape(&street),
        year.year,
        cells(sums)
    ))
}
