//! What one administrator's units do not show: the roles that an account holds elsewhere, and whether one administrator was made by another.
//! Without it who keeps the accounts of a street could take over a person who acts above it, or confirm by a second account of their own making.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{role_assignment, roles, user};
use crate::kernel::access::{Actor, Capability, Role};
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason};

/// The roles of an account that have not ended, wherever they are held.
///
/// # Errors
/// 500 where the database fails.
pub async fn open_roles(db: &Db, user: Uuid) -> Result<Vec<role_assignment::Model>, Problem> {
    let tx = db.read_as_system(Reason::RolesElsewhere).await?;
    let open = tx.select::<role_assignment::Entity>().filter(role_assignment::Column::UserId.eq(user)).filter(role_assignment::Column::EndedAt.is_null());
    tx.all(open.order_by_asc(role_assignment::Column::Id)).await
}

/// Ok where the actor may manage accounts at every unit at which this account holds a role: who gives it a password, closes or opens it, decides over all of them.
///
/// # Errors
/// 403 `forbidden`.
pub async fn require_whole(db: &Db, actor: &Actor, user: Uuid) -> Result<(), Problem> {
    for held in open_roles(db, user).await? {
        actor.require_at(Capability::UserManage, &held.place())?;
    }
    Ok(())
}

/// Whether an administrator is the granter's own making: the account, its password or its administrator's role comes from the granter, or from somebody who comes from the granter.
/// The same person under two accounts is one.
///
/// # Errors
/// 500 where the database fails.
pub async fn depends_on(db: &Db, administrator: Uuid, granter: Uuid) -> Result<bool, Problem> {
    let person_of = |user: &user::Model| user.person_key.clone().unwrap_or_else(|| user.id.to_string());
    let Some(granting) = account(db, granter).await? else {
        return Ok(false);
    };
    let (mut seen, mut ahead) = (BTreeSet::new(), vec![administrator]);
    while let Some(id) = ahead.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(found) = account(db, id).await? else {
            continue;
        };
        if found.id == granter || person_of(&found) == person_of(&granting) {
            return Ok(true);
        }
        ahead.extend([found.created_by, found.reset_by].into_iter().flatten());
        ahead.extend(open_roles(db, id).await?.into_iter().filter(|held| Role::of_code(&held.role).is_some_and(roles::is_administrator)).filter_map(|held| held.granted_by));
    }
    Ok(false)
}

/// An account, wherever its home is.
///
/// # Errors
/// 500 where the database fails.
pub async fn account(db: &Db, id: Uuid) -> Result<Option<user::Model>, Problem> {
    db.read_as_system(Reason::RolesElsewhere).await?.maybe_load::<user::Entity>(id).await
}
