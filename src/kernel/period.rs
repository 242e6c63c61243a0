//! Months, quarters and years as the field writes them: `2017-03`, `2017Q1`, `2017`. The database stores the same text.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, StringLen, Value, ValueTypeErr};
use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// The first year that the system knows.
pub const FIRST_YEAR: i32 = 1900;
/// The last year that the system knows.
pub const LAST_YEAR: i32 = 9998;

/// A text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” 不是期间：月 2017-03，季 2017Q1，年 2017 (not a period: month 2017-03, quarter 2017Q1, year 2017)")]
pub struct NotAPeriod(String);

/// How often something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Every month.
    Month,
    /// Every quarter.
    Quarter,
    /// Every year.
    Year,
}

impl Frequency {
    /// The identifier in the database and in JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// Months in one period: 1, 3 or 12.
    #[must_use]
    pub const fn months(self) -> u8 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }
}

/// A calendar month of the years 1900 to 9998.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first_day: NaiveDate,
}

impl Month {
    /// The month 1 to 12 of a year; none outside.
    #[must_use]
    pub fn new(year: i32, month: u32) -> Option<Self> {
        if !(FIRST_YEAR..=LAST_YEAR).contains(&year) {
            return None;
        }
        NaiveDate::from_ymd_opt(year, month, 1).map(|first_day| Self { first_day })
    }

    /// The month that a day lies in.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self { first_day: day.with_day(1).unwrap_or(day) }
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i32 {
        self.first_day.year()
    }

    /// The month's number, 1 to 12.
    #[must_use]
    pub fn number(self) -> u32 {
        self.first_day.month()
    }

    /// The first day.
    #[must_use]
    pub const fn first_day(self) -> NaiveDate {
        self.first_day
    }

    /// The last day.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        self.next().first_day.pred_opt().unwrap_or(self.first_day)
    }

    /// How many days it has, 28 to 31.
    #[must_use]
    pub fn days(self) -> u32 {
        self.last_day().day()
    }

    /// Months since year 0: `year * 12 + month - 1`.
    #[must_use]
    pub fn ordinal(self) -> i32 {
        self.year().saturating_mul(12).saturating_add(i32::try_from(self.first_day.month0()).unwrap_or(0))
    }

    /// The month with this ordinal; none outside the known years.
    #[must_use]
    pub fn from_ordinal(ordinal: i32) -> Option<Self> {
        Self::new(ordinal.div_euclid(12), u32::try_from(ordinal.rem_euclid(12)).ok()?.checked_add(1)?)
    }

    /// The month after; December 9998 stays.
    #[must_use]
    pub fn next(self) -> Self {
        Self::from_ordinal(self.ordinal().saturating_add(1)).unwrap_or(self)
    }

    /// The month before; January 1900 stays.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::from_ordinal(self.ordinal().saturating_sub(1)).unwrap_or(self)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.number())
    }
}

fn number<T: FromStr>(text: &str, digits: usize) -> Option<T> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl FromStr for Month {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        text.split_once('-').and_then(|(year, month)| Self::new(number(year, 4)?, number(month, 2)?)).ok_or_else(|| NotAPeriod(text.to_owned()))
    }
}

/// A month, a quarter or a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    first: Month,
    frequency: Frequency,
}

impl Period {
    /// The period of a frequency that a month lies in.
    #[must_use]
    pub fn containing(frequency: Frequency, month: Month) -> Self {
        let into = month.ordinal().rem_euclid(i32::from(frequency.months()));
        Self { first: Month::from_ordinal(month.ordinal().saturating_sub(into)).unwrap_or(month), frequency }
    }

    /// How often it comes.
    #[must_use]
    pub const fn frequency(self) -> Frequency {
        self.frequency
    }

    /// Its first month.
    #[must_use]
    pub const fn first_month(self) -> Month {
        self.first
    }

    /// Its last month.
    #[must_use]
    pub fn last_month(self) -> Month {
        self.months().last().unwrap_or(self.first)
    }

    /// Its months in order.
    pub fn months(self) -> impl Iterator<Item = Month> {
        (0..i32::from(self.frequency.months())).filter_map(move |offset| Month::from_ordinal(self.first.ordinal().saturating_add(offset)))
    }

    /// How many months it has: 1, 3 or 12.
    #[must_use]
    pub const fn months_in_period(self) -> u8 {
        self.frequency.months()
    }

    /// The period after.
    #[must_use]
    pub fn next(self) -> Self {
        Self { first: self.last_month().next(), frequency: self.frequency }
    }

    /// The period before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::containing(self.frequency, self.first.previous())
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> NaiveDate {
        self.first.first_day()
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        self.last_month().last_day()
    }

    /// The year it lies in.
    #[must_use]
    pub fn year(self) -> i32 {
        self.first.year()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frequency {
            Frequency::Month => self.first.fmt(f),
            Frequency::Quarter => write!(f, "{:04}Q{}", self.first.year(), self.first.number().div_ceil(3)),
            Frequency::Year => write!(f, "{:04}", self.first.year()),
        }
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let refused = || NotAPeriod(text.to_owned());
        if text.contains('-') {
            return Ok(Self { first: text.parse()?, frequency: Frequency::Month });
        }
        let (frequency, first) = match text.split_once('Q') {
            Some((year, quarter)) => {
                let quarter: u32 = number(quarter, 1).filter(|quarter| (1..=4).contains(quarter)).ok_or_else(refused)?;
                (Frequency::Quarter, Month::new(number(year, 4).ok_or_else(refused)?, quarter * 3 - 2))
            }
            None => (Frequency::Year, Month::new(number(text, 4).ok_or_else(refused)?, 1)),
        };
        first.map(|first| Self { first, frequency }).ok_or_else(refused)
    }
}

/// Text in JSON, in the API's description and in the database.
macro_rules! as_text {
    ($type:ty, $name:literal, $pattern:literal, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // What was sent is not repeated: refusals are kept in logs.
                String::deserialize(deserializer)?.parse().map_err(|_not_one: NotAPeriod| serde::de::Error::custom(concat!("expected a period such as ", $example)))
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).pattern(Some($pattern)).examples([$example]).into()
            }
        }

        impl utoipa::ToSchema for $type {}

        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                value.to_string().into()
            }
        }

        impl TryGetable for $type {
            fn try_get_by<I: ColIdx>(result: &QueryResult, index: I) -> Result<Self, TryGetError> {
                let text = String::try_get_by(result, index)?;
                text.parse().map_err(|error: NotAPeriod| TryGetError::DbErr(sea_orm::DbErr::Type(error.to_string())))
            }
        }

        impl sea_orm::sea_query::ValueType for $type {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                <String as sea_orm::sea_query::ValueType>::try_from(value)?.parse().map_err(|_not_one: NotAPeriod| ValueTypeErr)
            }

            fn type_name() -> String {
                $name.to_owned()
            }

            fn array_type() -> ArrayType {
                ArrayType::String
            }

            fn column_type() -> ColumnType {
                ColumnType::String(StringLen::None)
            }
        }

        impl Nullable for $type {
            fn null() -> Value {
                Value::String(None)
            }
        }

        impl sea_orm::IntoActiveValue<$type> for $type {
            fn into_active_value(self) -> sea_orm::ActiveValue<$type> {
                sea_orm::ActiveValue::Set(self)
            }
        }
    };
}

as_text!(Month, "Month", r"^\d{4}-\d{2}$", "2017-03");
as_text!(Period, "Period", r"^\d{4}(-\d{2}|Q[1-4])?$", "2017Q1");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quarter_has_three_months_and_ends_with_its_last_day() {
        let quarter: Period = "2016Q1".parse().unwrap();
        assert_eq!(quarter.months().map(|m| m.to_string()).collect::<Vec<_>>(), ["2016-01", "2016-02", "2016-03"]);
        assert_eq!(quarter.last_day(), NaiveDate::from_ymd_opt(2016, 3, 31).unwrap());
        assert_eq!(quarter.previous().to_string(), "2015Q4");
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in ["", "17", "2017Q0", "2017Q5", "2017-13", "2017-00", "2017-3", "2017q1", "0000", "2017-03-31", " 2017"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn february_of_a_leap_year_has_29_days() {
        assert_eq!("2016-02".parse::<Month>().unwrap().days(), 29);
        assert_eq!("2100-02".parse::<Month>().unwrap().days(), 28);
    }

    proptest! {
        #[test]
        fn a_period_reads_back_and_next_undoes_previous(year in 1901..9990_i32, month in 1..=12_u32, kind in 0..3_usize) {
            let frequency = [Frequency::Month, Frequency::Quarter, Frequency::Year][kind];
            let period = Period::containing(frequency, Month::new(year, month).unwrap());
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
            prop_assert_eq!(period.next().previous(), period);
            prop_assert!(period.months().any(|m| m == Month::new(year, month).unwrap()));
        }
    }
}
