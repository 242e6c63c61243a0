//! Bodies: JSON, nothing unknown in them, and all faults of their values told at once.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use utoipa::ToSchema;

use crate::kernel::problem::{Faults, Problem};

/// A JSON body is at most 1 MiB.
pub const JSON_MOST_BYTES: usize = 1024 * 1024;

/// What a client sends. Types carry `#[serde(deny_unknown_fields)]`.
pub trait Body: DeserializeOwned {
    /// Adds every value that breaks a rule which needs no database.
    fn faults(&self, faults: &mut Faults) {
        let _ = faults;
    }
}

/// An action that takes no content: an empty body or `{}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Body for Nothing {}

/// What came in, before its rules are looked at.
#[derive(Debug, Default)]
pub(super) struct RawBody {
    content_type: Option<String>,
    bytes: Option<Vec<u8>>,
}

impl RawBody {
    /// Reads at most `most` bytes; more than that is remembered, not kept.
    pub(super) async fn read(request: &HttpRequest, mut payload: web::Payload, most: usize) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut bytes = Some(Vec::new());
        // A body that is too large is read to its end (bounded) so that the client gets the answer rather than a broken pipe.
        let mut discarded = 0_usize;
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| {
                Problem::new(400, "body_unreadable", "请求内容未完整到达", "The body did not arrive").detail(format!("读取请求内容失败：{error}"), format!("Reading the body failed: {error}"))
            })?;
            match &mut bytes {
                Some(kept) if kept.len().saturating_add(chunk.len()) <= most => kept.extend_from_slice(&chunk),
                _ => {
                    bytes = None;
                    discarded = discarded.saturating_add(chunk.len());
                    if discarded > 64 * 1024 * 1024 {
                        break;
                    }
                }
            }
        }
        Ok(Self { content_type, bytes })
    }

    /// The bytes for the fingerprint of an idempotent request.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }

    /// Content type and bytes of a body that is a file: 413 where it was too large.
    pub(super) fn into_parts(self) -> Result<(Option<String>, Vec<u8>), Problem> {
        Ok((self.content_type, self.bytes.ok_or_else(too_large)?))
    }

    /// A body of JSON made from the text parts of a form, so that it is judged by the same code.
    pub(super) fn of_fields(fields: Map<String, Value>) -> Result<Self, Problem> {
        let bytes = serde_json::to_vec(&Value::Object(fields)).map_err(Problem::internal)?;
        Ok(Self { content_type: Some("application/json".to_owned()), bytes: Some(bytes) })
    }

    /// What stands now with the body merged into it (RFC 7396), judged as [`RawBody::parse`] judges a body.
    pub(super) fn parse_merged<B: Body + Serialize>(&self, now: &B) -> Result<B, Problem> {
        let patch = self.parse::<Anything>()?.0;
        let mut document = serde_json::to_value(now).map_err(Problem::internal)?;
        merge(&mut document, patch);
        // Text and back, so that a fault is told with its pointer by the same code as for every body.
        let bytes = serde_json::to_vec(&document).map_err(Problem::internal)?;
        Self { content_type: self.content_type.clone().or_else(|| Some("application/json".to_owned())), bytes: Some(bytes) }.parse()
    }

    /// The body as its type: 413, 415, 400, then 422 for the first wrong type or unknown field, then 422 with all wrong values.
    pub(super) fn parse<B: Body>(&self) -> Result<B, Problem> {
        let bytes = self.bytes.as_deref().ok_or_else(too_large)?;
        if bytes.is_empty() {
            return finish(serde_json::from_str::<B>("{}").map_err(|error| data_fault("", &error.to_string()))?);
        }
        if !self.content_type.as_deref().is_some_and(is_json) {
            return Err(Problem::new(415, "unsupported_media_type", "内容类型不受支持", "Unsupported media type").detail("请以 application/json 提交。", "Send application/json."));
        }
        if holds_nul(bytes) {
            return Err(data_fault("", "a text holds the character NUL (\\u0000), which no text of a record may hold"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let body = serde_path_to_error::deserialize::<_, B>(&mut deserializer).map_err(|error| {
            let pointer = pointer(error.path());
            match error.inner().classify() {
                Category::Data => data_fault(&pointer, &error.inner().to_string()),
                Category::Io | Category::Syntax | Category::Eof => malformed(&error.inner().to_string()),
            }
        })?;
        deserializer.end().map_err(|error| malformed(&error.to_string()))?;
        finish(body)
    }
}

/// Whether some text of a JSON document holds NUL, which PostgreSQL keeps in no text. Escapes stand in texts alone.
fn holds_nul(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(place) = rest.iter().position(|byte| *byte == b'\\') {
        let after = rest.get(place.saturating_add(1)..).unwrap_or_default();
        if after.starts_with(b"u0000") {
            return true;
        }
        rest = after.get(1..).unwrap_or_default();
    }
    false
}

/// Any JSON at all.
#[derive(Deserialize)]
struct Anything(Value);

impl Body for Anything {}

/// `MergePatch` of RFC 7396 section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Some(fields) = target.as_object_mut() {
        for (name, change) in changes {
            if change.is_null() {
                fields.shift_remove(&name);
            } else {
                merge(fields.entry(name).or_insert(Value::Null), change);
            }
        }
    }
}

/// Reads a JSON body outside the order of refusals of [`super::Write`]: for `auth` and `public`.
///
/// # Errors
/// 413, 415, 400, 422.
pub async fn read_json<B: Body>(request: &HttpRequest, payload: web::Payload) -> Result<B, Problem> {
    RawBody::read(request, payload, JSON_MOST_BYTES).await?.parse()
}

fn finish<B: Body>(body: B) -> Result<B, Problem> {
    let mut faults = Faults::none();
    body.faults(&mut faults);
    faults.into_result()?;
    Ok(body)
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "application/merge-patch+json"
}

pub(super) fn too_large() -> Problem {
    Problem::new(413, "body_too_large", "内容过大", "The body is too large").detail("JSON 内容最多 1 MiB；附件和导入文件最多 20 MiB。", "JSON takes at most 1 MiB, attachments and imports 20 MiB.")
}

fn malformed(what: &str) -> Problem {
    Problem::new(400, "malformed_json", "JSON 格式错误", "Malformed JSON").detail(format!("内容不是合法的 JSON：{what}"), format!("The body is not valid JSON: {what}"))
}

/// A refusal of a body whose form is wrong. What was sent stands in none: it may be somebody's number, and clients keep refusals in logs.
fn data_fault(pointer: &str, what: &str) -> Problem {
    let field = what.split('`').nth(1).unwrap_or_default();
    let below = format!("{pointer}/{field}");
    if what.starts_with("unknown field") {
        // The path ends at the unknown field already where the parser got that far.
        let pointer = if pointer.ends_with(&format!("/{field}")) { pointer } else { &below };
        return Problem::new(422, "unknown_field", "内容有未知字段", "The content has an unknown field")
            .detail(format!("字段 {pointer} 未知：{what}"), format!("The field {pointer} is unknown: {what}"))
            .field(pointer, "unknown_field", format!("未知字段：{what}"), what);
    }
    if what.starts_with("missing field") {
        return Problem::new(422, "missing_field", "内容缺少字段", "The content lacks a field").detail(format!("缺少字段 {below}"), format!("The field {below} is missing")).field(
            &below,
            "missing_field",
            "缺少该字段",
            what,
        );
    }
    let (zh, en) = expected(what);
    Problem::new(422, "wrong_type", "内容不符合格式", "The content has the wrong form")
        .detail(format!("字段 {pointer} 不符合格式：{zh}"), format!("The field {pointer} has the wrong form: {en}"))
        .field(pointer, "wrong_type", format!("格式不符：{zh}"), en)
}

/// What would have been right, of a text such as “invalid type: integer `42`, expected a string at line 1 column 9”.
fn expected(what: &str) -> (String, String) {
    let repeats = ["invalid type", "invalid value", "invalid length", "unknown variant"].iter().any(|start| what.starts_with(start));
    let Some((_, right)) = what.rsplit_once(", expected ").filter(|_| repeats) else {
        return (what.to_owned(), what.to_owned());
    };
    let zh = WORDS.iter().find(|(english, _)| right == *english || right.starts_with(&format!("{english} "))).map_or(right, |(_, chinese)| *chinese);
    (format!("须为 {zh}"), format!("expected {right}"))
}

/// Forms as the parser names them.
const WORDS: [(&str, &str); 9] =
    [("a string", "文本"), ("a boolean", "true 或 false"), ("i32", "整数"), ("i64", "整数"), ("u16", "非负整数"), ("u32", "非负整数"), ("u64", "非负整数"), ("a sequence", "数组"), ("struct", "对象")];

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[expect(dead_code, reason = "only its type matters")]
        amount: i64,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters")]
        lines: Vec<Line>,
    }

    impl Body for Sample {}

    fn code_and_pointer(text: &str) -> (u16, &'static str, String) {
        let raw = RawBody { content_type: Some("application/json".to_owned()), bytes: Some(text.as_bytes().to_vec()) };
        match raw.parse::<Sample>() {
            Ok(_) => (200, "ok", String::new()),
            Err(problem) => (problem.status, problem.code, problem.errors.first().map(|e| e.pointer.clone()).unwrap_or_default()),
        }
    }

    #[test]
    fn the_examples_of_rfc_7396_appendix_a_hold() {
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        for (target, patch, result) in cases {
            let mut document: Value = serde_json::from_str(target).unwrap();
            merge(&mut document, serde_json::from_str(patch).unwrap());
            assert_eq!(document, serde_json::from_str::<Value>(result).unwrap(), "{target} {patch}");
        }
    }

    #[test]
    fn a_wrong_type_is_told_with_its_pointer() {
        assert_eq!(code_and_pointer(r#"{"lines":[{"amount":"x"}]}"#), (422, "wrong_type", "/lines/0/amount".to_owned()));
    }

    #[test]
    fn what_was_sent_is_not_repeated_whatever_it_looks_like() {
        let told = |text: &str| {
            let problem = RawBody { content_type: Some("application/json".to_owned()), bytes: Some(text.as_bytes().to_vec()) }.parse::<Sample>().unwrap_err();
            assert_eq!(problem.code, "wrong_type", "{text}");
            format!("{:?}", (problem.detail, problem.errors))
        };
        for value in ["\"420104199001010009\"", "\"unknown field `420104199001010009`\"", "\"420104199001010009, expected x\"", "[420104199001010009]", "420104199001010009.5"] {
            let told = told(&format!(r#"{{"lines":[{{"amount":{value}}}]}}"#));
            assert!(!told.contains("420104199001010009") && told.contains("expected i64") && told.contains("整数"), "{told}");
        }
        assert!(!told(r#"{"lines":420104199001010009}"#).contains("420104199001010009"));
    }

    #[test]
    fn nul_in_a_text_is_refused_and_a_backslash_before_u0000_is_none() {
        assert!(holds_nul(br#"{"a":"x\u0000"}"#) && holds_nul(br#"{"a":"\\\u0000"}"#));
        assert!(!holds_nul(br#"{"a":"\\u0000"}"#) && !holds_nul(br#"{"a":"\u0001\n"}"#));
        assert_eq!(code_and_pointer(r#"{"lines":[],"x":"\u0000"}"#), (422, "wrong_type", String::new()));
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_pointer() {
        assert_eq!(code_and_pointer(r#"{"lines":[{"amount":1,"color":2}]}"#), (422, "unknown_field", "/lines/0/color".to_owned()));
    }

    #[test]
    fn a_missing_field_is_told_with_its_pointer() {
        assert_eq!(code_and_pointer("{}"), (422, "missing_field", "/lines".to_owned()));
    }

    #[test]
    fn what_is_not_json_is_a_400() {
        assert_eq!(code_and_pointer("{").0, 400);
        assert_eq!(code_and_pointer(r#"{"lines":[]} x"#).0, 400);
    }
}
