//! What leader, accountant and party office are told of a run: its scheme, its figures, who is left out of it, and what comes of it.

use super::{payout_run, stipend_scheme};
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Scoped, Tx};
use crate::platform::notification::{Notice, notify};

/// Tells the figures of a run, with how many are left out of it, and what comes of it.
pub(super) async fn tell(tx: &Tx, act: &Act, scheme: &stipend_scheme::Model, kind: &'static str, run: &payout_run::Model, what: &Words) -> Result<(), Problem> {
    let left_out = run.held_heads;
    let (left_zh, left_en) = if left_out == 0 {
        (String::new(), String::new())
    } else {
        (format!("另有 {left_out} 人挂起，未列入发放（见批次明细）。"), format!(" {left_out} more are held and left out (see the run's items)."))
    };
    let zh = format!("{}，{} 第 {} 批：{} 人，应发 {}，代扣税 {}，实发 {}。{left_zh}{}", scheme.name, run.period, run.seq, run.heads, run.gross, run.tax, run.net, what.zh);
    let en = format!("{}, {} run {}: {} people, gross {}, tax {}, net {}.{left_en} {}", scheme.name, run.period, run.seq, run.heads, run.gross, run.tax, run.net, what.en);
    notify(tx, act, Notice { place: payout_run::Entity::place(run), capability: Capability::RunStop, kind, subject_type: "payout_run", subject_id: run.id, zh, en }).await?;
    Ok(())
}

/// Tells that a person stopped a run, and why.
///
/// # Errors
/// 500 where the database fails.
pub async fn tell_stopped(tx: &Tx, act: &Act, run: &payout_run::Model) -> Result<(), Problem> {
    let scheme = tx.maybe_load::<stipend_scheme::Entity>(run.scheme_id).await?.ok_or_else(Problem::not_found)?;
    let reason = run.held_reason.as_deref().unwrap_or_default();
    let what = Words::new(format!("已被叫停：{reason}。街道领导恢复之前不会过账。"), format!("It was stopped: {reason}. It does not post until the leader resumes it."));
    tell(tx, act, &scheme, "payout_run.held", run, &what).await
}

/// Tells that a scheme's pay day waits for something else than its own run: another period's run, or an earlier pay day.
pub(super) async fn tell_waiting(tx: &Tx, act: &Act, place: Place, (scheme, period): (&stipend_scheme::Model, &str), why: &Words) -> Result<(), Problem> {
    let (zh, en) = (format!("{}，{period}：到发放日未发放。{}", scheme.name, why.zh), format!("{}, {period}: not paid on pay day. {}", scheme.name, why.en));
    notify(tx, act, Notice { place, capability: Capability::RunStop, kind: "payout_run.held", subject_type: "stipend_scheme", subject_id: scheme.id, zh, en }).await?;
    Ok(())
}
