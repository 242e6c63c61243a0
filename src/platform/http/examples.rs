//! Examples of the description: every body and every answer has one, built from its schema. An example that a type gives itself (`#[schema(example = …)]`) wins,
//! so that a new operation is covered by itself and told better where somebody takes the trouble.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, RefOr};

/// What a text field of this name may hold, where neither its format nor its description says so.
const WORDS: [(&str, &str); 47] = [
    ("access_token", "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"),
    ("account", "1002"),
    ("account_name", "银行存款"),
    ("account_number", "6222021234567890128"),
    ("action", "approve"),
    ("address", "192.0.2.1"),
    ("bank_code", "402521000032"),
    ("bank_name", "武汉农村商业银行"),
    ("bank_reference", "20170301-000123"),
    ("capability", "claim.approve"),
    ("city", "武汉市"),
    ("code", "C01"),
    ("display_name", "示例"),
    ("document_number", "硚财预〔2017〕1号"),
    ("file_name", "名单.csv"),
    ("first_password", "correct horse battery staple"),
    ("holder_masked", "张*"),
    ("id_number_masked", "4201**********0005"),
    ("job", "stipends.post"),
    ("location", "/api/v1/claims/0190a0b0-0000-7000-8000-000000000001"),
    ("message", "3/12"),
    ("name", "示例"),
    ("name_masked", "张*"),
    ("next_capability", "claim.approve"),
    ("number", "2017-0001"),
    ("number_masked", "6222************789"),
    ("otpauth_url", "otpauth://totp/Mingzhang:leader?secret=JBSWY3DPEHPK3PXP&issuer=Mingzhang"),
    ("own_rate_from", "2017-01"),
    ("paid_through", "2016Q4"),
    ("payee_account_masked", "6299*********234"),
    ("payee_name", "示例文化馆"),
    ("period", "2017Q1"),
    ("pointer", "/lines/0/amount"),
    ("proposed_name", "章示例"),
    ("proposed_name_masked", "章*"),
    ("reason", "请补充说明"),
    ("recovery_codes", "q7fd-2k9x"),
    ("refresh_token", "R2V0IG9uZSBmcm9tIGF1dGgvbG9naW4"),
    ("request_id", "0190a0b0-0000-7000-8000-00000000000f"),
    ("secret", "JBSWY3DPEHPK3PXP"),
    ("street", "韩家墩街"),
    ("title", "主题党日场地费"),
    ("token_type", "Bearer"),
    ("unit", "韩家墩街"),
    ("user_agent", "curl/8.5.0"),
    ("username", "leader"),
    ("voucher", "2017-03-0007"),
];

/// Gives every body and every answer that has content its example.
pub(super) fn add_examples(openapi: &mut OpenApi) {
    let schemas = openapi.components.as_ref().and_then(|components| serde_json::to_value(&components.schemas).ok()).unwrap_or_default();
    for item in openapi.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
            add_to(&schemas, operation);
        }
    }
}

fn add_to(schemas: &Value, operation: &mut Operation) {
    let body = Builder { schemas, whole: false };
    if let Some(RefOr::T(request)) = &mut operation.request_body {
        for (kind, content) in &mut request.content {
            add(&body, kind, content);
        }
    }
    let answer = Builder { schemas, whole: true };
    for (_, response) in operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
        if let RefOr::T(response) = response {
            let json = response.content.get("application/json").and_then(|content| example_of(&answer, content));
            for (kind, content) in &mut response.content {
                match (kind.as_str(), &json) {
                    ("text/csv", Some(page)) => set(content, csv_of(page)),
                    _ => add(&answer, kind, content),
                }
            }
        }
    }
}

fn set(content: &mut RefOr<Content>, example: Value) {
    if let RefOr::T(content) = content
        && content.example.is_none()
        && content.examples.is_empty()
    {
        content.example = Some(example);
    }
}

fn add(builder: &Builder<'_>, kind: &str, content: &mut RefOr<Content>) {
    let example = match kind {
        "text/html" => Some(json!("<!doctype html><html lang=\"zh-CN\"><title>记账凭证</title>…</html>")),
        "text/event-stream" => Some(json!("event: progress\ndata: {\"state\":\"running\",\"done\":3,\"total\":12,\"message\":\"\"}\n\n")),
        "text/csv" => Some(json!("序号,账号,户名,金额\r\n1,6222021234567890128,张示例,600.00\r\n")),
        // Bytes: no text shows them.
        "application/octet-stream" | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => None,
        _ => example_of(builder, content),
    };
    if let Some(example) = example {
        set(content, example);
    }
}

fn example_of(builder: &Builder<'_>, content: &RefOr<Content>) -> Option<Value> {
    let RefOr::T(content) = content else { return None };
    let schema = serde_json::to_value(content.schema.as_ref()?).ok()?;
    Some(builder.example(&schema, "", &mut BTreeSet::new()))
}

/// The page of a list as its CSV: a line of names, a line for each row.
fn csv_of(page: &Value) -> Value {
    let Some(row) = page.get("data").and_then(|data| data.get(0)).and_then(Value::as_object) else {
        return json!("");
    };
    let plain: Vec<(&String, String)> =
        row.iter().filter(|(_, value)| !value.is_object() && !value.is_array()).map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect();
    let names: Vec<&str> = plain.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<&str> = plain.iter().map(|(_, value)| value.as_str()).collect();
    json!(format!("{}\r\n{}\r\n", names.join(","), values.join(",")))
}

struct Builder<'description> {
    schemas: &'description Value,
    /// An answer shows every field, a body what it must hold.
    whole: bool,
}

impl Builder<'_> {
    fn example(&self, schema: &Value, name: &str, within: &mut BTreeSet<String>) -> Value {
        let given = schema.get("example").or_else(|| schema.get("examples").and_then(|examples| examples.get(0))).or_else(|| schema.get("const"));
        if let Some(given) = given {
            return given.clone();
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.referred(reference, name, within);
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            let mut whole = Map::new();
            for part in parts {
                if let Value::Object(fields) = self.example(part, name, within) {
                    whole.extend(fields);
                }
            }
            return Value::Object(whole);
        }
        if let Some(choices) = ["oneOf", "anyOf"].iter().find_map(|word| schema.get(word)).and_then(Value::as_array) {
            let some = choices.iter().find(|choice| choice.get("type").and_then(Value::as_str) != Some("null"));
            return some.map_or(Value::Null, |choice| self.example(choice, name, within));
        }
        if let Some(value) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.iter().find(|value| !value.is_null())) {
            return value.clone();
        }
        self.typed(schema, name, within)
    }

    fn referred(&self, reference: &str, name: &str, within: &mut BTreeSet<String>) -> Value {
        let component = reference.rsplit('/').next().unwrap_or_default();
        // What holds itself ends here.
        if !within.insert(component.to_owned()) {
            return Value::Null;
        }
        let example = self.schemas.get(component).map_or(Value::Null, |schema| self.example(schema, name, within));
        within.remove(component);
        example
    }

    fn typed(&self, schema: &Value, name: &str, within: &mut BTreeSet<String>) -> Value {
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            other => other.and_then(Value::as_str),
        };
        match kind {
            Some("object") => self.object(schema, within),
            Some("array") => schema.get("items").map_or_else(|| json!([]), |items| json!([self.example(items, name, within)])),
            Some("string") => text(schema, name),
            Some("integer" | "number") => number(schema, name),
            Some("boolean") => json!(["holds", "active", "sealed", "verified"].contains(&name)),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, within: &mut BTreeSet<String>) -> Value {
        let required: Vec<&str> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let shown = properties.into_iter().flatten().filter(|(name, _)| self.whole || required.contains(&name.as_str()));
        Value::Object(shown.map(|(name, property)| (name.clone(), self.example(property, name, within))).collect())
    }
}

fn text(schema: &Value, name: &str) -> Value {
    let word = |name: &str| WORDS.iter().find(|(known, _)| *known == name).map(|(_, word)| *word);
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => return json!(uuid_of(name)),
        Some("date") => return json!("2017-03-20"),
        Some("date-time") => return json!("2017-03-20T01:00:00Z"),
        Some("binary") => return json!("序号,账号后四位,金额,结果,原因\r\n"),
        _ => {}
    }
    if name == "next_cursor" {
        return Value::Null;
    }
    // A closed set of words is told in the field's description, the first of them first.
    let described = schema.get("description").and_then(Value::as_str).and_then(|text| text.split('`').nth(1));
    json!(described.or_else(|| word(name)).unwrap_or(if name.ends_with("hash") || name.ends_with("sha256") { "9f86d081884c7d65" } else { "示例" }))
}

fn number(schema: &Value, name: &str) -> Value {
    match name {
        "year" | "fiscal_year" => json!(2017),
        "pay_day" => json!(20),
        "status" => json!(200),
        _ => schema.get("minimum").cloned().filter(|least| least.as_i64().is_some_and(|least| least > 0)).unwrap_or_else(|| json!(1)),
    }
}

/// An id that is the same for the same field.
fn uuid_of(name: &str) -> String {
    let sum = name.bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(byte)));
    format!("0190a0b0-0000-7000-8000-00000000{sum:04x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_shows_what_a_body_must_hold_and_all_that_an_answer_has() {
        let schemas = json!({
            "Fen": {"type": "string", "examples": ["626380.00"]},
            "Line": {"type": "object", "required": ["amount"], "properties": {"amount": {"$ref": "#/components/schemas/Fen"}, "below": {"$ref": "#/components/schemas/Line"}}},
        });
        let schema = json!({"type": "object", "required": ["date", "lines"], "properties": {
            "date": {"type": "string", "format": "date"}, "state": {"type": "string", "description": "`draft` or `open`."},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}, "total": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Fen"}]}}});
        let body = Builder { schemas: &schemas, whole: false }.example(&schema, "", &mut BTreeSet::new());
        assert_eq!(body, json!({"date": "2017-03-20", "lines": [{"amount": "626380.00"}]}));
        let answer = Builder { schemas: &schemas, whole: true }.example(&schema, "", &mut BTreeSet::new());
        assert_eq!(answer, json!({"date": "2017-03-20", "state": "draft", "lines": [{"amount": "626380.00", "below": null}], "total": "626380.00"}));
    }

    #[test]
    fn words_are_sorted_and_stand_once() {
        assert!(WORDS.is_sorted_by(|one, two| one.0 < two.0));
    }
}
