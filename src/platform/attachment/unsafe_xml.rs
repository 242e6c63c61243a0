//! XML that may be hostile to who opens it later: a document type, or entities of its own, in an XML file or in a member of an OFD. Papers are never read here, but handed out.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::refusals::xml_unsafe;
use crate::kernel::problem::Problem;
use crate::platform::http::{Content, UploadedFile};
use crate::platform::sheet;

/// What begins a document type and an entity. Readers that are less strict than XML know them in small letters too.
const DECLARATIONS: [&[u8]; 2] = [b"<!DOCTYPE", b"<!ENTITY"];

/// Refuses an XML or OFD that declares a document type or entities. What an OFD unpacks to is counted first.
///
/// # Errors
/// 422 `xml_unsafe`, `file_too_large_unpacked`, `unreadable_file`.
pub(super) fn refuse(file: &UploadedFile) -> Result<(), Problem> {
    match file.content {
        Content::Xml if declares(&file.bytes) => Err(xml_unsafe()),
        Content::Ofd => refuse_in_archive(&file.bytes),
        _ => Ok(()),
    }
}

fn refuse_in_archive(bytes: &[u8]) -> Result<(), Problem> {
    sheet::measure_archive(bytes)?;
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(Problem::internal)?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(Problem::internal)?;
        let mut content = Vec::new();
        member.read_to_end(&mut content).map_err(Problem::internal)?;
        if is_xml(&content) && declares(&content) {
            return Err(xml_unsafe());
        }
    }
    Ok(())
}

/// Whether it begins as XML does, whatever its name says.
fn is_xml(bytes: &[u8]) -> bool {
    plain(bytes).trim_ascii_start().first() == Some(&b'<')
}

/// The bytes without a byte order mark, and of UTF-16 those that ASCII has too.
fn plain(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.starts_with(b"<\0") || bytes.starts_with(b"\0<") {
        return bytes.iter().copied().filter(|byte| !matches!(byte, 0 | 0xfe | 0xff)).collect::<Vec<_>>().into();
    }
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).into()
}

fn declares(bytes: &[u8]) -> bool {
    let text = plain(bytes);
    let at = |place: usize, word: &[u8]| text.get(place..place.saturating_add(word.len())).is_some_and(|found| found.eq_ignore_ascii_case(word));
    text.iter().enumerate().filter(|(_, byte)| **byte == b'<').any(|(place, _)| DECLARATIONS.iter().any(|word| at(place, word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_type_is_found_in_every_encoding_and_case_and_not_where_there_is_none() {
        let hostile = "<?xml version=\"1.0\"?>\n<!-- x --><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>";
        let wide = |first: [u8; 2], high_first: bool| first.into_iter().chain(hostile.bytes().flat_map(move |byte| if high_first { [0, byte] } else { [byte, 0] })).collect::<Vec<u8>>();
        for bytes in [hostile.as_bytes().to_vec(), hostile.to_lowercase().into_bytes(), wide([0xff, 0xfe], false), wide([0xfe, 0xff], true), [b"\xef\xbb\xbf", hostile.as_bytes()].concat()] {
            assert!(is_xml(&bytes) && declares(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        }
        assert!(!declares("<?xml version=\"1.0\"?><x>DOCTYPE &lt;!DOCTYPE <y/></x>".as_bytes()) && !is_xml(b"\x89PNG<!DOCTYPE"));
    }
}
