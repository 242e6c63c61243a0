//! A request sent twice acts once: the stored answer is written in the transaction of its effect.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql, Tx};

/// Answers are kept for 72 hours.
const KEPT: TimeDelta = TimeDelta::hours(72);

/// What a stored answer needs.
pub(super) struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub body: serde_json::Value,
}

impl Answer {
    pub(super) fn response(&self, replayed: bool) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        if let Some(location) = &self.location {
            response.insert_header((LOCATION, location.clone()));
        }
        if let Some(etag) = &self.etag {
            response.insert_header((ETAG, etag.clone()));
        }
        if replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        response.json(&self.body)
    }
}

#[derive(FromQueryResult)]
struct Stored {
    locked: bool,
    fingerprint: Option<String>,
    status: Option<i32>,
    location: Option<String>,
    etag: Option<String>,
    body: Option<serde_json::Value>,
}

/// PostgreSQL takes the key's lock first and then looks, in one round trip (`migration`).
const FIND: Sql = Sql {
    postgres: "SELECT locked, fingerprint, status, location, etag, body FROM mz_kept_answer($1, $2, $3)",
    sqlite: "SELECT TRUE AS locked, fingerprint, status, location, etag, body FROM idempotency_keys WHERE user_id = $1 AND idempotency_key = $2 AND expires_at > $3",
};

/// SHA-256 of method, path, If-Match and body, each with its length before it.
pub(super) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_string());
        hash.update(b":");
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// The stored answer of this key, if any. On PostgreSQL a second request with the key that is still running is refused at once; on SQLite it waited for the writer.
pub(super) async fn find(tx: &Tx, user: Uuid, key: &str, fingerprint: &str, now: DateTime<Utc>) -> Result<Option<Answer>, Problem> {
    let Some(stored) = tx.query_one::<Stored>(FIND, vec![user.into(), key.into(), now.into()]).await? else {
        return Ok(None);
    };
    if !stored.locked {
        return Err(Problem::new(409, "idempotency_in_progress", "相同请求正在处理", "The same request is still running")
            .detail("带有相同 Idempotency-Key 的请求仍在处理，请稍后用同一密钥重试。", "A request with this Idempotency-Key is still running. Try again with the same key shortly.")
            .retry_after(1));
    }
    let (Some(kept), Some(status), Some(body)) = (stored.fingerprint, stored.status, stored.body) else {
        return Ok(None);
    };
    if kept != fingerprint {
        return Err(Problem::new(422, "idempotency_key_reused", "Idempotency-Key 已用于另一请求", "The Idempotency-Key was used for another request")
            .detail("同一密钥只能重复同一请求。新的请求请换用新密钥。", "A key repeats the same request only. Use a new key for a new request."));
    }
    Ok(Some(Answer { status: u16::try_from(status).unwrap_or(200), location: stored.location, etag: stored.etag, body }))
}

/// Keeps the answer of a success.
pub(super) async fn store(tx: &Tx, user: Uuid, key: &str, fingerprint: String, now: DateTime<Utc>, answer: &Answer) -> Result<(), Problem> {
    let values: Vec<Value> = vec![
        new_id().into(),
        user.into(),
        key.into(),
        fingerprint.into(),
        i32::from(answer.status).into(),
        answer.location.clone().into(),
        answer.etag.clone().into(),
        answer.body.clone().into(),
        now.into(),
        (now + KEPT).into(),
    ];
    // A key that is kept no longer makes room.
    let sql = Sql::both(
        "INSERT INTO idempotency_keys (id, user_id, idempotency_key, fingerprint, status, location, etag, body, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (user_id, idempotency_key) DO UPDATE SET id = excluded.id, fingerprint = excluded.fingerprint, status = excluded.status, location = excluded.location, etag = excluded.etag, \
         body = excluded.body, created_at = excluded.created_at, expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= excluded.created_at",
    );
    if tx.execute(sql, values).await? == 1 { Ok(()) } else { Err(Problem::internal("an idempotency key was taken meanwhile")) }
}

/// Drops keys that are kept no longer (72 hours); gives how many. Background work calls it, a bounded number at a time.
///
/// # Errors
/// 500 where the database fails.
pub async fn drop_expired(db: &Db, now: DateTime<Utc>) -> Result<usize, Problem> {
    let tx = db.write_as_system(Reason::Background).await?;
    let drop = Sql::both("DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000)");
    let dropped = tx.execute(drop, vec![now.into()]).await?;
    tx.commit().await?;
    usize::try_from(dropped).map_err(Problem::internal)
}
