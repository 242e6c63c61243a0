//! The books leave the house: the street's account map, and the year's vouchers for its accounting software.

use serde_json::{Value, json};

use super::Player;
use super::year::ACCOUNTANT;
use crate::kernel::problem::Problem;

/// Our accounts in the codes of a street office in 2017, before budget bookkeeping beside the financial one (平行记账) began in 2019.
const CODES: [(&str, &str, &str); 11] = [
    ("1002", "1002", "银行存款"),
    ("1003", "100202", "银行存款——红色基金"),
    ("1011", "1011", "零余额账户用款额度"),
    ("2302", "2302", "应付政府补贴款"),
    ("2307", "2101", "应缴税费"),
    ("3001", "3001", "财政拨款结转"),
    ("3101", "3101", "其他资金结转结余"),
    ("4001", "4001", "财政拨款收入"),
    ("4101", "4011", "其他收入"),
    ("5001", "500101", "经费支出——财政拨款支出"),
    ("5101", "500102", "经费支出——其他资金支出"),
];

/// Maps the accounts and exports the closed year.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn export(player: &Player, fiscal_year: i32) -> Result<(), Problem> {
    let entries: Vec<Value> = CODES.iter().map(|(account, code, name)| json!({"account": account, "financial": {"code": code, "name": name}})).collect();
    player.step("account-map", ACCOUNTANT, "/account-maps", json!({"effective_year": fiscal_year, "entries": entries})).await?;
    player.step("export", ACCOUNTANT, "/voucher-exports", json!({"fiscal_year": fiscal_year, "format": "u8_text"})).await?;
    Ok(())
}
