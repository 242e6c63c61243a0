//! The arithmetic of stipends, without the database: what is entitled, what is still to be settled, how it is taxed, when it is paid.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

use crate::funds::spending::tax::LabourTax;
use crate::kernel::calendar::{UnknownYear, WorkingCalendar};
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::Problem;

/// The least common multiple of the lengths of months, 28 to 31 days: shares of months become whole numbers.
const L: i128 = 377_580;
/// A rate is at most 10^11 fen.
pub const RATE_MAX: Fen = Fen(100_000_000_000);

/// The rules of a scheme that its arithmetic needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Rates are per period; else per month.
    pub per_period: bool,
    /// Parts of months count by days; else a month counts whole or not.
    pub by_day: bool,
    /// The month after the start is the first; else the start's own.
    pub starts_next_month: bool,
    /// The month before the end is the last; else the end's own.
    pub ends_before_month: bool,
    /// 1, 10 or 100 fen.
    pub unit: i64,
    /// Rounded up; else half up.
    pub up: bool,
}

/// What is known of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The first day, or the event's.
    pub from: NaiveDate,
    /// The last day, or the event's.
    pub to: Option<NaiveDate>,
    /// The scheme's rates from a month on; a later entry for a month beats an earlier.
    pub rates: Vec<(Month, Fen)>,
    /// Own rates from a month on, which beat the scheme's; none: the scheme's again. A later entry for a month beats an earlier.
    pub own_rates: Vec<(Month, Option<Fen>)>,
    /// Times that take entitlement out (`stop`), first and last day inclusive.
    pub stops: Vec<(NaiveDate, Option<NaiveDate>)>,
}

impl Facts {
    fn rate(&self, month: Month) -> Fen {
        let own = in_force(&self.own_rates, month).flatten();
        own.or_else(|| in_force(&self.rates, month)).unwrap_or(Fen::ZERO)
    }
}

/// What is in force in a month: the entry of the latest month that has begun, the last of several.
fn in_force<T: Copy>(entries: &[(Month, T)], month: Month) -> Option<T> {
    entries.iter().filter(|(from, _)| *from <= month).max_by_key(|(from, _)| *from).map(|(_, entry)| *entry)
}

/// The days of a month that count: all or none by the start and end rules, or from the first day to the last.
fn days(rules: &Rules, facts: &Facts, month: Month) -> u32 {
    if rules.by_day {
        return month_days(month).filter(|day| facts.from <= *day && facts.to.is_none_or(|to| *day <= to) && !facts.stops.iter().any(|stop| within(*stop, *day))).count().try_into().unwrap_or(0);
    }
    let first = if rules.starts_next_month { Month::of(facts.from).next() } else { Month::of(facts.from) };
    let last = facts.to.map(|to| if rules.ends_before_month { Month::of(to).previous() } else { Month::of(to) });
    // A stop that ended before it began (resumed on its first day) touches no month.
    let stopped = facts.stops.iter().any(|(from, to)| Month::of(*from) <= month && to.is_none_or(|to| *from <= to && month <= Month::of(to)));
    if first <= month && last.is_none_or(|last| month <= last) && !stopped { month.days() } else { 0 }
}

fn within((from, to): (NaiveDate, Option<NaiveDate>), day: NaiveDate) -> bool {
    from <= day && to.is_none_or(|to| day <= to)
}

fn month_days(month: Month) -> impl Iterator<Item = NaiveDate> {
    (1..=month.days()).filter_map(move |day| NaiveDate::from_ymd_opt(month.year(), month.number(), day))
}

/// What an enrolment is entitled to for a period: the sum over its months, rounded once to the scheme's unit.
///
/// # Errors
/// 500 where a rate is out of range.
pub fn entitled(rules: &Rules, facts: &Facts, period: Period) -> Result<Fen, Problem> {
    let n = if rules.per_period { i128::from(period.months_in_period()) } else { 1 };
    let x: i128 = period.months().map(|month| i128::from(facts.rate(month).0) * i128::from(days(rules, facts, month)) * (L / i128::from(month.days()))).sum();
    let u = i128::from(rules.unit);
    let rounded = if rules.up { (x + L * n * u - 1) / (L * n * u) } else { (2 * x + L * n * u) / (2 * L * n * u) };
    i64::try_from(rounded * u).map(Fen).map_err(Problem::internal)
}

/// What live parts say of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The sum of live parts.
    pub sum: Fen,
    /// Whether a live part holds the period.
    pub held: bool,
}

/// What a part settles of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A positive part of a period that no live part holds.
    Regular,
    /// A positive part of a period already held.
    Arrears,
    /// Taken back.
    Recovery,
}

impl PartKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Arrears => "arrears",
            Self::Recovery => "recovery",
        }
    }
}

/// One line of an item's explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PeriodLine {
    /// The period.
    #[schema(value_type = String)]
    pub period: Period,
    /// Entitled.
    pub entitled: Fen,
    /// Settled before.
    pub settled: Fen,
    /// Entitled minus settled.
    pub difference: Fen,
    /// What this item takes of the difference.
    pub taken: Fen,
    /// The kind of part; null where nothing is taken.
    pub kind: Option<PartKind>,
}

/// What a run plans for an enrolment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Whether there is an item; it may be of 0.00.
    pub item: bool,
    /// The item's gross amount.
    pub amount: Fen,
    /// Period by period, the oldest first.
    pub lines: Vec<PeriodLine>,
    /// What is left to be recovered.
    pub outstanding: Fen,
}

impl Planned {
    /// How many periods before the run's own are paid in arrears.
    #[must_use]
    pub fn arrears_periods(&self, own: Period) -> usize {
        self.lines.iter().filter(|line| line.taken.is_positive() && line.period < own).count()
    }
}

/// Plans an item for a run: every period after `paid_through` up to the run's, entitled minus settled, netted within the enrolment.
///
/// # Errors
/// 500 where a sum is out of range.
pub fn plan(rules: &Rules, facts: &Facts, settled: &BTreeMap<Period, Settled>, paid_through: Period, run: Period) -> Result<Planned, Problem> {
    let mut lines = Vec::new();
    let mut period = paid_through.next();
    while period <= run {
        let (entitled, settled) = (entitled(rules, facts, period)?, settled.get(&period).copied().unwrap_or_default());
        let difference = entitled.checked_sub(settled.sum).map_err(Problem::internal)?;
        let kind = match difference.0 {
            0 => None,
            1.. if settled.held => Some(PartKind::Arrears),
            1.. => Some(PartKind::Regular),
            _ => Some(PartKind::Recovery),
        };
        lines.push(PeriodLine { period, entitled, settled: settled.sum, difference, taken: difference, kind });
        period = period.next();
    }
    net(lines)
}

/// Nets the differences: an item is never below 0.00; negative differences are taken from the oldest on as far as positive ones reach.
fn net(mut lines: Vec<PeriodLine>) -> Result<Planned, Problem> {
    let sum = Fen::checked_sum(lines.iter().map(|line| line.difference)).map_err(Problem::internal)?;
    let positive = Fen::checked_sum(lines.iter().map(|line| Fen(line.difference.0.max(0)))).map_err(Problem::internal)?;
    if !sum.is_negative() {
        let item = lines.iter().any(|line| !line.difference.is_zero());
        return Ok(Planned { item, amount: sum, lines, outstanding: Fen::ZERO });
    }
    let mut left = positive.0;
    for line in lines.iter_mut().filter(|line| line.difference.is_negative()) {
        let taken = line.difference.0.saturating_neg().min(left);
        left = left.saturating_sub(taken);
        line.taken = Fen(taken.saturating_neg());
        line.kind = (taken > 0).then_some(PartKind::Recovery);
    }
    Ok(Planned { item: positive.is_positive(), amount: Fen::ZERO, lines, outstanding: Fen(sum.0.saturating_neg()) })
}

/// The tax of an item: the month's tax with it by the district's rule, less what was withheld, never below 0, and never more than the item: where a payment that was taxed came back,
/// the month may owe more than a small one is, and the rest is withheld from the month's next.
#[must_use]
pub fn tax_of_item(rule: &LabourTax, month_gross: Fen, month_tax: Fen, gross: Fen) -> Fen {
    Fen(rule.tax(Fen(month_gross.0.saturating_add(gross.0))).0.saturating_sub(month_tax.0).clamp(0, gross.0.max(0)))
}

/// The pay date of a period: the pay day in its last month, or the working day before.
///
/// # Errors
/// [`UnknownYear`] where the calendar of the year is not known.
pub fn pay_date(period: Period, pay_day: u32, calendar: &WorkingCalendar) -> Result<NaiveDate, UnknownYear> {
    let month = period.last_month();
    let day = NaiveDate::from_ymd_opt(month.year(), month.number(), pay_day).unwrap_or_else(|| month.last_day());
    calendar.working_day_on_or_before(day)
}

/// What a standing authorisation allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most a run may be.
    pub per_run: Fen,
    /// The most a year may be.
    pub per_year: Fen,
    /// The most people.
    pub heads: i32,
    /// The most a run may exceed the last one, in per cent.
    pub increase_percent: Option<i32>,
}

/// The first limit that a run exceeds, as a code.
#[must_use]
pub fn exceeded(limits: Limits, used: Fen, sum: Fen, heads: i32, last: Option<Fen>) -> Option<&'static str> {
    if sum > limits.per_run {
        return Some("max_per_run");
    }
    if used.0.saturating_add(sum.0) > limits.per_year.0 {
        return Some("max_per_year");
    }
    if heads > limits.heads {
        return Some("max_heads");
    }
    let (Some(percent), Some(last)) = (limits.increase_percent, last) else {
        return None;
    };
    (i128::from(sum.0) * 100 > i128::from(last.0) * (100 + i128::from(percent))).then_some("max_increase_percent")
}

/// The fiscal year that a day belongs to.
#[must_use]
pub fn year_of(day: NaiveDate) -> i32 {
    day.year()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { per_period: false, by_day: false, starts_next_month: false, ends_before_month: false, unit: 1, up: false };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn quarter(text: &str) -> Period {
        text.parse().unwrap()
    }

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn a_stop_that_was_resumed_on_its_first_day_takes_nothing_out() {
        let stopped = |to: &str| Facts { stops: vec![(day("2017-03-15"), Some(day(to)))], ..facts("2017-01-01", None, 20_000) };
        let due = |to: &str| entitled(&RULES, &stopped(to), quarter("2017Q1")).unwrap();
        assert_eq!((due("2017-03-14"), due("2017-03-15")), (Fen(60_000), Fen(40_000)));
    }

    fn facts(from: &str, to: Option<&str>, rate: i64) -> Facts {
        Facts { from: day(from), to: to.map(day), rates: vec![(month("2016-01"), Fen(rate))], own_rates: Vec::new(), stops: Vec::new() }
    }

    #[test]
    fn a_death_on_the_first_of_february_pays_february_and_a_start_next_month_begins_after() {
        assert_eq!(entitled(&RULES, &facts("2017-01-01", Some("2017-02-01"), 10_000), quarter("2017Q1")).unwrap(), Fen(20_000));
        let survivors = Rules { starts_next_month: true, ..RULES };
        assert_eq!(entitled(&survivors, &facts("2017-01-31", None, 29_300), quarter("2017Q1")).unwrap(), Fen(58_600));
        let before = Rules { ends_before_month: true, ..RULES };
        assert_eq!(entitled(&before, &facts("2017-01-01", Some("2017-02-01"), 10_000), quarter("2017Q1")).unwrap(), Fen(10_000));
    }

    #[test]
    fn days_are_shares_of_their_month_and_the_sum_is_rounded_once() {
        let by_day = Rules { by_day: true, ..RULES };
        assert_eq!(entitled(&by_day, &facts("2017-01-16", Some("2017-02-14"), 10_000), quarter("2017Q1")).unwrap(), Fen(10_161));
        let yuan_up = Rules { by_day: true, unit: 100, up: true, ..RULES };
        assert_eq!(entitled(&yuan_up, &facts("2017-01-16", Some("2017-02-14"), 10_000), quarter("2017Q1")).unwrap(), Fen(10_200));
        let per_period = Rules { per_period: true, ..RULES };
        assert_eq!(entitled(&per_period, &facts("2017-02-01", None, 30_000), quarter("2017Q1")).unwrap(), Fen(20_000));
    }

    #[test]
    fn a_stop_takes_out_every_month_it_touches() {
        let mut stopped = facts("2017-01-01", None, 10_000);
        stopped.stops.push((day("2017-02-28"), Some(day("2017-03-01"))));
        assert_eq!(entitled(&RULES, &stopped, quarter("2017Q1")).unwrap(), Fen(10_000));
        assert_eq!(entitled(&Rules { by_day: true, ..RULES }, &stopped, quarter("2017Q1")).unwrap(), Fen(29_320));
    }

    #[test]
    fn a_rate_halved_from_january_and_told_in_the_fourth_quarter_is_netted_as_far_as_it_goes() {
        // 200.00 a quarter's settled Q1 to Q3 at 600.00 each, entitled 300.00 each from January.
        let facts = facts("2017-01-01", None, 10_000);
        let settled = ["2017Q1", "2017Q2", "2017Q3"].map(|name| (quarter(name), Settled { sum: Fen(60_000), held: true })).into_iter().collect();
        let planned = plan(&RULES, &facts, &settled, quarter("2016Q4"), quarter("2017Q4")).unwrap();
        assert_eq!((planned.item, planned.amount, planned.outstanding), (true, Fen(0), Fen(60_000)));
        assert_eq!(planned.lines.iter().map(|line| line.taken.0).collect::<Vec<_>>(), [-30_000, 0, 0, 30_000]);
    }

    #[test]
    fn a_late_enrolment_comes_as_arrears_and_a_ended_one_without_entitlement_as_outstanding() {
        let late = plan(&RULES, &facts("2017-04-01", None, 20_000), &BTreeMap::new(), quarter("2017Q1"), quarter("2017Q3")).unwrap();
        assert_eq!((late.amount, late.arrears_periods(quarter("2017Q3")), late.lines[0].kind), (Fen(120_000), 1, Some(PartKind::Regular)));
        let settled = BTreeMap::from([(quarter("2017Q1"), Settled { sum: Fen(60_000), held: true })]);
        let dead = plan(&RULES, &facts("2017-01-01", Some("2017-01-15"), 20_000), &settled, quarter("2016Q4"), quarter("2017Q2")).unwrap();
        assert_eq!((dead.item, dead.outstanding), (false, Fen(40_000)));
    }

    #[test]
    fn a_second_item_of_the_month_is_taxed_with_the_first() {
        let rule: LabourTax = serde_json::from_str(include_str!("../spending/defaults/tax_rule.json")).unwrap();
        assert_eq!(tax_of_item(&rule, Fen(0), Fen(0), Fen(60_000)), Fen(0));
        assert_eq!(tax_of_item(&rule, Fen(60_000), Fen(0), Fen(60_000)), Fen(8_000));
        // 3,200.00 of 7,200.00 came back with its 640.00: the month owes 656.00 with this item, has 512.00, and the item is less than the difference.
        assert_eq!(tax_of_item(&rule, Fen(400_000), Fen(51_200), Fen(10_000)), Fen(10_000));
        assert_eq!(tax_of_item(&rule, Fen(400_000), Fen(51_200), Fen(0)), Fen(0));
    }

    #[test]
    fn each_limit_of_an_authorisation_holds_alone() {
        let limits = Limits { per_run: Fen(750_000), per_year: Fen(2_640_000), heads: 12, increase_percent: Some(25) };
        assert_eq!(exceeded(limits, Fen(0), Fen(750_001), 1, None), Some("max_per_run"));
        assert_eq!(exceeded(limits, Fen(2_000_000), Fen(640_001), 1, None), Some("max_per_year"));
        assert_eq!(exceeded(limits, Fen(0), Fen(1), 13, None), Some("max_heads"));
        assert_eq!(exceeded(limits, Fen(0), Fen(125), 12, Some(Fen(100))), None);
        assert_eq!(exceeded(limits, Fen(0), Fen(126), 12, Some(Fen(100))), Some("max_increase_percent"));
    }

    #[test]
    fn a_pay_day_on_a_rest_day_moves_before_it() {
        let calendar = WorkingCalendar::default();
        assert_eq!(pay_date(quarter("2017Q1"), 20, &calendar).unwrap(), day("2017-03-20"));
        assert_eq!(pay_date(quarter("2017Q3"), 23, &calendar).unwrap(), day("2017-09-22"));
    }

    proptest! {
        #[test]
        fn what_was_planned_and_settled_leaves_nothing_but_what_is_outstanding(rates in prop::collection::vec(0_i64..100_000, 8), to in prop::option::of(0_u32..700), by_day: bool) {
            let rules = Rules { by_day, ..RULES };
            let mut facts = facts("2017-01-10", None, 0);
            let mut settled: BTreeMap<Period, Settled> = BTreeMap::new();
            let mut run = quarter("2017Q1");
            for (index, rate) in rates.iter().enumerate() {
                facts.rates = vec![(month("2017-01"), Fen(*rate))];
                if index == 5 {
                    facts.to = to.and_then(|days| facts.from.checked_add_days(chrono::Days::new(u64::from(days))));
                }
                let planned = plan(&rules, &facts, &settled, quarter("2016Q4"), run).unwrap();
                prop_assert!(!planned.amount.is_negative());
                let parts: i64 = planned.lines.iter().filter(|_| planned.item).map(|line| line.taken.0).sum();
                prop_assert_eq!(parts, planned.amount.0);
                for line in planned.lines.iter().filter(|line| planned.item && !line.taken.is_zero()) {
                    let entry = settled.entry(line.period).or_default();
                    entry.sum = Fen(entry.sum.0 + line.taken.0);
                    entry.held = (entry.held || line.kind == Some(PartKind::Regular)) && !entry.sum.is_zero();
                }
                let owed: i64 = settled.iter().map(|(period, settled)| settled.sum.0 - entitled(&rules, &facts, *period).unwrap().0).sum();
                prop_assert_eq!(owed, planned.outstanding.0);
                prop_assert!(!plan(&rules, &facts, &settled, quarter("2016Q4"), run).unwrap().item);
                run = run.next();
            }
        }
    }
}
