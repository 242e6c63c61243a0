//! What the rules of spending refuse.

use chrono::NaiveDate;

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
        .detail(
            format!("{amount} 超出单人审批限额，须附集体决策会议纪要（三重一大）：请上传纪要（paper_kind 为 decision_minutes）。"),
            format!("{amount} is above what one person approves: attach the minutes of the collective decision (paper_kind decision_minutes)."),
        )
        .field("/papers/decision_minutes", "collective_decision_missing", "须附会议纪要", "the minutes must be attached")
}

/// 409: another of the district has the code or the name.
#[must_use]
pub fn code_taken(code: &str) -> Problem {
    Problem::new(409, "code_taken", "编码或名称已被使用", "The code or name is taken")
        .detail(format!("本区已有编码或名称与“{code}”相同的记录。请换一个。"), format!("The district already has one whose code or name is that of “{code}”. Choose another."))
}

/// 409: it does not begin after the last one, or it would rewrite the past.
#[must_use]
pub fn effective_date_taken(last: NaiveDate, today: NaiveDate) -> Problem {
    Problem::new(409, "effective_date_taken", "生效日期不可用", "It cannot begin on this day")
        .detail(
            format!("上一项自 {last} 起生效，今天是 {today}；新的一项须在其后、且不早于今天生效，以前的历史不改写。"),
            format!("The last one began on {last}, today is {today}: the next begins after it and not before today, so that no history is rewritten."),
        )
        .field("/effective_from", "effective_date_taken", format!("须晚于 {last} 且不早于 {today}"), format!("after {last}, and not before {today}"))
}

/// 409: only what has not begun is changed.
#[must_use]
pub fn standard_in_force(from: NaiveDate) -> Problem {
    Problem::new(409, "standard_in_force", "该标准已生效", "The standard is in force").detail(
        format!("该标准自 {from} 起生效，不能修改；请另设一项自以后生效的标准，旧标准随之终止。"),
        format!("It began on {from} and is not changed; set another that begins later, which ends this one."),
    )
}

/// 409: it has ended already.
#[must_use]
pub fn standard_ended(on: NaiveDate) -> Problem {
    Problem::new(409, "standard_ended", "该标准已终止", "The standard has ended").detail(format!("该标准已于 {on} 终止。"), format!("It ended on {on}."))
}

/// 422: nothing ends in the past.
#[must_use]
pub fn end_in_the_past(today: NaiveDate) -> Problem {
    Problem::new(422, "end_in_the_past", "终止日期已过", "The last day is past")
        .detail(format!("今天是 {today}；终止日期不得早于今天，以免改写历史。"), format!("Today is {today}; the last day is not before it, so that no history is rewritten."))
        .field("/last_day", "end_in_the_past", format!("不得早于 {today}"), format!("not before {today}"))
}
