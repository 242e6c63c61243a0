//! What closing refuses.

use chrono::NaiveDate;

use crate::funds::bank::Gap;
use crate::funds::ledger::Account;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;

/// 409: an earlier month is open.
#[must_use]
pub fn earlier_month_open(month: &str) -> Problem {
    Problem::new(409, "earlier_month_open", "前面的月份尚未结账", "An earlier month is open")
        .detail(format!("请先结 {month}，月份须依次结账。"), format!("Close {month} first: months close in order."))
}

/// 409: the month or year has not ended.
#[must_use]
pub fn period_not_over(end: NaiveDate) -> Problem {
    Problem::new(409, "period_not_over", "会计期间尚未结束", "The period is not over")
        .detail(format!("该期间于 {end} 结束，之后才能结账。"), format!("The period ends on {end} and can be closed after it."))
}

/// 409: December closes with the year.
#[must_use]
pub fn december_closes_with_year() -> Problem {
    Problem::new(409, "december_closes_with_year", "12 月随年度结账", "December closes with the year").detail("请办理年度结账，12 月随之结账。", "Close the fiscal year; December closes with it.")
}

/// 409: the next year must be opened first, to take what is carried over.
#[must_use]
pub fn next_year_not_open(year: i32) -> Problem {
    Problem::new(409, "next_year_not_open", "下一年度尚未开启", "The next year is not open")
        .detail(format!("请先开启 {year} 年度，以接转结余。"), format!("Open {year} first: it takes what is carried over."))
}

/// 409: money lies reserved.
#[must_use]
pub fn reservations_open(amount: Fen) -> Problem {
    Problem::new(409, "reservations_open", "尚有未了结的占用", "Something is still reserved")
        .detail(format!("预算线上尚有占用 {amount}，请先办结或退回。"), format!("{amount} is still reserved on budget lines; finish or return those documents first."))
}

/// 409: claims of the year are under way.
#[must_use]
pub fn claims_open(count: i64) -> Problem {
    Problem::new(409, "claims_open", "尚有未办结的报销单", "Claims are under way").detail(
        format!("本年度还有 {count} 张报销单在提交与支付之间。请先支付、退回或驳回。"),
        format!("{count} claims of the year lie between submission and payment. Pay, return or reject them first."),
    )
}

/// 409: applications of the year are under way or hold money.
#[must_use]
pub fn commitments_open(count: i64) -> Problem {
    Problem::new(409, "commitments_open", "尚有未办结的事前申请", "Applications are under way").detail(
        format!("本年度还有 {count} 份事前申请未办结。请先办结、退回或驳回；每年 1 月 1 日起由作业 commitments.expire 自动失效。"),
        format!("{count} applications of the year are submitted or approved. Close, return or reject them first; from 1 January on the job commitments.expire ends them."),
    )
}

/// 409: payout runs of the year are neither posted nor cancelled.
#[must_use]
pub fn runs_open(count: i64) -> Problem {
    Problem::new(409, "runs_open", "尚有未过账的发放批次", "Payout runs are under way")
        .detail(format!("本年度还有 {count} 个发放批次未过账或取消。"), format!("{count} payout runs of the year are neither posted nor cancelled."))
}

/// 409: a bank account is not reconciled up to the month's end.
#[must_use]
pub fn reconciliation_missing(month: Month, gaps: &[(Account, Gap)]) -> Problem {
    let words = |(account, gap): &(Account, Gap)| {
        let (code, zh, en, _) = account.facts();
        match gap {
            Gap::NoStatement => (format!("{code} {zh}缺少涵盖 {} 的对账单", month.last_day()), format!("{code} {en} has no statement that covers {}", month.last_day())),
            Gap::NotMatched => (format!("{code} {zh}有对账单尚未核对"), format!("{code} {en} has a statement that was not matched")),
            Gap::Difference(amount) => (format!("{code} {zh}调节后余额相差 {amount}"), format!("{code} {en} differs by {amount} after adjusting")),
        }
    };
    let (zh, en): (Vec<String>, Vec<String>) = gaps.iter().map(words).unzip();
    Problem::new(409, "reconciliation_missing", "银行账户尚未对账", "Bank accounts are not reconciled").detail(
        format!("{month} 结账前须编制银行存款余额调节表：{}。请导入对账单并核对，或在 reason 中写明理由并由结账人负责。", zh.join("；")),
        format!("Before {month} closes its bank accounts must be reconciled: {}. Import the statements and match them, or give a reason, for which whoever closes answers.", en.join("; ")),
    )
}

/// 409: no quota lapses.
#[must_use]
pub fn no_quota_unused() -> Problem {
    Problem::new(409, "no_quota_unused", "没有可注销的额度", "No quota lapses")
        .detail("没有未用的额度，或未用部分仍为已过账的补贴和未办结的批次所需。", "There is no unused quota, or posted stipends and open batches still need it.")
}
