//! `ledger/accounts/{code}/detail`: the detailed ledger 明细账.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::Datelike;
use uuid::Uuid;

use super::detail::{self, Asked, DetailRow};
use super::model::Account;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_of;
use crate::platform::db::Tx;
use crate::platform::http::{Context, ListPage, ListRequest, Refusals, Routes, print_page};

const FILTERS: &[&str] = &["street_id", "year", "month_from", "month_to", "category_id", "community_id"];

fn wrong(name: &str, zh: &str, en: &str) -> Problem {
    Problem::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong").detail(format!("参数 {name}：{zh}"), format!("Parameter {name}: {en}"))
}

/// A month of the year: `2017-03`, or `3`.
fn month(list: &ListRequest, name: &'static str, year: i32, otherwise: u32) -> Result<Month, Problem> {
    let Some(text) = list.filter::<String>(name)? else {
        return Month::new(year, otherwise).ok_or_else(|| wrong("year", "年度不对", "no such year"));
    };
    let number = text.parse::<u32>().ok().and_then(|number| Month::new(year, number));
    let found = number.or_else(|| text.parse::<Month>().ok()).filter(|month| month.year() == year);
    found.ok_or_else(|| wrong(name, "须为该年度的月份，如 2017-03", "must be a month of that year, such as 2017-03"))
}

async fn asked(context: &Context, tx: &Tx, actor: &Actor, list: &ListRequest, code: &str) -> Result<Asked, Problem> {
    let account = Account::of_code(code).ok_or_else(Problem::not_found)?;
    let of_month = |name| Ok::<_, Problem>(list.filter::<String>(name)?.and_then(|text| text.parse::<Month>().ok()).map(Month::year));
    let year = match list.filter::<i32>("year")? {
        Some(year) => year,
        None => of_month("month_from")?.or(of_month("month_to")?).unwrap_or_else(|| context.clocks.business_today().year()),
    };
    if !(2000..=2999).contains(&year) {
        return Err(wrong("year", "须在 2000 至 2999 之间", "must be a year from 2000 to 2999"));
    }
    let (from, to) = (month(list, "month_from", year, 1)?, month(list, "month_to", year, 12)?);
    if from > to {
        return Err(wrong("month_to", "不得早于 month_from", "must not be before month_from"));
    }
    let street = street_of(tx, actor, list.filter::<Uuid>("street_id")?, Capability::LedgerRead).await?;
    Ok(Asked { street: street.id, account, from, to, category: list.filter("category_id")?, community: list.filter("community_id")? })
}

/// The detailed ledger 明细账 of an account (会计基础工作规范 art. 56): opening balance, each entry with the balance after it, 本月合计 and 本年累计. Filters: `street_id`, `year` (default: this year), `month_from`, `month_to`, `category_id`, `community_id`.
#[utoipa::path(tag = "ledger", params(("code" = String, Path)), responses((status = 200, body = ListPage<DetailRow>), Refusals))]
#[get("/ledger/accounts/{code}/detail")]
async fn account_detail(actor: Actor, context: web::Data<Context>, request: HttpRequest, code: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, FILTERS)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let asked = asked(&context, &tx, &actor, &list, &code).await?;
    let rows = detail::rows(&tx, asked).await?;
    let after = |last: Option<&[sea_orm::Value]>, most: u64| {
        let place = match last.and_then(<[sea_orm::Value]>::first) {
            Some(sea_orm::Value::String(Some(place))) => Some(place.clone()),
            _ => None,
        };
        let rest = rows.iter().filter(move |row| place.as_ref().is_none_or(|place| row.place.as_str() > place.as_str()));
        rest.take(usize::try_from(most).unwrap_or(usize::MAX)).cloned().collect::<Vec<_>>()
    };
    let columns = &["kind", "month", "date", "voucher", "summary", "category", "community", "debit", "credit", "side", "balance"];
    list.answer_rows(&context, columns, async |last, most| Ok(after(last, most)), |row: &DetailRow| vec![row.place.clone().into()]).await
}

/// The detailed ledger 明细账 as a print view (A4), with the same filters.
#[utoipa::path(tag = "ledger", params(("code" = String, Path)), responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/ledger/accounts/{code}/detail/print")]
async fn print_account_detail(actor: Actor, context: web::Data<Context>, request: HttpRequest, code: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, FILTERS)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let asked = asked(&context, &tx, &actor, &list, &code).await?;
    Ok(print_page(detail::page(&tx, asked).await?))
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(account_detail).service(print_account_detail);
}
