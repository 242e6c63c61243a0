//! What clients send about claims, and the rules of it that need no database.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::invoice::{Draw, draw_faults, invoice as invoice_record};
use super::papers::ClaimPaper;
use super::standard_check::Verdict;
use super::{claim, claim_line, payee, payees};
use crate::funds::budget::budget_line;
use crate::funds::budget::routes_money::FundKind;
use crate::funds::commitment::commitment;
use crate::funds::spending::expense_item;
use crate::kernel::bank_code::bank_code_fault;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::identity::user;
use crate::platform::attachment::attachment;
use crate::platform::db::References;
use crate::platform::http::Body;
use crate::work::activity::activity;
use crate::work::plan::plan_item;

/// What a claim is for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// An activity.
    Activity,
    /// A lecture.
    Lecture,
    /// Something bought.
    Procurement,
    /// Anything else.
    Other,
}

impl ClaimKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Lecture => "lecture",
            Self::Procurement => "procurement",
            Self::Other => "other",
        }
    }

    /// As the database has it.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match code {
            "activity" => Self::Activity,
            "lecture" => Self::Lecture,
            "procurement" => Self::Procurement,
            _ => Self::Other,
        }
    }
}

/// Who is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayeeKind {
    /// A firm or an institution.
    Supplier,
    /// A person.
    Person,
}

impl PayeeKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Supplier => "supplier",
            Self::Person => "person",
        }
    }
}

/// How it is paid (财库〔2011〕160号).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// By transfer.
    Transfer,
    /// By official card 公务卡.
    OfficialCard,
    /// In cash, with a reason.
    Cash,
}

impl PaymentMethod {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::OfficialCard => "official_card",
            Self::Cash => "cash",
        }
    }

    /// As the database has it.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match code {
            "official_card" => Self::OfficialCard,
            "cash" => Self::Cash,
            _ => Self::Transfer,
        }
    }
}

/// The payee of a claim.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payee {
    /// A firm or a person.
    pub kind: PayeeKind,
    /// The name.
    pub name: String,
    /// The account; a transfer needs it. It is encrypted and shown masked.
    pub account_number: Option<String>,
    /// The bank.
    pub bank_name: Option<String>,
    /// The branch's number in the payment system 联行号, 12 digits; needed where the bank's files ask for it.
    pub bank_code: Option<String>,
    /// The colleague, where it is one: who neither approves nor pays this claim.
    pub user_id: Option<Uuid>,
}

/// A line of a claim.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What it is spent on.
    pub expense_item_id: Uuid,
    /// What was bought.
    pub description: String,
    /// What is charged, tax included; may be left out where `net` says what a lecturer gets.
    #[serde(default)]
    pub amount: Fen,
    /// What a person gets for work, after tax; the server works out tax and gross.
    pub net: Option<Fen>,
    /// Tax withheld from it; may be left out, it follows from the rule.
    pub tax: Option<Fen>,
    /// How many units of the standard: `{"person_day": 10}`; `half_day` or `day` beside it where it says how many fit into one.
    #[serde(default)]
    pub quantities: BTreeMap<String, u32>,
    /// The grade or class that its standard needs.
    pub grade: Option<String>,
    /// The place that its standard needs, such as the city of a night.
    pub place: Option<String>,
    /// The day it was spent, in the claim's year: its standard is the one that counts. Of a claim that names an activity, a day outside the activity's days changes no standard: its first day counts.
    pub date: Option<NaiveDate>,
    /// Why it is above the standard.
    pub reason: Option<String>,
    /// What it was judged by.
    #[serde(skip)]
    pub(super) verdict: Verdict,
    /// What it draws on invoices, together at most its amount.
    #[serde(default)]
    pub draws: Vec<Draw>,
}

impl TryFrom<claim_line::Model> for NewLine {
    type Error = Problem;

    fn try_from(line: claim_line::Model) -> Result<Self, Problem> {
        let quantities = serde_json::from_value(line.quantities).map_err(Problem::internal)?;
        Ok(Self {
            expense_item_id: line.expense_item_id,
            description: line.description,
            amount: line.amount,
            net: None,
            tax: Some(line.tax),
            quantities,
            grade: line.grade,
            place: line.place,
            date: line.date,
            reason: line.reason,
            verdict: Verdict::default(),
            draws: Vec::new(),
        })
    }
}

/// A claim to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"community_id": "0190a0b0-0000-7000-8000-000000000001", "budget_line_id": "0190a0b0-0000-7000-8000-000000000002", "kind": "activity", "title": "主题党日场地费",
    "payee": {"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"}, "payment_method": "transfer",
    "lines": [{"expense_item_id": "0190a0b0-0000-7000-8000-000000000003", "description": "场地半天", "amount": "500.00", "quantities": {"person_half_day": 10}}], "submit": true}))]
pub struct NewClaim {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for a community's claim.
    pub community_id: Option<Uuid>,
    /// The line it charges, one of the same unit.
    pub budget_line_id: Uuid,
    /// What it is for.
    pub kind: ClaimKind,
    /// In a few words.
    pub title: String,
    /// More about it.
    pub purpose: Option<String>,
    /// The plan item it serves.
    pub plan_item_id: Option<Uuid>,
    /// The activity it pays for, one of the same unit; a claim of kind `activity` is submitted with one.
    pub activity_id: Option<Uuid>,
    /// The approved application beforehand it is made under, of the same unit, line and activity.
    pub commitment_id: Option<Uuid>,
    /// Who is paid; or else `payee_id`.
    pub payee: Option<Payee>,
    /// A payee that the unit keeps.
    pub payee_id: Option<Uuid>,
    /// How.
    pub payment_method: PaymentMethod,
    /// Why in cash.
    pub payment_reason: Option<String>,
    /// From cash or quota.
    #[serde(default)]
    pub paid_from: FundKind,
    /// Which minutes of the collective decision; they are attached as `decision_minutes` above what one person approves.
    pub decision_reference: Option<String>,
    /// The lines, 1 to 100.
    pub lines: Vec<NewLine>,
    /// Papers that were uploaded for it.
    #[serde(default)]
    pub papers: Vec<ClaimPaper>,
    /// Submit it at once.
    #[serde(default)]
    pub submit: bool,
}

fn line_faults(lines: &[NewLine], faults: &mut Faults) {
    if lines.is_empty() || lines.len() > 100 {
        faults.add("/lines", "invalid_value", "须有 1 至 100 行", "1 to 100 lines");
    }
    for (index, line) in lines.iter().enumerate() {
        draw_faults(index, line, faults);
        faults.text(&format!("/lines/{index}/description"), &line.description, 200);
        let amount = line.net.filter(|_| line.amount.is_zero()).unwrap_or(line.amount);
        if !amount.is_positive() || amount > Fen::DOCUMENT_MAX || line.net.is_some_and(|net| !net.is_positive() || net > Fen::DOCUMENT_MAX) {
            faults.add(&format!("/lines/{index}/amount"), "out_of_range", "金额须大于 0.00 且不超过单据上限", "above 0.00, and not above what a document holds");
        }
        if line.tax.is_some_and(|tax| tax.is_negative() || (tax >= line.amount && !line.amount.is_zero())) {
            faults.add(&format!("/lines/{index}/tax"), "out_of_range", "代扣税须不小于 0.00 且小于金额", "at least 0.00 and less than the amount");
        }
        for (field, text, most) in [("reason", &line.reason, 500), ("grade", &line.grade, 40), ("place", &line.place, 40)] {
            if let Some(text) = text {
                faults.text(&format!("/lines/{index}/{field}"), text, most);
            }
        }
    }
}

/// What is wrong with a payee's name, account and bank, under a pointer.
pub(super) fn payee_faults(pointer: &str, (name, number, bank, code): (&str, Option<&str>, Option<&str>, Option<&str>), faults: &mut Faults) {
    faults.text(&format!("{pointer}/name"), name, 60);
    if let Some(number) = number {
        let digits = payees::plain_number(number);
        if !(8..=32).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            faults.add(&format!("{pointer}/account_number"), "invalid_value", "账号须为 8 至 32 位数字或字母", "8 to 32 digits or letters");
        }
    }
    if let Some(bank) = bank {
        faults.text(&format!("{pointer}/bank_name"), bank, 60);
    }
    bank_code_fault(pointer, code, faults);
}

impl Payee {
    fn faults(&self, faults: &mut Faults) {
        payee_faults("/payee", (&self.name, self.account_number.as_deref(), self.bank_name.as_deref(), self.bank_code.as_deref()), faults);
    }
}

fn text_faults((purpose, payment_reason, decision): (&Option<String>, &Option<String>, &Option<String>), faults: &mut Faults) {
    for (pointer, text, most) in [("/purpose", purpose, 1000), ("/payment_reason", payment_reason, 500), ("/decision_reference", decision, 200)] {
        if let Some(text) = text {
            faults.text(pointer, text, most);
        }
    }
}

/// Cash is the exception, and says why (财库〔2011〕160号).
fn cash_faults(method: PaymentMethod, reason: Option<&str>, faults: &mut Faults) {
    if method == PaymentMethod::Cash && reason.is_none_or(|reason| reason.trim().is_empty()) {
        faults.add("/payment_reason", "reason_required", "现金支付须说明理由", "cash needs a reason");
    }
}

impl Body for NewClaim {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        match (&self.payee, self.payee_id) {
            (Some(payee), None) => payee.faults(faults),
            (None, Some(_)) => {}
            _ => faults.add("/payee", "payee_required", "请填写 payee 或 payee_id 之一", "one of payee and payee_id"),
        }
        text_faults((&self.purpose, &self.payment_reason, &self.decision_reference), faults);
        cash_faults(self.payment_method, self.payment_reason.as_deref(), faults);
        line_faults(&self.lines, faults);
    }

    fn references(&self, references: &mut References) {
        head_references((self.budget_line_id, self.plan_item_id, self.activity_id, self.commitment_id), references);
        payee_references(self.payee.as_ref(), self.payee_id, references);
        line_references(&self.lines, references);
        paper_references(&self.papers, references);
    }
}

fn head_references((line, plan_item, activity, commitment): (Uuid, Option<Uuid>, Option<Uuid>, Option<Uuid>), references: &mut References) {
    references.add::<budget_line::Entity>("/budget_line_id", line);
    references.add::<plan_item::Entity>("/plan_item_id", plan_item);
    references.add::<activity::Entity>("/activity_id", activity);
    references.add::<commitment::Entity>("/commitment_id", commitment);
}

fn payee_references(payee: Option<&Payee>, kept: Option<Uuid>, references: &mut References) {
    references.add::<payee::Entity>("/payee_id", kept);
    references.add::<user::Entity>("/payee/user_id", payee.and_then(|payee| payee.user_id));
}

fn line_references(lines: &[NewLine], references: &mut References) {
    for (index, line) in lines.iter().enumerate() {
        references.add::<expense_item::Entity>(format!("/lines/{index}/expense_item_id"), line.expense_item_id);
        for (number, draw) in line.draws.iter().enumerate() {
            references.add::<invoice_record::Entity>(format!("/lines/{index}/draws/{number}/invoice_id"), draw.invoice_id);
        }
    }
}

fn paper_references(papers: &[ClaimPaper], references: &mut References) {
    for (index, paper) in papers.iter().enumerate() {
        references.add::<attachment::Entity>(format!("/papers/{index}/attachment_id"), paper.attachment_id);
    }
}

/// A change of a draft: what is left out stays; lines and payee are given as a whole.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "主题党日场地费（更正）"}))]
pub struct ClaimChange {
    /// The line it charges.
    #[schema(required = false)]
    pub budget_line_id: Uuid,
    /// What it is for.
    #[schema(required = false)]
    pub kind: ClaimKind,
    /// In a few words.
    #[schema(required = false)]
    pub title: String,
    /// More about it; null takes it off.
    pub purpose: Option<String>,
    /// The plan item it serves; null takes it off.
    pub plan_item_id: Option<Uuid>,
    /// The activity it pays for; null takes it off.
    pub activity_id: Option<Uuid>,
    /// The application beforehand; null takes it off.
    pub commitment_id: Option<Uuid>,
    /// Who is paid; left out, it stays.
    pub payee: Option<Payee>,
    /// A payee that the unit keeps.
    pub payee_id: Option<Uuid>,
    /// How.
    #[schema(required = false)]
    pub payment_method: PaymentMethod,
    /// Why in cash; null takes it off.
    pub payment_reason: Option<String>,
    /// From cash or quota.
    #[schema(required = false)]
    pub paid_from: FundKind,
    /// Which minutes of the collective decision; null takes the words off.
    pub decision_reference: Option<String>,
    /// All lines, with what they draw on invoices; left out, they stay.
    pub lines: Option<Vec<NewLine>>,
    /// More papers.
    #[serde(default)]
    pub papers: Vec<ClaimPaper>,
}

impl From<&claim::Model> for ClaimChange {
    fn from(row: &claim::Model) -> Self {
        Self {
            budget_line_id: row.budget_line_id,
            kind: ClaimKind::of_code(&row.kind),
            title: row.title.clone(),
            purpose: row.purpose.clone(),
            plan_item_id: row.plan_item_id,
            activity_id: row.activity_id,
            commitment_id: row.commitment_id,
            payee: None,
            payee_id: None,
            payment_method: PaymentMethod::of_code(&row.payment_method),
            payment_reason: row.payment_reason.clone(),
            paid_from: FundKind::of_code(&row.paid_from),
            decision_reference: row.decision_reference.clone(),
            lines: None,
            papers: Vec::new(),
        }
    }
}

impl Body for ClaimChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        text_faults((&self.purpose, &self.payment_reason, &self.decision_reference), faults);
        cash_faults(self.payment_method, self.payment_reason.as_deref(), faults);
        if let Some(payee) = &self.payee {
            payee.faults(faults);
            if self.payee_id.is_some() {
                faults.add("/payee", "payee_required", "请填写 payee 或 payee_id 之一", "one of payee and payee_id");
            }
        }
        if let Some(lines) = &self.lines {
            line_faults(lines, faults);
        }
    }

    fn references(&self, references: &mut References) {
        head_references((self.budget_line_id, self.plan_item_id, self.activity_id, self.commitment_id), references);
        payee_references(self.payee.as_ref(), self.payee_id, references);
        line_references(self.lines.as_deref().unwrap_or_default(), references);
        paper_references(&self.papers, references);
    }
}

/// A comment on a claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "请附签到表。"}))]
pub struct NewComment {
    /// The words, at most 1,000 characters.
    pub text: String,
}

impl Body for NewComment {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/text", &self.text, 1000);
    }
}

/// A claim at the version that was read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimVersion {
    /// The claim.
    pub id: Uuid,
    /// The version that was read.
    pub version: i64,
}

/// Claims to be approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"id": "0190a0b0-0000-7000-8000-000000000001", "version": 4}]}))]
pub struct BulkApproval {
    /// The claims, 1 to 100, none twice.
    pub items: Vec<ClaimVersion>,
}

impl Body for BulkApproval {
    fn faults(&self, faults: &mut Faults) {
        if self.items.is_empty() || self.items.len() > 100 {
            faults.add("/items", "invalid_value", "须有 1 至 100 张", "1 to 100 claims");
        }
    }
}

/// What became of one claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalOutcome {
    /// The claim.
    pub id: Uuid,
    /// `approved` (this approval was given), or the code of the refusal.
    pub outcome: String,
    /// The claim's state after it, where the approval was given.
    pub state: Option<String>,
    /// The claim's version after it.
    pub version: Option<i64>,
}

/// The outcome for each claim, in the order asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOutcome {
    /// By claim.
    pub outcomes: Vec<ApprovalOutcome>,
}
