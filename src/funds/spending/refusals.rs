//! What the rules of spending refuse.

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

/// 422: the amount needs the minutes of a collective decision.
#[must_use]
pub fn collective_decision_missing(amount: Fen) -> Problem {
    Problem::new(422, "collective_decision_missing", "缺少集体决策记录", "The collective decision is missing")
        .detail(format!("{amount} 超出单人审批限额，须附集体决策会议纪要（三重一大）。"), format!("{amount} is above what one person approves; name the minutes of the collective decision."))
        .field("/decision_reference", "collective_decision_missing", "须填会议纪要文号", "must name the minutes")
}
