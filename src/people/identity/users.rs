//! Accounts: made by an administrator of the unit, closed by one.

use sea_orm::ActiveValue::{Set, Unchanged};
use serde::Serialize;
use uuid::Uuid;

use super::login::end_sessions;
use super::passwords::Passwords;
use super::{refusals, user};
use crate::kernel::access::Place;
use crate::kernel::act::Act;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Tx};

/// A new account.
#[derive(Debug)]
pub struct NewUser {
    /// The login name.
    pub username: String,
    /// The name that colleagues see.
    pub display_name: String,
    /// The ID number, of which only a keyed hash is kept.
    pub id_number: Option<IdentityNumber>,
    /// The first password, to be changed at the first login.
    pub first_password: String,
    /// Whether it must be changed at the first login.
    pub must_change_password: bool,
}

/// What the audit trail keeps of an account: no hash, no key.
#[derive(Serialize)]
pub(super) struct Trace<'a> {
    username: &'a str,
    display_name: &'a str,
    disabled: bool,
}

pub(super) fn trace(user: &user::Model) -> Trace<'_> {
    Trace { username: &user.username, display_name: &user.display_name, disabled: user.disabled_at.is_some() }
}

/// Makes an account at a unit.
///
/// # Errors
/// 409 `username_taken` or `person_has_account`.
pub async fn create(tx: &Tx, act: &Act, passwords: &Passwords, home: Place, new: NewUser) -> Result<user::Model, Problem> {
    let person_key = new.id_number.as_ref().map(|number| act.keys.lookup_hash("person", number.as_str()));
    let row = user::ActiveModel {
        id: Set(new_id()),
        district_id: Set(home.district),
        street_id: Set(home.street),
        community_id: Set(home.community),
        username: Set(new.username),
        display_name: Set(new.display_name),
        person_key: Set(person_key),
        password_hash: Set(passwords.hash(&new.first_password).await?),
        must_change_password: Set(new.must_change_password),
        disabled_at: Set(None),
        version: Set(1),
        created_at: Set(act.at),
        created_by: Set(act.user_id()),
        reset_by: Set(None),
    };
    let user = tx.try_insert::<user::Entity, _>(row).await.map_err(|error| {
        let text = error.to_string();
        match () {
            () if !crate::platform::db::is_unique_violation(&error) => error.into(),
            () if text.contains("person_key") => refusals::person_has_account(),
            () => refusals::username_taken(),
        }
    })?;
    audit::record(tx, act, Event::new("user.create", "user", user.id, user.place()).after(&trace(&user))?).await?;
    Ok(user)
}

/// Gives a user another name for colleagues; the login name stays.
///
/// # Errors
/// 500 where the database fails.
pub async fn rename(tx: &Tx, act: &Act, user: Authorised<user::Model>, display_name: &str) -> Result<user::Model, Problem> {
    let row = user::ActiveModel { id: Unchanged(user.id), display_name: Set(display_name.trim().to_owned()), version: Set(user.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<user::Entity, _>(row).await?;
    audit::record(tx, act, Event::new("user.rename", "user", after.id, after.place()).before(&trace(&user))?.after(&trace(&after))?).await?;
    Ok(after)
}

/// Closes an account: its logins end with the same commit.
///
/// # Errors
/// 403 for one's own account; 409 where it is closed already.
pub async fn disable(tx: &Tx, act: &Act, user: Authorised<user::Model>) -> Result<user::Model, Problem> {
    if act.user_id() == Some(user.id) {
        return Err(Problem::separation_of_duties("停用账号 / disable", "账号本人 / the account's owner"));
    }
    if user.disabled_at.is_some() {
        return Err(Problem::invalid_transition("disable", "disabled"));
    }
    let before = trace(&user);
    let row = user::ActiveModel { id: Unchanged(user.id), disabled_at: Set(Some(act.at)), version: Set(user.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<user::Entity, _>(row).await?;
    end_sessions(tx, after.id, None::<Uuid>, "disabled", act.at).await?;
    audit::record(tx, act, Event::new("user.disable", "user", after.id, after.place()).before(&before)?.after(&trace(&after))?).await?;
    Ok(after)
}
