//! Logging in, refreshing, logging out, changing one's password. A login is a family of refresh tokens, each used once: using one again ends the family.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempts;
use super::authenticate::{ACCESS_SECONDS, access_token};
use super::passwords::{self, Passwords};
use super::refusals::{invalid_credentials, invalid_refresh_token, totp_required, weak_password};
use super::totp::{self, SecondFactor};
use crate::kernel::access::{About, Actor, Place};
use crate::kernel::crypto::random_bytes;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;

/// A login ends 30 days after its last refresh.
const LOGIN_LASTS: TimeDelta = TimeDelta::days(30);
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

fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Logs in.
///
/// # Errors
/// 401 `invalid_credentials`, 429 `login_delayed`; both the same whether the user exists or not.
pub async fn log_in(context: &Context, passwords: &Passwords, username: &str, password: &str, code: Option<&str>, origin: Origin) -> Result<Tokens, Problem> {
    let now = context.clocks.wall();
    let _turn = passwords.turn(username, &origin.address).await;
    let attempt = attempts::begin(context, username, &origin.address).await?;
    let tx = context.db.read_as_system(Reason::Login).await?;
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
        attempt.undecided(&tx).await?;
        tx.commit().await?;
        return Err(totp_required());
    }
    let account = account.filter(|_| matches!(second, SecondFactor::NotNeeded | SecondFactor::Fits)).ok_or_else(invalid_credentials)?;
    attempt.right(&tx).await?;
    let session = new_id();
    let insert = Sql::both("INSERT INTO sessions (id, user_id, address, user_agent, created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)");
    tx.execute(insert, vec![session.into(), account.id.into(), origin.address.clone().into(), origin.user_agent.into(), now.into(), (now + LOGIN_LASTS).into()]).await?;
    let refresh_token = new_refresh_token(&tx, session, now).await?;
    let place = Place { district: account.district_id, street: account.street_id, community: account.community_id };
    let actor =
        Actor { user_id: account.id, username: username.to_owned(), person_key: None, session_id: session, must_change_password: false, home: place, assignments: Vec::new(), about: About::Unsaid };
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

/// Ok where the password is the actor's: who has got hold of a login has no more attempts at it than who has not.
///
/// # Errors
/// 401 `invalid_credentials`; 429 `login_delayed`.
pub(super) async fn require_password(context: &Context, passwords: &Passwords, actor: &Actor, password: &str, address: &str) -> Result<OldPassword, Problem> {
    let _turn = passwords.turn(&actor.username, address).await;
    let attempt = attempts::begin(context, &actor.username, address).await?;
    let tx = context.db.read_as_system(Reason::Login).await?;
    let current = tx.query_one::<OldPassword>(Sql::both("SELECT password_hash FROM users WHERE id = $1"), vec![actor.user_id.into()]).await?.ok_or_else(invalid_credentials)?;
    drop(tx);
    if !passwords.verify(password, Some(&current.password_hash)).await? {
        return Err(invalid_credentials());
    }
    let tx = context.db.write_as_system(Reason::Login).await?;
    attempt.right(&tx).await?;
    tx.commit().await?;
    Ok(current)
}

/// Changes the actor's own password and ends all other logins.
///
/// # Errors
/// 401 where the old one is wrong; 429 `login_delayed`; 422 `weak_password`.
pub async fn change_password(context: &Context, passwords: &Passwords, actor: &Actor, old: &str, new: &str, origin: Origin) -> Result<(), Problem> {
    let current = require_password(context, passwords, actor, old, &origin.address).await?;
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
