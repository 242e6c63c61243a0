//! Stipends: kinds, schemes, people, enrolments, runs with their items and parts, authorisations, bank files.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the stipends.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// A person is paid once for a period under a kind of scheme in the whole district: held by `payout_parts_once`. An item is of the person whose enrolment it pays: one key holds both.
/// The kind of a part is its scheme's, whose own key holds it: looking it up for each of a run's thousands of parts would tell nothing.
const TABLES: &str = "
CREATE TABLE scheme_kinds (
  {district_columns},
  code text NOT NULL,
  name text NOT NULL,
  frequency text NOT NULL CHECK (frequency IN ('month', 'quarter', 'year')),
  verification_months integer CHECK (verification_months BETWEEN 1 AND 60),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  UNIQUE (district_id, code),
  {district_keys}
);
CREATE TABLE stipend_schemes (
  {street_columns},
  scheme_kind_id {uuid} NOT NULL,
  category_id {uuid} NOT NULL,
  name text NOT NULL,
  frequency text NOT NULL,
  line_scope text NOT NULL CHECK (line_scope IN ('street', 'community')),
  paid_from text NOT NULL CHECK (paid_from IN ('cash', 'quota')),
  rate_basis text NOT NULL CHECK (rate_basis IN ('month', 'period')),
  pay_day integer NOT NULL CHECK (pay_day BETWEEN 5 AND 28),
  proration text NOT NULL CHECK (proration IN ('whole_month', 'by_day')),
  start_rule text NOT NULL CHECK (start_rule IN ('same_month', 'next_month')),
  end_rule text NOT NULL CHECK (end_rule IN ('through_event_month', 'before_event_month')),
  rounding_unit text NOT NULL CHECK (rounding_unit IN ('fen', 'jiao', 'yuan')),
  rounding_mode text NOT NULL CHECK (rounding_mode IN ('half_up', 'up')),
  tax_kind text NOT NULL CHECK (tax_kind IN ('exempt', 'labour', 'reported_elsewhere')),
  first_period text NOT NULL,
  last_period text,
  active_from {date} NOT NULL,
  authored_by {uuid} NOT NULL REFERENCES users (id),
  author_person text NOT NULL,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, scheme_kind_id) REFERENCES scheme_kinds (district_id, id),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  UNIQUE (district_id, street_id, name),
  {street_keys}
);
CREATE TABLE scheme_rates (
  {street_columns},
  scheme_id {uuid} NOT NULL,
  from_month text NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0 AND amount <= 100000000000),
  authored_by {uuid} NOT NULL REFERENCES users (id),
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, scheme_id) REFERENCES stipend_schemes (district_id, street_id, id),
  {street_keys}
);
CREATE INDEX scheme_rates_month ON scheme_rates (district_id, scheme_id, from_month, id);
CREATE TABLE beneficiaries (
  {community_columns},
  name_sealed text NOT NULL,
  name_masked text NOT NULL,
  proposed_name_sealed text,
  proposed_name_masked text,
  proposed_name_id {uuid},
  proposed_name_by {uuid} REFERENCES users (id),
  id_number_sealed text NOT NULL,
  id_number_masked text NOT NULL,
  person_key text NOT NULL,
  on_payroll boolean NOT NULL,
  authored_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK ((proposed_name_sealed IS NULL) = (proposed_name_id IS NULL)),
  UNIQUE (district_id, street_id, person_key),
  {community_keys}
);
CREATE TABLE bank_accounts (
  {street_columns},
  beneficiary_id {uuid} NOT NULL,
  number_sealed text NOT NULL,
  number_masked text NOT NULL,
  number_key text NOT NULL,
  bank_name text NOT NULL,
  bank_code text,
  holder_sealed text NOT NULL,
  holder_masked text NOT NULL,
  holder_key text NOT NULL DEFAULT '',
  holder_relation text NOT NULL CHECK (holder_relation IN ('self', 'guardian', 'head_of_household')),
  state text NOT NULL CHECK (state IN ('unconfirmed', 'confirmed', 'replaced')),
  luhn_holds boolean NOT NULL,
  authored_by {uuid} NOT NULL REFERENCES users (id),
  confirmed_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, beneficiary_id) REFERENCES beneficiaries (district_id, street_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX bank_accounts_one ON bank_accounts (district_id, beneficiary_id) WHERE state = 'confirmed';
CREATE INDEX bank_accounts_number ON bank_accounts (district_id, street_id, number_key);
CREATE TABLE enrolments (
  {community_columns},
  scheme_id {uuid} NOT NULL,
  beneficiary_id {uuid} NOT NULL,
  from_date {date} NOT NULL,
  to_date {date},
  end_reason text,
  paid_through text NOT NULL,
  own_rate bigint CHECK (own_rate >= 0 AND own_rate <= 100000000000),
  own_rate_from text,
  relation text CHECK (relation IN ('spouse', 'child', 'parent', 'sibling', 'other')),
  deceased_sealed text,
  deceased_masked text,
  died_on {date},
  ends_at_age integer CHECK (ends_at_age BETWEEN 1 AND 99),
  study_until {date},
  expected_end {date},
  end_warned boolean NOT NULL DEFAULT false,
  verify_by {date},
  verified_on {date},
  verified_by {uuid} REFERENCES users (id),
  verification_evidence text,
  verification_asked boolean NOT NULL DEFAULT false,
  arrears_accepted_through text,
  state text NOT NULL CHECK (state IN ('unconfirmed', 'confirmed', 'withdrawn')),
  authored_by {uuid} NOT NULL REFERENCES users (id),
  author_person text NOT NULL,
  confirmed_by {uuid} REFERENCES users (id),
  confirmed_until {date},
  ended_by_person text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK (to_date IS NULL OR to_date >= from_date),
  CHECK ((own_rate IS NULL) = (own_rate_from IS NULL)),
  CHECK (expected_end IS NULL OR expected_end >= from_date),
  CHECK ((relation IS NULL) = (deceased_sealed IS NULL)),
  FOREIGN KEY (district_id, street_id, scheme_id) REFERENCES stipend_schemes (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, beneficiary_id) REFERENCES beneficiaries (district_id, street_id, id),
  UNIQUE (district_id, street_id, id, beneficiary_id),
  {community_keys}
);
CREATE UNIQUE INDEX enrolments_one ON enrolments (district_id, scheme_id, beneficiary_id) WHERE to_date IS NULL AND state <> 'withdrawn';
CREATE INDEX enrolments_scheme ON enrolments (district_id, street_id, scheme_id);
CREATE TABLE suspensions (
  {street_columns},
  enrolment_id {uuid} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('stop', 'hold')),
  from_date {date} NOT NULL,
  to_date {date},
  reason text NOT NULL,
  authored_by {uuid} NOT NULL REFERENCES users (id),
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, enrolment_id) REFERENCES enrolments (district_id, street_id, id),
  {street_keys}
);
CREATE TABLE enrolment_rates (
  {street_columns},
  enrolment_id {uuid} NOT NULL,
  from_month text NOT NULL,
  amount bigint CHECK (amount >= 0 AND amount <= 100000000000),
  reason text NOT NULL,
  state text NOT NULL CHECK (state IN ('unconfirmed', 'confirmed', 'withdrawn')),
  authored_by {uuid} NOT NULL REFERENCES users (id),
  author_person text NOT NULL,
  confirmed_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, enrolment_id) REFERENCES enrolments (district_id, street_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX enrolment_rates_waiting ON enrolment_rates (district_id, enrolment_id, from_month) WHERE state = 'unconfirmed';
CREATE INDEX enrolment_rates_enrolment ON enrolment_rates (district_id, street_id, enrolment_id);
CREATE TABLE standing_authorisations (
  {street_columns},
  scheme_id {uuid} NOT NULL,
  fiscal_year integer NOT NULL,
  max_per_run bigint NOT NULL CHECK (max_per_run > 0),
  max_per_year bigint NOT NULL CHECK (max_per_year > 0),
  max_heads integer NOT NULL CHECK (max_heads > 0),
  max_increase_percent integer CHECK (max_increase_percent >= 0),
  signed_by {uuid} NOT NULL REFERENCES users (id),
  signer_person text NOT NULL,
  revoked_at {ts},
  revoked_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, scheme_id) REFERENCES stipend_schemes (district_id, street_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX standing_authorisations_one ON standing_authorisations (district_id, scheme_id, fiscal_year) WHERE revoked_at IS NULL;
CREATE TABLE authorisation_sums (
  {street_columns},
  scheme_id {uuid} NOT NULL,
  fiscal_year integer NOT NULL,
  used bigint NOT NULL CHECK (used >= 0),
  UNIQUE (district_id, scheme_id, fiscal_year),
  FOREIGN KEY (district_id, street_id, scheme_id) REFERENCES stipend_schemes (district_id, street_id, id),
  {street_keys}
);
CREATE TABLE payout_runs (
  {street_columns},
  scheme_id {uuid} NOT NULL,
  period text NOT NULL,
  seq integer NOT NULL CHECK (seq >= 1),
  fiscal_year integer NOT NULL,
  state text NOT NULL CHECK (state IN ('calculated', 'held', 'approved', 'posted', 'exported', 'settled', 'cancelled')),
  held_code text,
  held_reason text,
  heads integer NOT NULL,
  held_heads integer NOT NULL DEFAULT 0,
  gross bigint NOT NULL,
  tax bigint NOT NULL,
  net bigint NOT NULL,
  fingerprint text NOT NULL,
  authorisation_id {uuid},
  calculated_by {uuid} REFERENCES users (id),
  approved_by {uuid} REFERENCES users (id),
  posted_by {uuid} REFERENCES users (id),
  posted_on {date},
  voucher_id {uuid},
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, scheme_id) REFERENCES stipend_schemes (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, authorisation_id) REFERENCES standing_authorisations (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (district_id, scheme_id, period, seq),
  {street_keys}
);
CREATE INDEX payout_runs_voucher ON payout_runs (district_id, street_id, voucher_id);
CREATE UNIQUE INDEX payout_runs_one_open ON payout_runs (district_id, scheme_id) WHERE state IN ('calculated', 'held', 'approved');
CREATE TABLE bank_files (
  {street_columns},
  run_id {uuid} NOT NULL,
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
  FOREIGN KEY (district_id, street_id, run_id) REFERENCES payout_runs (district_id, street_id, id),
  FOREIGN KEY (district_id, template_id) REFERENCES bank_file_templates (district_id, id),
  UNIQUE (district_id, street_id, number),
  {street_keys}
);
CREATE TABLE payout_items (
  {community_columns},
  run_id {uuid} NOT NULL,
  enrolment_id {uuid} NOT NULL,
  beneficiary_id {uuid} NOT NULL,
  bank_account_id {uuid},
  budget_line_id {uuid},
  state text NOT NULL CHECK (state IN ('calculated', 'held', 'posted', 'exported', 'paid', 'returned')),
  held_code text,
  gross bigint NOT NULL CHECK (gross >= 0),
  tax bigint NOT NULL CHECK (tax >= 0),
  net bigint NOT NULL CHECK (net >= 0),
  kept bigint NOT NULL DEFAULT 0 CHECK (kept >= 0 AND kept <= tax),
  outstanding_recovery bigint NOT NULL,
  explanation {json} NOT NULL,
  bank_file_id {uuid},
  serial integer,
  returned_reason text,
  return_confirmed boolean NOT NULL,
  version bigint NOT NULL,
  CHECK (gross = tax + net),
  FOREIGN KEY (district_id, street_id, run_id) REFERENCES payout_runs (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, enrolment_id, beneficiary_id) REFERENCES enrolments (district_id, street_id, id, beneficiary_id),
  FOREIGN KEY (district_id, street_id, bank_account_id) REFERENCES bank_accounts (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, budget_line_id) REFERENCES budget_lines (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, bank_file_id) REFERENCES bank_files (district_id, street_id, id),
  UNIQUE (district_id, run_id, enrolment_id),
  {community_keys}
);
CREATE INDEX bank_files_run ON bank_files (district_id, street_id, run_id);
CREATE INDEX bank_accounts_beneficiary ON bank_accounts (district_id, street_id, beneficiary_id);
CREATE INDEX enrolments_beneficiary ON enrolments (district_id, street_id, beneficiary_id);
CREATE INDEX suspensions_enrolment ON suspensions (district_id, street_id, enrolment_id);
CREATE INDEX payout_items_enrolment ON payout_items (district_id, street_id, enrolment_id);
CREATE INDEX payout_items_line ON payout_items (district_id, street_id, budget_line_id);
CREATE INDEX payout_items_file ON payout_items (district_id, street_id, bank_file_id);
CREATE TABLE payout_parts (
  {street_columns},
  item_id {uuid},
  recovery_id {uuid},
  enrolment_id {uuid} NOT NULL,
  scheme_kind_id {uuid} NOT NULL,
  person_key text NOT NULL,
  period text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('regular', 'arrears', 'recovery', 'written_off')),
  amount bigint NOT NULL CHECK (amount <> 0),
  live boolean NOT NULL,
  holds boolean NOT NULL,
  CHECK (NOT holds OR (live AND kind = 'regular')),
  FOREIGN KEY (district_id, street_id, item_id) REFERENCES payout_items (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  FOREIGN KEY (district_id, street_id, enrolment_id) REFERENCES enrolments (district_id, street_id, id),
  {sqlite} FOREIGN KEY (district_id, street_id, recovery_id) REFERENCES recoveries (district_id, street_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX payout_parts_once ON payout_parts (district_id, scheme_kind_id, person_key, period) WHERE holds;
CREATE INDEX payout_parts_enrolment ON payout_parts (district_id, street_id, enrolment_id);
CREATE INDEX payout_parts_recovery ON payout_parts (district_id, street_id, recovery_id) WHERE recovery_id IS NOT NULL;
CREATE INDEX payout_parts_item ON payout_parts (district_id, street_id, item_id);
CREATE TABLE stipend_tax_months (
  district_id {uuid} NOT NULL,
  street_id {uuid} NOT NULL,
  person_key text NOT NULL,
  month text NOT NULL,
  gross bigint NOT NULL CHECK (gross >= 0),
  tax bigint NOT NULL CHECK (tax >= 0),
  PRIMARY KEY (street_id, person_key, month, district_id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
";

/// What a voucher records: its cause, and the run behind a file of the bank or a payment.
const VOUCHER_DOCUMENTS: &str = "SELECT v.id AS voucher_id, v.source_id AS document_id FROM vouchers v \
  UNION ALL SELECT v.id, f.run_id FROM vouchers v JOIN bank_files f ON f.district_id = v.district_id AND f.street_id = v.street_id AND f.id = v.source_id \
  UNION ALL SELECT v.id, i.run_id FROM vouchers v JOIN payout_items i ON i.district_id = v.district_id AND i.street_id = v.street_id AND i.id = v.source_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("scheme_kinds", Class::District).await?;
        for table in [
            "stipend_schemes",
            "scheme_rates",
            "beneficiaries",
            "bank_accounts",
            "enrolments",
            "suspensions",
            "enrolment_rates",
            "standing_authorisations",
            "authorisation_sums",
            "payout_runs",
            "bank_files",
            "payout_items",
            "payout_parts",
            "stipend_tax_months",
        ] {
            ddl.guard(table, Class::Street).await?;
        }
        ddl.key_later("vouchers", "authorisation_id", "standing_authorisations").await?;
        ddl.view("v_voucher_documents", VOUCHER_DOCUMENTS).await
    }
}
