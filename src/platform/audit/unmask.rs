//! Showing personal data unmasked: only with a reason, which the audit trail keeps before anything is shown.

use actix_web::HttpRequest;
use serde::Deserialize;
use uuid::Uuid;

use super::{Event, record};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::{Act, Performer};
use crate::kernel::problem::Problem;
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::{Context, query, request_id};

/// Whether a read asks for personal data unmasked: `?unmasked=true&reason=…`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    unmasked: bool,
    reason: Option<String>,
}

/// A row to be shown, and the transaction in which what belongs to it is read.
pub struct Shown<M> {
    /// Reads what the actor may see.
    pub tx: Tx,
    /// The row.
    pub row: M,
    /// Whether personal data are shown: who sees them and why is written down by now.
    pub unmasked: bool,
}

/// 422: personal data are shown for a reason.
fn reason_required() -> Problem {
    Problem::new(422, "reason_required", "须说明理由", "A reason is required").detail("查看未脱敏的个人信息须在 reason 中说明理由。", "Say in reason why personal data are shown unmasked.")
}

/// Finds the row of a read: masked for who holds `read`, or where `?unmasked=true&reason=…` asks for it, unmasked for who holds `person.unmask` at its unit, once that is kept as `action` on a `subject`.
///
/// # Errors
/// 400 `invalid_parameter`; 403 `forbidden`; 404 `not_found`; 422 `reason_required`.
pub async fn to_show<E: Scoped>(
    context: &Context,
    actor: &Actor,
    request: &HttpRequest,
    id: &str,
    (read, action, subject): (Capability, &'static str, &'static str),
) -> Result<Shown<E::Model>, Problem>
where
    E::Model: Sync,
{
    actor.require_anywhere(read)?;
    let asked = query::<Asked>(request)?;
    if !asked.unmasked {
        let tx = context.read(actor, read).await?;
        let row = tx.load_text::<E>(id).await?.into_read();
        return Ok(Shown { tx, row, unmasked: false });
    }
    let id = Uuid::parse_str(id).map_err(|_form| Problem::not_found())?;
    let tx = context.write(actor.scope_for(Capability::PersonUnmask)?).await?;
    let row = tx.load::<E>(id).await?.authorise(actor, Capability::PersonUnmask)?.into_inner();
    let reason = asked.reason.filter(|reason| !reason.trim().is_empty()).ok_or_else(reason_required)?;
    let act = Act { capability: Some(Capability::PersonUnmask), ..context.act(Performer::Person(actor.clone()), request_id(request), context.client_text(request)) };
    record(&tx, &act, Event { reason: Some(reason), ..Event::new(action, subject, id, E::place(&row)) }).await?;
    tx.commit().await?;
    Ok(Shown { tx: context.read(actor, Capability::PersonUnmask).await?, row, unmasked: true })
}
