//! What the claims refuse.

pub use crate::funds::spending::refusals::collective_decision_missing;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 409: papers were asked for and are not there yet.
#[must_use]
pub fn information_requested() -> Problem {
    Problem::new(409, "information_requested", "正在补正", "Papers have been asked for")
        .detail("经办补正（provide-info）之前，不能办理下一步。", "No step is taken until the preparer provides them (provide-info).")
}

/// 409: nobody asked for papers.
#[must_use]
pub fn nothing_requested() -> Problem {
    Problem::new(409, "nothing_requested", "没有待补正的事项", "Nothing has been asked for").detail("该报销单未要求补正。", "No papers have been asked for on this claim.")
}

/// 409: it lies in a payment batch.
#[must_use]
pub fn in_batch(number: &str) -> Problem {
    Problem::new(409, "in_batch", "已列入支付批次", "It lies in a payment batch")
        .detail(format!("该报销单在批次 {number} 中；请先导入银行结果，或由他人作废该批次。"), format!("The claim lies in batch {number}: import the bank's result, or have another person void it."))
}

/// 422: what is paid in a batch needs the payee's account.
#[must_use]
pub fn payee_account_missing(number: &str) -> Problem {
    Problem::new(422, "payee_account_missing", "缺少收款账号", "The payee's account is missing")
        .detail(format!("报销单 {number} 没有收款账号，不能转账支付。"), format!("Claim {number} has no account to transfer to."))
        .field("/payee/account_number", "payee_account_missing", "须填账号", "is needed for a transfer")
}

/// 409: more came back than was paid.
#[must_use]
pub fn refund_too_large(left: Fen) -> Problem {
    Problem::new(409, "refund_too_large", "退款超过已支付金额", "More would come back than was paid")
        .detail(format!("该报销单最多还可退 {left}。"), format!("At most {left} of the claim can still come back."))
        .field("/amount", "refund_too_large", format!("最多 {left}"), format!("at most {left}"))
}

/// 409: what was refunded, or paid in another year, is not reversed.
#[must_use]
pub fn not_reversible() -> Problem {
    Problem::new(409, "not_reversible", "不能冲销", "It cannot be reversed")
        .detail("只有本年度支付、且未退过款的报销单可以整张冲销；否则请登记退款。", "Only a claim paid this year and never refunded is reversed, as a whole; otherwise record a refund.")
}

/// 409: the bank paid it in another year than the line's.
#[must_use]
pub fn paid_in_another_year(year: i32) -> Problem {
    Problem::new(409, "paid_in_another_year", "银行付款日不在预算年度内", "The bank paid it in another year")
        .detail(format!("该报销单列支 {year} 年度预算，付款日须在该年度内。"), format!("The claim charges {year}; its value date must lie in it."))
}

/// 409: urged once a day.
#[must_use]
pub fn urged_today() -> Problem {
    Problem::new(409, "urged_today", "今天已催办过", "It was urged today").detail("每张报销单每天只能催办一次。", "A claim is urged once a day.")
}

/// 422: a claim for an activity names it.
#[must_use]
pub fn activity_missing() -> Problem {
    Problem::new(422, "activity_missing", "未指明活动", "The activity is missing")
        .detail(
            "活动类报销须指明活动（activity_id），以便核对计划、人数与外出限额。请先登记活动。",
            "A claim of kind activity names its activity (activity_id), to be held against plan, headcount and limits. Record the activity first.",
        )
        .field("/activity_id", "activity_missing", "须填活动", "must name the activity")
}
