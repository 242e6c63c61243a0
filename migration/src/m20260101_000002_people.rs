//! Who and where: units, users, logins, roles.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of tenancy and identity.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// A unit names itself in the column of its own level, so that one condition finds a unit and what lies below it.
const TABLES: &str = "
CREATE TABLE org_units (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL,
  street_id {uuid},
  community_id {uuid},
  parent_id {uuid} REFERENCES org_units (id),
  level text NOT NULL CHECK (level IN ('district', 'street', 'community')),
  name text NOT NULL,
  city text,
  version bigint NOT NULL DEFAULT 1,
  created_at {ts} NOT NULL,
  CHECK ((level = 'district' AND id = district_id AND street_id IS NULL AND community_id IS NULL AND parent_id IS NULL)
      OR (level = 'street' AND id = street_id AND community_id IS NULL AND parent_id = district_id)
      OR (level = 'community' AND id = community_id AND street_id IS NOT NULL AND parent_id = street_id)),
  UNIQUE (district_id, parent_id, name),
  UNIQUE (district_id, id),
  UNIQUE (street_id, id)
);
CREATE INDEX org_units_scope ON org_units (district_id, street_id, id);
CREATE TABLE users (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL REFERENCES org_units (id),
  street_id {uuid},
  community_id {uuid},
  username text NOT NULL UNIQUE,
  display_name text NOT NULL,
  person_key text,
  password_hash text NOT NULL,
  must_change_password boolean NOT NULL,
  disabled_at {ts},
  version bigint NOT NULL DEFAULT 1,
  created_at {ts} NOT NULL,
  created_by {uuid} REFERENCES users (id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id),
  UNIQUE (district_id, person_key)
);
CREATE INDEX users_scope ON users (district_id, street_id, id);
CREATE TABLE password_history (
  id {uuid} PRIMARY KEY,
  user_id {uuid} NOT NULL REFERENCES users (id),
  password_hash text NOT NULL,
  created_at {ts} NOT NULL
);
CREATE INDEX password_history_user ON password_history (user_id, id);
CREATE TABLE sessions (
  id {uuid} PRIMARY KEY,
  user_id {uuid} NOT NULL REFERENCES users (id),
  address text,
  user_agent text,
  created_at {ts} NOT NULL,
  last_used_at {ts} NOT NULL,
  expires_at {ts} NOT NULL,
  ended_at {ts},
  end_reason text CHECK (end_reason IN ('logout', 'ended', 'reuse', 'password', 'disabled'))
);
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE TABLE refresh_tokens (
  token_hash text PRIMARY KEY,
  session_id {uuid} NOT NULL REFERENCES sessions (id),
  created_at {ts} NOT NULL,
  used_at {ts}
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE TABLE user_totps (
  user_id {uuid} PRIMARY KEY REFERENCES users (id),
  secret text NOT NULL,
  confirmed_at {ts},
  last_step bigint NOT NULL DEFAULT 0,
  created_at {ts} NOT NULL
);
CREATE TABLE recovery_codes (
  code_hash text PRIMARY KEY,
  user_id {uuid} NOT NULL REFERENCES users (id),
  used_at {ts}
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);
CREATE TABLE login_failures (
  username_key text NOT NULL,
  address text NOT NULL,
  failures integer NOT NULL,
  last_at {ts} NOT NULL,
  PRIMARY KEY (username_key, address)
);
CREATE TABLE role_assignments (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL REFERENCES org_units (id),
  street_id {uuid},
  community_id {uuid},
  user_id {uuid} NOT NULL REFERENCES users (id),
  role text NOT NULL CHECK (role IN ('district_admin', 'district_auditor', 'street_admin', 'party_office', 'street_leader', 'accountant', 'cashier', 'inspector', 'community_secretary', 'community_staff')),
  from_date {date} NOT NULL,
  to_date {date},
  acting_for {uuid} REFERENCES users (id),
  granted_by {uuid} REFERENCES users (id),
  confirmed_by {uuid} REFERENCES users (id),
  needs_confirmation boolean NOT NULL,
  ended_at {ts},
  version bigint NOT NULL DEFAULT 1,
  created_at {ts} NOT NULL,
  CHECK (to_date IS NULL OR to_date >= from_date),
  CHECK (confirmed_by IS NULL OR granted_by IS NULL OR confirmed_by <> granted_by),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id)
);
CREATE INDEX role_assignments_scope ON role_assignments (district_id, street_id, id);
CREATE INDEX role_assignments_user ON role_assignments (user_id);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["org_units", "users", "role_assignments"] {
            ddl.guard(table, Class::System).await?;
        }
        for table in ["password_history", "sessions", "refresh_tokens", "user_totps", "recovery_codes", "login_failures"] {
            ddl.guard(table, Class::Technical).await?;
        }
        Ok(())
    }
}
