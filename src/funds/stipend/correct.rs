//! What is corrected about a beneficiary: a misspelt name, when a second person confirms it; the community, when the person moved; whether they are on the payroll.

use sea_orm::ActiveValue::{Set, Unchanged};
use uuid::Uuid;

use super::routes_corrections::BeneficiaryChange;
use super::{beneficiary, people};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::masking;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::community_of;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};

/// The part that is taken in a correction, under the correction's own id: who confirmed one may write the next.
const CORRECTION: &str = "beneficiary_name";

/// What a name that is said means beside the one in force and the one that waits.
#[derive(Debug, PartialEq, Eq)]
enum Naming {
    /// Nothing.
    Stays,
    /// It waits for a second person from now on.
    Proposed,
    /// What waited is taken back.
    TakenBack,
}

fn naming(now: &str, waiting: Option<&str>, said: Option<&str>) -> Naming {
    match said.map(str::trim) {
        Some(said) if said == now && waiting.is_some() => Naming::TakenBack,
        Some(said) if said != now && waiting != Some(said) => Naming::Proposed,
        _ => Naming::Stays,
    }
}

/// Changes a beneficiary. Another name waits for a second person; the one in force, said again, takes what waits back. Another community is charged from the next run on, and the person's enrolments that go on move with it.
///
/// # Errors
/// 422 `unknown_reference` for a community of another street.
pub async fn change(tx: &Tx, act: &Act, row: Authorised<beneficiary::Model>, new: BeneficiaryChange) -> Result<beneficiary::Model, Problem> {
    let before = row.into_inner();
    let mut next = beneficiary::ActiveModel { id: Unchanged(before.id), on_payroll: Set(new.on_payroll), version: Set(before.version.saturating_add(1)), ..Default::default() };
    if new.community_id != before.community_id {
        if let Some(community) = new.community_id {
            community_of(tx, before.street_id, community, "/community_id").await?;
        }
        next.community_id = Set(new.community_id);
        move_enrolments(tx, act, &before, new.community_id).await?;
    }
    let said = new.name.as_deref().unwrap_or_default().trim();
    match naming(&people::name_of(&act.keys, &before)?, people::proposed_name_of(&act.keys, &before)?.as_deref(), new.name.as_deref()) {
        Naming::Stays => {}
        Naming::Proposed => {
            let correction = new_id();
            duties::take(tx, act, beneficiary::Entity::place(&before), CORRECTION, correction, Part::Prepare).await?;
            next.proposed_name_sealed = Set(Some(act.keys.encrypt(&people::name_context(before.id), said).map_err(Problem::internal)?));
            next.proposed_name_masked = Set(Some(masking::name(said)));
            next.proposed_name_id = Set(Some(correction));
            next.proposed_name_by = Set(Some(act.person()?.user_id));
        }
        Naming::TakenBack => no_proposal(&mut next),
    }
    written(tx, act, "beneficiary.change", &before, next).await
}

/// The enrolments of a person that go on are of the person's community: what a community is told of its people counts them.
async fn move_enrolments(tx: &Tx, act: &Act, person: &beneficiary::Model, community: Option<Uuid>) -> Result<(), Problem> {
    let sql = Sql {
        postgres: "UPDATE enrolments SET community_id = $4::uuid, version = version + 1 WHERE district_id = $1 AND street_id = $2 AND beneficiary_id = $3 AND state <> 'withdrawn' AND (to_date IS NULL OR to_date >= $5)",
        sqlite: "UPDATE enrolments SET community_id = $4, version = version + 1 WHERE district_id = $1 AND street_id = $2 AND beneficiary_id = $3 AND state <> 'withdrawn' AND (to_date IS NULL OR to_date >= $5)",
    };
    tx.execute(sql, vec![person.district_id.into(), person.street_id.into(), person.id.into(), community.into(), act.today.into()]).await?;
    Ok(())
}

fn no_proposal(next: &mut beneficiary::ActiveModel) {
    next.proposed_name_sealed = Set(None);
    next.proposed_name_masked = Set(None);
    next.proposed_name_id = Set(None);
    next.proposed_name_by = Set(None);
}

/// Confirms the name that waits, as a second person.
///
/// # Errors
/// 409 `invalid_transition` where none waits; 403 `separation_of_duties`.
pub async fn confirm_name(tx: &Tx, act: &Act, row: Authorised<beneficiary::Model>) -> Result<beneficiary::Model, Problem> {
    let before = row.into_inner();
    let (Some(sealed), Some(masked), Some(correction)) = (before.proposed_name_sealed.clone(), before.proposed_name_masked.clone(), before.proposed_name_id) else {
        return Err(Problem::invalid_transition("confirm-name", "no name waits"));
    };
    duties::take(tx, act, beneficiary::Entity::place(&before), CORRECTION, correction, Part::Approve).await?;
    let mut next = beneficiary::ActiveModel { id: Unchanged(before.id), name_sealed: Set(sealed), name_masked: Set(masked), version: Set(before.version.saturating_add(1)), ..Default::default() };
    no_proposal(&mut next);
    written(tx, act, "beneficiary.confirm_name", &before, next).await
}

async fn written(tx: &Tx, act: &Act, action: &'static str, before: &beneficiary::Model, next: beneficiary::ActiveModel) -> Result<beneficiary::Model, Problem> {
    let after = tx.update::<beneficiary::Entity, _>(next).await?;
    audit::record(tx, act, Event::new(action, "beneficiary", after.id, beneficiary::Entity::place(&after)).before(before)?.after(&after)?).await?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_waits_and_the_one_in_force_takes_it_back() {
        assert_eq!(naming("张三", None, None), Naming::Stays);
        assert_eq!(naming("张三", None, Some(" 张三 ")), Naming::Stays);
        assert_eq!(naming("张三", None, Some("章三")), Naming::Proposed);
        assert_eq!(naming("张三", Some("章三"), None), Naming::Stays);
        assert_eq!(naming("张三", Some("章三"), Some("章三")), Naming::Stays, "who wrote it first stays who wrote it");
        assert_eq!(naming("张三", Some("章三"), Some("章山")), Naming::Proposed);
        assert_eq!(naming("张三", Some("章三"), Some("张三")), Naming::TakenBack);
    }
}
