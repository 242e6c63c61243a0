//! XML that may be hostile: no document type, so that nothing is loaded from elsewhere and no entity multiplies; bounded in depth and number of elements.

use std::borrow::Cow;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::refusals::invoice_unreadable;
use crate::kernel::problem::Problem;
use crate::platform::attachment::xml_unsafe;

/// An invoice is some five levels deep.
const MOST_DEPTH: usize = 40;
/// An invoice of 500 lines has some ten thousand elements.
const MOST_ELEMENTS: usize = 100_000;

/// An element without its namespace: issuers differ in prefixes, not in names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// The local name.
    pub name: String,
    /// Its attribute `ID`, by which OFD refers to texts.
    pub id: Option<String>,
    /// The text directly in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// Itself and everything below it, in the order of the document.
    pub(super) fn all(&self) -> impl Iterator<Item = &Self> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(next.children.iter().rev());
            Some(next)
        })
    }

    /// The text of the first element of one of these names, the names tried in order.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.all().filter(|element| element.name == *name).map(|element| element.text.trim()).find(|text| !text.is_empty()))
    }
}

fn unreadable(error: impl std::fmt::Display) -> Problem {
    invoice_unreadable(&format!("XML 格式错误：{error}"), &format!("The XML is malformed: {error}"))
}

/// The text of the bytes: UTF-8, or GB18030 (GBK, GB2312) where the declaration says so.
fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let declaration = bytes.get(..bytes.len().min(200)).unwrap_or_default().to_ascii_lowercase();
    if !declaration.windows(2).any(|pair| pair == b"gb") {
        return Err(unreadable("neither UTF-8 nor GB18030"));
    }
    let (text, faulty) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
    if faulty { Err(unreadable("neither UTF-8 nor GB18030")) } else { Ok(text) }
}

fn begin(start: &BytesStart<'_>) -> Result<Element, Problem> {
    let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(unreadable)?;
        if attribute.key.local_name().as_ref() == "ID" {
            element.id = Some(attribute.value.into_owned());
        }
    }
    Ok(element)
}

/// Reads a document whole, or not at all.
///
/// # Errors
/// 422 `xml_unsafe`, `invoice_unreadable`.
pub(super) fn read(bytes: &[u8]) -> Result<Element, Problem> {
    let text = text_of(bytes)?;
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<Element> = Vec::new();
    let (mut root, mut elements) = (None, 0_usize);
    loop {
        let event = reader.read_event().map_err(unreadable)?;
        let closed = match event {
            Event::Eof => break,
            Event::DocType(_) => return Err(xml_unsafe()),
            Event::Start(start) => {
                open.push(begin(&start)?);
                None
            }
            Event::Empty(start) => Some(begin(&start)?),
            Event::End(_) => open.pop(),
            Event::Text(part) => {
                push(&mut open, &part.xml_content(XmlVersion::Implicit1_0));
                None
            }
            Event::CData(part) => {
                push(&mut open, &part);
                None
            }
            Event::GeneralRef(part) => {
                let known = part.resolve_char_ref().map_err(unreadable)?.map(String::from).or_else(|| resolve_predefined_entity(&part).map(str::to_owned));
                push(&mut open, &known.ok_or_else(xml_unsafe)?);
                None
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
        };
        if open.len() > MOST_DEPTH || elements > MOST_ELEMENTS {
            return Err(unreadable("too many elements, or too deep"));
        }
        if let Some(element) = closed {
            elements = elements.saturating_add(1);
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => root = Some(element),
            }
        }
    }
    if open.is_empty() { root.ok_or_else(|| unreadable("no element")) } else { Err(unreadable("it ends in the middle")) }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        read(text.as_bytes()).err().map(|problem| problem.code)
    }

    #[test]
    fn names_are_found_without_their_namespace() {
        let root = read("<a:x xmlns:a='u'><a:y ID='7'>1 &amp; &#50;</a:y><z/><y>later</y></a:x>".as_bytes()).unwrap();
        assert_eq!(root.first(&["none", "y"]), Some("1 & 2"));
        assert_eq!(root.all().find_map(|element| element.id.clone()), Some("7".to_owned()));
        let gbk = encoding_rs::GB18030.encode("<?xml version=\"1.0\" encoding=\"GBK\"?><x>发票</x>").0.into_owned();
        assert_eq!(read(&gbk).unwrap().text, "发票");
    }

    #[test]
    fn a_document_type_and_unknown_entities_are_refused() {
        assert_eq!(code("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>"), Some("xml_unsafe"));
        assert_eq!(code("<!DOCTYPE x SYSTEM \"http://example.com/x.dtd\"><x/>"), Some("xml_unsafe"));
        assert_eq!(code("<x>&lol9;</x>"), Some("xml_unsafe"));
    }

    #[test]
    fn what_is_too_deep_too_much_or_broken_is_refused() {
        assert_eq!(code(&format!("{}{}", "<x>".repeat(50), "</x>".repeat(50))), Some("invoice_unreadable"));
        assert_eq!(code(&format!("<x>{}</x>", "<y/>".repeat(100_002))), Some("invoice_unreadable"));
        assert_eq!(code("<x><y></x>"), Some("invoice_unreadable"));
        assert_eq!(code("<x>"), Some("invoice_unreadable"));
        assert_eq!(code("no xml"), Some("invoice_unreadable"));
        assert_eq!(read(b"<x>\xff\xfe</x>").err().map(|problem| problem.code), Some("invoice_unreadable"));
    }
}
