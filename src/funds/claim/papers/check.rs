//! Whether the papers are there, and what an approver should see of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::invoice::{draws_of, invoice, invoice_draw};
use super::super::{claim, claim_line, draft, refusals as claim_refusals, steps};
use super::{refusals, rules};
use crate::funds::budget::lines;
use crate::funds::commitment::commitment;
use crate::funds::spending::expense_item;
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::{FieldError, Problem, Words};
use crate::platform::attachment::{PaperKind, attachment, attachment_link, links_of};
use crate::platform::db::Tx;
use crate::work::activity::activity;

/// The papers that count for a claim: its own, those of the application it is made under, and those of its activity once that was held, for then they are fixed as well.
async fn papers_of(tx: &Tx, row: &claim::Model) -> Result<Vec<attachment_link::Model>, Problem> {
    let mut papers = links_of(tx, "claim", &[row.id]).await?;
    if let Some(id) = row.commitment_id {
        papers.extend(links_of(tx, "commitment", &[id]).await?);
    }
    if let Some(id) = row.activity_id
        && tx.maybe_load::<activity::Entity>(id).await?.is_some_and(|found| found.state == "held")
    {
        papers.extend(links_of(tx, "activity", &[id]).await?);
    }
    Ok(papers)
}

/// The numbers of the lines that pay a person for work.
async fn labour_lines(tx: &Tx, lines: &[claim_line::Model]) -> Result<BTreeSet<i32>, Problem> {
    let items = expense_item::Column::Id.is_in(lines.iter().map(|line| line.expense_item_id));
    let items = tx.all(tx.select::<expense_item::Entity>().filter(items).filter(expense_item::Column::LabourIncome.eq(true))).await?;
    Ok(lines.iter().filter(|line| items.iter().any(|item| item.id == line.expense_item_id)).map(|line| line.line_number).collect())
}

/// Whether the plan that a claim serves was approved: its plan item, or that of its activity, stands in a line of an approved budget; or the activity was applied for, and that was approved.
async fn plan_approved(tx: &Tx, row: &claim::Model) -> Result<bool, Problem> {
    if let Some(id) = row.commitment_id
        && tx.maybe_load::<commitment::Entity>(id).await?.is_some_and(|found| found.approved_on.is_some())
    {
        return Ok(true);
    }
    let of_activity = match row.activity_id {
        Some(id) => tx.maybe_load::<activity::Entity>(id).await?.and_then(|found| found.plan_item_id),
        None => None,
    };
    let items: BTreeSet<Uuid> = row.plan_item_id.into_iter().chain(of_activity).collect();
    if items.is_empty() { Ok(false) } else { lines::plan_approved(tx, items).await }
}

/// What the rules in force ask for and the claim has not: where, which paper, and the rule's words. What a claim needs is not only what its preparer calls it: whatever its kind, one that names
/// an activity needs an activity's papers, one that pays a person for work a lecture's, and every other line its invoices.
async fn missing(tx: &Tx, row: &claim::Model, on: NaiveDate) -> Result<Vec<FieldError>, Problem> {
    let rules = rules::in_force(tx, row.amount, on).await?;
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let lines = draft::lines_of(tx, row.id).await?;
    let labour = labour_lines(tx, &lines).await?;
    let mut kinds = BTreeSet::from([row.kind.as_str()]);
    kinds.extend(row.activity_id.map(|_| "activity"));
    kinds.extend((!labour.is_empty()).then_some("lecture"));
    let there: BTreeSet<String> = papers_of(tx, row).await?.into_iter().map(|link| link.paper_kind).collect();
    let (mut found, mut asked) = (Vec::new(), BTreeSet::new());
    for rule in rules.into_iter().filter(|rule| kinds.contains(rule.claim_kind.as_str())) {
        if !asked.insert(rule.paper.clone()) {
            continue;
        }
        if rule.paper == rules::INVOICE {
            found.extend(uncovered(tx, row, lines.iter().filter(|line| !labour.contains(&line.line_number)), &rule.source).await?);
            continue;
        }
        let by_plan = rule.paper == PaperKind::ApprovedPlan.code() && !there.contains(&rule.paper) && plan_approved(tx, row).await?;
        if !by_plan && !there.contains(&rule.paper) {
            let word = PaperKind::of_code(&rule.paper).map_or_else(|| rule.paper.clone(), |kind| kind.word().to_owned());
            let words = Words::new(format!("缺少{word}（{}）", rule.source), format!("{} is missing ({})", rule.paper, rule.source));
            found.push(FieldError { pointer: format!("/papers/{}", rule.paper), code: "paper_missing", message: words });
        }
    }
    Ok(found)
}

/// The lines whose draws do not reach their amount.
async fn uncovered(tx: &Tx, row: &claim::Model, lines: impl Iterator<Item = &claim_line::Model>, source: &str) -> Result<Vec<FieldError>, Problem> {
    let mut drawn: BTreeMap<i32, Fen> = BTreeMap::new();
    for draw in draws_of(tx, [row.id]).await? {
        let sum = drawn.entry(draw.line_number).or_default();
        *sum = sum.checked_add(draw.amount).map_err(Problem::internal)?;
    }
    let mut found = Vec::new();
    for line in lines {
        let has = drawn.get(&line.line_number).copied().unwrap_or_default();
        if has < line.amount {
            let lacks = line.amount.checked_sub(has).map_err(Problem::internal)?;
            let words = Words::new(format!("还有 {lacks} 没有发票（{source}）"), format!("{lacks} of it has no invoice ({source})"));
            found.push(FieldError { pointer: format!("/lines/{}/draws", line.line_number.saturating_sub(1)), code: "invoice_missing", message: words });
        }
    }
    Ok(found)
}

/// Whether the minutes of the collective decision 集体决策 that a submitted claim's chain asks for are not there: attached to the claim, or to the application it is made under.
///
/// # Errors
/// 500 where the database fails.
pub async fn decision_missing(tx: &Tx, row: &claim::Model) -> Result<bool, Problem> {
    let needed = steps::chain_of(row)?.is_some_and(|chain| chain.band.collective_decision);
    Ok(needed && !papers_of(tx, row).await?.iter().any(|link| link.paper_kind == PaperKind::DecisionMinutes.code()))
}

/// Ok where every paper that the chain of a claim and its district ask for is there.
///
/// # Errors
/// 422 `collective_decision_missing`; `papers_missing` with all that is missing.
pub async fn require(tx: &Tx, act: &Act, row: &claim::Model) -> Result<(), Problem> {
    if decision_missing(tx, row).await? {
        return Err(claim_refusals::collective_decision_missing(row.amount));
    }
    let missing = missing(tx, row, act.today).await?;
    if missing.is_empty() { Ok(()) } else { Err(refusals::papers_missing(missing)) }
}

/// 附单据数: the papers of a claim, and the invoices it draws on.
///
/// # Errors
/// 500 where the database fails.
pub async fn count(tx: &Tx, row: &claim::Model, draws: &[invoice_draw::Model]) -> Result<i32, Problem> {
    let papers: BTreeSet<Uuid> = papers_of(tx, row).await?.into_iter().map(|link| link.attachment_id).collect();
    let invoices: BTreeSet<Uuid> = draws.iter().map(|draw| draw.invoice_id).collect();
    i32::try_from(papers.len().saturating_add(invoices.len())).map_err(Problem::internal)
}

/// A paper whose bytes also stand elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct SameFile {
    /// The paper of this claim, or of an invoice it draws on.
    pub attachment_id: Uuid,
    /// What it is here.
    pub paper_kind: String,
    /// The kind of the other record.
    pub subject_type: String,
    /// The other record.
    pub subject_id: Uuid,
}

/// What is to be seen of a claim's evidence.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceChecks {
    /// Papers and invoices that the district asks for and that are not there.
    pub missing: Vec<String>,
    /// Papers of the claim and of the invoices it draws on whose bytes also stand at other records of the street (or of the community, to its people).
    pub same_file_elsewhere: Vec<SameFile>,
    /// Numbers of invoices that were red-lettered.
    pub red_lettered: Vec<String>,
    /// 附单据数 as the voucher will bear it.
    pub papers: i32,
}

/// The checks of a claim's evidence, from what the reader may see, by the rules of this day.
///
/// # Errors
/// 500 where the database fails.
pub async fn evidence_checks(tx: &Tx, row: &claim::Model, on: NaiveDate) -> Result<EvidenceChecks, Problem> {
    let missing = missing(tx, row, on).await?.into_iter().map(|error| error.pointer).collect();
    let draws = draws_of(tx, [row.id]).await?;
    let ids: BTreeSet<Uuid> = draws.iter().map(|draw| draw.invoice_id).collect();
    let red = tx.all(tx.select::<invoice::Entity>().filter(invoice::Column::Id.is_in(ids.iter().copied())).filter(invoice::Column::RedLettered.eq(true))).await?;
    Ok(EvidenceChecks { missing, same_file_elsewhere: same_files(tx, row, &ids).await?, red_lettered: red.into_iter().map(|found| found.number).collect(), papers: count(tx, row, &draws).await? })
}

/// Papers of the claim, of what it is made for, and of the invoices it draws on, whose bytes also stand at another record. What one claim has twice on purpose, at itself and at its own
/// activity, application or invoice, is none; two of its invoices with one scan are.
async fn same_files(tx: &Tx, row: &claim::Model, invoices: &BTreeSet<Uuid>) -> Result<Vec<SameFile>, Problem> {
    let mut own = papers_of(tx, row).await?;
    own.extend(links_of(tx, "invoice", &invoices.iter().copied().collect::<Vec<_>>()).await?);
    let files = tx.all(tx.select::<attachment::Entity>().filter(attachment::Column::Id.is_in(own.iter().map(|link| link.attachment_id)))).await?;
    let of_file: BTreeMap<Uuid, &str> = files.iter().map(|file| (file.id, file.sha256.as_str())).collect();
    let alike = attachment::Column::Sha256.is_in(files.iter().map(|file| file.sha256.as_str()));
    let alike = tx.all(tx.select::<attachment::Entity>().filter(attachment::Column::StreetId.eq(row.street_id)).filter(alike)).await?;
    let others = attachment_link::Column::AttachmentId.is_in(alike.iter().map(|file| file.id));
    let around: BTreeSet<Uuid> = [Some(row.id), row.activity_id, row.commitment_id].into_iter().flatten().collect();
    let others = tx.all(tx.select::<attachment_link::Entity>().filter(others).filter(attachment_link::Column::SubjectId.is_not_in(around.iter().copied()))).await?;
    let hashes: BTreeMap<Uuid, &str> = alike.iter().map(|file| (file.id, file.sha256.as_str())).collect();
    let mut found = Vec::new();
    for link in &own {
        let hash = of_file.get(&link.attachment_id);
        let elsewhere = |other: &&attachment_link::Model| other.subject_id != link.subject_id && !(around.contains(&link.subject_id) && invoices.contains(&other.subject_id));
        for other in others.iter().filter(elsewhere).filter(|other| hash.is_some() && hashes.get(&other.attachment_id) == hash) {
            found.push(SameFile { attachment_id: link.attachment_id, paper_kind: link.paper_kind.clone(), subject_type: other.subject_type.clone(), subject_id: other.subject_id });
        }
    }
    Ok(found)
}
