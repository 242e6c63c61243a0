//! The second factor: time-based one-time codes (RFC 6238), each good once, and ten recovery codes for a lost phone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;
use serde::Serialize;
use totp_rs::{Builder, Secret, Totp};
use utoipa::ToSchema;
use uuid::Uuid;

use super::attempts;
use super::login::Origin;
use super::passwords::Passwords;
use super::refusals::{totp_already_on, wrong_totp_code};
use crate::kernel::access::Actor;
use crate::kernel::act::Performer;
use crate::kernel::crypto::{KeyRing, random_bytes};
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;

/// The secret has 160 bits (RFC 4226 section 4).
const SECRET_BYTES: usize = 20;
/// How many recovery codes are given.
const RECOVERY_CODES: usize = 10;

/// A new secret, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpSecret {
    /// The secret in Base32, to be typed.
    pub secret: String,
    /// The address that a phone reads as a QR code.
    pub otpauth_url: String,
}

/// Recovery codes, shown once, each good once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<String>,
}

/// What the second factor says to a login.
#[derive(Debug)]
pub(super) enum SecondFactor {
    /// The account has none.
    NotNeeded,
    /// The account has one and no code was sent.
    Missing,
    /// The code is good; it is used up.
    Fits,
    /// The code is wrong or was used.
    Wrong,
}

#[derive(FromQueryResult)]
struct Kept {
    secret: String,
    confirmed_at: Option<DateTime<Utc>>,
}

fn bound_to(user: Uuid) -> String {
    format!("user_totps/secret/{user}")
}

/// Six digits, 30 seconds, SHA-1, one step of skew: what every phone knows.
fn totp(secret: Secret, account: &str) -> Result<Totp, Problem> {
    // A colon separates issuer and account in the address.
    let account = account.replace(':', "_");
    Builder::new().with_secret(secret).with_account_name(account).with_issuer(Some("Mingzhang")).build().map_err(Problem::internal)
}

async fn kept(tx: &Tx, user: Uuid) -> Result<Option<Kept>, Problem> {
    tx.query_one::<Kept>(Sql::both("SELECT secret, confirmed_at FROM user_totps WHERE user_id = $1"), vec![user.into()]).await
}

/// Whether the code is good; a step that was used, or an earlier one, is not good again (RFC 6238 section 5.2).
async fn use_code(tx: &Tx, keys: &KeyRing, user: Uuid, kept: &Kept, code: &str, now: DateTime<Utc>) -> Result<bool, Problem> {
    let secret = keys.decrypt(&bound_to(user), &kept.secret).map_err(Problem::internal)?;
    let totp = totp(Secret::try_from_base32(secret).map_err(Problem::internal)?, "account")?;
    let Some(step) = totp.check(code.trim(), u64::try_from(now.timestamp()).unwrap_or(0)).and_then(|step| i64::try_from(step).ok()) else {
        return Ok(false);
    };
    let take = Sql::both("UPDATE user_totps SET last_step = $2 WHERE user_id = $1 AND last_step < $2");
    Ok(tx.execute(take, vec![user.into(), step.into()]).await? == 1)
}

fn code_hash(keys: &KeyRing, user: Uuid, code: &str) -> String {
    keys.lookup_hash("recovery_code", &format!("{user}/{}", code.trim()))
}

async fn use_recovery_code(tx: &Tx, keys: &KeyRing, user: Uuid, code: &str, now: DateTime<Utc>) -> Result<bool, Problem> {
    let take = Sql::both("UPDATE recovery_codes SET used_at = $3 WHERE code_hash = $1 AND user_id = $2 AND used_at IS NULL");
    Ok(tx.execute(take, vec![code_hash(keys, user, code).into(), user.into(), now.into()]).await? == 1)
}

/// What the second factor says to a login, using up the code.
pub(super) async fn second_factor(tx: &Tx, keys: &KeyRing, user: Uuid, code: Option<&str>, now: DateTime<Utc>) -> Result<SecondFactor, Problem> {
    let Some(kept) = kept(tx, user).await?.filter(|kept| kept.confirmed_at.is_some()) else {
        return Ok(SecondFactor::NotNeeded);
    };
    let Some(code) = code else {
        return Ok(SecondFactor::Missing);
    };
    let fits = use_code(tx, keys, user, &kept, code, now).await? || use_recovery_code(tx, keys, user, code, now).await?;
    Ok(if fits { SecondFactor::Fits } else { SecondFactor::Wrong })
}

/// The second factor as it is before an attempt at it.
async fn begun(context: &Context, actor: &Actor) -> Result<Option<Kept>, Problem> {
    kept(&context.db.read_as_system(Reason::Login).await?, actor.user_id).await
}

/// Begins a second factor; one that was begun and not confirmed is replaced.
///
/// # Errors
/// 401 where the password is wrong; 429 `login_delayed`; 409 `totp_already_on`.
pub async fn start(context: &Context, passwords: &Passwords, actor: &Actor, password: &str, address: &str) -> Result<TotpSecret, Problem> {
    super::login::require_password(context, passwords, actor, password, address).await?;
    let secret = Secret::from(random_bytes::<SECRET_BYTES>().to_vec());
    let base32 = secret.to_base32();
    let otpauth_url = totp(secret, &actor.username)?.to_url().map_err(Problem::internal)?;
    let sealed = context.keys.encrypt(&bound_to(actor.user_id), &base32).map_err(Problem::internal)?;
    let tx = context.db.write_as_system(Reason::Login).await?;
    if kept(&tx, actor.user_id).await?.is_some_and(|kept| kept.confirmed_at.is_some()) {
        return Err(totp_already_on());
    }
    tx.execute(Sql::both("DELETE FROM user_totps WHERE user_id = $1 AND confirmed_at IS NULL"), vec![actor.user_id.into()]).await?;
    let insert = Sql::both("INSERT INTO user_totps (user_id, secret, created_at) VALUES ($1, $2, $3)");
    tx.execute(insert, vec![actor.user_id.into(), sealed.into(), context.clocks.wall().into()]).await?;
    tx.commit().await?;
    Ok(TotpSecret { secret: base32, otpauth_url })
}

/// Turns the second factor on with its first code.
///
/// # Errors
/// 404 where none was begun; 409 `totp_already_on`; 429 `login_delayed`; 422 `wrong_totp_code`.
pub async fn confirm(context: &Context, actor: &Actor, code: &str, origin: Origin) -> Result<RecoveryCodes, Problem> {
    let now = context.clocks.wall();
    let found = begun(context, actor).await?.ok_or_else(Problem::not_found)?;
    if found.confirmed_at.is_some() {
        return Err(totp_already_on());
    }
    let attempt = attempts::begin(context, &actor.username, &origin.address).await?;
    let tx = context.db.write_as_system(Reason::Login).await?;
    if !use_code(&tx, &context.keys, actor.user_id, &found, code, now).await? {
        return Err(wrong_totp_code());
    }
    attempt.right(&tx).await?;
    tx.execute(Sql::both("UPDATE user_totps SET confirmed_at = $2 WHERE user_id = $1"), vec![actor.user_id.into(), now.into()]).await?;
    let mut recovery_codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let code = URL_SAFE_NO_PAD.encode(random_bytes::<12>());
        let insert = Sql::both("INSERT INTO recovery_codes (code_hash, user_id) VALUES ($1, $2)");
        tx.execute(insert, vec![code_hash(&context.keys, actor.user_id, &code).into(), actor.user_id.into()]).await?;
        recovery_codes.push(code);
    }
    record(&tx, context, actor, "user.totp_on", origin).await?;
    tx.commit().await?;
    Ok(RecoveryCodes { recovery_codes })
}

/// Turns the second factor off with a code or a recovery code.
///
/// # Errors
/// 404 where there is none; 429 `login_delayed`; 422 `wrong_totp_code`.
pub async fn disable(context: &Context, actor: &Actor, code: &str, origin: Origin) -> Result<(), Problem> {
    begun(context, actor).await?.filter(|found| found.confirmed_at.is_some()).ok_or_else(Problem::not_found)?;
    let attempt = attempts::begin(context, &actor.username, &origin.address).await?;
    let tx = context.db.write_as_system(Reason::Login).await?;
    if !matches!(second_factor(&tx, &context.keys, actor.user_id, Some(code), context.clocks.wall()).await?, SecondFactor::Fits) {
        return Err(wrong_totp_code());
    }
    attempt.right(&tx).await?;
    forget(&tx, actor.user_id).await?;
    record(&tx, context, actor, "user.totp_off", origin).await?;
    tx.commit().await
}

/// Takes an account's second factor off.
pub(super) async fn forget(tx: &Tx, user: Uuid) -> Result<(), Problem> {
    for table in [Sql::both("DELETE FROM recovery_codes WHERE user_id = $1"), Sql::both("DELETE FROM user_totps WHERE user_id = $1")] {
        tx.execute(table, vec![user.into()]).await?;
    }
    Ok(())
}

async fn record(tx: &Tx, context: &Context, actor: &Actor, action: &'static str, origin: Origin) -> Result<Uuid, Problem> {
    let act = context.act(Performer::Person(actor.clone()), origin.request_id, Some(origin.address));
    audit::record(tx, &act, Event::new(action, "user", actor.user_id, actor.home)).await
}
