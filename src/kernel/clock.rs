//! Two clocks. The wall clock (tokens, sessions, limits, retries) is never settable. The business clock (business dates, due slots, postings,
//! deadlines) can be set on demo and test databases, and ticks on from there.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

#[derive(Debug)]
enum Business {
    /// The wall clock itself.
    Wall,
    /// Set to an instant, ticking on.
    Ticking { set_to: DateTime<Utc>, at: Instant },
    /// Standing still until it is moved by hand.
    Manual(Mutex<DateTime<Utc>>),
}

/// Both clocks and the deployment's time zone. Clones share them.
#[derive(Clone, Debug)]
pub struct Clocks {
    business: Arc<Business>,
    zone: Tz,
}

impl Clocks {
    /// The business clock is the wall clock.
    #[must_use]
    pub fn real(zone: Tz) -> Self {
        Self { business: Arc::new(Business::Wall), zone }
    }

    /// The business clock is set to an instant and ticks on from it.
    #[must_use]
    pub fn ticking_from(instant: DateTime<Utc>, zone: Tz) -> Self {
        Self { business: Arc::new(Business::Ticking { set_to: instant, at: Instant::now() }), zone }
    }

    /// The business clock stands still until [`Clocks::set`] moves it.
    #[must_use]
    pub fn manual(instant: DateTime<Utc>, zone: Tz) -> Self {
        Self { business: Arc::new(Business::Manual(Mutex::new(instant))), zone }
    }

    /// Moves a manual business clock; the others stay as they are.
    pub fn set(&self, instant: DateTime<Utc>) {
        if let Business::Manual(now) = &*self.business
            && let Ok(mut now) = now.lock()
        {
            *now = instant;
        }
    }

    /// Whether the business clock is not the wall clock: health and public pages then say so.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !matches!(*self.business, Business::Wall)
    }

    /// The real time, to the microsecond: both databases keep it as it is.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    #[must_use]
    pub fn wall(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    /// The business time.
    #[must_use]
    pub fn business_now(&self) -> DateTime<Utc> {
        match &*self.business {
            Business::Wall => self.wall(),
            Business::Ticking { set_to, at } => TimeDelta::from_std(at.elapsed()).ok().and_then(|passed| set_to.checked_add_signed(passed)).unwrap_or(*set_to),
            Business::Manual(now) => now.lock().map_or_else(|poisoned| *poisoned.into_inner(), |now| *now),
        }
    }

    /// The business date in the deployment's time zone.
    #[must_use]
    pub fn business_today(&self) -> NaiveDate {
        self.business_now().with_timezone(&self.zone).date_naive()
    }

    /// The deployment's time zone.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    #[test]
    fn the_business_date_is_that_of_the_deployments_time_zone() {
        let clocks = Clocks::manual("2017-03-19T16:00:00Z".parse().unwrap(), Shanghai);
        assert_eq!(clocks.business_today().to_string(), "2017-03-20");
    }

    #[test]
    fn only_the_business_clock_can_be_set() {
        let clocks = Clocks::manual("2017-03-19T16:00:00Z".parse().unwrap(), Shanghai);
        clocks.set("2018-01-02T00:00:00Z".parse().unwrap());
        assert_eq!(clocks.business_today().to_string(), "2018-01-02");
        assert!(clocks.wall() > "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap());
    }

    #[test]
    fn a_clock_set_to_an_instant_ticks_on_from_it() {
        let set_to = "2017-03-20T01:00:00Z".parse().unwrap();
        let clocks = Clocks::ticking_from(set_to, Shanghai);
        assert!(clocks.business_now() >= set_to && clocks.is_set());
    }
}
