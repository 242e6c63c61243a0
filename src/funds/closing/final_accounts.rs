//! The final accounts 决算: written once, when a year closes, from the budget and the ledger; a line a category.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::final_account;
use crate::funds::budget::budget_line;
use crate::funds::ledger::print::STYLE;
use crate::funds::ledger::{Account, Balance, balances, fiscal_year, ledger_checkpoint, turnover_of_year};
use crate::funds::spending::category;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_names;
use crate::platform::db::{Sql, Tx};
use crate::platform::http::escape;

/// Writes the final accounts of a year, after its transfer was booked.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn write(tx: &Tx, at: DateTime<Utc>, year: &fiscal_year::Model, december: Month) -> Result<(), Problem> {
    let rows = compute(tx, at, year, december, true).await?;
    tx.insert_all::<final_account::Entity, final_account::ActiveModel>(rows).await
}

#[derive(FromQueryResult)]
struct Opened {
    category_id: Uuid,
    amount: Fen,
}

const OPENED: Sql = Sql::both(
    "SELECT l.category_id, CAST(SUM(l.credit - l.debit) AS bigint) AS amount FROM vouchers v JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id \
     WHERE v.street_id = $1 AND v.fiscal_year = $2 AND v.kind = 'opening' AND l.account = '3001' AND l.category_id IS NOT NULL GROUP BY l.category_id ORDER BY l.category_id",
);

fn carried_over(balances: Vec<Balance>) -> impl Iterator<Item = (Uuid, Fen)> {
    balances.into_iter().filter(|row| row.account == Account::CarriedOver.code()).filter_map(|row| Some((row.category_id?, row.balance)))
}

/// The figures of each category. Before the transfer is booked, what is carried over is what it will be.
async fn compute(tx: &Tx, at: DateTime<Utc>, year: &fiscal_year::Model, december: Month, transferred: bool) -> Result<Vec<final_account::Model>, Problem> {
    let mut rows = Rows { at, year, rows: BTreeMap::new() };
    let lines = tx
        .select::<budget_line::Entity>()
        .filter(budget_line::Column::StreetId.eq(year.street_id))
        .filter(budget_line::Column::FiscalYear.eq(year.year))
        .filter(budget_line::Column::State.eq("approved"));
    for line in tx.all(lines).await? {
        let row = rows.of(line.category_id);
        row.budget = row.budget.checked_add(line.amount).map_err(Problem::internal)?;
        row.adjusted = row.adjusted.checked_add(line.approved).map_err(Problem::internal)?;
    }
    for turnover in turnover_of_year(tx, year.street_id, Account::Appropriation, year.year).await? {
        let row = rows.of(turnover.category_key);
        row.received = row.received.checked_add(Fen(turnover.credit.0.saturating_sub(turnover.debit.0))).map_err(Problem::internal)?;
    }
    for turnover in turnover_of_year(tx, year.street_id, Account::Expenditure, year.year).await? {
        let row = rows.of(turnover.category_key);
        row.spent = row.spent.checked_add(Fen(turnover.debit.0.saturating_sub(turnover.credit.0))).map_err(Problem::internal)?;
    }
    for (category, balance) in carried_over(balances(tx, year.street_id, december.last_day()).await?) {
        rows.of(category).carried_over = balance;
    }
    if !transferred {
        for row in rows.rows.values_mut() {
            row.carried_over = row.carried_over.checked_add(row.received).and_then(|sum| sum.checked_sub(row.spent)).map_err(Problem::internal)?;
        }
    }
    let last_year = NaiveDate::from_ymd_opt(year.year.saturating_sub(1), 12, 31).ok_or_else(|| Problem::internal("no year before"))?;
    let mut old: BTreeMap<Uuid, Fen> = BTreeMap::new();
    for (category, balance) in carried_over(balances(tx, year.street_id, last_year).await?) {
        rows.of(category).carried_in = balance;
        old.insert(category, balance);
    }
    for opened in tx.query::<Opened>(OPENED, vec![year.street_id.into(), year.year.into()]).await? {
        let row = rows.of(opened.category_id);
        row.carried_in = row.carried_in.checked_add(opened.amount).map_err(Problem::internal)?;
    }
    let mut returned: BTreeMap<Uuid, Fen> = BTreeMap::new();
    for turnover in turnover_of_year(tx, year.street_id, Account::CarriedOver, year.year).await? {
        returned.insert(turnover.category_key, turnover.debit);
    }
    let categories = tx.all(tx.select::<category::Entity>().filter(category::Column::Id.is_in(rows.rows.keys().copied()))).await?;
    for row in rows.rows.values_mut() {
        let returns = categories.iter().any(|category| category.id == row.category_id && category.carry_over == "returns");
        let of = |map: &BTreeMap<Uuid, Fen>| map.get(&row.category_id).copied().unwrap_or_default();
        if returns {
            row.to_return = row.carried_over.max(Fen::ZERO);
        } else {
            row.surplus_proposed = unspent_for_two_years(of(&old), of(&returned), row.spent, row.carried_over);
        }
    }
    Ok(rows.rows.into_values().collect())
}

/// Money of the years before that is still there when this one ends (预算法 art. 42: 连续两年未用完): the oldest is spent first.
fn unspent_for_two_years(carried_in: Fen, returned: Fen, spent: Fen, carried_over: Fen) -> Fen {
    Fen(carried_in.0.saturating_sub(returned.0).saturating_sub(spent.0).min(carried_over.0).max(0))
}

/// Final accounts in the making, a row a category.
struct Rows<'a> {
    at: DateTime<Utc>,
    year: &'a fiscal_year::Model,
    rows: BTreeMap<Uuid, final_account::Model>,
}

impl Rows<'_> {
    fn of(&mut self, category_id: Uuid) -> &mut final_account::Model {
        let (year, at) = (self.year, self.at);
        self.rows.entry(category_id).or_insert_with(|| final_account::Model {
            id: new_id(),
            district_id: year.district_id,
            street_id: year.street_id,
            fiscal_year: year.year,
            category_id,
            carried_in: Fen::ZERO,
            budget: Fen::ZERO,
            adjusted: Fen::ZERO,
            received: Fen::ZERO,
            spent: Fen::ZERO,
            carried_over: Fen::ZERO,
            to_return: Fen::ZERO,
            surplus_proposed: Fen::ZERO,
            created_at: at,
        })
    }
}

/// What is not the year's own income or spending: refunds of earlier years, surplus returned.
fn other_changes(row: &final_account::Model) -> Fen {
    Fen(row.carried_over.0.saturating_sub(row.carried_in.0).saturating_sub(row.received.0).saturating_add(row.spent.0))
}

fn figures(row: &final_account::Model) -> [Fen; 9] {
    [row.carried_in, row.budget, row.adjusted, row.received, row.spent, other_changes(row), row.carried_over, row.to_return, row.surplus_proposed]
}

/// Spent of the adjusted budget in percent with two places, half up; empty where there is no budget.
fn rate(spent: Fen, adjusted: Fen) -> String {
    let hundredths = i128::from(spent.0).saturating_mul(20_000).saturating_add(i128::from(adjusted.0)).checked_div(i128::from(adjusted.0).saturating_mul(2));
    hundredths.filter(|rate| *rate >= 0).map_or_else(String::new, |rate| format!("{}.{:02}%", rate / 100, rate % 100))
}

fn cells(figures: [Fen; 9]) -> String {
    let [carried_in, budget, adjusted, received, spent, others @ ..] = figures;
    let amount = |figure: Fen| format!("<td class=\"amount\">{figure}</td>");
    let first = [carried_in, budget, adjusted, received, spent].map(amount).concat();
    format!("{first}<td class=\"amount\">{}</td>{}", rate(spent, adjusted), others.map(amount).concat())
}

/// The donation fund in the year: at its beginning, received, used, at its end.
async fn donations(tx: &Tx, year: &fiscal_year::Model, december: Month) -> Result<[Fen; 4], Problem> {
    let net = |turnovers: Vec<crate::funds::ledger::Turnover>, debit: bool| {
        Fen::checked_sum(turnovers.into_iter().map(|one| Fen(if debit { one.debit.0.saturating_sub(one.credit.0) } else { one.credit.0.saturating_sub(one.debit.0) }))).map_err(Problem::internal)
    };
    let received = net(turnover_of_year(tx, year.street_id, Account::DonationIncome, year.year).await?, false)?;
    let used = net(turnover_of_year(tx, year.street_id, Account::DonationExpenditure, year.year).await?, true)?;
    let fund = balances(tx, year.street_id, december.last_day()).await?.into_iter().filter(|row| row.account == Account::DonationFund.code());
    let left = Fen::checked_sum(fund.map(|row| row.balance)).map_err(Problem::internal)?;
    let began = left.checked_sub(received).and_then(|sum| sum.checked_add(used)).map_err(Problem::internal)?;
    Ok([began, received, used, left])
}

/// The print view of the final accounts (A4); of an open year the figures as they stand.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn page(tx: &Tx, at: DateTime<Utc>, year: &fiscal_year::Model) -> Result<String, Problem> {
    let december = Month::new(year.year, 12).ok_or_else(|| Problem::internal("no December"))?;
    let closed = year.state == "closed";
    let rows = if closed {
        tx.all(tx.select::<final_account::Entity>().filter(final_account::Column::StreetId.eq(year.street_id)).filter(final_account::Column::FiscalYear.eq(year.year))).await?
    } else {
        compute(tx, at, year, december, false).await?
    };
    let mut categories = tx.all(tx.select::<category::Entity>().filter(category::Column::Id.is_in(rows.iter().map(|row| row.category_id)))).await?;
    categories.sort_by(|one, two| one.code.cmp(&two.code));
    let street = street_names(tx, [year.street_id]).await?.remove(&year.street_id).unwrap_or_default();
    let (mut body, mut sums) = (String::new(), [Fen::ZERO; 9]);
    for category in &categories {
        for row in rows.iter().filter(|row| row.category_id == category.id) {
            let _ = write!(body, "<tr><td>{}</td><td>{}</td>{}</tr>", escape(&category.code), escape(&category.name), cells(figures(row)));
            for (sum, figure) in sums.iter_mut().zip(figures(row)) {
                *sum = sum.checked_add(figure).map_err(Problem::internal)?;
            }
        }
    }
    let fund = donations(tx, year, december).await?.map(|figure| format!("<td class=\"amount\">{figure}</td>")).concat();
    let note = if closed { "" } else { "本年度尚未结账，以下为截至目前的数字，决算数以结账后为准。" };
    let signed = tx.one(tx.select::<ledger_checkpoint::Entity>().filter(ledger_checkpoint::Column::StreetId.eq(year.street_id)).order_by_desc(ledger_checkpoint::Column::Seq)).await?;
    let head = signed.map_or_else(String::new, |point| format!("账簿校验点 {} · 第 {} 张凭证 · {}", point.business_date, point.seq, point.head_hash));
    Ok(format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{0}{1}年度决算表</title><style>{STYLE}@page{{size:A4 landscape}}</style></head><body><h1>决算表</h1>\
         <div class=\"head\"><span>单位：{0}</span><span>年度：{1}</span><span>单位：元</span></div><p>{note}</p>\
         <table><thead><tr><th>编码</th><th>经费类别</th><th>年初结转</th><th>年初预算</th><th>调整后预算</th><th>到位</th><th>支出</th><th>执行率</th><th>其他增减</th><th>年末结转</th><th>其中：应上缴</th><th>其中：拟作结余</th></tr></thead>\
         <tbody>{body}</tbody><tfoot><tr><th colspan=\"2\">合计</th>{2}</tr></tfoot></table>\
         <table><thead><tr><th>红色基金</th><th>年初结余</th><th>收到捐赠</th><th>使用</th><th>年末结余</th></tr></thead><tbody><tr><td>限定性捐赠</td>{fund}</tr></tbody></table>\
         <div class=\"foot\"><span>单位负责人：</span><span>会计：</span><span>日期：</span></div><p class=\"small\">{head}</p></body></html>",
        escape(&street),
        year.year,
        cells(sums)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_carried_in_and_neither_spent_nor_returned_has_lain_for_two_years() {
        let unspent = |carried_in, returned, spent, over| unspent_for_two_years(Fen(carried_in), Fen(returned), Fen(spent), Fen(over)).0;
        assert_eq!(unspent(100, 0, 30, 170), 70, "the oldest is spent first");
        assert_eq!(unspent(100, 0, 130, 70), 0);
        assert_eq!(unspent(100, 60, 0, 140), 40);
        assert_eq!(unspent(-10, 0, 0, 90), 0);
        assert_eq!(unspent(100, 0, 0, 20), 20, "no more than is left");
    }

    #[test]
    fn the_rate_is_of_the_adjusted_budget() {
        assert_eq!([rate(Fen(50), Fen(200)), rate(Fen(1), Fen(3)), rate(Fen(2), Fen(3)), rate(Fen(0), Fen(0))], ["25.00%", "33.33%", "66.67%", ""]);
    }
}
