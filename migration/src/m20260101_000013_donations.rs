//! Donations and what they are used for.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the donations.
#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: &str = "
CREATE TABLE donations (
  {community_columns},
  number text NOT NULL,
  fiscal_year integer NOT NULL,
  date {date} NOT NULL,
  donor_sealed text,
  donor_masked text,
  purpose text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  voucher_id {uuid} NOT NULL,
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (district_id, street_id, number),
  {community_keys}
);
CREATE INDEX donations_voucher ON donations (district_id, street_id, voucher_id);
CREATE INDEX donations_year ON donations (district_id, street_id, fiscal_year);
CREATE TABLE donation_uses (
  {community_columns},
  number text NOT NULL,
  title text NOT NULL,
  payee_name text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  state text NOT NULL CHECK (state IN ('submitted', 'reviewed', 'approved', 'paid', 'rejected', 'withdrawn')),
  reason text,
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  reviewed_by {uuid} REFERENCES users (id),
  approved_by {uuid} REFERENCES users (id),
  paid_by {uuid} REFERENCES users (id),
  paid_on {date},
  voucher_id {uuid},
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK ((state = 'paid') = (voucher_id IS NOT NULL)),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (district_id, street_id, number),
  {community_keys}
);
CREATE INDEX donation_uses_voucher ON donation_uses (district_id, street_id, voucher_id);
CREATE INDEX donation_uses_state ON donation_uses (district_id, street_id, state);
";

const TASKS: &str = "SELECT 'donation_use' AS kind, d.id, d.district_id, d.street_id, d.community_id, \
  CASE d.state WHEN 'submitted' THEN 'claim.review' WHEN 'reviewed' THEN 'claim.approve' ELSE 'claim.pay' END AS capability, \
  CASE d.state WHEN 'submitted' THEN 'review' WHEN 'reviewed' THEN 'approve' ELSE 'pay' END AS action, d.number || ' ' || d.title AS title, CAST(NULL AS {date}) AS due_on, d.prepared_by, \
  COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, d.created_at FROM donation_uses d LEFT JOIN users u ON u.id = d.prepared_by WHERE d.state IN ('submitted', 'reviewed', 'approved')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["donations", "donation_uses"] {
            ddl.guard(table, Class::Community).await?;
        }
        ddl.append_only("donations").await?;
        ddl.view("v_tasks_donation_use", TASKS).await
    }
}
