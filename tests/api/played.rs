//! Two years of stipends, played at random through the API against a plain model that is written from the rules, not from the program: what is entitled, settled and outstanding
//! agrees to the fen after every run, and the books hold. A failing play prints its seed and what was done; `MINGZHANG_PLAY_SEED` plays another.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use mingzhang::kernel::access::Scope;
use mingzhang::kernel::identity_number::check_character;
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, result_of};
use crate::support::TestApp;
use crate::support::dice::Dice;
use crate::support::street::{Street, ok};

/// Months since year 0.
type Month = i32;

fn month_of(day: NaiveDate) -> Month {
    day.year() * 12 + i32::try_from(day.month0()).unwrap()
}

fn first_of(month: Month) -> NaiveDate {
    NaiveDate::from_ymd_opt(month.div_euclid(12), u32::try_from(month.rem_euclid(12)).unwrap() + 1, 1).unwrap()
}

fn days_of(month: Month) -> Vec<NaiveDate> {
    first_of(month).iter_days().take_while(|day| month_of(*day) == month).collect()
}

fn month_name(month: Month) -> String {
    first_of(month).format("%Y-%m").to_string()
}

fn yuan(fen: i64) -> String {
    format!("{}{}.{:02}", if fen < 0 { "-" } else { "" }, fen.abs() / 100, fen.abs() % 100)
}

fn fen(text: &Value) -> i64 {
    let text = text.as_str().unwrap();
    let digits: i64 = text.replace(['.', '-'], "").parse().unwrap();
    if text.starts_with('-') { -digits } else { digits }
}

/// A scheme as the rules know it.
struct Scheme {
    id: String,
    months: i32,
    per_period: bool,
    by_day: bool,
    next_month: bool,
    before_end: bool,
    unit: i128,
    up: bool,
    labour: bool,
    rates: BTreeMap<Month, i64>,
    posted_through: Option<Month>,
}

impl Scheme {
    /// The first month of the period that a month lies in.
    fn period(&self, month: Month) -> Month {
        month.div_euclid(self.months) * self.months
    }

    fn name(&self, period: Month) -> String {
        if self.months == 1 { month_name(period) } else { format!("{}Q{}", period.div_euclid(12), period.rem_euclid(12) / 3 + 1) }
    }
}

struct Part {
    period: Month,
    amount: i64,
    live: bool,
    holds: bool,
    regular: bool,
    written_off: bool,
    item: Option<usize>,
}

struct Enrolment {
    id: String,
    scheme: usize,
    person: usize,
    from: NaiveDate,
    to: Option<NaiveDate>,
    own: BTreeMap<Month, Option<i64>>,
    waiting: Option<(String, Month, Option<i64>)>,
    stops: Vec<(NaiveDate, NaiveDate)>,
    confirmed: bool,
    on_hold: bool,
    accepted: Option<Month>,
    parts: Vec<Part>,
}

struct Item {
    id: String,
    enrolment: usize,
    gross: i64,
    tax: i64,
    run: String,
    posted: NaiveDate,
    paid: bool,
    back: i64,
    periods: Vec<Month>,
}

/// A line of a plan: period, entitled, settled, taken, kind.
type Line = (Month, i64, i64, i64, Option<&'static str>);

struct Plan {
    item: Option<i64>,
    outstanding: i64,
    lines: Vec<Line>,
}

/// MONEY as a naive program: no sums are kept, everything is counted again from the parts.
#[derive(Default)]
struct Model {
    schemes: Vec<Scheme>,
    enrolments: Vec<Enrolment>,
    items: Vec<Item>,
    taxed: BTreeMap<(usize, Month), (i64, i64)>,
    spent: BTreeMap<i32, i64>,
    carried_in: BTreeMap<i32, i64>,
}

fn labour(gross: i64) -> i64 {
    // In ten-thousandths of a fen.
    let taxable = if gross <= 80_000 {
        0
    } else if gross <= 400_000 {
        i128::from(gross - 80_000) * 10_000
    } else {
        i128::from(gross) * 8_000
    };
    let of = |rate: i128, less: i128| taxable * rate / 100 - less * 10_000;
    let tax = if taxable <= 2_000_000 * 10_000 {
        of(20, 0)
    } else if taxable <= 5_000_000 * 10_000 {
        of(30, 200_000)
    } else {
        of(40, 700_000)
    };
    i64::try_from((tax + 5_000) / 10_000).unwrap()
}

impl Model {
    fn entitled(&self, enrolment: &Enrolment, period: Month) -> i64 {
        const DAYS: i128 = 28 * 29 * 30 * 31;
        let scheme = &self.schemes[enrolment.scheme];
        let mut sum = 0_i128;
        for month in period..period + scheme.months {
            let own = enrolment.own.range(..=month).next_back().and_then(|(_, rate)| *rate);
            let rate = own.or_else(|| scheme.rates.range(..=month).next_back().map(|(_, rate)| *rate)).unwrap_or(0);
            let days = days_of(month);
            let counted = if scheme.by_day {
                days.iter().filter(|day| **day >= enrolment.from && enrolment.to.is_none_or(|to| **day <= to) && !enrolment.stops.iter().any(|(from, to)| from <= *day && *day <= to)).count()
            } else {
                let begun = month >= month_of(enrolment.from) + i32::from(scheme.next_month);
                let ended = enrolment.to.is_some_and(|to| month > month_of(to) - i32::from(scheme.before_end));
                let stopped = days.iter().any(|day| enrolment.stops.iter().any(|(from, to)| from <= day && day <= to));
                if begun && !ended && !stopped { days.len() } else { 0 }
            };
            sum += i128::from(rate) * i128::try_from(counted).unwrap() * (DAYS / i128::try_from(days.len()).unwrap());
        }
        let whole = DAYS * scheme.unit * if scheme.per_period { i128::from(scheme.months) } else { 1 };
        let (units, rest) = (sum / whole, sum % whole);
        let more = if scheme.up { rest > 0 } else { 2 * rest >= whole };
        i64::try_from((units + i128::from(more)) * scheme.unit).unwrap()
    }

    fn settled(&self, enrolment: &Enrolment, period: Month) -> i64 {
        enrolment.parts.iter().filter(|part| part.live && part.period == period).map(|part| part.amount).sum()
    }

    /// What a run for a period does with an enrolment.
    fn plan(&self, index: usize, through: Month) -> Plan {
        let enrolment = &self.enrolments[index];
        let scheme = &self.schemes[enrolment.scheme];
        let first = scheme.period(month_of(NaiveDate::from_ymd_opt(2017, 1, 1).unwrap()));
        let periods: Vec<Month> = (first..=through).step_by(usize::try_from(scheme.months).unwrap()).collect();
        let differences: Vec<(Month, i64, i64)> = periods.iter().map(|period| (*period, self.entitled(enrolment, *period), self.settled(enrolment, *period))).collect();
        let sum: i64 = differences.iter().map(|(_, entitled, settled)| entitled - settled).sum();
        let positive: i64 = differences.iter().map(|(_, entitled, settled)| (entitled - settled).max(0)).sum();
        // Of negative differences as much as there is to net them with: all of it, or up to the positive ones.
        let mut net = if sum >= 0 { i64::MAX } else { positive };
        let mut lines = Vec::new();
        for (period, entitled, settled) in differences {
            let difference = entitled - settled;
            let taken = if difference > 0 { difference } else { -(-difference).min(net) };
            if taken < 0 {
                net -= -taken;
            }
            let held = enrolment.parts.iter().any(|part| part.live && part.holds && part.period == period);
            let kind = match taken {
                0 => None,
                1.. => Some(if held { "arrears" } else { "regular" }),
                _ => Some("recovery"),
            };
            lines.push((period, entitled, settled, taken, kind));
        }
        let any = lines.iter().any(|line| line.3 != 0);
        Plan { item: (any && (sum >= 0 || positive > 0)).then_some(sum.max(0)), outstanding: (-sum).max(0), lines }
    }

    fn held(&self, index: usize, plan: &Plan, through: Month) -> Option<&'static str> {
        let enrolment = &self.enrolments[index];
        let unusual = plan.lines.iter().filter(|line| line.3 > 0 && line.0 < through && enrolment.accepted.is_none_or(|accepted| line.0 > accepted)).count() > 4;
        if !enrolment.confirmed {
            Some("not_confirmed")
        } else if enrolment.on_hold {
            Some("on_hold")
        } else if unusual {
            Some("arrears_unusual")
        } else {
            None
        }
    }

    fn tax(&self, index: usize, gross: i64, today: NaiveDate) -> i64 {
        let enrolment = &self.enrolments[index];
        if !self.schemes[enrolment.scheme].labour {
            return 0;
        }
        let (before, withheld) = self.taxed.get(&(enrolment.person, month_of(today))).copied().unwrap_or_default();
        (labour(before + gross) - withheld).max(0)
    }

    /// Money paid back that brings a period to 0 frees it.
    fn free(&mut self, index: usize, period: Month) {
        if self.settled(&self.enrolments[index], period) == 0 {
            for part in self.enrolments[index].parts.iter_mut().filter(|part| part.period == period) {
                part.holds = false;
            }
        }
    }

    fn post(&mut self, index: usize, plan: &Plan, ids: (&str, &str), today: NaiveDate) {
        let gross = plan.item.unwrap();
        let tax = self.tax(index, gross, today);
        let number = self.items.len();
        let mut periods = Vec::new();
        for (period, _, _, taken, kind) in plan.lines.iter().filter(|line| line.3 != 0) {
            self.enrolments[index].parts.push(Part {
                period: *period,
                amount: *taken,
                live: true,
                holds: *kind == Some("regular"),
                regular: *kind == Some("regular"),
                written_off: false,
                item: Some(number),
            });
            if *taken < 0 {
                self.free(index, *period);
            } else {
                periods.push(*period);
            }
        }
        if self.schemes[self.enrolments[index].scheme].labour {
            let month = self.taxed.entry((self.enrolments[index].person, month_of(today))).or_default();
            (month.0, month.1) = (month.0 + gross, month.1 + tax);
        }
        *self.spent.entry(today.year()).or_default() += gross;
        self.items.push(Item { id: ids.0.to_owned(), run: ids.1.to_owned(), enrolment: index, gross, tax, posted: today, paid: gross == 0, back: 0, periods });
    }

    /// An item came back: its parts count no more.
    fn give_back(&mut self, number: usize, today: NaiveDate) {
        let item = &self.items[number];
        let (enrolment, gross, tax, posted) = (item.enrolment, item.gross, item.tax, item.posted);
        let mut freed = Vec::new();
        for part in self.enrolments[enrolment].parts.iter_mut().filter(|part| part.item == Some(number)) {
            (part.live, part.holds) = (false, false);
            freed.push(part.period);
        }
        // A recovery that had brought a period to 0 went with the item: what is settled there is held again.
        for period in freed {
            let mut live: Vec<&mut Part> = self.enrolments[enrolment].parts.iter_mut().filter(|part| part.live && part.period == period).collect();
            let settled: i64 = live.iter().filter(|part| !part.written_off).map(|part| part.amount).sum();
            if settled > 0
                && !live.iter().any(|part| part.holds)
                && let Some(oldest) = live.iter_mut().find(|part| part.regular)
            {
                oldest.holds = true;
            }
        }
        if self.schemes[self.enrolments[enrolment].scheme].labour {
            let month = self.taxed.get_mut(&(self.enrolments[enrolment].person, month_of(posted))).unwrap();
            (month.0, month.1) = (month.0 - gross, (month.1 - tax).max(0));
        }
        self.items[number].paid = false;
        self.lessen(posted.year(), today, gross);
    }

    fn lessen(&mut self, charged: i32, today: NaiveDate, gross: i64) {
        if charged == today.year() {
            *self.spent.get_mut(&charged).unwrap() -= gross;
        } else {
            *self.carried_in.entry(today.year()).or_default() += gross;
        }
    }

    /// Takes an amount back, the oldest period first; gives the tax that comes back, or nothing where the bank has not told enough of it as paid.
    fn recover(&mut self, index: usize, amount: i64, cash: bool, through: Month, today: NaiveDate) -> Option<i64> {
        let plan = self.plan(index, through);
        let mut left = amount;
        let mut pieces = Vec::new();
        for (period, entitled, settled, ..) in &plan.lines {
            let taken = (settled - entitled).max(0).min(left);
            if taken > 0 {
                pieces.push((*period, taken));
                left -= taken;
            }
        }
        assert_eq!(left, 0);
        let mut tax = 0;
        if cash {
            let mut paid: Vec<usize> = (0..self.items.len()).filter(|number| self.items[*number].enrolment == index && self.items[*number].paid && self.items[*number].gross > 0).collect();
            paid.sort_by_key(|number| std::cmp::Reverse((self.items[*number].posted, *number)));
            let mut charges: BTreeMap<usize, i64> = BTreeMap::new();
            for (period, wanted) in &pieces {
                let mut wanted = *wanted;
                for own in [true, false] {
                    for number in paid.iter().filter(|number| self.items[**number].periods.contains(period) == own) {
                        let already = charges.get(number).copied().unwrap_or(0);
                        let taken = wanted.min(self.items[*number].gross - self.items[*number].back - already);
                        *charges.entry(*number).or_default() += taken;
                        wanted -= taken;
                    }
                }
                if wanted > 0 {
                    return None;
                }
            }
            let mut months: BTreeMap<Month, i64> = BTreeMap::new();
            for (number, taken) in charges {
                self.items[number].back += taken;
                *months.entry(month_of(self.items[number].posted)).or_default() += taken;
                self.lessen(self.items[number].posted.year(), today, taken);
            }
            if self.schemes[self.enrolments[index].scheme].labour {
                for (month, taken) in months.into_iter().filter(|(_, taken)| *taken > 0) {
                    let known = self.taxed.get_mut(&(self.enrolments[index].person, month)).unwrap();
                    let back = (known.1 - labour((known.0 - taken).max(0))).max(0).min(taken);
                    (known.0, known.1, tax) = (known.0 - taken, known.1 - back, tax + back);
                }
            }
        }
        for (period, taken) in pieces {
            self.enrolments[index].parts.push(Part { period, amount: -taken, live: true, holds: false, regular: false, written_off: !cash, item: None });
            if cash {
                self.free(index, period);
            }
        }
        Some(tax)
    }
}

/// A play of two years.
struct Play<'a> {
    app: &'a TestApp,
    stipends: Stipends,
    dice: Dice,
    seed: u64,
    model: Model,
    people: Vec<String>,
    /// What was done, for who looks for the fault.
    log: Vec<String>,
    /// Files whose result the bank has not told.
    unsettled: Vec<(usize, String)>,
    counter: u32,
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MINGZHANG_PLAY_SEED={} failed after:\n{}", self.seed, self.log.join("\n"));
        }
    }
}

impl<'a> Play<'a> {
    async fn open(app: &'a TestApp, seed: u64) -> Self {
        let street = Street::open(app, &format!("演练{seed}区"), &format!("s{seed}-")).await;
        let stipends = Stipends { street, scheme: String::new(), template: String::new() };
        let templates = ok(app.get(&stipends.street.cashier, "/bank-file-templates").await, 200);
        let template = templates["data"].as_array().unwrap().iter().find(|row| row["code"] == json!("csv_utf8_header")).unwrap()["id"].as_str().unwrap().to_owned();
        let stipends = Stipends { template, ..stipends };
        Self { app, stipends, dice: Dice(seed), seed, model: Model::default(), people: Vec::new(), log: Vec::new(), unsettled: Vec::new(), counter: 0 }
    }

    fn street(&self) -> &Street {
        &self.stipends.street
    }

    fn key(&mut self) -> String {
        self.counter += 1;
        format!("s{}-{}", self.seed, self.counter)
    }

    /// A year is opened, budgeted and received by people.
    async fn year(&mut self, year: i32) {
        let (app, street) = (self.app, self.street().clone());
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": year})).await, 201);
        let item = json!({"fiscal_year": year, "title": "补贴", "objective": "按时足额", "targets": [{"name": "次数", "comparison": "at_least", "value": "4", "unit": "次"}]});
        let item = ok(app.post(&street.party_office, "/plan-items", item).await, 201)["id"].clone();
        let lines = json!([{"category_id": street.category, "amount": "1000000.00", "plan_item_ids": [item]}]);
        let drafted = ok(app.post(&street.party_office, "/budgets", json!({"fiscal_year": year, "programme": "党建", "total": "1000000.00", "lines": lines})).await, 201);
        let path = format!("/budgets/{}", drafted["id"].as_str().unwrap());
        ok(app.act(&street.party_office, &format!("{path}/submit"), "\"v1\"").await, 200);
        ok(app.act(&street.first, &format!("{path}/approve"), "\"v2\"").await, 200);
        let receipt = json!({"date": format!("{year}-01-03"), "document_number": format!("D{year}"), "amount": "1000000.00", "lines": [{"category_id": street.category, "amount": "1000000.00"}]});
        let key = self.key();
        ok(app.money(&street.accountant, "/receipts", receipt, &key).await, 201);
        self.model.spent.insert(year, 0);
        self.model.carried_in.insert(year, 0);
    }

    async fn scheme(&mut self, number: usize) {
        let dice = &mut self.dice;
        let months = if number == 0 { 1 } else { 3 };
        let (per_period, by_day, next_month, before_end) = (dice.one_in(3), dice.one_in(2), dice.one_in(2), dice.one_in(2));
        let (unit, up, labour) = (*dice.choose(&[1, 10, 100]).unwrap(), dice.one_in(2), number < 2 || dice.one_in(2));
        let rate = 1 + dice.int(90_000);
        let app = self.app;
        let kind = json!({"code": format!("K{number}"), "name": format!("补贴{number}"), "frequency": if months == 1 { "month" } else { "quarter" }});
        let kind = ok(app.post(&self.street().first, "/scheme-kinds", kind).await, 201)["id"].clone();
        let pick = |yes: bool, one: &'static str, other: &'static str| if yes { one } else { other };
        let body = json!({"scheme_kind_id": kind, "category_id": self.street().category, "name": format!("补贴{number}"), "first_period": if months == 1 { "2017-01" } else { "2017Q1" },
            "rate_basis": pick(per_period, "period", "month"), "proration": pick(by_day, "by_day", "whole_month"), "start_rule": pick(next_month, "next_month", "same_month"),
            "end_rule": pick(before_end, "before_event_month", "through_event_month"), "rounding_unit": match unit { 1 => "fen", 10 => "jiao", _ => "yuan" }, "rounding_mode": pick(up, "up", "half_up"),
            "tax_kind": pick(labour, "labour", "exempt"), "rates": [{"from_month": "2017-01", "amount": yuan(rate)}]});
        self.log.push(format!("scheme {number}: {body}"));
        let id = ok(app.post(&self.street().party_office, "/stipend-schemes", body).await, 201)["id"].as_str().unwrap().to_owned();
        let rates = BTreeMap::from([(2017 * 12, rate)]);
        self.model.schemes.push(Scheme { id, months, per_period, by_day, next_month, before_end, unit, up, labour, rates, posted_through: None });
    }

    /// A person with a confirmed account.
    async fn person(&mut self) -> usize {
        let number = u32::try_from(self.people.len()).unwrap();
        let digits = format!("4201041990{:02}{:02}000", 1 + number / 28, 1 + number % 28);
        let id_number = format!("{digits}{}", char::from(check_character(digits.as_bytes())));
        let body = json!({"name": format!("示例{number}"), "id_number": id_number, "account": {"number": format!("62220200000000{number:04}"), "bank_name": "示例银行"}});
        let id = ok(self.app.post(&self.street().party_office, "/beneficiaries", body).await, 201)["id"].as_str().unwrap().to_owned();
        let accounts = format!("/beneficiaries/{id}/bank-accounts");
        let account = ok(self.app.get(&self.street().accountant, &accounts).await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(self.app.act(&self.street().accountant, &format!("{accounts}/{account}/confirm"), "\"v1\"").await, 200);
        self.people.push(id);
        self.people.len() - 1
    }

    async fn enrol(&mut self, scheme: usize, today: NaiveDate) {
        let taken: Vec<usize> = self.model.enrolments.iter().filter(|row| row.scheme == scheme).map(|row| row.person).collect();
        let free: Vec<usize> = (0..self.people.len()).filter(|person| !taken.contains(person)).collect();
        // Half of them are in two schemes: their tax is one.
        let known = self.dice.one_in(2).then(|| self.dice.choose(&free).copied()).flatten();
        let person = match known {
            Some(person) => person,
            None => self.person().await,
        };
        let start = NaiveDate::from_ymd_opt(2017, 1, 1).unwrap();
        let from = today.checked_sub_days(Days::new(self.dice.below(200))).unwrap().max(start);
        let own = self.dice.one_in(3).then(|| ((month_of(from) + i32::try_from(self.dice.int(4)).unwrap()), self.dice.int(120_000)));
        let mut body = json!({"scheme_id": self.model.schemes[scheme].id, "beneficiary_id": self.people[person], "from_date": from.to_string()});
        if let Some((month, rate)) = own {
            body["own_rate"] = json!(yuan(rate));
            body["own_rate_from"] = json!(month_name(month));
        }
        let made = ok(self.app.post(&self.street().party_office, "/enrolments", body).await, 201);
        let id = made["id"].as_str().unwrap().to_owned();
        self.log.push(format!("{today} enrol e{} in {scheme}: p{person} from {from} own {own:?}", self.model.enrolments.len()));
        let own = own.map(|(month, rate)| (month, Some(rate))).into_iter().collect();
        self.model.enrolments.push(Enrolment { id, scheme, person, from, to: None, own, waiting: None, stops: Vec::new(), confirmed: false, on_hold: false, accepted: None, parts: Vec::new() });
    }

    async fn on(&mut self, index: usize, token: &str, action: &str, body: Value) {
        self.log.push(format!("  e{index} {action} {body}"));
        let path = format!("/enrolments/{}", self.model.enrolments[index].id);
        let etag = self.app.get(token, &path).await.etag.unwrap();
        ok(self.app.send(Method::POST, &format!("{path}/{action}"), token, Some(body), &[("If-Match", &etag)]).await, 200);
    }

    /// An own rate is written, or one that waits is confirmed or taken back.
    async fn own_rate(&mut self, index: usize, today: NaiveDate) {
        let (office, leader) = (self.street().party_office.clone(), self.street().leader.clone());
        let path = format!("/enrolments/{}/rates", self.model.enrolments[index].id);
        if let Some((id, month, rate)) = self.model.enrolments[index].waiting.take() {
            let taken_back = self.dice.one_in(4);
            let (action, token) = if taken_back { ("withdraw", &office) } else { ("confirm", &leader) };
            self.log.push(format!("{today} own rate of e{index} {action}"));
            ok(self.app.act(token, &format!("{path}/{id}/{action}"), "\"v1\"").await, 200);
            if !taken_back {
                self.model.enrolments[index].own.insert(month, rate);
            }
            return;
        }
        let month = 2017 * 12 + i32::try_from(self.dice.int(i64::from(month_of(today) - 2017 * 12 + 2))).unwrap();
        let rate = (!self.dice.one_in(4)).then(|| self.dice.int(120_000));
        self.log.push(format!("{today} own rate of e{index} from {}: {rate:?}", month_name(month)));
        let made = ok(self.app.post(&office, &path, json!({"from_month": month_name(month), "amount": rate.map(yuan), "reason": "调整"})).await, 201);
        self.model.enrolments[index].waiting = Some((made["id"].as_str().unwrap().to_owned(), month, rate));
    }

    /// What happens to people between runs.
    async fn events(&mut self, scheme: usize, today: NaiveDate) {
        let (office, leader) = (self.street().party_office.clone(), self.street().leader.clone());
        let own: Vec<usize> = (0..self.model.enrolments.len()).filter(|index| self.model.enrolments[*index].scheme == scheme).collect();
        if own.len() < 2 || (own.len() < 6 && self.dice.one_in(3)) {
            self.enrol(scheme, today).await;
        }
        let own: Vec<usize> = (0..self.model.enrolments.len()).filter(|index| self.model.enrolments[*index].scheme == scheme).collect();
        for index in own {
            if !self.model.enrolments[index].confirmed && self.dice.one_in(2) {
                self.on(index, &leader, "confirm", json!({})).await;
                self.model.enrolments[index].confirmed = true;
            }
            if self.model.enrolments[index].on_hold && self.dice.one_in(2) {
                self.on(index, &office, "resume", json!({"from_date": today.to_string()})).await;
                self.model.enrolments[index].on_hold = false;
            } else if self.model.enrolments[index].confirmed && self.dice.one_in(12) {
                self.on(index, &office, "suspend", json!({"kind": "hold", "from_date": today.to_string(), "reason": "核查"})).await;
                self.model.enrolments[index].on_hold = true;
            }
            if self.dice.one_in(12) {
                let from = today.checked_sub_days(Days::new(self.dice.below(150))).unwrap();
                let to = from.checked_add_days(Days::new(self.dice.below(60))).unwrap();
                self.on(index, &office, "suspend", json!({"kind": "stop", "from_date": from.to_string(), "to_date": to.to_string(), "reason": "停发"})).await;
                self.model.enrolments[index].stops.push((from, to));
            }
            if self.dice.one_in(if self.model.enrolments[index].waiting.is_some() { 2 } else { 10 }) {
                self.own_rate(index, today).await;
            }
            if self.model.enrolments[index].to.is_none() && self.dice.one_in(14) {
                let to = today.checked_sub_days(Days::new(self.dice.below(200))).unwrap().max(self.model.enrolments[index].from);
                self.on(index, &office, "end", json!({"to_date": to.to_string(), "reason": "去世"})).await;
                self.model.enrolments[index].to = Some(to);
            }
        }
        if self.dice.one_in(5) {
            let month = 2017 * 12 + i32::try_from(self.dice.int(i64::from(month_of(today) - 2017 * 12 + 2))).unwrap();
            if !self.model.schemes[scheme].rates.contains_key(&month) {
                let rate = self.dice.int(100_000);
                self.log.push(format!("{today} rate of {scheme} from {}: {rate}", month_name(month)));
                let path = format!("/stipend-schemes/{}/rates", self.model.schemes[scheme].id);
                ok(self.app.post(&office, &path, json!({"from_month": month_name(month), "amount": yuan(rate)})).await, 201);
                self.model.schemes[scheme].rates.insert(month, rate);
            }
        }
    }

    /// Calculates a run, holds each of its items against the model, and pays it.
    async fn run(&mut self, scheme: usize, period: Month, today: NaiveDate) {
        let (app, street) = (self.app, self.street().clone());
        let name = self.model.schemes[scheme].name(period);
        let made = app.post(&street.party_office, "/payout-runs", json!({"scheme_id": self.model.schemes[scheme].id, "period": name})).await;
        let nobody = (0..self.model.enrolments.len()).filter(|index| self.model.enrolments[*index].scheme == scheme).all(|index| self.model.plan(index, period).item.is_none());
        if nobody {
            self.log.push(format!("{today} run {scheme} {name}: nothing is due"));
            assert_eq!(made.code(), (409, "run_empty"), "{}", made.text);
            return;
        }
        let mut run = ok(made, 201);
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        let plans = self.compare(scheme, period, today, &path).await;
        let unusual: Vec<usize> = plans.iter().filter(|(index, plan)| self.model.held(**index, plan, period) == Some("arrears_unusual")).map(|(index, _)| *index).collect();
        if !unusual.is_empty() && self.dice.one_in(2) {
            for index in unusual {
                self.on(index, &street.leader, "accept-arrears", json!({"through": name, "reason": "已核对"})).await;
                self.model.enrolments[index].accepted = Some(period);
            }
            run = ok(app.act(&street.party_office, &format!("{path}/recalculate"), "\"v1\"").await, 200);
        }
        let plans = self.compare(scheme, period, today, &path).await;
        let paid: Vec<(usize, &Plan)> = plans.iter().filter(|(index, plan)| self.model.held(**index, plan, period).is_none()).map(|(index, plan)| (*index, plan)).collect();
        let gross: i64 = paid.iter().map(|(_, plan)| plan.item.unwrap()).sum();
        self.log.push(format!("{today} run {scheme} {name} seq {}: {} items, {gross}", run["seq"], paid.len()));
        assert_eq!((run["heads"].as_u64().unwrap(), fen(&run["gross"])), (u64::try_from(paid.len()).unwrap(), gross), "{run}");
        let etag = |run: &Value| format!("\"v{}\"", run["version"]);
        if paid.is_empty() {
            let cancel = app.send(Method::POST, &format!("{path}/cancel"), &street.party_office, Some(json!({"reason": "无应发"})), &[("If-Match", &etag(&run))]).await;
            ok(cancel, 200);
            return;
        }
        run = ok(app.act(&street.leader, &format!("{path}/approve"), &etag(&run)).await, 200);
        let key = self.key();
        run = ok(app.send(Method::POST, &format!("{path}/post"), &street.accountant, Some(json!({})), &[("If-Match", &etag(&run)), ("Idempotency-Key", &key)]).await, 200);
        let items = ok(app.get(&street.leader, &format!("{path}/items?limit=200")).await, 200);
        for (index, plan) in paid {
            let item = items["data"].as_array().unwrap().iter().find(|item| item["enrolment_id"] == json!(self.model.enrolments[index].id)).unwrap();
            assert_eq!(item["state"], json!(if plan.item == Some(0) { "paid" } else { "posted" }));
            let id = item["id"].as_str().unwrap().to_owned();
            self.model.post(index, plan, (&id, run["id"].as_str().unwrap()), today);
        }
        self.model.schemes[scheme].posted_through = self.model.schemes[scheme].posted_through.max(Some(period));
        if gross > 0 {
            self.unsettled.push((scheme, run["id"].as_str().unwrap().to_owned()));
        }
    }

    /// Each item as the rules say it, and no other.
    async fn compare(&mut self, scheme: usize, period: Month, today: NaiveDate, path: &str) -> BTreeMap<usize, Plan> {
        let items = ok(self.app.get(&self.street().leader, &format!("{path}/items?limit=200")).await, 200)["data"].as_array().unwrap().clone();
        let mut plans = BTreeMap::new();
        for index in (0..self.model.enrolments.len()).filter(|index| self.model.enrolments[*index].scheme == scheme) {
            let plan = self.model.plan(index, period);
            let item = items.iter().find(|item| item["enrolment_id"] == json!(self.model.enrolments[index].id));
            let Some(gross) = plan.item else {
                assert!(item.is_none(), "e{index} gets no item: {item:?}");
                continue;
            };
            assert!(item.is_some(), "e{index} gets an item of {gross}: {:?}", plan.lines);
            let item = item.unwrap();
            let lines: Vec<_> = item["explanation"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| (line["period"].as_str().unwrap().to_owned(), fen(&line["entitled"]), fen(&line["settled"]), fen(&line["taken"]), line["kind"].as_str().map(str::to_owned)))
                .collect();
            let told: Vec<_> = plan.lines.iter().map(|line| (self.model.schemes[scheme].name(line.0), line.1, line.2, line.3, line.4.map(str::to_owned))).collect();
            assert_eq!(lines, told, "e{index}: period, entitled, settled, taken, kind");
            let tax = self.model.tax(index, gross, today);
            assert_eq!((fen(&item["gross"]), fen(&item["tax"]), fen(&item["outstanding_recovery"])), (gross, tax, plan.outstanding), "e{index}: gross, tax, outstanding");
            assert_eq!(item["held_code"].as_str(), self.model.held(index, &plan, period), "e{index}");
            plans.insert(index, plan);
        }
        assert_eq!(items.len(), plans.len(), "no other item");
        plans
    }

    /// The bank tells what it paid of some runs, and what came back.
    async fn bank(&mut self, today: NaiveDate) {
        let (app, street) = (self.app, self.street().clone());
        for (scheme, run) in std::mem::take(&mut self.unsettled) {
            if self.dice.one_in(4) {
                self.unsettled.push((scheme, run));
                continue;
            }
            let (key, import, confirm) = (self.key(), self.key(), self.key());
            let file = ok(app.money(&street.cashier, "/bank-files", json!({"run_id": run, "template_id": self.stipends.template}), &key).await, 201);
            let path = format!("/bank-files/{}", file["id"].as_str().unwrap());
            let text = app.get(&street.cashier, &path).await.text;
            let count = u32::try_from(file["count"].as_u64().unwrap()).unwrap();
            let returned: Vec<u32> = (1..=count).filter(|_| self.dice.one_in(8)).collect();
            let result = result_of(&text, file["number"].as_str().unwrap(), &returned);
            let headers = [("If-Match", "\"v1\""), ("Idempotency-Key", import.as_str()), ("Content-Type", "text/csv")];
            ok(app.send_text(Method::POST, &format!("{path}/results"), &street.cashier, Some(result), &headers).await, 200);
            let items = ok(app.get(&street.leader, &format!("/payout-runs/{run}/items?limit=200")).await, 200);
            if !returned.is_empty() {
                ok(app.send(Method::POST, &format!("{path}/results/confirm"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", &confirm)]).await, 200);
            }
            for item in items["data"].as_array().unwrap().iter().filter(|item| item["serial"].is_number()) {
                let number = self.model.items.iter().position(|known| item["id"] == json!(known.id)).unwrap();
                let serial = u32::try_from(item["serial"].as_u64().unwrap()).unwrap();
                self.model.items[number].paid = true;
                if returned.contains(&serial) {
                    self.log.push(format!("{today} item {number} of e{} returned", self.model.items[number].enrolment));
                    self.model.give_back(number, today);
                }
            }
        }
        let paid: Vec<usize> = (0..self.model.items.len()).filter(|number| self.model.items[*number].paid && self.model.items[*number].gross > 0 && self.model.items[*number].back == 0).collect();
        if self.dice.one_in(6)
            && let Some(number) = self.dice.choose(&paid).copied()
        {
            self.log.push(format!("{today} item {number} of e{} returned late", self.model.items[number].enrolment));
            let (id, run, key) = (self.model.items[number].id.clone(), self.model.items[number].run.clone(), self.key());
            let items = ok(app.get(&street.leader, &format!("/payout-runs/{run}/items?limit=200")).await, 200);
            let etag = format!("\"v{}\"", items["data"].as_array().unwrap().iter().find(|item| item["id"] == json!(id)).unwrap()["version"]);
            let headers = [("If-Match", etag.as_str()), ("Idempotency-Key", key.as_str())];
            let answer = app.send(Method::POST, &format!("/payout-items/{id}/return"), &street.accountant, Some(json!({"reason": "账户已销户"})), &headers).await;
            ok(answer, 200);
            self.model.give_back(number, today);
        }
    }

    /// What is outstanding and settled, against the model; some of it comes back.
    async fn settle(&mut self, scheme: usize, today: NaiveDate) {
        let Some(through) = self.model.schemes[scheme].posted_through else {
            return;
        };
        let street = self.street().clone();
        let owing = self.outstanding(scheme, through).await;
        for (index, outstanding) in owing {
            if !self.dice.one_in(3) {
                continue;
            }
            let amount = if self.dice.one_in(2) { outstanding } else { 1 + self.dice.int(outstanding) };
            let cash = !self.dice.one_in(4);
            self.log.push(format!("{today} e{index}: {} {amount} of {outstanding}", if cash { "cash" } else { "written off" }));
            let body = json!({"enrolment_id": self.model.enrolments[index].id, "kind": if cash { "cash" } else { "written_off" }, "amount": yuan(amount), "reason": "多发"});
            let key = self.key();
            let answer = self.app.money(&street.accountant, "/recoveries", body, &key).await;
            let Some(tax) = self.model.recover(index, amount, cash, through, today) else {
                assert_eq!(answer.code(), (409, "recovery_not_paid"), "{}", answer.text);
                continue;
            };
            let made = ok(answer, 201);
            assert_eq!((fen(&made["tax"]), fen(&made["net"])), (tax, amount - tax), "{made}");
            if !cash {
                let path = format!("/recoveries/{}/approve", made["id"].as_str().unwrap());
                ok(self.app.send(Method::POST, &path, &street.leader, Some(json!({"reason": "家庭困难"})), &[("If-Match", "\"v1\"")]).await, 200);
            }
        }
        self.outstanding(scheme, through).await;
        self.parts().await;
    }

    async fn outstanding(&self, scheme: usize, through: Month) -> BTreeMap<usize, i64> {
        let list = ok(self.app.get(&self.street().leader, &format!("/recoveries/outstanding?limit=200&scheme_id={}", self.model.schemes[scheme].id)).await, 200);
        let index_of = |row: &Value| self.model.enrolments.iter().position(|known| row["enrolment_id"] == json!(known.id)).unwrap();
        let told: BTreeMap<usize, i64> = list["data"].as_array().unwrap().iter().map(|row| (index_of(row), fen(&row["outstanding"]))).collect();
        let own = (0..self.model.enrolments.len()).filter(|index| self.model.enrolments[*index].scheme == scheme);
        let known: BTreeMap<usize, i64> = own.map(|index| (index, self.model.plan(index, through).outstanding)).filter(|(_, outstanding)| *outstanding > 0).collect();
        assert_eq!(told, known, "what is outstanding in scheme {scheme}");
        known
    }

    /// What is settled of each period, and what holds it, as the database has it.
    async fn parts(&self) {
        #[derive(sea_orm::FromQueryResult)]
        struct Row {
            enrolment_id: uuid::Uuid,
            period: String,
            amount: i64,
            holding: i64,
        }
        let (district, street) = (self.street().district.parse().unwrap(), self.street().id.parse().unwrap());
        let tx = self.app.context.db.read(Scope::Street(district, street)).await.unwrap();
        let sums = Sql::both(
            "SELECT enrolment_id, period, CAST(SUM(amount) AS bigint) AS amount, CAST(SUM(CASE WHEN holds THEN 1 ELSE 0 END) AS bigint) AS holding FROM payout_parts \
             WHERE street_id = $1 AND live GROUP BY enrolment_id, period",
        );
        let rows = tx.query::<Row>(sums, vec![street.into()]).await.unwrap();
        let kept: BTreeMap<(String, String), (i64, i64)> = rows.into_iter().map(|row| ((row.enrolment_id.to_string(), row.period), (row.amount, row.holding))).collect();
        let mut known: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        for enrolment in &self.model.enrolments {
            for part in enrolment.parts.iter().filter(|part| part.live) {
                let entry = known.entry((enrolment.id.clone(), self.model.schemes[enrolment.scheme].name(part.period))).or_default();
                (entry.0, entry.1) = (entry.0 + part.amount, entry.1 + i64::from(part.holds));
            }
        }
        assert_eq!(kept, known, "what is settled, and what holds it");
    }

    async fn books(&self) {
        let years = ok(self.app.get(&self.street().accountant, "/fiscal-years").await, 200);
        for row in years["data"].as_array().unwrap() {
            let year = i32::try_from(row["year"].as_i64().unwrap()).unwrap();
            assert_eq!((fen(&row["spent"]), fen(&row["carried_in"])), (self.model.spent[&year], self.model.carried_in[&year]), "{year}: spent, carried in");
        }
        let verified = ok(self.app.get(&self.street().accountant, "/ledger/verify").await, 200);
        assert_eq!(verified["holds"], json!(true), "{verified}");
    }
}

/// Plays two years; gives what was done.
async fn play(app: &TestApp, seed: u64) -> Vec<String> {
    clock(app, "2017-01-03T01:00:00Z");
    let mut play = Play::open(app, seed).await;
    play.year(2017).await;
    for number in 0..3 {
        play.scheme(number).await;
    }
    for month in 2017 * 12..2019 * 12 {
        let today = first_of(month).checked_add_days(Days::new(19)).unwrap();
        if month == 2018 * 12 {
            clock(app, "2018-01-03T01:00:00Z");
            play.year(2018).await;
        }
        clock(app, &format!("{today}T01:00:00Z"));
        play.bank(today).await;
        for scheme in 0..play.model.schemes.len() {
            play.events(scheme, today).await;
            let (months, period) = (play.model.schemes[scheme].months, play.model.schemes[scheme].period(month));
            let due = month == period + months - 1;
            if due {
                play.run(scheme, period, today).await;
            }
            // A supplementary run for a period that was run before, also of the year before.
            let before = period - months * i32::from(!due);
            if before >= 2017 * 12 && play.dice.one_in(5) {
                play.run(scheme, before, today).await;
            }
            play.settle(scheme, today).await;
        }
        if month % 3 == 2 {
            play.books().await;
        }
    }
    assert!(play.model.items.len() > 40, "{} items are too few to say much", play.model.items.len());
    std::mem::take(&mut play.log)
}

on_both_databases! {
    async fn two_years_of_stipends_agree_with_the_rules_to_the_fen(app: TestApp) {
        if let Ok(seed) = std::env::var("MINGZHANG_PLAY_SEED") {
            play(app, seed.parse().unwrap()).await;
            return;
        }
        let mut log = play(app, 1).await;
        log.extend(play(app, 2).await);
        for what in [" returned", "returned late", ": cash", ": written off", "\"hold\"", "\"stop\"", " resume ", "rate of", " end ", "own Some", ": Some(", ": None", "own rate of", "withdraw", "accept-arrears", "seq 2"] {
            assert!(log.iter().any(|line| line.contains(what)), "nothing of {what} was played");
        }
    }
}
