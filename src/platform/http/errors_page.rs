//! `/docs/errors`: every refusal with its code, which `type` of a problem leads to. The page is `docs/errors.md`, which a test writes from the source.

use std::fmt::Write as _;

use super::respond::escape;

const TABLE: &str = include_str!("../../../docs/errors.md");

/// A refusal as the page lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRefusal {
    /// The stable code.
    pub code: &'static str,
    /// The HTTP status, or several.
    pub status: &'static str,
    /// What kind of refusal it is, in Chinese.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
}

/// Every refusal that the program knows, by code.
pub fn known_refusals() -> impl Iterator<Item = KnownRefusal> {
    TABLE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some(KnownRefusal { code: cells.next()?.trim_end_matches('`'), status: cells.next()?, zh: cells.next()?, en: cells.next()? })
    })
}

/// The page as HTML, an anchor for each code.
#[must_use]
pub fn errors_page() -> String {
    let mut rows = String::new();
    for refusal in known_refusals() {
        let (code, zh, en) = (escape(refusal.code), escape(refusal.zh), escape(refusal.en));
        // Writing to a text cannot fail.
        let _ = writeln!(rows, "<tr id=\"{code}\"><td><code>{code}</code></td><td>{}</td><td lang=\"zh-CN\">{zh}</td><td lang=\"en\">{en}</td></tr>", escape(refusal.status));
    }
    format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>错误代码 / Refusals – Mingzhang 明账</title>\
         <style>body{{font-family:sans-serif;margin:2rem}}td,th{{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #ddd}}tr:target{{background:#fff3c4}}</style></head>\
         <body><h1>错误代码 / Refusals</h1><p>具体原因和处理办法见响应的 detail 与 errors。 / What is wrong in the very case, and what to do, is in the answer's detail and errors.</p>\
         <table><thead><tr><th>code</th><th>status</th><th>中文</th><th>English</th></tr></thead><tbody>\n{rows}</tbody></table></body></html>"
    )
}
