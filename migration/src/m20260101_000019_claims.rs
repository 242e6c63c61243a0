//! Approval chains, claims with their lines, events and refunds, payment batches, and the view of open claims.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the claims.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// A claim holds money on its line only while it is open, and at most what it asks for; it is refunded at most once in full; a voucher pays one claim.
/// What a claim pays a person for work counts from its submission, without a month until it is paid.
const TABLES: &str = "
CREATE TABLE approval_chains (
  {street_columns},
  chain_version integer NOT NULL CHECK (chain_version >= 1),
  effective_from {date} NOT NULL,
  bands {json} NOT NULL,
  expire_after_days integer NOT NULL CHECK (expire_after_days BETWEEN 1 AND 366),
  set_by {uuid} REFERENCES users (id),
  created_at {ts} NOT NULL,
  UNIQUE (district_id, street_id, chain_version),
  {street_keys}
);
CREATE TABLE payment_batches (
  {street_columns},
  template_id {uuid} NOT NULL,
  number text NOT NULL,
  state text NOT NULL CHECK (state IN ('made', 'void', 'settled')),
  date {date} NOT NULL,
  count integer NOT NULL CHECK (count > 0),
  sum bigint NOT NULL CHECK (sum > 0),
  sha256 text NOT NULL,
  file_name text NOT NULL,
  content text NOT NULL,
  made_by {uuid} NOT NULL REFERENCES users (id),
  voided_by {uuid} REFERENCES users (id),
  void_reason text,
  result_sha256 text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, template_id) REFERENCES bank_file_templates (district_id, id),
  UNIQUE (district_id, street_id, number),
  {street_keys}
);
CREATE TABLE claims (
  {community_columns},
  number text NOT NULL,
  fiscal_year integer NOT NULL,
  budget_line_id {uuid} NOT NULL,
  category_id {uuid} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('activity', 'lecture', 'procurement', 'other')),
  title text NOT NULL,
  purpose text,
  plan_item_id {uuid},
  activity_id {uuid},
  commitment_id {uuid},
  payee_kind text NOT NULL CHECK (payee_kind IN ('supplier', 'person')),
  payee_name text NOT NULL,
  payee_name_sealed text,
  payee_user_id {uuid} REFERENCES users (id),
  payee_person text,
  payee_account_sealed text,
  payee_account_masked text,
  payee_bank text,
  payee_bank_code text,
  payee_key text NOT NULL,
  payment_method text NOT NULL CHECK (payment_method IN ('transfer', 'official_card', 'cash')),
  payment_reason text,
  paid_from text NOT NULL CHECK (paid_from IN ('cash', 'quota')),
  decision_reference text,
  amount bigint NOT NULL CHECK (amount > 0),
  tax bigint NOT NULL CHECK (tax >= 0),
  net bigint NOT NULL CHECK (net > 0),
  state text NOT NULL CHECK (state IN ('draft', 'submitted', 'endorsed', 'reviewed', 'approved', 'paid', 'rejected', 'withdrawn', 'expired', 'reversed')),
  information_requested boolean NOT NULL,
  chain {json},
  steps_done integer NOT NULL,
  next_capability text,
  reserved bigint NOT NULL,
  from_commitment bigint NOT NULL DEFAULT 0 CHECK (from_commitment >= 0 AND from_commitment <= amount),
  refunded bigint NOT NULL CHECK (refunded >= 0 AND refunded <= amount),
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  submitted_at {ts},
  expires_on {date},
  endorsed_by {uuid} REFERENCES users (id),
  reviewed_by {uuid} REFERENCES users (id),
  approved_by {uuid} REFERENCES users (id),
  paid_by {uuid} REFERENCES users (id),
  paid_on {date},
  bank_reference text,
  value_date {date},
  voucher_id {uuid},
  reversal_voucher_id {uuid},
  batch_id {uuid},
  batch_serial integer,
  bank_returned text,
  urged_on {date},
  copied_from {uuid},
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK (amount = tax + net),
  CHECK (reserved >= 0 AND reserved <= amount),
  CHECK ((reserved > 0) = (state IN ('submitted', 'endorsed', 'reviewed', 'approved'))),
  CHECK ((state IN ('paid', 'reversed')) = (voucher_id IS NOT NULL)),
  CHECK (from_commitment = 0 OR (commitment_id IS NOT NULL AND state IN ('submitted', 'endorsed', 'reviewed', 'approved', 'paid'))),
  FOREIGN KEY (district_id, street_id, budget_line_id) REFERENCES budget_lines (district_id, street_id, id),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  FOREIGN KEY (district_id, street_id, plan_item_id) REFERENCES plan_items (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, activity_id) REFERENCES activities (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, commitment_id) REFERENCES commitments (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, batch_id) REFERENCES payment_batches (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, copied_from) REFERENCES claims (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  FOREIGN KEY (district_id, street_id, reversal_voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (district_id, street_id, number),
  {community_keys}
);
CREATE UNIQUE INDEX claims_voucher ON claims (district_id, voucher_id) WHERE voucher_id IS NOT NULL;
CREATE INDEX claims_reversal ON claims (district_id, street_id, reversal_voucher_id) WHERE reversal_voucher_id IS NOT NULL;
CREATE INDEX claims_state ON claims (district_id, street_id, state);
CREATE INDEX claims_line ON claims (district_id, street_id, budget_line_id);
CREATE INDEX claims_commitment ON claims (district_id, street_id, commitment_id);
CREATE INDEX claims_activity ON claims (district_id, street_id, activity_id);
CREATE INDEX claims_payee ON claims (district_id, street_id, payee_key);
CREATE INDEX claims_batch ON claims (district_id, street_id, batch_id);
CREATE TABLE claim_lines (
  {community_columns},
  claim_id {uuid} NOT NULL,
  line_number integer NOT NULL CHECK (line_number >= 1),
  expense_item_id {uuid} NOT NULL,
  description text NOT NULL,
  quantities {json} NOT NULL,
  grade text,
  place text,
  date {date},
  reason text,
  amount bigint NOT NULL CHECK (amount > 0),
  tax bigint NOT NULL CHECK (tax >= 0 AND tax < amount),
  net bigint NOT NULL CHECK (net > 0),
  standard_id {uuid},
  quantity integer,
  allowed bigint,
  over_standard boolean NOT NULL DEFAULT false,
  CHECK (amount = net + tax),
  CHECK ((allowed IS NULL) = (quantity IS NULL)),
  CHECK (over_standard = (COALESCE(allowed, net) < net)),
  FOREIGN KEY (district_id, standard_id) REFERENCES standards (district_id, id),
  FOREIGN KEY (district_id, street_id, claim_id) REFERENCES claims (district_id, street_id, id),
  FOREIGN KEY (district_id, expense_item_id) REFERENCES expense_items (district_id, id),
  UNIQUE (district_id, claim_id, line_number),
  {community_keys}
);
CREATE INDEX claim_lines_item ON claim_lines (district_id, street_id, expense_item_id);
CREATE TABLE labour_fees (
  {street_columns},
  claim_id {uuid} NOT NULL,
  payee_key text NOT NULL,
  month text,
  gross bigint NOT NULL CHECK (gross >= 0),
  tax bigint NOT NULL CHECK (tax >= 0),
  UNIQUE (district_id, claim_id),
  FOREIGN KEY (district_id, street_id, claim_id) REFERENCES claims (district_id, street_id, id),
  {street_keys}
);
CREATE INDEX labour_fees_payee ON labour_fees (district_id, street_id, payee_key);
CREATE TABLE claim_events (
  {community_columns},
  claim_id {uuid} NOT NULL,
  kind text NOT NULL,
  state text NOT NULL,
  comment text,
  user_id {uuid} REFERENCES users (id),
  acting_for {uuid} REFERENCES users (id),
  person text NOT NULL,
  job text,
  at {ts} NOT NULL,
  business_date {date},
  FOREIGN KEY (district_id, street_id, claim_id) REFERENCES claims (district_id, street_id, id),
  {community_keys}
);
CREATE INDEX claim_events_claim ON claim_events (district_id, street_id, claim_id);
CREATE TABLE claim_refunds (
  {community_columns},
  claim_id {uuid} NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  tax bigint NOT NULL CHECK (tax >= 0 AND tax <= amount),
  reason text NOT NULL,
  date {date} NOT NULL,
  voucher_id {uuid} NOT NULL,
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, claim_id) REFERENCES claims (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  {community_keys}
);
CREATE INDEX claim_refunds_claim ON claim_refunds (district_id, street_id, claim_id);
CREATE INDEX claim_refunds_voucher ON claim_refunds (district_id, street_id, voucher_id);
";

const TASKS: &str = "SELECT 'claim' AS kind, c.id, c.district_id, c.street_id, c.community_id, \
  CASE WHEN c.state = 'draft' OR c.information_requested THEN 'claim.prepare' ELSE c.next_capability END AS capability, \
  CASE WHEN c.information_requested THEN 'provide_info' WHEN c.state = 'draft' THEN 'submit' WHEN c.next_capability = 'claim.endorse' THEN 'endorse' WHEN c.next_capability = 'claim.review' THEN 'review' \
  WHEN c.next_capability = 'claim.pay' THEN 'pay' ELSE 'approve' END AS action, c.number || ' ' || c.title AS title, c.expires_on AS due_on, \
  CASE WHEN c.state = 'draft' OR c.information_requested THEN CAST(NULL AS {uuid}) ELSE c.prepared_by END AS prepared_by, \
  CASE WHEN c.state = 'draft' OR c.information_requested THEN CAST(NULL AS text) ELSE COALESCE(u.person_key, CAST(u.id AS text)) END AS prepared_person, c.created_at \
  FROM claims c LEFT JOIN users u ON u.id = c.prepared_by WHERE c.state IN ('draft', 'submitted', 'endorsed', 'reviewed', 'approved') AND c.batch_id IS NULL";
/// What was asked for an activity and still stands: what the activity says is fixed by it.
const ACTIVITY_USES: &str = "SELECT activity_id, 'claim' AS kind FROM claims WHERE activity_id IS NOT NULL AND state IN ('submitted', 'endorsed', 'reviewed', 'approved', 'paid') \
  UNION ALL SELECT activity_id, 'commitment' AS kind FROM commitments WHERE state IN ('submitted', 'approved')";
/// Nothing of these years changes.
const CLOSED_YEARS: &str = "SELECT street_id, year FROM fiscal_years WHERE state = 'closed'";
/// A batch waits for the bank's answer.
const BATCH_TASKS: &str = "SELECT 'payment_batch' AS kind, b.id, b.district_id, b.street_id, CAST(NULL AS {uuid}) AS community_id, 'claim.pay' AS capability, 'results' AS action, \
  b.number AS title, CAST(NULL AS {date}) AS due_on, CAST(NULL AS {uuid}) AS prepared_by, CAST(NULL AS text) AS prepared_person, b.created_at FROM payment_batches b WHERE b.state = 'made'";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("approval_chains", Class::Shared).await?;
        ddl.guard("payment_batches", Class::Street).await?;
        // Tax is on what all units of a street pay a person: a community's claim counts what the others paid, of which it learns no more than the sum's tax.
        ddl.guard("labour_fees", Class::Shared).await?;
        for table in ["claims", "claim_lines", "claim_events", "claim_refunds"] {
            ddl.guard(table, Class::Community).await?;
        }
        for table in ["approval_chains", "claim_events", "claim_refunds"] {
            ddl.append_only(table).await?;
        }
        ddl.view("v_activity_uses", ACTIVITY_USES).await?;
        ddl.view("v_closed_years", CLOSED_YEARS).await?;
        ddl.view("v_tasks_payment_batch", BATCH_TASKS).await?;
        ddl.view("v_tasks_claim", TASKS).await
    }
}
