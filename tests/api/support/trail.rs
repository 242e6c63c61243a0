//! What every answer must have left in the audit trail, looked at after each request that any test sends: a write exactly one event; a refusal, a dry run, a replay and a read none.
//! The request's id finds its events, so that requests at the same time do not mix, and a new operation is watched by itself.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock};

use mingzhang::platform::db::{Db, Reason, Sql};
use reqwest::Method;
use serde_json::Value;

use super::Answer;

/// How many events an operation leaves where it is not one, by its body and its answer.
type Expected = fn(&str, &Value) -> usize;

/// At least one: an event for each row that it finds to be changed.
const SOME: usize = usize::MAX;

/// Any number: an event for each row that it adds, none where all is there.
const ANY: usize = usize::MAX - 1;

/// What happens to another record because of what was done to the first, each with its reason: it is not counted beside the operation's own event.
const CONSEQUENCES: [(&str, &str); 4] = [
    ("attachment.link", "papers that a body names are linked to what it makes"),
    ("commitment.take", "a claim takes from its application"),
    ("commitment.give_back", "a claim gives back to its application"),
    ("invoice.used_elsewhere", "of a refused submission each hit on another street's invoice is kept"),
];

/// Operations that leave another number of events than one, each with its reason. `operations::every_exception_of_the_trail_is_needed` fails where one is not.
pub const OTHERWISE: [(&str, &str, &str, Expected); 19] = [
    ("POST", "/auth/refresh", "the login goes on, and nothing else is changed", |_, _| 0),
    ("POST", "/auth/totp", "it only begins; the confirmation is the event", |_, _| 0),
    ("POST", "/attachments/{id}/links", "the link, none where it is there already", |_, _| ANY),
    ("POST", "/bank-statements/{id}/match", "the rules that were run, and each match", |_, _| SOME),
    ("POST", "/beneficiaries", "a person, and the account where one is given", |body, _| 1 + usize::from(given(body, "account"))),
    ("POST", "/beneficiaries/import", "each person, and each account", |body, _| filled(body, "姓名") + filled(body, "银行账号")),
    ("POST", "/beneficiaries/search", "it only reads; the number must not stand in a URL", |_, _| 0),
    ("POST", "/claims", "drafted, and submitted where that is asked", |body, _| 1 + usize::from(given(body, "submit"))),
    ("POST", "/claims/approve", "each claim that is approved", |_, answer| answer["outcomes"].as_array().unwrap().iter().filter(|outcome| outcome["outcome"] == "approved").count()),
    ("POST", "/commitments", "drafted, and submitted where that is asked", |body, _| 1 + usize::from(given(body, "submit"))),
    ("POST", "/enrolments/import", "each enrolment", |body, _| filled(body, "身份证号")),
    ("POST", "/fiscal-years/{id}/close", "the year, its budgets and its December, which close with it, and quota that lapses", |_, _| SOME),
    ("POST", "/invoices/parse", "it only reads a file", |_, _| 0),
    ("POST", "/paper-rules/defaults", "each rule", |_, _| ANY),
    ("POST", "/payees/search", "it only reads; the name must not stand in a URL", |_, _| 0),
    ("POST", "/payment-batches", "the batch, and each claim in it", |_, answer| 1 + count(answer)),
    ("POST", "/payment-batches/{id}/results", "the batch, and each claim in it", |_, answer| 1 + count(answer)),
    ("POST", "/standards/defaults", "each item, standard and rule", |_, _| ANY),
    ("POST", "/users/{id}/reset", "the account, and each money role that waits for its confirmation again", |_, _| SOME),
];

/// Whether a body has this field, and not as no.
fn given(body: &str, field: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    !body[field].is_null() && body[field] != Value::Bool(false)
}

fn count(batch: &Value) -> usize {
    batch["count"].as_u64().unwrap().try_into().unwrap()
}

/// How many rows of a table (CSV) have something in this column.
fn filled(table: &str, column: &str) -> usize {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let place = reader.headers().unwrap().iter().position(|title| title.trim_end_matches('*') == column);
    reader.records().filter(|row| place.is_some_and(|place| !row.as_ref().unwrap()[place].is_empty())).count()
}

/// The exceptions that were met in this process.
pub fn met() -> &'static Mutex<BTreeSet<&'static str>> {
    static MET: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    &MET
}

#[derive(sea_orm::FromQueryResult)]
struct Left {
    action: String,
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').collect()
}

/// The description's path that a concrete one is of; a fixed segment wins over a parameter.
pub fn template_of(path: &str) -> Option<&'static str> {
    static TEMPLATES: OnceLock<Vec<String>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| mingzhang::app::openapi().paths.paths.keys().cloned().collect());
    let path = format!("/api/v1{}", path.split('?').next().unwrap_or_default());
    let own = segments(&path);
    let fits = |template: &&String| {
        let known = segments(template);
        known.len() == own.len() && known.iter().zip(&own).all(|(known, own)| known.starts_with('{') || known == own)
    };
    templates.iter().filter(fits).min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// Fails where the answer left more or less than it must.
pub async fn check(db: &Db, (method, path): (&Method, &str), body: &str, answer: &Answer) {
    let request = answer.header("x-request-id");
    let Some(template) = template_of(path).filter(|_| !request.is_empty()) else { return };
    let tx = db.read_as_system(Reason::Verify).await.unwrap();
    let left = tx.query::<Left>(Sql::both("SELECT action FROM audit_events WHERE request_id = $1"), vec![request.into()]).await.unwrap();
    tx.rollback().await.unwrap();
    let left: Vec<_> = left.into_iter().map(|left| left.action).collect();
    let own = left.iter().filter(|action| !CONSEQUENCES.iter().any(|(known, _)| known == action)).count();
    // Linking a paper is an operation of its own as well.
    let own = if own == 0 && answer.status.is_success() { left.len() } else { own };
    let expected = expected(method, path, template, (body, answer));
    let fits = match expected {
        ANY => true,
        SOME => own > 0,
        count => own == count,
    };
    assert!(
        fits,
        "{method} {template} answered {} and left {left:?} in the audit trail. A write records one event in its transaction, as src/funds/claim/steps.rs does, a read none unless it unmasks; where an operation must differ, say so with its reason in OTHERWISE of tests/api/support/trail.rs.",
        answer.status
    );
}

fn expected(method: &Method, path: &str, template: &str, (body, answer): (&str, &Answer)) -> usize {
    // The one refusal that changes something: the run is calculated anew, its approval gone.
    if answer.body["code"] == "run_stale" && !path.contains("dry_run=true") {
        return 1;
    }
    if !answer.status.is_success() || answer.replayed || path.contains("dry_run=true") {
        return 0;
    }
    if *method == Method::OPTIONS {
        return 0;
    }
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        let file = answer.header("content-disposition").starts_with("attachment") && !template.ends_with("/template");
        return usize::from(file || path.contains("unmasked=true"));
    }
    let other = OTHERWISE.iter().find(|(known, of, ..)| method.as_str() == *known && template.strip_prefix("/api/v1") == Some(of));
    let count = other.map_or(1, |(.., expected)| expected(body, &answer.body));
    if let Some((_, of, ..)) = other.filter(|_| count != 1) {
        met().lock().unwrap().insert(of);
    }
    count
}
