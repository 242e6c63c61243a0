//! The print view of a voucher 记账凭证 (A4).

use super::model::{Account, voucher_name};
use super::{voucher, voucher_line};
use crate::kernel::money::Fen;
use crate::platform::http::escape;
use std::collections::BTreeMap;
use std::fmt::Write;

use uuid::Uuid;

/// What a page needs besides the rows: names by id.
pub struct Names<'a> {
    /// The street's name.
    pub street: &'a str,
    /// Categories and communities.
    pub dimensions: &'a BTreeMap<Uuid, String>,
    /// People.
    pub people: &'a BTreeMap<Uuid, String>,
}

/// The style of every print view: A4, black on white, fonts that are on Chinese office machines.
pub const STYLE: &str = "@page{size:A4;margin:18mm 14mm}body{font-family:'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC',SimSun,sans-serif;font-size:11pt;color:#000}h1{text-align:center;font-size:17pt;letter-spacing:.4em;margin:0 0 6pt}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #000;padding:4pt 5pt}td.amount{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}tr{break-inside:avoid}.head,.foot{display:flex;justify-content:space-between;margin:6pt 0}.red{color:#b00}.small{font-size:8pt;color:#444;word-break:break-all}";

/// The page.
#[must_use]
pub fn page(voucher: &voucher::Model, lines: &[voucher_line::Model], names: &Names<'_>) -> String {
    let title = format!("{}记账凭证 {}", names.street, voucher_name(voucher.month, voucher.number));
    let mut rows = String::new();
    for line in lines {
        let account = Account::of_code(&line.account).map_or("", |account| account.facts().1);
        let dimensions = [line.category_id, line.community_id].into_iter().flatten().filter_map(|id| names.dimensions.get(&id)).map(|name| format!(" · {}", escape(name))).collect::<String>();
        let _ = write!(rows, "<tr><td>{}</td><td>{} {account}{dimensions}</td>{}{}</tr>", escape(&voucher.summary), escape(&line.account), amount_cell(line.debit), amount_cell(line.credit));
    }
    let person =
        |id: Option<Uuid>, job: Option<&String>| id.and_then(|id| names.people.get(&id).cloned()).or_else(|| job.map(|job| format!("系统（{job}）"))).map_or_else(String::new, |name| escape(&name));
    format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{}</title><style>{STYLE}</style></head><body><h1>记账凭证</h1>\
         <div class=\"head\"><span>单位：{}</span><span>日期：{}</span><span>{}字第 {:04} 号</span><span>附单据 {} 张</span></div>\
         <table><thead><tr><th>摘要</th><th>科目</th><th>借方金额</th><th>贷方金额</th></tr></thead><tbody>{rows}</tbody>\
         <tfoot><tr><th colspan=\"2\">合计</th>{}{}</tr></tfoot></table>\
         <div class=\"foot\"><span>制单：{}</span><span>审核：{}</span><span>出纳：{}</span></div><p class=\"small\">{} · {} · {}</p></body></html>",
        escape(&title),
        escape(names.street),
        voucher.date,
        escape(&voucher.word),
        voucher.number,
        voucher.attachments_count,
        amount_cell(voucher.amount),
        amount_cell(voucher.amount),
        person(voucher.prepared_by, voucher.prepared_job.as_ref()),
        person(voucher.reviewed_by, None),
        person(voucher.cashier, None),
        voucher.id,
        voucher.algorithm,
        voucher.hash
    )
}

fn amount_cell(amount: Fen) -> String {
    if amount.is_zero() {
        return "<td class=\"amount\"></td>".to_owned();
    }
    let red = if amount.is_negative() { " red" } else { "" };
    format!("<td class=\"amount{red}\">{amount}</td>")
}
