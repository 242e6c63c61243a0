//! What applications beforehand refuse, and what those refuse who claim under one.

use chrono::NaiveDate;

use crate::kernel::problem::Problem;

/// 422: the last day lies in another year than the line, or is over.
#[must_use]
pub fn valid_until_out_of_range(from: NaiveDate, to: NaiveDate) -> Problem {
    Problem::new(422, "valid_until_out_of_range", "有效期不在可用范围内", "The last day is out of range")
        .detail(format!("有效期须在 {from} 至 {to} 之间：预算线只在本年度可用。"), format!("It must lie from {from} to {to}: the line can be charged in its own year only."))
        .field("/valid_until", "valid_until_out_of_range", format!("须在 {from} 至 {to} 之间"), format!("from {from} to {to}"))
}

/// 409: no claim is made under it: it is not approved, or it has ended.
#[must_use]
pub fn commitment_not_open(number: &str, state: &str) -> Problem {
    Problem::new(409, "commitment_not_open", "事前申请不可用", "The application is not open").detail(
        format!("事前申请 {number} 的状态为“{state}”或已过有效期，不能据以报销。请重新申请，或在报销单中取消引用（commitment_id 置为 null）。"),
        format!("Application {number} is “{state}”, or past its last day: nothing is claimed under it. Apply anew, or take it off the claim (commitment_id: null)."),
    )
}

/// 409: after submission no paper comes or goes.
#[must_use]
pub fn papers_fixed(state: &str) -> Problem {
    Problem::new(409, "papers_fixed", "附件已固定", "The papers are fixed").detail(
        format!("事前申请状态为“{state}”：提交后不能添加或移除附件，请先退回。"),
        format!("The application is in the state “{state}”: no paper comes or goes after submission. Have it returned first."),
    )
}

/// 422: the claim and the application are not of one unit, line or activity.
#[must_use]
pub fn commitment_does_not_fit(number: &str) -> Problem {
    Problem::new(422, "commitment_does_not_fit", "事前申请与报销单不符", "The application does not fit the claim")
        .detail(format!("报销单与事前申请 {number} 须属于同一单位、同一预算线、同一活动。"), format!("The claim must be of the same unit, budget line and activity as application {number}."))
        .field("/commitment_id", "commitment_does_not_fit", "单位、预算线或活动不同", "of another unit, line or activity")
}
