//! Activities, the district's limits on trips, and the applications beforehand 事前申请 with their estimates. It runs before the claims, which refer to both.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the activities and of the commitments.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Who was held was counted; a trip out of the province is one out of town. An application holds money only while it is approved, and at most its estimate.
const TABLES: &str = "
CREATE TABLE activities (
  {community_columns},
  plan_item_id {uuid},
  kind text NOT NULL CHECK (kind IN ('branch_assembly', 'branch_committee', 'party_group', 'party_class', 'theme_day', 'study_group', 'party_lecture', 'volunteer_service', 'performance', 'lecture', 'training', 'other')),
  title text NOT NULL,
  from_date {date} NOT NULL,
  to_date {date} NOT NULL,
  place text NOT NULL,
  planned_headcount integer NOT NULL CHECK (planned_headcount >= 1),
  actual_headcount integer CHECK (actual_headcount >= 1),
  outside_town boolean NOT NULL,
  outside_province boolean NOT NULL,
  minutes text,
  state text NOT NULL CHECK (state IN ('planned', 'held', 'cancelled')),
  cancel_reason text,
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK (to_date >= from_date),
  CHECK (outside_town OR NOT outside_province),
  CHECK ((state = 'held') = (actual_headcount IS NOT NULL)),
  CHECK ((state = 'held') = (minutes IS NOT NULL)),
  CHECK ((state = 'cancelled') = (cancel_reason IS NOT NULL)),
  FOREIGN KEY (district_id, street_id, plan_item_id) REFERENCES plan_items (district_id, street_id, id),
  {community_keys}
);
CREATE INDEX activities_day ON activities (district_id, street_id, from_date);
CREATE INDEX activities_plan_item ON activities (district_id, street_id, plan_item_id);
CREATE TABLE activity_limits (
  {district_columns},
  unit_level text NOT NULL CHECK (unit_level IN ('street', 'community')),
  trip text NOT NULL CHECK (trip IN ('outside_town', 'outside_province')),
  most integer NOT NULL CHECK (most >= 0),
  years integer NOT NULL CHECK (years BETWEEN 1 AND 10),
  effective_from {date} NOT NULL,
  source text NOT NULL,
  set_by {uuid} REFERENCES users (id),
  created_at {ts} NOT NULL,
  UNIQUE (district_id, unit_level, trip, effective_from),
  {district_keys}
);
CREATE TABLE commitments (
  {community_columns},
  number text NOT NULL,
  fiscal_year integer NOT NULL,
  budget_line_id {uuid} NOT NULL,
  category_id {uuid} NOT NULL,
  activity_id {uuid} NOT NULL,
  title text NOT NULL,
  purpose text,
  decision_reference text,
  amount bigint NOT NULL CHECK (amount > 0),
  held bigint NOT NULL,
  valid_until {date} NOT NULL,
  state text NOT NULL CHECK (state IN ('draft', 'submitted', 'approved', 'closed', 'expired', 'rejected', 'withdrawn')),
  over_limit boolean NOT NULL,
  chain {json},
  steps_done integer NOT NULL,
  next_capability text,
  approver_persons {json} NOT NULL,
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  submitted_at {ts},
  expires_on {date},
  reviewed_by {uuid} REFERENCES users (id),
  approved_by {uuid} REFERENCES users (id),
  approved_on {date},
  ended_by {uuid} REFERENCES users (id),
  ended_on {date},
  reason text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CONSTRAINT commitments_held CHECK (held >= 0 AND held <= amount),
  CHECK (held = 0 OR state = 'approved'),
  FOREIGN KEY (district_id, street_id, budget_line_id) REFERENCES budget_lines (district_id, street_id, id),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  FOREIGN KEY (district_id, street_id, activity_id) REFERENCES activities (district_id, street_id, id),
  UNIQUE (district_id, street_id, number),
  {community_keys}
);
CREATE INDEX commitments_state ON commitments (district_id, street_id, state);
CREATE INDEX commitments_line ON commitments (district_id, street_id, budget_line_id);
CREATE INDEX commitments_activity ON commitments (district_id, street_id, activity_id);
CREATE TABLE commitment_lines (
  {community_columns},
  commitment_id {uuid} NOT NULL,
  line_number integer NOT NULL CHECK (line_number >= 1),
  expense_item_id {uuid} NOT NULL,
  description text NOT NULL,
  quantity integer NOT NULL CHECK (quantity >= 1),
  amount bigint NOT NULL CHECK (amount > 0),
  FOREIGN KEY (district_id, street_id, commitment_id) REFERENCES commitments (district_id, street_id, id),
  FOREIGN KEY (district_id, expense_item_id) REFERENCES expense_items (district_id, id),
  UNIQUE (district_id, commitment_id, line_number),
  {community_keys}
);
CREATE INDEX commitment_lines_scope ON commitment_lines (district_id, street_id, commitment_id);
";

/// A draft waits for its unit, what is submitted for its next step; what is approved waits to be closed where its activity was cancelled.
const TASKS: &str = "SELECT 'commitment' AS kind, c.id, c.district_id, c.street_id, c.community_id, \
  CASE WHEN c.state = 'submitted' THEN c.next_capability ELSE 'claim.prepare' END AS capability, \
  CASE WHEN c.state = 'draft' THEN 'submit' WHEN c.state = 'approved' THEN 'close' WHEN c.next_capability = 'claim.review' THEN 'review' ELSE 'approve' END AS action, \
  c.number || ' ' || c.title AS title, CASE WHEN c.state = 'submitted' THEN c.expires_on ELSE c.valid_until END AS due_on, \
  CASE WHEN c.state = 'submitted' THEN c.prepared_by ELSE CAST(NULL AS {uuid}) END AS prepared_by, \
  CASE WHEN c.state = 'submitted' THEN COALESCE(u.person_key, CAST(u.id AS text)) ELSE CAST(NULL AS text) END AS prepared_person, c.created_at \
  FROM commitments c JOIN activities a ON a.id = c.activity_id LEFT JOIN users u ON u.id = c.prepared_by \
  WHERE c.state IN ('draft', 'submitted') OR (c.state = 'approved' AND a.state = 'cancelled')";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["activities", "commitments", "commitment_lines"] {
            ddl.guard(table, Class::Community).await?;
        }
        ddl.guard("activity_limits", Class::District).await?;
        ddl.append_only("activity_limits").await?;
        ddl.view("v_tasks_commitment", TASKS).await
    }
}
