//! What jobs refuse.

use crate::kernel::problem::Problem;

/// 409: another server has taken the slot over; the effect is rolled back.
pub fn slot_lost(job: &str, scope: &str, period: &str) -> Problem {
    Problem::new(409, "slot_lost", "任务已由另一进程接管", "Another process has taken the slot over").detail(
        format!("任务 {job}（{scope}，{period}）的租约已过期并被接管，本次不作任何更改。"),
        format!("The lease of {job} ({scope}, {period}) ran out and the slot was taken over; nothing was changed here."),
    )
}

/// 422: the text is no period.
pub fn invalid_period(given: &str) -> Problem {
    let (zh, en) = (format!("“{given}”不是期间：年 2017，季 2017Q1，月 2017-03，日 2017-03-20"), format!("“{given}” is not a period: year 2017, quarter 2017Q1, month 2017-03, day 2017-03-20"));
    Problem::new(422, "invalid_period", "期间格式不对", "Not a period").detail(zh.clone(), en.clone()).field("/period", "invalid_period", zh, en)
}
