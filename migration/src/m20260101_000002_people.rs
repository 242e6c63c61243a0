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
  id_number_key text,
  password_hash text NOT NULL,
  must_change_password boolean NOT NULL,
  disabled_at {ts},
  standing bigint NOT NULL DEFAULT 1,
  version bigint NOT NULL DEFAULT 1,
  created_at {ts} NOT NULL,
  created_by {uuid} REFERENCES users (id),
  reset_by {uuid} REFERENCES users (id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id),
  UNIQUE (district_id, person_key),
  UNIQUE (district_id, id_number_key)
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

/// Every change of an account, of its logins' ends, of its roles and of the names of units moves the account's standing: a server that remembers who holds what asks for this
/// number alone, and asks anew where it moved. The triggers see every account, whoever makes the change.
const STANDING: [&str; 6] = [
    "CREATE FUNCTION mz_account_moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.standing := OLD.standing + 1; RETURN NEW; END $$",
    "CREATE FUNCTION mz_standing_moves() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'org_units' THEN
    UPDATE users SET standing = standing WHERE district_id = NEW.district_id;
  ELSE
    IF TG_OP <> 'INSERT' THEN UPDATE users SET standing = standing WHERE id = OLD.user_id; END IF;
    IF TG_OP <> 'DELETE' THEN UPDATE users SET standing = standing WHERE id = NEW.user_id; END IF;
  END IF;
  RETURN NULL;
END $$",
    "CREATE TRIGGER standing BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION mz_account_moves()",
    "CREATE TRIGGER standing AFTER INSERT OR UPDATE OR DELETE ON role_assignments FOR EACH ROW EXECUTE FUNCTION mz_standing_moves()",
    "CREATE TRIGGER standing AFTER UPDATE OF ended_at, user_id OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION mz_standing_moves()",
    "CREATE TRIGGER standing AFTER UPDATE OF name ON org_units FOR EACH ROW EXECUTE FUNCTION mz_standing_moves()",
];
/// As [`STANDING`], on SQLite.
const STANDING_OF_SQLITE: [&str; 7] = [
    "CREATE TRIGGER users_standing AFTER UPDATE OF username, person_key, must_change_password, disabled_at, district_id, street_id, community_id ON users
     BEGIN UPDATE users SET standing = standing + 1 WHERE id = NEW.id; END",
    "CREATE TRIGGER role_assignments_standing_insert AFTER INSERT ON role_assignments BEGIN UPDATE users SET standing = standing + 1 WHERE id = NEW.user_id; END",
    "CREATE TRIGGER role_assignments_standing_update AFTER UPDATE ON role_assignments BEGIN UPDATE users SET standing = standing + 1 WHERE id IN (OLD.user_id, NEW.user_id); END",
    "CREATE TRIGGER role_assignments_standing_delete AFTER DELETE ON role_assignments BEGIN UPDATE users SET standing = standing + 1 WHERE id = OLD.user_id; END",
    "CREATE TRIGGER sessions_standing_update AFTER UPDATE OF ended_at, user_id ON sessions BEGIN UPDATE users SET standing = standing + 1 WHERE id IN (OLD.user_id, NEW.user_id); END",
    "CREATE TRIGGER sessions_standing_delete AFTER DELETE ON sessions BEGIN UPDATE users SET standing = standing + 1 WHERE id = OLD.user_id; END",
    "CREATE TRIGGER org_units_standing AFTER UPDATE OF name ON org_units BEGIN UPDATE users SET standing = standing + 1 WHERE district_id = NEW.district_id; END",
];

/// Who a login belongs to and the roles they hold today, and their scope set on this connection: one round trip for both. The widest unit among the roles is the
/// scope, else the unit that the account is of; a login that is over sets none. It reads these four tables as their owner, of one login and no other, and gives the
/// serving role nothing that it could not read in the system's scope.
const ENTER: &str = "CREATE FUNCTION mz_enter(login uuid, account uuid, wall timestamptz, today date)
RETURNS TABLE (standing bigint, expires_at timestamptz, username text, person_key text, must_change_password boolean, district_id uuid, street_id uuid, community_id uuid, assignments text,
  scope_district uuid, scope_street uuid, scope_community uuid) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  SELECT u.standing, s.expires_at, u.username, u.person_key, u.must_change_password, u.district_id, u.street_id, u.community_id
  INTO standing, expires_at, username, person_key, must_change_password, district_id, street_id, community_id
  FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = login AND u.id = account AND s.ended_at IS NULL AND s.expires_at > wall AND u.disabled_at IS NULL;
  IF NOT FOUND THEN
    PERFORM set_config('mingzhang.scope', '', false);
    RETURN;
  END IF;
  SELECT json_agg(json_build_object('id', a.id, 'role', a.role, 'acting_for', a.acting_for, 'district_id', a.district_id, 'street_id', a.street_id, 'community_id', a.community_id, 'name', o.name))::text,
    (array_agg(a.district_id ORDER BY a.street_id IS NOT NULL, a.community_id IS NOT NULL, a.id))[1],
    (array_agg(a.street_id ORDER BY a.street_id IS NOT NULL, a.community_id IS NOT NULL, a.id))[1],
    (array_agg(a.community_id ORDER BY a.street_id IS NOT NULL, a.community_id IS NOT NULL, a.id))[1]
  INTO assignments, scope_district, scope_street, scope_community
  FROM role_assignments a JOIN org_units o ON o.id = COALESCE(a.community_id, a.street_id, a.district_id)
  WHERE a.user_id = account AND a.from_date <= today AND (a.to_date IS NULL OR a.to_date >= today) AND a.ended_at IS NULL AND (NOT a.needs_confirmation OR a.confirmed_by IS NOT NULL);
  IF scope_district IS NULL THEN
    scope_district := district_id; scope_street := street_id; scope_community := community_id;
  END IF;
  PERFORM set_config('mingzhang.scope', CASE WHEN scope_community IS NOT NULL THEN 'community' WHEN scope_street IS NOT NULL THEN 'street' ELSE 'district' END, false),
    set_config('mingzhang.district', scope_district::text, false), set_config('mingzhang.street', COALESCE(scope_street::text, ''), false),
    set_config('mingzhang.community', COALESCE(scope_community::text, ''), false);
  RETURN NEXT;
END $$";

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
        ddl.run_on_postgres(&STANDING).await?;
        ddl.run_on_sqlite(&STANDING_OF_SQLITE).await?;
        ddl.run_on_postgres(&[ENTER, "REVOKE ALL ON FUNCTION mz_enter FROM PUBLIC", "GRANT EXECUTE ON FUNCTION mz_enter TO mingzhang_app"]).await
    }
}
