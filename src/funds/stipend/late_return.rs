//! A payment that the bank returned after it had told it as paid (E8b): it is due again.

use chrono::Datelike;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter};

use super::{pay, payout_item, payout_run, recovery_charge, refusals, returned, run, scheme};
use crate::funds::budget::{budget_line, lines};
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};

/// Records that a paid item came back, in one voucher: Dr 1002 / Cr 2302 net, and Dr 2302 net, Dr 2307 tax / Cr 5001 gross (the run's year over: Cr 3001). Its parts no longer count;
/// line, year, tax and authorisation get it back, but for tax that was given back before (see [`returned::take_back`]).
///
/// # Errors
/// 409 `invalid_transition`, `item_recovered`, `fiscal_year_not_open`, `period_closed`; 403 `separation_of_duties`.
pub async fn record(tx: &Tx, act: &Act, row: Authorised<payout_item::Model>, reason: String) -> Result<payout_item::Model, Problem> {
    let before = row.into_inner();
    if before.state != "paid" || before.net.is_zero() {
        return Err(Problem::invalid_transition("return", &before.state));
    }
    let run = tx.maybe_load::<payout_run::Entity>(before.run_id).await?.ok_or_else(Problem::not_found)?;
    let scheme = run::lock_scheme(tx, run.scheme_id).await?;
    if tx.count(tx.select::<recovery_charge::Entity>().filter(recovery_charge::Column::ItemId.eq(before.id))).await? > 0 {
        return Err(refusals::item_recovered());
    }
    let place = payout_run::Entity::place(&run);
    duties::take(tx, act, place, "payout_run", run.id, Part::Review).await?;
    let back = returned::take_back(tx, &scheme, &run, before.clone()).await?;
    let next = payout_item::ActiveModel {
        id: Unchanged(before.id),
        kept: Set(back.kept),
        state: Set("returned".to_owned()),
        returned_reason: Set(Some(reason.clone())),
        return_confirmed: Set(true),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<payout_item::Entity, _>(next).await?;
    let mut event = Event::new("payout_item.return", "payout_item", after.id, payout_item::Entity::place(&after)).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    let (gross, year) = (back.gross, act.today.year());
    let less = gross.checked_neg().map_err(Problem::internal)?;
    let mut entries = vec![
        Entry::debit(pay::on_hand(&scheme), before.net),
        Entry::credit(Account::StipendsPayable, before.net).of_category(scheme.category_id),
        Entry::debit(Account::StipendsPayable, before.net).of_category(scheme.category_id),
        Entry::debit(Account::TaxWithheld, back.tax),
    ];
    if run.fiscal_year == year {
        let line = before.budget_line_id.ok_or_else(|| Problem::internal("a paid item without its line"))?;
        lines::spend(tx, line, less).await?;
        let community = tx.maybe_load::<budget_line::Entity>(line).await?.and_then(|line| line.community_id);
        entries.push(Entry::credit(Account::Expenditure, gross).of_category(scheme.category_id).of_community(community));
        if run.authorisation_id.is_some() {
            scheme::use_up(tx, &scheme, year, less, Fen::DOCUMENT_MAX).await?;
        }
        years::add(tx, run.street_id, year, Sums { spent: less, ..Sums::default() }).await?;
    } else {
        years::add(tx, run.street_id, year, Sums { carried_in: gross, ..Sums::default() }).await?;
        entries.push(Entry::credit(Account::CarriedOver, gross).of_category(scheme.category_id));
    }
    let code = format!("{}-{}", run.period, run.seq);
    post(tx, act, Posting::new((run.district_id, run.street_id), act.today, VoucherKind::StipendReturn, ("payout_item", after.id), code, entries).reviewed_by(run.approved_by)).await?;
    Ok(after)
}
