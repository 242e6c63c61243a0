//! Which standard a line of spending is judged by, and what that allows: pure rules. A standard begins on a day and ends the one before it with the same item,
//! basis, grade, place and season; what was judged by an older one stays as it was judged.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

use super::standard;
use crate::kernel::money::Fen;
use crate::kernel::problem::Faults;

/// What the units of standards are called, as they stand in `quantities`; `actual` takes none.
pub const BASES: [&str; 7] = ["vehicle_day", "person_day", "person_meal", "person_half_day", "class_hour", "person_night", ACTUAL];
/// At cost.
pub const ACTUAL: &str = "actual";
/// Over how many days and half days the units are spread; needed only where the standard says how many fit into one.
const SPANS: [&str; 2] = ["day", "half_day"];
/// The most units of one line.
const MOST_UNITS: u32 = 100_000;

/// What a line of spending says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How many of which unit.
    pub quantities: &'a BTreeMap<String, u32>,
    /// The grade or class.
    pub grade: Option<&'a str>,
    /// The city.
    pub place: Option<&'a str>,
    /// The day it was spent.
    pub on: NaiveDate,
    /// Today: a standard that began between the two is not got round by the earlier day.
    pub today: NaiveDate,
}

/// The standard of a line, and what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The standard; one of basis `actual` allows any amount.
    pub standard: &'a standard::Model,
    /// How many units, and what they may cost together; none at cost.
    pub allowed: Option<(u32, Fen)>,
}

/// What distinguishes standards of one item that stand side by side.
fn key(row: &standard::Model) -> [Option<&str>; 5] {
    [Some(&row.basis), row.grade.as_deref(), row.place.as_deref(), row.season_from.as_deref(), row.season_to.as_deref()]
}

/// Whether two standards are of the same item, basis, grade, place and season.
#[must_use]
pub fn same_key(one: &standard::Model, other: &standard::Model) -> bool {
    one.expense_item_id == other.expense_item_id && key(one) == key(other)
}

/// Whether a standard was called off before it began.
#[must_use]
pub fn called_off(row: &standard::Model) -> bool {
    row.ended_on.is_some_and(|last| last < row.effective_from)
}

/// The last day of a standard among all of its district: the one that was set, or the day before the next one with the same key; none while it goes on.
#[must_use]
pub fn last_day(row: &standard::Model, all: &[standard::Model]) -> Option<NaiveDate> {
    let next = all.iter().filter(|other| same_key(other, row) && !called_off(other) && other.effective_from > row.effective_from);
    let next = next.filter_map(|other| other.effective_from.pred_opt()).min();
    row.ended_on.into_iter().chain(next).min()
}

/// The standards of an item that are in force on a day.
fn in_force(standards: &[standard::Model], on: NaiveDate) -> Vec<&standard::Model> {
    standards.iter().filter(|row| row.effective_from <= on && last_day(row, standards).is_none_or(|last| on <= last)).collect()
}

/// Whether a day lies in the season `MM-DD` to `MM-DD`, which may go over the new year.
fn in_season(row: &standard::Model, on: NaiveDate) -> bool {
    let (Some(from), Some(to)) = (row.season_from.as_deref(), row.season_to.as_deref()) else {
        return true;
    };
    let day = format!("{:02}-{:02}", on.month(), on.day());
    if from <= to { from <= day.as_str() && day.as_str() <= to } else { from <= day.as_str() || day.as_str() <= to }
}

/// Those whose field is what was given; where nothing was given, those that need nothing. Else what may be given.
fn choose<'a>(rows: Vec<&'a standard::Model>, field: fn(&standard::Model) -> Option<&str>, given: Option<&str>, others: bool) -> Result<Vec<&'a standard::Model>, Vec<String>> {
    let named: Vec<_> = rows.iter().copied().filter(|row| field(row) == given).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let general: Vec<_> = rows.iter().copied().filter(|row| field(row).is_none()).collect();
    if others && !general.is_empty() {
        return Ok(general);
    }
    Err(rows.iter().filter_map(|row| field(row)).map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect())
}

/// The first day of an item's standards, where none was in force on the day of a line and one has begun since: such a line is not paid at cost only because its day is an early one.
fn began_since(standards: &[standard::Model], asked: Asked<'_>) -> Option<NaiveDate> {
    let later = standards.iter().filter(|row| !called_off(row) && row.effective_from > asked.on && row.effective_from <= asked.today);
    later.map(|row| row.effective_from).min()
}

/// Judges a line by the standards of its item: every fault is told, with its place below `pointer`. None where the item has no standard on that day nor got one since, or something is amiss.
pub fn judge<'a>(standards: &'a [standard::Model], asked: Asked<'_>, pointer: &str, faults: &mut Faults) -> Option<Judged<'a>> {
    let rows = in_force(standards, asked.on);
    if let Some(first) = began_since(standards, asked).filter(|_| rows.is_empty()) {
        let on = asked.on;
        faults.add(
            &format!("{pointer}/date"),
            "no_standard",
            format!("{on} 没有该费用项目的开支标准（自 {first} 起有），不能据实列支；请核对日期"),
            format!("on {on} the item had no standard yet (its first begins on {first}), which does not make it payable at cost: check the day"),
        );
        return None;
    }
    let bases: BTreeSet<&str> = rows.iter().map(|row| row.basis.as_str()).filter(|basis| *basis != ACTUAL).collect();
    let known: Vec<&str> = if rows.is_empty() { BASES.into_iter().filter(|basis| *basis != ACTUAL).collect() } else { bases.iter().copied().collect() };
    let mut sound = true;
    for (name, count) in asked.quantities {
        let at = format!("{pointer}/quantities/{name}");
        if !known.contains(&name.as_str()) && !SPANS.contains(&name.as_str()) {
            sound = false;
            let (zh, en) = if known.is_empty() {
                ("该费用项目据实列支，不填数量".to_owned(), "the item is paid at cost and takes no quantities".to_owned())
            } else {
                (format!("须为：{}", known.join("、")), format!("known here: {}", known.join(", ")))
            };
            faults.add(&at, "unknown_quantity", zh, en);
        } else if !(1..=MOST_UNITS).contains(count) {
            sound = false;
            faults.add(&at, "out_of_range", format!("须为 1 至 {MOST_UNITS}"), format!("1 to {MOST_UNITS}"));
        }
    }
    let named: Vec<(&str, u32)> = bases.iter().filter_map(|basis| asked.quantities.get(*basis).map(|count| (*basis, *count))).collect();
    let (basis, count) = match named.as_slice() {
        [] => {
            let at_cost = rows.iter().copied().find(|row| row.basis == ACTUAL);
            if at_cost.is_none() && !bases.is_empty() {
                let list = bases.iter().copied().collect::<Vec<_>>();
                faults.add(
                    &format!("{pointer}/quantities"),
                    "quantity_missing",
                    format!("该费用项目有开支标准，须填数量：{}", list.join(" 或 ")),
                    format!("the item has a standard and needs its quantity: {}", list.join(" or ")),
                );
            }
            return at_cost.filter(|_| sound).map(|standard| Judged { standard, allowed: None });
        }
        [one] => *one,
        _ => {
            faults.add(&format!("{pointer}/quantities"), "one_basis_a_line", "一行只按一种标准计算，请分行填写", "a line goes by one standard; make a line for each");
            return None;
        }
    };
    let rows: Vec<_> = rows.into_iter().filter(|row| row.basis == basis).collect();
    let rows = chosen(rows, asked, pointer, faults)?;
    let seasonal = rows.iter().copied().filter(|row| in_season(row, asked.on)).max_by_key(|row| row.season_from.is_some());
    let Some(standard) = seasonal else {
        faults.add(&format!("{pointer}/date"), "no_standard", "该日期没有适用的开支标准", "no standard is in force in this season");
        return None;
    };
    sound &= spans_fit(standard, asked, (basis, count), pointer, faults);
    let amount = standard.amount.filter(|_| sound)?;
    Some(Judged { standard, allowed: Some((count, Fen(amount.0.saturating_mul(i64::from(count))))) })
}

/// Grade and place.
fn chosen<'a>(rows: Vec<&'a standard::Model>, asked: Asked<'_>, pointer: &str, faults: &mut Faults) -> Option<Vec<&'a standard::Model>> {
    let rows = match choose(rows, |row| row.grade.as_deref(), asked.grade, false) {
        Ok(rows) => rows,
        Err(known) => {
            fault_of_choice(&format!("{pointer}/grade"), ("grade_required", "unknown_grade"), asked.grade, &known, faults);
            return None;
        }
    };
    match choose(rows, |row| row.place.as_deref(), asked.place, true) {
        Ok(rows) => Some(rows),
        Err(known) => {
            fault_of_choice(&format!("{pointer}/place"), ("place_required", "unknown_place"), asked.place, &known, faults);
            None
        }
    }
}

fn fault_of_choice(pointer: &str, codes: (&'static str, &'static str), given: Option<&str>, known: &[String], faults: &mut Faults) {
    if known.is_empty() {
        faults.add(pointer, codes.1, "该标准不分等级或地点，请勿填写", "its standard takes none");
    } else {
        faults.add(pointer, if given.is_none() { codes.0 } else { codes.1 }, format!("区内标准有：{}", known.join("、")), format!("the district has standards for: {}", known.join(", ")));
    }
}

/// No more units than fit into the days or half days: at most 4 class hours a half day (财行〔2016〕540号 art. 10). One of them where nothing is said.
fn spans_fit(standard: &standard::Model, asked: Asked<'_>, (basis, count): (&str, u32), pointer: &str, faults: &mut Faults) -> bool {
    let mut fit = true;
    for (span, most) in SPANS.into_iter().zip([standard.max_per_day, standard.max_per_half_day]) {
        let given = asked.quantities.get(span).copied();
        let Some(most) = most.and_then(|most| u32::try_from(most).ok()) else {
            if given.is_some() {
                fit = false;
                faults.add(&format!("{pointer}/quantities/{span}"), "unknown_quantity", "该标准不限制每日数量，请勿填写", "its standard has no such maximum and takes none");
            }
            continue;
        };
        let fits = most.saturating_mul(given.unwrap_or(1));
        if count > fits {
            fit = false;
            let days = given.unwrap_or(1);
            let (word_zh, word_en) = if span == "day" { ("天", "day(s)") } else { ("个半天", "half day(s)") };
            faults.add(
                &format!("{pointer}/quantities/{basis}"),
                "above_maximum",
                format!("{days} {word_zh}最多 {fits}（每{}最多 {most}）；如分多次请填 {span}", word_zh.trim_start_matches('个')),
                format!("at most {fits} in {days} {word_en} ({most} in one); say {span} where there were more"),
            );
        }
    }
    fit
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::problem::Problem;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn standard(basis: &str, grade: Option<&str>, amount: i64, from: &str) -> standard::Model {
        standard::Model {
            id: Uuid::now_v7(),
            district_id: Uuid::nil(),
            expense_item_id: Uuid::nil(),
            name: String::new(),
            basis: basis.to_owned(),
            grade: grade.map(str::to_owned),
            place: None,
            season_from: None,
            season_to: None,
            amount: (basis != ACTUAL).then_some(Fen(amount)),
            above: "refuse".to_owned(),
            max_per_half_day: (basis == "class_hour").then_some(4),
            max_per_day: None,
            effective_from: day(from),
            ended_on: None,
            source: String::new(),
            to_be_confirmed: false,
            set_by: None,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    /// The standard, and what it allows.
    type Allowed = (Uuid, Option<(u32, Fen)>);

    fn try_judge(standards: &[standard::Model], quantities: &[(&str, u32)], grade: Option<&str>, place: Option<&str>, on: &str) -> (Option<Allowed>, Vec<(String, &'static str)>) {
        let quantities = quantities.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let mut faults = Faults::none();
        let judged =
            judge(standards, Asked { quantities: &quantities, grade, place, on: day(on), today: day("2017-12-31") }, "/lines/0", &mut faults).map(|judged| (judged.standard.id, judged.allowed));
        let found = faults.into_result().err().map_or_else(Vec::new, |problem: Problem| problem.errors.into_iter().map(|error| (error.pointer, error.code)).collect());
        (judged, found)
    }

    #[test]
    fn a_later_standard_ends_the_one_before_and_one_that_was_called_off_ends_nothing() {
        let mut rows = vec![standard("person_day", None, 10_000, "2017-01-01"), standard("person_day", None, 12_000, "2017-07-01")];
        for (on, allowed) in [("2017-06-30", 20_000), ("2017-07-01", 24_000)] {
            assert_eq!(try_judge(&rows, &[("person_day", 2)], None, None, on).0.unwrap().1, Some((2, Fen(allowed))), "{on}");
        }
        let early = (None, vec![("/lines/0/date".to_owned(), "no_standard")]);
        assert_eq!(try_judge(&rows, &[], None, None, "2016-12-31"), early, "an early day does not make it payable at cost");
        assert_eq!(last_day(&rows[0], &rows), Some(day("2017-06-30")));
        rows[1].ended_on = Some(day("2017-05-01"));
        assert_eq!(last_day(&rows[0], &rows), None);
        assert_eq!(try_judge(&rows, &[("person_day", 2)], None, None, "2017-07-01").0.unwrap().1, Some((2, Fen(20_000))));
        rows[0].ended_on = Some(day("2017-05-01"));
        assert_eq!(try_judge(&rows, &[], None, None, "2017-05-02"), (None, vec![]));
        let future = [standard("person_day", None, 10_000, "2018-01-01")];
        assert_eq!(try_judge(&future, &[], None, None, "2017-05-02"), (None, vec![]), "the first one has not begun: at cost");
    }

    #[test]
    fn quantities_that_are_missing_unknown_or_of_two_standards_are_told() {
        let rows = [standard("person_day", None, 10_000, "2017-01-01"), standard("person_meal", None, 4_000, "2017-01-01")];
        let faults = |quantities: &[(&str, u32)]| try_judge(&rows, quantities, None, None, "2017-02-01").1;
        assert_eq!(faults(&[]), [("/lines/0/quantities".to_owned(), "quantity_missing")]);
        assert_eq!(faults(&[("people", 3)]), [("/lines/0/quantities/people".to_owned(), "unknown_quantity"), ("/lines/0/quantities".to_owned(), "quantity_missing")]);
        assert_eq!(faults(&[("person_day", 3), ("person_meal", 1)]), [("/lines/0/quantities".to_owned(), "one_basis_a_line")]);
        assert_eq!(faults(&[("person_day", 0)]), [("/lines/0/quantities/person_day".to_owned(), "out_of_range")]);
        assert_eq!(faults(&[("person_day", 3), ("day", 2)]), [("/lines/0/quantities/day".to_owned(), "unknown_quantity")]);
    }

    #[test]
    fn at_most_four_class_hours_fit_into_a_half_day_and_the_grade_is_one_that_is_known() {
        let rows = [standard("class_hour", Some("associate"), 50_000, "2017-01-01"), standard("class_hour", Some("senior"), 100_000, "2017-01-01")];
        let tried = |quantities: &[(&str, u32)], grade| try_judge(&rows, quantities, grade, None, "2017-02-01");
        assert_eq!(tried(&[("class_hour", 4)], Some("senior")).0.unwrap().1, Some((4, Fen(400_000))));
        assert_eq!(tried(&[("class_hour", 5)], Some("senior")).1, [("/lines/0/quantities/class_hour".to_owned(), "above_maximum")]);
        assert_eq!(tried(&[("class_hour", 8), ("half_day", 2)], Some("associate")).0.unwrap().1, Some((8, Fen(400_000))));
        assert_eq!(tried(&[("class_hour", 9), ("half_day", 2)], Some("associate")).1, [("/lines/0/quantities/class_hour".to_owned(), "above_maximum")]);
        assert_eq!(tried(&[("class_hour", 2)], None).1, [("/lines/0/grade".to_owned(), "grade_required")]);
        assert_eq!(tried(&[("class_hour", 2)], Some("dean")).1, [("/lines/0/grade".to_owned(), "unknown_grade")]);
    }

    #[test]
    fn a_night_goes_by_city_rank_and_season() {
        let night = |place: Option<&str>, season: Option<(&str, &str)>, amount| standard::Model {
            place: place.map(str::to_owned),
            season_from: season.map(|(from, _)| from.to_owned()),
            season_to: season.map(|(_, to)| to.to_owned()),
            ..standard("person_night", Some("others"), amount, "2017-01-01")
        };
        let mut rows = vec![night(Some("武汉市"), None, 35_000), night(Some("三亚市"), None, 35_000), night(Some("三亚市"), Some(("10-01", "04-30")), 56_000)];
        let tried = |rows: &[standard::Model], place, on: &str| try_judge(rows, &[("person_night", 1)], Some("others"), place, on);
        assert_eq!(tried(&rows, Some("三亚市"), "2017-06-01").0.unwrap().1, Some((1, Fen(35_000))));
        for on in ["2017-10-01", "2017-12-31", "2018-04-30"] {
            assert_eq!(tried(&rows, Some("三亚市"), on).0.unwrap().1, Some((1, Fen(56_000))), "{on}");
        }
        assert_eq!(tried(&rows, None, "2017-06-01").1, [("/lines/0/place".to_owned(), "place_required")]);
        assert_eq!(tried(&rows, Some("北京市"), "2017-06-01").1, [("/lines/0/place".to_owned(), "unknown_place")]);
        rows.push(night(None, None, 30_000));
        assert_eq!(tried(&rows, Some("北京市"), "2017-06-01").0.unwrap().1, Some((1, Fen(30_000))), "one without a place is for all others");
        rows.remove(0);
        rows.truncate(2);
        rows[0].season_from = Some("05-01".to_owned());
        rows[0].season_to = Some("05-31".to_owned());
        assert_eq!(tried(&rows, Some("三亚市"), "2017-06-15").1, [("/lines/0/date".to_owned(), "no_standard")]);
    }

    #[test]
    fn what_is_paid_at_cost_takes_no_quantities() {
        let rows = [standard(ACTUAL, None, 0, "2017-01-01")];
        assert_eq!(try_judge(&rows, &[], None, None, "2017-02-01"), (Some((rows[0].id, None)), vec![]));
        assert_eq!(try_judge(&rows, &[("person_day", 1)], None, None, "2017-02-01").1, [("/lines/0/quantities/person_day".to_owned(), "unknown_quantity")]);
    }

    proptest! {
        #[test]
        fn on_every_day_at_most_one_standard_of_a_key_is_in_force(starts in proptest::collection::btree_set(0_u64..400, 1..6), ends in proptest::collection::vec(proptest::option::of(0_u64..400), 6), at in 0_u64..400) {
            let origin = day("2017-01-01");
            let rows: Vec<_> = starts.iter().zip(&ends).map(|(start, end)| standard::Model {
                effective_from: origin + chrono::Days::new(*start),
                ended_on: end.map(|end| origin + chrono::Days::new(end)),
                ..standard("person_day", None, 10_000, "2017-01-01")
            }).collect();
            prop_assert!(in_force(&rows, origin + chrono::Days::new(at)).len() <= 1);
        }
    }
}
