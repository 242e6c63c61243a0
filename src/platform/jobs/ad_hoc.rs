//! Long work that a person starts (imports, packages): it goes on after the answer 202, which shows its run.

use std::future::Future;

use sea_orm::ActiveValue::Set;
use sea_orm::Value;
use uuid::Uuid;

use super::entity::job_run;
use super::progress::{Alive, Heart};
use super::{LEASE, Outcome, Progress, refusals};
use crate::kernel::access::{Actor, Place, Scope};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;

/// Work that a person started.
#[derive(Clone, Debug)]
pub struct AdHoc {
    /// Its run.
    pub run_id: Uuid,
    /// How far it is.
    pub progress: Progress,
    kind: &'static str,
}

const END: Sql = Sql::both("UPDATE job_runs SET state = $2, outcome = $3, outcome_detail_zh = $4, outcome_detail_en = $5, result = $6, finished_at = $7 WHERE id = $1 AND state = 'running'");

impl AdHoc {
    /// Ends the run in the transaction of its effect: the last statement before the commit.
    ///
    /// # Errors
    /// 409 `slot_lost` where its lease ran out and it was given up: the caller rolls back.
    pub async fn finish(&self, tx: &Tx, outcome: &Outcome) -> Result<(), Problem> {
        let (state, code, zh, en, result) = match outcome {
            Outcome::Done { code, result, .. } => ("done", *code, None, None, Some(result.clone())),
            Outcome::Held { code, words } => ("held", *code, Some(words.zh.clone()), Some(words.en.clone()), None),
        };
        if self.end(tx, state, code, zh, en, result).await? { Ok(()) } else { Err(refusals::slot_lost(self.kind, &self.run_id.to_string(), "-")) }
    }

    async fn end(&self, tx: &Tx, state: &str, code: &str, zh: Option<String>, en: Option<String>, result: Option<serde_json::Value>) -> Result<bool, Problem> {
        let at = tx.database_now().await?;
        let values: Vec<Value> = vec![self.run_id.into(), state.into(), code.into(), zh.into(), en.into(), result.into(), at.into()];
        Ok(tx.execute(END, values).await? > 0)
    }

    /// Writes how the work ended, where its own transaction did not.
    async fn settle(&self, context: &Context, result: Result<Outcome, Problem>) -> Result<(), Problem> {
        let tx = context.db.write_as_system(Reason::Background).await?;
        match result {
            // 0 rows: it was ended with its effect already.
            Ok(Outcome::Done { code, result, .. }) => self.end(&tx, "done", code, None, None, Some(result)).await?,
            Ok(Outcome::Held { code, words }) => self.end(&tx, "held", code, Some(words.zh), Some(words.en), None).await?,
            Err(problem) => self.end(&tx, "failed", problem.code, Some(problem.detail.zh), Some(problem.detail.en), Some(problem_errors(&problem.errors))).await?,
        };
        tx.commit().await
    }
}

/// The faults of single fields, for whoever asks what was wrong with an import.
fn problem_errors(errors: &[crate::kernel::problem::FieldError]) -> serde_json::Value {
    let each = errors.iter().map(|error| serde_json::json!({"pointer": error.pointer, "code": error.code, "message": {"zh": error.message.zh, "en": error.message.en}}));
    serde_json::json!({ "errors": each.collect::<Vec<_>>() })
}

/// Starts long work of a person at a place and gives its run, to be answered with 202. The work opens its own transactions and ends with [`AdHoc::finish`].
///
/// # Errors
/// 500 where the run cannot be written: then nothing is started.
pub async fn start_ad_hoc<W, F>(context: &Context, actor: &Actor, kind: &'static str, place: Place, work: W) -> Result<job_run::Model, Problem>
where
    W: FnOnce(Context, AdHoc) -> F + Send + 'static,
    F: Future<Output = Result<Outcome, Problem>> + Send + 'static,
{
    let run = begin(context, actor, kind, place).await?;
    let own = AdHoc { run_id: run.id, progress: Progress::default(), kind };
    let context = context.clone();
    tokio::spawn(async move {
        let heart = Heart::of(context.db.clone(), Alive { run_id: own.run_id, slot: None }, own.progress.clone());
        let result = work(context.clone(), own.clone()).await;
        drop(heart);
        if let Err(problem) = &result {
            tracing::warn!(%problem, kind, run = %own.run_id, "work that a person started failed");
        }
        if let Err(problem) = own.settle(&context, result).await {
            tracing::error!(%problem, kind, run = %own.run_id, "the end of a run was not written");
        }
    });
    Ok(run)
}

async fn begin(context: &Context, actor: &Actor, kind: &'static str, place: Place) -> Result<job_run::Model, Problem> {
    let tx = context.db.write(Scope::of_place(place)).await?;
    let lease_until = tx.database_now().await? + LEASE;
    let row = job_run::ActiveModel {
        id: Set(new_id()),
        district_id: Set(Some(place.district)),
        street_id: Set(place.street),
        community_id: Set(place.community),
        slot_id: Set(None),
        kind: Set(kind.to_owned()),
        fence: Set(0),
        state: Set("running".to_owned()),
        outcome: Set(None),
        outcome_detail_zh: Set(None),
        outcome_detail_en: Set(None),
        done_count: Set(0),
        total_count: Set(0),
        message: Set(String::new()),
        result: Set(None),
        started_by: Set(Some(actor.user_id)),
        started_at: Set(context.clocks.wall()),
        finished_at: Set(None),
        lease_until: Set(lease_until),
    };
    let run = tx.insert::<job_run::Entity, _>(row).await?;
    tx.commit().await?;
    Ok(run)
}

/// Keeps the run of work that was done within its own transaction (an import that is quick enough to answer for at once): done if and only if that commits.
///
/// # Errors
/// 500 where the database fails.
pub async fn record_done(tx: &Tx, act: &Act, kind: &'static str, place: Place, count: usize, result: serde_json::Value) -> Result<job_run::Model, Problem> {
    let count = i64::try_from(count).map_err(Problem::internal)?;
    let row = job_run::ActiveModel {
        id: Set(new_id()),
        district_id: Set(Some(place.district)),
        street_id: Set(place.street),
        community_id: Set(place.community),
        slot_id: Set(None),
        kind: Set(kind.to_owned()),
        fence: Set(0),
        state: Set("done".to_owned()),
        outcome: Set(Some("imported".to_owned())),
        outcome_detail_zh: Set(None),
        outcome_detail_en: Set(None),
        done_count: Set(count),
        total_count: Set(count),
        message: Set(String::new()),
        result: Set(Some(result)),
        started_by: Set(act.user_id()),
        started_at: Set(act.at),
        finished_at: Set(Some(act.at)),
        lease_until: Set(act.at),
    };
    tx.insert::<job_run::Entity, _>(row).await
}
