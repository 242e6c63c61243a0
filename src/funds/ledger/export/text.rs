//! 用友 U8 text: a line an entry, no header; date, 凭证字, business number, 附单据数, 摘要, account code, debit, credit; the lines of a voucher stand together.

use std::io::Write;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::file::{Buffer, Format, Printed};
use crate::funds::ledger::voucher;
use crate::kernel::problem::Problem;

/// Characters of a 摘要 that U8 takes.
const SUMMARY_MOST: usize = 60;

/// How a text's characters are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    /// GB18030, which U8 reads by default.
    #[default]
    Gb18030,
    /// UTF-8, without a mark at its beginning.
    Utf8,
}

impl TextEncoding {
    /// Its identifier.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gb18030 => "gb18030",
            Self::Utf8 => "utf8",
        }
    }
}

/// A 摘要 as U8 takes it: commas and quotes full-width, no line breaks, at most 60 characters, the last one `…` where something was cut.
pub(super) fn summary(text: &str) -> String {
    let plain = |character: char| match character {
        ',' => '，',
        '"' => '＂',
        character if character.is_control() => ' ',
        // The one character that GB18030 cannot write.
        '\u{e5e5}' => '〓',
        character => character,
    };
    let plain: Vec<char> = text.trim().chars().map(plain).collect();
    if plain.len() <= SUMMARY_MOST {
        return plain.into_iter().collect();
    }
    plain.into_iter().take(SUMMARY_MOST.saturating_sub(1)).chain(['…']).collect()
}

/// 业务号: year, month and number, digits only, once in all years, so that neighbouring vouchers never become one.
fn business_number(voucher: &voucher::Model) -> String {
    format!("{:04}{:02}{:04}", voucher.month.year(), voucher.month.number(), voucher.number)
}

/// A text being written.
pub(super) struct U8Text {
    buffer: Buffer,
    encoding: TextEncoding,
}

impl U8Text {
    pub(super) const fn new(buffer: Buffer, encoding: TextEncoding) -> Self {
        Self { buffer, encoding }
    }
}

impl Format for U8Text {
    fn add(&mut self, printed: &Printed<'_>) -> Result<(), Problem> {
        let voucher = printed.voucher;
        let head = format!("{},{},{},{},{}", voucher.date, voucher.word, business_number(voucher), voucher.attachments_count, summary(&voucher.summary));
        let text: String = printed.lines.iter().map(|line| format!("{head},{},{},{}\r\n", line.code, line.debit, line.credit)).collect();
        match self.encoding {
            TextEncoding::Utf8 => self.buffer.write_all(text.as_bytes()).map_err(Problem::internal),
            TextEncoding::Gb18030 => self.buffer.write_all(&encoding_rs::GB18030.encode(&text).0).map_err(Problem::internal),
        }
    }

    fn finish(self: Box<Self>) -> Result<(), Problem> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_summary_has_no_comma_and_at_most_sixty_characters() {
        assert_eq!(summary("收到财政拨款 财预1号,附件\"一\"\n"), "收到财政拨款 财预1号，附件＂一＂");
        let long = summary(&"长".repeat(61));
        assert_eq!((long.chars().count(), long.ends_with('…')), (60, true));
        assert_eq!(summary(&"长".repeat(60)), "长".repeat(60));
    }

    proptest! {
        #[test]
        fn any_summary_is_one_field_that_gb18030_gives_back(text in ".{0,90}") {
            let written = summary(&text);
            prop_assert!(written.chars().count() <= SUMMARY_MOST && !written.contains([',', '"', '\r', '\n']));
            let (bytes, _, unmappable) = encoding_rs::GB18030.encode(&written);
            let (read, _, damaged) = encoding_rs::GB18030.decode(&bytes);
            prop_assert!(!unmappable && !damaged);
            prop_assert_eq!(read, written.as_str());
        }
    }
}
