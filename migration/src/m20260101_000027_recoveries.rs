//! What was paid too much and does not come back by itself: paid back in cash, or written off.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the recoveries.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// `recovery_charges` says which paid items a recovery in cash gives back, with their budget lines and tax months.
const TABLES: &str = "
CREATE TABLE recoveries (
  {community_columns},
  scheme_id {uuid} NOT NULL,
  enrolment_id {uuid} NOT NULL,
  beneficiary_id {uuid} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('cash', 'written_off')),
  state text NOT NULL CHECK (state IN ('submitted', 'settled', 'rejected')),
  amount bigint NOT NULL CHECK (amount > 0),
  tax bigint NOT NULL CHECK (tax >= 0),
  net bigint NOT NULL CHECK (net >= 0),
  reason text NOT NULL,
  decision_reason text,
  settled_on {date},
  voucher_id {uuid},
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  decided_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK (amount = tax + net),
  CHECK ((kind = 'cash') = (voucher_id IS NOT NULL)),
  CHECK (kind = 'written_off' OR state = 'settled'),
  CHECK ((state = 'settled') = (settled_on IS NOT NULL)),
  FOREIGN KEY (district_id, street_id, scheme_id) REFERENCES stipend_schemes (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, enrolment_id, beneficiary_id) REFERENCES enrolments (district_id, street_id, id, beneficiary_id),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  {community_keys}
);
CREATE INDEX recoveries_enrolment ON recoveries (district_id, street_id, enrolment_id);
CREATE INDEX recoveries_voucher ON recoveries (district_id, street_id, voucher_id);
CREATE UNIQUE INDEX recoveries_one_open ON recoveries (district_id, enrolment_id) WHERE state = 'submitted';
CREATE TABLE recovery_charges (
  {street_columns},
  recovery_id {uuid} NOT NULL,
  item_id {uuid} NOT NULL,
  budget_line_id {uuid} NOT NULL,
  fiscal_year integer NOT NULL,
  month text NOT NULL,
  gross bigint NOT NULL CHECK (gross > 0),
  tax bigint NOT NULL CHECK (tax >= 0 AND tax <= gross),
  FOREIGN KEY (district_id, street_id, recovery_id) REFERENCES recoveries (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, item_id) REFERENCES payout_items (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, budget_line_id) REFERENCES budget_lines (district_id, street_id, id),
  {street_keys}
);
CREATE INDEX recovery_charges_recovery ON recovery_charges (district_id, street_id, recovery_id);
CREATE INDEX recovery_charges_item ON recovery_charges (district_id, street_id, item_id);
";

const TASKS: &str = "SELECT 'recovery' AS kind, r.id, r.district_id, r.street_id, CAST(NULL AS {uuid}) AS community_id, 'run.approve' AS capability, 'approve' AS action, \
  s.name || ' ' || b.name_masked AS title, CAST(NULL AS {date}) AS due_on, r.recorded_by AS prepared_by, COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, r.created_at \
  FROM recoveries r JOIN stipend_schemes s ON s.id = r.scheme_id JOIN beneficiaries b ON b.id = r.beneficiary_id LEFT JOIN users u ON u.id = r.recorded_by WHERE r.state = 'submitted'";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.key_later("payout_parts", "recovery_id", "recoveries").await?;
        for table in ["recoveries", "recovery_charges"] {
            ddl.guard(table, Class::Street).await?;
        }
        ddl.append_only("recovery_charges").await?;
        ddl.view("v_tasks_recovery", TASKS).await
    }
}
