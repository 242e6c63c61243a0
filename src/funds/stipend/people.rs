//! Beneficiaries, their bank accounts and their enrolments. What takes effect when a second person confirms it waits until then; confirming is not authoring.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::routes_enrolments::{NewEnrolment, NewSuspension};
use super::routes_people::{NewAccount, NewBeneficiary};
use super::{bank_account, beneficiary, enrolment, refusals, stipend_scheme, suspension, verify};
use crate::kernel::act::Act;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::kernel::{bank_card, masking};
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};

/// Adds a beneficiary, with an account where one is given. Body or table have looked at the ID number.
///
/// # Errors
/// 409 `already_exists`.
pub async fn add(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewBeneficiary) -> Result<beneficiary::Model, Problem> {
    let street = unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?;
    let number = IdentityNumber::parse(&new.id_number).map_err(Problem::internal)?;
    let id = new_id();
    let seal = |what: &str, text: &str| act.keys.encrypt(&format!("beneficiary:{what}:{id}"), text).map_err(Problem::internal);
    let row = beneficiary::ActiveModel {
        id: Set(id),
        district_id: Set(unit.district_id),
        street_id: Set(street),
        community_id: Set(unit.community_id),
        name_sealed: Set(seal("name", new.name.trim())?),
        name_masked: Set(masking::name(new.name.trim())),
        proposed_name_sealed: Set(None),
        proposed_name_masked: Set(None),
        proposed_name_id: Set(None),
        proposed_name_by: Set(None),
        id_number_sealed: Set(seal("id_number", number.as_str())?),
        id_number_masked: Set(masking::id_number(number.as_str())),
        person_key: Set(act.keys.lookup_hash("person", number.as_str())),
        on_payroll: Set(new.on_payroll),
        authored_by: Set(act.person()?.user_id),
        version: Set(1),
        created_at: Set(act.at),
    };
    let exists = || refusals::already_exists("该身份证号码的领取人", "A beneficiary with this ID number");
    let made = tx.try_insert::<beneficiary::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { exists() } else { error.into() })?;
    audit::record(tx, act, Event::new("beneficiary.add", "beneficiary", made.id, beneficiary::Entity::place(&made)).after(&made)?).await?;
    if let Some(account) = new.account {
        put_account(tx, act, &made, account, Some(new.name.trim())).await?;
    }
    Ok(made)
}

/// What the name of a beneficiary is encrypted for, also one that waits.
pub fn name_context(beneficiary: Uuid) -> String {
    format!("beneficiary:name:{beneficiary}")
}

/// The corrected name that waits for a second person, in the clear; none where none does.
///
/// # Errors
/// 500 where it cannot be read.
pub fn proposed_name_of(act_keys: &crate::kernel::crypto::KeyRing, row: &beneficiary::Model) -> Result<Option<String>, Problem> {
    row.proposed_name_sealed.as_deref().map(|sealed| act_keys.decrypt(&name_context(row.id), sealed).map_err(Problem::internal)).transpose()
}

/// The name of a beneficiary, in the clear: for bank files and for who may see it.
///
/// # Errors
/// 500 where it cannot be read.
pub fn name_of(act_keys: &crate::kernel::crypto::KeyRing, row: &beneficiary::Model) -> Result<String, Problem> {
    act_keys.decrypt(&name_context(row.id), &row.name_sealed).map_err(Problem::internal)
}

/// The name of who died, in the clear; none where nobody's survivor is enrolled.
///
/// # Errors
/// 500 where it cannot be read.
pub fn deceased_of(act_keys: &crate::kernel::crypto::KeyRing, row: &enrolment::Model) -> Result<Option<String>, Problem> {
    row.deceased_sealed.as_deref().map(|sealed| act_keys.decrypt(&format!("enrolment:deceased:{}", row.id), sealed).map_err(Problem::internal)).transpose()
}

/// The ID number of a beneficiary, in the clear.
///
/// # Errors
/// 500 where it cannot be read.
pub fn id_number_of(act_keys: &crate::kernel::crypto::KeyRing, row: &beneficiary::Model) -> Result<String, Problem> {
    act_keys.decrypt(&format!("beneficiary:id_number:{}", row.id), &row.id_number_sealed).map_err(Problem::internal)
}

/// The number and the holder of an account, in the clear: for bank files.
///
/// # Errors
/// 500 where they cannot be read.
pub fn account_of(act_keys: &crate::kernel::crypto::KeyRing, row: &bank_account::Model) -> Result<(String, String), Problem> {
    let open = |what: &str, sealed: &str| act_keys.decrypt(&format!("bank_account:{what}:{}", row.id), sealed).map_err(Problem::internal);
    Ok((open("number", &row.number_sealed)?, open("holder", &row.holder_sealed)?))
}

async fn put_account(tx: &Tx, act: &Act, owner: &beneficiary::Model, new: NewAccount, own_name: Option<&str>) -> Result<bank_account::Model, Problem> {
    let number: String = new.number.chars().filter(|character| !character.is_whitespace()).collect();
    let holder = match (new.holder_name, own_name) {
        (Some(holder), _) => holder.trim().to_owned(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => name_of(&act.keys, owner)?,
    };
    let id = new_id();
    let seal = |what: &str, text: &str| act.keys.encrypt(&format!("bank_account:{what}:{id}"), text).map_err(Problem::internal);
    let row = bank_account::ActiveModel {
        id: Set(id),
        district_id: Set(owner.district_id),
        street_id: Set(owner.street_id),
        beneficiary_id: Set(owner.id),
        number_sealed: Set(seal("number", &number)?),
        number_masked: Set(masking::account(&number)),
        number_key: Set(act.keys.lookup_hash("bank_account", &number)),
        bank_name: Set(new.bank_name),
        bank_code: Set(new.bank_code),
        holder_sealed: Set(seal("holder", &holder)?),
        holder_masked: Set(masking::name(&holder)),
        holder_key: Set(act.keys.lookup_hash("holder", &holder)),
        holder_relation: Set(new.holder_relation.code().to_owned()),
        state: Set("unconfirmed".to_owned()),
        luhn_holds: Set(bank_card::luhn(&number)),
        authored_by: Set(act.person()?.user_id),
        confirmed_by: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let made = tx.insert::<bank_account::Entity, _>(row).await?;
    let place = bank_account::Entity::place(&made);
    duties::take(tx, act, place, "bank_account", made.id, Part::Prepare).await?;
    audit::record(tx, act, Event::new("bank_account.add", "bank_account", made.id, place).after(&made)?).await?;
    Ok(made)
}

/// Adds a version of a beneficiary's account; the one in force stays until this one is confirmed.
///
/// # Errors
/// 500 where the database fails.
pub async fn add_account(tx: &Tx, act: &Act, owner: Authorised<beneficiary::Model>, new: NewAccount) -> Result<bank_account::Model, Problem> {
    put_account(tx, act, &owner, new, None).await
}

/// Confirms an account as a second person; the one before is replaced.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn confirm_account(tx: &Tx, act: &Act, row: Authorised<bank_account::Model>) -> Result<bank_account::Model, Problem> {
    let before = row.into_inner();
    if before.state != "unconfirmed" {
        return Err(Problem::invalid_transition("confirm", &before.state));
    }
    let place = bank_account::Entity::place(&before);
    duties::take(tx, act, place, "bank_account", before.id, Part::Review).await?;
    let old = tx.select::<bank_account::Entity>().filter(bank_account::Column::BeneficiaryId.eq(before.beneficiary_id)).filter(bank_account::Column::State.eq("confirmed"));
    for old in tx.all(old).await? {
        let next = bank_account::ActiveModel { id: Unchanged(old.id), state: Set("replaced".to_owned()), version: Set(old.version.saturating_add(1)), ..Default::default() };
        tx.update::<bank_account::Entity, _>(next).await?;
    }
    let next = bank_account::ActiveModel {
        id: Unchanged(before.id),
        state: Set("confirmed".to_owned()),
        confirmed_by: Set(act.user_id()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<bank_account::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("bank_account.confirm", "bank_account", after.id, place).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Enrols a beneficiary in a scheme; it takes effect when a second person confirms it.
///
/// # Errors
/// 409 `already_exists`; 422 `period_not_of_scheme`, `unknown_reference`.
pub async fn enrol(tx: &Tx, act: &Act, scheme: &Authorised<stipend_scheme::Model>, new: NewEnrolment) -> Result<enrolment::Model, Problem> {
    let person = tx.reference::<beneficiary::Entity>(new.beneficiary_id, "/beneficiary_id").await?;
    if person.street_id != scheme.street_id {
        return Err(Problem::unknown_reference("/beneficiary_id"));
    }
    let paid_through = new.paid_through.unwrap_or_else(|| scheme.first_period.previous());
    if paid_through.frequency() != scheme.first_period.frequency() {
        return Err(refusals::period_not_of_scheme(&paid_through.to_string()));
    }
    let author = act.person()?;
    let id = new_id();
    let survivor = new.survivor;
    let deceased = survivor.as_ref().map(|survivor| survivor.deceased_name.trim().to_owned());
    let expected_end = verify::expected_end(act, &person, new.ends_at_age, new.study_until)?;
    if expected_end.is_some_and(|end| end < new.from_date) {
        return Err(date_before_start(if new.ends_at_age.is_some() { "/ends_at_age" } else { "/study_until" }));
    }
    let row = enrolment::ActiveModel {
        id: Set(id),
        district_id: Set(scheme.district_id),
        street_id: Set(scheme.street_id),
        community_id: Set(person.community_id),
        scheme_id: Set(scheme.id),
        beneficiary_id: Set(person.id),
        from_date: Set(new.from_date),
        to_date: Set(new.to_date),
        end_reason: Set(None),
        // What was paid before the scheme's first period was paid elsewhere.
        paid_through: Set(paid_through.max(scheme.first_period.previous())),
        own_rate: Set(new.own_rate),
        own_rate_from: Set(new.own_rate.map(|_| new.own_rate_from.unwrap_or_else(|| crate::kernel::period::Month::of(new.from_date)))),
        relation: Set(survivor.as_ref().map(|survivor| survivor.relation.code().to_owned())),
        deceased_sealed: Set(deceased.as_deref().map(|name| act.keys.encrypt(&format!("enrolment:deceased:{id}"), name).map_err(Problem::internal)).transpose()?),
        deceased_masked: Set(deceased.as_deref().map(masking::name)),
        died_on: Set(survivor.and_then(|survivor| survivor.died_on)),
        ends_at_age: Set(new.ends_at_age),
        study_until: Set(new.study_until),
        expected_end: Set(expected_end),
        end_warned: Set(false),
        verify_by: Set(None),
        verified_on: Set(None),
        verified_by: Set(None),
        verification_evidence: Set(None),
        verification_asked: Set(false),
        arrears_accepted_through: Set(None),
        state: Set("unconfirmed".to_owned()),
        authored_by: Set(author.user_id),
        author_person: Set(author.person()),
        confirmed_by: Set(None),
        confirmed_until: Set(None),
        ended_by_person: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let exists = || refusals::already_exists("该领取人在此方案中的登记", "An enrolment of this beneficiary in the scheme");
    let made = tx.try_insert::<enrolment::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { exists() } else { error.into() })?;
    let place = enrolment::Entity::place(&made);
    duties::take(tx, act, place, "enrolment", made.id, Part::Prepare).await?;
    audit::record(tx, act, Event::new("enrolment.add", "enrolment", made.id, place).after(&made)?).await?;
    Ok(made)
}

/// Confirms an enrolment as a second person.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn confirm(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    if before.state != "unconfirmed" {
        return Err(Problem::invalid_transition("confirm", &before.state));
    }
    duties::take(tx, act, enrolment::Entity::place(&before), "enrolment", before.id, Part::Approve).await?;
    let verify_by = verify::first_due(tx, act, &before).await?;
    let change = enrolment::ActiveModel { state: Set("confirmed".to_owned()), confirmed_by: Set(act.user_id()), confirmed_until: Set(before.to_date), verify_by: Set(verify_by), ..Default::default() };
    changed(tx, act, "enrolment.confirm", &before, change, None).await
}

/// Writes a change of an enrolment, with its event.
///
/// # Errors
/// 500 where the database fails.
pub async fn changed(tx: &Tx, act: &Act, action: &'static str, before: &enrolment::Model, change: enrolment::ActiveModel, reason: Option<String>) -> Result<enrolment::Model, Problem> {
    let next = enrolment::ActiveModel { id: Unchanged(before.id), version: Set(before.version.saturating_add(1)), ..change };
    let after = tx.update::<enrolment::Entity, _>(next).await?;
    let mut event = Event::new(action, "enrolment", after.id, enrolment::Entity::place(&after)).before(before)?.after(&after)?;
    event.reason = reason;
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// Counts a change of what belongs to an enrolment: who has read it, or changes it at the same time, sees another version. What has changed has an event of its own.
///
/// # Errors
/// 500 where the database fails.
pub async fn touch(tx: &Tx, row: &enrolment::Model) -> Result<(), Problem> {
    let update = Sql::both("UPDATE enrolments SET version = version + 1 WHERE district_id = $1 AND street_id = $2 AND id = $3");
    tx.execute(update, vec![row.district_id.into(), row.street_id.into(), row.id.into()]).await?;
    Ok(())
}

fn date_before_start(pointer: &str) -> Problem {
    Problem::new(422, "date_before_start", "日期早于开始日期", "The date lies before the start").detail("结束日期不得早于开始日期。", "An enrolment cannot end before it began.").field(
        pointer,
        "date_before_start",
        "早于开始日期",
        "lies before the start",
    )
}

/// Ends an enrolment on a day, with the reason; what was paid beyond comes back in the next run. One that has an end, because it was enrolled until a day, ends at an age or with study, or its end was told too late, can only end earlier:
/// a longer one would be paid without a second person's look (see [`super::mistakes::reinstate`]).
///
/// # Errors
/// 409 `invalid_transition` where it ends by then anyway; 422 where the day lies before the first.
pub async fn end(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, to: chrono::NaiveDate, reason: String) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    if before.state == "withdrawn" || before.last_day().is_some_and(|end| end <= to) {
        return Err(Problem::invalid_transition("end", if before.state == "withdrawn" { "withdrawn" } else { "ended" }));
    }
    if to < before.from_date {
        return Err(date_before_start("/to_date"));
    }
    let ended_by_person = Set(Some(act.person()?.person()));
    let change = enrolment::ActiveModel { to_date: Set(Some(to)), end_reason: Set(Some(reason.clone())), ended_by_person, ..Default::default() };
    changed(tx, act, "enrolment.end", &before, change, Some(reason)).await
}

/// Stops or holds an enrolment for a time.
///
/// # Errors
/// 500 where the database fails.
pub async fn suspend(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: NewSuspension) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    let suspension = suspension::ActiveModel {
        id: Set(new_id()),
        district_id: Set(before.district_id),
        street_id: Set(before.street_id),
        enrolment_id: Set(before.id),
        kind: Set(new.kind.code().to_owned()),
        from_date: Set(new.from_date),
        to_date: Set(new.to_date),
        reason: Set(new.reason.clone()),
        authored_by: Set(act.person()?.user_id),
        created_at: Set(act.at),
    };
    tx.insert::<suspension::Entity, _>(suspension).await?;
    changed(tx, act, "enrolment.suspend", &before, enrolment::ActiveModel::default(), Some(new.reason)).await
}

/// Ends the suspensions of an enrolment that are in force on a day, or were to go on after it, the day before. One that is resumed on its first day takes nothing out.
///
/// # Errors
/// 409 `invalid_transition` where none reaches that day; 422 where the day lies before an open one began.
pub async fn resume(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, from: chrono::NaiveDate) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    let reaching = Condition::any().add(suspension::Column::ToDate.is_null()).add(suspension::Column::ToDate.gte(from));
    let reaching = tx.all(tx.select::<suspension::Entity>().filter(suspension::Column::EnrolmentId.eq(before.id)).filter(reaching)).await?;
    let (begun, later): (Vec<_>, Vec<_>) = reaching.into_iter().partition(|suspended| suspended.from_date <= from);
    if begun.is_empty() {
        let early = later.iter().any(|suspended| suspended.to_date.is_none());
        return Err(if early { date_before_start("/from_date") } else { Problem::invalid_transition("resume", "not suspended") });
    }
    let last = from.pred_opt().unwrap_or(from);
    for suspended in begun {
        let next = suspension::ActiveModel { id: Unchanged(suspended.id), to_date: Set(Some(last)), ..Default::default() };
        tx.update::<suspension::Entity, _>(next).await?;
    }
    changed(tx, act, "enrolment.resume", &before, enrolment::ActiveModel::default(), None).await
}

/// The beneficiaries of a street by ID or account number: the number itself stands nowhere but in the request's body.
///
/// # Errors
/// 500 where the database fails.
pub async fn search(tx: &Tx, act: &Act, street: Uuid, id_number: Option<&str>, account_number: Option<&str>) -> Result<Vec<beneficiary::Model>, Problem> {
    let mut select = tx.select::<beneficiary::Entity>().filter(beneficiary::Column::StreetId.eq(street));
    if let Some(number) = id_number {
        let Ok(number) = IdentityNumber::parse(number) else {
            return Ok(Vec::new());
        };
        select = select.filter(beneficiary::Column::PersonKey.eq(act.keys.lookup_hash("person", number.as_str())));
    }
    if let Some(number) = account_number {
        let number: String = number.chars().filter(|character| !character.is_whitespace()).collect();
        let accounts = tx.select::<bank_account::Entity>().filter(bank_account::Column::NumberKey.eq(act.keys.lookup_hash("bank_account", &number)));
        let owners = tx.all(accounts).await?.into_iter().map(|account| account.beneficiary_id);
        select = select.filter(beneficiary::Column::Id.is_in(owners));
    }
    tx.all(select).await
}
