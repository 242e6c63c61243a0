//! What papers of claims refuse.

use crate::kernel::problem::{FieldError, Problem};

/// 422: papers or invoices that the kind of claim needs are missing, all of them at once.
pub(super) fn papers_missing(missing: Vec<FieldError>) -> Problem {
    let mut problem = Problem::new(422, "papers_missing", "缺少必需的附件或发票", "Papers or invoices are missing")
        .detail("请按 errors 逐项补齐后再提交；要求由区设定（paper-rules）。", "Add what errors lists, then submit; the district sets what is needed (paper-rules).");
    problem.errors = missing;
    problem
}

/// 409: after submission papers come only where they were asked for, and none goes.
pub(super) fn papers_fixed(state: &str) -> Problem {
    Problem::new(409, "papers_fixed", "附件已固定", "The papers are fixed").detail(
        format!("报销单状态为“{state}”：提交后只能在要求补正期间添加附件，不能移除。"),
        format!("The claim is in the state “{state}”: after submission papers are added only while they are asked for, and none is taken off."),
    )
}

/// 409: the rule exists from that day.
pub(super) fn paper_rule_exists() -> Problem {
    Problem::new(409, "paper_rule_exists", "该要求已存在", "The rule exists already")
        .detail("同一类报销单、同一种附件自同一天起已有要求。请修改已有的要求。", "There is a rule for this kind of claim and paper from that day: change that one.")
}
