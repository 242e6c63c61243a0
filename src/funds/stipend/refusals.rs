//! What the stipends refuse.

use chrono::NaiveDate;

use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 422: the category does not pay people (八个严禁: no subsidy to a person out of it).
#[must_use]
pub fn category_pays_no_individuals() -> Problem {
    Problem::new(422, "category_pays_no_individuals", "该类别不得发放给个人", "The category does not pay individuals")
        .detail("补贴方案只能挂在允许发放给个人的经费类别上。", "A stipend scheme needs a category that pays individuals.")
        .field("/category_id", "category_pays_no_individuals", "不得发放给个人", "does not pay individuals")
}

/// 409: one is there already.
#[must_use]
pub fn already_exists(zh: &str, en: &str) -> Problem {
    Problem::new(409, "already_exists", "已存在", "It exists already").detail(format!("{zh}已存在，请核对。"), format!("{en} exists already; check it."))
}

/// 422: the right end is no later than the wrong one, or later than what was confirmed.
#[must_use]
pub fn end_not_confirmed(wrong: NaiveDate, confirmed: Option<NaiveDate>) -> Problem {
    let (zh, en) = confirmed.map_or_else(|| (String::new(), String::new()), |day| (format!("，且不晚于经确认的 {day}"), format!(", and no later than {day}, which was confirmed")));
    Problem::new(422, "end_not_confirmed", "结束日期不在已确认范围内", "The end lies outside of what was confirmed")
        .detail(format!("更正后的结束日期须晚于 {wrong}{zh}；要更长须另行登记并由第二人确认。"), format!("The right end must be later than {wrong}{en}; for longer, enrol anew and have it confirmed."))
        .field("/to_date", "end_not_confirmed", "不在已确认范围内", "lies outside of what was confirmed")
}

/// 409: something was paid under it.
#[must_use]
pub fn enrolment_paid() -> Problem {
    Problem::new(409, "enrolment_paid", "该登记已有发放", "Something was paid under the enrolment")
        .detail("已有发放的登记不能撤销；请终止登记，多发部分由下次发放扣回。", "An enrolment that was paid cannot be withdrawn: end it, and what was paid too much comes back in the next run.")
}

/// 409: another run of the scheme is under way.
#[must_use]
pub fn run_open(period: &str) -> Problem {
    Problem::new(409, "run_open", "该方案有未完成的发放批次", "A run of the scheme is under way")
        .detail(format!("{period} 的发放批次尚未过账或取消。请先办结。"), format!("The run for {period} is neither posted nor cancelled. Finish it first."))
}

/// 422: the period is not one of the scheme's.
#[must_use]
pub fn period_not_of_scheme(period: &str) -> Problem {
    Problem::new(422, "period_not_of_scheme", "期间不属于该方案", "Not a period of the scheme")
        .detail(
            format!("{period} 与方案的发放频率不符，或早于首期、晚于末期，或尚未开始。"),
            format!("{period} has another frequency than the scheme, lies before its first period or after its last, or has not begun."),
        )
        .field("/period", "period_not_of_scheme", "不属于该方案", "is not one of the scheme's")
}

/// 422: the last period is not one of the scheme's.
#[must_use]
pub fn last_period_not_of_scheme(period: &str) -> Problem {
    Problem::new(422, "period_not_of_scheme", "期间不属于该方案", "Not a period of the scheme")
        .detail(format!("{period} 与方案的发放频率不符，或早于首期。"), format!("{period} has another frequency than the scheme, or lies before its first period."))
        .field("/last_period", "period_not_of_scheme", "不属于该方案", "is not one of the scheme's")
}

/// 409: a scheme cannot end before what it has paid.
#[must_use]
pub fn period_has_run(period: &str) -> Problem {
    Problem::new(409, "period_has_run", "之后的期间已有批次", "A later period has a run")
        .detail(format!("{period} 已有未取消的发放批次，方案不能在此之前终止。"), format!("{period} has a run that is not cancelled: the scheme cannot end before it."))
}

/// 409: what is to be posted is not what was approved.
#[must_use]
pub fn run_stale() -> Problem {
    Problem::new(409, "run_stale", "批次内容已变化", "The run has changed since it was approved").detail(
        "名单、标准、账户或税款自审批后有变化，批次已按现在的情况重新计算，请重新审批。",
        "People, rates, accounts or tax have changed since it was approved. The run has been calculated anew: approve it again.",
    )
}

/// 409: no line, or more than one, to charge.
#[must_use]
pub fn no_budget_line() -> Problem {
    Problem::new(409, "no_budget_line", "没有可列支的预算线", "No budget line to charge")
        .detail("该类别在该单位须恰有一条已批准的预算线。", "There must be exactly one approved line of the category for the unit.")
}

/// 409: nothing to post.
#[must_use]
pub fn run_empty() -> Problem {
    Problem::new(409, "run_empty", "批次没有可发放的项目", "The run has nothing to post").detail("没有未挂起的发放项目。", "No item is free to be posted.")
}

/// 409: the standing authorisation does not cover it.
#[must_use]
pub fn authorisation_exceeded(limit: &str) -> Problem {
    Problem::new(409, "authorisation_exceeded", "超出常设授权", "Beyond the standing authorisation")
        .detail(format!("超出常设授权的限额（{limit}），须由分管领导审批。"), format!("The standing authorisation's limit {limit} is exceeded: the leader must approve."))
}

/// 409: there is no standing authorisation in force.
#[must_use]
pub fn no_authorisation() -> Problem {
    Problem::new(409, "no_authorisation", "没有有效的常设授权", "No standing authorisation is in force")
        .detail("该方案本年度没有有效的常设授权，须由人工审批。", "The scheme has none in force this year: people must approve.")
}

/// 409: somebody stopped the run.
#[must_use]
pub fn run_stopped() -> Problem {
    Problem::new(409, "run_stopped", "批次已被叫停", "The run was stopped").detail("批次已被叫停，须由分管领导恢复后才能发放。", "The run was stopped; the leader must resume it before it is paid.")
}

/// 409: who signed the authorisation wrote what it would pay.
#[must_use]
pub fn signer_is_author() -> Problem {
    Problem::new(409, "signer_is_author", "签署人同时是经办人", "The signer is an author")
        .detail("常设授权的签署人是方案或登记的经办人，须由另一位领导审批。", "Who signed the authorisation wrote the scheme or an enrolment: another leader must approve.")
}

/// 409: an earlier period is not paid.
#[must_use]
pub fn earlier_period_open() -> Problem {
    Problem::new(409, "earlier_period_open", "前一期间尚未发放", "An earlier period is not paid").detail("该方案前一期间的发放尚未完成。", "The payout of an earlier period of the scheme is not done.")
}

/// 409: more than is outstanding.
#[must_use]
pub fn recovery_too_large(outstanding: Fen) -> Problem {
    Problem::new(409, "recovery_too_large", "超过应收回金额", "More than is outstanding")
        .detail(format!("该登记目前应收回 {outstanding}，收回或核销不得超过此数。"), format!("{outstanding} is outstanding on the enrolment: take back or write off no more than that."))
        .field("/amount", "recovery_too_large", "超过应收回金额", "is more than is outstanding")
}

/// 409: money comes back that the bank has not paid yet.
#[must_use]
pub fn recovery_not_paid() -> Problem {
    Problem::new(409, "recovery_not_paid", "款项尚未支付", "It has not been paid yet")
        .detail("要收回的款项银行尚未确认支付；请先导入银行结果，或由银行退票。", "The bank has not told the payment yet that is to come back: import its result first, or have it returned.")
}

/// 409: a write-off of the enrolment waits already.
#[must_use]
pub fn recovery_open() -> Problem {
    Problem::new(409, "recovery_open", "已有待批的核销", "A write-off waits already")
        .detail("该登记已有一笔核销待分管领导审批，请先办结。", "A write-off of this enrolment waits for the leader: have it decided first.")
}

/// 409: part of the payment was paid back in cash before the bank returned it.
#[must_use]
pub fn item_recovered() -> Problem {
    Problem::new(409, "item_recovered", "该款项已有收回记录", "Part of it was recovered")
        .detail("该款项已有现金收回，不能再按退票处理，请核对银行回单。", "Money of this payment was paid back in cash, so it cannot have come back from the bank: check the bank's slip.")
}

/// 422: verified later than today.
#[must_use]
pub fn verification_in_future(today: NaiveDate) -> Problem {
    Problem::new(422, "verification_in_future", "核验日期在今天之后", "The verification lies in the future")
        .detail(format!("核验日期不得晚于今天（{today}）。"), format!("It was verified today ({today}) at the latest."))
        .field("/verified_on", "verification_in_future", "晚于今天", "lies after today")
}

/// 422: the proof of study does not move the end.
#[must_use]
pub fn study_not_later(end: NaiveDate) -> Problem {
    Problem::new(422, "study_not_later", "在读期限未延后", "The proof of study moves nothing")
        .detail(format!("登记原定于 {end} 到期，在读期限须晚于该日。"), format!("The enrolment ends on {end} anyway: the proof must reach beyond it."))
        .field("/study_until", "study_not_later", "不晚于原到期日", "is not later than its end")
}
