//! The detailed ledger 明细账 of an account: its opening balance, each entry with the balance after it, what each month moved (本月合计) and the year so far (本年累计).

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Account, voucher_name};
use super::print::STYLE;
use crate::funds::spending::category;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_names;
use crate::platform::db::{Sql, Tx};
use crate::platform::http::escape;

/// What a row of the detailed ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DetailKind {
    /// 期初余额.
    Opening,
    /// A line of a voucher.
    Entry,
    /// 本月合计.
    MonthTotal,
    /// 本年累计.
    YearTotal,
}

/// A row of the detailed ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DetailRow {
    /// What it is.
    pub kind: DetailKind,
    /// The month.
    pub month: Month,
    /// The voucher's date.
    pub date: Option<NaiveDate>,
    /// The voucher.
    pub voucher_id: Option<Uuid>,
    /// Its name: month and number.
    pub voucher: Option<String>,
    /// 摘要.
    pub summary: String,
    /// The category.
    pub category: Option<String>,
    /// The community.
    pub community: Option<String>,
    /// Debit; of totals their sum.
    pub debit: Fen,
    /// Credit; of totals their sum.
    pub credit: Fen,
    /// 借, 贷 or 平: on which side the balance stands.
    pub side: &'static str,
    /// The balance after the row, without a sign.
    pub balance: Fen,
    /// Its place, for the cursor.
    #[serde(skip)]
    pub place: String,
}

/// Which entries are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The street.
    pub street: Uuid,
    /// The account.
    pub account: Account,
    /// The first month.
    pub from: Month,
    /// The last month, of the same year.
    pub to: Month,
    /// Only this category.
    pub category: Option<Uuid>,
    /// Only this community.
    pub community: Option<Uuid>,
}

#[derive(FromQueryResult)]
struct Turned {
    month: Month,
    debit: Fen,
    credit: Fen,
}

#[derive(Clone, Debug, FromQueryResult)]
struct Line {
    voucher_id: Uuid,
    month: Month,
    number: i32,
    line_number: i32,
    date: NaiveDate,
    summary: String,
    category_id: Option<Uuid>,
    community_id: Option<Uuid>,
    debit: Fen,
    credit: Fen,
}

/// A nil id asks for every category or community.
const TURNOVERS: Sql = Sql::both(
    "SELECT month, CAST(SUM(debit) AS bigint) AS debit, CAST(SUM(credit) AS bigint) AS credit FROM ledger_turnovers WHERE street_id = $1 AND account = $2 AND month < $3 \
     AND ($4 = $6 OR category_key = $4) AND ($5 = $6 OR community_key = $5) GROUP BY month ORDER BY month",
);
const LINES: Sql = Sql::both(
    "SELECT l.voucher_id, v.month, v.number, l.line_number, v.date, v.summary, l.category_id, l.community_id, l.debit, l.credit \
     FROM vouchers v JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id \
     WHERE v.street_id = $1 AND l.account = $2 AND v.month BETWEEN $3 AND $4 AND ($5 = $7 OR l.category_id = $5) AND ($6 = $7 OR l.community_id = $6) ORDER BY v.month, v.number, l.line_number",
);

/// Debit minus credit so far, and the sums of a month and of the year.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    net: Fen,
    month: (Fen, Fen),
    year: (Fen, Fen),
}

impl Running {
    fn add(&mut self, debit: Fen, credit: Fen) -> Result<(), Problem> {
        self.net = self.net.checked_add(debit).and_then(|net| net.checked_sub(credit)).map_err(Problem::internal)?;
        for sums in [&mut self.month, &mut self.year] {
            *sums = (sums.0.checked_add(debit).map_err(Problem::internal)?, sums.1.checked_add(credit).map_err(Problem::internal)?);
        }
        Ok(())
    }

    const fn side(&self) -> (&'static str, Fen) {
        match self.net.0 {
            0 => ("平", Fen::ZERO),
            1.. => ("借", self.net),
            _ => ("贷", Fen(self.net.0.saturating_neg())),
        }
    }
}

/// The rows, in the order of months and voucher numbers.
///
/// # Errors
/// 500 where the database fails.
pub async fn rows(tx: &Tx, asked: Asked) -> Result<Vec<DetailRow>, Problem> {
    let nil = Uuid::nil();
    let (category, community) = (asked.category.unwrap_or(nil), asked.community.unwrap_or(nil));
    let (street, account) = (asked.street, asked.account.code());
    let before = tx.query::<Turned>(TURNOVERS, vec![street.into(), account.into(), asked.from.into(), category.into(), community.into(), nil.into()]).await?;
    let lines = tx.query::<Line>(LINES, vec![street.into(), account.into(), asked.from.into(), asked.to.into(), category.into(), community.into(), nil.into()]).await?;
    let categories = tx.all(tx.select::<category::Entity>().filter(category::Column::Id.is_in(lines.iter().filter_map(|line| line.category_id)))).await?;
    let mut names: BTreeMap<Uuid, String> = categories.into_iter().map(|category| (category.id, category.name)).collect();
    names.extend(street_names(tx, lines.iter().filter_map(|line| line.community_id)).await?);
    let mut running = Running::default();
    for turned in &before {
        running.add(turned.debit, turned.credit)?;
        if turned.month.year() != asked.from.year() {
            running.year = (Fen::ZERO, Fen::ZERO);
        }
    }
    build(asked, running, &lines, &names)
}

fn build(asked: Asked, mut running: Running, lines: &[Line], names: &BTreeMap<Uuid, String>) -> Result<Vec<DetailRow>, Problem> {
    let opening = if asked.from.number() == 1 { "上年结转" } else { "期初余额" };
    let mut rows = vec![total(DetailKind::Opening, asked.from, opening, &running, (Fen::ZERO, Fen::ZERO))];
    let mut lines = lines.iter().peekable();
    let mut month = asked.from;
    while month <= asked.to {
        running.month = (Fen::ZERO, Fen::ZERO);
        let mut moved = false;
        while let Some(line) = lines.next_if(|line| line.month == month) {
            moved = true;
            running.add(line.debit, line.credit)?;
            rows.push(entry(line, &running, names));
        }
        // A month without a movement has no totals.
        if moved {
            rows.push(total(DetailKind::MonthTotal, month, "本月合计", &running, running.month));
            rows.push(total(DetailKind::YearTotal, month, "本年累计", &running, running.year));
        }
        month = month.next();
    }
    Ok(rows)
}

fn total(kind: DetailKind, month: Month, summary: &str, running: &Running, (debit, credit): (Fen, Fen)) -> DetailRow {
    let (side, balance) = running.side();
    let rank = match kind {
        DetailKind::Opening => 0,
        DetailKind::Entry => 1,
        DetailKind::MonthTotal => 2,
        DetailKind::YearTotal => 3,
    };
    let place = format!("{month}|{rank}");
    DetailRow { kind, month, date: None, voucher_id: None, voucher: None, summary: summary.to_owned(), category: None, community: None, debit, credit, side, balance, place }
}

fn entry(line: &Line, running: &Running, names: &BTreeMap<Uuid, String>) -> DetailRow {
    let (side, balance) = running.side();
    let name = |id: Option<Uuid>| id.and_then(|id| names.get(&id).cloned());
    DetailRow {
        kind: DetailKind::Entry,
        month: line.month,
        date: Some(line.date),
        voucher_id: Some(line.voucher_id),
        voucher: Some(voucher_name(line.month, line.number)),
        summary: line.summary.clone(),
        category: name(line.category_id),
        community: name(line.community_id),
        debit: line.debit,
        credit: line.credit,
        side,
        balance,
        place: format!("{}|1|{:010}|{:06}", line.month, line.number, line.line_number),
    }
}

/// The print view (A4).
///
/// # Errors
/// 500 where the database fails.
pub async fn page(tx: &Tx, asked: Asked) -> Result<String, Problem> {
    let all = rows(tx, asked).await?;
    let street = street_names(tx, [asked.street]).await?.remove(&asked.street).unwrap_or_default();
    let (code, name, ..) = asked.account.facts();
    let mut scope = String::new();
    if let Some(category) = asked.category {
        let found = tx.maybe_load::<category::Entity>(category).await?;
        let _ = write!(scope, " · {}", escape(&found.map_or_else(String::new, |category| category.name)));
    }
    if let Some(community) = asked.community {
        let _ = write!(scope, " · {}", escape(&street_names(tx, [community]).await?.remove(&community).unwrap_or_default()));
    }
    let amount = |amount: Fen| {
        let red = if amount.is_negative() { " red" } else { "" };
        if amount.is_zero() { "<td class=\"amount\"></td>".to_owned() } else { format!("<td class=\"amount{red}\">{amount}</td>") }
    };
    let mut body = String::new();
    for row in &all {
        let dimensions = [&row.category, &row.community].into_iter().flatten().map(|name| format!(" · {}", escape(name))).collect::<String>();
        let bold = if row.kind == DetailKind::Entry { "" } else { " style=\"font-weight:bold\"" };
        let _ = write!(
            body,
            "<tr{bold}><td>{}</td><td>{}</td><td>{}{dimensions}</td>{}{}<td>{}</td><td class=\"amount\">{}</td></tr>",
            row.date.map_or_else(|| row.month.to_string(), |date| date.to_string()),
            row.voucher.as_deref().unwrap_or_default(),
            escape(&row.summary),
            amount(row.debit),
            amount(row.credit),
            row.side,
            row.balance
        );
    }
    Ok(format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{0}明细账 {code} {name}</title><style>{STYLE}</style></head><body><h1>明细账</h1>\
         <div class=\"head\"><span>单位：{0}</span><span>科目：{code} {name}{scope}</span><span>期间：{1} 至 {2}</span><span>单位：元</span></div>\
         <table><thead><tr><th>日期</th><th>凭证号</th><th>摘要</th><th>借方</th><th>贷方</th><th>方向</th><th>余额</th></tr></thead><tbody>{body}</tbody></table></body></html>",
        escape(&street),
        asked.from,
        asked.to,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(month: Month, number: i32, debit: i64, credit: i64) -> Line {
        Line {
            voucher_id: Uuid::from_u128(1),
            month,
            number,
            line_number: 1,
            date: month.first_day(),
            summary: "支付报销".to_owned(),
            category_id: None,
            community_id: None,
            debit: Fen(debit),
            credit: Fen(credit),
        }
    }

    fn asked(from: u32, to: u32) -> Asked {
        Asked { street: Uuid::from_u128(1), account: Account::FundOnHand, from: Month::new(2017, from).unwrap(), to: Month::new(2017, to).unwrap(), category: None, community: None }
    }

    #[test]
    fn each_entry_has_its_balance_and_each_month_that_moved_its_totals() {
        let (february, march) = (Month::new(2017, 2).unwrap(), Month::new(2017, 3).unwrap());
        let before = Running { net: Fen(500), month: (Fen::ZERO, Fen::ZERO), year: (Fen(700), Fen(200)) };
        let rows = build(asked(2, 4), before, &[line(february, 1, 0, 600), line(february, 2, 0, 100), line(march, 1, 300, 0)], &BTreeMap::new()).unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.summary.as_str(), row.debit.0, row.credit.0, row.side, row.balance.0)).collect();
        let expected = [
            ("期初余额", 0, 0, "借", 500),
            ("支付报销", 0, 600, "贷", 100),
            ("支付报销", 0, 100, "贷", 200),
            ("本月合计", 0, 700, "贷", 200),
            ("本年累计", 700, 900, "贷", 200),
            ("支付报销", 300, 0, "借", 100),
            ("本月合计", 300, 0, "借", 100),
            ("本年累计", 1000, 900, "借", 100),
        ];
        assert_eq!(told, expected);
        assert!(rows.windows(2).all(|pair| pair[0].place < pair[1].place), "the cursor's places rise");
    }

    proptest! {
        #[test]
        fn the_last_balance_is_the_opening_and_everything_since(opening in -1000_i64..1000, moves in proptest::collection::vec((0_i64..1000, 0_i64..1000), 0..20)) {
            let month = Month::new(2017, 5).unwrap();
            let lines: Vec<Line> = (1..).zip(&moves).map(|(number, (debit, credit))| line(month, number, *debit, *credit)).collect();
            let rows = build(asked(5, 5), Running { net: Fen(opening), ..Running::default() }, &lines, &BTreeMap::new()).unwrap();
            let sum = moves.iter().fold(opening, |sum, (debit, credit)| sum + debit - credit);
            let last = rows.last().unwrap();
            prop_assert_eq!(last.balance.0 * if last.side == "贷" { -1 } else { 1 }, sum);
        }
    }
}
