//! Scheduled work: a slot exists once for a job, a scope and a period.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the jobs.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Leases are seconds of the database's own clock.
const TABLES: &str = "
CREATE TABLE job_slots (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL,
  street_id {uuid},
  community_id {uuid},
  job text NOT NULL,
  scope text NOT NULL,
  subject_id {uuid} NOT NULL,
  period text NOT NULL,
  due_on {date} NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'running', 'done', 'held', 'failed')),
  outcome text,
  detail text,
  attempts integer NOT NULL,
  owner text,
  fence bigint NOT NULL,
  lease_until bigint,
  retry_on {date},
  posted_items bigint NOT NULL,
  posted_amount bigint NOT NULL,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  UNIQUE (district_id, job, subject_id, period)
);
CREATE INDEX job_slots_scope ON job_slots (district_id, street_id, id);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("job_slots", Class::System).await
    }
}
