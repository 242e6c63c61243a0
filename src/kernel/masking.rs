//! Personal data as it is shown by default: enough to recognise, not enough to use.

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

    proptest! {
        #[test]
        fn an_account_keeps_its_length_and_hides_all_but_seven(number in "[0-9]{8,30}") {
            let shown = account(&number);
            prop_assert_eq!(shown.chars().count(), number.len());
            prop_assert_eq!(shown.chars().filter(|c| *c == '*').count(), number.len() - 7);
        }
    }
}
