//! What waits for somebody: a view for each kind of open document.

use sea_orm_migration::prelude::*;

use crate::ddl::Ddl;

/// Creates the views of open documents.
#[derive(DeriveMigrationName)]
pub struct Migration;

const BUDGETS: &str = "SELECT 'budget' AS kind, b.id, b.district_id, b.street_id, CAST(NULL AS {uuid}) AS community_id, CASE WHEN b.state = 'draft' THEN 'budget.draft' ELSE 'budget.approve' END AS capability, \
  CASE WHEN b.state = 'draft' THEN 'submit' ELSE 'approve' END AS action, b.programme AS title, CAST(NULL AS {date}) AS due_on, b.prepared_by, \
  CASE WHEN b.state = 'submitted' THEN COALESCE(u.person_key, CAST(u.id AS text)) END AS prepared_person, b.created_at \
  FROM budgets b LEFT JOIN users u ON u.id = b.prepared_by WHERE b.state IN ('draft', 'submitted')";
const ADJUSTMENTS: &str = "SELECT 'budget_adjustment' AS kind, a.id, a.district_id, a.street_id, CAST(NULL AS {uuid}) AS community_id, \
  CASE WHEN a.kind = 'transfer' THEN 'transfer.approve' ELSE 'budget.approve' END AS capability, 'approve' AS action, a.reason AS title, CAST(NULL AS {date}) AS due_on, a.prepared_by, \
  COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, a.created_at FROM budget_adjustments a LEFT JOIN users u ON u.id = a.prepared_by WHERE a.state = 'submitted'";
const RUNS: &str = "SELECT 'payout_run' AS kind, r.id, r.district_id, r.street_id, CAST(NULL AS {uuid}) AS community_id, \
  CASE r.state WHEN 'approved' THEN 'run.post' WHEN 'posted' THEN 'bank_file.make' ELSE 'run.approve' END AS capability, \
  CASE r.state WHEN 'approved' THEN 'post' WHEN 'posted' THEN 'bank_file' WHEN 'held' THEN 'resume' ELSE 'approve' END AS action, s.name || ' ' || r.period AS title, CAST(NULL AS {date}) AS due_on, r.calculated_by AS prepared_by, \
  COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, r.created_at \
  FROM payout_runs r JOIN stipend_schemes s ON s.id = r.scheme_id LEFT JOIN users u ON u.id = r.calculated_by WHERE r.state IN ('calculated', 'held', 'approved', 'posted')";
/// An enrolment is confirmed, verified, extended; an own rate of it is confirmed.
const ENROLMENTS: &str = "SELECT 'enrolment' AS kind, e.id, e.district_id, e.street_id, CAST(NULL AS {uuid}) AS community_id, 'enrolment.confirm' AS capability, 'confirm' AS action, \
  s.name || ' ' || b.name_masked AS title, CAST(NULL AS {date}) AS due_on, e.authored_by AS prepared_by, e.author_person AS prepared_person, e.created_at \
  FROM enrolments e JOIN stipend_schemes s ON s.id = e.scheme_id JOIN beneficiaries b ON b.id = e.beneficiary_id WHERE e.state = 'unconfirmed' \
  UNION ALL SELECT 'enrolment', e.id, e.district_id, e.street_id, CAST(NULL AS {uuid}), 'stipend.prepare', 'verify', s.name || ' ' || b.name_masked, e.verify_by, CAST(NULL AS {uuid}), CAST(NULL AS text), e.created_at \
  FROM enrolments e JOIN stipend_schemes s ON s.id = e.scheme_id JOIN beneficiaries b ON b.id = e.beneficiary_id WHERE e.verification_asked AND e.to_date IS NULL AND e.state <> 'withdrawn' \
  UNION ALL SELECT 'enrolment', e.id, e.district_id, e.street_id, CAST(NULL AS {uuid}), 'enrolment.confirm', 'extend', s.name || ' ' || b.name_masked, e.expected_end, e.authored_by, e.author_person, e.created_at \
  FROM enrolments e JOIN stipend_schemes s ON s.id = e.scheme_id JOIN beneficiaries b ON b.id = e.beneficiary_id WHERE e.end_warned AND e.to_date IS NULL AND e.state <> 'withdrawn' AND e.expected_end IS NOT NULL \
  UNION ALL SELECT 'enrolment', e.id, e.district_id, e.street_id, CAST(NULL AS {uuid}), 'enrolment.confirm', 'confirm_rate', s.name || ' ' || b.name_masked || ' ' || r.from_month, CAST(NULL AS {date}), r.authored_by, r.author_person, r.created_at \
  FROM enrolment_rates r JOIN enrolments e ON e.id = r.enrolment_id JOIN stipend_schemes s ON s.id = e.scheme_id JOIN beneficiaries b ON b.id = e.beneficiary_id WHERE r.state = 'unconfirmed' AND e.state <> 'withdrawn'";
const ACCOUNTS: &str = "SELECT 'bank_account' AS kind, a.id, a.district_id, a.street_id, CAST(NULL AS {uuid}) AS community_id, 'bank_account.confirm' AS capability, 'confirm' AS action, \
  b.name_masked || ' ' || a.number_masked AS title, CAST(NULL AS {date}) AS due_on, a.authored_by AS prepared_by, COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, a.created_at \
  FROM bank_accounts a JOIN beneficiaries b ON b.id = a.beneficiary_id LEFT JOIN users u ON u.id = a.authored_by WHERE a.state = 'unconfirmed'";
/// A corrected name waits for a second person.
const NAMES: &str = "SELECT 'beneficiary' AS kind, b.id, b.district_id, b.street_id, CAST(NULL AS {uuid}) AS community_id, 'enrolment.confirm' AS capability, 'confirm_name' AS action, \
  b.name_masked || ' ' || b.proposed_name_masked AS title, CAST(NULL AS {date}) AS due_on, b.proposed_name_by AS prepared_by, COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, b.created_at \
  FROM beneficiaries b LEFT JOIN users u ON u.id = b.proposed_name_by WHERE b.proposed_name_id IS NOT NULL";
const OPENINGS: &str = "SELECT 'opening_balance' AS kind, o.id, o.district_id, o.street_id, CAST(NULL AS {uuid}) AS community_id, 'opening.approve' AS capability, 'approve' AS action, \
  CAST(o.date AS text) AS title, CAST(NULL AS {date}) AS due_on, o.prepared_by, COALESCE(u.person_key, CAST(u.id AS text)) AS prepared_person, o.created_at \
  FROM opening_balances o LEFT JOIN users u ON u.id = o.prepared_by WHERE o.state = 'draft'";
/// A file waits for the bank's answer; what the bank returned waits for the accountant.
const BANK_FILES: &str = "SELECT 'bank_file' AS kind, f.id, f.district_id, f.street_id, CAST(NULL AS {uuid}) AS community_id, \
  CASE WHEN f.result_sha256 IS NULL THEN 'bank_file.make' ELSE 'bank_account.confirm' END AS capability, CASE WHEN f.result_sha256 IS NULL THEN 'results' ELSE 'confirm' END AS action, \
  f.number AS title, CAST(NULL AS {date}) AS due_on, CASE WHEN f.result_sha256 IS NULL THEN CAST(NULL AS {uuid}) ELSE f.made_by END AS prepared_by, \
  CASE WHEN f.result_sha256 IS NULL THEN CAST(NULL AS text) ELSE COALESCE(u.person_key, CAST(u.id AS text)) END AS prepared_person, f.created_at \
  FROM bank_files f LEFT JOIN users u ON u.id = f.made_by WHERE f.state = 'made'";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        for (name, select) in [
            ("budget", BUDGETS),
            ("budget_adjustment", ADJUSTMENTS),
            ("payout_run", RUNS),
            ("enrolment", ENROLMENTS),
            ("bank_account", ACCOUNTS),
            ("beneficiary", NAMES),
            ("opening_balance", OPENINGS),
            ("bank_file", BANK_FILES),
        ] {
            ddl.view(&format!("v_tasks_{name}"), select).await?;
        }
        Ok(())
    }
}
