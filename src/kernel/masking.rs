//! Personal data as it is shown by default: enough to recognise, not enough to use.

use chrono::NaiveDate;

use super::bank_card;
use super::identity_number::IdentityNumber;

fn masked(text: &str, first: usize, last: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let hidden = characters.len().saturating_sub(first.saturating_add(last));
    if hidden == 0 {
        return "*".repeat(characters.len());
    }
    let head = characters.iter().take(first);
    let tail = characters.iter().skip(first.saturating_add(hidden));
    head.chain(std::iter::repeat_n(&'*', hidden)).chain(tail).collect()
}

/// A name: the first character and one star, whatever its length (`张*`).
#[must_use]
pub fn name(name: &str) -> String {
    name.chars().next().map_or_else(|| "*".to_owned(), |first| format!("{first}*"))
}

/// An ID number: the first and last four characters (`4201**********1234`).
#[must_use]
pub fn id_number(number: &str) -> String {
    masked(number, 4, 4)
}

/// A bank account: the first four and last three digits (`6222************789`); a short one shows nothing.
#[must_use]
pub fn account(number: &str) -> String {
    masked(number, 4, 3)
}

/// A telephone number: the first three and last four digits.
#[must_use]
pub fn phone(number: &str) -> String {
    masked(number, 3, 4)
}

/// The length of an ID number (GB 11643-1999).
const ID_LENGTH: usize = 18;
/// The digits of the longest card number.
const CARD_MOST: usize = 19;
/// The codes of provinces with which an ID number begins (GB/T 2260).
const PROVINCES: [&str; 31] =
    ["11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65"];

/// A text with the card and ID numbers in it masked: runs of 15 digits and more that have the form, and the check digit where there is one, of an ID number (18, or 15 of before 1999) or of
/// a card (16 to 19, ISO/IEC 7812-1). They may be written in groups. Other runs stay, such as a bank's references, and so does what stands in `own`.
#[must_use]
pub fn numbers_in(text: &str, own: &[&str]) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |place: usize| characters.get(place).copied();
    let (mut shown, mut run) = (String::with_capacity(text.len()), String::new());
    for (place, character) in characters.iter().copied().enumerate() {
        let next = at(place.saturating_add(1));
        let groups = matches!(character, ' ' | '-') && next.is_some_and(|next| digit(next).is_some());
        let checks = matches!(character, 'x' | 'X') && !next.is_some_and(|next| next.is_ascii_alphanumeric());
        if digit(character).is_some() || (!run.is_empty() && groups) || (run.ends_with(|last| digit(last).is_some()) && checks) {
            run.push(character);
        } else {
            shown.push_str(&masked_run(&std::mem::take(&mut run), own));
            shown.push(character);
        }
    }
    shown.push_str(&masked_run(&run, own));
    shown
}

/// A digit, also one of full width.
fn digit(character: char) -> Option<char> {
    let value = match character {
        '０'..='９' => u32::from(character).checked_sub(u32::from('０'))?,
        _ => character.to_digit(10)?,
    };
    char::from_digit(value, 10)
}

/// Digits with the spaces and hyphens between their groups.
fn masked_run(run: &str, own: &[&str]) -> String {
    let is_own = |number: &str| own.iter().any(|own| own.contains(number));
    let groups: Vec<(&str, &str)> = run.split_inclusive([' ', '-']).map(|group| group.split_at(group.trim_end_matches([' ', '-']).len())).collect();
    let mut shown = String::with_capacity(run.len());
    let mut rest = groups.as_slice();
    while let Some(((digits, gap), after)) = rest.split_first() {
        // The longest row of groups that is a number together.
        let together = (2..=rest.len().min(CARD_MOST)).rev().find_map(|count| {
            let (taken, after) = rest.split_at_checked(count)?;
            let number: String = taken.iter().map(|(digits, _)| plain(digits)).collect();
            Some((personal(&number).filter(|_| !is_own(&number))?, taken.last()?.1, after))
        });
        let (number, gap, after) = together.unwrap_or_else(|| {
            let masked = masked_digits(&plain(digits)).filter(|_| !is_own(digits));
            (masked.unwrap_or_else(|| (*digits).to_owned()), gap, after)
        });
        shown.push_str(&number);
        shown.push_str(gap);
        rest = after;
    }
    shown
}

fn plain(digits: &str) -> String {
    digits.chars().map(|character| digit(character).unwrap_or('X')).collect()
}

/// Digits without a gap: one number, or an ID number among others. None where nothing is masked.
fn masked_digits(digits: &str) -> Option<String> {
    if let Some(masked) = personal(digits) {
        return Some(masked);
    }
    if let Some(before) = digits.strip_suffix('X') {
        return masked_digits(before).map(|masked| format!("{masked}X"));
    }
    let places = 0..=digits.len().checked_sub(ID_LENGTH)?;
    let (place, number) = places.into_iter().find_map(|place| {
        let number = digits.get(place..place.saturating_add(ID_LENGTH))?;
        is_id_number(number).then_some((place, number))
    })?;
    let part = |part: Option<&str>| part.map(|part| masked_digits(part).unwrap_or_else(|| part.to_owned())).unwrap_or_default();
    Some(format!("{}{}{}", part(digits.get(..place)), id_number(number), part(digits.get(place.saturating_add(ID_LENGTH)..))))
}

/// The mask of an ID or card number; none where it is neither.
fn personal(plain: &str) -> Option<String> {
    if is_id_number(plain) {
        return Some(id_number(plain));
    }
    is_card(plain).then(|| account(plain))
}

fn is_id_number(plain: &str) -> bool {
    if !PROVINCES.iter().any(|province| plain.starts_with(province)) {
        return false;
    }
    if plain.len() == 15 {
        let born = plain.get(6..12).map(|born| format!("19{born}"));
        return plain.bytes().all(|byte| byte.is_ascii_digit()) && born.is_some_and(|born| NaiveDate::parse_from_str(&born, "%Y%m%d").is_ok());
    }
    plain.len() == ID_LENGTH && IdentityNumber::parse(plain).is_ok()
}

/// A card's number begins with an issuer's 3 to 6 or 9.
fn is_card(plain: &str) -> bool {
    (16..=CARD_MOST).contains(&plain.len()) && plain.starts_with(['3', '4', '5', '6', '9']) && bank_card::luhn(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_shown_is_as_the_contract_says() {
        assert_eq!(name("张三丰"), "张*");
        assert_eq!(id_number("420104196001011234"), "4201**********1234");
        assert_eq!(account("6222020000000000789"), "6222************789");
        assert_eq!(phone("13800001234"), "138****1234");
    }

    #[test]
    fn a_text_that_is_too_short_shows_nothing() {
        assert_eq!(account("1234567"), "*******");
        assert_eq!(name(""), "*");
    }

    #[test]
    fn card_and_id_numbers_in_a_text_are_masked_and_references_are_not() {
        let shown = |text: &str| numbers_in(text, &[]);
        assert_eq!(shown("代发 欧阳明月 6222021234567890128 420104199001010009"), "代发 欧阳明月 6222************128 4201**********0009");
        assert_eq!(shown("卡6222 0212 3456 7890 128，证11010519491231002x。"), "卡6222************128，证1101**********002X。");
        assert_eq!(shown("６２２２０２１２３４５６７８９０１２８"), "6222************128", "full width");
        assert_eq!(shown("2017-01-05 6222 0212 3456 7890 128 42010419900101-0009 7"), "2017-01-05 6222************128 4201**********0009 7", "in groups");
        assert_eq!(shown("6222021234567890128420104199001010009"), "6222************1284201**********0009", "one after the other");
        assert_eq!(shown("420104490101001 2017-01-05 6222021234567890128"), "4201*******1001 2017-01-05 6222************128");
        let references = "2017010512345678901 ZF20170105-ABCDEF 20170105000012345678901234 6222021234567890129 420104199001010008 42010419900 2017-01-05 -300.00 X";
        assert_eq!(shown(references), references, "dates, serials, numbers whose check digit is wrong");
        assert_eq!(numbers_in("退 6222021234567890128", &["6222021234567890128"]), "退 6222021234567890128", "the line's own reference");
    }

    proptest! {
        #[test]
        fn a_text_without_long_runs_of_digits_stays_as_it_is(text in "[a-zA-Z一-龥。，]{0,4}([0-9]{0,14}[a-zA-Z一-龥。，]{1,4}){0,5}") {
            prop_assert_eq!(numbers_in(&text, &["", "1"]), text);
        }

        #[test]
        fn whatever_text_comes_its_numbers_do_not_come_through(text in "\\PC{0,20}", after in "[^0-9０-９ -]{0,20}") {
            prop_assume!(!text.ends_with(|last| digit(last).is_some() || matches!(last, ' ' | '-')));
            let shown = numbers_in(&format!("{text}6222021234567890128{after}"), &[""]);
            prop_assert!(!shown.contains("6222021234567890128"), "{}", shown);
        }

        #[test]
        fn an_account_keeps_its_length_and_hides_all_but_seven(number in "[0-9]{8,30}") {
            let shown = account(&number);
            prop_assert_eq!(shown.chars().count(), number.len());
            prop_assert_eq!(shown.chars().filter(|c| *c == '*').count(), number.len() - 7);
        }
    }
}
