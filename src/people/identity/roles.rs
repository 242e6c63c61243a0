//! Roles at units: granted by one administrator, money roles confirmed by a second one; some exclude each other in a street.

use chrono::NaiveDate;
use sea_orm::ActiveValue::{Set, Unchanged};
use uuid::Uuid;

use super::{reach, refusals, role_assignment, user};
use crate::kernel::access::{Capability, Place, Role};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Db, Tx};

/// The level that a role sits at.
#[must_use]
pub const fn level(role: Role) -> &'static str {
    match role {
        Role::DistrictAdmin | Role::DistrictAuditor => "district",
        Role::CommunitySecretary | Role::CommunityStaff => "community",
        _ => "street",
    }
}

/// Roles that move money: a second administrator confirms them.
#[must_use]
pub const fn is_money(role: Role) -> bool {
    matches!(role, Role::PartyOffice | Role::StreetLeader | Role::Accountant | Role::Cashier)
}

/// Roles that keep accounts and roles.
#[must_use]
pub const fn is_administrator(role: Role) -> bool {
    matches!(role, Role::DistrictAdmin | Role::StreetAdmin)
}

/// Whether one person must not hold both in one street (会计法 art. 35; 财会〔2012〕21号): the cashier is neither accountant nor inspector nor auditor, the street's administrator has no money role.
#[must_use]
pub const fn exclude_each_other(a: Role, b: Role) -> bool {
    const fn one_way(a: Role, b: Role) -> bool {
        match a {
            Role::Cashier => matches!(b, Role::Accountant | Role::Inspector | Role::DistrictAuditor),
            Role::StreetAdmin => is_money(b),
            _ => false,
        }
    }
    one_way(a, b) || one_way(b, a)
}

/// Roles that another excludes, the money roles among them, and those that take a second person's part (who confirms roles and approves budgets, who endorses): who holds one must be known by their
/// ID number, for under a second account the same person could hold or take the other.
#[must_use]
pub fn needs_known_person(role: Role) -> bool {
    matches!(role, Role::DistrictAdmin | Role::CommunitySecretary) || Role::ALL.into_iter().any(|other| exclude_each_other(role, other))
}

/// Refuses a role that another excludes to an account of which it is not known whose it is.
fn require_known(role: &str, user: &user::Model) -> Result<(), Problem> {
    if Role::of_code(role).is_some_and(needs_known_person) && user.id_number_key.is_none() { Err(refusals::person_unknown(role)) } else { Ok(()) }
}

/// What the audit trail says where a money role waits for its confirmation once more.
pub const UNCONFIRM: &str = "role.unconfirm";

/// A role to be granted.
#[derive(Debug)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The unit.
    pub place: Place,
    /// The first day.
    pub from: NaiveDate,
    /// The last day, inclusive.
    pub to: Option<NaiveDate>,
    /// Whose part is taken.
    pub acting_for: Option<Uuid>,
}

fn level_of(place: &Place) -> &'static str {
    match (place.street, place.community) {
        (None, _) => "district",
        (_, None) => "street",
        _ => "community",
    }
}

/// Grants a role to a user of the administrator's units; `held` are the roles that the user has, also outside them.
///
/// # Errors
/// 403 to oneself; 422 `wrong_level`; 409 `incompatible_roles` or `person_unknown`.
pub async fn grant(tx: &Tx, act: &Act, user: &user::Model, grant: Grant, held: &[role_assignment::Model]) -> Result<role_assignment::Model, Problem> {
    if act.user_id() == Some(user.id) {
        return Err(refusals::own_role());
    }
    if level(grant.role) != level_of(&grant.place) {
        return Err(refusals::wrong_level(grant.role.code(), level(grant.role)));
    }
    if !user.place().covers(&grant.place) && !grant.place.covers(&user.place()) {
        return Err(Problem::unknown_reference("/user_id"));
    }
    refuse_incompatible(held, &grant)?;
    require_known(grant.role.code(), user)?;
    let row = role_assignment::ActiveModel {
        id: Set(new_id()),
        district_id: Set(grant.place.district),
        street_id: Set(grant.place.street),
        community_id: Set(grant.place.community),
        user_id: Set(user.id),
        role: Set(grant.role.code().to_owned()),
        from_date: Set(grant.from),
        to_date: Set(grant.to),
        acting_for: Set(grant.acting_for),
        granted_by: Set(act.user_id()),
        confirmed_by: Set(None),
        needs_confirmation: Set(is_money(grant.role)),
        ended_at: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let assignment = tx.insert::<role_assignment::Entity, _>(row).await?;
    audit::record(tx, act, Event::new("role.grant", "role_assignment", assignment.id, assignment.place()).after(&assignment)?).await?;
    Ok(assignment)
}

fn refuse_incompatible(held: &[role_assignment::Model], grant: &Grant) -> Result<(), Problem> {
    for held in held {
        let overlaps = held.to_date.is_none_or(|to| to >= grant.from) && grant.to.is_none_or(|to| held.from_date <= to);
        // A role of the district is held in each of its streets.
        let same_street = held.street_id.is_none() || grant.place.street.is_none() || held.street_id == grant.place.street;
        if let Some(role) = Role::of_code(&held.role)
            && overlaps
            && same_street
            && exclude_each_other(role, grant.role)
        {
            return Err(refusals::incompatible_roles(role.code(), grant.role.code()));
        }
    }
    Ok(())
}

/// Confirms a money role, as another administrator than the one who granted it, and another person than the one who gets it. Neither of the two is the other's making, unless a district's administrator confirms what one of a street granted.
///
/// # Errors
/// 409 where nothing is to be confirmed, `person_unknown`; 403 `separation_of_duties`.
pub async fn confirm(tx: &Tx, act: &Act, db: &Db, assignment: Authorised<role_assignment::Model>) -> Result<role_assignment::Model, Problem> {
    if assignment.ended_at.is_some() || !assignment.needs_confirmation || assignment.confirmed_by.is_some() {
        let state = if assignment.ended_at.is_some() { "ended" } else { "confirmed" };
        return Err(Problem::invalid_transition("confirm", state));
    }
    let user = act.user_id();
    if user == assignment.granted_by {
        return Err(Problem::separation_of_duties("确认 / confirm", "授予 / grant"));
    }
    if user == Some(assignment.user_id) {
        return Err(refusals::own_role());
    }
    if let (Some(user), Some(granter)) = (user, assignment.granted_by) {
        // Who made the granter looks down on what that one does only from above: beside each other, the granter could be their puppet.
        let beside = act.person()?.assignment_for(Capability::RoleConfirm, &assignment.place()).is_some_and(|held| held.place.street.is_some());
        if reach::depends_on(db, user, granter).await? || (beside && reach::depends_on(db, granter, user).await?) {
            return Err(refusals::administrator_of_the_granter());
        }
    }
    require_known(&assignment.role, &reach::account(db, assignment.user_id).await?.ok_or_else(Problem::not_found)?)?;
    change(tx, act, "role.confirm", assignment, |row| row.confirmed_by = Set(user)).await
}

/// Ends a role at once.
///
/// # Errors
/// 409 where it is ended already.
pub async fn end(tx: &Tx, act: &Act, assignment: Authorised<role_assignment::Model>) -> Result<role_assignment::Model, Problem> {
    if assignment.ended_at.is_some() {
        return Err(Problem::invalid_transition("end", "ended"));
    }
    change(tx, act, "role.end", assignment, |row| row.ended_at = Set(Some(act.at))).await
}

async fn change(
    tx: &Tx,
    act: &Act,
    action: &'static str,
    assignment: Authorised<role_assignment::Model>,
    set: impl FnOnce(&mut role_assignment::ActiveModel),
) -> Result<role_assignment::Model, Problem> {
    let mut row = role_assignment::ActiveModel { id: Unchanged(assignment.id), version: Set(assignment.version.saturating_add(1)), ..Default::default() };
    set(&mut row);
    let after = tx.update::<role_assignment::Entity, _>(row).await?;
    audit::record(tx, act, Event::new(action, "role_assignment", after.id, after.place()).before(&*assignment)?.after(&after)?).await?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cashier_is_neither_accountant_nor_inspector_nor_auditor() {
        for role in [Role::Accountant, Role::Inspector, Role::DistrictAuditor] {
            assert!(exclude_each_other(Role::Cashier, role) && exclude_each_other(role, Role::Cashier));
        }
    }

    #[test]
    fn who_takes_a_second_persons_part_must_be_known() {
        let unknown = Role::ALL.into_iter().filter(|role| !needs_known_person(*role)).collect::<Vec<_>>();
        assert_eq!(unknown, [Role::CommunityStaff]);
    }

    #[test]
    fn the_streets_administrator_has_no_money_role() {
        for role in Role::ALL {
            assert_eq!(exclude_each_other(Role::StreetAdmin, role), is_money(role), "{role:?}");
        }
    }
}
