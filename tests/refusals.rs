//! Walks every refusal of the source: a stable code, words in both languages, its place on the page of refusals, a test that quotes it.
#![expect(clippy::unwrap_used, clippy::string_slice, clippy::type_complexity, reason = "a test may panic, and its types are read once")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Codes that no test quotes, each with its reason.
const UNQUOTED: &[(&str, &str)] = &[
    ("bad_request", "what actix itself refuses, such as a path that is no text"),
    ("body_unreadable", "the connection broke in the middle of the body"),
    ("busy", "the database gave up waiting; needs a stopped writer"),
    ("idempotency_in_progress", "needs two requests inside one transaction's time on PostgreSQL"),
    ("reservations_open", "claims and applications beforehand are refused before it"),
];

/// One place where a refusal is made.
#[derive(Debug)]
struct Refusal {
    file: String,
    status: String,
    code: Option<String>,
    zh: Option<String>,
    en: Option<String>,
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.to_string_lossy().ends_with(extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first text in an expression: a literal, or the pattern of a `format!`.
struct FirstText(Option<String>);

impl<'a> Visit<'a> for FirstText {
    fn visit_lit_str(&mut self, text: &'a syn::LitStr) {
        self.0.get_or_insert_with(|| text.value());
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        // The pattern of a `format!` is its first token; a text in it is written without escapes.
        let tokens = called.tokens.to_string();
        if let Some(text) = tokens.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
            self.0.get_or_insert_with(|| text.to_owned());
        }
    }
}

fn first_text(expression: &syn::Expr) -> Option<String> {
    let mut text = FirstText(None);
    text.visit_expr(expression);
    text.0
}

struct Refusals<'f> {
    file: &'f str,
    /// Whether `Self` is a problem here.
    inside_problem: bool,
    found: Vec<Refusal>,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test"))
}

impl<'a> Visit<'a> for Refusals<'_> {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        let before = self.inside_problem;
        self.inside_problem = matches!(&*item.self_ty, syn::Type::Path(path) if path.path.is_ident("Problem"));
        syn::visit::visit_item_impl(self, item);
        self.inside_problem = before;
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            let names: Vec<_> = path.path.segments.iter().rev().take(2).map(|segment| segment.ident.to_string()).collect();
            let makes = names.first().is_some_and(|name| name == "new") && names.get(1).is_some_and(|name| name == "Problem" || (name == "Self" && self.inside_problem));
            if makes && let [status, code, zh, en] = &call.args.iter().collect::<Vec<_>>()[..] {
                let status = if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) = status { number.base10_digits().to_owned() } else { "4xx".to_owned() };
                let literal = if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = code { Some(text.value()) } else { None };
                self.found.push(Refusal { file: self.file.to_owned(), status, code: literal, zh: first_text(zh), en: first_text(en) });
            }
        }
        syn::visit::visit_expr_call(self, call);
    }
}

/// The source of a file without its unit tests, which stand at its end.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

fn refusals() -> Vec<Refusal> {
    let mut all = Vec::new();
    for path in files(&root().join("src"), ".rs") {
        let source = std::fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        let mut found = Refusals { file: &file, inside_problem: false, found: Vec::new() };
        found.visit_file(&syn::parse_file(&source).unwrap());
        let written = without_tests(&source).lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| line.matches("Problem::new(").count()).sum::<usize>();
        assert!(found.found.len() >= written, "{file}: a Problem::new inside a macro is not found by this test; make it a function of refusals.rs");
        all.extend(found.found);
    }
    all
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character))
}

#[test]
fn every_refusal_has_a_code_of_its_own_and_words_in_both_languages() {
    let all = refusals();
    assert!(all.len() >= 40, "{}", all.len());
    for refusal in &all {
        let Refusal { file, code, zh, en, .. } = refusal;
        let code = code.as_ref().unwrap_or_else(|| panic!("{file}: write the code of Problem::new as a literal: {refusal:?}"));
        assert!(code.chars().all(|character| character.is_ascii_lowercase() || character == '_' || character.is_ascii_digit()), "{file}: {code} is not snake_case");
        let zh = zh.as_ref().unwrap_or_else(|| panic!("{file}: {code}: write the title as a literal and what varies as detail"));
        let en = en.as_ref().unwrap_or_else(|| panic!("{file}: {code}: write the title as a literal and what varies as detail"));
        assert!(has_chinese(zh) && !has_chinese(en), "{file}: {code}: the title is Chinese first, then English: {zh} / {en}");
    }
}

/// The page as the source says it: a row for each code, by code.
fn page() -> String {
    let mut rows: BTreeMap<String, (BTreeSet<String>, Vec<String>, Vec<String>)> = BTreeMap::new();
    for refusal in refusals() {
        let (statuses, zh, en) = rows.entry(refusal.code.unwrap_or_default()).or_default();
        statuses.insert(refusal.status);
        for (texts, text) in [(zh, refusal.zh), (en, refusal.en)] {
            let text = text.unwrap_or_default().replace('|', "/");
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    let mut page =
        "# Refusals 错误代码\n\nWritten from the source: `MINGZHANG_WRITE_ERRORS=1 cargo test --test refusals`. Served at `/docs/errors`.\n\n| code | status | 中文 | English |\n|---|---|---|---|\n"
            .to_owned();
    for (code, (statuses, zh, en)) in rows {
        let statuses = statuses.into_iter().collect::<Vec<_>>().join(", ");
        page.push_str(&format!("| `{code}` | {statuses} | {} | {} |\n", zh.join("；"), en.join("; ")));
    }
    page
}

#[test]
fn the_page_of_refusals_is_what_the_source_says() {
    let path = root().join("docs/errors.md");
    let now = page();
    if std::env::var_os("MINGZHANG_WRITE_ERRORS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), now, "refusals changed: run MINGZHANG_WRITE_ERRORS=1 cargo test --test refusals, then cargo run -- openapi > openapi/openapi.json");
}

#[test]
fn every_refusal_is_quoted_in_a_test() {
    let mut tests = String::new();
    for path in files(&root().join("tests"), ".rs") {
        if path.file_name().is_none_or(|name| name != "refusals.rs") {
            tests.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    for path in files(&root().join("src"), ".rs") {
        let source = std::fs::read_to_string(&path).unwrap();
        let whole = path.file_name().is_some_and(|name| name == "tests.rs");
        tests.push_str(if whole { &source } else { &source[without_tests(&source).len()..] });
    }
    let codes: BTreeSet<String> = refusals().into_iter().filter_map(|refusal| refusal.code).collect();
    let quoted = |code: &str| tests.contains(&format!("\"{code}\"")) || tests.contains(&format!("\\\"{code}\\\""));
    let missing: Vec<_> = codes.iter().filter(|code| !quoted(code) && !UNQUOTED.iter().any(|(known, _)| known == code)).collect();
    assert!(missing.is_empty(), "no test expects these codes: {missing:?}; test them, or name them in UNQUOTED with the reason");
    for (code, reason) in UNQUOTED {
        assert!(codes.contains(*code) && !quoted(code), "UNQUOTED names {code} ({reason}) needlessly: take it out");
    }
}

#[test]
fn every_statement_for_postgresql_has_its_twin_for_sqlite_and_both_are_used() {
    let sources: String = files(&root().join("src"), ".rs").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for (own, other) in [(".postgres.sql", ".sqlite.sql"), (".sqlite.sql", ".postgres.sql")] {
        for path in files(&root().join("src"), own) {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            let twin = name.replace(own, other);
            assert!(path.with_file_name(&twin).exists(), "{}: {twin} is missing beside it", path.display());
            assert!(sources.contains(&name), "{}: no include_str! names it", path.display());
        }
    }
}
