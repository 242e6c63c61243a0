//! The rules of papers: which paper which kind of claim needs above which amount, set by the district with its source, in force between two days.
//! The shipped defaults are in force from the day on which the district adopts them.

use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{paper_rule, refusals};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::attachment::PaperKind;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};
use crate::platform::http::Body;

const DEFAULTS: &str = include_str!("defaults/paper_rules.json");
/// Beside the kinds of papers: each line is covered by invoices.
pub(super) const INVOICE: &str = "invoice";
const CLAIM_KINDS: [&str; 4] = ["activity", "lecture", "procurement", "other"];

#[derive(Deserialize)]
struct Shipped {
    claim_kind: String,
    paper: String,
    above: Fen,
    source: String,
}

/// A rule to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"claim_kind": "procurement", "paper": "decision_minutes", "above": "5000.00", "effective_from": "2017-07-01", "source": "区财〔2017〕1号"}))]
pub struct NewPaperRule {
    /// `activity`, `lecture`, `procurement` or `other`.
    pub claim_kind: String,
    /// A kind of paper, or `invoice`: each line is covered by invoices.
    pub paper: String,
    /// Claims above this amount need it; 0.00: all.
    #[serde(default)]
    pub above: Fen,
    /// The first day it is in force.
    pub effective_from: NaiveDate,
    /// What it is based on.
    pub source: String,
}

impl Body for NewPaperRule {
    fn faults(&self, faults: &mut Faults) {
        if !CLAIM_KINDS.contains(&self.claim_kind.as_str()) {
            faults.add("/claim_kind", "invalid_value", "须为 activity、lecture、procurement 或 other", "activity, lecture, procurement or other");
        }
        if self.paper != INVOICE && PaperKind::of_code(&self.paper).is_none() {
            faults.add("/paper", "invalid_value", "须为附件种类或 invoice", "a kind of paper, or invoice");
        }
        terms(self.above, &self.source, faults);
    }
}

fn terms(above: Fen, source: &str, faults: &mut Faults) {
    if above.is_negative() {
        faults.add("/above", "out_of_range", "金额不得小于 0.00", "at least 0.00");
    }
    faults.text("/source", source, 200);
}

/// What may be changed of a rule.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"effective_to": "2017-12-31"}))]
pub struct PaperRuleFields {
    /// Claims above this amount need it; 0.00: all.
    pub above: Fen,
    /// The last day it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<NaiveDate>,
    /// What it is based on.
    pub source: String,
}

impl From<&paper_rule::Model> for PaperRuleFields {
    fn from(row: &paper_rule::Model) -> Self {
        Self { above: row.above, effective_to: row.effective_to, source: row.source.clone() }
    }
}

impl Body for PaperRuleFields {
    fn faults(&self, faults: &mut Faults) {
        terms(self.above, &self.source, faults);
    }
}

/// The rules in force for claims of this amount on a day, of every kind of claim.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn in_force(tx: &Tx, amount: Fen, on: NaiveDate) -> Result<Vec<paper_rule::Model>, Problem> {
    let until = Condition::any().add(paper_rule::Column::EffectiveTo.is_null()).add(paper_rule::Column::EffectiveTo.gte(on));
    let select = tx.select::<paper_rule::Entity>().filter(paper_rule::Column::EffectiveFrom.lte(on)).filter(until);
    tx.all(select.filter(paper_rule::Column::Above.lt(amount)).order_by_asc(paper_rule::Column::Id)).await
}

async fn insert(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewPaperRule) -> Result<paper_rule::Model, Problem> {
    let row = paper_rule::Model {
        id: new_id(),
        district_id: district.district_id,
        claim_kind: new.claim_kind,
        paper: new.paper,
        above: new.above,
        effective_from: new.effective_from,
        effective_to: None,
        source: new.source.trim().to_owned(),
        set_by: act.user_id(),
        version: 1,
        created_at: act.at,
    };
    let row = paper_rule::ActiveModel::from(row).reset_all();
    let made = tx.try_insert::<paper_rule::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::paper_rule_exists() } else { error.into() })?;
    audit::record(tx, act, Event::new("paper_rule.set", "paper_rule", made.id, paper_rule::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Sets a rule of the district.
///
/// # Errors
/// 409 `paper_rule_exists`.
pub(super) async fn set(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewPaperRule) -> Result<paper_rule::Model, Problem> {
    insert(tx, act, district, new).await
}

/// Adopts the shipped defaults from today on, for every kind of claim and paper for which the district has no rule yet; gives those that it made.
///
/// # Errors
/// 409 `paper_rule_exists` where another adopts them at the same moment.
pub(super) async fn adopt(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>) -> Result<Vec<paper_rule::Model>, Problem> {
    let there = tx.all(tx.select::<paper_rule::Entity>()).await?;
    let shipped: Vec<Shipped> = serde_json::from_str(DEFAULTS).map_err(Problem::internal)?;
    let mut made = Vec::new();
    for rule in shipped {
        if there.iter().any(|known| known.claim_kind == rule.claim_kind && known.paper == rule.paper) {
            continue;
        }
        let new = NewPaperRule { claim_kind: rule.claim_kind, paper: rule.paper, above: rule.above, effective_from: act.today, source: rule.source };
        made.push(insert(tx, act, district, new).await?);
    }
    Ok(made)
}

/// Changes or ends a rule.
///
/// # Errors
/// 422 `validation_failed` where it would end before it begins.
pub(super) async fn change(tx: &Tx, act: &Act, row: Authorised<paper_rule::Model>, fields: PaperRuleFields) -> Result<paper_rule::Model, Problem> {
    let before = row.into_inner();
    let mut faults = Faults::none();
    if fields.effective_to.is_some_and(|to| to < before.effective_from) {
        faults.add("/effective_to", "date_before_start", "不得早于生效日", "not before the first day");
    }
    faults.into_result()?;
    let after = paper_rule::Model { above: fields.above, effective_to: fields.effective_to, source: fields.source.trim().to_owned(), version: before.version.saturating_add(1), ..before.clone() };
    let after = tx.update::<paper_rule::Entity, _>(paper_rule::ActiveModel::from(after).reset_all()).await?;
    audit::record(tx, act, Event::new("paper_rule.change", "paper_rule", after.id, paper_rule::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_are_rules_that_could_be_set() {
        let shipped: Vec<Shipped> = serde_json::from_str(DEFAULTS).unwrap();
        let mut faults = Faults::none();
        for rule in &shipped {
            let new = NewPaperRule { claim_kind: rule.claim_kind.clone(), paper: rule.paper.clone(), above: rule.above, effective_from: NaiveDate::MIN, source: rule.source.clone() };
            new.faults(&mut faults);
        }
        faults.into_result().unwrap();
        for (kind, paper) in [("activity", "approved_plan"), ("activity", "notice"), ("activity", "sign_in_sheet"), ("lecture", "pay_list"), ("other", "decision_minutes"), ("procurement", "invoice")]
        {
            assert!(shipped.iter().any(|rule| rule.claim_kind == kind && rule.paper == paper), "{kind} {paper}");
        }
    }
}
