//! Working days by the State Council's notices, with make-up days. 2004 to 2026 come with the program; later years are data that a district adds, and for it they win.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use chinese_holiday::{Ymd, chinese_holiday};
use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::Problem;

/// No notice is known for a year, so its working days are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("没有 {0} 年的工作日历，请先导入国务院办公厅的放假安排 (the working days of {0} are not known: add the State Council's notice of that year)")]
pub struct UnknownYear(pub i32);

impl From<UnknownYear> for Problem {
    fn from(UnknownYear(year): UnknownYear) -> Self {
        Self::new(422, "calendar_year_unknown", "没有该年的工作日历", "The working days of that year are not known").detail(
            format!("没有 {year} 年的工作日历，不能推算工作日。请由区管理员录入国务院办公厅该年的放假安排（POST /api/v1/calendar-years）。"),
            format!("The working days of {year} are not known. The district's administrator records the State Council's notice of that year (POST /api/v1/calendar-years)."),
        )
    }
}

/// What a day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// People work, also on a weekend that makes up for a holiday.
    Working,
    /// A rest day.
    Rest,
}

impl DayKind {
    /// The identifier in the API and the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Rest => "rest",
        }
    }

    /// The kind with this identifier; the database holds no third.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        if code == "working" { Self::Working } else { Self::Rest }
    }
}

/// The calendars that a running server counts by, each district's, replaced as a whole when a year is recorded. Cloning it shares them.
#[derive(Clone, Debug, Default)]
pub struct SharedCalendar(Arc<RwLock<BTreeMap<Uuid, Arc<WorkingCalendar>>>>);

impl SharedCalendar {
    /// The calendar of a district as it is now: one act counts by one calendar from its beginning to its end. Without a district, or of one that recorded no year, what the program knows.
    #[must_use]
    pub fn of(&self, district: Option<Uuid>) -> Arc<WorkingCalendar> {
        let calendars = self.0.read().unwrap_or_else(PoisonError::into_inner);
        district.and_then(|district| calendars.get(&district)).map_or_else(Arc::default, Arc::clone)
    }

    /// Puts others in their place.
    pub fn replace(&self, calendars: BTreeMap<Uuid, WorkingCalendar>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = calendars.into_iter().map(|(district, calendar)| (district, Arc::new(calendar))).collect();
    }
}

/// The working days.
#[derive(Clone, Debug, Default)]
pub struct WorkingCalendar {
    years: BTreeSet<i32>,
    added: BTreeMap<NaiveDate, DayKind>,
}

impl WorkingCalendar {
    /// The calendar that comes with the program and the years that a district added: of those, `exceptions` are the days that are not as their weekday says.
    #[must_use]
    pub fn with_added(years: BTreeSet<i32>, exceptions: BTreeMap<NaiveDate, DayKind>) -> Self {
        Self { years, added: exceptions }
    }

    /// Whether people work on a day.
    ///
    /// # Errors
    /// [`UnknownYear`] before 2004, and after 2026-12-25 unless the year was added.
    pub fn is_working_day(&self, day: NaiveDate) -> Result<bool, UnknownYear> {
        if let Some(kind) = self.added.get(&day) {
            return Ok(*kind == DayKind::Working);
        }
        if self.years.contains(&day.year()) {
            return Ok(day.weekday().number_from_monday() <= 5);
        }
        // The crate panics outside its range, so the range is looked at first.
        let known = NaiveDate::from_ymd_opt(2004, 1, 1)..=NaiveDate::from_ymd_opt(2026, 12, 25);
        if !known.contains(&Some(day)) {
            return Err(UnknownYear(day.year()));
        }
        let part = |number: u32| u8::try_from(number).unwrap_or(1);
        let year = u16::try_from(day.year()).map_err(|_negative| UnknownYear(day.year()))?;
        Ok(chinese_holiday(Ymd::new(year, part(day.month()), part(day.day()))).is_workday())
    }

    /// The day itself where it is a working day, else the last one before it.
    ///
    /// # Errors
    /// [`UnknownYear`].
    pub fn working_day_on_or_before(&self, day: NaiveDate) -> Result<NaiveDate, UnknownYear> {
        let mut day = day;
        while !self.is_working_day(day)? {
            day = day.checked_sub_days(Days::new(1)).ok_or(UnknownYear(day.year()))?;
        }
        Ok(day)
    }

    /// The day that is `count` working days after `day`, which itself does not count.
    ///
    /// # Errors
    /// [`UnknownYear`].
    pub fn add_working_days(&self, day: NaiveDate, count: u32) -> Result<NaiveDate, UnknownYear> {
        self.step(day, count, |day| day.checked_add_days(Days::new(1)))
    }

    /// The day that is `count` working days before `day`, which itself does not count.
    ///
    /// # Errors
    /// [`UnknownYear`].
    pub fn minus_working_days(&self, day: NaiveDate, count: u32) -> Result<NaiveDate, UnknownYear> {
        self.step(day, count, |day| day.checked_sub_days(Days::new(1)))
    }

    fn step(&self, day: NaiveDate, count: u32, next: impl Fn(NaiveDate) -> Option<NaiveDate>) -> Result<NaiveDate, UnknownYear> {
        let mut day = day;
        let mut left = count;
        while left > 0 {
            day = next(day).ok_or(UnknownYear(day.year()))?;
            if self.is_working_day(day)? {
                left = left.saturating_sub(1);
            }
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn national_day_is_a_rest_day_and_its_make_up_saturday_is_a_working_day() {
        let calendar = WorkingCalendar::default();
        assert_eq!(calendar.is_working_day(day("2017-10-02")), Ok(false));
        assert_eq!(calendar.is_working_day(day("2017-09-30")), Ok(true));
    }

    #[test]
    fn the_pay_days_of_2017_are_working_days() {
        let calendar = WorkingCalendar::default();
        for text in ["2017-03-20", "2017-06-20", "2017-09-20", "2017-12-20"] {
            assert_eq!(calendar.working_day_on_or_before(day(text)), Ok(day(text)));
        }
    }

    #[test]
    fn a_year_that_nobody_announced_is_refused_by_name() {
        let calendar = WorkingCalendar::default();
        assert_eq!(calendar.is_working_day(day("2003-12-31")), Err(UnknownYear(2003)));
        assert_eq!(calendar.is_working_day(day("2026-12-26")), Err(UnknownYear(2026)));
        assert_eq!(calendar.add_working_days(day("2026-12-24"), 3), Err(UnknownYear(2026)));
    }

    #[test]
    fn an_unknown_year_is_told_as_a_problem_that_names_it() {
        let problem = Problem::from(UnknownYear(2031));
        assert_eq!((problem.status, problem.code), (422, "calendar_year_unknown"));
        assert!(problem.detail.zh.contains("2031 年") && problem.detail.en.contains("2031"));
    }

    #[test]
    fn an_added_year_wins_over_the_weekday() {
        let calendar = WorkingCalendar::with_added(BTreeSet::from([2027]), BTreeMap::from([(day("2027-01-01"), DayKind::Rest), (day("2027-01-03"), DayKind::Working)]));
        assert_eq!(calendar.is_working_day(day("2027-01-01")), Ok(false));
        assert_eq!(calendar.is_working_day(day("2027-01-03")), Ok(true));
        assert_eq!(calendar.is_working_day(day("2027-01-04")), Ok(true));
    }

    #[test]
    fn three_working_days_before_a_monday_is_the_wednesday_before() {
        let calendar = WorkingCalendar::default();
        assert_eq!(calendar.minus_working_days(day("2017-03-20"), 3), Ok(day("2017-03-15")));
        assert_eq!(calendar.add_working_days(day("2017-03-15"), 3), Ok(day("2017-03-20")));
    }
}
