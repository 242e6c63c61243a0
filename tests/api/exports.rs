//! The books leave the house: what is exported is read back by readers that share nothing with what wrote it, and held against the ledger.

mod readers;

use std::collections::{BTreeMap, BTreeSet};

use mingzhang::funds::ledger::{Account, Entry, Posting, VoucherKind, post, voucher};
use mingzhang::kernel::access::Scope;
use mingzhang::kernel::act::Performer;
use mingzhang::kernel::money::Fen;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::readers::{Package, Read, read_package, read_text, read_workbook};
use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

/// Our account, its financial and its budget code; none where its money is outside the budget.
const MAP: [(&str, &str, Option<&str>); 11] = [
    ("1002", "1002", Some("800102")),
    ("1003", "100203", None),
    ("1011", "1011", Some("800101")),
    ("2302", "2305", Some("7101")),
    ("2307", "2102", Some("7101")),
    ("3001", "3001", Some("8101")),
    ("3101", "300102", None),
    ("4001", "4001", Some("6001")),
    ("4101", "4601", None),
    ("5001", "5001", Some("7101")),
    ("5101", "5301", None),
];

fn entry((account, financial, budget): (&str, &str, Option<&str>)) -> Value {
    let mut entry = json!({"account": account, "financial": {"code": financial, "name": format!("财务{financial}")}});
    match budget {
        Some(code) => entry["budget"] = json!({"code": code, "name": format!("预算{code}")}),
        None => entry["outside_budget"] = json!(true),
    }
    entry
}

/// A street whose books are written voucher by voucher.
struct Books {
    street: Street,
    /// The second category, which the map names: 5001 of it is 500102.
    other: String,
    accountant: Uuid,
}

impl Books {
    async fn open(app: &TestApp, year: i32) -> Self {
        let street = Street::open(app, "硚口区", "x-").await;
        let other = street.new_category(app, "C03", "基层党建<专项>&", false).await;
        let accountant = app.get(&street.accountant, "/me").await.id().parse().unwrap();
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": year})).await, 201);
        Self { street, other, accountant }
    }

    fn entries(&self) -> Vec<Value> {
        let mut special = entry(("5001", "500102", Some("7101")));
        special["category_id"] = json!(self.other);
        MAP.into_iter().map(entry).chain([special]).collect()
    }

    async fn map(&self, app: &TestApp, year: i32) -> Value {
        ok(app.post(&self.street.accountant, "/account-maps", json!({"effective_year": year, "entries": self.entries()})).await, 201)
    }

    fn category(&self, other: bool) -> Uuid {
        if other { &self.other } else { &self.street.category }.parse().unwrap()
    }

    /// Books a voucher on a day, as the accountant or as a job.
    async fn book(&self, app: &TestApp, date: &str, kind: VoucherKind, code: &str, entries: Vec<Entry>, reverses: Option<Uuid>) -> voucher::Model {
        let day = date.parse::<chrono::NaiveDate>().unwrap();
        if app.context.clocks.business_today() < day {
            app.context.clocks.set(format!("{date}T01:00:00Z").parse().unwrap());
        }
        let (district, street) = (self.street.district.parse().unwrap(), self.street.id.parse().unwrap());
        let tx = app.context.db.write(Scope::Street(district, street)).await.unwrap();
        let act = app.context.act(Performer::Job { name: "test.book", authorisation: None }, "test".to_owned(), None);
        let mut posting = Posting::new((district, street), day, kind, ("test", Uuid::now_v7()), code, entries);
        posting.reverses = reverses;
        posting.prepared_by = (kind != VoucherKind::StipendRun).then_some(self.accountant);
        let made = post(&tx, &act, posting).await.unwrap();
        tx.commit().await.unwrap();
        made
    }

    /// Opening balances, a receipt, claims with a comma and a long text, a stipend run with its payment, donations, a refund, a reversal, tax: the events of MONEY in three months.
    async fn play(&self, app: &TestApp, year: i32, amounts: &mut Amounts) {
        let community = Some(self.street.community.parse().unwrap());
        let (one, two) = (self.category(false), self.category(true));
        let mut next = || amounts.next();
        let day = |month: u32, day: u32| format!("{year}-{month:02}-{day:02}");
        let opening = next();
        let gift = next();
        let entries = vec![
            Entry::debit(Account::FundOnHand, opening),
            Entry::debit(Account::DonationFund, gift),
            Entry::credit(Account::CarriedOver, opening).of_category(two),
            Entry::credit(Account::RestrictedDonations, gift),
        ];
        self.book(app, &day(1, 3), VoucherKind::Opening, "", entries, None).await;
        let received = Fen(900_000_000);
        for (category, code) in [(one, "财预1号,附\"清单\"".to_owned()), (two, "长".repeat(90))] {
            let entries = vec![Entry::debit(Account::FundOnHand, received), Entry::credit(Account::Appropriation, received).of_category(category)];
            self.book(app, &day(1, 5), VoucherKind::Receipt, &code, entries, None).await;
        }
        let quota = vec![Entry::debit(Account::TreasuryQuota, received), Entry::credit(Account::Appropriation, received).of_category(one)];
        self.book(app, &day(1, 6), VoucherKind::Receipt, "额度", quota, None).await;
        for month in 1..=3 {
            let (claim, tax, run, gift) = (next(), next(), next(), next());
            let lecture = vec![
                Entry::debit(Account::Expenditure, claim.checked_add(tax).unwrap()).of_category(two).of_community(community),
                Entry::credit(Account::FundOnHand, claim),
                Entry::credit(Account::TaxWithheld, tax),
            ];
            let paid = self.book(app, &day(month, 10), VoucherKind::ClaimPayment, &format!("BX{month},讲课费"), lecture.clone(), None).await;
            let by_quota = vec![Entry::debit(Account::Expenditure, next()).of_category(one)];
            let sum = by_quota[0].debit;
            let by_quota = by_quota.into_iter().chain([Entry::credit(Account::TreasuryQuota, sum)]).collect();
            self.book(app, &day(month, 11), VoucherKind::ClaimPayment, "额度支付", by_quota, None).await;
            if month == 2 {
                let red = lecture.iter().map(|entry| entry.red().unwrap()).collect();
                self.book(app, &day(2, 12), VoucherKind::Reversal, "BX2", red, Some(paid.id)).await;
            } else {
                let refund = vec![Entry::debit(Account::FundOnHand, Fen(1)), Entry::credit(Account::Expenditure, Fen(1)).of_category(two).of_community(community)];
                self.book(app, &day(month, 12), VoucherKind::ClaimRefund, "退款", refund, None).await;
            }
            let owes = vec![Entry::debit(Account::Expenditure, run).of_category(one), Entry::credit(Account::StipendsPayable, run).of_category(one)];
            self.book(app, &day(month, 20), VoucherKind::StipendRun, "季度", owes, None).await;
            if month < 3 {
                let pays = vec![Entry::debit(Account::StipendsPayable, run).of_category(one), Entry::credit(Account::FundOnHand, run)];
                self.book(app, &day(month, 22), VoucherKind::StipendPayment, "季度", pays, None).await;
            }
            let given = vec![Entry::debit(Account::DonationFund, gift), Entry::credit(Account::DonationIncome, gift).of_community(community)];
            self.book(app, &day(month, 23), VoucherKind::Donation, "JZ", given, None).await;
            let used = vec![Entry::debit(Account::DonationExpenditure, gift).of_community(community), Entry::credit(Account::DonationFund, gift)];
            self.book(app, &day(month, 24), VoucherKind::DonationUse, "SY", used, None).await;
            let paid_over = vec![Entry::debit(Account::TaxWithheld, Fen(1)), Entry::credit(Account::FundOnHand, Fen(1))];
            self.book(app, &day(month, 25), VoucherKind::TaxPayment, "税票", paid_over, None).await;
        }
    }

    async fn export(&self, app: &TestApp, year: i32, format: &str, months: (u32, u32)) -> (Value, Vec<u8>) {
        let body = json!({"fiscal_year": year, "from_month": months.0, "to_month": months.1, "format": format, "again": true, "reason": "核对"});
        let made = ok(app.post(&self.street.accountant, "/voucher-exports", body).await, 201);
        let file = self.file(app, &made).await;
        assert_eq!((file.status.as_u16(), file.bytes.len()), (200, usize::try_from(made["size"].as_i64().unwrap()).unwrap()));
        assert_eq!(hex::encode(Sha256::digest(&file.bytes)), made["sha256"].as_str().unwrap());
        (made, file.bytes)
    }

    async fn file(&self, app: &TestApp, made: &Value) -> Answer {
        app.get(&self.street.accountant, &format!("/voucher-exports/{}/file", made["id"].as_str().unwrap())).await
    }

    /// Turnovers of the ledger in a month by financial code, debit and credit, from what `ledger/balances` says at the ends of two months.
    async fn turnovers(&self, app: &TestApp, year: i32, month: u32) -> BTreeMap<String, (i64, i64)> {
        let first = chrono::NaiveDate::from_ymd_opt(year, month, 1).unwrap();
        let last = first.checked_add_months(chrono::Months::new(1)).unwrap().pred_opt().unwrap();
        let mut turnovers: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for (day, sign) in [(last, 1), (first.pred_opt().unwrap(), -1)] {
            for row in ok(app.get(&self.street.accountant, &format!("/ledger/balances?as_of={day}")).await, 200)["data"].as_array().unwrap() {
                let code = self.financial_code(row);
                let turnover = turnovers.entry(code).or_default();
                let fen = |side: &str| row[side].as_str().unwrap().parse::<Fen>().unwrap().0 * sign;
                *turnover = (turnover.0 + fen("debit"), turnover.1 + fen("credit"));
            }
        }
        turnovers.retain(|_, turnover| *turnover != (0, 0));
        turnovers
    }

    fn financial_code(&self, row: &Value) -> String {
        let account = row["account"].as_str().unwrap();
        if account == "5001" && row["category_id"] == json!(self.other) {
            return "500102".to_owned();
        }
        MAP.iter().find(|(known, ..)| *known == account).unwrap().1.to_owned()
    }

    /// What a reader found is what the ledger has: each code in each month, each voucher balanced in each half, each once.
    async fn agrees(&self, app: &TestApp, made: &Value, read: &[Read], year: i32, months: std::ops::RangeInclusive<u32>) {
        let budget = |code: &str| MAP.iter().any(|(.., known)| *known == Some(code));
        let mut vouchers: BTreeMap<(u32, i64, bool), (i64, i64)> = BTreeMap::new();
        let mut by_code: BTreeMap<(u32, String), (i64, i64)> = BTreeMap::new();
        for line in read {
            assert!((line.debit == 0) != (line.credit == 0), "exactly one side: {line:?}");
            for sum in [vouchers.entry((line.month, line.number, budget(&line.code))).or_default(), by_code.entry((line.month, line.code.clone())).or_default()] {
                *sum = (sum.0 + line.debit, sum.1 + line.credit);
            }
        }
        assert!(vouchers.values().all(|(debit, credit)| debit == credit), "{vouchers:?}");
        assert_eq!(vouchers.keys().filter(|(.., is_budget)| !is_budget).count(), usize::try_from(made["vouchers"].as_i64().unwrap()).unwrap());
        for month in months {
            let ledger = self.turnovers(app, year, month).await;
            let of_month =
                |is_budget: bool| by_code.iter().filter(move |((known, code), sums)| *known == month && budget(code) == is_budget && **sums != (0, 0)).map(|((_, code), sums)| (code.clone(), *sums));
            assert_eq!(of_month(false).collect::<BTreeMap<_, _>>(), ledger, "{year}-{month}");
            let mut expected: BTreeMap<String, i64> = BTreeMap::new();
            if year >= 2019 {
                for (code, (debit, credit)) in &ledger {
                    let of = MAP.iter().find(|(_, financial, _)| financial == code).map_or(Some("7101"), |(.., budget)| *budget);
                    if let Some(of) = of {
                        *expected.entry(of.to_owned()).or_default() += debit - credit;
                    }
                }
            }
            expected.retain(|_, amount| *amount != 0);
            let mut moved: BTreeMap<String, i64> = of_month(true).map(|(code, (debit, credit))| (code, debit - credit)).collect();
            moved.retain(|_, amount| *amount != 0);
            assert_eq!(moved, expected, "{year}-{month}: the budget half moves each account by what its accounts moved");
        }
        let sum = |is_budget: bool| Fen(read.iter().filter(|line| budget(&line.code) == is_budget).map(|line| line.debit).sum()).to_string();
        assert_eq!((made["financial_debit"].as_str(), made["budget_debit"].as_str()), (Some(sum(false).as_str()), Some(sum(true).as_str())));
        assert_eq!(made["financial_entries"].as_i64().unwrap() + made["budget_entries"].as_i64().unwrap(), i64::try_from(read.len()).unwrap());
    }

    /// The package agrees with itself: closing = opening + turnover, turnover = its vouchers, the opening of a month is the closing of the one before, codes and dimensions are told.
    fn is_consistent(&self, package: &Package) {
        let codes: BTreeSet<&String> = package.accounts.iter().map(|account| &account["科目编号"]).collect();
        let sides: BTreeMap<&String, i64> = package.accounts.iter().map(|account| (&account["科目编号"], if account["余额方向"] == "借" { 1 } else { -1 })).collect();
        assert_eq!(codes.len(), package.accounts.len(), "each code once");
        let dimensions: BTreeSet<&String> = package.dimensions.iter().map(|dimension| &dimension["辅助项编号"]).collect();
        let mut turnovers: BTreeMap<(String, String, String, u32), (i64, i64)> = BTreeMap::new();
        for line in &package.vouchers {
            assert!(codes.contains(&line.code));
            for dimension in [&line.category, &line.community] {
                assert!(dimension.is_empty() || dimensions.contains(dimension), "{dimension} is told");
            }
            let sum = turnovers.entry((line.code.clone(), line.category.clone(), line.community.clone(), line.month)).or_default();
            *sum = (sum.0 + line.debit, sum.1 + line.credit);
        }
        let mut closing: BTreeMap<(String, String, String), i64> = BTreeMap::new();
        let mut openings: BTreeMap<bool, i64> = BTreeMap::new();
        let first = package.balances.iter().map(|balance| balance["会计期间号"].parse::<u32>().unwrap()).min().unwrap();
        for balance in &package.balances {
            let fen = |name: &str| balance[name].parse::<Fen>().unwrap().0;
            let side = sides[&balance["科目编号"]];
            let key = (balance["科目编号"].clone(), balance["辅助项1编号"].clone(), balance["辅助项2编号"].clone());
            let month: u32 = balance["会计期间号"].parse().unwrap();
            let turnover = turnovers.remove(&(key.0.clone(), key.1.clone(), key.2.clone(), month)).unwrap_or_default();
            assert_eq!((fen("借方发生额"), fen("贷方发生额")), turnover, "{balance:?}");
            assert_eq!(fen("期末余额"), fen("期初余额") + side * (turnover.0 - turnover.1), "{balance:?}");
            if month == first {
                *openings.entry(key.0.starts_with(['6', '7', '8'])).or_default() += side * fen("期初余额");
            } else {
                assert_eq!(closing.get(&key).copied(), Some(fen("期初余额")), "{balance:?}");
            }
            closing.insert(key, fen("期末余额"));
        }
        assert!(turnovers.is_empty(), "{turnovers:?}");
        assert!(openings.values().all(|sum| *sum == 0), "opening balances balance: {openings:?}");
    }
}

/// Amounts that look random and are the same each time (xorshift).
struct Amounts(u64);

impl Amounts {
    fn next(&mut self) -> Fen {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Fen(i64::try_from(self.0 % 1_000_000).unwrap() + 100)
    }
}

on_both_databases! {
    async fn a_year_before_2019_leaves_in_every_form_with_one_set_and_agrees_with_the_ledger(app: TestApp) {
        let books = Books::open(app, 2017).await;
        books.map(app, 2016).await;
        books.play(app, 2017, &mut Amounts(20_170_103)).await;
        let january = app.get(&books.street.accountant, "/ledger/periods?sort=month").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        ok(app.act(&books.street.accountant, &format!("/ledger/periods/{january}/close"), "\"v1\"").await, 200);

        let (made, bytes) = books.export(app, 2017, "u8_text", (1, 3)).await;
        assert_eq!((made["encoding"].as_str(), made["open_months"].clone(), made["budget_entries"].as_i64()), (Some("gb18030"), json!(["2017-02", "2017-03"]), Some(0)));
        let read = read_text(&bytes, encoding_rs::GB18030);
        books.agrees(app, &made, &read, 2017, 1..=3).await;
        assert!(read.iter().all(|line| line.summary.chars().count() <= 60 && !line.summary.contains(',')));
        assert!(read.iter().any(|line| line.summary == "收到财政拨款 财预1号，附＂清单＂") && read.iter().any(|line| line.summary.ends_with("长…")));
        assert!(read.iter().any(|line| line.debit < 0) && read.iter().any(|line| line.credit < 0), "red letters stay on their side");
        assert_eq!(books.file(app, &made).await.bytes, bytes, "the same bytes again");

        let (made, bytes) = books.export(app, 2017, "common_xlsx", (1, 3)).await;
        let read = read_workbook(&bytes);
        books.agrees(app, &made, &read, 2017, 1..=3).await;
        assert!(read.iter().any(|line| line.prepared_by == "x-accountant") && read.iter().any(|line| line.prepared_by == "系统（test.book）"));

        let (made, bytes) = books.export(app, 2017, "gbt24589", (2, 3)).await;
        let package = read_package(&bytes);
        books.agrees(app, &made, &package.vouchers, 2017, 2..=3).await;
        books.is_consistent(&package);
        let told = |name: &str| package.books[0][name].clone();
        assert_eq!((told("会计年度"), told("起始会计期间号"), told("标准版本号"), package.periods[0]["已结账"].clone()), ("2017".to_owned(), "2".to_owned(), "GB/T 24589.2-2010".to_owned(), "否".to_owned()));
        assert!(package.dimensions.iter().any(|dimension| dimension["辅助项名称"] == "基层党建<专项>&"), "text in XML comes back as it was");
        assert!(package.accounts.iter().all(|account| account["会计属性"] == "财务会计"));
    }

    async fn a_year_of_parallel_bookkeeping_leaves_with_two_halves_that_each_balance(app: TestApp) {
        let books = Books::open(app, 2019).await;
        books.map(app, 2017).await;
        books.play(app, 2019, &mut Amounts(20_190_103)).await;
        let balances = ok(app.get(&books.street.accountant, "/ledger/balances?as_of=2019-12-31").await, 200)["data"].clone();
        let mut entries = Vec::new();
        for other in [false, true] {
            let mut left = 0;
            for row in balances.as_array().unwrap().iter().filter(|row| row["category_id"] == json!(books.category(other))) {
                let amount: Fen = row["balance"].as_str().unwrap().parse().unwrap();
                let community = row["community_id"].as_str().map(|id| id.parse().unwrap());
                match row["account"].as_str().unwrap() {
                    "4001" => { entries.push(Entry::debit(Account::Appropriation, amount).of_category(books.category(other))); left += amount.0; }
                    "5001" => { entries.push(Entry::credit(Account::Expenditure, amount).of_category(books.category(other)).of_community(community)); left -= amount.0; }
                    _ => {}
                }
            }
            entries.push(Entry::credit(Account::CarriedOver, Fen(left)).of_category(books.category(other)));
        }
        app.context.clocks.set("2020-01-02T01:00:00Z".parse().unwrap());
        let (made, bytes) = books.export(app, 2019, "common_xlsx", (1, 12)).await;
        books.agrees(app, &made, &read_workbook(&bytes), 2019, 1..=12).await;
        books.book(app, "2019-12-31", VoucherKind::Closing, "2019", entries, None).await;

        let (made, bytes) = books.export(app, 2019, "u8_text", (1, 3)).await;
        assert!(made["budget_entries"].as_i64().unwrap() > 0);
        let read = read_text(&bytes, encoding_rs::GB18030);
        books.agrees(app, &made, &read, 2019, 1..=3).await;
        assert!(read.iter().any(|line| line.code == "7101" && line.debit < 0), "a reversal is red in the budget half too");
        assert!(read.iter().all(|line| line.code != "7101" || !line.summary.starts_with("计提补贴")), "what is only owed has no budget half");
        let utf8 = json!({"fiscal_year": 2019, "to_month": 3, "format": "u8_text", "encoding": "utf8", "again": true, "reason": "试导入"});
        let utf8 = ok(app.post(&books.street.accountant, "/voucher-exports", utf8).await, 201);
        assert_eq!(read_text(&books.file(app, &utf8).await.bytes, encoding_rs::UTF_8), read);

        let (_, bytes) = books.export(app, 2019, "gbt24589", (1, 12)).await;
        let package = read_package(&bytes);
        books.is_consistent(&package);
        let december = |code: &str| {
            let rows = package.balances.iter().filter(|balance| balance["科目编号"] == code && balance["会计期间号"] == "12");
            rows.map(|balance| balance["期末余额"].parse::<Fen>().unwrap().0).sum::<i64>()
        };
        assert_eq!((december("4001"), december("5001"), december("6001"), december("7101")), (0, 0, 0, 0), "the year is closed in both halves");
        assert_eq!(december("8101"), december("800101") + december("800102"), "what is carried over is the money that is there");
        assert!(december("2305") > 0, "something is still owed, and is no budget expenditure of the year");
        assert_eq!(december("1002") + december("1011"), december("800101") + december("800102"));
        let kinds: BTreeSet<&str> = package.accounts.iter().map(|account| account["会计属性"].as_str()).collect();
        assert_eq!(kinds, BTreeSet::from(["财务会计", "预算会计"]));

        ok(app.post(&books.street.accountant, "/fiscal-years", json!({"year": 2020})).await, 201);
        let paid = vec![Entry::debit(Account::StipendsPayable, Fen(50)).of_category(books.category(false)), Entry::credit(Account::FundOnHand, Fen(50))];
        books.book(app, "2020-01-02", VoucherKind::StipendPayment, "上年", paid, None).await;
        let (made, bytes) = books.export(app, 2020, "gbt24589", (1, 1)).await;
        let package = read_package(&bytes);
        books.agrees(app, &made, &package.vouchers, 2020, 1..=1).await;
        books.is_consistent(&package);
        let opening = |code: &str| package.balances.iter().filter(|balance| balance["科目编号"] == code).map(|balance| balance["期初余额"].parse::<Fen>().unwrap().0).sum::<i64>();
        assert_eq!((opening("7101"), opening("8101")), (0, opening("800101") + opening("800102")));
    }

    async fn gaps_of_the_map_are_listed_and_nothing_is_exported(app: TestApp) {
        let books = Books::open(app, 2019).await;
        books.book(app, "2019-01-05", VoucherKind::Receipt, "1", vec![Entry::debit(Account::FundOnHand, Fen(900)), Entry::credit(Account::Appropriation, Fen(900)).of_category(books.category(true))], None).await;
        books.book(app, "2019-01-06", VoucherKind::Donation, "2", vec![Entry::debit(Account::DonationFund, Fen(5)), Entry::credit(Account::DonationIncome, Fen(5))], None).await;
        let accountant = &books.street.accountant;
        let export = json!({"fiscal_year": 2019, "format": "u8_text"});
        let refused = app.post(accountant, "/voucher-exports", export.clone()).await;
        assert_eq!(refused.code(), (422, "account_map_gaps"));
        let pointers = |answer: &Answer| answer.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let all = ["1002/-/financial", "1002/-/budget", "1003/-/financial", "1003/-/budget", "4001/C03/financial", "4001/C03/budget", "4101/-/financial", "4101/-/budget"];
        assert_eq!(pointers(&refused), all.map(|gap| format!("/account_map/{gap}")));
        assert_eq!(refused.body["errors"][5]["message"], json!("account 4001 of category C03 has no account of budget accounting"));

        let one_set: Vec<Value> = MAP.into_iter().map(|(account, financial, _)| json!({"account": account, "financial": {"code": financial, "name": financial}})).collect();
        let map = ok(app.post(accountant, "/account-maps", json!({"effective_year": 2010, "entries": one_set})).await, 201);
        let refused = app.post(accountant, "/voucher-exports", export.clone()).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "account_map_gaps"), ["1002/-", "1003/-", "4001/C03", "4101/-"].map(|gap| format!("/account_map/{gap}/budget")).to_vec()));

        let mut entries = books.entries();
        let donation = entries.iter_mut().find(|entry| entry["account"] == json!("4101")).unwrap();
        donation["outside_budget"] = json!(false);
        donation["budget"] = json!({"code": "6609", "name": "其他预算收入"});
        let path = format!("/account-maps/{}", map["id"].as_str().unwrap());
        assert_eq!(app.send(Method::PATCH, &path, accountant, Some(json!({"entries": entries})), &[("If-Match", "\"v9\"")]).await.code(), (412, "precondition_failed"));
        ok(app.send(Method::PATCH, &path, accountant, Some(json!({"entries": entries})), &[("If-Match", "\"v1\"")]).await, 200);
        let refused = app.post(accountant, "/voucher-exports", export.clone()).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "export_half_unbalanced"), vec!["/vouchers/2019-01-0002/budget".to_owned()]));
        assert_eq!(refused.body["errors"][0]["message"], json!("2019-01-0002: budget debit 0.00, credit 0.05"));
        assert_eq!(ok(app.get(accountant, "/voucher-exports").await, 200)["data"], json!([]));
        assert_eq!(ok(app.get(accountant, "/ledger/vouchers?exported=true").await, 200)["data"], json!([]));

        let changed = ok(app.send(Method::PATCH, &path, accountant, Some(json!({"entries": books.entries()})), &[("If-Match", "\"v2\"")]).await, 200);
        assert_eq!((changed["version"].as_i64(), changed["changed_by"].clone()), (Some(3), json!(books.accountant)));
        let made = ok(app.post(accountant, "/voucher-exports", export).await, 201);
        assert_eq!((made["account_map_version"].as_i64(), made["vouchers"].as_i64()), (Some(3), Some(2)));
    }

    async fn the_newest_map_that_is_not_after_the_year_counts_and_a_year_has_one(app: TestApp) {
        let books = Books::open(app, 2017).await;
        books.map(app, 2016).await;
        let accountant = &books.street.accountant;
        let again = app.post(accountant, "/account-maps", json!({"effective_year": 2016, "entries": books.entries()})).await;
        assert_eq!((again.code(), again.body["errors"][0]["pointer"].as_str()), ((409, "account_map_exists"), Some("/effective_year")));
        let mut later = books.entries();
        later[0]["financial"] = json!({"code": "1001", "name": "库存现金"});
        let newest = ok(app.post(accountant, "/account-maps", json!({"effective_year": 2017, "entries": later})).await, 201);
        ok(app.post(accountant, "/account-maps", json!({"effective_year": 2018, "entries": books.entries()})).await, 201);
        books.book(app, "2017-01-05", VoucherKind::Receipt, "1", vec![Entry::debit(Account::FundOnHand, Fen(900)), Entry::credit(Account::Appropriation, Fen(900)).of_category(books.category(true))], None).await;
        let (made, bytes) = books.export(app, 2017, "u8_text", (1, 12)).await;
        assert_eq!(made["account_map_id"], newest["id"]);
        assert_eq!(read_text(&bytes, encoding_rs::GB18030)[0].code, "1001");
        let wrong = json!({"effective_year": 2020, "entries": [
            {"account": "5001", "category_id": Uuid::now_v7(), "financial": {"code": "5001", "name": "业务活动费用"}},
            {"account": "5001", "community_id": books.street.id, "financial": {"code": "5001", "name": "业务活动费用"}}]});
        let refused = app.post(accountant, "/account-maps", wrong).await;
        assert_eq!((refused.code(), refused.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some("/entries/0/category_id")));
        let faults = json!({"effective_year": 1999, "entries": [{"account": "1002", "category_id": books.other, "financial": {"code": "10,02", "name": ""}}]});
        let refused = app.post(accountant, "/account-maps", faults).await;
        let codes: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
        assert_eq!((refused.code(), codes), ((422, "validation_failed"), vec!["out_of_range", "not_kept_by_category", "invalid_value", "required"]));
        let listed = ok(app.get(accountant, "/account-maps?sort=effective_year").await, 200);
        let years: Vec<_> = listed["data"].as_array().unwrap().iter().map(|map| map["effective_year"].as_i64().unwrap()).collect();
        assert_eq!(years, [2016, 2017, 2018]);
    }

    async fn what_was_exported_is_marked_and_leaves_again_only_with_a_reason(app: TestApp) {
        let books = Books::open(app, 2017).await;
        books.map(app, 2017).await;
        let accountant = &books.street.accountant;
        let receipt = |amount| vec![Entry::debit(Account::FundOnHand, Fen(amount)), Entry::credit(Account::Appropriation, Fen(amount)).of_category(books.category(false))];
        let export = |again: bool, reason: Option<&str>| json!({"fiscal_year": 2017, "to_month": 2, "format": "u8_text", "again": again, "reason": reason});
        assert_eq!(app.post(accountant, "/voucher-exports", export(false, None)).await.code(), (422, "nothing_to_export"));
        books.book(app, "2017-01-05", VoucherKind::Receipt, "1", receipt(900), None).await;
        let tried = app.post(accountant, "/voucher-exports?dry_run=true", export(false, None)).await;
        assert_eq!((tried.status.as_u16(), tried.body["vouchers"].as_i64()), (200, Some(1)));
        let first = ok(app.post(accountant, "/voucher-exports", export(false, None)).await, 201);
        assert_eq!((first["already_exported"].as_i64(), first["financial_debit"].as_str(), first["reason"].clone()), (Some(0), Some("9.00"), Value::Null));
        books.book(app, "2017-02-05", VoucherKind::Receipt, "2", receipt(500), None).await;
        let refused = app.post(accountant, "/voucher-exports", export(false, None)).await;
        assert_eq!((refused.code(), refused.body["errors"][0]["pointer"].as_str()), ((409, "already_exported"), Some("/again")));
        assert!(refused.body["detail"].as_str().unwrap().starts_with("1 of the 2 vouchers were exported before"), "{}", refused.text);
        let silent = app.post(accountant, "/voucher-exports", export(true, None)).await;
        assert_eq!((silent.code(), silent.body["errors"][0]["pointer"].as_str()), ((422, "validation_failed"), Some("/reason")));
        let second = ok(app.post(accountant, "/voucher-exports", export(true, Some("财务软件重装"))).await, 201);
        assert_eq!((second["already_exported"].as_i64(), second["vouchers"].as_i64(), second["reason"].as_str()), (Some(1), Some(2), Some("财务软件重装")));
        books.book(app, "2017-03-05", VoucherKind::Receipt, "3", receipt(100), None).await;
        let listed = |filter: String| async move {
            let data = ok(app.get(accountant, &format!("/ledger/vouchers?sort=seq&{filter}")).await, 200)["data"].clone();
            data.as_array().unwrap().iter().map(|voucher| (voucher["name"].as_str().unwrap().to_owned(), voucher["export_ids"].clone())).collect::<Vec<_>>()
        };
        assert_eq!(listed("exported=true".to_owned()).await, [("2017-01-0001".to_owned(), json!([first["id"], second["id"]])), ("2017-02-0001".to_owned(), json!([second["id"]]))]);
        assert_eq!(listed("exported=false".to_owned()).await, [("2017-03-0001".to_owned(), json!([]))]);
        assert_eq!(listed(format!("export_id={}", first["id"].as_str().unwrap())).await.len(), 1);
        assert_eq!(app.get(accountant, "/ledger/vouchers?exported=maybe").await.code(), (400, "invalid_parameter"));
        let wrong = json!({"fiscal_year": 2017, "from_month": 5, "to_month": 13, "format": "common_xlsx", "encoding": "utf8"});
        let wrong = app.post(accountant, "/voucher-exports", wrong).await;
        let pointers: Vec<_> = wrong.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/to_month", "/encoding"]);
    }

    async fn many_people_exporting_at_once_export_each_voucher_once(app: TestApp) {
        let books = Books::open(app, 2017).await;
        books.map(app, 2017).await;
        let receipt = vec![Entry::debit(Account::FundOnHand, Fen(900)), Entry::credit(Account::Appropriation, Fen(900)).of_category(books.category(false))];
        books.book(app, "2017-01-05", VoucherKind::Receipt, "1", receipt, None).await;
        let tries = (0..6).map(|_| app.post(&books.street.accountant, "/voucher-exports", json!({"fiscal_year": 2017, "format": "u8_text"})));
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.code() == (409, "already_exported")).count(), 5);
    }

    async fn exports_are_the_accountants_and_the_auditors_and_every_reading_is_kept(app: TestApp) {
        let books = Books::open(app, 2017).await;
        books.map(app, 2017).await;
        let street = &books.street;
        let receipt = vec![Entry::debit(Account::FundOnHand, Fen(900)), Entry::credit(Account::Appropriation, Fen(900)).of_category(books.category(false))];
        books.book(app, "2017-01-05", VoucherKind::Receipt, "1", receipt, None).await;
        let export = json!({"fiscal_year": 2017, "format": "gbt24589"});
        let made = ok(app.post(&street.accountant, "/voucher-exports", export.clone()).await, 201);
        let file = format!("/voucher-exports/{}/file", made["id"].as_str().unwrap());
        for other in [&street.cashier, &street.leader, &street.staff, &street.party_office] {
            assert_eq!(app.post(other, "/voucher-exports", export.clone()).await.code(), (403, "forbidden"));
            assert_eq!(app.get(other, &file).await.code(), (403, "forbidden"));
            assert_eq!(app.post(other, "/account-maps", json!({"effective_year": 2018, "entries": books.entries()})).await.code(), (403, "forbidden"));
        }
        assert_eq!(ok(app.get(&street.leader, "/voucher-exports?format=gbt24589").await, 200)["data"].as_array().unwrap().len(), 1, "who reads the ledger sees what left the house");
        assert_eq!(app.get(&street.staff, "/voucher-exports").await.code(), (403, "forbidden"));

        let (auditor, auditor_token) = app.user(&street.first, "x-auditor", &street.district).await;
        let granted = app.post(&street.first, "/role-assignments", json!({"user_id": auditor, "role": "district_auditor", "unit_id": street.district})).await;
        if granted.body["state"] == json!("unconfirmed") {
            ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted.id()), "\"v1\"").await, 200);
        }
        let mut audited = export.clone();
        (audited["street_id"], audited["again"], audited["reason"]) = (json!(street.id), json!(true), json!("专项审计"));
        ok(app.post(&auditor_token, "/voucher-exports", audited).await, 201);
        let read = app.get(&auditor_token, &file).await;
        assert_eq!((read.status.as_u16(), read.header("content-disposition")), (200, "attachment; filename=\"vouchers-2017-01-12.zip\""));
        let events = |action: &str| { let path = format!("/audit-events?action={action}"); async move { ok(app.get(&street.first, &path).await, 200)["data"].as_array().unwrap().clone() } };
        let kept = events("voucher_export.read").await;
        assert_eq!((kept.len(), kept[0]["user_id"].clone(), kept[0]["subject_id"].clone()), (1, json!(auditor), made["id"].clone()));
        let kept = events("voucher_export.make").await;
        assert_eq!((kept.len(), kept[0]["reason"].clone()), (2, json!("专项审计")));

        let other = Street::open(app, "江汉区", "y-").await;
        assert_eq!(app.get(&other.accountant, &file).await.code(), (404, "not_found"));
        let mut foreign = export;
        foreign["street_id"] = json!(street.id);
        let refused = app.post(&other.accountant, "/voucher-exports", foreign).await;
        assert_eq!((refused.code(), refused.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some("/street_id")));
        assert_eq!(ok(app.get(&other.accountant, &format!("/voucher-exports?street_id={}", street.id)).await, 200)["data"], json!([]));
        assert_eq!(ok(app.get(&other.accountant, &format!("/ledger/vouchers?export_id={}", made["id"].as_str().unwrap())).await, 200)["data"], json!([]));
        let map = json!({"effective_year": 2017, "entries": [{"account": "5001", "category_id": books.other, "financial": {"code": "5001", "name": "经费支出"}}]});
        assert_eq!(app.post(&other.accountant, "/account-maps", map).await.code(), (422, "unknown_reference"));
    }
}
