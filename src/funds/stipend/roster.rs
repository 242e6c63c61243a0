//! The roster 发放花名册 of a run, with a column to sign in (A4). Names are masked unless who prints it may see them and says why: it may hang where others see it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use uuid::Uuid;

use super::{bank_account, beneficiary, payout_item, payout_run, people, stipend_scheme};
use crate::funds::ledger::print::STYLE;
use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::Problem;
use crate::people::identity::duties;
use crate::people::tenancy::street_names;
use crate::platform::db::Tx;
use crate::platform::http::escape;

/// Name and ID number of a person, masked or, with the keys, in the clear.
fn named(person: Option<&beneficiary::Model>, unmask: Option<&Arc<KeyRing>>) -> Result<(String, String), Problem> {
    match (person, unmask) {
        (None, _) => Ok(Default::default()),
        (Some(person), None) => Ok((escape(&person.name_masked), escape(&person.id_number_masked))),
        (Some(person), Some(keys)) => Ok((escape(&people::name_of(keys, person)?), escape(&people::id_number_of(keys, person)?))),
    }
}

/// The page; with the keys, names and ID numbers are whole.
///
/// # Errors
/// 500 where the database fails.
pub async fn page(tx: &Tx, run: &payout_run::Model, unmask: Option<&Arc<KeyRing>>) -> Result<String, Problem> {
    let scheme = tx.maybe_load::<stipend_scheme::Entity>(run.scheme_id).await?.ok_or_else(Problem::not_found)?;
    let items = tx.all(tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(run.id)).filter(payout_item::Column::State.ne("held")).order_by_asc(payout_item::Column::Id)).await?;
    let of_run = |column: payout_item::Column| tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(run.id)).filter(column.is_not_null()).select_only().column(column).into_query();
    let persons = tx.all(tx.select::<beneficiary::Entity>().filter(beneficiary::Column::Id.in_subquery(of_run(payout_item::Column::BeneficiaryId)))).await?;
    let persons: BTreeMap<Uuid, beneficiary::Model> = persons.into_iter().map(|person| (person.id, person)).collect();
    let accounts = tx.all(tx.select::<bank_account::Entity>().filter(bank_account::Column::Id.in_subquery(of_run(payout_item::Column::BankAccountId)))).await?;
    let accounts: BTreeMap<Uuid, String> = accounts.into_iter().map(|account| (account.id, account.number_masked)).collect();
    let units = street_names(tx, items.iter().filter_map(|item| item.community_id).chain([run.street_id])).await?;
    let name = |id: Option<Uuid>| id.and_then(|id| units.get(&id)).map_or_else(String::new, |name| escape(name));
    let staff = duties::names_on(tx, run.district_id, &[run.id], [run.approved_by, run.posted_by].into_iter().flatten()).await?;
    let signed = |id: Option<Uuid>| id.and_then(|id| staff.get(&id)).map_or_else(String::new, |name| escape(name));
    let mut rows = String::new();
    for (index, item) in items.iter().enumerate() {
        let (person, number) = named(persons.get(&item.beneficiary_id), unmask)?;
        let account = item.bank_account_id.and_then(|id| accounts.get(&id)).map_or("", String::as_str);
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"amount\">{}</td><td class=\"amount\">{}</td><td class=\"amount\">{}</td><td></td></tr>",
            index.saturating_add(1),
            person,
            number,
            name(item.community_id),
            escape(account),
            item.gross,
            item.tax,
            item.net
        );
    }
    let title = format!("{}{}发放花名册", name(Some(run.street_id)), escape(&scheme.name));
    Ok(format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body><h1>发放花名册</h1>\
         <div class=\"head\"><span>{title}</span><span>期间：{} 第 {} 批</span><span>过账日期：{}</span></div>\
         <table><thead><tr><th>序号</th><th>姓名</th><th>身份证号码</th><th>社区</th><th>账号</th><th>应发</th><th>代扣税</th><th>实发</th><th>签字</th></tr></thead><tbody>{rows}</tbody>\
         <tfoot><tr><th colspan=\"5\">合计 {} 人</th><td class=\"amount\">{}</td><td class=\"amount\">{}</td><td class=\"amount\">{}</td><td></td></tr></tfoot></table>\
         <div class=\"foot\"><span>审批：{}</span><span>会计：{}</span><span>出纳：</span></div></body></html>",
        run.period,
        run.seq,
        run.posted_on.map_or_else(|| "未过账".to_owned(), |day| day.to_string()),
        run.heads,
        run.gross,
        run.tax,
        run.net,
        signed(run.approved_by),
        signed(run.posted_by)
    ))
}
