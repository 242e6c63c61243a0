//! `ledger/…`, `fiscal-years`, `opening-balances`, `tax-payments`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::sea_query::{Condition, Query};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::export::entity::voucher_export_item;
use super::export::exports_of;
use super::model::{Account, AccountType, VoucherKind, voucher_name};
use super::{Balance, fiscal_year, ledger_checkpoint, ledger_period, opening, opening_balance, print, read, refusals, tax, tax_payment, voucher, voucher_line, years};
use crate::funds::spending::category;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Faults, Problem};
use crate::people::identity::duties;
use crate::people::tenancy::{street_names, street_of};
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok, ok_versioned, print_page};
use crate::platform::tasks::Submitted;

/// A year to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"year": 2017}))]
pub struct NewFiscalYear {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The year.
    pub year: i32,
}

impl Body for NewFiscalYear {
    fn faults(&self, faults: &mut Faults) {
        if !(2000..=2999).contains(&self.year) {
            faults.add("/year", "out_of_range", "年度须在 2000 至 2999 之间", "must be a year from 2000 to 2999");
        }
    }
}

/// An opening balance of one category.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningLine {
    /// The category.
    pub category_id: Uuid,
    /// What was carried over, above 0.00.
    pub amount: Fen,
}

/// Opening balances to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"date": "2017-01-03", "lines": [{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "1000.00"}], "donations": "0.00"}))]
pub struct NewOpeningBalance {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The posting date, in an open month.
    pub date: NaiveDate,
    /// By category.
    pub lines: Vec<OpeningLine>,
    /// The donation fund on hand.
    #[serde(default)]
    pub donations: Fen,
}

impl Body for NewOpeningBalance {
    fn faults(&self, faults: &mut Faults) {
        for (index, line) in self.lines.iter().enumerate() {
            if !line.amount.is_positive() || line.amount > Fen::DOCUMENT_MAX {
                faults.add(&format!("/lines/{index}/amount"), "amount_not_positive", "须大于 0.00", "must be above 0.00");
            }
        }
        if self.donations.is_negative() || self.donations > Fen::DOCUMENT_MAX {
            faults.add("/donations", "amount_negative", "不得为负", "must not be negative");
        }
        if self.lines.is_empty() && !self.donations.is_positive() {
            faults.add("/lines", "required", "至少须有一项余额", "give at least one balance");
        }
    }
}

/// Why opening balances are rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "遗属补助结转数与上年决算不符"}))]
pub struct Rejection {
    /// The reason, at most 500 characters.
    pub reason: String,
}

impl Body for Rejection {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 500);
    }
}

/// Tax paid over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "80.00", "document_number": "税票2017-0001"}))]
pub struct NewTaxPayment {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The amount, at most what is withheld.
    pub amount: Fen,
    /// The tax receipt's number, at most 60 characters.
    pub document_number: String,
}

impl Body for NewTaxPayment {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/document_number", &self.document_number, 60);
        if !self.amount.is_positive() {
            faults.add("/amount", "amount_not_positive", "须大于 0.00", "must be above 0.00");
        }
    }
}

/// An account of the chart.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Its code.
    pub code: &'static str,
    /// Its Chinese name.
    pub name: &'static str,
    /// Its English name.
    pub name_en: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub account_type: AccountType,
}

/// A voucher with its lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct Voucher {
    /// The voucher.
    #[serde(flatten)]
    pub voucher: voucher::Model,
    /// Its name: month and number.
    pub name: String,
    /// Its lines.
    pub lines: Vec<voucher_line::Model>,
    /// The exports it is in, the oldest first.
    pub export_ids: Vec<Uuid>,
}

async fn vouchers_with_lines(tx: &Tx, vouchers: Vec<voucher::Model>) -> Result<Vec<Voucher>, Problem> {
    let ids = vouchers.iter().map(|voucher| voucher.id);
    let rows = tx.all(tx.select::<voucher_line::Entity>().filter(voucher_line::Column::VoucherId.is_in(ids)).order_by_asc(voucher_line::Column::LineNumber)).await?;
    let mut lines: BTreeMap<Uuid, Vec<voucher_line::Model>> = BTreeMap::new();
    for line in rows {
        lines.entry(line.voucher_id).or_default().push(line);
    }
    let mut exports = exports_of(tx, vouchers.iter().map(|voucher| voucher.id)).await?;
    let shown = vouchers.into_iter().map(|voucher| Voucher {
        name: voucher_name(voucher.month, voucher.number),
        lines: lines.remove(&voucher.id).unwrap_or_default(),
        export_ids: exports.remove(&voucher.id).unwrap_or_default(),
        voucher,
    });
    Ok(shown.collect())
}

/// The chart of accounts.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<AccountView>), Refusals))]
#[get("/ledger/accounts")]
async fn list_accounts(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let data = Account::ALL.into_iter().map(|account| {
        let (code, name, name_en, account_type) = account.facts();
        AccountView { code, name, name_en, account_type }
    });
    list.answer_whole(&context, &["code", "name", "name_en", "type"], data.collect()).await
}

/// Lists vouchers with their lines. Filters: `street_id`, `fiscal_year`, `month`, `kind`, `source_type`, `source_id`, `exported` (`true` or `false`), `export_id`. Sort: `seq`, `date`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<Voucher>), Refusals))]
#[get("/ledger/vouchers")]
async fn list_vouchers(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "fiscal_year", "month", "kind", "source_type", "source_id", "exported", "export_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", voucher::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", voucher::Column::FiscalYear)?;
    let condition = list.parsed::<Month>(condition, "month", voucher::Column::Month)?;
    let condition = list.one_of(condition, "kind", voucher::Column::Kind, &VoucherKind::ALL.map(VoucherKind::code))?;
    let condition = list.equals::<String>(condition, "source_type", voucher::Column::SourceType)?;
    let condition = list.equals::<Uuid>(condition, "source_id", voucher::Column::SourceId)?;
    let condition = exported(condition, list.filter::<bool>("exported")?, list.filter::<Uuid>("export_id")?);
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<voucher::Entity>().filter(condition);
    let columns = &["id", "name", "street_id", "date", "kind", "summary", "amount", "attachments_count", "source_type", "source_id", "seq", "hash"];
    list.answer(&context, tx, select, &[("seq", voucher::Column::Seq), ("date", voucher::Column::Date)], columns, vouchers_with_lines).await
}

/// The condition of vouchers that are in any export or in none, and of those in one export.
fn exported(condition: Condition, exported: Option<bool>, export: Option<Uuid>) -> Condition {
    let marked = |only: Option<Uuid>| {
        let mut marks = Query::select();
        marks.column(voucher_export_item::Column::VoucherId).from(voucher_export_item::Entity).and_where_option(only.map(|export| voucher_export_item::Column::ExportId.eq(export)));
        marks.take()
    };
    let condition = match exported {
        Some(true) => condition.add(voucher::Column::Id.in_subquery(marked(None))),
        Some(false) => condition.add(voucher::Column::Id.not_in_subquery(marked(None))),
        None => condition,
    };
    condition.add_option(export.map(|export| voucher::Column::Id.in_subquery(marked(Some(export)))))
}

/// Reads one voucher with its lines.
#[utoipa::path(tag = "ledger", responses((status = 200, body = Voucher), Refusals))]
#[get("/ledger/vouchers/{id}")]
async fn get_voucher(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let voucher = tx.load_text::<voucher::Entity>(&id).await?.into_read();
    let shown = vouchers_with_lines(&tx, vec![voucher]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(ok(&shown))
}

/// The print view of a voucher 记账凭证 (A4).
#[utoipa::path(tag = "ledger", responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/ledger/vouchers/{id}/print")]
async fn print_voucher(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let voucher = tx.load_text::<voucher::Entity>(&id).await?.into_read();
    let shown = vouchers_with_lines(&tx, vec![voucher]).await?.pop().ok_or_else(Problem::not_found)?;
    let categories = tx.all(tx.select::<category::Entity>().filter(category::Column::Id.is_in(shown.lines.iter().filter_map(|line| line.category_id)))).await?;
    let mut dimensions = street_names(&tx, shown.lines.iter().filter_map(|line| line.community_id).chain([shown.voucher.street_id])).await?;
    dimensions.extend(categories.into_iter().map(|category| (category.id, category.name)));
    let ids = [shown.voucher.prepared_by, shown.voucher.reviewed_by, shown.voucher.cashier].into_iter().flatten();
    let people = duties::names_on(&tx, shown.voucher.district_id, &read::documents(&tx, shown.voucher.id).await?, ids).await?;
    let street = dimensions.get(&shown.voucher.street_id).cloned().unwrap_or_default();
    Ok(print_page(print::page(&shown.voucher, &shown.lines, &print::Names { street: &street, dimensions: &dimensions, people: &people })))
}

const BALANCE_COLUMNS: &[&str] = &["account", "account_name", "category_id", "community_id", "debit", "credit", "balance"];

/// The balances of a street at the end of a day, by account, category and community. Filters: `street_id`, `as_of` (default: today).
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<Balance>), Refusals))]
#[get("/ledger/balances")]
async fn list_balances(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "as_of"])?;
    let (street_id, as_of) = (list.filter::<Uuid>("street_id")?, list.filter::<NaiveDate>("as_of")?);
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let street = street_of(&tx, &actor, street_id, Capability::LedgerRead).await?;
    let balances = read::balances(&tx, street.id, as_of.unwrap_or_else(|| context.clocks.business_today())).await?;
    list.answer_whole(&context, BALANCE_COLUMNS, balances).await
}

/// Lists the months of the books. Filters: `street_id`, `fiscal_year`, `state` (`open`, `closed`). Sort: `month`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<ledger_period::Model>), Refusals))]
#[get("/ledger/periods")]
async fn list_periods(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "fiscal_year", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", ledger_period::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", ledger_period::Column::FiscalYear)?;
    let condition = list.one_of(condition, "state", ledger_period::Column::State, &["open", "closed"])?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<ledger_period::Entity>().filter(condition);
    list.answer(&context, tx, select, &[("month", ledger_period::Column::Month)], &["id", "street_id", "month", "state", "closed_at", "closed_by", "version"], async |_, rows| Ok(rows)).await
}

/// Reads one month.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ledger_period::Model), Refusals))]
#[get("/ledger/periods/{id}")]
async fn get_period(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let period = tx.load_text::<ledger_period::Entity>(&id).await?.into_read();
    Ok(ok_versioned(period.version, &period))
}

/// Lists signed checkpoints; keep copies elsewhere and hold the books against them. Filter: `street_id`. Sort: `business_date`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<ledger_checkpoint::Model>), Refusals))]
#[get("/ledger/checkpoints")]
async fn list_checkpoints(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", ledger_checkpoint::Column::StreetId)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<ledger_checkpoint::Entity>().filter(condition);
    let columns = &["id", "street_id", "seq", "head_hash", "business_date", "at", "algorithm", "key_id", "signature"];
    list.answer(&context, tx, select, &[("business_date", ledger_checkpoint::Column::BusinessDate)], columns, async |_, rows| Ok(rows)).await
}

/// Lists fiscal years. Filters: `street_id`, `year`, `state` (`open`, `closed`). Sort: `year`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<fiscal_year::Model>), Refusals))]
#[get("/fiscal-years")]
async fn list_fiscal_years(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id", "year", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", fiscal_year::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "year", fiscal_year::Column::Year)?;
    let condition = list.one_of(condition, "state", fiscal_year::Column::State, &["open", "closed"])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let select = tx.select::<fiscal_year::Entity>().filter(condition);
    let columns = &["id", "street_id", "year", "state", "carried_in", "received", "spent", "to_return", "version"];
    list.answer(&context, tx, select, &[("year", fiscal_year::Column::Year)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one fiscal year.
#[utoipa::path(tag = "ledger", responses((status = 200, body = fiscal_year::Model), Refusals))]
#[get("/fiscal-years/{id}")]
async fn get_fiscal_year(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let year = tx.load_text::<fiscal_year::Entity>(&id).await?.into_read();
    Ok(ok_versioned(year.version, &year))
}

/// Opens a fiscal year of a street with its twelve months.
#[utoipa::path(tag = "ledger", request_body = NewFiscalYear, responses((status = 201, body = fiscal_year::Model), Refusals))]
#[post("/fiscal-years")]
async fn open_fiscal_year(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::YearOpen, Rules::plain(), async |tx, act, body: NewFiscalYear| {
            let street = street_of(tx, &actor, body.street_id, Capability::YearOpen).await?;
            let year = years::open(tx, act, &street, body.year).await?;
            Ok(Done::created(format!("/api/v1/fiscal-years/{}", year.id), Some(year.version), year))
        })
        .await
}

/// Lists opening balances. Filter: `street_id`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<opening_balance::Model>), Refusals))]
#[get("/opening-balances")]
async fn list_opening_balances(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", opening_balance::Column::StreetId)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<opening_balance::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], &["id", "street_id", "date", "state", "lines", "donations", "total", "voucher_id", "version"], async |_, rows| Ok(rows)).await
}

/// Reads opening balances.
#[utoipa::path(tag = "ledger", responses((status = 200, body = opening_balance::Model), Refusals))]
#[get("/opening-balances/{id}")]
async fn get_opening_balance(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let row = tx.load_text::<opening_balance::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Records opening balances of a street, before its first voucher.
#[utoipa::path(tag = "ledger", request_body = NewOpeningBalance, responses((status = 201, body = Submitted<opening_balance::Model>), Refusals))]
#[post("/opening-balances")]
async fn record_opening_balance(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::LedgerRecord, Rules::plain(), async |tx, act, body: NewOpeningBalance| {
            let street = street_of(tx, &actor, body.street_id, Capability::LedgerRecord).await?;
            super::model::check_date(VoucherKind::Opening, body.date, act.today)?;
            let row = opening::record(tx, act, &street, body).await?;
            let next = (Capability::OpeningApprove, opening_balance::Entity::place(&row));
            Ok(Done::created(format!("/api/v1/opening-balances/{}", row.id), Some(row.version), Submitted::of(context.recipients.as_ref(), act, next, row).await?))
        })
        .await
}

/// Approves opening balances as a second person, and books them.
#[utoipa::path(tag = "ledger", request_body = Nothing, responses((status = 200, body = opening_balance::Model), Refusals))]
#[post("/opening-balances/{id}/approve")]
async fn approve_opening_balance(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<opening_balance::Entity, Nothing, _>(&actor, Capability::OpeningApprove, &id, Rules::moves(|row: &opening_balance::Model| row.version).money(), async |tx, act, row, _| {
            let row = opening::approve(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Rejects opening balances as a second person, with the reason: what was wrong is recorded anew.
#[utoipa::path(tag = "ledger", request_body = Rejection, responses((status = 200, body = opening_balance::Model), Refusals))]
#[post("/opening-balances/{id}/reject")]
async fn reject_opening_balance(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<opening_balance::Entity, Rejection, _>(&actor, Capability::OpeningApprove, &id, Rules::moves(|row: &opening_balance::Model| row.version), async |tx, act, row, body| {
            let row = opening::reject(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Lists tax paid over. Filter: `street_id`. Sort: `date`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<tax_payment::Model>), Refusals))]
#[get("/tax-payments")]
async fn list_tax_payments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", tax_payment::Column::StreetId)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<tax_payment::Entity>().filter(condition);
    list.answer(&context, tx, select, &[("date", tax_payment::Column::Date)], &["id", "street_id", "date", "amount", "document_number", "voucher_id"], async |_, rows| Ok(rows)).await
}

/// Reads one payment of tax.
#[utoipa::path(tag = "ledger", responses((status = 200, body = tax_payment::Model), Refusals))]
#[get("/tax-payments/{id}")]
async fn get_tax_payment(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let row = tx.load_text::<tax_payment::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Records that withheld tax was paid over today.
#[utoipa::path(tag = "ledger", request_body = NewTaxPayment, responses((status = 201, body = tax_payment::Model), Refusals))]
#[post("/tax-payments")]
async fn pay_tax(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::LedgerRecord, Rules::plain().money(), async |tx, act, body: NewTaxPayment| {
            if !body.amount.is_positive() {
                return Err(refusals::amount_not_positive("/amount"));
            }
            let street = street_of(tx, &actor, body.street_id, Capability::LedgerRecord).await?;
            let row = tax::pay(tx, act, &street, body).await?;
            Ok(Done::created(format!("/api/v1/tax-payments/{}", row.id), Some(row.version), row))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_accounts).service(list_vouchers).service(get_voucher).service(print_voucher).service(list_balances);
    config.service(list_periods).service(get_period).service(list_checkpoints).service(list_fiscal_years).service(get_fiscal_year).service(open_fiscal_year);
    config.service(list_opening_balances).service(get_opening_balance).service(record_opening_balance).service(approve_opening_balance).service(reject_opening_balance);
    config.service(list_tax_payments).service(get_tax_payment).service(pay_tax);
}
