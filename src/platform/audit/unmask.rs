//! Showing personal data unmasked: only with a reason, which the audit trail keeps before anything is shown.

use actix_web::{HttpRequest, web};
use serde::Deserialize;

use super::{Event, record};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::{Act, Performer};
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;
use crate::platform::http::{Context, request_id};

/// Whether a read asks for personal data unmasked: `?unmasked=true&reason=…`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmask {
    /// Unmasked, or masked as always.
    #[serde(default)]
    pub unmasked: bool,
    reason: Option<String>,
}

/// 422: personal data are shown for a reason.
fn reason_required() -> Problem {
    Problem::new(422, "reason_required", "须说明理由", "A reason is required").detail("查看未脱敏的个人信息须在 reason 中说明理由。", "Say in reason why personal data are shown unmasked.")
}

impl Unmask {
    /// Reads it from the query.
    ///
    /// # Errors
    /// 400 `invalid_parameter`.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = web::Query::<Self>::from_query(request.query_string())
            .map_err(|error| Problem::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong").detail(error.to_string(), error.to_string()))?;
        Ok(query.into_inner())
    }

    /// Writes down who sees what and why; what is shown is shown once this is committed.
    ///
    /// # Errors
    /// 422 `reason_required`.
    pub async fn keep(self, tx: &Tx, context: &Context, actor: &Actor, request: &HttpRequest, mut event: Event) -> Result<(), Problem> {
        event.reason = Some(self.reason.filter(|reason| !reason.trim().is_empty()).ok_or_else(reason_required)?);
        let act = Act { capability: Some(Capability::PersonUnmask), ..context.act(Performer::Person(actor.clone()), request_id(request), context.client_text(request)) };
        record(tx, &act, event).await?;
        Ok(())
    }
}
