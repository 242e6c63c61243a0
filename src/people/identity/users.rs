//! Accounts: made by an administrator of the unit, changed and closed by one.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::DbErr;
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
use crate::platform::db::{Authorised, Tx, is_unique_violation};

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
    person_known: bool,
    disabled: bool,
}

pub(super) fn trace(user: &user::Model) -> Trace<'_> {
    Trace { username: &user.username, display_name: &user.display_name, person_known: user.id_number_key.is_some(), disabled: user.disabled_at.is_some() }
}

/// Makes an account at a unit.
///
/// # Errors
/// 409 `username_taken` or `person_has_account`.
pub async fn create(tx: &Tx, act: &Act, passwords: &Passwords, home: Place, new: NewUser) -> Result<user::Model, Problem> {
    let person_key = new.id_number.as_ref().map(|number| key_of(act, number));
    let row = user::ActiveModel {
        id: Set(new_id()),
        district_id: Set(home.district),
        street_id: Set(home.street),
        community_id: Set(home.community),
        username: Set(new.username),
        display_name: Set(new.display_name),
        person_key: Set(person_key.clone()),
        id_number_key: Set(person_key),
        password_hash: Set(passwords.hash(&new.first_password).await?),
        must_change_password: Set(new.must_change_password),
        disabled_at: Set(None),
        version: Set(1),
        created_at: Set(act.at),
        created_by: Set(act.user_id()),
        reset_by: Set(None),
    };
    let user = tx.try_insert::<user::Entity, _>(row).await.map_err(taken)?;
    audit::record(tx, act, Event::new("user.create", "user", user.id, user.place()).after(&trace(&user))?).await?;
    Ok(user)
}

/// The keyed hash of a person's ID number.
fn key_of(act: &Act, number: &IdentityNumber) -> String {
    act.keys.lookup_hash("person", number.as_str())
}

/// What a row that cannot be written tells: the person, or the login name, is there already.
fn taken(error: DbErr) -> Problem {
    let text = error.to_string();
    match () {
        () if !is_unique_violation(&error) => error.into(),
        () if text.contains("person_key") || text.contains("id_number_key") => refusals::person_has_account(),
        () => refusals::username_taken(),
    }
}

/// Whether an ID number is to be recorded: the first one is, the same once more changes nothing.
///
/// # Errors
/// 409 `id_number_recorded` for another one.
fn is_first(known: Option<&str>, said: Option<&str>) -> Result<bool, Problem> {
    match (known, said) {
        (_, None) => Ok(false),
        (None, Some(_)) => Ok(true),
        (Some(known), Some(said)) if known == said => Ok(false),
        (Some(_), Some(_)) => Err(refusals::id_number_recorded()),
    }
}

/// Gives a user another name for colleagues (the login name stays), and records whose account it is, once: by somebody else, for who could say of their own account whose it is could say what they like.
///
/// # Errors
/// 409 `id_number_recorded` or `person_has_account`; 403 for the ID number of one's own account.
pub async fn change(tx: &Tx, act: &Act, user: Authorised<user::Model>, display_name: &str, id_number: Option<&IdentityNumber>) -> Result<user::Model, Problem> {
    let said = id_number.map(|number| key_of(act, number));
    let first = is_first(user.id_number_key.as_deref(), said.as_deref())?;
    if first && act.user_id() == Some(user.id) {
        return Err(Problem::separation_of_duties("登记身份证号 / record the ID number", "账号本人 / the account's owner"));
    }
    let mut row = user::ActiveModel { id: Unchanged(user.id), display_name: Set(display_name.trim().to_owned()), version: Set(user.version.saturating_add(1)), ..Default::default() };
    if first {
        row.id_number_key = Set(said);
    }
    let after = tx.try_update::<user::Entity, _>(row).await.map_err(taken)?;
    let action = if first { "user.identify" } else { "user.rename" };
    audit::record(tx, act, Event::new(action, "user", after.id, after.place()).before(&trace(&user))?.after(&trace(&after))?).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_number_is_recorded_once() {
        assert_eq!(is_first(None, None), Ok(false));
        assert_eq!(is_first(None, Some("a")), Ok(true));
        assert_eq!(is_first(Some("a"), None), Ok(false));
        assert_eq!(is_first(Some("a"), Some("a")), Ok(false));
        assert_eq!(is_first(Some("a"), Some("b")).map_err(|refusal| refusal.code), Err("id_number_recorded"));
    }
}
