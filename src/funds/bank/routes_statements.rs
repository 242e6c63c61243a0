//! `bank-statements`, `bank-matches`.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::import_statement::{self, NewStatement};
use super::match_lines::{self, MatchReport};
use super::read_statement::read_statement;
use super::reconcile::{self, Reconciliation};
use super::words::{Reading, StatementLine};
use super::{bank_match, bank_match_item, bank_statement, bank_statement_line, statement_layout};
use crate::funds::budget::routes::Reason;
use crate::funds::ledger::Account;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::street_of;
use crate::platform::db::Tx;
use crate::platform::http::{Body, Content, Context, Done, FileForm, ListPage, ListRequest, Refusals, Routes, Rules, Upload, Write, ok, ok_versioned, print_page, query};

/// What is said of a statement in the address of its import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    street_id: Option<Uuid>,
    account: String,
    layout_id: Uuid,
    from_date: NaiveDate,
    to_date: NaiveDate,
    opening_balance: Option<Fen>,
    closing_balance: Option<Fen>,
    #[expect(dead_code, reason = "read by every write from the address itself")]
    dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DayQuery {
    as_of: Option<NaiveDate>,
}

impl ImportQuery {
    fn account(&self, act: &Act) -> Result<Account, Problem> {
        let mut faults = Faults::none();
        let account = Account::of_code(&self.account).filter(|account| matches!(account, Account::FundOnHand | Account::DonationFund));
        if account.is_none() {
            faults.add("/account", "invalid_value", "须为 1002（银行存款）或 1003（红色基金专户）", "1002 (fund on hand) or 1003 (donation fund)");
        }
        if self.from_date > self.to_date {
            faults.add("/to_date", "invalid_value", "不得早于 from_date", "must not be before from_date");
        }
        if self.to_date > act.today {
            faults.add("/to_date", "date_in_future", "不得晚于今天", "must not be after today");
        }
        faults.into_result()?;
        account.ok_or_else(|| Problem::internal("an account without faults"))
    }
}

/// How the rules are run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"days": 3}))]
pub struct MatchRules {
    /// How many days bank and books may lie apart, 0 to 31; 3 unless said.
    #[serde(default = "three")]
    pub days: u32,
}

const fn three() -> u32 {
    3
}

impl Body for MatchRules {
    fn faults(&self, faults: &mut Faults) {
        if self.days > 31 {
            faults.add("/days", "out_of_range", "须为 0 至 31", "must be 0 to 31");
        }
    }
}

/// Lines and vouchers that are the same money.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"statement_line_ids": ["0190a0b0-0000-7000-8000-000000000001"], "voucher_ids": ["0190a0b0-0000-7000-8000-000000000002", "0190a0b0-0000-7000-8000-000000000003"]}))]
pub struct NewMatch {
    /// Lines of statements of the account.
    #[serde(default)]
    pub statement_line_ids: Vec<Uuid>,
    /// Vouchers, each with all its lines on the account.
    #[serde(default)]
    pub voucher_ids: Vec<Uuid>,
}

impl Body for NewMatch {
    fn faults(&self, faults: &mut Faults) {
        let count = self.statement_line_ids.len().saturating_add(self.voucher_ids.len());
        if !(2..=1000).contains(&count) {
            faults.add("/statement_line_ids", "out_of_range", "两边合计须有 2 至 1000 项", "both sides together have 2 to 1000 items");
        }
        for (name, ids) in [("statement_line_ids", &self.statement_line_ids), ("voucher_ids", &self.voucher_ids)] {
            let mut seen = BTreeSet::new();
            for (index, id) in ids.iter().enumerate() {
                if !seen.insert(id) {
                    faults.add(&format!("/{name}/{index}"), "duplicate", "重复", "it stands there twice");
                }
            }
        }
    }
}

/// A match with its lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankMatch {
    /// The match.
    #[serde(flatten)]
    pub row: bank_match::Model,
    /// Its lines, of statements and of vouchers.
    pub items: Vec<bank_match_item::Model>,
}

async fn with_items(tx: &Tx, rows: Vec<bank_match::Model>) -> Result<Vec<BankMatch>, Problem> {
    let ids = rows.iter().map(|row| row.id);
    let mut items: BTreeMap<Uuid, Vec<bank_match_item::Model>> = BTreeMap::new();
    for item in tx.all(tx.select::<bank_match_item::Entity>().filter(bank_match_item::Column::MatchId.is_in(ids)).order_by_asc(bank_match_item::Column::Id)).await? {
        items.entry(item.match_id).or_default().push(item);
    }
    Ok(rows.into_iter().map(|row| BankMatch { items: items.remove(&row.id).unwrap_or_default(), row }).collect())
}

async fn match_with_items(tx: &Tx, row: bank_match::Model) -> Result<BankMatch, Problem> {
    with_items(tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)
}

/// Lists bank statements. Filters: `street_id`, `account` (`1002`, `1003`), `state` (`imported`, `void`). Sort: `from_date`.
#[utoipa::path(tag = "bank", responses((status = 200, body = ListPage<bank_statement::Model>), Refusals))]
#[get("/bank-statements")]
async fn list_bank_statements(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "account", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", bank_statement::Column::StreetId)?;
    let condition = list.one_of(condition, "account", bank_statement::Column::Account, &["1002", "1003"])?;
    let condition = list.one_of(condition, "state", bank_statement::Column::State, &["imported", "void"])?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<bank_statement::Entity>().filter(condition);
    let columns = &[
        "id",
        "street_id",
        "account",
        "from_date",
        "to_date",
        "opening_balance",
        "closing_balance",
        "line_count",
        "state",
        "file_name",
        "sha256",
        "rules_run_at",
        "imported_by",
        "void_reason",
        "version",
    ];
    list.answer(&context, tx, select, &[("from_date", bank_statement::Column::FromDate)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one bank statement.
#[utoipa::path(tag = "bank", responses((status = 200, body = bank_statement::Model), Refusals))]
#[get("/bank-statements/{id}")]
async fn get_bank_statement(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let row = tx.load_text::<bank_statement::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Lists the lines of a statement: card and ID numbers masked, the bank's words (`summary`) null for who does not reconcile. Filters: `open` (true: not matched), `amount`, `bank_reference`, `match_id`. Sort: `line_number`, `date`.
#[utoipa::path(tag = "bank", responses((status = 200, body = ListPage<StatementLine>), Refusals))]
#[get("/bank-statements/{id}/lines")]
async fn list_bank_statement_lines(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["open", "amount", "bank_reference", "match_id"])?;
    let condition = list.equals::<Fen>(Condition::all(), "amount", bank_statement_line::Column::Amount)?;
    let condition = list.equals::<String>(condition, "bank_reference", bank_statement_line::Column::BankReference)?;
    let condition = list.equals::<Uuid>(condition, "match_id", bank_statement_line::Column::MatchId)?;
    let condition = match list.filter::<bool>("open")? {
        Some(true) => condition.add(bank_statement_line::Column::MatchId.is_null()),
        Some(false) => condition.add(bank_statement_line::Column::MatchId.is_not_null()),
        None => condition,
    };
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let statement = tx.load_text::<bank_statement::Entity>(&id).await?.into_read();
    let select = tx.select::<bank_statement_line::Entity>().filter(bank_statement_line::Column::StatementId.eq(statement.id)).filter(condition);
    let sorts = [("line_number", bank_statement_line::Column::LineNumber), ("date", bank_statement_line::Column::Date)];
    let reading = Reading::of(&actor, context.keys.clone(), &statement);
    let columns = &["id", "line_number", "date", "amount", "bank_reference", "serial", "counterparty", "summary", "match_id"];
    list.answer(&context, tx, select, &sorts, columns, async move |_, rows| rows.into_iter().map(|row| reading.line(row)).collect()).await
}

/// Imports a bank statement from CSV or XLSX by a layout: whole or not at all, every fault by row and column. Its lines lead from its opening to its closing balance, and it follows the account's last statement without a gap.
/// `?account=1002|1003&layout_id=&from_date=&to_date=`; `opening_balance` and `closing_balance` where the file does not tell them; `?dry_run=true` only checks. Who pays does not reconcile (财会〔2012〕21号).
#[utoipa::path(tag = "bank", params(("street_id" = Option<Uuid>, Query), ("account" = String, Query), ("layout_id" = Uuid, Query), ("from_date" = NaiveDate, Query), ("to_date" = NaiveDate, Query), ("opening_balance" = Option<Fen>, Query), ("closing_balance" = Option<Fen>, Query)),
    request_body(content = FileForm, content_type = "multipart/form-data"), responses((status = 201, body = bank_statement::Model), Refusals))]
#[post("/bank-statements")]
async fn import_bank_statement(actor: Actor, context: web::Data<Context>, request: HttpRequest, upload: Upload) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BankReconcile)?;
    let asked = query::<ImportQuery>(&request)?;
    let account = asked.account(&upload.act(&actor))?;
    // The file is read by its layout before the import's own transaction begins.
    let layout = context.read(&actor, Capability::BankReconcile).await?.reference::<statement_layout::Entity>(asked.layout_id, "/layout_id").await?;
    let (by, days) = (layout.layout()?, (asked.from_date, asked.to_date));
    upload
        .create_from_file(
            &actor,
            Capability::BankReconcile,
            &[Content::Csv, Content::Xlsx],
            move |file| read_statement(&by, &file.bytes, days),
            async |tx, act, (file, read)| {
                let street = street_of(tx, &actor, asked.street_id, Capability::BankReconcile).await?;
                let new = NewStatement { account, layout, from_date: asked.from_date, to_date: asked.to_date, opening_balance: asked.opening_balance, closing_balance: asked.closing_balance };
                let row = import_statement::import(tx, act, &street, new, (file, read)).await?;
                Ok(Done::created(format!("/api/v1/bank-statements/{}", row.id), Some(row.version), row))
            },
        )
        .await
}

/// Voids the last statement of an account, with the reason, while nothing of it is matched and its months are open.
#[utoipa::path(tag = "bank", request_body = Reason, responses((status = 200, body = bank_statement::Model), Refusals))]
#[post("/bank-statements/{id}/void")]
async fn void_bank_statement(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &bank_statement::Model| row.version);
    write
        .on::<bank_statement::Entity, Reason, _>(&actor, Capability::BankReconcile, &id, rules, async |tx, act, row, body| {
            let row = import_statement::void(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Runs the rules of matching over the open lines of a statement: exact amount and reference; exact amount within some days and unique; the sum of a batch; a voucher and its reversal that the bank never saw.
#[utoipa::path(tag = "bank", request_body = MatchRules, responses((status = 200, body = MatchReport), Refusals))]
#[post("/bank-statements/{id}/match")]
async fn match_bank_statement(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &bank_statement::Model| row.version);
    write
        .on::<bank_statement::Entity, MatchRules, _>(&actor, Capability::BankReconcile, &id, rules, async |tx, act, row, body| {
            let report = match_lines::by_rules(tx, act, row, body.days).await?;
            Ok(Done::changed(report.statement.version, report))
        })
        .await
}

/// Matches lines and vouchers by hand: their sums agree to the fen. Lines of other statements of the account may be among them.
#[utoipa::path(tag = "bank", request_body = NewMatch, responses((status = 201, body = BankMatch), Refusals))]
#[post("/bank-statements/{id}/matches")]
async fn match_by_hand(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &bank_statement::Model| row.version);
    write
        .on::<bank_statement::Entity, NewMatch, _>(&actor, Capability::BankReconcile, &id, rules, async |tx, act, row, body| {
            let (_, made) = match_lines::by_hand(tx, act, row, &body.statement_line_ids, &body.voucher_ids).await?;
            Ok(Done::created(format!("/api/v1/bank-matches/{}", made.id), Some(made.version), match_with_items(tx, made).await?))
        })
        .await
}

/// The day asked for, within the statement; its end unless said.
fn day_of(request: &HttpRequest, statement: &bank_statement::Model) -> Result<NaiveDate, Problem> {
    if statement.state != "imported" {
        return Err(Problem::invalid_transition("reconcile", &statement.state));
    }
    let day = query::<DayQuery>(request)?.as_of.unwrap_or(statement.to_date);
    if (statement.from_date..=statement.to_date).contains(&day) {
        return Ok(day);
    }
    let (from, to) = (statement.from_date, statement.to_date);
    Err(Problem::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong").detail(format!("as_of 须在 {from} 至 {to} 之间"), format!("as_of must lie within {from} to {to}")))
}

/// The reconciliation of a statement's account at the end of the statement, or on one of its days (`?as_of=`).
#[utoipa::path(tag = "bank", params(("as_of" = Option<NaiveDate>, Query)), responses((status = 200, body = Reconciliation), Refusals))]
#[get("/bank-statements/{id}/reconciliation")]
async fn get_reconciliation(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let statement = tx.load_text::<bank_statement::Entity>(&id).await?.into_read();
    Ok(ok(&reconcile::at(&tx, Some(&Reading::of(&actor, context.keys.clone(), &statement)), &statement, day_of(&request, &statement)?).await?))
}

/// The reconciliation 银行存款余额调节表 as a print view (A4), with the open items.
#[utoipa::path(tag = "bank", params(("as_of" = Option<NaiveDate>, Query)), responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/bank-statements/{id}/print")]
async fn print_reconciliation(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let statement = tx.load_text::<bank_statement::Entity>(&id).await?.into_read();
    Ok(print_page(reconcile::page(&tx, &Reading::of(&actor, context.keys.clone(), &statement), &statement, day_of(&request, &statement)?).await?))
}

/// Lists matches with their lines. Filters: `street_id`, `account` (`1002`, `1003`), `rule` (`reference`, `date`, `group`, `offset`, `hand`), `state` (`live`, `undone`).
#[utoipa::path(tag = "bank", responses((status = 200, body = ListPage<BankMatch>), Refusals))]
#[get("/bank-matches")]
async fn list_bank_matches(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "account", "rule", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", bank_match::Column::StreetId)?;
    let condition = list.one_of(condition, "account", bank_match::Column::Account, &["1002", "1003"])?;
    let condition = list.one_of(condition, "rule", bank_match::Column::Rule, &["reference", "date", "group", "offset", "hand"])?;
    let condition = list.one_of(condition, "state", bank_match::Column::State, &["live", "undone"])?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<bank_match::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], &["id", "street_id", "account", "rule", "state", "amount", "complete_on", "matched_by", "undo_reason", "items"], with_items).await
}

/// Reads one match with its lines.
#[utoipa::path(tag = "bank", responses((status = 200, body = BankMatch), Refusals))]
#[get("/bank-matches/{id}")]
async fn get_bank_match(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let row = tx.load_text::<bank_match::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &match_with_items(&tx, row).await?))
}

/// Undoes a match with the reason: its lines are open again.
#[utoipa::path(tag = "bank", request_body = Reason, responses((status = 200, body = BankMatch), Refusals))]
#[post("/bank-matches/{id}/undo")]
async fn undo_bank_match(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &bank_match::Model| row.version);
    write
        .on::<bank_match::Entity, Reason, _>(&actor, Capability::BankReconcile, &id, rules, async |tx, act, row, body| {
            let row = match_lines::undo(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, match_with_items(tx, row).await?))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_bank_statements).service(get_bank_statement).service(list_bank_statement_lines).service(import_bank_statement).service(void_bank_statement);
    config.service(match_bank_statement).service(match_by_hand).service(get_reconciliation).service(print_reconciliation);
    config.service(list_bank_matches).service(get_bank_match).service(undo_bank_match);
}
