//! Bank files and their results: what was paid (E7), what came back (E8).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{bank_account, bank_file, beneficiary, payout_item, payout_run, people, returned, scheme, stipend_scheme};
use crate::funds::bank::{Batch, Matched, PaymentLine, ResultFile, bank_file_template, file_name, match_result, render};
use crate::funds::budget::{budget_line, lines};
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, fiscal_year, post};
use crate::kernel::act::Act;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};

/// The account that a scheme pays from.
pub(super) fn on_hand(scheme: &stipend_scheme::Model) -> Account {
    if scheme.paid_from == "quota" { Account::TreasuryQuota } else { Account::FundOnHand }
}

async fn scheme_of(tx: &Tx, run: &payout_run::Model) -> Result<stipend_scheme::Model, Problem> {
    tx.maybe_load::<stipend_scheme::Entity>(run.scheme_id).await?.ok_or_else(Problem::not_found)
}

async fn run_of(tx: &Tx, file: &bank_file::Model) -> Result<payout_run::Model, Problem> {
    tx.maybe_load::<payout_run::Entity>(file.run_id).await?.ok_or_else(Problem::not_found)
}

/// The payments of a file, as the bank gets them.
async fn payment_lines(tx: &Tx, keys: &KeyRing, run: &payout_run::Model, items: &[payout_item::Model]) -> Result<Vec<PaymentLine>, Problem> {
    let scheme = scheme_of(tx, run).await?;
    let accounts: BTreeMap<Uuid, bank_account::Model> =
        tx.all(tx.select::<bank_account::Entity>().filter(bank_account::Column::StreetId.eq(run.street_id))).await?.into_iter().map(|account| (account.id, account)).collect();
    let people: BTreeMap<Uuid, beneficiary::Model> =
        tx.all(tx.select::<beneficiary::Entity>().filter(beneficiary::Column::StreetId.eq(run.street_id))).await?.into_iter().map(|person| (person.id, person)).collect();
    let mut lines = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let account = item.bank_account_id.and_then(|id| accounts.get(&id)).ok_or_else(|| Problem::internal("a posted item without its account"))?;
        let (number, holder) = people::account_of(keys, account)?;
        lines.push(PaymentLine {
            item_id: item.id,
            serial: u32::try_from(index).map_err(Problem::internal)?.saturating_add(1),
            account_number: number,
            holder_name: holder,
            bank_name: account.bank_name.clone(),
            bank_code: account.bank_code.clone(),
            amount: item.net,
            summary: format!("{} {}", scheme.name, run.period),
            identity_number_masked: people.get(&item.beneficiary_id).map(|person| person.id_number_masked.clone()),
        });
    }
    Ok(lines)
}

/// Makes a bank file of what a posted run has not yet exported.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`; 422 `unknown_reference`, `bank_file_refused`.
pub async fn make_file(tx: &Tx, act: &Act, run: Authorised<payout_run::Model>, template_id: Uuid) -> Result<bank_file::Model, Problem> {
    // Another file may be under way: what it takes must not go into this one.
    let run = tx.load_locked::<payout_run::Entity>(run.id).await?.into_read();
    let template = tx.reference::<bank_file_template::Entity>(template_id, "/template_id").await?;
    let select = tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(run.id)).filter(payout_item::Column::State.eq("posted")).order_by_asc(payout_item::Column::Id);
    let items = tx.all(select).await?;
    if !["posted", "exported"].contains(&run.state.as_str()) || items.is_empty() {
        return Err(Problem::invalid_transition("bank_file", &run.state));
    }
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Pay).await?;
    let files = tx.count(tx.select::<bank_file::Entity>().filter(bank_file::Column::RunId.eq(run.id))).await?;
    let sum = Fen::checked_sum(items.iter().map(|item| item.net)).map_err(Problem::internal)?;
    let number = format!("{}-{}-{}-{}", run.period, run.seq, files.saturating_add(1), run.scheme_id.simple().to_string().chars().rev().take(6).collect::<String>());
    let count = u32::try_from(items.len()).map_err(Problem::internal)?;
    let batch = Batch { number: number.clone(), date: act.today, count, sum };
    let lines = payment_lines(tx, &act.keys, &run, &items).await?;
    let layout = template.template()?;
    let bytes = render(&layout, &batch, &lines)?;
    let id = new_id();
    let file = bank_file::ActiveModel {
        id: Set(id),
        district_id: Set(run.district_id),
        street_id: Set(run.street_id),
        run_id: Set(run.id),
        template_id: Set(template.id),
        number: Set(number),
        state: Set("made".to_owned()),
        date: Set(act.today),
        count: Set(i32::try_from(count).map_err(Problem::internal)?),
        sum: Set(sum),
        sha256: Set(hex::encode(Sha256::digest(&bytes))),
        file_name: Set(file_name(&layout, &batch)),
        content: Set(act.keys.encrypt(&format!("bank_file:{id}"), &STANDARD.encode(&bytes)).map_err(Problem::internal)?),
        made_by: Set(act.person()?.user_id),
        voided_by: Set(None),
        void_reason: Set(None),
        result_sha256: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let file = tx.insert::<bank_file::Entity, _>(file).await?;
    // Numbered as in the file: by id.
    let export = Sql::both(
        "UPDATE payout_items SET state = 'exported', bank_file_id = $2, serial = numbered.serial, version = version + 1 \
         FROM (SELECT id, CAST(ROW_NUMBER() OVER (ORDER BY id) AS integer) AS serial FROM payout_items WHERE run_id = $1 AND state = 'posted') AS numbered WHERE payout_items.id = numbered.id",
    );
    if tx.execute(export, vec![run.id.into(), file.id.into()]).await? != u64::from(count) {
        return Err(Problem::internal("a payment that another bank file took"));
    }
    set_run_state(tx, &run, "exported").await?;
    audit::record(tx, act, Event::new("bank_file.make", "bank_file", file.id, bank_file::Entity::place(&file)).after(&file)?).await?;
    Ok(file)
}

async fn set_run_state(tx: &Tx, run: &payout_run::Model, state: &str) -> Result<(), Problem> {
    let next = payout_run::ActiveModel { id: Unchanged(run.id), state: Set(state.to_owned()), version: Set(run.version.saturating_add(1)), ..Default::default() };
    tx.update::<payout_run::Entity, _>(next).await?;
    Ok(())
}

/// The bytes of a file, the same each time.
///
/// # Errors
/// 500 where they cannot be read.
pub fn bytes_of(keys: &KeyRing, file: &bank_file::Model) -> Result<Vec<u8>, Problem> {
    let text = keys.decrypt(&format!("bank_file:{}", file.id), &file.content).map_err(Problem::internal)?;
    STANDARD.decode(text).map_err(Problem::internal)
}

/// Voids a file as a second person, while no result is imported; its items go into another.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn void(tx: &Tx, act: &Act, row: Authorised<bank_file::Model>, reason: String) -> Result<bank_file::Model, Problem> {
    let before = row.into_inner();
    if before.state != "made" || before.result_sha256.is_some() {
        return Err(Problem::invalid_transition("void", &before.state));
    }
    if act.user_id() == Some(before.made_by) || duties::holds(tx, before.district_id, before.run_id, &act.person_key(), Part::Pay).await? {
        return Err(Problem::separation_of_duties("void", Part::Pay.code()));
    }
    tx.execute(Sql::both("UPDATE payout_items SET state = 'posted', bank_file_id = NULL, serial = NULL, version = version + 1 WHERE bank_file_id = $1"), vec![before.id.into()]).await?;
    set_run_state(tx, &run_of(tx, &before).await?, "posted").await?;
    let next = bank_file::ActiveModel {
        id: Unchanged(before.id),
        state: Set("void".to_owned()),
        voided_by: Set(act.user_id()),
        void_reason: Set(Some(reason.clone())),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<bank_file::Entity, _>(next).await?;
    let mut event = Event::new("bank_file.void", "bank_file", after.id, bank_file::Entity::place(&after)).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

async fn items_of(tx: &Tx, file: &bank_file::Model) -> Result<Vec<payout_item::Model>, Problem> {
    tx.all(tx.select::<payout_item::Entity>().filter(payout_item::Column::BankFileId.eq(file.id)).order_by_asc(payout_item::Column::Serial)).await
}

/// Imports the bank's result: what was paid is booked (E7, recorded under who posted the run); what came back waits for the accountant.
///
/// # Errors
/// 409 `invalid_transition`; 422 `result_mismatch` and nothing is taken over.
pub async fn import_result(tx: &Tx, act: &Act, row: Authorised<bank_file::Model>, (result, sha256): (&ResultFile, String)) -> Result<bank_file::Model, Problem> {
    let before = row.into_inner();
    if before.state != "made" || before.result_sha256.is_some() {
        return Err(Problem::invalid_transition("result", if before.result_sha256.is_some() { "imported" } else { &before.state }));
    }
    let run = run_of(tx, &before).await?;
    let scheme = super::run::lock_scheme(tx, run.scheme_id).await?;
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Pay).await?;
    let items = items_of(tx, &before).await?;
    let lines = payment_lines(tx, &act.keys, &run, &items).await?;
    let batch = Batch { number: before.number.clone(), date: before.date, count: u32::try_from(before.count).map_err(Problem::internal)?, sum: before.sum };
    let matched = match_result(result, &batch, &lines)?;
    let paid = mark(tx, before.id, &items, &matched).await?;
    let next = bank_file::ActiveModel {
        id: Unchanged(before.id),
        result_sha256: Set(Some(sha256)),
        state: Set(if matched.iter().all(|line| line.paid) { "settled" } else { "made" }.to_owned()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<bank_file::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("bank_file.result", "bank_file", after.id, bank_file::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    settle_run(tx, &run).await?;
    if paid.is_positive() {
        let entries = vec![Entry::debit(Account::StipendsPayable, paid).of_category(scheme.category_id), Entry::credit(on_hand(&scheme), paid)];
        let mut posting =
            Posting::new((run.district_id, run.street_id), act.today, VoucherKind::StipendPayment, ("bank_file", after.id), after.number.clone(), entries).known_to_bank_as(after.number.clone());
        (posting.prepared_by, posting.prepared_job) = (run.posted_by, run.posted_by.is_none().then_some("stipends.post"));
        posting.authorisation = run.authorisation_id;
        posting.reviewed_by = run.approved_by;
        posting.cashier = act.user_id();
        post(tx, act, posting).await?;
    }
    Ok(after)
}

/// Marks the items of a file with why they came back, and all others as paid; gives the sum paid.
async fn mark(tx: &Tx, file: Uuid, items: &[payout_item::Model], matched: &[Matched]) -> Result<Fen, Problem> {
    let (paid, returned): (Vec<&Matched>, Vec<&Matched>) = matched.iter().partition(|line| line.paid);
    for line in returned {
        let set = Sql::both("UPDATE payout_items SET returned_reason = $2, version = version + 1 WHERE id = $1");
        tx.execute(set, vec![line.item_id.into(), line.reason.clone().into()]).await?;
    }
    let set = Sql::both("UPDATE payout_items SET state = 'paid', version = version + 1 WHERE bank_file_id = $1 AND state = 'exported' AND returned_reason IS NULL");
    if tx.execute(set, vec![file.into()]).await? != u64::try_from(paid.len()).map_err(Problem::internal)? {
        return Err(Problem::internal("a result of other payments than the file's"));
    }
    let paid: BTreeSet<Uuid> = paid.into_iter().map(|line| line.item_id).collect();
    Fen::checked_sum(items.iter().filter(|item| paid.contains(&item.id)).map(|item| item.net)).map_err(Problem::internal)
}

/// A run is settled when every item is paid or returned.
async fn settle_run(tx: &Tx, run: &payout_run::Model) -> Result<(), Problem> {
    let open = tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(run.id)).filter(payout_item::Column::State.is_in(["posted", "exported"]));
    if tx.count(open).await? == 0 { set_run_state(tx, run, "settled").await } else { Ok(()) }
}

/// Confirms what the bank returned (E8): its parts no longer count, so that it is due again; line, year, tax and authorisation are given back.
///
/// # Errors
/// 409 `invalid_transition` where nothing waits; 403 `separation_of_duties`; 409 `fiscal_year_not_open`.
pub async fn confirm_returns(tx: &Tx, act: &Act, row: Authorised<bank_file::Model>) -> Result<bank_file::Model, Problem> {
    let before = row.into_inner();
    let run = run_of(tx, &before).await?;
    let scheme = super::run::lock_scheme(tx, run.scheme_id).await?;
    let returned: Vec<payout_item::Model> = items_of(tx, &before).await?.into_iter().filter(|item| item.state == "exported" && item.returned_reason.is_some()).collect();
    if before.result_sha256.is_none() || returned.is_empty() {
        return Err(Problem::invalid_transition("confirm", &before.state));
    }
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Review).await?;
    let next = bank_file::ActiveModel { id: Unchanged(before.id), state: Set("settled".to_owned()), version: Set(before.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<bank_file::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("bank_file.confirm_returns", "bank_file", after.id, bank_file::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    let mut back = Vec::with_capacity(returned.len());
    for item in returned {
        let item = returned::take_back(tx, &scheme, &run, item).await?;
        let set = Sql::both("UPDATE payout_items SET state = 'returned', return_confirmed = $2, kept = $3, version = version + 1 WHERE id = $1");
        tx.execute(set, vec![item.id.into(), true.into(), item.kept.into()]).await?;
        back.push(item);
    }
    settle_run(tx, &run).await?;
    book_returns(tx, act, (&scheme, &run, &after), &back).await?;
    Ok(after)
}

/// E8: Dr 2302 net, Dr 2307 tax / Cr 5001 by line, gross; where the run's year is over, Cr 3001 and the open year's carried-in.
async fn book_returns(tx: &Tx, act: &Act, of: (&stipend_scheme::Model, &payout_run::Model, &bank_file::Model), returned: &[payout_item::Model]) -> Result<(), Problem> {
    let (scheme, run, file) = of;
    let sum = |field: fn(&payout_item::Model) -> Fen| Fen::checked_sum(returned.iter().map(field)).map_err(Problem::internal);
    let (gross, tax, net) = (sum(|item| item.gross)?, sum(|item| item.tax)?, sum(|item| item.net)?);
    let year = super::model::year_of(act.today);
    let mut entries = vec![Entry::debit(Account::StipendsPayable, net).of_category(scheme.category_id), Entry::debit(Account::TaxWithheld, tax)];
    if run.fiscal_year == year {
        let mut by_line: BTreeMap<Uuid, Fen> = BTreeMap::new();
        for item in returned {
            let line = item.budget_line_id.ok_or_else(|| Problem::internal("a posted item without its line"))?;
            let sum = by_line.entry(line).or_default();
            *sum = sum.checked_add(item.gross).map_err(Problem::internal)?;
        }
        for (line, sum) in by_line {
            lines::spend(tx, line, sum.checked_neg().map_err(Problem::internal)?).await?;
            let community = tx.maybe_load::<budget_line::Entity>(line).await?.and_then(|line| line.community_id);
            entries.push(Entry::credit(Account::Expenditure, sum).of_category(scheme.category_id).of_community(community));
        }
        if run.authorisation_id.is_some() {
            scheme::use_up(tx, scheme, year, gross.checked_neg().map_err(Problem::internal)?, Fen::DOCUMENT_MAX).await?;
        }
        years::add(tx, run.street_id, year, Sums { spent: gross.checked_neg().map_err(Problem::internal)?, ..Sums::default() }).await?;
    } else {
        let _open: fiscal_year::Model = years::require_open(tx, run.street_id, year).await?;
        years::add(tx, run.street_id, year, Sums { carried_in: gross, ..Sums::default() }).await?;
        entries.push(Entry::credit(Account::CarriedOver, gross).of_category(scheme.category_id));
    }
    let posting = Posting::new((run.district_id, run.street_id), act.today, VoucherKind::StipendReturn, ("bank_file", file.id), file.number.clone(), entries).reviewed_by(run.approved_by);
    post(tx, act, posting).await?;
    Ok(())
}
