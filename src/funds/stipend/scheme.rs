//! Schemes, their rates, and the standing authorisations under which they pay by themselves.

use std::collections::BTreeMap;

use chrono::Datelike;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::model::{Limits, Rules};
use super::routes_scheme::{NewAuthorisation, NewKind, NewRate, NewScheme, SchemeChange};
use super::{enrolment, own_rates, payout_run, refusals, scheme_kind, scheme_rate, standing_authorisation, stipend_scheme};
use crate::funds::ledger::refusals::fiscal_year_not_open;
use crate::funds::ledger::years;
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};

/// Adds a kind of scheme to a district.
///
/// # Errors
/// 409 `already_exists`.
pub async fn add_kind(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewKind) -> Result<scheme_kind::Model, Problem> {
    let row = scheme_kind::ActiveModel {
        id: Set(new_id()),
        district_id: Set(district.district_id),
        code: Set(new.code),
        name: Set(new.name),
        frequency: Set(new.frequency.code().to_owned()),
        verification_months: Set(new.verification_months),
        version: Set(1),
        created_at: Set(act.at),
    };
    let exists = || refusals::already_exists("同编码的补贴种类", "A kind with this code");
    let kind = tx.try_insert::<scheme_kind::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { exists() } else { error.into() })?;
    audit::record(tx, act, Event::new("scheme_kind.add", "scheme_kind", kind.id, scheme_kind::Entity::place(&kind)).after(&kind)?).await?;
    Ok(kind)
}

/// Adds a scheme to a street.
///
/// # Errors
/// 422 `category_pays_no_individuals`, `unknown_reference`, `period_not_of_scheme`; 409 `already_exists`.
pub async fn add(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewScheme) -> Result<stipend_scheme::Model, Problem> {
    let kind = tx.reference::<scheme_kind::Entity>(new.scheme_kind_id, "/scheme_kind_id").await?;
    let category = tx.reference::<category::Entity>(new.category_id, "/category_id").await?;
    if !category.pays_individuals {
        return Err(refusals::category_pays_no_individuals());
    }
    if new.first_period.frequency().code() != kind.frequency {
        return Err(refusals::period_not_of_scheme(&new.first_period.to_string()));
    }
    let person = act.person()?;
    let row = stipend_scheme::ActiveModel {
        id: Set(new_id()),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        scheme_kind_id: Set(kind.id),
        category_id: Set(category.id),
        name: Set(new.name),
        frequency: Set(kind.frequency),
        line_scope: Set(new.line_scope.code().to_owned()),
        paid_from: Set(new.paid_from.code().to_owned()),
        rate_basis: Set(new.rate_basis.code().to_owned()),
        pay_day: Set(new.pay_day),
        proration: Set(new.proration.code().to_owned()),
        start_rule: Set(new.start_rule.code().to_owned()),
        end_rule: Set(new.end_rule.code().to_owned()),
        rounding_unit: Set(new.rounding_unit.code().to_owned()),
        rounding_mode: Set(new.rounding_mode.code().to_owned()),
        tax_kind: Set(new.tax_kind.code().to_owned()),
        first_period: Set(new.first_period),
        last_period: Set(None),
        active_from: Set(act.today),
        authored_by: Set(person.user_id),
        author_person: Set(person.person()),
        version: Set(1),
        created_at: Set(act.at),
    };
    let exists = || refusals::already_exists("同名的补贴方案", "A scheme with this name");
    let scheme = tx.try_insert::<stipend_scheme::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { exists() } else { error.into() })?;
    audit::record(tx, act, Event::new("stipend_scheme.add", "stipend_scheme", scheme.id, stipend_scheme::Entity::place(&scheme)).after(&scheme)?).await?;
    for rate in new.rates {
        put_rate(tx, act, &scheme, rate).await?;
    }
    Ok(scheme)
}

async fn put_rate(tx: &Tx, act: &Act, scheme: &stipend_scheme::Model, new: NewRate) -> Result<scheme_rate::Model, Problem> {
    let row = scheme_rate::ActiveModel {
        id: Set(new_id()),
        district_id: Set(scheme.district_id),
        street_id: Set(scheme.street_id),
        scheme_id: Set(scheme.id),
        from_month: Set(new.from_month),
        amount: Set(new.amount),
        authored_by: Set(act.person()?.user_id),
        created_at: Set(act.at),
    };
    tx.insert::<scheme_rate::Entity, _>(row).await
}

/// Adds a rate from a month on. One from the same month as an earlier one takes its place, and the next run takes the difference; the earlier one stays to be read.
///
/// # Errors
/// 409 `already_exists` where that is the month's rate already.
pub async fn add_rate(tx: &Tx, act: &Act, scheme: Authorised<stipend_scheme::Model>, new: NewRate) -> Result<scheme_rate::Model, Problem> {
    // Whoever signs or pays by the scheme waits, or has read it as it was: its version says that it has changed.
    tx.execute(
        Sql::both("UPDATE stipend_schemes SET version = version + 1 WHERE district_id = $1 AND street_id = $2 AND id = $3"),
        vec![scheme.district_id.into(), scheme.street_id.into(), scheme.id.into()],
    )
    .await?;
    if rates(tx, scheme.id).await?.get(&new.from_month) == Some(&new.amount) {
        return Err(refusals::already_exists("该月起的同一标准", "This rate from this month"));
    }
    let rate = put_rate(tx, act, &scheme, new).await?;
    audit::record(tx, act, Event::new("scheme_rate.add", "scheme_rate", rate.id, scheme_rate::Entity::place(&rate)).after(&rate)?).await?;
    Ok(rate)
}

/// Gives a scheme another name, or a last period: after that no pay day comes, while what is owed up to it can still be paid by a supplementary run. Taken away again, it goes on.
///
/// # Errors
/// 422 `period_not_of_scheme`; 409 `period_has_run` where a later period was paid or is under way, `already_exists`.
pub async fn change(tx: &Tx, act: &Act, row: Authorised<stipend_scheme::Model>, new: SchemeChange) -> Result<stipend_scheme::Model, Problem> {
    let before = row.into_inner();
    if let Some(last) = new.last_period {
        if last.frequency() != before.first_period.frequency() || last < before.first_period {
            return Err(refusals::last_period_not_of_scheme(&last.to_string()));
        }
        let runs = tx.select::<payout_run::Entity>().filter(payout_run::Column::SchemeId.eq(before.id)).filter(payout_run::Column::State.ne("cancelled"));
        if let Some(later) = tx.all(runs).await?.into_iter().find(|run| run.period > last) {
            return Err(refusals::period_has_run(&later.period.to_string()));
        }
    }
    let next = stipend_scheme::ActiveModel { id: Unchanged(before.id), name: Set(new.name), last_period: Set(new.last_period), version: Set(before.version.saturating_add(1)), ..Default::default() };
    let exists = || refusals::already_exists("同名的补贴方案", "A scheme with this name");
    let after = tx.try_update::<stipend_scheme::Entity, _>(next).await.map_err(|error| if is_unique_violation(&error) { exists() } else { error.into() })?;
    audit::record(tx, act, Event::new("stipend_scheme.change", "stipend_scheme", after.id, stipend_scheme::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Signs a standing authorisation. Who signs has not authored the scheme, one of its enrolments or an own rate; renewing does not reset the year's sum.
///
/// # Errors
/// 403 `separation_of_duties`; 409 `fiscal_year_not_open`, `already_exists`.
pub async fn authorise(tx: &Tx, act: &Act, scheme: Authorised<stipend_scheme::Model>, new: NewAuthorisation) -> Result<standing_authorisation::Model, Problem> {
    let person = act.person()?;
    let authored = tx.count(tx.select::<enrolment::Entity>().filter(enrolment::Column::SchemeId.eq(scheme.id)).filter(enrolment::Column::AuthorPerson.eq(person.person()))).await?;
    if scheme.author_person == person.person() || authored > 0 || !own_rates::authored_by(tx, &scheme, &person.person()).await?.is_empty() {
        return Err(Problem::separation_of_duties(Part::Approve.code(), Part::Prepare.code()));
    }
    // Signed within a year: one that people have opened, and that is not over, as nothing of a past one is paid any more.
    if new.fiscal_year < act.today.year() {
        return Err(fiscal_year_not_open(new.fiscal_year));
    }
    years::require_open(tx, scheme.street_id, new.fiscal_year).await?;
    let row = standing_authorisation::ActiveModel {
        id: Set(new_id()),
        district_id: Set(scheme.district_id),
        street_id: Set(scheme.street_id),
        scheme_id: Set(scheme.id),
        fiscal_year: Set(new.fiscal_year),
        max_per_run: Set(new.max_per_run),
        max_per_year: Set(new.max_per_year),
        max_heads: Set(new.max_heads),
        max_increase_percent: Set(new.max_increase_percent),
        signed_by: Set(person.user_id),
        signer_person: Set(person.person()),
        revoked_at: Set(None),
        revoked_by: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let exists = || refusals::already_exists("该年度有效的常设授权", "A standing authorisation of this year");
    let signed = tx.try_insert::<standing_authorisation::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { exists() } else { error.into() })?;
    let place = standing_authorisation::Entity::place(&signed);
    duties::take(tx, act, place, "standing_authorisation", signed.id, Part::Approve).await?;
    audit::record(tx, act, Event::new("standing_authorisation.sign", "standing_authorisation", signed.id, place).after(&signed)?).await?;
    Ok(signed)
}

/// Revokes a standing authorisation: from this commit on nothing is paid under it.
///
/// # Errors
/// 409 `invalid_transition`.
pub async fn revoke(tx: &Tx, act: &Act, row: Authorised<standing_authorisation::Model>) -> Result<standing_authorisation::Model, Problem> {
    let before = row.into_inner();
    if before.revoked_at.is_some() {
        return Err(Problem::invalid_transition("revoke", "revoked"));
    }
    let next = standing_authorisation::ActiveModel {
        id: Unchanged(before.id),
        revoked_at: Set(Some(act.at)),
        revoked_by: Set(act.user_id()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<standing_authorisation::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("standing_authorisation.revoke", "standing_authorisation", after.id, standing_authorisation::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// The rules of a scheme for its arithmetic.
#[must_use]
pub fn rules(scheme: &stipend_scheme::Model) -> Rules {
    Rules {
        per_period: scheme.rate_basis == "period",
        by_day: scheme.proration == "by_day",
        starts_next_month: scheme.start_rule == "next_month",
        ends_before_month: scheme.end_rule == "before_event_month",
        unit: match scheme.rounding_unit.as_str() {
            "yuan" => 100,
            "jiao" => 10,
            _ => 1,
        },
        up: scheme.rounding_mode == "up",
    }
}

/// The rates of a scheme, by month: of several from one month the one that was recorded last.
///
/// # Errors
/// 500 where the database fails.
pub async fn rates(tx: &Tx, scheme: Uuid) -> Result<BTreeMap<crate::kernel::period::Month, Fen>, Problem> {
    let rows = tx.all(tx.select::<scheme_rate::Entity>().filter(scheme_rate::Column::SchemeId.eq(scheme)).order_by_asc(scheme_rate::Column::FromMonth).order_by_asc(scheme_rate::Column::Id)).await?;
    Ok(rows.into_iter().map(|rate| (rate.from_month, rate.amount)).collect())
}

#[derive(FromQueryResult)]
struct Found {
    used: Fen,
}

#[derive(FromQueryResult)]
struct Signer {
    #[expect(dead_code, reason = "only whether there is one matters")]
    id: Uuid,
}

/// The authorisation that a payout goes under, held until the payout is committed: who revokes it comes before, and nothing is paid, or after.
///
/// # Errors
/// 409 `no_authorisation` where it was revoked meanwhile.
pub async fn still_in_force(tx: &Tx, id: Uuid) -> Result<standing_authorisation::Model, Problem> {
    let held = tx.execute(Sql::both("UPDATE standing_authorisations SET version = version WHERE id = $1 AND revoked_at IS NULL"), vec![id.into()]).await?;
    if held == 0 {
        return Err(refusals::no_authorisation());
    }
    tx.maybe_load::<standing_authorisation::Entity>(id).await?.ok_or_else(refusals::no_authorisation)
}

/// The standing authorisation of a scheme that is in force: not revoked, and its signer holds the leader's role in the street under which it was signed.
///
/// # Errors
/// 409 `no_authorisation`.
pub async fn authorisation_in_force(tx: &Tx, act: &Act, scheme: &stipend_scheme::Model, year: i32) -> Result<standing_authorisation::Model, Problem> {
    let select = tx
        .select::<standing_authorisation::Entity>()
        .filter(standing_authorisation::Column::SchemeId.eq(scheme.id))
        .filter(standing_authorisation::Column::FiscalYear.eq(year))
        .filter(standing_authorisation::Column::RevokedAt.is_null());
    let signed = tx.one(select).await?.ok_or_else(refusals::no_authorisation)?;
    let holds = Sql::both(
        "SELECT r.id AS id FROM role_assignments r JOIN users u ON u.id = r.user_id WHERE r.user_id = $1 AND r.street_id = $2 AND r.role = 'street_leader' AND u.disabled_at IS NULL \
         AND r.ended_at IS NULL AND r.from_date <= $3 AND (r.to_date IS NULL OR r.to_date >= $3) AND (r.confirmed_by IS NOT NULL OR NOT r.needs_confirmation) AND r.created_at <= $4",
    );
    // A role that ended took its authorisations with it: one that was granted later does not bring them back.
    let signer = tx.query_one::<Signer>(holds, vec![signed.signed_by.into(), scheme.street_id.into(), act.today.into(), signed.created_at.into()]).await?;
    if signer.is_some() { Ok(signed) } else { Err(refusals::no_authorisation()) }
}

/// What a scheme's authorisations of a year have paid, less what was returned.
///
/// # Errors
/// 500 where the database fails.
pub async fn used(tx: &Tx, scheme: Uuid, year: i32) -> Result<Fen, Problem> {
    let sum = Sql::both("SELECT used FROM authorisation_sums WHERE scheme_id = $1 AND fiscal_year = $2");
    Ok(tx.query_one::<Found>(sum, vec![scheme.into(), year.into()]).await?.map_or(Fen::ZERO, |found| found.used))
}

/// Adds to what was paid under authorisation in a year; negative for what was returned.
///
/// # Errors
/// 409 `authorisation_exceeded` where the year's limit would be passed.
pub async fn use_up(tx: &Tx, scheme: &stipend_scheme::Model, year: i32, amount: Fen, max_per_year: Fen) -> Result<(), Problem> {
    let row = Sql::both("INSERT INTO authorisation_sums (id, district_id, street_id, scheme_id, fiscal_year, used) VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING");
    tx.execute(row, vec![new_id().into(), scheme.district_id.into(), scheme.street_id.into(), scheme.id.into(), year.into()]).await?;
    let add = Sql::both("UPDATE authorisation_sums SET used = used + $3 WHERE scheme_id = $1 AND fiscal_year = $2 AND used + $3 >= 0 AND ($3 <= 0 OR used + $3 <= $4)");
    let changed = tx.execute(add, vec![scheme.id.into(), year.into(), amount.into(), max_per_year.into()]).await?;
    if changed == 1 { Ok(()) } else { Err(refusals::authorisation_exceeded("max_per_year")) }
}

/// The limits of an authorisation.
#[must_use]
pub const fn limits(row: &standing_authorisation::Model) -> Limits {
    Limits { per_run: row.max_per_run, per_year: row.max_per_year, heads: row.max_heads, increase_percent: row.max_increase_percent }
}
