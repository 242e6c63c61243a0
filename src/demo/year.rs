//! The year itself, step by step.

use serde_json::{Value, json};

use super::{Account, PASSWORD, Player, Said, Source, books, claims, statements};
use crate::app;
use crate::kernel::bank_card::luhn;
use crate::kernel::identity_number::invented;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::Passwords;
use crate::platform::jobs;

const ADMINISTRATORS: (&str, &str) = ("qk-admin-1", "qk-admin-2");
pub(super) const OFFICE: &str = "hjd-office";
const SECOND_OFFICE: &str = "hjd-office-2";
pub(super) const LEADER: &str = "hjd-leader";
pub(super) const ACCOUNTANT: &str = "hjd-accountant";
pub(super) const CASHIER: &str = "hjd-cashier";

/// Who can log in.
pub(super) fn accounts(source: &Source) -> Vec<Account> {
    let street = [(OFFICE, "party_office"), (SECOND_OFFICE, "party_office"), (LEADER, "street_leader"), (ACCOUNTANT, "accountant"), (CASHIER, "cashier"), ("hjd-inspector", "inspector")];
    let mut accounts: Vec<Account> = [ADMINISTRATORS.0, ADMINISTRATORS.1].into_iter().map(|name| account(name, "district_admin", &source.district)).collect();
    accounts.extend(street.into_iter().map(|(name, role)| account(name, role, &source.street)));
    if let Some(community) = source.communities_named.first() {
        accounts.push(account("hjd-secretary", "community_secretary", community));
        accounts.push(account("hjd-staff", "community_staff", community));
    }
    accounts
}

fn account(username: &str, role: &str, unit: &str) -> Account {
    Account { username: username.to_owned(), password: PASSWORD, roles: vec![role.to_owned()], unit: unit.to_owned() }
}

/// A card number with a good check digit, of a bank that does not exist.
pub(super) fn card_number(number: u32) -> String {
    let stem = format!("629999000000{number:06}");
    (0..10).map(|digit| format!("{stem}{digit}")).find(|card| luhn(card)).unwrap_or(stem)
}

/// What later steps of the year refer to.
pub(super) struct Year {
    pub(super) street: String,
    pub(super) communities: Vec<String>,
    categories: Vec<(String, String, Fen)>,
    items: Vec<(String, String)>,
    plan_items: Vec<(String, String)>,
    /// Category, community, line.
    lines: Vec<(String, Option<String>, String)>,
}

impl Year {
    fn category(&self, name: &str) -> String {
        self.categories.iter().find(|(known, ..)| known == name).map(|(_, id, _)| id.clone()).unwrap_or_default()
    }

    /// The id of a community; none for the street itself.
    pub(super) fn community(&self, index: Option<usize>) -> Option<&str> {
        index.and_then(|index| self.communities.get(index)).map(String::as_str)
    }

    /// The expense item with this code.
    pub(super) fn item(&self, code: &str) -> String {
        self.items.iter().find(|(known, _)| known == code).map(|(_, id)| id.clone()).unwrap_or_default()
    }

    /// The plan item of a category.
    pub(super) fn plan_item(&self, category: &str) -> Option<String> {
        self.plan_items.iter().find(|(known, _)| known == category).map(|(_, id)| id.clone())
    }

    /// The budget line of a category for a community, or the street's own.
    pub(super) fn line(&self, category: &str, community: Option<&str>) -> Result<String, Problem> {
        let category = self.category(category);
        let found = self.lines.iter().find(|(known, unit, _)| *known == category && unit.as_deref() == community);
        found.map(|(.., id)| id.clone()).ok_or_else(|| Problem::internal("demo: no such line"))
    }
}

/// Plays the year.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn play(player: &mut Player, passwords: &Passwords, source: &Source) -> Result<(), Problem> {
    player.day("2017-01-03")?;
    let mut year = people(player, passwords, source).await?;
    others(player, passwords, source).await?;
    player.step("paper-rules", ADMINISTRATORS.0, "/paper-rules/defaults", json!({})).await?;
    budget(player, source, &mut year).await?;
    let bereaved = scheme(player, &year, "bereaved", "遗属补助", "遗属补助", "293.00", "exempt").await?;
    let allowance = scheme(player, &year, "allowance", "统战人员补贴", "统战兼职人员季度工作津贴", "200.00", "labour").await?;
    for number in 1..=5 {
        enrol(player, &year, &bereaved, &format!("B{number}"), 100 + number, json!({"from_date": "2017-01-01"}), true).await?;
    }
    let mut third = String::new();
    for number in 1..=11 {
        let (beneficiary, enrolment) = enrol(player, &year, &allowance, &format!("A{number}"), number, json!({"from_date": "2017-01-01"}), true).await?;
        if number == 3 {
            third = beneficiary;
        }
        if number == 11 {
            let path = format!("/enrolments/{}/end", enrolment.id());
            player.step_on("end:A11", OFFICE, &path, &enrolment.etag, json!({"to_date": "2017-03-31", "reason": "届满"})).await?;
        }
    }
    authorise(player, &bereaved, "bereaved", json!({"fiscal_year": 2017, "max_per_run": "4500.00", "max_per_year": "17580.00", "max_heads": 5, "max_increase_percent": 25})).await?;
    authorise(player, &allowance, "allowance", json!({"fiscal_year": 2017, "max_per_run": "7500.00", "max_per_year": "26400.00", "max_heads": 12, "max_increase_percent": 25})).await?;
    claims::month(player, &year, 2).await?;
    claims::month(player, &year, 3).await?;
    first_quarter(player, &bereaved, &allowance, &third).await?;
    player.day("2017-04-05")?;
    let (_, twelfth) = enrol(player, &year, &allowance, "A12", 12, json!({"from_date": "2017-04-01"}), false).await?;
    supplementary(player, &allowance).await?;
    claims::month(player, &year, 4).await?;
    claims::month(player, &year, 5).await?;
    claims::donate(player, &year, 0, "2017-05-17", 1_200_000).await?;
    claims::mishaps(player, &year).await?;
    claims::month(player, &year, 6).await?;
    pay_day(player, "2017-06-20", "2017-06-22", &[&bereaved, &allowance], "2017Q2").await?;
    player.day("2017-07-05")?;
    player.step_on("confirm:enrolment:A12", SECOND_OFFICE, &format!("/enrolments/{}/confirm", twelfth.id()), &twelfth.etag, json!({})).await?;
    for month in 7..=9 {
        claims::month(player, &year, month).await?;
    }
    pay_day(player, "2017-09-20", "2017-09-22", &[&bereaved, &allowance], "2017Q3").await?;
    player.day("2017-10-13")?;
    player.step("tax", ACCOUNTANT, "/tax-payments", json!({"amount": "80.00", "document_number": "税票2017-0001"})).await?;
    player.step("tax:lecture", ACCOUNTANT, "/tax-payments", json!({"amount": "300.00", "document_number": "税票2017-0002"})).await?;
    claims::month(player, &year, 10).await?;
    claims::donate(player, &year, 1, "2017-10-23", 1_500_000).await?;
    claims::month(player, &year, 11).await?;
    claims::donate(player, &year, 2, "2017-11-20", 800_000).await?;
    claims::month(player, &year, 12).await?;
    pay_day(player, "2017-12-20", "2017-12-22", &[&bereaved, &allowance], "2017Q4").await?;
    next_year(player, source, &year).await?;
    statements::reconcile(player, source.fiscal_year).await?;
    claims::close(player, source.fiscal_year).await?;
    books::export(player, source.fiscal_year).await
}

async fn people(player: &mut Player, passwords: &Passwords, source: &Source) -> Result<Year, Problem> {
    player.administrator(passwords, &source.district, &source.city, ADMINISTRATORS.0, "区管理员甲").await?;
    player.administrator(passwords, &source.district, &source.city, ADMINISTRATORS.1, "区管理员乙").await?;
    let district = player.get(ADMINISTRATORS.0, "/org-units?level=district").await?.body.pointer("/data/0/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let street = player.step("street", ADMINISTRATORS.0, "/org-units", json!({"parent_id": district, "name": source.street})).await?.id();
    let mut communities = Vec::new();
    for (index, name) in source.communities_named.iter().enumerate() {
        communities.push(player.step(&format!("community:{index}"), ADMINISTRATORS.0, "/org-units", json!({"parent_id": street, "name": name})).await?.id());
    }
    let names = ["经办示例一", "经办示例二", "领导示例", "会计示例", "出纳示例", "纪检示例"];
    for (account, name) in accounts(source).into_iter().skip(2).zip(names) {
        player.person(ADMINISTRATORS, &account.username, name, account.roles.first().map_or("", String::as_str), &street).await?;
    }
    for (index, community) in communities.iter().enumerate() {
        let (staff, secretary) = claims::staff(index);
        player.person(ADMINISTRATORS, &secretary, &format!("书记示例{}", index + 1), "community_secretary", community).await?;
        player.person(ADMINISTRATORS, &staff, &format!("社区示例{}", index + 1), "community_staff", community).await?;
    }
    player.step("standards", ADMINISTRATORS.0, "/standards/defaults", json!({"effective_from": format!("{}-01-01", source.fiscal_year)})).await?;
    for (code, name) in claims::ITEMS {
        player.step(&format!("item:{code}"), ADMINISTRATORS.0, "/expense-items", json!({"code": code, "name": name})).await?;
    }
    let items = player.get(ADMINISTRATORS.0, "/expense-items?limit=200").await?;
    let items = items.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    let items: Vec<(String, String)> = items.iter().map(|item| (text_of(item, "code"), text_of(item, "id"))).collect();
    let id_of = |code: &str| items.iter().find(|(known, _)| known == code).map(|(_, id)| id.clone());
    let mut categories = Vec::new();
    for (index, line) in source.budget.lines.iter().enumerate() {
        let pays = ["遗属补助", "统战人员补贴"].contains(&line.category.as_str());
        let body = json!({"code": format!("C{:02}", index + 1), "name": line.category, "earmarked": line.category == "基层党建专项", "pays_individuals": pays, "carry_over": "returns",
            "allowed_item_ids": claims::allowed(&line.category).iter().filter_map(|code| id_of(code)).collect::<Vec<_>>()});
        categories.push((line.category.clone(), player.step(&format!("category:{index}"), ADMINISTRATORS.0, "/categories", body).await?.id(), line.amount));
    }
    Ok(Year { street, communities, categories, items, plan_items: Vec::new(), lines: Vec::new() })
}

/// A second street and a second district, small, to show that tenants are apart.
async fn others(player: &mut Player, passwords: &Passwords, source: &Source) -> Result<(), Problem> {
    let district = player.get(ADMINISTRATORS.0, "/org-units?level=district").await?.body.pointer("/data/0/id").cloned().unwrap_or_default();
    let street = player.step("street:2", ADMINISTRATORS.0, "/org-units", json!({"parent_id": district, "name": "示例二街"})).await?.id();
    player.person(ADMINISTRATORS, "second-accountant", "二街会计示例", "accountant", &street).await?;
    player.administrator(passwords, "示例区", &source.city, "sl-admin-1", "示例区管理员甲").await?;
    player.administrator(passwords, "示例区", &source.city, "sl-admin-2", "示例区管理员乙").await?;
    let other = player.get("sl-admin-1", "/org-units?level=district").await?.body.pointer("/data/0/id").cloned().unwrap_or_default();
    player.step("street:3", "sl-admin-1", "/org-units", json!({"parent_id": other, "name": "示例三街"})).await?;
    Ok(())
}

async fn plan_item(player: &Player, key: &str, year: i32, title: &str) -> Result<String, Problem> {
    let body = json!({"fiscal_year": year, "title": title, "objective": format!("{title}按计划完成"), "milestones": [], "targets": [{"name": "完成率", "comparison": "at_least", "value": "100", "unit": "%"}]});
    Ok(player.step(key, OFFICE, "/plan-items", body).await?.id())
}

async fn budget(player: &Player, source: &Source, year: &mut Year) -> Result<(), Problem> {
    player.step("year:2017", ACCOUNTANT, "/fiscal-years", json!({"year": source.fiscal_year})).await?;
    let mut lines = Vec::new();
    for (index, (name, category, amount)) in year.categories.clone().iter().enumerate() {
        let item = plan_item(player, &format!("plan:{index}"), source.fiscal_year, name).await?;
        year.plan_items.push((name.clone(), item.clone()));
        let each = match name.as_str() {
            "基层党组织运行经费" => claims::OPERATING,
            "基层党建专项" => claims::SPECIAL_EACH,
            _ => Fen::ZERO,
        };
        let mut left = *amount;
        for community in year.communities.iter().filter(|_| each.is_positive()) {
            lines.push(json!({"category_id": category, "community_id": community, "amount": each, "plan_item_ids": [item]}));
            left = left.checked_sub(each).map_err(Problem::internal)?;
        }
        lines.push(json!({"category_id": category, "amount": left, "plan_item_ids": [item]}));
    }
    let body = json!({"fiscal_year": source.fiscal_year, "programme": source.programme, "total": source.budget.total, "lines": lines});
    let drafted = player.step("budget", OFFICE, "/budgets", body).await?;
    let path = format!("/budgets/{}", drafted.id());
    player.day("2017-01-06")?;
    let submitted = player.step_on("budget:submit", OFFICE, &format!("{path}/submit"), &drafted.etag, json!({})).await?;
    player.day("2017-01-12")?;
    let approved = player.step_on("budget:approve", ADMINISTRATORS.0, &format!("{path}/approve"), &submitted.etag, json!({})).await?;
    for line in approved.body.get("lines").and_then(Value::as_array).into_iter().flatten() {
        let community = line.get("community_id").and_then(Value::as_str).map(str::to_owned);
        year.lines.push((text_of(line, "category_id"), community, text_of(line, "id")));
    }
    player.day("2017-01-20")?;
    let received: Vec<Value> = year.categories.iter().filter(|(.., amount)| amount.is_positive()).map(|(_, category, amount)| json!({"category_id": category, "amount": amount})).collect();
    let receipt = json!({"date": "2017-01-20", "kind": "cash", "document_number": "示例财预〔2017〕1号", "amount": source.budget.total, "lines": received});
    player.step("receipt", ACCOUNTANT, "/receipts", receipt).await?;
    Ok(())
}

async fn scheme(player: &Player, year: &Year, key: &str, category: &str, name: &str, rate: &str, tax: &str) -> Result<String, Problem> {
    let kind = player.step(&format!("kind:{key}"), ADMINISTRATORS.0, "/scheme-kinds", json!({"code": key, "name": name, "frequency": "quarter"})).await?.id();
    let body = json!({"scheme_kind_id": kind, "category_id": year.category(category), "name": name, "line_scope": "street", "tax_kind": tax, "first_period": "2017Q1",
        "rates": [{"from_month": "2017-01", "amount": rate}]});
    Ok(player.step(&format!("scheme:{key}"), OFFICE, "/stipend-schemes", body).await?.id())
}

/// A beneficiary with an account that the accountant confirms, enrolled; confirmed by the second of the party office unless that waits.
async fn enrol(player: &Player, year: &Year, scheme: &str, key: &str, number: u32, dates: Value, confirmed: bool) -> Result<(String, Said), Problem> {
    let community = year.communities.get(usize::try_from(number).unwrap_or(0) % year.communities.len().max(1)).cloned();
    let account = json!({"number": card_number(number), "bank_name": "示例银行"});
    let body = json!({"street_id": year.street, "community_id": community, "name": format!("示例{key}"), "id_number": invented(number), "account": account});
    let beneficiary = player.step(&format!("beneficiary:{key}"), OFFICE, "/beneficiaries", body).await?.id();
    let accounts = player.get(ACCOUNTANT, &format!("/beneficiaries/{beneficiary}/bank-accounts")).await?;
    // The first account is the oldest, which stands last.
    let first = accounts.body.get("data").and_then(Value::as_array).and_then(|list| list.last()).and_then(|row| row.get("id")).and_then(Value::as_str).unwrap_or_default().to_owned();
    player.step_on(&format!("account:{key}"), ACCOUNTANT, &format!("/beneficiaries/{beneficiary}/bank-accounts/{first}/confirm"), "\"v1\"", json!({})).await?;
    let mut body = dates;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("scheme_id".to_owned(), scheme.into());
        fields.insert("beneficiary_id".to_owned(), beneficiary.clone().into());
    }
    let mut enrolment = player.step(&format!("enrolment:{key}"), OFFICE, "/enrolments", body).await?;
    if confirmed {
        enrolment = player.step_on(&format!("confirm:enrolment:{key}"), SECOND_OFFICE, &format!("/enrolments/{}/confirm", enrolment.id()), &enrolment.etag, json!({})).await?;
    }
    Ok((beneficiary, enrolment))
}

async fn authorise(player: &Player, scheme: &str, key: &str, limits: Value) -> Result<(), Problem> {
    player.step_on(&format!("authorise:{key}"), LEADER, &format!("/stipend-schemes/{scheme}/authorisations"), "\"v1\"", limits).await?;
    Ok(())
}

/// The job pays; the cashier makes the bank files and, days later, imports their results.
async fn pay_day(player: &Player, day: &str, result_day: &str, schemes: &[&str], period: &str) -> Result<(), Problem> {
    player.day(day)?;
    jobs::sweep(&player.context, &app::registry()).await?;
    for scheme in schemes {
        let run = run_of(player, scheme, period, 1).await?;
        bank(player, &run, &format!("{period}:{scheme}"), result_day, None).await?;
    }
    Ok(())
}

async fn run_of(player: &Player, scheme: &str, period: &str, seq: i64) -> Result<Value, Problem> {
    let runs = player.get(CASHIER, &format!("/payout-runs?scheme_id={scheme}&period={period}")).await?;
    let list = runs.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    list.into_iter().find(|run| run.get("seq").and_then(Value::as_i64) == Some(seq)).ok_or_else(|| Problem::internal(format!("demo: no run {period} {seq}")))
}

pub(super) fn text_of(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The plain layout with titles.
pub(super) async fn template(player: &Player) -> Result<String, Problem> {
    let templates = player.get(CASHIER, "/bank-file-templates").await?;
    let list = templates.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(list.iter().find(|row| row.pointer("/definition/encoding").and_then(Value::as_str) == Some("utf8_bom")).map(|row| text_of(row, "id")).unwrap_or_default())
}

/// Makes the bank file of a run and imports its result; the payment to `returned`, where given, comes back.
async fn bank(player: &Player, run: &Value, key: &str, result_day: &str, returned: Option<&str>) -> Result<(), Problem> {
    let template = template(player).await?;
    let file = player.step(&format!("file:{key}"), CASHIER, "/bank-files", json!({"run_id": text_of(run, "id"), "template_id": template})).await?;
    let path = format!("/bank-files/{}", file.id());
    let bytes = player.text(CASHIER, &path).await?;
    let result = result_of(&bytes, &file.body, result_day, returned)?;
    player.day(result_day)?;
    let imported = player.send_step(&format!("result:{key}"), CASHIER, &format!("{path}/results"), &file.etag, "text/csv", result).await?;
    if returned.is_some() {
        player.step_on(&format!("returned:{key}"), ACCOUNTANT, &format!("{path}/results/confirm"), &imported.etag, json!({})).await?;
    }
    Ok(())
}

/// The bank's answer to a file.
pub(super) fn result_of(file: &str, made: &Value, day: &str, returned: Option<&str>) -> Result<String, Problem> {
    let mut text = format!("批次号,{},笔数,{},金额,{},日期,{day}\r\n序号,账号后四位,金额,结果,原因\r\n", text_of(made, "number"), made.get("count").cloned().unwrap_or_default(), text_of(made, "sum"));
    let mut reader = csv::ReaderBuilder::new().from_reader(file.trim_start_matches('\u{feff}').as_bytes());
    for row in reader.records() {
        let row = row.map_err(Problem::internal)?;
        let (serial, account, amount) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default(), row.get(4).unwrap_or_default());
        let tail: String = account.chars().rev().take(4).collect::<Vec<char>>().into_iter().rev().collect();
        let (result, reason) = if returned == Some(account) { ("退票", "账户已销户") } else { ("成功", "") };
        text.push_str(&format!("{serial},{tail},{amount},{result},{reason}\r\n"));
    }
    Ok(text)
}

/// A3's payment of the first quarter comes back on 27 March: the account is closed. A new one is confirmed by a second person.
async fn first_quarter(player: &Player, bereaved: &str, allowance: &str, third: &str) -> Result<(), Problem> {
    player.day("2017-03-20")?;
    jobs::sweep(&player.context, &app::registry()).await?;
    let run = run_of(player, bereaved, "2017Q1", 1).await?;
    bank(player, &run, "2017Q1:bereaved", "2017-03-22", None).await?;
    let run = run_of(player, allowance, "2017Q1", 1).await?;
    bank(player, &run, "2017Q1:allowance", "2017-03-27", Some(&card_number(3))).await?;
    player.day("2017-03-28")?;
    let account = player.step("account:A3:new", OFFICE, &format!("/beneficiaries/{third}/bank-accounts"), json!({"number": card_number(903), "bank_name": "示例银行"})).await?;
    player.day("2017-03-29")?;
    player.step_on("account:A3:confirm", ACCOUNTANT, &format!("/beneficiaries/{third}/bank-accounts/{}/confirm", account.id()), &account.etag, json!({})).await?;
    Ok(())
}

/// People pay A3's first quarter in a supplementary run on 6 April.
async fn supplementary(player: &Player, allowance: &str) -> Result<(), Problem> {
    player.day("2017-04-06")?;
    let run = player.step("run:supplementary", OFFICE, "/payout-runs", json!({"scheme_id": allowance, "period": "2017Q1"})).await?;
    let path = format!("/payout-runs/{}", run.id());
    let approved = player.step_on("run:supplementary:approve", LEADER, &format!("{path}/approve"), &run.etag, json!({})).await?;
    let posted = player.step_on("run:supplementary:post", ACCOUNTANT, &format!("{path}/post"), &approved.etag, json!({})).await?;
    bank(player, &posted.body, "2017Q1:supplementary", "2017-04-10", None).await
}

/// The next year stands open with a small approved budget, a first receipt and claims under way, so that a newcomer can act at once.
async fn next_year(player: &Player, source: &Source, year: &Year) -> Result<(), Problem> {
    player.day("2018-01-02")?;
    player.step("year:2018", ACCOUNTANT, "/fiscal-years", json!({"year": 2018})).await?;
    let item = plan_item(player, "plan:2018", 2018, "基层党组织规范化建设").await?;
    let lines = json!([{"category_id": year.category("基层党组织运行经费"), "amount": "10000.00", "plan_item_ids": [item]}]);
    let drafted = player.step("budget:2018", OFFICE, "/budgets", json!({"fiscal_year": 2018, "programme": source.programme, "total": "10000.00", "lines": lines})).await?;
    let path = format!("/budgets/{}", drafted.id());
    let submitted = player.step_on("budget:2018:submit", OFFICE, &format!("{path}/submit"), &drafted.etag, json!({})).await?;
    let approved = player.step_on("budget:2018:approve", ADMINISTRATORS.0, &format!("{path}/approve"), &submitted.etag, json!({})).await?;
    let lines = json!([{"category_id": year.category("基层党组织运行经费"), "amount": "1000.00"}]);
    player.step("receipt:2018", ACCOUNTANT, "/receipts", json!({"date": "2018-01-02", "document_number": "示例拨款2018-1", "amount": "1000.00", "lines": lines})).await?;
    let line = approved.body.pointer("/lines/0/id").and_then(Value::as_str).unwrap_or_default();
    claims::under_way(player, year, line).await
}
