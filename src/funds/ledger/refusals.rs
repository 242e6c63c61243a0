//! What the ledger refuses.

use chrono::NaiveDate;

use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 422: a posting after today.
#[must_use]
pub fn date_in_future(date: NaiveDate, today: NaiveDate) -> Problem {
    Problem::new(422, "date_in_future", "日期晚于今天", "The date lies in the future")
        .detail(format!("日期 {date} 晚于业务日期 {today}。请用今天或更早的日期。"), format!("{date} is after the business date {today}. Use today or an earlier day."))
        .field("/date", "date_in_future", "不得晚于今天", "must not be after today")
}

/// 422: a posting into another year, or of a kind that is dated today.
#[must_use]
pub fn date_not_in_year(date: NaiveDate, today: NaiveDate) -> Problem {
    Problem::new(422, "date_not_in_year", "日期不在可记账的年度", "The date is not one that this posting takes")
        .detail(
            format!("日期 {date} 不可用：今天是 {today}，上一年度自 1 月 1 日起只接受年终业务。请用本年度的日期。"),
            format!("{date} cannot be used: today is {today}, and from 1 January the last year takes only what belongs to its end. Use a date of this year."),
        )
        .field("/date", "date_not_in_year", "须为本年度的日期", "must be a date of this year")
}

/// 422: more than one document may hold.
#[must_use]
pub fn amount_too_large(amount: Fen) -> Problem {
    Problem::new(422, "amount_too_large", "金额过大", "The amount is too large")
        .detail(format!("单据金额 {amount} 超过上限 {}。", Fen::DOCUMENT_MAX), format!("A document may hold at most {}, not {amount}.", Fen::DOCUMENT_MAX))
}

/// 409: the year is not there or no longer open.
#[must_use]
pub fn fiscal_year_not_open(year: i32) -> Problem {
    Problem::new(409, "fiscal_year_not_open", "会计年度未开启", "The fiscal year is not open")
        .detail(format!("{year} 年度尚未开启或已结账。请由会计先开启年度。"), format!("The year {year} has not been opened or is closed. The accountant must open it first."))
}

/// 409: the year exists.
#[must_use]
pub fn fiscal_year_exists(year: i32) -> Problem {
    Problem::new(409, "fiscal_year_exists", "会计年度已存在", "The fiscal year exists").detail(format!("{year} 年度已经开启过。"), format!("The year {year} has been opened before."))
}

/// 409: more would be spent than was received.
#[must_use]
pub fn funds_not_received(asked: Fen) -> Problem {
    Problem::new(409, "funds_not_received", "资金尚未到位", "Funds have not been received").detail(
        format!("支出 {asked} 后将超过本年度结转与到位资金之和（量入为出）。请先登记到位资金。"),
        format!("Spending {asked} would exceed what was carried in and received this year. Record the receipt first."),
    )
}

/// 409: money on hand would fall below 0.
#[must_use]
pub fn fund_short(account: &str, balance: Fen) -> Problem {
    Problem::new(409, "fund_short", "账户余额不足", "Not enough money on hand")
        .detail(format!("科目 {account} 的余额将变为 {balance}，不得低于 0.00。"), format!("The balance of account {account} would become {balance}; it must not fall below 0.00."))
}

/// 409: the month or year is closed.
#[must_use]
pub fn period_closed(month: &str) -> Problem {
    Problem::new(409, "period_closed", "会计期间已结账", "The period is closed")
        .detail(format!("{month} 已结账，不能再记账。请改用未结账的日期。"), format!("{month} is closed and takes no posting. Use a date in an open period."))
}

/// 409: opening balances come before everything else.
#[must_use]
pub fn opening_not_first() -> Problem {
    Problem::new(409, "opening_not_first", "已有凭证，不能再录入期初余额", "Opening balances come first")
        .detail("期初余额须在本街道第一张凭证之前录入，且只能录入一次。", "Opening balances are recorded once, before the street's first voucher.")
}

/// 409: more tax would be paid over than was withheld.
#[must_use]
pub fn tax_not_withheld(withheld: Fen) -> Problem {
    Problem::new(409, "tax_not_withheld", "超过代扣税款余额", "More than was withheld")
        .detail(format!("代扣个人所得税余额为 {withheld}，缴纳金额不能超过它。"), format!("The tax withheld is {withheld}; no more than that can be paid over."))
        .field("/amount", "tax_not_withheld", "超过代扣余额", "exceeds what was withheld")
}

/// 422: a posting would be of no amount.
#[must_use]
pub fn amount_not_positive(pointer: &str) -> Problem {
    Problem::new(422, "amount_not_positive", "金额须大于零", "The amount must be above zero").detail("请填写大于 0.00 的金额。", "Give an amount above 0.00.").field(
        pointer,
        "amount_not_positive",
        "须大于 0.00",
        "must be above 0.00",
    )
}
