//! A refusal as people and programs read it: RFC 9457 `application/problem+json`, in Chinese and English.
//!
//! A folder names each of its refusals as a function in `refusals.rs`; this module only knows the shape.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::Place;

/// The language an answer is written in, chosen by `Accept-Language` (RFC 9110 section 12.5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese, the default.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// The language of an `Accept-Language` header: of those that are known the one with the highest weight, of equals the first; else Chinese.
    #[must_use]
    pub fn of_header(header: &str) -> Self {
        let mut best = (0, Self::Chinese);
        for (tag, weight) in weighted(header) {
            let language = match tag.get(..2).unwrap_or_default().to_ascii_lowercase().as_str() {
                "zh" => Self::Chinese,
                "en" => Self::English,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// The entries of a header that lists preferences, each with its weight in thousandths (RFC 9110 section 12.4.2); an entry whose weight is none counts as 0.
pub fn weighted(header: &str) -> impl Iterator<Item = (&str, u32)> {
    header.split(',').map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let entry = pieces.next().unwrap_or_default();
        let weight = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q="))).map_or(Some(1000), thousandths);
        (entry, weight.unwrap_or(0))
    })
}

/// `0.8` as 800; none for what is no number from 0 to 1 with at most three decimals.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let plain = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u32 = format!("{decimals:0<3}").parse().ok().filter(|_| plain)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// One sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// Both wordings of one sentence.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The wording in one language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: Words,
}

/// A refused attempt that the audit trail keeps although everything else of the request is rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAttempt {
    /// Noun and verb, such as `invoice.used_elsewhere`.
    pub action: &'static str,
    /// The kind of record that it was about.
    pub subject_type: &'static str,
    /// The record, one of who asked.
    pub subject_id: Uuid,
    /// Where it sits.
    pub place: Place,
    /// What was tried, without personal data.
    pub what: String,
}

/// A refusal: status, stable code, words, and the faults of single fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code in `snake_case`.
    pub code: &'static str,
    /// What kind of refusal this is.
    pub title: Words,
    /// What is wrong here, and what to do.
    pub detail: Words,
    /// The faults of single fields, all at once.
    pub errors: Vec<FieldError>,
    /// Seconds after which trying again makes sense (`Retry-After`).
    pub retry_after: Option<u32>,
    /// What went wrong inside, for the log only: it never leaves the server.
    pub cause: Option<String>,
    /// What the audit trail keeps of the attempt.
    pub kept: Option<Box<KeptAttempt>>,
}

impl Problem {
    /// A refusal whose detail repeats its title until [`Problem::detail`] says more.
    pub fn new(status: u16, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        let title = Words::new(zh, en);
        Self { status, code, detail: title.clone(), title, errors: Vec::new(), retry_after: None, cause: None, kept: None }
    }

    /// Says what is wrong in this very case, and what to do.
    #[must_use]
    pub fn detail(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.detail = Words::new(zh, en);
        self
    }

    /// Adds the fault of one field.
    #[must_use]
    pub fn field(mut self, pointer: &str, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: pointer.to_owned(), code, message: Words::new(zh, en) });
        self
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Has the audit trail keep the attempt, whatever is rolled back.
    #[must_use]
    pub fn keep(mut self, attempt: KeptAttempt) -> Self {
        self.kept = Some(Box::new(attempt));
        self
    }

    /// A fault of ours: 500, with its cause kept for the log.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut problem = Self::new(500, "internal_error", "服务器内部错误", "Internal error").detail(
            "服务器出错，未作任何更改。请稍后再试；如仍出错，请把 request_id 告诉管理员。",
            "Something went wrong on the server and nothing was changed. Try again later; if it persists, give the request_id to your administrator.",
        );
        problem.cause = Some(cause.to_string());
        problem
    }

    /// 404, the same for a row of another tenant and for an id that never was.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(404, "not_found", "未找到", "Not found").detail("找不到该记录，或它不在您的管辖范围内。请核对编号。", "There is no such record within your reach. Check the id.")
    }

    /// 403: the person holds the capability nowhere, or not at this unit.
    #[must_use]
    pub fn forbidden(capability: &str) -> Self {
        Self::new(403, "forbidden", "没有权限", "Forbidden").detail(
            format!("您在该单位没有“{capability}”权限。请由有权限的同事办理，或联系管理员。"),
            format!("You do not hold the capability “{capability}” at this unit. Ask a colleague who does, or your administrator."),
        )
    }

    /// 422 with all faults of the body at once.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(422, "validation_failed", "内容不符合要求", "The content breaks rules")
            .detail("请按 errors 逐项更正后重新提交；本次未作任何更改。", "Correct each entry of errors and send again; nothing was changed.");
        problem.errors = errors;
        problem
    }

    /// 422 for an id in a body that is out of reach, the same as for one that never was.
    #[must_use]
    pub fn unknown_reference(pointer: &str) -> Self {
        let message = ("该编号不存在或不在您的管辖范围内", "This id does not exist within your reach");
        Self::new(422, "unknown_reference", "引用的记录不存在", "Unknown reference").detail("请核对所引用的编号。", "Check the id that the body refers to.").field(
            pointer,
            "unknown_reference",
            message.0,
            message.1,
        )
    }

    /// 422: the body of who acts in several streets, or for a district, does not say in which street.
    #[must_use]
    pub fn street_required() -> Self {
        Self::new(422, "street_required", "请指明街道", "Name the street")
            .detail("您在不止一个街道（或在区级）办理，请在 street_id 中指明是哪个街道。", "You act in more than one street (or for a district): say which one in street_id.")
            .field("/street_id", "street_required", "须指明街道", "must name a street")
    }

    /// 422: the body of who acts in several communities of a street does not say in which community.
    #[must_use]
    pub fn community_required() -> Self {
        Self::new(422, "community_required", "请指明社区", "Name the community")
            .detail("您在不止一个社区办理，请在 community_id 中指明是哪个社区。", "You act in more than one community: say which one in community_id.")
            .field("/community_id", "community_required", "须指明社区", "must name a community")
    }

    /// 409: the document is in a state from which this action does not lead on.
    #[must_use]
    pub fn invalid_transition(action: &str, state: &str) -> Self {
        Self::new(409, "invalid_transition", "当前状态不允许此操作", "Not possible in this state")
            .detail(format!("当前状态为“{state}”，不能执行“{action}”。请刷新后再试。"), format!("The record is in the state “{state}”, which does not allow “{action}”. Reload it and try again."))
    }

    /// 403: one person would hold two parts on one document.
    #[must_use]
    pub fn separation_of_duties(part: &str, other: &str) -> Self {
        Self::new(403, "separation_of_duties", "不相容职务须分离", "Separation of duties").detail(
            format!("您已在此单据上承担“{other}”，不能再承担“{part}”。请由另一位有权限的同事办理。"),
            format!("You already took the part “{other}” on this document and cannot take “{part}” too. Another colleague must do it."),
        )
    }

    /// The body that is sent, in one language.
    #[must_use]
    pub fn body(&self, language: Language, instance: &str, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("/docs/errors#{}", self.code),
            title: self.title.in_language(language).to_owned(),
            status: self.status,
            detail: self.detail.in_language(language).to_owned(),
            instance: instance.to_owned(),
            code: self.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.iter().map(|error| FieldErrorBody { pointer: error.pointer.clone(), code: error.code.to_owned(), message: error.message.in_language(language).to_owned() }).collect(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.detail.en)?;
        for error in &self.errors {
            write!(f, "; {} {}", error.pointer, error.message.en)?;
        }
        if let Some(cause) = &self.cause {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Collects the faults of a body, so that they are told all at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// No fault yet.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a fault at a JSON pointer.
    pub fn add(&mut self, pointer: &str, code: &'static str, zh: impl Into<String>, en: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.to_owned(), code, message: Words::new(zh, en) });
    }

    /// Adds a fault where the text is empty or longer than `most` characters.
    pub fn text(&mut self, pointer: &str, text: &str, most: usize) {
        let length = text.trim().chars().count();
        if length == 0 {
            self.add(pointer, "required", "不能为空", "Must not be empty");
        } else if length > most {
            self.add(pointer, "too_long", format!("最多 {most} 个字符，现有 {length} 个"), format!("At most {most} characters, not {length}"));
        }
    }

    /// Ok where nothing was found, else 422 with everything.
    ///
    /// # Errors
    /// `validation_failed` with all faults.
    pub fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}

/// RFC 9457 problem details as sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A reference that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of refusal this is.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// The stable code.
    pub code: String,
    /// The request's id, as in `X-Request-Id`.
    pub request_id: String,
    /// The faults of single fields.
    pub errors: Vec<FieldErrorBody>,
}

/// What is wrong with one field, as sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldErrorBody {
    /// A JSON pointer into the body.
    pub pointer: String,
    /// A stable code.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_language_of_the_highest_weight_is_taken_and_chinese_is_the_default() {
        assert_eq!(Language::of_header("zh;q=0.1,en;q=0.9"), Language::English);
        assert_eq!(Language::of_header("en;q=0, zh;q=0.2"), Language::Chinese);
        assert_eq!(Language::of_header("en;q=2"), Language::Chinese);
        assert_eq!(Language::of_header("*"), Language::Chinese);
        assert_eq!(Language::of_header("fr, en-GB;q=0.8, zh;q=0.5"), Language::English);
        assert_eq!(Language::of_header("zh-CN"), Language::Chinese);
        assert_eq!(Language::of_header("fr"), Language::Chinese);
    }

    #[test]
    fn all_faults_of_a_body_are_told_at_once() {
        let mut faults = Faults::none();
        faults.text("/name", " ", 10);
        faults.text("/objective", "12345", 4);
        let problem = faults.into_result().err();
        assert_eq!(problem.map(|p| p.errors.len()), Some(2));
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_in_the_body() {
        let body = Problem::internal("password of the database").body(Language::English, "/x", "r");
        let text = serde_json::to_string(&body).unwrap_or_default();
        assert!(!text.contains("password") && text.contains("internal_error"));
    }
}
