//! `enrolments.expiring`: each day people are warned of enrolments that end within 60 days, those whose day has passed end by themselves, and verifications that come due are asked for.

use async_trait::async_trait;
use chrono::{NaiveDate, TimeDelta};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, Select};

use super::enrolment::{self, Column};
use super::people::changed;
use super::verify::ENDED_AS_EXPECTED;
use crate::kernel::access::{Capability, Place, Scope};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::tenancy::{org_unit, streets};
use crate::platform::db::Tx;
use crate::platform::http::Context;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};
use crate::platform::notification::{Notice, notify};

/// How long before its end an enrolment is warned of.
const WARNED_BEFORE: TimeDelta = TimeDelta::days(60);
/// How long before its day a verification is asked for.
const ASKED_BEFORE: TimeDelta = TimeDelta::days(30);

/// Warns, ends and asks, once a day and street.
pub struct EnrolmentsExpiring;

#[async_trait]
impl Job for EnrolmentsExpiring {
    fn name(&self) -> &'static str {
        "enrolments.expiring"
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::Latest
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        DueSlot::daily(context, streets(&context.db).await?.iter().map(org_unit::Model::place), (1, 30))
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        let place = slot.place.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let act = slot.act(context, None);
        let tx = context.db.write(Scope::of_place(place)).await?;
        let ended = end(&tx, &act, place).await?;
        let warned = warn(&tx, &act, place).await?;
        let asked = ask(&tx, &act, place).await?;
        let outcome = Outcome::done("swept", serde_json::json!({"ended": ended, "warned": warned, "asked": asked}));
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

async fn tell(tx: &Tx, act: &Act, place: Place, capability: Capability, kind: &'static str, words: (String, String)) -> Result<(), Problem> {
    let street = place.street.ok_or_else(|| Problem::internal("a slot without its street"))?;
    let notice = Notice { place, capability, kind, subject_type: "org_unit", subject_id: street, zh: words.0, en: words.1 };
    notify(tx, act, notice).await?;
    Ok(())
}

/// Enrolments that were not withdrawn.
fn standing(tx: &Tx) -> Select<enrolment::Entity> {
    tx.select::<enrolment::Entity>().filter(Column::State.ne("withdrawn"))
}

/// Enrolments that end as expected, and not earlier.
fn ends_as_expected() -> Condition {
    Condition::any().add(Column::ToDate.is_null()).add(Expr::col(Column::ToDate).gt(Expr::col(Column::ExpectedEnd)))
}

/// Ends what is past its expected end.
async fn end(tx: &Tx, act: &Act, place: Place) -> Result<usize, Problem> {
    let past = standing(tx).filter(ends_as_expected()).filter(Column::ExpectedEnd.lt(act.today)).order_by_asc(Column::Id);
    let rows = tx.all(past).await?;
    for before in &rows {
        let change = enrolment::ActiveModel { to_date: Set(before.expected_end), end_reason: Set(Some(ENDED_AS_EXPECTED.to_owned())), ..Default::default() };
        changed(tx, act, "enrolment.expire", before, change, None).await?;
    }
    if !rows.is_empty() {
        let words = (format!("{} 项补贴登记已到期自动终止。", rows.len()), format!("{} enrolments ended as expected.", rows.len()));
        tell(tx, act, place, Capability::StipendPrepare, "enrolment.ended", words).await?;
    }
    Ok(rows.len())
}

/// Warns of what ends within 60 days, once.
async fn warn(tx: &Tx, act: &Act, place: Place) -> Result<usize, Problem> {
    let until: NaiveDate = act.today + WARNED_BEFORE;
    let expected = Condition::all().add(ends_as_expected()).add(Column::ExpectedEnd.between(act.today, until));
    let dated = Column::ToDate.between(act.today, until);
    let soon = standing(tx).filter(Column::EndWarned.eq(false)).filter(Condition::any().add(expected).add(dated)).order_by_asc(Column::Id);
    let rows = tx.all(soon).await?;
    for before in &rows {
        changed(tx, act, "enrolment.warn", before, enrolment::ActiveModel { end_warned: Set(true), ..Default::default() }, None).await?;
    }
    if let Some(first) = rows.iter().filter_map(enrolment::Model::last_day).min() {
        let words = (
            format!("{} 项补贴登记将在 60 日内到期，最早 {first}；如仍在读，请提交在读证明延期。", rows.len()),
            format!("{} enrolments end within 60 days, the first on {first}; where study goes on, extend them by its proof.", rows.len()),
        );
        tell(tx, act, place, Capability::EnrolmentConfirm, "enrolment.expiring", words).await?;
    }
    Ok(rows.len())
}

/// Asks for verifications that come due within 30 days, once.
async fn ask(tx: &Tx, act: &Act, place: Place) -> Result<usize, Problem> {
    let running = Condition::any().add(Column::ToDate.is_null()).add(Column::ToDate.gte(act.today));
    let due = standing(tx).filter(Column::VerificationAsked.eq(false)).filter(Column::VerifyBy.lte(act.today + ASKED_BEFORE)).filter(running).order_by_asc(Column::Id);
    let rows = tx.all(due).await?;
    for before in &rows {
        changed(tx, act, "enrolment.ask_to_verify", before, enrolment::ActiveModel { verification_asked: Set(true), ..Default::default() }, None).await?;
    }
    if let Some(first) = rows.iter().filter_map(|row| row.verify_by).min() {
        let words =
            (format!("{} 项补贴登记须做资格核验，最早 {first} 前；逾期将暂缓发放。", rows.len()), format!("{} enrolments must be verified, the first by {first}; what is not is held.", rows.len()));
        tell(tx, act, place, Capability::StipendPrepare, "enrolment.verification_due", words).await?;
    }
    Ok(rows.len())
}
