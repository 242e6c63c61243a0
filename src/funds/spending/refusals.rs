//! What the rules of spending refuse.

use chrono::NaiveDate;

use crate::kernel::problem::Problem;

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
