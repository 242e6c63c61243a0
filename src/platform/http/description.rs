//! What every operation of the API's description has in common, said once: headers, list parameters, formats, refusals.

use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{Modify, ToSchema};

use super::errors_page::known_refusals;
use super::examples::add_examples;
use super::refusals::{STATUSES, component};
use crate::kernel::problem::ProblemBody;

/// Writes below a row that add something of its own beside it, or take that away, and so look at no version of the row. What a write demands stands in its [`super::Rules`];
/// that these lists agree with them `tests/api/operations.rs` finds out by asking without.
const WITHOUT_IF_MATCH: [&str; 11] = [
    "/attachment-links/{id}",
    "/attachments/{id}",
    "/attachments/{id}/links",
    "/beneficiaries/{id}/bank-accounts",
    "/claims/{id}/comments",
    "/claims/{id}/copy",
    "/claims/{id}/payee-account",
    "/enrolments/{id}/rates",
    "/notifications/{id}/read",
    "/plan-items/{id}/targets",
    "/stipend-schemes/{id}/rates",
];
/// Operations that move money, and demand an `Idempotency-Key`.
const MONEY: [&str; 20] = [
    "/bank-files",
    "/bank-files/{id}/results",
    "/bank-files/{id}/results/confirm",
    "/claims/{id}/pay",
    "/claims/{id}/refunds",
    "/claims/{id}/reverse",
    "/donation-uses/{id}/pay",
    "/donations",
    "/fiscal-years/{id}/close",
    "/fiscal-years/{id}/lapse-quota",
    "/jobs/{name}/run",
    "/opening-balances/{id}/approve",
    "/payment-batches",
    "/payment-batches/{id}/results",
    "/payout-items/{id}/return",
    "/payout-runs/{id}/post",
    "/receipts",
    "/recoveries",
    "/tax-payments",
    "/treasury-returns",
];

/// Completes the description, after all routes are known.
#[derive(Clone, Copy, Debug)]
pub struct Complete;

impl Modify for Complete {
    fn modify(&self, openapi: &mut OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for (status, description, code) in STATUSES {
            components.responses.insert(component(status), RefOr::T(refusal(status, description, code)));
        }
        if let Some(RefOr::T(Schema::Object(problem))) = components.schemas.get_mut(ProblemBody::name().as_ref())
            && let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code")
        {
            code.enum_values = Some(known_refusals().map(|refusal| refusal.code.into()).collect());
        }
        for (path, item) in &mut openapi.paths.paths {
            let operations = [("get", &mut item.get), ("post", &mut item.post), ("put", &mut item.put), ("patch", &mut item.patch), ("delete", &mut item.delete)];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    complete(method, path, operation);
                }
            }
        }
        add_examples(openapi);
    }
}

/// An answer that refuses, with an example.
fn refusal(status: &str, description: &str, code: &str) -> Response {
    let known = known_refusals().find(|known| known.code == code);
    let (zh, number) = (known.map_or(code, |known| known.zh), status.parse::<u16>().unwrap_or_default());
    let example = json!({
        "type": format!("/docs/errors#{code}"), "title": zh, "status": number, "detail": zh, "instance": "/api/v1/org-units", "code": code,
        "request_id": "0190a0b0-0000-7000-8000-00000000000f", "errors": [],
    });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).example(Some(example)).build();
    let response = ResponseBuilder::new().description(description).content("application/problem+json", content);
    let whole = |text: &str| HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::Integer).build())).description(Some(text)).build();
    match status {
        "429" => response
            .header("Retry-After", whole("Seconds"))
            .header("RateLimit-Limit", whole("Requests a minute"))
            .header("RateLimit-Remaining", whole("What is left of them"))
            .header("RateLimit-Reset", whole("Seconds"))
            .build(),
        "503" => response.header("Retry-After", whole("Seconds")).build(),
        _ => response.build(),
    }
}

fn complete(method: &str, path: &str, operation: &mut Operation) {
    let own = path.strip_prefix("/api/v1").unwrap_or(path);
    let on_row = path.contains("/{id}");
    let versioned = on_row && !WITHOUT_IF_MATCH.contains(&own);
    let writes = method != "get";
    let by_write = writes && !path.starts_with("/api/v1/auth/") && !path.starts_with("/api/v1/public/");
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "id"
        {
            parameter.description.get_or_insert_with(|| "The row's id; one out of reach answers as one that never was".to_owned());
        }
    }
    if by_write {
        add(operation, ParameterIn::Query, "dry_run", Type::Boolean, "Go all the way and roll back: the same refusals, or 200 with the effects", Required::False);
        if method == "post" {
            let required = if MONEY.contains(&own) { Required::True } else { Required::False };
            add(operation, ParameterIn::Header, "Idempotency-Key", Type::String, "A new value for each new request, the same for each retry", required);
        }
        if versioned {
            add(operation, ParameterIn::Header, "If-Match", Type::String, "The ETag that was read", Required::True);
        }
    }
    if is_list(operation) {
        complete_list(operation);
    }
    let responses = &mut operation.responses.responses;
    if by_write && !responses.contains_key("200") {
        let effect = ["201", "202"].iter().find_map(|status| responses.get(*status).cloned());
        if let Some(RefOr::T(mut effect)) = effect {
            effect.description = "A dry run: the effect, rolled back".to_owned();
            effect.headers.clear();
            responses.insert("200".to_owned(), RefOr::T(effect));
        }
    }
    if !writes {
        for status in ["409", "412", "413", "415", "428"] {
            responses.remove(status);
        }
    } else if !versioned {
        for status in ["412", "428"] {
            responses.remove(status);
        }
    }
}

fn add(operation: &mut Operation, place: ParameterIn, name: &str, kind: Type, description: &str, required: Required) {
    add_with(operation, place, name, ObjectBuilder::new().schema_type(kind), description, required);
}

fn add_with(operation: &mut Operation, place: ParameterIn, name: &str, schema: ObjectBuilder, description: &str, required: Required) {
    let parameters = operation.parameters.get_or_insert_default();
    let known = parameters.iter().any(|parameter| matches!(parameter, RefOr::T(Parameter { name: known, .. }) if known == name));
    if !known {
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required).description(Some(description)).schema(Some(schema.build())).build();
        parameters.push(RefOr::T(parameter));
    }
}

fn is_list(operation: &Operation) -> bool {
    let Some(RefOr::T(response)) = operation.responses.responses.get("200") else {
        return false;
    };
    let schema = response.content.get("application/json").and_then(|content| if let RefOr::T(content) = content { content.schema.as_ref() } else { None });
    matches!(schema, Some(RefOr::Ref(reference)) if reference.ref_location.starts_with("#/components/schemas/ListPage_"))
}

/// The names in backticks after `word` in a handler's text: "Filters: `level`, `exported` (`true` or `false`). Sort: `name`." What stands in brackets, or after a further colon, is about a name and none itself.
fn named_after(text: &str, word: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once(word) else {
        return Vec::new();
    };
    let mut depth = 0_u32;
    let plain: String = rest
        .chars()
        .filter(|character| {
            let outside = depth == 0;
            match character {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => return outside,
            }
            false
        })
        .collect();
    plain.split(['.', ':']).next().unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The only values that a filter takes, where the brackets after its name hold nothing but them: "`state` (`open`, `closed`)".
fn values_of(text: &str, filter: &str) -> Option<Vec<String>> {
    let (_, rest) = text.split_once(&format!("`{filter}` ("))?;
    let (inside, _) = rest.split_once(')')?;
    inside.split(", ").flat_map(|part| part.split(" or ")).map(|word| Some(word.strip_prefix('`')?.strip_suffix('`')?.to_owned())).collect()
}

fn complete_list(operation: &mut Operation) {
    let text = format!("{} {}", operation.summary.as_deref().unwrap_or_default(), operation.description.as_deref().unwrap_or_default());
    for filter in named_after(&text, "Filters:").into_iter().chain(named_after(&text, "Filter:")) {
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(values_of(&text, &filter));
        add_with(operation, ParameterIn::Query, &filter, schema, "Only rows with this value", Required::False);
    }
    let sorts = named_after(&text, "Sort:").join(", ");
    let sort = if sorts.is_empty() { "`field` or `-field`; the newest first unless said".to_owned() } else { format!("`field` or `-field`, several separated by commas, of: {sorts}") };
    add(operation, ParameterIn::Query, "limit", Type::Integer, "Rows of a page: 1 to 200, 50 unless said", Required::False);
    add(operation, ParameterIn::Query, "cursor", Type::String, "`next_cursor` of the page before, with the same filters and sort", Required::False);
    add(operation, ParameterIn::Query, "sort", Type::String, &sort, Required::False);
    add(operation, ParameterIn::Query, "columns", Type::String, "For CSV and XLSX: these columns only, separated by commas", Required::False);
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let file = || RefOr::T(ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String).build())).build());
        response.content.insert("text/csv".to_owned(), file());
        response.content.insert("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned(), file());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_sorts_are_read_from_the_handlers_text() {
        let text = "Lists things. Filters: `level`, `parent_id`. Sort: `name`.";
        assert_eq!((named_after(text, "Filters:"), named_after(text, "Sort:")), (vec!["level".to_owned(), "parent_id".to_owned()], vec!["name".to_owned()]));
        assert!(named_after("Lists `things`.", "Filters:").is_empty());
        assert_eq!(named_after("Filters: `state`, `exported` (`true` or `false`), `next` (`claim.pay`: to pay). Sort: `seq`.", "Filters:"), ["state", "exported", "next"]);
        assert_eq!(named_after("Filter: `kind`: `to_do` (now) or `done`.", "Filter:"), ["kind"]);
    }

    #[test]
    fn the_values_of_a_filter_are_read_where_its_brackets_hold_nothing_else() {
        let text = "Filters: `state` (`open`, `closed`), `exported` (`true` or `false`), `next` (`claim.pay`: to pay), `name`. Sort: `seq`.";
        assert_eq!(values_of(text, "state"), Some(vec!["open".to_owned(), "closed".to_owned()]));
        assert_eq!(values_of(text, "exported"), Some(vec!["true".to_owned(), "false".to_owned()]));
        assert_eq!((values_of(text, "next"), values_of(text, "name")), (None, None));
    }

    #[test]
    fn the_example_of_every_refusal_has_a_code_that_exists() {
        for (status, _, code) in STATUSES {
            let known = known_refusals().find(|known| known.code == code);
            assert!(known.is_some_and(|known| known.status.contains(status)), "{status} {code}");
        }
    }
}
