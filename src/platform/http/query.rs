//! The query of an operation that is no list, as its type.

use actix_web::HttpRequest;
use serde::de::DeserializeOwned;

use super::body::expected;
use super::list::{given_twice, invalid_parameter};
use crate::kernel::problem::{Problem, Words};

/// Reads the query.
///
/// # Errors
/// 400 `invalid_parameter`, which names the parameter and says what it should be.
pub fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let pairs = pairs(request)?;
    if let Some((twice, _)) = pairs.iter().enumerate().find(|(place, (name, _))| pairs.iter().take(*place).any(|(earlier, _)| earlier == name)).map(|(_, pair)| pair) {
        return Err(given_twice(twice));
    }
    read::<T>(&pairs).map_err(|error| {
        let told = error.to_string();
        let Words { zh, en } = of_parameter(&told);
        // Of a parameter that is missing or unknown the text has the name; a wrong one is the one without which the rest is right.
        let named = told.split('`').nth(1).filter(|_| told.contains(" field `"));
        let wrong = || pairs.iter().find(|(name, _)| read::<T>(&pairs.iter().filter(|(other, _)| other != name).cloned().collect::<Vec<_>>()).is_ok()).map(|(name, _)| name.as_str());
        invalid_parameter(named.or_else(wrong).unwrap_or("?"), &zh, &en)
    })
}

/// The names and values of a query.
///
/// # Errors
/// 400 `invalid_parameter` where it is not percent-encoded UTF-8.
pub(super) fn pairs(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    serde_urlencoded::from_str(request.query_string()).map_err(|_form| invalid_parameter("?", "查询串不是百分号编码的 UTF-8", "the query is not percent-encoded UTF-8"))
}

fn read<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, serde_urlencoded::de::Error> {
    serde_urlencoded::from_str(&serde_urlencoded::to_string(pairs).unwrap_or_default())
}

fn of_parameter(told: &str) -> Words {
    if told.starts_with("missing field") {
        return Words::new("缺少该参数", "it is missing");
    }
    if told.starts_with("unknown field") {
        return Words::new("参数未知", "it is unknown");
    }
    if told.starts_with("invalid digit") || told.starts_with("number too") || told.starts_with("cannot parse integer") {
        return Words::new("须为整数", "expected a whole number");
    }
    if told.starts_with("provided string was not") {
        return Words::new("须为 true 或 false", "expected true or false");
    }
    expected(told)
}
