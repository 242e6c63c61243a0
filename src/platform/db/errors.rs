//! What the driver says, told as a problem.

use sea_orm::{DbErr, SqlErr};

use crate::kernel::problem::Problem;

impl From<DbErr> for Problem {
    /// A closed period or an exhausted sum that only the database noticed is told as such; everything else is a fault of ours.
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if text.contains("period_closed") {
            return Self::new(409, "period_closed", "会计期间已结账", "The period is closed")
                .detail("该月或该年度已结账，不能再记账。请改用未结账的日期。", "The month or year is closed and takes no posting. Use a date in an open period.");
        }
        if text.contains("database is locked") || text.contains("deadlock detected") {
            return Self::new(503, "busy", "系统繁忙", "Busy").detail("系统繁忙，未作任何更改，请稍后再试。", "The system is busy and nothing was changed. Try again shortly.").retry_after(1);
        }
        Self::internal(text)
    }
}

/// Whether a write failed because a unique key already holds the value.
#[must_use]
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
