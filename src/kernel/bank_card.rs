//! Bank card numbers: the Luhn check (ISO/IEC 7812-1, annex B). Older passbook accounts do not follow it, so a failing check is a warning.

/// Whether the digits pass the Luhn check.
#[must_use]
pub fn luhn(number: &str) -> bool {
    if number.len() < 12 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = number
        .bytes()
        .rev()
        .zip([1_u32, 2].into_iter().cycle())
        .map(|(byte, factor)| {
            let product = u32::from(byte.saturating_sub(b'0')) * factor;
            product / 10 + product % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_with_one_wrong_digit_fails() {
        assert!(luhn("4111111111111111"));
        assert!(!luhn("4111111111111112"));
    }

    #[test]
    fn what_is_no_card_number_fails() {
        assert!(!luhn("") && !luhn("0") && !luhn("41111111x1111111"));
    }
}
