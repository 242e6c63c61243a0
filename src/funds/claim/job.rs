//! `claims.expire`: each day claims that waited too long expire, and from 1 January on those of the year before go back to draft, so that the year can close.

use async_trait::async_trait;
use chrono::Datelike;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};

use super::model::Action;
use super::{claim, steps, under_commitment};
use crate::kernel::access::{Capability, Scope};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::tenancy::{org_unit, streets};
use crate::platform::db::Tx;
use crate::platform::http::Context;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};

/// Expires and returns what waits too long, once a day and street.
pub struct ClaimsExpire;

const OPEN: [&str; 4] = ["submitted", "endorsed", "reviewed", "approved"];

#[async_trait]
impl Job for ClaimsExpire {
    fn name(&self) -> &'static str {
        "claims.expire"
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::Latest
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        DueSlot::daily(context, streets(&context.db).await?.iter().map(org_unit::Model::place), (1, 0))
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        let place = slot.place.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let act = slot.act(context, None);
        let tx = context.db.write(Scope::of_place(place)).await?;
        let (expired, returned) = sweep(&tx, &act).await?;
        let outcome = Outcome::done("swept", serde_json::json!({"expired": expired, "returned": returned}));
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Expires what is past its day; returns what is of a past year and in no batch. Gives how many of each. Claims first, by id, then what they held, as everybody who has several of them locks them.
async fn sweep(tx: &Tx, act: &Act) -> Result<(usize, usize), Problem> {
    let past = Condition::any().add(claim::Column::FiscalYear.lt(act.today.year())).add(Condition::all().add(claim::Column::State.ne("approved")).add(claim::Column::ExpiresOn.lt(act.today)));
    let select = tx.select::<claim::Entity>().filter(claim::Column::State.is_in(OPEN)).filter(claim::Column::BatchId.is_null()).filter(past).order_by_asc(claim::Column::Id);
    let (mut expired, mut returned, mut held) = (0_usize, 0_usize, Vec::new());
    for found in tx.all(select).await? {
        // Somebody may have acted since the list was read.
        let before = tx.load_locked::<claim::Entity>(found.id).await?.into_read();
        if before.version == found.version {
            held.push(before);
        }
    }
    for before in &held {
        let (action, state, reason) = if before.fiscal_year < act.today.year() {
            returned = returned.saturating_add(1);
            (Action::Return.code(), "draft", format!("{} 年度已结束，未支付", before.fiscal_year))
        } else {
            steps::require(Action::Expire, before)?;
            expired = expired.saturating_add(1);
            (Action::Expire.code(), "expired", "逾期未办结".to_owned())
        };
        let words = (format!("报销单 {}：{reason}", before.number), format!("Claim {} went no further: {action}", before.number));
        let after = steps::put(tx, act, action, before, steps::released(before, state), Some(reason)).await?;
        steps::tell(tx, act, &after, Capability::ClaimPrepare, "claim.released", words).await?;
    }
    under_commitment::release(tx, act, &held).await?;
    Ok((expired, returned))
}
