//! The number of a bank's branch in the payment system 联行号 (中国人民银行 支付系统行号): 12 digits.

use super::problem::Faults;

/// Whether a text is one.
#[must_use]
pub fn is_bank_code(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Adds the fault `bank_code_invalid` at `<pointer>/bank_code` where a number that is given is none.
pub fn bank_code_fault(pointer: &str, code: Option<&str>, faults: &mut Faults) {
    if code.is_some_and(|code| !is_bank_code(code)) {
        faults.add(&format!("{pointer}/bank_code"), "bank_code_invalid", "联行号须为 12 位数字", "must be 12 digits");
    }
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
