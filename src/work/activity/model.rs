//! Kinds of activities and of trips, and which trip is one too many, without the database.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of activity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// 支部党员大会 (三会一课).
    BranchAssembly,
    /// 支委会 (三会一课).
    BranchCommittee,
    /// 党小组会 (三会一课).
    PartyGroup,
    /// 党课 (三会一课).
    PartyClass,
    /// 主题党日.
    ThemeDay,
    /// 中心组学习.
    StudyGroup,
    /// 讲党课: a leader gives it.
    PartyLecture,
    /// 志愿服务.
    VolunteerService,
    /// 文艺演出.
    Performance,
    /// 讲座.
    Lecture,
    /// 培训.
    Training,
    /// 其他.
    Other,
}

impl ActivityKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::BranchAssembly,
        Self::BranchCommittee,
        Self::PartyGroup,
        Self::PartyClass,
        Self::ThemeDay,
        Self::StudyGroup,
        Self::PartyLecture,
        Self::VolunteerService,
        Self::Performance,
        Self::Lecture,
        Self::Training,
        Self::Other,
    ];

    /// The identifier in the database, and the field's word.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BranchAssembly => ("branch_assembly", "支部党员大会"),
            Self::BranchCommittee => ("branch_committee", "支委会"),
            Self::PartyGroup => ("party_group", "党小组会"),
            Self::PartyClass => ("party_class", "党课"),
            Self::ThemeDay => ("theme_day", "主题党日"),
            Self::StudyGroup => ("study_group", "中心组学习"),
            Self::PartyLecture => ("party_lecture", "讲党课"),
            Self::VolunteerService => ("volunteer_service", "志愿服务"),
            Self::Performance => ("performance", "文艺演出"),
            Self::Lecture => ("lecture", "讲座"),
            Self::Training => ("training", "培训"),
            Self::Other => ("other", "其他"),
        }
    }

    /// The kind with this identifier.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.words().0 == code)
    }
}

/// The units that a limit binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitLevel {
    /// Streets.
    Street,
    /// Communities.
    Community,
}

impl UnitLevel {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Street => "street",
            Self::Community => "community",
        }
    }
}

/// A kind of trip that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trip {
    /// Out of town.
    OutsideTown,
    /// Out of the province.
    OutsideProvince,
}

impl Trip {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OutsideTown, Self::OutsideProvince];

    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OutsideTown => "outside_town",
            Self::OutsideProvince => "outside_province",
        }
    }
}

/// The first day of the years that a limit looks at: so many calendar years, the activity's own being the last.
#[must_use]
pub fn window_start(day: NaiveDate, years: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year().saturating_sub(years.max(1)).saturating_add(1), 1, 1).unwrap_or(NaiveDate::MIN)
}

/// Whether a trip with so many before it in those years is one too many.
#[must_use]
pub fn over(earlier: i64, most: i32) -> bool {
    earlier >= i64::from(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_is_found_by_its_identifier() {
        for kind in ActivityKind::ALL {
            assert_eq!(ActivityKind::of_code(kind.words().0), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), serde_json::json!(kind.words().0));
        }
        assert_eq!(ActivityKind::of_code("banquet"), None);
    }

    #[test]
    fn one_in_two_years_looks_at_this_year_and_the_one_before() {
        let day = NaiveDate::from_ymd_opt(2017, 6, 30).unwrap();
        assert_eq!(window_start(day, 2), NaiveDate::from_ymd_opt(2016, 1, 1).unwrap());
        assert_eq!(window_start(day, 1), NaiveDate::from_ymd_opt(2017, 1, 1).unwrap());
        assert!(over(1, 1) && !over(0, 1) && over(0, 0));
    }

    proptest! {
        #[test]
        fn of_any_trips_of_one_year_exactly_the_first_ones_are_within(most in 0_i32..5, trips in 0_i64..9) {
            let flagged = (0..trips).filter(|earlier| over(*earlier, most)).count();
            prop_assert_eq!(i64::try_from(flagged).unwrap(), (trips - i64::from(most)).max(0));
        }
    }
}
