//! What the ledger refuses.

use chrono::NaiveDate;

use super::account_map::Half;
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

/// 409: a street's years are opened one after the other: months close in order, so that an earlier one or a gap could never be closed.
#[must_use]
pub fn not_the_next_year(asked: i32, next: i32) -> Problem {
    Problem::new(409, "not_the_next_year", "年度须依次开启", "Years are opened one after the other")
        .detail(format!("不能开启 {asked} 年度：该街道下一个可开启的年度是 {next}。"), format!("{asked} cannot be opened: the street's next year is {next}."))
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

/// 409: the document of a receipt, a return or a payment was recorded.
#[must_use]
pub fn document_recorded(number: &str) -> Problem {
    Problem::new(409, "document_recorded", "该文号已登记", "The document has been recorded")
        .detail(format!("文号“{number}”本年度已登记过，请核对以免重复入账。"), format!("The document “{number}” has been recorded this year; check that it is not booked twice."))
}

/// 409: opening balances wait or are booked.
#[must_use]
pub fn opening_recorded() -> Problem {
    Problem::new(409, "opening_recorded", "期初余额已登记", "The opening balances have been recorded").detail(
        "该街道已有待审批或已入账的期初余额。登记有误且未审批的，请由审批人驳回后重新登记。",
        "The street has opening balances that wait for approval or are booked. Where they are wrong and not approved, who approves rejects them, and they are recorded anew.",
    )
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

/// 409: the year has its map.
#[must_use]
pub fn account_map_exists(year: i32) -> Problem {
    Problem::new(409, "account_map_exists", "该年度起的科目对照已存在", "There is a map from this year on")
        .detail(format!("自 {year} 年起的科目对照已存在。请修改它（PATCH），或另设生效年度。"), format!("A map is effective from {year} already. Change it (PATCH), or give another year."))
        .field("/effective_year", "account_map_exists", "已存在", "exists")
}

/// What an account map does not name: the account, its name, the category by code and name, and the half of bookkeeping.
pub type Gap = (String, &'static str, Option<(String, String)>, Half);

/// 422: the map does not name everything that is to be exported.
#[must_use]
pub fn account_map_gaps(year: i32, gaps: &[Gap]) -> Problem {
    let problem = Problem::new(422, "account_map_gaps", "科目对照有缺口", "The account map has gaps").detail(
        format!("{year} 年度有 {} 处科目没有对应，未导出任何内容。请按 errors 逐项补充科目对照（account-maps）后再导出。", gaps.len()),
        format!("{} accounts of {year} have no counterpart, so nothing was exported. Add each entry of errors to the account map (account-maps), then export again.", gaps.len()),
    );
    gaps.iter().fold(problem, |problem, (account, name, category, half)| {
        let (side, side_zh) = half.names();
        let code = category.as_ref().map_or("-", |(code, _)| code.as_str());
        let of = category.as_ref().map(|(_, name)| name.as_str()).unwrap_or_default();
        problem.field(
            &format!("/account_map/{account}/{}/{side}", code.replace('~', "~0").replace('/', "~1")),
            "account_map_gap",
            format!("科目 {account} {name} {of} 没有对应的{side_zh}科目"),
            format!("account {account} of category {code} has no account of {side} accounting"),
        )
    })
}

/// 422: there is no voucher in these months.
#[must_use]
pub fn nothing_to_export(from: &str, to: &str) -> Problem {
    Problem::new(422, "nothing_to_export", "没有可导出的凭证", "There is nothing to export")
        .detail(format!("{from} 至 {to} 没有凭证。请核对街道、年度和月份。"), format!("There is no voucher from {from} to {to}. Check street, year and months."))
}

/// 409: vouchers were exported before.
#[must_use]
pub fn already_exported(already: i64, all: i64) -> Problem {
    Problem::new(409, "already_exported", "凭证已导出过", "Vouchers were exported before")
        .detail(
            format!("所选 {all} 张凭证中有 {already} 张已导出过，重复导入会使账目翻倍。确需再次导出的，请以 again: true 并说明理由（reason）。"),
            format!("{already} of the {all} vouchers were exported before; importing them twice would double the books. Where it must be, send again: true with a reason."),
        )
        .field("/again", "already_exported", format!("已导出过 {already} 张"), format!("{already} vouchers were exported before"))
}

/// 422: a half of a voucher does not balance under the map. Each is (voucher, half, debit, credit).
#[must_use]
pub fn export_half_unbalanced(unbalanced: &[(String, Half, Fen, Fen)]) -> Problem {
    let problem = Problem::new(422, "export_half_unbalanced", "凭证的一半借贷不平", "A half of a voucher does not balance").detail(
        "按科目对照，下列凭证的预算会计（或财务会计）分录借贷不平，未导出任何内容。请检查 outside_budget：同一笔业务的科目应同在预算内或同在预算外。",
        "Under the account map one half of these vouchers does not balance, so nothing was exported. Check outside_budget: the accounts of one event are all inside the budget or all outside.",
    );
    unbalanced.iter().fold(problem, |problem, (voucher, half, debit, credit)| {
        let (side, side_zh) = half.names();
        let pointer = format!("/vouchers/{voucher}/{side}");
        problem.field(&pointer, "export_half_unbalanced", format!("{voucher} 的{side_zh}分录：借方 {debit}，贷方 {credit}"), format!("{voucher}: {side} debit {debit}, credit {credit}"))
    })
}

/// 422: more lines than one file takes.
#[must_use]
pub fn export_too_large(lines: i64, most: i64) -> Problem {
    Problem::new(422, "export_too_large", "导出内容过多", "Too much for one export")
        .detail(format!("所选月份有 {lines} 条分录，一次最多 {most} 条。请缩小月份范围。"), format!("These months have {lines} lines; one export takes at most {most}. Choose fewer months."))
}
