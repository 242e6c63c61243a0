//! `commitments.expire`: each day applications end that nobody decided in time, or whose last day or year is over; what they still held is released. On 1 January that is every one
//! of the year before, as claims go back to draft then, so that the year can close.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{Datelike, NaiveDate};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::model::{self, Action};
use super::{commitment, steps};
use crate::funds::budget::lines;
use crate::kernel::access::{Capability, Scope};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::tenancy::{org_unit, streets};
use crate::platform::db::Tx;
use crate::platform::http::Context;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};

/// Expires applications, once a day and street.
pub struct CommitmentsExpire;

#[async_trait]
impl Job for CommitmentsExpire {
    fn name(&self) -> &'static str {
        "commitments.expire"
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
        let (expired, released) = sweep(&tx, &act).await?;
        let outcome = Outcome::done("swept", serde_json::json!({"expired": expired, "released": released}));
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Why an application is to end on a day; none where it is not.
fn ending(row: &commitment::Model, today: NaiveDate) -> Option<String> {
    if row.fiscal_year < today.year() {
        return Some(format!("{} 年度已结束", row.fiscal_year));
    }
    if row.valid_until < today {
        return Some(format!("有效期至 {}，已过", row.valid_until));
    }
    (row.state == "submitted" && row.expires_on.is_some_and(|day| day < today)).then(|| "逾期未办结".to_owned())
}

/// Expires what is past its day. Gives how many, and what they held. Applications first, by id, then the lines, by id.
async fn sweep(tx: &Tx, act: &Act) -> Result<(usize, Fen), Problem> {
    let undecided = Condition::all().add(commitment::Column::State.eq("submitted")).add(commitment::Column::ExpiresOn.lt(act.today));
    let past = Condition::any().add(commitment::Column::FiscalYear.lt(act.today.year())).add(commitment::Column::ValidUntil.lt(act.today)).add(undecided);
    let select = tx.select::<commitment::Entity>().filter(commitment::Column::State.is_in(["submitted", "approved"])).filter(past).order_by_asc(commitment::Column::Id);
    let mut by_line: BTreeMap<Uuid, Fen> = BTreeMap::new();
    let (mut expired, mut released) = (0_usize, Fen::ZERO);
    for found in tx.all(select).await? {
        // Somebody may have acted, or claimed, since the list was read.
        let before = tx.load_locked::<commitment::Entity>(found.id).await?.into_read();
        let Some(reason) = ending(&before, act.today).filter(|_| Action::Expire.allowed(&before.state, before.steps_done)) else {
            continue;
        };
        let words = (format!("事前申请 {} 已失效：{reason}", before.number), format!("Application {} has expired; {} is released", before.number, before.held));
        let after = commitment::Model { state: "expired".to_owned(), held: Fen::ZERO, ended_on: Some(act.today), expires_on: None, reason: Some(reason), ..before.clone() };
        let after = steps::put(tx, act, Action::Expire, &before, after).await?;
        steps::tell(tx, act, &after, "commitment.expired", words).await?;
        let sum = by_line.entry(before.budget_line_id).or_default();
        *sum = sum.checked_add(before.held).map_err(Problem::internal)?;
        released = released.checked_add(before.held).map_err(Problem::internal)?;
        expired = expired.saturating_add(1);
    }
    for (line, held) in by_line.into_iter().filter(|(_, held)| !held.is_zero()) {
        lines::change(tx, line, model::ended(held).map_err(Problem::internal)?).await?;
    }
    Ok((expired, released))
}
