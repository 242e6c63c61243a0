//! What activities refuse, and what those refuse who name one.

use chrono::NaiveDate;

use crate::kernel::problem::Problem;

/// 409: it is not over yet, so nobody was counted.
#[must_use]
pub fn activity_not_over(last_day: NaiveDate) -> Problem {
    Problem::new(409, "activity_not_over", "活动尚未举行", "The activity is not over")
        .detail(format!("活动于 {last_day} 结束，之后才能登记实到人数和纪要。"), format!("It ends on {last_day}; who came and the minutes are recorded on that day or after it."))
}

/// 409: it was cancelled; nothing is applied for or claimed for it.
#[must_use]
pub fn activity_cancelled(title: &str) -> Problem {
    Problem::new(409, "activity_cancelled", "活动已取消", "The activity is cancelled")
        .detail(format!("活动“{title}”已取消，不能为其申请或报销。"), format!("“{title}” is cancelled: nothing is applied for or claimed for it."))
}

/// 409: money was asked for what it says.
#[must_use]
pub fn activity_fixed(title: &str) -> Problem {
    Problem::new(409, "activity_fixed", "活动内容已固定", "What the activity says is fixed").detail(
        format!("“{title}”已有提交的事前申请或报销单，时间、地点、人数和外出情况不能再改；请先退回或撤回该申请或报销单，或另行登记活动。"),
        format!("An application or a claim was submitted on “{title}”: its days, place, headcounts and trips stay as they are. Have it returned or withdraw it first, or plan another activity."),
    )
}

/// 409: nothing of a closed year changes.
#[must_use]
pub fn year_closed(year: i32) -> Problem {
    Problem::new(409, "year_closed", "该年度已关账", "The year is closed")
        .detail(format!("{year} 年度已关账，不能再登记或更改该年度的活动。"), format!("{year} is closed: no activity is added to it, and none of it changes."))
}

/// 422: it is another unit's.
#[must_use]
pub fn activity_of_another_unit(pointer: &str) -> Problem {
    Problem::new(422, "activity_of_another_unit", "活动不属于该单位", "The activity belongs to another unit")
        .detail("社区的申请和报销只能用于本社区的活动，街道的只能用于街道本级的活动。", "A community's document names an activity of the community, a street's one of the street itself.")
        .field(pointer, "activity_of_another_unit", "属于其他单位", "belongs to another unit")
}

/// 422: the plan item is of another year than the activity, or the claim.
#[must_use]
pub fn plan_item_of_another_year(year: i32) -> Problem {
    Problem::new(422, "plan_item_of_another_year", "计划项目不是该年度的", "The plan item is of another year")
        .detail(format!("该计划项目属于 {year} 年度，活动或报销单须属于该年度。"), format!("The plan item is of {year}; the activity, or the claim, must be of that year."))
        .field("/plan_item_id", "plan_item_of_another_year", format!("属于 {year} 年度"), format!("is of {year}"))
}

/// 409: the district set such a limit from that day already.
#[must_use]
pub fn limit_exists(day: NaiveDate) -> Problem {
    Problem::new(409, "limit_exists", "该日起已有此项限额", "There is such a limit from that day")
        .detail(format!("自 {day} 起已设定同一层级、同一类别的限额，请另选生效日期。"), format!("A limit of this level and trip takes effect on {day} already; choose another day."))
}
