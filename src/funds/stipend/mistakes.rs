//! Mistakes about who is enrolled until when: an end that was told wrongly is put right, and an enrolment that should never have been is withdrawn.

use chrono::NaiveDate;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};

use super::people::changed;
use super::routes_verify::Reinstatement;
use super::{enrolment, payout_part, refusals, run};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::db::{Authorised, Scoped, Tx};

/// Whether an end may be put right to another one: later than the wrong one, and within what two people confirmed, where one person is enough to come back to it.
fn is_confirmed(wrong: NaiveDate, right: Option<NaiveDate>, confirmed: Option<NaiveDate>) -> bool {
    right.is_none_or(|day| wrong < day) && confirmed.is_none_or(|last| right.is_some_and(|day| day <= last))
}

/// Puts an end right that was told by mistake: back to the end that was confirmed, or an earlier one. By another person than who told it, and as a second person to who wrote the enrolment.
///
/// # Errors
/// 409 `invalid_transition` where it has not ended, `already_exists` where the person was enrolled anew for that time; 422 `end_not_confirmed`; 403 `separation_of_duties`.
pub async fn reinstate(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: Reinstatement) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    let (Some(wrong), "confirmed", Some(ended_by)) = (before.to_date, before.state.as_str(), before.ended_by_person.as_deref()) else {
        return Err(Problem::invalid_transition("reinstate", if before.state == "confirmed" { "not ended by people" } else { &before.state }));
    };
    if act.person()?.person() == ended_by {
        return Err(Problem::separation_of_duties(Part::Approve.code(), Part::Prepare.code()));
    }
    duties::take(tx, act, enrolment::Entity::place(&before), "enrolment", before.id, Part::Approve).await?;
    if !is_confirmed(wrong, new.to_date, before.confirmed_until) {
        return Err(refusals::end_not_confirmed(wrong, before.confirmed_until));
    }
    refuse_overlap(tx, &before, wrong, new.to_date).await?;
    let change = enrolment::ActiveModel { to_date: Set(new.to_date), end_reason: Set(None), ended_by_person: Set(None), end_warned: Set(false), ..Default::default() };
    changed(tx, act, "enrolment.reinstate", &before, change, Some(new.reason)).await
}

/// Refuses where another enrolment of the person in the scheme covers a day between the wrong end and the right one.
async fn refuse_overlap(tx: &Tx, row: &enrolment::Model, wrong: NaiveDate, right: Option<NaiveDate>) -> Result<(), Problem> {
    use enrolment::Column;
    let of_person = tx.select::<enrolment::Entity>().filter(Column::SchemeId.eq(row.scheme_id)).filter(Column::BeneficiaryId.eq(row.beneficiary_id)).filter(Column::Id.ne(row.id));
    let reaching = Condition::any().add(Column::ToDate.is_null()).add(Column::ToDate.gt(wrong));
    let beginning = right.map_or_else(Condition::all, |day| Condition::all().add(Column::FromDate.lte(day)));
    if tx.count(of_person.filter(Column::State.ne("withdrawn")).filter(reaching).filter(beginning)).await? > 0 {
        return Err(refusals::already_exists("该领取人在此期间的另一登记", "Another enrolment of this beneficiary for that time"));
    }
    Ok(())
}

/// Withdraws an enrolment under which nothing was paid; its runs leave it out from then on.
///
/// # Errors
/// 409 `invalid_transition` where it is withdrawn already, `enrolment_paid`.
pub async fn withdraw(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, reason: String) -> Result<enrolment::Model, Problem> {
    let before = row.into_inner();
    if before.state == "withdrawn" {
        return Err(Problem::invalid_transition("withdraw", "withdrawn"));
    }
    // A run that posts beside this waits, or has written its parts.
    run::lock_scheme(tx, before.scheme_id).await?;
    let paid = tx.select::<payout_part::Entity>().filter(payout_part::Column::StreetId.eq(before.street_id)).filter(payout_part::Column::EnrolmentId.eq(before.id));
    if tx.count(paid.filter(payout_part::Column::Live.eq(true))).await? > 0 {
        return Err(refusals::enrolment_paid());
    }
    let change = enrolment::ActiveModel { state: Set("withdrawn".to_owned()), ..Default::default() };
    changed(tx, act, "enrolment.withdraw", &before, change, Some(reason)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_put_right_only_within_what_was_confirmed() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let wrong = day("2018-05-31");
        assert!(is_confirmed(wrong, None, None));
        assert!(is_confirmed(wrong, Some(day("2018-06-01")), None));
        assert!(!is_confirmed(wrong, Some(wrong), None));
        assert!(is_confirmed(wrong, Some(day("2018-12-31")), Some(day("2018-12-31"))));
        assert!(!is_confirmed(wrong, Some(day("2019-01-01")), Some(day("2018-12-31"))));
        assert!(!is_confirmed(wrong, None, Some(day("2018-12-31"))));
    }
}
