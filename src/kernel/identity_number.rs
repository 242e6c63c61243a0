//! Resident identity numbers: GB 11643-1999, 17 digits and a check character by ISO 7064 MOD 11-2.

use chrono::NaiveDate;

/// Why a text is no identity number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityNumberFault {
    /// Not 17 digits and a digit or X.
    #[error("an ID number has 17 digits and a check character")]
    Form,
    /// Digits 7 to 14 are no day.
    #[error("the date of birth in the ID number does not exist")]
    Birth,
    /// The last character does not fit the others.
    #[error("the check character of the ID number is wrong: check it")]
    CheckCharacter,
}

impl IdentityNumberFault {
    /// What is wrong, in Chinese; `Display` says it in English.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Form => "身份证号须为 17 位数字加一位校验码",
            Self::Birth => "身份证号中的出生日期不存在",
            Self::CheckCharacter => "身份证号校验码不符，请核对",
        }
    }
}

/// An identity number whose form, date and check character are right. It does not say that such a person exists.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityNumber {
    text: String,
    born: NaiveDate,
}

impl IdentityNumber {
    /// Checks a number; spaces around it and a small x are accepted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, IdentityNumberFault> {
        let text = text.trim().to_ascii_uppercase();
        let bytes = text.as_bytes();
        let (digits, check) = bytes.split_at_checked(17).ok_or(IdentityNumberFault::Form)?;
        let [check] = check else { return Err(IdentityNumberFault::Form) };
        if !digits.iter().all(u8::is_ascii_digit) || !(check.is_ascii_digit() || *check == b'X') {
            return Err(IdentityNumberFault::Form);
        }
        let part = |from: usize, length: usize| text.get(from..from + length).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
        let born = i32::try_from(part(6, 4)).ok().and_then(|year| NaiveDate::from_ymd_opt(year, part(10, 2), part(12, 2)));
        let born = born.ok_or(IdentityNumberFault::Birth)?;
        if check_character(digits) != *check {
            return Err(IdentityNumberFault::CheckCharacter);
        }
        Ok(Self { text, born })
    }

    /// The normalised number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The date of birth.
    #[must_use]
    pub const fn born(&self) -> NaiveDate {
        self.born
    }
}

impl std::fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityNumber(…)")
    }
}

/// The check character for 17 digits (GB 11643-1999, annex: weights 2^(17-i) mod 11).
#[must_use]
pub fn check_character(digits: &[u8]) -> u8 {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHARACTERS: &[u8; 11] = b"10X98765432";
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit.saturating_sub(b'0')) * weight).sum();
    usize::try_from(sum % 11).ok().and_then(|index| CHARACTERS.get(index).copied()).unwrap_or(b'?')
}

/// The ID number of a person who is invented (demo, tests), each number another one below 112,000: its sequence is 000, which is never given out.
#[must_use]
pub fn invented(number: u32) -> String {
    let digits = format!("4201{:02}19{:02}{:02}{:02}000", (4 + number / 1_120) % 100, 50 + number / 28 % 40, 1 + number % 12, 1 + number % 28);
    format!("{digits}{}", char::from(check_character(digits.as_bytes())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        assert!(IdentityNumber::parse("11010519491231002X").is_ok());
        assert!(IdentityNumber::parse(" 11010519491231002x ").is_ok());
    }

    #[test]
    fn each_fault_is_named() {
        assert_eq!(IdentityNumber::parse("110105194912310021").err(), Some(IdentityNumberFault::CheckCharacter));
        assert_eq!(IdentityNumber::parse("110105194913310024").err(), Some(IdentityNumberFault::Birth));
        assert_eq!(IdentityNumber::parse("1101051949123100").err(), Some(IdentityNumberFault::Form));
        assert_eq!(IdentityNumber::parse("１10105194912310021").err(), Some(IdentityNumberFault::Form));
    }

    #[test]
    fn invented_people_have_different_numbers() {
        let numbers: std::collections::BTreeSet<String> = (0..112_000).map(invented).collect();
        assert_eq!(numbers.len(), 112_000);
        assert!(numbers.iter().step_by(97).all(|number| IdentityNumber::parse(number).is_ok()));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_always_found(place in 0..17_usize, other in 0..10_u8) {
            let mut digits = *b"11010519491231002";
            prop_assume!(digits[place] != b'0' + other);
            digits[place] = b'0' + other;
            prop_assert_ne!(check_character(&digits), b'X');
        }
    }
}
