//! A package in the style of GB/T 24589.2-2010 (财经信息技术 会计核算软件数据接口 第2部分：行政事业单位): a ZIP of XML files whose elements bear the standard's names.
//! docs/exports.md describes each. Balances are opening plus turnover, and the turnover is that of the vouchers in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use uuid::Uuid;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::file::{Buffer, Format, Printed};
use super::halves::OfficialLine;
use crate::funds::ledger::account_map::{AccountMap, Half, OfficialAccount, is_debit, kind_name};
use crate::funds::ledger::model::Account;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::http;

/// The account and dimensions that a balance is kept by.
pub(super) type Key = (Half, String, Option<Uuid>, Option<Uuid>);

/// What a package says besides its vouchers.
pub(super) struct Facts {
    pub(super) street: (Uuid, String),
    pub(super) year: i32,
    /// The months, and whether each is closed.
    pub(super) months: Vec<(Month, bool)>,
    pub(super) map: AccountMap,
    pub(super) parallel: bool,
    /// Code and name of the categories, by id.
    pub(super) categories: BTreeMap<Uuid, (String, String)>,
    /// Names of the communities, by id.
    pub(super) communities: BTreeMap<Uuid, String>,
    /// Debit minus credit before the first month.
    pub(super) openings: BTreeMap<Key, Fen>,
}

/// A package being written.
pub(super) struct Package {
    zip: ZipWriter<StreamWriter<Buffer>>,
    facts: Facts,
    turnovers: BTreeMap<Key, BTreeMap<Month, (Fen, Fen)>>,
}

/// Text as it may stand in XML 1.0, without what is no character of it.
fn escape(text: &str) -> String {
    let of_xml = |character: char| !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().map(|character| if of_xml(character) { character } else { ' ' }).collect();
    http::escape(&text)
}

fn element(name: &str, fields: &[(&str, String)]) -> String {
    let mut text = format!("<{name}>");
    for (field, value) in fields {
        let _ = write!(text, "<{field}>{}</{field}>", escape(value));
    }
    let _ = writeln!(text, "</{name}>");
    text
}

fn document(root: &str, body: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}>\n{body}</{root}>\n")
}

const fn side(debit: bool) -> &'static str {
    if debit { "借" } else { "贷" }
}

impl Facts {
    fn books(&self) -> String {
        let period = |month: Option<&(Month, bool)>| month.map(|(month, _)| month.number().to_string()).unwrap_or_default();
        let mut body = element(
            "电子账簿",
            &[
                ("电子账簿编号", self.street.0.to_string()),
                ("电子账簿名称", format!("{}党建经费账", self.street.1)),
                ("会计核算单位", self.street.1.clone()),
                ("单位性质", "行政单位".to_owned()),
                ("开发单位", "Mingzhang 明账".to_owned()),
                ("版本号", env!("CARGO_PKG_VERSION").to_owned()),
                ("本位币", "人民币".to_owned()),
                ("会计年度", self.year.to_string()),
                ("起始会计期间号", period(self.months.first())),
                ("终止会计期间号", period(self.months.last())),
                ("标准版本号", "GB/T 24589.2-2010".to_owned()),
            ],
        );
        for (month, closed) in &self.months {
            let fields = [
                ("会计年度", self.year.to_string()),
                ("会计期间号", month.number().to_string()),
                ("会计期间起始日期", month.first_day().to_string()),
                ("会计期间结束日期", month.last_day().to_string()),
                ("已结账", if *closed { "是" } else { "否" }.to_owned()),
            ];
            body.push_str(&element("会计期间", &fields));
        }
        document("电子账簿档案", &body)
    }

    /// The halves that are written.
    fn halves(&self) -> &'static [Half] {
        if self.parallel { &[Half::Financial, Half::Budget] } else { &[Half::Financial] }
    }

    fn official(&self, half: Half) -> BTreeMap<&OfficialAccount, Account> {
        self.map.official(half)
    }

    fn accounts(&self) -> String {
        let mut body = String::new();
        for half in self.halves() {
            for (official, account) in self.official(*half) {
                let fields = [
                    ("科目编号", official.code.clone()),
                    ("科目名称", official.name.clone()),
                    ("科目类型", kind_name(*half, account, self.year).to_owned()),
                    ("余额方向", side(is_debit(*half, account)).to_owned()),
                    ("会计属性", half.names().1.to_owned()),
                ];
                body.push_str(&element("会计科目", &fields));
            }
        }
        document("会计科目表", &body)
    }

    fn dimensions(&self) -> String {
        let each = |kind: &str, code: String, name: &str| element("辅助核算", &[("辅助项类型", kind.to_owned()), ("辅助项编号", code), ("辅助项名称", name.to_owned())]);
        let categories: String = self.categories.values().map(|(code, name)| each("经费类别", code.clone(), name)).collect();
        let communities: String = self.communities.iter().map(|(id, name)| each("社区", id.to_string(), name)).collect();
        document("辅助核算表", &(categories + &communities))
    }

    fn dimension_fields(&self, category: Option<Uuid>, community: Option<Uuid>) -> [(&'static str, String); 2] {
        let code = category.and_then(|id| self.categories.get(&id)).map(|(code, _)| code.clone()).unwrap_or_default();
        [("辅助项1编号", code), ("辅助项2编号", community.map(|id| id.to_string()).unwrap_or_default())]
    }

    fn entry(&self, printed: &Printed<'_>, number: usize, line: &OfficialLine) -> String {
        let voucher = printed.voucher;
        let [category, community] = self.dimension_fields(line.category, line.community);
        element(
            "记账凭证",
            &[
                ("记账凭证日期", voucher.date.to_string()),
                ("会计年度", voucher.fiscal_year.to_string()),
                ("会计期间号", voucher.month.number().to_string()),
                ("记账凭证类型编号", voucher.word.clone()),
                ("记账凭证编号", voucher.number.to_string()),
                ("记账凭证行号", number.to_string()),
                ("记账凭证摘要", voucher.summary.clone()),
                ("科目编号", line.code.clone()),
                category,
                community,
                ("借方金额", line.debit.to_string()),
                ("贷方金额", line.credit.to_string()),
                ("附件数", voucher.attachments_count.to_string()),
                ("制单人", printed.prepared_by.to_owned()),
                ("审核人", printed.reviewed_by.to_owned()),
                ("记账标志", "1".to_owned()),
                ("作废标志", "0".to_owned()),
            ],
        )
    }

    /// The balances of a key, month by month.
    fn balances(&self, key: &Key, debit: bool, turnovers: &BTreeMap<Month, (Fen, Fen)>) -> Result<String, Problem> {
        let (_, code, category, community) = key;
        let mut balance = self.openings.get(key).copied().unwrap_or_default();
        let shown = |balance: Fen| if debit { Ok(balance) } else { balance.checked_neg().map_err(Problem::internal) };
        let mut text = String::new();
        for (month, _) in &self.months {
            let (debits, credits) = turnovers.get(month).copied().unwrap_or_default();
            let opening = balance;
            balance = balance.checked_add(debits).and_then(|sum| sum.checked_sub(credits)).map_err(Problem::internal)?;
            let [first, second] = self.dimension_fields(*category, *community);
            let fields = [
                ("科目编号", code.clone()),
                first,
                second,
                ("会计年度", self.year.to_string()),
                ("会计期间号", month.number().to_string()),
                ("期初余额方向", side(debit).to_owned()),
                ("期初余额", shown(opening)?.to_string()),
                ("借方发生额", debits.to_string()),
                ("贷方发生额", credits.to_string()),
                ("期末余额方向", side(debit).to_owned()),
                ("期末余额", shown(balance)?.to_string()),
            ];
            text.push_str(&element("科目余额及发生额", &fields));
        }
        Ok(text)
    }
}

impl Package {
    pub(super) fn new(buffer: Buffer, facts: Facts) -> Result<Self, Problem> {
        let mut package = Self { zip: ZipWriter::new_stream(buffer), facts, turnovers: BTreeMap::new() };
        for (name, text) in [("books.xml", package.facts.books()), ("accounts.xml", package.facts.accounts()), ("dimensions.xml", package.facts.dimensions())] {
            package.begin(name)?;
            package.write(&text)?;
        }
        package.begin("vouchers.xml")?;
        package.write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<记账凭证表>\n")?;
        Ok(package)
    }

    fn begin(&mut self, name: &str) -> Result<(), Problem> {
        // The day of making is fixed: the same books give the same file.
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).last_modified_time(DateTime::default());
        self.zip.start_file(name, options).map_err(Problem::internal)
    }

    fn write(&mut self, text: &str) -> Result<(), Problem> {
        self.zip.write_all(text.as_bytes()).map_err(Problem::internal)
    }
}

impl Format for Package {
    fn add(&mut self, printed: &Printed<'_>) -> Result<(), Problem> {
        for (number, line) in (1_usize..).zip(printed.lines) {
            let text = self.facts.entry(printed, number, line);
            self.write(&text)?;
            let key = (line.half, line.code.clone(), line.category, line.community);
            let (debit, credit) = self.turnovers.entry(key).or_default().entry(printed.voucher.month).or_default();
            *debit = debit.checked_add(line.debit).map_err(Problem::internal)?;
            *credit = credit.checked_add(line.credit).map_err(Problem::internal)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Problem> {
        self.write("</记账凭证表>\n")?;
        self.begin("balances.xml")?;
        self.write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<科目余额及发生额表>\n")?;
        for key in self.facts.openings.keys() {
            self.turnovers.entry(key.clone()).or_default();
        }
        let sides: BTreeMap<(Half, String), bool> =
            self.facts.halves().iter().flat_map(|half| self.facts.official(*half).into_iter().map(|(official, account)| ((*half, official.code.clone()), is_debit(*half, account)))).collect();
        for (key, turnovers) in std::mem::take(&mut self.turnovers) {
            let debit = sides.get(&(key.0, key.1.clone())).copied().unwrap_or(true);
            let text = self.facts.balances(&key, debit, &turnovers)?;
            self.write(&text)?;
        }
        self.write("</科目余额及发生额表>\n")?;
        self.zip.finish().map_err(Problem::internal)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_xml_cannot_become_a_tag() {
        assert_eq!(element("摘要", &[("a", "<b>&\"\u{1}".to_owned())]), "<摘要><a>&lt;b&gt;&amp;&quot; </a></摘要>\n");
    }
}
