//! Logging in, refreshing, logging out, changing one's password. A login is a family of refresh tokens, each used once: using one again ends the family.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::authenticate::{ACCESS_SECONDS, access_token};
use super::passwords::{self, Passwords};
use super::refusals::{invalid_credentials, invalid_refresh_token, login_delayed, totp_required, weak_password};
use super::totp::{self, SecondFactor};
use crate::kernel::access::{Actor, Place};
use crate::kernel::crypto::random_bytes;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;

/// A login ends 30 days after its last refresh.
const LOGIN_LASTS: TimeDelta = TimeDelta::days(30);
/// This many failures are free; then each doubles the wait.
const FREE_FAILURES: u32 = 3;
/// The longest wait, in seconds: nobody is locked out.
const LONGEST_WAIT: i64 = 300;
/// A new password must not be one of the last five.
const REMEMBERED_PASSWORDS: i64 = 5;

/// What a login or a refresh gives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
    /// The access token, a JWT.
    pub access_token: String,
    /// The refresh token, good for one use.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds that the access token is good for.
    pub expires_in: i64,
}

#[derive(FromQueryResult)]
struct Account {
    id: Uuid,
    display_name: String,
    password_hash: String,
    disabled_at: Option<DateTime<Utc>>,
    district_id: Uuid,
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
}

#[derive(FromQueryResult)]
struct Failures {
    failures: i32,
    last_at: DateTime<Utc>,
}

/// Where a login comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The network address.
    pub address: String,
    /// The program.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: String,
}

/// Seconds to wait before the next attempt, after so many failures, the last of them so many seconds ago.
#[must_use]
pub fn wait_seconds(failures: u32, since_last: i64) -> u32 {
    let doublings = failures.saturating_sub(FREE_FAILURES);
    if failures < FREE_FAILURES {
        return 0;
    }
    let wait = 2_i64.checked_pow(doublings).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    u32::try_from((wait - since_last).max(0)).unwrap_or(0)
}

fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Logs in.
///
/// # Errors
/// 401 `invalid_credentials`, 429 `login_delayed`; both the same whether the user exists or not.
pub async fn log_in(context: &Context, passwords: &Passwords, username: &str, password: &str, code: Option<&str>, origin: Origin) -> Result<Tokens, Problem> {
    let now = context.clocks.wall();
    let username_key = context.keys.lookup_hash("username", username);
    let tx = context.db.read_as_system(Reason::Login).await?;
    let find = Sql::both("SELECT failures, last_at FROM login_failures WHERE username_key = $1 AND address = $2");
    if let Some(row) = tx.query_one::<Failures>(find, vec![username_key.clone().into(), origin.address.clone().into()]).await? {
        let wait = wait_seconds(u32::try_from(row.failures).unwrap_or(0), (now - row.last_at).num_seconds());
        if wait > 0 {
            return Err(login_delayed(wait));
        }
    }
    let find = Sql::both("SELECT id, display_name, password_hash, disabled_at, district_id, street_id, community_id FROM users WHERE username = $1");
    let account = tx.query_one::<Account>(find, vec![username.into()]).await?;
    drop(tx);
    let fits = passwords.verify(password, account.as_ref().map(|account| account.password_hash.as_str())).await?;
    let tx = context.db.write_as_system(Reason::Login).await?;
    let account = account.filter(|account| fits && account.disabled_at.is_none());
    let second = match &account {
        Some(account) => totp::second_factor(&tx, &context.keys, account.id, code, now).await?,
        None => SecondFactor::NotNeeded,
    };
    if matches!(second, SecondFactor::Missing) {
        return Err(totp_required());
    }
    let Some(account) = account.filter(|_| matches!(second, SecondFactor::NotNeeded | SecondFactor::Fits)) else {
        let count = Sql::both(
            "INSERT INTO login_failures (username_key, address, failures, last_at) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (username_key, address) DO UPDATE SET failures = CASE WHEN login_failures.last_at < $4 THEN 1 ELSE login_failures.failures + 1 END, last_at = excluded.last_at",
        );
        tx.execute(count, vec![username_key.into(), origin.address.into(), now.into(), (now - TimeDelta::hours(1)).into()]).await?;
        tx.commit().await?;
        return Err(invalid_credentials());
    };
    tx.execute(Sql::both("DELETE FROM login_failures WHERE username_key = $1 AND address = $2"), vec![username_key.into(), origin.address.clone().into()]).await?;
    let session = new_id();
    let insert = Sql::both("INSERT INTO sessions (id, user_id, address, user_agent, created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)");
    tx.execute(insert, vec![session.into(), account.id.into(), origin.address.clone().into(), origin.user_agent.into(), now.into(), (now + LOGIN_LASTS).into()]).await?;
    let refresh_token = new_refresh_token(&tx, session, now).await?;
    let place = Place { district: account.district_id, street: account.street_id, community: account.community_id };
    let actor = Actor { user_id: account.id, username: username.to_owned(), person_key: None, session_id: session, must_change_password: false, home: place, assignments: Vec::new() };
    let act = context.act(crate::kernel::act::Performer::Person(actor), origin.request_id, Some(origin.address));
    audit::record(&tx, &act, Event::new("session.start", "session", session, place)).await?;
    tx.commit().await?;
    tracing::debug!(user = %account.id, name_length = account.display_name.len(), "login");
    tokens(context, account.id, session, refresh_token)
}

fn tokens(context: &Context, user: Uuid, session: Uuid, refresh_token: String) -> Result<Tokens, Problem> {
    Ok(Tokens { access_token: access_token(&context.keys, &context.clocks, user, session)?, refresh_token, token_type: "Bearer".to_owned(), expires_in: ACCESS_SECONDS })
}

async fn new_refresh_token(tx: &Tx, session: Uuid, now: DateTime<Utc>) -> Result<String, Problem> {
    let token = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
    let insert = Sql::both("INSERT INTO refresh_tokens (token_hash, session_id, created_at) VALUES ($1, $2, $3)");
    tx.execute(insert, vec![token_hash(&token).into(), session.into(), now.into()]).await?;
    Ok(token)
}

#[derive(FromQueryResult)]
struct Refreshed {
    session_id: Uuid,
    user_id: Uuid,
    used_at: Option<DateTime<Utc>>,
}

/// Gives new tokens for a refresh token, which is used up by it.
///
/// # Errors
/// 401 `invalid_refresh_token`; a token used before also ends the login.
pub async fn refresh(context: &Context, token: &str) -> Result<Tokens, Problem> {
    let now = context.clocks.wall();
    let tx = context.db.write_as_system(Reason::Login).await?;
    let find = Sql::both(
        "SELECT r.session_id, s.user_id, r.used_at FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id \
         WHERE r.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL",
    );
    let found = tx.query_one::<Refreshed>(find, vec![token_hash(token).into(), now.into()]).await?.ok_or_else(invalid_refresh_token)?;
    // Two requests with the same token: one changes the row, the other finds it used.
    let take = Sql::both("UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL");
    let taken = found.used_at.is_none() && tx.execute(take, vec![token_hash(token).into(), now.into()]).await? == 1;
    if !taken {
        end_sessions(&tx, found.user_id, Some(found.session_id), "reuse", now).await?;
        tx.commit().await?;
        return Err(invalid_refresh_token());
    }
    let next = new_refresh_token(&tx, found.session_id, now).await?;
    let touch = Sql::both("UPDATE sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1");
    tx.execute(touch, vec![found.session_id.into(), now.into(), (now + LOGIN_LASTS).into()]).await?;
    tx.commit().await?;
    tokens(context, found.user_id, found.session_id, next)
}

/// Ends one login of a user, or all of them; gives how many.
pub(super) async fn end_sessions(tx: &Tx, user: Uuid, session: Option<Uuid>, reason: &'static str, now: DateTime<Utc>) -> Result<u64, Problem> {
    let end = Sql::both("UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE user_id = $1 AND ($2 IS NULL OR id = $2) AND ended_at IS NULL");
    let end = Sql { postgres: "UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ended_at IS NULL", ..end };
    tx.execute(end, vec![user.into(), session.into(), now.into(), reason.into()]).await
}

/// Keeps the hash of a password that is replaced, so that it is not taken again soon.
pub(super) async fn remember_password(tx: &Tx, user: Uuid, hash: String, now: DateTime<Utc>) -> Result<(), Problem> {
    let keep = Sql::both("INSERT INTO password_history (id, user_id, password_hash, created_at) VALUES ($1, $2, $3, $4)");
    tx.execute(keep, vec![new_id().into(), user.into(), hash.into(), now.into()]).await?;
    Ok(())
}

#[derive(FromQueryResult)]
pub(super) struct OldPassword {
    password_hash: String,
}

/// Ok where the password is the user's.
///
/// # Errors
/// 401 `invalid_credentials`.
pub(super) async fn require_password(context: &Context, passwords: &Passwords, user: Uuid, password: &str) -> Result<OldPassword, Problem> {
    let tx = context.db.read_as_system(Reason::Login).await?;
    let current = tx.query_one::<OldPassword>(Sql::both("SELECT password_hash FROM users WHERE id = $1"), vec![user.into()]).await?.ok_or_else(invalid_credentials)?;
    drop(tx);
    if passwords.verify(password, Some(&current.password_hash)).await? { Ok(current) } else { Err(invalid_credentials()) }
}

/// Changes the actor's own password and ends all other logins.
///
/// # Errors
/// 401 where the old one is wrong; 422 `weak_password`.
pub async fn change_password(context: &Context, passwords: &Passwords, actor: &Actor, old: &str, new: &str, origin: Origin) -> Result<(), Problem> {
    let current = require_password(context, passwords, actor.user_id, old).await?;
    let tx = context.db.read_as_system(Reason::Login).await?;
    let recent = Sql::both("SELECT password_hash FROM password_history WHERE user_id = $1 ORDER BY id DESC LIMIT $2");
    let recent = tx.query::<OldPassword>(recent, vec![actor.user_id.into(), REMEMBERED_PASSWORDS.into()]).await?;
    drop(tx);
    passwords::check(new, &[&actor.username])?;
    for hash in recent.iter().chain([&current]) {
        if passwords.verify(new, Some(&hash.password_hash)).await? {
            return Err(weak_password("新密码不能与最近用过的密码相同。", "The new password must not be one you used recently."));
        }
    }
    let hash = passwords.hash(new).await?;
    let act = context.act(crate::kernel::act::Performer::Person(actor.clone()), origin.request_id, Some(origin.address));
    let tx = context.db.write_as_system(Reason::Login).await?;
    remember_password(&tx, actor.user_id, current.password_hash, act.at).await?;
    let change = Sql::both("UPDATE users SET password_hash = $2, must_change_password = $3, version = version + 1 WHERE id = $1");
    tx.execute(change, vec![actor.user_id.into(), hash.into(), false.into()]).await?;
    let others = Sql::both("UPDATE sessions SET ended_at = $3, end_reason = 'password' WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL");
    tx.execute(others, vec![actor.user_id.into(), actor.session_id.into(), act.at.into()]).await?;
    audit::record(&tx, &act, Event::new("user.password", "user", actor.user_id, actor.home)).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_each_failure_and_never_locks_anybody_out() {
        assert_eq!((0..7).map(|failures| wait_seconds(failures, 0)).collect::<Vec<_>>(), [0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(wait_seconds(1000, 0), 300);
        assert_eq!(wait_seconds(1000, 301), 0);
    }
}
