//! The bank's statements of the year, month by month, made from what was paid and received, imported and matched by the accountant: the months close with their reconciliation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::Player;
use super::year::{ACCOUNTANT, text_of};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;

/// What the bank shows as one line.
#[derive(Debug, PartialEq, Eq)]
struct Movement {
    date: NaiveDate,
    reference: String,
    amount: Fen,
}

/// Imports and matches the statements of a year.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn reconcile(player: &Player, fiscal_year: i32) -> Result<(), Problem> {
    let layouts = player.get(ACCOUNTANT, "/statement-layouts?code=csv_utf8").await?;
    let layout = layouts.body.pointer("/data/0/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let vouchers = vouchers(player, fiscal_year).await?;
    for account in ["1002", "1003"] {
        let movements = movements(&vouchers, account)?;
        let Some(first) = movements.first().map(|movement| Month::of(movement.date)) else {
            continue;
        };
        let mut balance = Fen::ZERO;
        let mut month = first;
        while month.year() == fiscal_year {
            let of_month: Vec<&Movement> = movements.iter().filter(|movement| Month::of(movement.date) == month).collect();
            let (text, closing) = statement(balance, &of_month)?;
            let path =
                format!("/bank-statements?account={account}&layout_id={layout}&from_date={}&to_date={}&opening_balance={balance}&closing_balance={closing}", month.first_day(), month.last_day());
            let imported = player.send_step(&format!("statement:{account}:{month}"), ACCOUNTANT, &path, "", "text/csv", text).await?;
            player.step_on(&format!("statement:{account}:{month}:match"), ACCOUNTANT, &format!("/bank-statements/{}/match", imported.id()), "\"v1\"", json!({})).await?;
            (balance, month) = (closing, month.next());
        }
    }
    Ok(())
}

/// Every voucher of the year.
async fn vouchers(player: &Player, fiscal_year: i32) -> Result<Vec<Value>, Problem> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = player.get(ACCOUNTANT, &format!("/ledger/vouchers?fiscal_year={fiscal_year}&sort=seq&limit=200{cursor}")).await?;
        all.extend(page.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default());
        match page.body.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// What the bank shows of an account: a batch is one line, and what was reversed it never paid.
fn movements(vouchers: &[Value], account: &str) -> Result<Vec<Movement>, Problem> {
    let reversed: BTreeSet<String> = vouchers.iter().map(|voucher| text_of(voucher, "reverses_id")).collect();
    let mut lines: BTreeMap<(NaiveDate, String, bool), Fen> = BTreeMap::new();
    for voucher in vouchers.iter().filter(|voucher| text_of(voucher, "kind") != "reversal" && !reversed.contains(&text_of(voucher, "id"))) {
        let date: NaiveDate = text_of(voucher, "date").parse().map_err(Problem::internal)?;
        let reference = text_of(voucher, "bank_reference");
        let name = if reference.is_empty() { text_of(voucher, "name") } else { reference };
        let of_account = voucher.get("lines").and_then(Value::as_array).into_iter().flatten().filter(|line| text_of(line, "account") == account);
        for line in of_account {
            let amount = |side: &str| text_of(line, side).parse::<Fen>().map_err(Problem::internal);
            let moved = amount("debit")?.checked_sub(amount("credit")?).map_err(Problem::internal)?;
            let sum = lines.entry((date, name.clone(), moved.is_positive())).or_default();
            *sum = sum.checked_add(moved).map_err(Problem::internal)?;
        }
    }
    Ok(lines.into_iter().map(|((date, reference, _), amount)| Movement { date, reference, amount }).collect())
}

/// The bank's file, and the balance it ends with.
fn statement(opening: Fen, movements: &[&Movement]) -> Result<(String, Fen), Problem> {
    let mut text = "交易日期,流水号,凭证号,摘要,对方户名,支出,收入,余额\r\n".to_owned();
    let mut balance = opening;
    for movement in movements {
        balance = balance.checked_add(movement.amount).map_err(Problem::internal)?;
        let shown = Fen(movement.amount.0.saturating_abs());
        let (words, sides) = if movement.amount.is_negative() { ("付款", format!("{shown},")) } else { ("收款", format!(",{shown}")) };
        let _ = write!(text, "{},,{},{words},,{sides},{balance}\r\n", movement.date, movement.reference);
    }
    Ok((text, balance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_one_line_and_what_was_reversed_is_none() {
        let voucher = |id: &str, reference: &str, debit: &str, credit: &str, reverses: Value| {
            json!({"id": id, "kind": if reverses.is_null() { "claim_payment" } else { "reversal" }, "date": "2017-02-14", "name": "2017-02-0001", "bank_reference": reference, "reverses_id": reverses,
                "lines": [{"account": "1002", "debit": debit, "credit": credit}, {"account": "5001", "debit": credit, "credit": debit}]})
        };
        let vouchers = [
            voucher("a", "ZF1", "0.00", "10.00", Value::Null),
            voucher("b", "ZF1", "0.00", "5.50", Value::Null),
            voucher("c", "X", "0.00", "7.00", Value::Null),
            voucher("d", "", "0.00", "-7.00", json!("c")),
        ];
        let found = movements(&vouchers, "1002").unwrap();
        assert_eq!(found, [Movement { date: "2017-02-14".parse().unwrap(), reference: "ZF1".to_owned(), amount: Fen(-1_550) }]);
        let (text, closing) = statement(Fen(2_000), &found.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(text.lines().nth(1), Some("2017-02-14,,ZF1,付款,,15.50,,4.50"));
        assert_eq!(closing, Fen(450));
    }
}
