//! What is asked of an enrolment while it runs: the yearly verification, the proof of study that moves its end, arrears that a second person accepts.

use chrono::{Datelike, Months, NaiveDate};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::people::changed;
use super::routes_verify::{AcceptArrears, Extension, KindChange, NewVerification};
use super::{beneficiary, enrolment, outstanding, people, refusals, scheme_kind, stipend_scheme};
use crate::kernel::act::Act;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};

/// Why an enrolment ended, where the system ended it.
pub const ENDED_AS_EXPECTED: &str = "expected_end";

fn after_months(day: NaiveDate, months: i32) -> Result<NaiveDate, Problem> {
    day.checked_add_months(Months::new(u32::try_from(months).map_err(Problem::internal)?)).ok_or_else(|| Problem::internal("no such day"))
}

/// Until when an enrolment that is confirmed today must be verified; none where its kind does not demand it.
///
/// # Errors
/// 500 where the database fails.
pub async fn first_due(tx: &Tx, act: &Act, row: &enrolment::Model) -> Result<Option<NaiveDate>, Problem> {
    outstanding::kind_of(tx, row.scheme_id).await?.verification_months.map(|months| after_months(act.today, months)).transpose()
}

/// The birthday with which somebody reaches an age; 29 February becomes the month's last day.
#[must_use]
pub fn birthday(born: NaiveDate, age: i32) -> Option<NaiveDate> {
    let month = Month::new(born.year().checked_add(age)?, born.month())?;
    Some(NaiveDate::from_ymd_opt(month.year(), month.number(), born.day()).unwrap_or_else(|| month.last_day()))
}

/// When an enrolment ends by itself: with an age, or with the study that is proven, where that is later.
///
/// # Errors
/// 500 where the ID number cannot be read.
pub fn expected_end(act: &Act, person: &beneficiary::Model, age: Option<i32>, study_until: Option<NaiveDate>) -> Result<Option<NaiveDate>, Problem> {
    let Some(age) = age else {
        return Ok(study_until);
    };
    let number = people::id_number_of(&act.keys, person)?;
    let born = IdentityNumber::parse(&number).map_err(Problem::internal)?.born();
    Ok(birthday(born, age).max(study_until))
}

/// Records that an enrolment was verified: what was held for it is paid by the next run, as arrears.
///
/// # Errors
/// 409 `invalid_transition` where it is not demanded; 422 `verification_in_future`.
pub async fn verify(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: NewVerification) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    let months = outstanding::kind_of(tx, before.scheme_id).await?.verification_months;
    let (Some(months), "confirmed") = (months, before.state.as_str()) else {
        return Err(Problem::invalid_transition("verify", if months.is_none() { "not_demanded" } else { &before.state }));
    };
    let on = new.verified_on.unwrap_or(act.today);
    if on > act.today {
        return Err(refusals::verification_in_future(act.today));
    }
    let change = enrolment::ActiveModel {
        verified_on: Set(Some(on)),
        verified_by: Set(act.user_id()),
        verification_evidence: Set(Some(new.evidence.clone())),
        verify_by: Set(Some(after_months(on, months)?)),
        verification_asked: Set(false),
        ..Default::default()
    };
    changed(tx, act, "enrolment.verify", &before, change, Some(new.evidence)).await
}

/// Moves the expected end of an enrolment by a proof of study, as a second person; one that the system ended goes on.
///
/// # Errors
/// 409 `invalid_transition`, `already_exists`; 422 `study_not_later`; 403 `separation_of_duties`.
pub async fn extend(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: Extension) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    let ended_as_expected = before.end_reason.as_deref() == Some(ENDED_AS_EXPECTED);
    // A later day, until which it was enrolled, comes after the expected one, and stays the last.
    let ended_by_people = !ended_as_expected && before.to_date.is_some_and(|day| before.expected_end.is_none_or(|end| day <= end));
    let Some(end) = before.expected_end.filter(|_| !ended_by_people) else {
        return Err(Problem::invalid_transition("extend", if ended_by_people { "ended" } else { "without an expected end" }));
    };
    if new.study_until <= end {
        return Err(refusals::study_not_later(end));
    }
    let other = tx.select::<enrolment::Entity>().filter(enrolment::Column::SchemeId.eq(before.scheme_id)).filter(enrolment::Column::BeneficiaryId.eq(before.beneficiary_id));
    if tx.count(other.filter(enrolment::Column::ToDate.is_null()).filter(enrolment::Column::State.ne("withdrawn")).filter(enrolment::Column::Id.ne(before.id))).await? > 0 {
        return Err(refusals::already_exists("该领取人在此方案中的登记", "An enrolment of this beneficiary in the scheme"));
    }
    duties::take(tx, act, enrolment::Entity::place(&before), "enrolment", before.id, Part::Approve).await?;
    let change = enrolment::ActiveModel {
        study_until: Set(Some(new.study_until)),
        expected_end: Set(Some(new.study_until)),
        to_date: Set(if ended_as_expected { before.confirmed_until } else { before.to_date }),
        end_reason: Set(if ended_as_expected { None } else { before.end_reason.clone() }),
        end_warned: Set(false),
        ..Default::default()
    };
    changed(tx, act, "enrolment.extend", &before, change, Some(new.evidence)).await
}

/// Accepts the arrears of an enrolment up to a period as a second person, however many periods they are: the next run pays them.
///
/// # Errors
/// 422 `period_not_of_scheme`; 403 `separation_of_duties`.
pub async fn accept_arrears(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: AcceptArrears) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    if new.through.frequency() != before.paid_through.frequency() {
        return Err(refusals::period_not_of_scheme(&new.through.to_string()));
    }
    duties::take(tx, act, enrolment::Entity::place(&before), "enrolment", before.id, Part::Approve).await?;
    let change = enrolment::ActiveModel { arrears_accepted_through: Set(Some(new.through)), ..Default::default() };
    changed(tx, act, "enrolment.accept_arrears", &before, change, Some(new.reason)).await
}

/// Changes the name of a kind, and whether its enrolments must be verified. Newly demanded, each has the whole term from today; demanded no more, nothing is held for it.
///
/// # Errors
/// 500 where the database fails.
pub async fn change_kind(tx: &Tx, act: &Act, row: Authorised<scheme_kind::Model>, new: KindChange) -> Result<scheme_kind::Model, Problem> {
    let before = row.into_inner();
    let demanded = before.verification_months != new.verification_months;
    let next = scheme_kind::ActiveModel {
        id: Unchanged(before.id),
        name: Set(new.name),
        verification_months: Set(new.verification_months),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<scheme_kind::Entity, _>(next).await?;
    if demanded {
        let due = after.verification_months.map(|months| after_months(act.today, months)).transpose()?;
        let schemes = tx.all(tx.select::<stipend_scheme::Entity>().filter(stipend_scheme::Column::SchemeKindId.eq(after.id))).await?;
        for scheme in schemes {
            demand(tx, &after, scheme.id, due).await?;
        }
    }
    audit::record(tx, act, Event::new("scheme_kind.change", "scheme_kind", after.id, scheme_kind::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Sets the day until which the enrolments of a scheme must be verified.
async fn demand(tx: &Tx, kind: &scheme_kind::Model, scheme: Uuid, due: Option<NaiveDate>) -> Result<(), Problem> {
    let sql = Sql::both("UPDATE enrolments SET verify_by = $3, verification_asked = $4, version = version + 1 WHERE district_id = $1 AND scheme_id = $2 AND state = 'confirmed'");
    tx.execute(sql, vec![kind.district_id.into(), scheme.into(), due.into(), false.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_reached_on_the_birthday_and_on_the_last_day_of_february_where_there_is_no_29th() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(birthday(day("2000-05-10"), 18), Some(day("2018-05-10")));
        assert_eq!(birthday(day("2000-02-29"), 16), Some(day("2016-02-29")));
        assert_eq!(birthday(day("2000-02-29"), 18), Some(day("2018-02-28")));
    }
}
