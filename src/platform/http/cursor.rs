//! Cursors: the sort values of the last row, authenticated and bound to path, filters and sort.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::Value;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::Problem;

/// One sort value. Only the kinds that lists sort by exist.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Piece {
    /// No value.
    Null,
    /// Text, also months and periods.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A small number.
    Small(i32),
    /// An id.
    Id(uuid::Uuid),
    /// A day.
    Day(chrono::NaiveDate),
    /// An instant.
    Instant(chrono::DateTime<chrono::Utc>),
}

#[derive(Serialize, Deserialize)]
struct Content {
    /// What the cursor is bound to.
    bound: String,
    /// The last row's values.
    values: Vec<Piece>,
}

fn piece(value: Value) -> Piece {
    match value {
        Value::String(Some(text)) => Piece::Text(text.to_string()),
        Value::BigInt(Some(number)) => Piece::Integer(number),
        Value::Int(Some(number)) => Piece::Small(number),
        Value::Uuid(Some(id)) => Piece::Id(id),
        Value::ChronoDate(Some(day)) => Piece::Day(day),
        Value::ChronoDateTimeUtc(Some(instant)) => Piece::Instant(instant),
        _ => Piece::Null,
    }
}

fn value(piece: Piece) -> Value {
    match piece {
        Piece::Null => Value::String(None),
        Piece::Text(text) => text.into(),
        Piece::Integer(number) => number.into(),
        Piece::Small(number) => number.into(),
        Piece::Id(id) => id.into(),
        Piece::Day(day) => day.into(),
        Piece::Instant(instant) => instant.into(),
    }
}

/// The order of two sort values of a column, as the database has it.
pub(super) fn compare(one: Value, other: Value) -> Ordering {
    piece(one).cmp(&piece(other))
}

/// The cursor after a row with these sort values.
pub(super) fn seal(keys: &KeyRing, bound: &str, values: Vec<Value>) -> Result<String, Problem> {
    let content = Content { bound: bound.to_owned(), values: values.into_iter().map(piece).collect() };
    let text = serde_json::to_vec(&content).map_err(Problem::internal)?;
    let tag = keys.authenticate_cursor(&text);
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(tag)))
}

/// The sort values of a cursor.
pub(super) fn open(keys: &KeyRing, bound: &str, cursor: &str) -> Result<Vec<Value>, Problem> {
    let content = cursor
        .split_once('.')
        .and_then(|(text, tag)| Some((URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?)))
        .filter(|(text, tag)| bool::from(keys.authenticate_cursor(text).as_slice().ct_eq(tag)))
        .and_then(|(text, _)| serde_json::from_slice::<Content>(&text).ok())
        .filter(|content| content.bound == bound)
        .ok_or_else(|| {
            Problem::new(400, "invalid_cursor", "游标无效", "Invalid cursor")
                .detail("游标不是本接口以相同筛选和排序给出的。请从第一页重新读取。", "The cursor was not given by this list with the same filters and sort. Start again from the first page.")
        })?;
    Ok(content.values.into_iter().map(value).collect())
}
