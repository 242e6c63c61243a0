//! What the claims refuse.

use chrono::NaiveDate;

pub use crate::funds::spending::refusals::{collective_decision_missing, item_forbidden, item_not_allowed};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 422: a line is above its standard, which refuses it.
#[must_use]
pub fn over_standard(pointer: &str, asked: Fen, allowed: Fen) -> Problem {
    Problem::new(422, "over_standard", "超出开支标准", "Above the standard")
        .detail("请按标准列支；errors 中列出各行按数量计算的标准额。", "Keep to the standard; errors says for each line what it allows for its quantity.")
        .field(pointer, "over_standard", format!("{asked} 超出标准额 {allowed}"), format!("{asked} is above the {allowed} that the standard allows"))
}

/// 422: a line is above its standard, which asks for a reason.
#[must_use]
pub fn reason_required(pointer: &str, asked: Fen, allowed: Fen) -> Problem {
    Problem::new(422, "reason_required", "超出开支标准须说明理由", "Above the standard a reason is needed")
        .detail("请在该行 reason 中说明超标理由，或按标准列支。", "Say in the line's reason why it is above the standard, or keep to it.")
        .field(pointer, "reason_required", format!("{asked} 超出标准额 {allowed}，须说明理由"), format!("{asked} is above the {allowed} that the standard allows; say why"))
}

/// 422: work is paid to a person, whose tax is withheld.
#[must_use]
pub fn payee_not_a_person(pointer: &str) -> Problem {
    Problem::new(422, "payee_not_a_person", "劳务报酬只能支付给个人", "Work is paid to a person")
        .detail("讲课费等劳务报酬须支付给个人并代扣个人所得税；请把 payee.kind 改为 person。", "A lecture fee is paid to a person, and its income tax is withheld: make payee.kind a person.")
        .field(pointer, "payee_not_a_person", "收款人须为个人", "the payee must be a person")
}

/// 422: a claim of kind `lecture` pays for lectures only; what else was spent is proved by invoices.
#[must_use]
pub fn not_a_lecture_fee(pointer: &str) -> Problem {
    Problem::new(422, "not_a_lecture_fee", "讲课费报销只能列支讲课费", "A lecture claim pays lecture fees only")
        .detail(
            "讲课费（lecture）类报销只列支付给个人的讲课费；其他费用请另填报销单，并附发票。",
            "A claim of kind lecture pays persons for their work. Claim what else was spent apart, with its invoices.",
        )
        .field(pointer, "not_a_lecture_fee", "不是讲课费等劳务报酬", "pays nobody for work")
}

/// 409: what the payee is paid for work this month asks for more tax than the claim withholds.
#[must_use]
pub fn labour_tax_short(number: &str, needed: Fen, withheld: Fen) -> Problem {
    Problem::new(409, "labour_tax_short", "代扣个人所得税不足", "Too little tax is withheld").detail(
        format!("按该收款人本月劳务报酬合计，报销单 {number} 应代扣 {needed}，只扣了 {withheld}。请退回，由经办重新填写金额后提交。"),
        format!("By the sum of the payee's fees of this month claim {number} has to withhold {needed}; it withholds {withheld}. Return it: its lines are given anew and taxed anew."),
    )
}

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

/// 422: what is paid in cash or by official card stands in no file of transfers.
#[must_use]
pub fn not_by_transfer(pointer: &str, number: &str) -> Problem {
    Problem::new(422, "not_by_transfer", "不是转账支付", "It is not paid by transfer")
        .detail(format!("报销单 {number} 不是转账支付，不能列入支付批次，请单笔支付。"), format!("Claim {number} is not paid by transfer: pay it alone."))
        .field(pointer, "not_by_transfer", "不是转账支付", "is not paid by transfer")
}

/// 422: one file is paid from one account: the bank's or the treasury's quota.
#[must_use]
pub fn mixed_funds(pointer: &str) -> Problem {
    Problem::new(422, "mixed_funds", "资金来源不一", "The claims are paid from different funds")
        .detail("一个批次只能从同一来源（存款或额度）支付，请分开制作。", "A batch is paid from one source, cash or quota: make one for each.")
        .field(pointer, "mixed_funds", "与前面的报销单来源不同", "is paid from another source than those before")
}

/// 422: the bank cannot have paid before it was asked to.
#[must_use]
pub fn value_date_before_batch(row: u32, made_on: NaiveDate) -> Problem {
    Problem::new(422, "value_date_before_batch", "付款日早于批次日期", "The bank paid before the batch was made")
        .detail(format!("第 {row} 行的付款日早于批次日期 {made_on}，请向银行核实结果文件。"), format!("Row {row} was paid before the batch of {made_on} was made: ask the bank about its result."))
        .field(&format!("/rows/{row}/date"), "value_date_before_batch", "早于批次日期", "is before the batch was made")
}

/// 422: the bank's date of a payment lies in its year and not ahead.
#[must_use]
pub fn value_date_out_of_range(year: i32) -> Problem {
    Problem::new(422, "value_date_out_of_range", "付款日不在可用范围内", "The value date is out of range")
        .detail(format!("付款日须在 {year} 年度内且不晚于今天。"), format!("The value date must lie in {year} and not after today."))
        .field("/value_date", "value_date_out_of_range", "须在预算年度内且不晚于今天", "must lie in the year and not after today")
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

/// 409: the unit keeps this payee already.
pub fn payee_exists() -> Problem {
    Problem::new(409, "payee_exists", "收款人已存在", "The payee is kept already")
        .detail("本单位已有同名同账号的收款人，请直接选用（如已停用，请先恢复）。", "The unit keeps a payee of this name and account: choose it, and restore it first where it was retired.")
}

/// 422: a claim names one payee.
pub fn payee_required() -> Problem {
    Problem::new(422, "payee_required", "须指明一个收款人", "Name one payee").detail("请填写 payee 或 payee_id 之一。", "Give one of payee and payee_id.").field(
        "/payee",
        "payee_required",
        "二者取一",
        "one of the two",
    )
}
