//! What the budget refuses.

use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};

/// 409: a line has not enough left.
#[must_use]
pub fn line_short(available: Fen, asked: Fen) -> Problem {
    Problem::new(409, "line_short", "预算额度不足", "The budget line is short")
        .detail(format!("该预算线可用 {available}，申请 {asked}。请调剂预算或减少金额。"), format!("The line has {available} available, {asked} was asked. Transfer budget or lower the amount."))
}

/// 422: the lines do not sum to the declared total.
#[must_use]
pub fn lines_do_not_sum(total: Fen, sum: Fen) -> Problem {
    Problem::new(422, "lines_do_not_sum", "各预算线之和与总额不符", "The lines do not sum to the total")
        .detail(format!("申报总额 {total}，各线合计 {sum}。请更正后再提交。"), format!("The declared total is {total}, the lines sum to {sum}. Correct them and submit again."))
        .field("/total", "lines_do_not_sum", format!("各线合计 {sum}"), format!("the lines sum to {sum}"))
}

/// The fault of a line that gets money without a plan: 先有计划、后有预算.
pub fn plan_item_required(faults: &mut Faults, index: usize) {
    faults.add(&format!("/lines/{index}/plan_item_ids"), "plan_item_required", "先有计划、后有预算：须关联本年度有目标的计划项目", "a line needs a plan item of this year that has a target");
}

/// 409: the programme has its budget.
#[must_use]
pub fn budget_exists(programme: &str) -> Problem {
    Problem::new(409, "budget_exists", "该项目本年度已有预算", "The programme has its budget")
        .detail(format!("“{programme}”本年度已有预算，只能通过调剂、追加、追减调整。"), format!("“{programme}” has a budget this year; change it by transfer, supplement or reduction."))
}

/// 422: the same category and unit twice.
#[must_use]
pub fn line_twice(pointer: &str) -> Problem {
    Problem::new(422, "line_twice", "预算线重复", "The line is there twice").detail("同一类别在同一单位只能有一条预算线。", "A category has one line for each unit.").field(
        pointer,
        "line_twice",
        "类别与单位重复",
        "the same category and unit",
    )
}

/// 422: earmarked money does not leave its category.
#[must_use]
pub fn category_earmarked(name: &str, pointer: &str) -> Problem {
    Problem::new(422, "category_earmarked", "专款专用", "The category is earmarked")
        .detail(format!("“{name}”为专款专用，区未允许调出。"), format!("“{name}” is earmarked and the district does not allow transfers out of it."))
        .field(pointer, "category_earmarked", "不得调出", "must not be lessened by a transfer")
}

/// 422: receipts by category do not sum.
#[must_use]
pub fn receipt_does_not_sum(amount: Fen, sum: Fen) -> Problem {
    Problem::new(422, "receipt_does_not_sum", "分类金额之和与到位金额不符", "The categories do not sum to the receipt")
        .detail(format!("金额 {amount}，各类别合计 {sum}。"), format!("The amount is {amount}, the categories sum to {sum}."))
        .field("/amount", "receipt_does_not_sum", format!("各类别合计 {sum}"), format!("the categories sum to {sum}"))
}

/// 409: more would be returned than was put aside when the years before closed.
#[must_use]
pub fn surplus_exceeded(to_return: Fen) -> Problem {
    Problem::new(409, "surplus_exceeded", "超过应上缴结余", "More than there is to return")
        .detail(format!("本年度应上缴结余为 {to_return}，上缴不能超过它。"), format!("This year has {to_return} to return; no more than that goes back as surplus."))
        .field("/amount", "surplus_exceeded", format!("最多 {to_return}"), format!("at most {to_return}"))
}

/// 409: more would be taken back from a category than it received, net.
#[must_use]
pub fn category_short(available: Fen, pointer: &str) -> Problem {
    Problem::new(409, "category_short", "该类别余额不足", "The category has not enough").detail(format!("该类别可退 {available}。"), format!("The category has {available} that can go back.")).field(
        pointer,
        "category_short",
        format!("最多 {available}"),
        format!("at most {available}"),
    )
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
