//! The number of a bank's branch in the payment system 联行号 (中国人民银行 支付系统行号): 12 digits.

/// Whether a text is one.
#[must_use]
pub fn is_bank_code(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_code_has_twelve_digits() {
        assert!(is_bank_code("402521000032"));
        assert!(["", "40252100003", "4025210000321", "40252100003X", "４０２５２１０００"].iter().all(|text| !is_bank_code(text)));
    }
}
