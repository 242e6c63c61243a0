//! The print view of a claim 报销单 (A4).

use std::collections::BTreeMap;
use std::fmt::Write;

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{claim, claim_event, draft, invoice, papers};
use crate::funds::ledger::print::STYLE;
use crate::funds::spending::{category, expense_item};
use crate::kernel::problem::Problem;
use crate::people::identity::duties;
use crate::people::tenancy::street_names;
use crate::platform::db::Tx;
use crate::platform::http::escape;
use crate::work::activity::activity;

/// What stands on the paper of what happened; comments, urging and batches do not.
const ACTIONS: [(&str, &str); 15] = [
    ("draft", "经办"),
    ("submit", "提交"),
    ("endorse", "证明"),
    ("review", "审核"),
    ("approve", "审批"),
    ("pay", "支付"),
    ("return", "退回"),
    ("request_info", "要求补正"),
    ("provide_info", "补正"),
    ("reject", "驳回"),
    ("withdraw", "撤回"),
    ("expire", "逾期"),
    ("bank_returned", "银行退票"),
    ("refund", "退款"),
    ("reverse", "红字冲销"),
];

const STATES: [(&str, &str); 10] = [
    ("draft", "草稿"),
    ("submitted", "已提交"),
    ("endorsed", "已证明"),
    ("reviewed", "已审核"),
    ("approved", "已审批"),
    ("paid", "已支付"),
    ("rejected", "已驳回"),
    ("withdrawn", "已撤回"),
    ("expired", "已逾期"),
    ("reversed", "已冲销"),
];
const METHODS: [(&str, &str); 3] = [("transfer", "转账"), ("official_card", "公务卡"), ("cash", "现金")];

/// The Chinese word of an identifier.
fn words<'a>(known: &[(&'static str, &'static str)], code: &'a str) -> &'a str {
    known.iter().find(|(name, _)| *name == code).map_or(code, |(_, word)| *word)
}

/// The page.
///
/// # Errors
/// 500 where the database fails.
pub async fn page(tx: &Tx, row: &claim::Model) -> Result<String, Problem> {
    let lines = draft::lines_of(tx, row.id).await?;
    let items = tx.all(tx.select::<expense_item::Entity>().filter(expense_item::Column::Id.is_in(lines.iter().map(|line| line.expense_item_id)))).await?;
    let items: BTreeMap<Uuid, String> = items.into_iter().map(|item| (item.id, item.name)).collect();
    let events = tx.all(tx.select::<claim_event::Entity>().filter(claim_event::Column::ClaimId.eq(row.id)).order_by_asc(claim_event::Column::Id)).await?;
    let people = duties::names_on(tx, row.district_id, &[row.id], events.iter().filter_map(|event| event.user_id)).await?;
    let category = tx.maybe_load::<category::Entity>(row.category_id).await?.map_or_else(String::new, |category| category.name);
    let unit = row.community_id.unwrap_or(row.street_id);
    let unit = street_names(tx, [unit]).await?.remove(&unit).unwrap_or_default();
    let activity = match row.activity_id {
        Some(id) => tx.maybe_load::<activity::Entity>(id).await?.map_or_else(String::new, |found| format!("{} {}", found.from_date, found.title)),
        None => String::new(),
    };
    let papers = papers::count(tx, row, &invoice::draws_of(tx, [row.id]).await?).await?;
    let (mut body, mut signs) = (String::new(), String::new());
    for line in &lines {
        let item = items.get(&line.expense_item_id).map_or("", String::as_str);
        // Who signs sees what is above a standard, and why.
        let over = line.allowed.filter(|_| line.over_standard).map(|allowed| format!("（超标准 {allowed}：{}）", line.reason.as_deref().unwrap_or("未说明")));
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"amount\">{}</td><td class=\"amount\">{}</td></tr>",
            line.line_number,
            escape(item),
            escape(&format!("{}{}", line.description, over.unwrap_or_default())),
            line.amount,
            line.tax
        );
    }
    for event in &events {
        let Some((_, name)) = ACTIONS.iter().find(|(code, _)| *code == event.kind) else {
            continue;
        };
        let who = event.user_id.and_then(|id| people.get(&id).cloned()).or_else(|| event.job.clone()).unwrap_or_default();
        let _ = write!(
            signs,
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&who),
            event.business_date.unwrap_or_else(|| event.at.date_naive()),
            escape(event.comment.as_deref().unwrap_or_default())
        );
    }
    Ok(format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>报销单 {}</title><style>{STYLE}</style></head><body><h1>报销单</h1>\
         <div class=\"head\"><span>单位：{}</span><span>单号：{}</span><span>年度：{}</span><span>状态：{}</span></div>\
         <table><tr><th>事由</th><td colspan=\"3\">{}</td></tr><tr><th>经费类别</th><td>{}</td><th>支付方式</th><td>{}</td></tr>\
         <tr><th>收款人</th><td>{}</td><th>账号</th><td>{} {}</td></tr><tr><th>活动</th><td>{}</td><th>附单据</th><td>{} 张</td></tr></table>\
         <table><thead><tr><th>序号</th><th>费用项目</th><th>说明</th><th>金额</th><th>其中代扣税</th></tr></thead><tbody>{body}</tbody>\
         <tfoot><tr><th colspan=\"3\">合计（实付 {}）</th><td class=\"amount\">{}</td><td class=\"amount\">{}</td></tr></tfoot></table>\
         <table><thead><tr><th>环节</th><th>办理人</th><th>日期</th><th>意见</th></tr></thead><tbody>{signs}</tbody></table>\
         <p class=\"small\">{} · 凭证 {}</p></body></html>",
        escape(&row.number),
        escape(&unit),
        escape(&row.number),
        row.fiscal_year,
        words(&STATES, &row.state),
        escape(&row.title),
        escape(&category),
        words(&METHODS, &row.payment_method),
        escape(&row.payee_name),
        escape(row.payee_account_masked.as_deref().unwrap_or_default()),
        escape(row.payee_bank.as_deref().unwrap_or_default()),
        escape(&activity),
        papers,
        row.net,
        row.amount,
        row.tax,
        row.id,
        row.voucher_id.map_or_else(|| "未支付".to_owned(), |id| id.to_string()),
    ))
}
