//! What runs by itself and what it tells people: slots, runs and leases of jobs; the outbox and the inbox; tasks.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of jobs and notices, and the first view of tasks.
#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: &str = "
CREATE TABLE job_slots (
  id {uuid} PRIMARY KEY,
  district_id {uuid} REFERENCES org_units (id),
  street_id {uuid},
  community_id {uuid},
  job text NOT NULL,
  scope text NOT NULL,
  period text NOT NULL,
  subject_id {uuid},
  due_at {ts} NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'running', 'done', 'held', 'failed')),
  outcome text,
  outcome_detail_zh text,
  outcome_detail_en text,
  posted_items bigint NOT NULL DEFAULT 0,
  posted_amount bigint NOT NULL DEFAULT 0,
  attempts bigint NOT NULL DEFAULT 0,
  owner text,
  fence bigint NOT NULL DEFAULT 0,
  lease_until {ts},
  retry_at {ts},
  done_count bigint NOT NULL DEFAULT 0,
  total_count bigint NOT NULL DEFAULT 0,
  message text NOT NULL DEFAULT '',
  result {json},
  version bigint NOT NULL DEFAULT 1,
  created_at {ts} NOT NULL,
  UNIQUE (job, scope, period),
  CHECK (state <> 'running' OR lease_until IS NOT NULL),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id)
);
CREATE UNIQUE INDEX job_slots_subject ON job_slots (job, subject_id, period) WHERE subject_id IS NOT NULL;
CREATE INDEX job_slots_period ON job_slots (job, period);
CREATE INDEX job_slots_scope ON job_slots (district_id, street_id, id);
CREATE INDEX job_slots_open ON job_slots (due_at, id) WHERE state <> 'done';
CREATE TABLE job_runs (
  id {uuid} PRIMARY KEY,
  district_id {uuid} REFERENCES org_units (id),
  street_id {uuid},
  community_id {uuid},
  slot_id {uuid} REFERENCES job_slots (id),
  kind text NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  state text NOT NULL CHECK (state IN ('running', 'done', 'held', 'failed', 'lost')),
  outcome text,
  outcome_detail_zh text,
  outcome_detail_en text,
  done_count bigint NOT NULL DEFAULT 0,
  total_count bigint NOT NULL DEFAULT 0,
  message text NOT NULL DEFAULT '',
  result {json},
  started_by {uuid} REFERENCES users (id),
  started_at {ts} NOT NULL,
  finished_at {ts},
  lease_until {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id)
);
CREATE INDEX job_runs_scope ON job_runs (district_id, street_id, id);
CREATE INDEX job_runs_slot ON job_runs (slot_id, id);
CREATE INDEX job_runs_running ON job_runs (lease_until) WHERE state = 'running';
CREATE TABLE work_leases (
  name text PRIMARY KEY,
  owner text NOT NULL,
  lease_until {ts} NOT NULL
);
CREATE TABLE outbox (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL REFERENCES org_units (id),
  street_id {uuid},
  community_id {uuid},
  capability text NOT NULL,
  kind text NOT NULL,
  subject_type text NOT NULL,
  subject_id {uuid} NOT NULL,
  text_zh text NOT NULL,
  text_en text NOT NULL,
  created_at {ts} NOT NULL,
  delivered_at {ts},
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id)
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE delivered_at IS NULL;
CREATE TABLE notifications (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL REFERENCES org_units (id),
  street_id {uuid},
  community_id {uuid},
  outbox_id {uuid} NOT NULL REFERENCES outbox (id),
  user_id {uuid} NOT NULL REFERENCES users (id),
  kind text NOT NULL,
  subject_type text NOT NULL,
  subject_id {uuid} NOT NULL,
  text_zh text NOT NULL,
  text_en text NOT NULL,
  created_at {ts} NOT NULL,
  read_at {ts},
  version bigint NOT NULL DEFAULT 1,
  UNIQUE (outbox_id, user_id)
);
CREATE INDEX notifications_user ON notifications (user_id, id);
CREATE INDEX audit_events_user ON audit_events (user_id, id);
";

/// Money roles that wait for their second administrator.
const ROLE_TASKS: &str = "SELECT 'role_assignment' AS kind, a.id, a.district_id, a.street_id, a.community_id, 'role.confirm' AS capability, 'confirm' AS action, \
  a.role || ' · ' || COALESCE(u.display_name, '') AS title, a.from_date AS due_on, a.granted_by AS prepared_by, g.person_key AS prepared_person, a.created_at \
  FROM role_assignments a LEFT JOIN users u ON u.id = a.user_id LEFT JOIN users g ON g.id = a.granted_by \
  WHERE a.needs_confirmation AND a.confirmed_by IS NULL AND a.ended_at IS NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["job_slots", "job_runs", "outbox", "notifications"] {
            ddl.guard(table, Class::System).await?;
        }
        ddl.guard("work_leases", Class::Technical).await?;
        ddl.view("v_tasks_role_assignment", ROLE_TASKS).await
    }
}
