//! A forgotten password or a lost phone: an administrator gives the account a first password anew.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::login::{end_sessions, remember_password};
use super::passwords::{self, Passwords};
use super::roles;
use super::users::trace;
use super::{role_assignment, totp, user};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Tx};

/// Sets a first password, to be changed at the next login: the second factor is taken off, every login ends, and the user's money roles wait for a second
/// administrator once more, because whoever knows the first password could else act as that person.
///
/// # Errors
/// 403 for one's own account (which changes its password by itself); 409 `invalid_transition` where it is closed; 422 `weak_password`.
pub async fn reset(tx: &Tx, act: &Act, hasher: &Passwords, row: Authorised<user::Model>, first_password: &str) -> Result<user::Model, Problem> {
    if act.user_id() == Some(row.id) {
        return Err(Problem::separation_of_duties("重置密码 / reset", "账号本人 / the account's owner"));
    }
    if row.disabled_at.is_some() {
        return Err(Problem::invalid_transition("reset", "disabled"));
    }
    passwords::check(first_password, &[&row.username, &row.display_name])?;
    remember_password(tx, row.id, row.password_hash.clone(), act.at).await?;
    let next = user::ActiveModel {
        id: Unchanged(row.id),
        password_hash: Set(hasher.hash(first_password).await?),
        must_change_password: Set(true),
        reset_by: Set(act.user_id()),
        version: Set(row.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<user::Entity, _>(next).await?;
    totp::forget(tx, after.id).await?;
    end_sessions(tx, after.id, None::<Uuid>, "password", act.at).await?;
    unconfirm_money_roles(tx, act, after.id).await?;
    audit::record(tx, act, Event::new("user.reset", "user", after.id, after.place()).before(&trace(&row))?.after(&trace(&after))?).await?;
    Ok(after)
}

/// The user's open money roles are granted anew by who resets, so that somebody else must confirm them.
async fn unconfirm_money_roles(tx: &Tx, act: &Act, user: Uuid) -> Result<(), Problem> {
    let open = tx.select::<role_assignment::Entity>().filter(role_assignment::Column::UserId.eq(user)).filter(role_assignment::Column::EndedAt.is_null());
    for held in tx.all(open.filter(role_assignment::Column::NeedsConfirmation.eq(true)).order_by_asc(role_assignment::Column::Id)).await? {
        let place = held.place();
        let next = role_assignment::ActiveModel { id: Unchanged(held.id), granted_by: Set(act.user_id()), confirmed_by: Set(None), version: Set(held.version.saturating_add(1)), ..Default::default() };
        let after = tx.update::<role_assignment::Entity, _>(next).await?;
        audit::record(tx, act, Event::new(roles::UNCONFIRM, "role_assignment", after.id, place).before(&held)?.after(&after)?).await?;
    }
    Ok(())
}

/// Opens a closed account again; its password and roles are what they were.
///
/// # Errors
/// 403 for one's own account; 409 `invalid_transition` where it is open.
pub async fn enable(tx: &Tx, act: &Act, row: Authorised<user::Model>) -> Result<user::Model, Problem> {
    if act.user_id() == Some(row.id) {
        return Err(Problem::separation_of_duties("启用账号 / enable", "账号本人 / the account's owner"));
    }
    if row.disabled_at.is_none() {
        return Err(Problem::invalid_transition("enable", "open"));
    }
    let next = user::ActiveModel { id: Unchanged(row.id), disabled_at: Set(None), version: Set(row.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<user::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("user.enable", "user", after.id, after.place()).before(&trace(&row))?.after(&trace(&after))?).await?;
    Ok(after)
}
