//! Bodies: JSON, nothing unknown in them, and all faults of their values told at once.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use utoipa::ToSchema;

use super::objects::ObjectsOnly;
use crate::kernel::problem::{Faults, Problem, Words};
use crate::platform::db::References;

/// A JSON body is at most 1 MiB.
pub const JSON_MOST_BYTES: usize = 1024 * 1024;

/// What a client sends. Types carry `#[serde(deny_unknown_fields)]`.
pub trait Body: DeserializeOwned {
    /// Adds every value that breaks a rule which needs no database.
    fn faults(&self, faults: &mut Faults) {
        let _ = faults;
    }

    /// Adds the rows that the body refers to by their ids, so that those which lead nowhere are told at once.
    fn references(&self, references: &mut References) {
        let _ = references;
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
            return Err(form_fault(bytes, "", "a text holds the character NUL"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let body = serde_path_to_error::deserialize::<_, B>(ObjectsOnly(&mut deserializer)).map_err(|error| match error.inner().classify() {
            Category::Data => form_fault(bytes, &pointer(error.path()), &error.inner().to_string()),
            Category::Io | Category::Syntax | Category::Eof => malformed(error.inner()),
        })?;
        deserializer.end().map_err(|error| malformed(&error))?;
        finish(body)
    }
}

/// The form of a body is wrong: of one that is no JSON that is told first, wherever it ceases to be.
fn form_fault(bytes: &[u8], pointer: &str, what: &str) -> Problem {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => data_fault(pointer, what),
        Err(syntax) => malformed(&syntax),
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

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    Problem::new(400, "malformed_json", "JSON 格式错误", "Malformed JSON")
        .detail(format!("内容不是合法的 JSON：第 {line} 行第 {column} 列处有误，或在此中断。"), format!("The body is not valid JSON: it is wrong, or breaks off, at line {line} column {column}."))
}

/// A refusal of a body whose form is wrong. What was sent stands in none: it may be somebody's number, and clients keep refusals in logs.
fn data_fault(pointer: &str, what: &str) -> Problem {
    let field = what.split('`').nth(1).unwrap_or_default();
    let below = format!("{pointer}/{field}");
    if what.starts_with("unknown field") {
        // The path ends at the unknown field already where the parser got that far.
        let pointer = if pointer.ends_with(&format!("/{field}")) { pointer } else { &below };
        let known = names(what);
        return Problem::new(422, "unknown_field", "内容有未知字段", "The content has an unknown field")
            .detail(format!("字段 {pointer} 未知。可用字段：{}", known.join("、")), format!("The field {pointer} is unknown. Fields here: {}", known.join(", ")))
            .field(pointer, "unknown_field", format!("未知字段。可用字段：{}", known.join("、")), format!("unknown; fields here: {}", known.join(", ")));
    }
    if what.starts_with("missing field") {
        return Problem::new(422, "missing_field", "内容缺少字段", "The content lacks a field").detail(format!("缺少字段 {below}"), format!("The field {below} is missing")).field(
            &below,
            "missing_field",
            "缺少该字段",
            "this field is missing",
        );
    }
    let (pointer, Words { zh, en }) = if what.starts_with("duplicate field") { (below.as_str(), Words::new("字段重复", "it stands there twice")) } else { (pointer, expected(what)) };
    Problem::new(422, "wrong_type", "内容不符合格式", "The content has the wrong form")
        .detail(format!("字段 {pointer} 不符合格式：{zh}"), format!("The field {pointer} has the wrong form: {en}"))
        .field(pointer, "wrong_type", format!("格式不符：{zh}"), en)
}

/// The names that would have been right, of a text such as “unknown variant `x`, expected one of `a`, `b`”.
fn names(what: &str) -> Vec<&str> {
    what.rsplit_once(", expected ").map(|(_, right)| right.split('`').skip(1).step_by(2).collect()).unwrap_or_default()
}

/// What would have been right, of a text such as “invalid type: integer `42`, expected a string at line 1 column 9”.
pub(super) fn expected(what: &str) -> Words {
    if let Some((_, zh, en)) = OWN_WORDS.iter().find(|(start, ..)| what.starts_with(start)) {
        return Words::new(*zh, *en);
    }
    if what.starts_with("unknown variant") {
        let known = names(what);
        return Words::new(format!("须为以下之一：{}", known.join("、")), format!("expected one of: {}", known.join(", ")));
    }
    if let Some(example) = what.strip_prefix("expected a period such as ") {
        let example = example.split(" at line ").next().unwrap_or_default();
        return Words::new(format!("须为期间，如 {example}"), format!("expected a period such as {example}"));
    }
    let right = what.rsplit_once(", expected ").map_or("", |(_, right)| right);
    let known = FORMS.iter().find(|(form, ..)| right.starts_with(form));
    known.map_or_else(|| Words::new("不是该字段的格式，请查阅 /docs", "not of this field's form; see /docs"), |(_, zh, en)| Words::new(format!("须为{zh}"), format!("expected {en}")))
}

/// Texts of our own types and of dates, by how they begin.
const OWN_WORDS: [(&str, &str, &str); 11] = [
    ("a text holds the character NUL", "文本不能含有 NUL 字符（\\u0000）", "a text holds the character NUL (\\u0000), which no text of a record may hold"),
    ("金额须为", "金额须为带两位小数的文本，如 \"1234.50\"", "an amount is a string with two decimals, such as \"1234.50\""),
    ("金额超出范围", "金额超出范围", "the amount is out of range"),
    ("UUID parsing failed", "须为 UUID", "expected a UUID"),
    ("input is out of range", DAY.0, DAY.1),
    ("no possible date", DAY.0, DAY.1),
    ("input is not enough", DAY.0, DAY.1),
    ("input contains invalid", DAY.0, DAY.1),
    ("premature end of input", DAY.0, DAY.1),
    ("trailing input", DAY.0, DAY.1),
    ("bad or unsupported", DAY.0, DAY.1),
];
const DAY: (&str, &str) = ("须为日期，如 2017-03-31；时刻须为 RFC 3339，如 2017-03-31T08:00:00Z", "expected a day such as 2017-03-31, or an instant (RFC 3339) such as 2017-03-31T08:00:00Z");

/// Forms as the parser names them, by how they begin.
const FORMS: [(&str, &str, &str); 22] = [
    ("a string", "文本", "a string"),
    ("string or map", "文本", "a string"),
    ("variant identifier", "文本", "a string"),
    ("a boolean", " true 或 false", "true or false"),
    ("i8", "整数", "a whole number"),
    ("i16", "整数", "a whole number"),
    ("i32", "整数", "a whole number"),
    ("i64", "整数", "a whole number"),
    ("u8", "非负整数", "a whole number from 0 on"),
    ("u16", "非负整数", "a whole number from 0 on"),
    ("u32", "非负整数", "a whole number from 0 on"),
    ("u64", "非负整数", "a whole number from 0 on"),
    ("usize", "非负整数", "a whole number from 0 on"),
    ("f64", "数字", "a number"),
    ("a Decimal", "数字", "a number"),
    ("a sequence", "数组", "an array"),
    ("a map", "对象", "an object"),
    ("struct", "对象", "an object"),
    ("a formatted UUID", " UUID", "a UUID"),
    ("a formatted date", "日期，如 2017-03-31", "a day such as 2017-03-31"),
    ("an RFC 3339", " RFC 3339 时刻，如 2017-03-31T08:00:00Z", "an instant (RFC 3339) such as 2017-03-31T08:00:00Z"),
    ("enum", "文本", "a string"),
];

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
            assert!(!told.contains("420104199001010009") && told.contains("expected a whole number") && told.contains("整数"), "{told}");
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
    fn what_is_not_json_is_a_400_whatever_else_is_wrong_with_it() {
        for text in ["{", r#"{"lines":[]} x"#, r#"{"lines":1"#, r#"{"color":1"#, r#"{"lines":[{"amount":"x"}"#, r#"{"lines":1} x"#, r#"{"lines":[{"amount":1}],"lines":[]"#] {
            assert_eq!(code_and_pointer(text), (400, "malformed_json", String::new()), "{text}");
        }
    }

    #[test]
    fn an_array_is_no_object_at_the_root_or_inside() {
        assert_eq!(code_and_pointer(r#"[[{"amount":1}]]"#), (422, "wrong_type", String::new()));
        assert_eq!(code_and_pointer(r#"{"lines":[[1]]}"#), (422, "wrong_type", "/lines/0".to_owned()));
        assert_eq!(code_and_pointer(r#"{"lines":[{"amount":1}]}"#).0, 200);
    }

    #[test]
    fn refusals_of_a_form_are_told_in_the_language_they_are_told_in() {
        let told = |text: &str| {
            let problem = RawBody { content_type: Some("application/json".to_owned()), bytes: Some(text.as_bytes().to_vec()) }.parse::<Sample>().unwrap_err();
            let errors = problem.errors.iter().map(|error| error.message.clone());
            errors.chain([problem.detail]).collect::<Vec<_>>()
        };
        for text in ["{", "[]", r#"{"lines":1}"#, r#"{"lines":[{"amount":"x"}]}"#, r#"{"lines":[],"lines":[]}"#, r#"{"color":1}"#, "{}"] {
            for words in told(text) {
                assert!(!words.zh.contains("expected") && !words.zh.contains("invalid") && !words.zh.contains("field") && !words.zh.contains("line "), "{text}: {}", words.zh);
                assert!(words.en.is_ascii() && !words.en.contains("struct"), "{text}: {}", words.en);
            }
        }
        assert!(told(r#"{"color":1}"#)[0].zh.contains("lines"));
    }
}
