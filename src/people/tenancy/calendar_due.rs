//! `calendar.year_due`: districts are asked for the working days of the coming year in time. Without them no pay day of it can be found, and no deadline in working days.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{Datelike, NaiveDate, Weekday};

use super::streets;
use crate::kernel::access::{Capability, Place, Scope};
use crate::kernel::calendar::WorkingCalendar;
use crate::kernel::problem::Problem;
use crate::platform::http::Context;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};
use crate::platform::notification::{Notice, notify};

/// Asks for the days that are not known: in December each Monday for the next year, and each day once it is this year's that are missing.
pub struct CalendarYearDue;

/// The year that a district must record now, if any. The State Council tells the days of a year in the autumn before it (全国年节及纪念日放假办法), so that in December they can be recorded.
fn missing(calendar: &WorkingCalendar, today: NaiveDate) -> Option<i32> {
    let unknown = |day: Option<NaiveDate>| day.is_some_and(|day| calendar.is_working_day(day).is_err());
    let (year, december) = (today.year(), today.month() == 12);
    // What comes with the program may end before its last year does.
    if unknown(Some(today)) || (december && unknown(NaiveDate::from_ymd_opt(year, 12, 31))) {
        return Some(year);
    }
    (december && today.weekday() == Weekday::Mon && unknown(NaiveDate::from_ymd_opt(year + 1, 1, 15))).then_some(year + 1)
}

#[async_trait]
impl Job for CalendarYearDue {
    fn name(&self) -> &'static str {
        "calendar.year_due"
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::Latest
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        let today = context.clocks.business_today();
        let districts: BTreeSet<_> = streets(&context.db).await?.into_iter().map(|street| street.district_id).collect();
        DueSlot::daily(context, districts.into_iter().filter(|district| missing(&context.calendar.of(Some(*district)), today).is_some()).map(Place::district), (8, 0))
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        let place = slot.place.ok_or_else(|| Problem::internal("a slot without its district"))?;
        let act = slot.act(context, None);
        let tx = context.db.write(Scope::of_place(place)).await?;
        let outcome = match missing(&act.calendar, act.today) {
            None => Outcome::done("known", serde_json::Value::Null),
            Some(year) => {
                let zh = format!("尚未录入 {year} 年的工作日安排（国务院办公厅放假通知）。录入之前，无法确定该年的发放日，补贴不会自动发放。");
                let en = format!("The working days of {year} are not recorded (the State Council's notice). Until they are, no pay day of that year can be found, and no stipend pays by itself.");
                let notice = Notice { place, capability: Capability::ReferenceManage, kind: "calendar.year_due", subject_type: "org_unit", subject_id: place.district, zh, en };
                notify(&tx, &act, notice).await?;
                Outcome::done("asked", serde_json::json!({"year": year}))
            }
        };
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn asked(calendar: &WorkingCalendar, day: &str) -> Option<i32> {
        missing(calendar, day.parse().unwrap())
    }

    #[test]
    fn a_year_is_asked_for_on_mondays_in_december_and_daily_once_its_days_are_missing() {
        let shipped = WorkingCalendar::default();
        assert_eq!(["2017-12-04", "2026-11-30"].map(|day| asked(&shipped, day)), [None; 2]);
        assert_eq!(["2026-12-01", "2026-12-30"].map(|day| asked(&shipped, day)), [Some(2026); 2], "what comes with the program ends before the year does");
        assert_eq!(["2027-01-02", "2027-06-03"].map(|day| asked(&shipped, day)), [Some(2027); 2]);
        let recorded = WorkingCalendar::with_added(BTreeSet::from([2026]), BTreeMap::new());
        assert_eq!(["2026-12-07", "2026-12-08"].map(|day| asked(&recorded, day)), [Some(2027), None], "a Monday, and the day after");
        let both = WorkingCalendar::with_added(BTreeSet::from([2026, 2027]), BTreeMap::new());
        assert_eq!(["2026-12-07", "2027-01-02"].map(|day| asked(&both, day)), [None; 2]);
    }
}
