//! What the platform keeps: the mark of the database, idempotency keys, the audit trail, refused attempts.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the platform's tables.
#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: &str = "
CREATE TABLE database_marks (
  id {uuid} PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('demo', 'test', 'production')),
  business_instant {ts},
  created_at {ts} NOT NULL
);
CREATE UNIQUE INDEX database_marks_one ON database_marks ((1));
CREATE TABLE idempotency_keys (
  id {uuid} PRIMARY KEY,
  user_id {uuid} NOT NULL,
  idempotency_key text NOT NULL,
  fingerprint text NOT NULL,
  status integer NOT NULL,
  location text,
  etag text,
  body {json} NOT NULL,
  created_at {ts} NOT NULL,
  expires_at {ts} NOT NULL,
  UNIQUE (user_id, idempotency_key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
CREATE TABLE audit_events (
  id {uuid} PRIMARY KEY,
  district_id {uuid},
  street_id {uuid},
  community_id {uuid},
  at {ts} NOT NULL,
  business_date {date} NOT NULL,
  action text NOT NULL,
  subject_type text NOT NULL,
  subject_id {uuid},
  user_id {uuid},
  acting_for {uuid},
  job text,
  authorisation_id {uuid},
  session_id {uuid},
  request_id text NOT NULL,
  address text,
  reason text,
  before {json},
  after {json}
);
CREATE INDEX audit_events_place ON audit_events (district_id, street_id, id);
CREATE INDEX audit_events_subject ON audit_events (subject_id, id);
CREATE TABLE audit_queue (
  event_id {uuid} PRIMARY KEY REFERENCES audit_events (id)
);
CREATE TABLE audit_seals (
  position bigint PRIMARY KEY CHECK (position > 0),
  event_id {uuid} NOT NULL UNIQUE REFERENCES audit_events (id),
  algorithm text NOT NULL,
  hash text NOT NULL
);
CREATE TABLE refused_attempts (
  user_id {uuid} NOT NULL,
  operation text NOT NULL,
  minute {ts} NOT NULL,
  event_id {uuid} NOT NULL REFERENCES audit_events (id),
  PRIMARY KEY (user_id, operation, minute)
);
";

/// Takes the lock of a user's key until the transaction ends, then finds what was answered under it: one round trip for both. Each of its statements sees what was
/// committed when it begins, so that an answer which was kept while the lock was waited for elsewhere is found.
const KEPT_ANSWER: &str = "CREATE FUNCTION mz_kept_answer(account uuid, given_key text, wall timestamptz)
RETURNS TABLE (locked boolean, fingerprint text, status integer, location text, etag text, body jsonb) LANGUAGE plpgsql AS $$
BEGIN
  locked := pg_try_advisory_xact_lock(hashtextextended(account::text || ':' || given_key, 0));
  IF locked THEN
    SELECT k.fingerprint, k.status, k.location, k.etag, k.body INTO fingerprint, status, location, etag, body
    FROM idempotency_keys k WHERE k.user_id = account AND k.idempotency_key = given_key AND k.expires_at > wall;
  END IF;
  RETURN NEXT;
END $$";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.scope_functions().await?;
        ddl.run(TABLES).await?;
        for table in ["database_marks", "idempotency_keys", "audit_queue", "audit_seals", "refused_attempts"] {
            ddl.guard(table, Class::Technical).await?;
        }
        ddl.guard("audit_events", Class::System).await?;
        for table in ["audit_events", "audit_seals"] {
            ddl.append_only(table).await?;
        }
        ddl.run_on_postgres(&[KEPT_ANSWER]).await
    }
}
