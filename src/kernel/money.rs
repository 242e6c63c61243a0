//! Money: whole fen. JSON shows a string with two decimals; there is no float anywhere.

use std::fmt;
use std::str::FromStr;

use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// An amount in fen (1/100 yuan), negative where a rule allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Fen(pub i64);

/// An amount left the range of 64 bits: no sum of the field comes near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("金额超出范围 the amount is out of range")]
pub struct MoneyOverflow;

/// A text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("金额须为带两位小数的字符串，如 \"1234.50\" (an amount is a string with two decimals, such as \"1234.50\")")]
pub struct NotAnAmount;

impl Fen {
    /// 0.00.
    pub const ZERO: Self = Self(0);
    /// The most that one document may hold: 10^13 fen.
    pub const DOCUMENT_MAX: Self = Self(10_000_000_000_000);

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyOverflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyOverflow> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyOverflow)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyOverflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyOverflow> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyOverflow)
    }

    /// The amount with the other sign.
    ///
    /// # Errors
    /// [`MoneyOverflow`].
    pub fn checked_neg(self) -> Result<Self, MoneyOverflow> {
        self.0.checked_neg().map(Self).ok_or(MoneyOverflow)
    }

    /// The sum of many amounts.
    ///
    /// # Errors
    /// [`MoneyOverflow`].
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyOverflow> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// Below 0.00.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Above 0.00.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Exactly 0.00.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

impl FromStr for Fen {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (sign, digits) = text.strip_prefix('-').map_or((1_i64, text), |rest| (-1, rest));
        let (yuan, fen) = digits.split_once('.').ok_or(NotAnAmount)?;
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(yuan) || !plain(fen) || fen.len() != 2 || (yuan.len() > 1 && yuan.starts_with('0')) {
            return Err(NotAnAmount);
        }
        let value: i64 = format!("{yuan}{fen}").parse().map_err(|_too_large: std::num::ParseIntError| NotAnAmount)?;
        Ok(Self(value.saturating_mul(sign)))
    }
}

impl Serialize for Fen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Fen {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .pattern(Some(r"^-?(0|[1-9]\d*)\.\d{2}$"))
            .description(Some("Yuan with two decimals 元，两位小数"))
            .examples(["626380.00"])
            .into()
    }
}

impl utoipa::ToSchema for Fen {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_without_exactly_two_decimals_is_refused() {
        for text in ["", "1", "1.", "1.0", "1.000", ".50", "+1.00", "01.00", "1,000.00", " 1.00", "1.00 ", "--1.00", "１.00", "99999999999999999999.00"] {
            assert_eq!(text.parse::<Fen>(), Err(NotAnAmount), "{text}");
        }
    }

    #[test]
    fn json_takes_strings_only() {
        assert!(serde_json::from_str::<Fen>("1.00").is_err());
        assert_eq!(serde_json::from_str::<Fen>("\"-0.05\"").unwrap(), Fen(-5));
        assert_eq!(serde_json::to_string(&Fen(62_638_000)).unwrap(), "\"626380.00\"");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(fen in (i64::MIN + 1)..i64::MAX) {
            prop_assert_eq!(Fen(fen).to_string().parse::<Fen>(), Ok(Fen(fen)));
        }

        #[test]
        fn a_sum_is_exact_or_refused(a: i64, b: i64) {
            prop_assert_eq!(Fen(a).checked_add(Fen(b)).ok().map(|sum| sum.0), a.checked_add(b));
        }
    }
}
