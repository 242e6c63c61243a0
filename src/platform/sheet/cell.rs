//! What a cell's text says: amounts and dates.

use chrono::NaiveDate;

use crate::kernel::money::Fen;

/// A spreadsheet keeps 15 digits of a number.
pub(super) const MOST_DIGITS: usize = 15;

/// The amount of a text with at most two decimals, such as `4395`, `4395.1` and `4395.10`; none for everything else.
#[must_use]
pub fn amount(text: &str) -> Option<Fen> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let part = if part.len() == 1 { format!("{part}0") } else { part.to_owned() };
    format!("{whole}.{part}").parse().ok()
}

/// The day of a text such as `2017-03-20`, `2017/3/20` or `2017年3月20日`; none for everything else.
#[must_use]
pub fn date(text: &str) -> Option<NaiveDate> {
    let plain = text.replace(['/', '年', '月', '.'], "-");
    let plain = plain.strip_suffix('日').unwrap_or(&plain);
    let mut parts = plain.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// Whether a program that opens the file would run this text.
pub(super) fn is_formula(text: &str) -> bool {
    if text.starts_with(['=', '@']) {
        return true;
    }
    // A sign alone, an amount and a telephone number such as +86 138… are no formulas.
    text.strip_prefix(['+', '-']).is_some_and(|rest| rest.chars().any(|character| !(character.is_ascii_digit() || matches!(character, ' ' | '.' | '-' | ','))))
}

/// Whether a text is a long number as a spreadsheet writes it when it has lost its digits, such as `6.22202E+18`.
pub(super) fn is_lost_number(text: &str) -> bool {
    text.split_once("E+").is_some_and(|(number, exponent)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A number as it was typed: a workbook keeps 15 digits and adds noise after them. None where more than 15 digits stand before the point.
pub(super) fn number(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let rounded: f64 = format!("{value:.14e}").parse().ok()?;
    let text = rounded.to_string();
    let whole = text.split('.').next().unwrap_or_default().trim_start_matches('-');
    (whole.len() <= MOST_DIGITS).then_some(text)
}

/// The letters of a column: A for 0, AA for 26.
pub(super) fn letters(column: usize) -> String {
    let mut rest = column;
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A'.saturating_add(u8::try_from(rest % 26).unwrap_or_default())));
        rest /= 26;
        if rest == 0 {
            break;
        }
        rest = rest.saturating_sub(1);
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_at_most_two_decimals() {
        assert_eq!(["4395", "4395.1", "4395.10", "0.05"].map(amount), [Some(Fen(439_500)), Some(Fen(439_510)), Some(Fen(439_510)), Some(Fen(5))]);
        assert_eq!(["", "4395.101", "4,395.00", "4395元", ".5", "1."].map(amount), [None; 6]);
    }

    #[test]
    fn a_day_is_read_as_people_write_it() {
        let day = NaiveDate::from_ymd_opt(2017, 3, 5);
        assert_eq!(["2017-03-05", "2017/3/5", "2017年3月5日", "2017.3.5"].map(date), [day; 4]);
        assert_eq!(["", "17-03-05", "2017-13-05", "2017-02-30", "2017-3-5-1", "42799"].map(date), [None; 6]);
    }

    #[test]
    fn a_number_is_as_it_was_typed_or_refused() {
        assert_eq!(number("4395.1000000000004".parse().unwrap()), Some("4395.1".to_owned()));
        assert_eq!(number(7.0), Some("7".to_owned()));
        assert_eq!(number(999_999_999_999_999.0), Some("999999999999999".to_owned()));
        assert_eq!(number(1_000_000_000_000_000.0), None);
        assert_eq!(number(6.222e18), None);
        assert_eq!(number(f64::NAN), None);
    }

    #[test]
    fn a_formula_is_told_from_a_sign_and_a_telephone_number() {
        assert_eq!(["=1+1", "@SUM(A1)", "-cmd", "+A1"].map(is_formula), [true; 4]);
        assert_eq!(["-", "-12.00", "+86 13800000000", "——", "张三"].map(is_formula), [false; 5]);
        assert!(is_lost_number("6.22202E+18") && !is_lost_number("E+1") && !is_lost_number("APE+1"));
    }

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        assert_eq!([0, 25, 26, 51, 52].map(letters), ["A", "Z", "AA", "AZ", "BA"]);
    }
}
