//! `ledger.verify`: each day each street's books are recomputed and their head is signed.

use async_trait::async_trait;

use super::verify;
use crate::funds::ledger::verify::checkpoint;
use crate::kernel::access::{Capability, Scope};
use crate::kernel::problem::{Problem, Words};
use crate::people::tenancy::{org_unit, streets};
use crate::platform::http::Context;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};
use crate::platform::notification::{Notice, notify};

/// Verifies and signs, once a day and street. Of missed days only the latest is made up for.
pub struct LedgerVerify;

#[async_trait]
impl Job for LedgerVerify {
    fn name(&self) -> &'static str {
        "ledger.verify"
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::Latest
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        DueSlot::daily(context, streets(&context.db).await?.iter().map(org_unit::Model::place), (2, 0))
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        let place = slot.place.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let street = place.street.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let act = slot.act(context, None);
        // All of it as of one moment, and without keeping anybody from posting; what is written comes after.
        let reading = context.db.snapshot(Scope::of_place(place)).await?;
        let found = verify::street(&reading, &context.keys, (street, &slot.scope), &[]).await?;
        drop(reading);
        let tx = context.db.write(Scope::of_place(place)).await?;
        let outcome = if let Some(fault) = &found.first_fault {
            let where_ = fault.voucher.as_deref().unwrap_or("-");
            let words = Words::new(format!("账目不符：{where_} {}", fault.what_zh), format!("The books do not hold: {where_} {}", fault.what));
            let notice = Notice { place, capability: Capability::LedgerRead, kind: "ledger.fault", subject_type: "org_unit", subject_id: street, zh: words.zh.clone(), en: words.en.clone() };
            notify(&tx, &act, notice).await?;
            Outcome::Held { code: "ledger_fault", words }
        } else {
            let head = found.head.ok_or_else(|| Problem::internal("a street that was verified without its head"))?;
            let signed = checkpoint(&tx, &act, (place.district, street), head).await?;
            Outcome::done("verified", serde_json::json!({"vouchers": found.vouchers, "checkpoint_id": signed.map(|row| row.id)}))
        };
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}
