//! What the claims refuse.

use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 422: the item is not one that the category pays for.
#[must_use]
pub fn item_not_allowed(pointer: &str) -> Problem {
    Problem::new(422, "item_not_allowed", "该类别不得列支此费用项目", "The category does not pay for this item")
        .detail("请改用该类别允许的费用项目，或改用其他预算线。", "Use an item that the category allows, or another budget line.")
        .field(pointer, "item_not_allowed", "不在允许的费用项目之内", "is not among the items allowed")
}

/// 422: the item is one of those that the category must never pay for.
#[must_use]
pub fn item_forbidden(pointer: &str) -> Problem {
    Problem::new(422, "item_forbidden", "该类别禁止列支此费用项目", "The category forbids this item")
        .detail("该费用项目属于禁止列支的范围（八个严禁）。", "This item is one that the money must never be spent on (the eight bans).")
        .field(pointer, "item_forbidden", "禁止列支", "is forbidden")
}

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

/// 422: the line is of another unit than the claim.
#[must_use]
pub fn line_of_another_unit() -> Problem {
    Problem::new(422, "line_of_another_unit", "预算线不属于该单位", "The line belongs to another unit")
        .detail("社区的报销只能列支本社区的预算线，街道的报销只能列支街道本级的预算线。", "A community's claim charges a line of the community, a street's claim one of the street itself.")
        .field("/budget_line_id", "line_of_another_unit", "属于其他单位", "belongs to another unit")
}

/// 409: the line is not one of an approved budget of this year.
#[must_use]
pub fn line_not_open(year: i32) -> Problem {
    Problem::new(409, "line_not_open", "该预算线不可列支", "The line cannot be charged")
        .detail(format!("预算线属于 {year} 年度，须为本年度已批准的预算。"), format!("The line is of {year}; it must be one of this year's approved budget."))
}

/// 422: the amount needs the minutes of a collective decision.
#[must_use]
pub fn collective_decision_missing(amount: Fen) -> Problem {
    Problem::new(422, "collective_decision_missing", "缺少集体决策记录", "The collective decision is missing")
        .detail(format!("{amount} 超出单人审批限额，须附集体决策会议纪要（三重一大）。"), format!("{amount} is above what one person approves; name the minutes of the collective decision."))
        .field("/decision_reference", "collective_decision_missing", "须填会议纪要文号", "must name the minutes")
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

/// 422: too few different people could take it further.
#[must_use]
pub fn no_eligible_actor(step: &str) -> Problem {
    Problem::new(422, "no_eligible_actor", "没有可办理后续步骤的人员", "Too few people could act next").detail(
        format!("从提交到支付，每一步须由不同的人办理；“{step}”等步骤没有足够的人员。请先由管理员授予并确认相应角色。"),
        format!("From submission to payment each step takes another person; there are too few for “{step}” and the steps beside it. Have an administrator grant and confirm the roles first."),
    )
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
