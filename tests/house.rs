//! Reads the source and holds the house rules: who may know whom, and what only one place may do.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The floors, from the ground up. A folder uses those before it and itself.
const FLOORS: [&str; 24] = [
    "kernel",
    "platform::db",
    "platform::http",
    "platform::sheet",
    "platform::audit",
    "platform::calendar",
    "platform::notification",
    "platform::jobs",
    "platform::tasks",
    "platform::attachment",
    "people::tenancy",
    "people::identity",
    "work::plan",
    "work::activity",
    "funds::spending",
    "funds::ledger",
    "funds::budget",
    "funds::bank",
    "funds::commitment",
    "funds::claim",
    "funds::donation",
    "funds::stipend",
    "funds::closing",
    "top",
];
/// Floors that stand beside each other: none of these knows another, whichever stands first in the list.
const BLIND: [&[&str]; 1] = [&["funds::claim", "funds::donation", "funds::stipend"]];
/// Used by nobody below them.
const TOP: [&str; 7] = ["app", "bench", "demo", "keys", "settings", "main", "lib"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The floor of a path's first segments; none where it names no floor (`platform` alone).
fn floor(segments: &[String]) -> Option<usize> {
    let first = segments.first()?;
    if TOP.contains(&first.as_str()) {
        return FLOORS.iter().position(|floor| *floor == "top");
    }
    let two = segments.get(1).map(|second| format!("{first}::{second}"));
    FLOORS.iter().position(|floor| *floor == first.as_str() || two.as_deref() == Some(floor))
}

/// Every `crate::…` path of a file, also those in `use` trees.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| prefix.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Glob(_) => self.0.push(prefix.to_vec()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
        }
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_path(&mut self, path: &'a syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.tree(&[], &item.tree);
    }
}

/// Whether two floors stand beside each other, blind to one another.
fn beside(own: usize, used: usize) -> bool {
    let within = |floor: usize, all: &[&str]| FLOORS.get(floor).is_some_and(|name| all.contains(name));
    own != used && BLIND.iter().any(|all| within(own, all) && within(used, all))
}

fn faults_of(own: &[String], source: &str) -> Vec<String> {
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(source).unwrap());
    let own_floor = floor(own);
    let named = paths.0.iter().filter(|path| path.first().is_some_and(|first| first == "crate")).filter_map(|path| Some((floor(path.get(1..)?)?, path.join("::"))));
    named.filter(|(used, _)| own_floor.is_some_and(|own| *used > own || beside(own, *used))).map(|(_, path)| path).collect()
}

fn module_of(file: &Path, root: &Path) -> Vec<String> {
    file.strip_prefix(root).unwrap().with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_floor_reaches_up() {
    let mut faults = Vec::new();
    for file in sources(&root()) {
        let own = module_of(&file, &root());
        for path in faults_of(&own, &std::fs::read_to_string(&file).unwrap()) {
            faults.push(format!("{}: {path} lies above it or beside it; declare a trait here that the upper floor implements", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_path_that_reaches_up_is_found_wherever_it_stands() {
    let own = ["platform".to_owned(), "db".to_owned(), "tx".to_owned()];
    assert_eq!(faults_of(&own, "use crate::{kernel::money::Fen, people::identity::user};"), ["crate::people::identity::user"]);
    assert_eq!(faults_of(&own, "fn f() { crate::platform::audit::record(); }"), ["crate::platform::audit::record"]);
    assert_eq!(faults_of(&own, "use crate::kernel::access::Scope;"), Vec::<String>::new());
}

#[test]
fn floors_that_stand_beside_each_other_are_blind_both_ways() {
    let (claim, stipend) = (["funds", "claim", "pay"].map(str::to_owned), ["funds", "stipend", "pay"].map(str::to_owned));
    assert_eq!(faults_of(&stipend, "use crate::funds::claim::labour_month;"), ["crate::funds::claim::labour_month"]);
    assert_eq!(faults_of(&claim, "use crate::funds::stipend::run;"), ["crate::funds::stipend::run"]);
    assert_eq!(faults_of(&stipend, "use crate::funds::stipend::run; use crate::funds::ledger::post;"), Vec::<String>::new());
    let closing = ["funds", "closing", "close"].map(str::to_owned);
    assert_eq!(faults_of(&closing, "use crate::funds::{claim, donation, stipend};"), Vec::<String>::new());
    for floor in BLIND.iter().copied().flatten() {
        assert!(FLOORS.contains(floor), "{floor} is no floor");
    }
}

#[test]
fn only_the_database_folder_begins_a_transaction_of_sea_orm() {
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let inside = module_of(&file, &root()).starts_with(&["platform".to_owned(), "db".to_owned()]);
        assert!(inside || !text.contains("DatabaseTransaction"), "{}: use Tx from platform::db", file.display());
    }
}

/// Every file of a folder that holds SQL.
fn sql_files(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.into_iter().flat_map(|path| if path.is_dir() { sql_files(&path) } else { vec![path] }).filter(|path| path.extension().is_some_and(|extension| extension == "sql")).collect()
}

#[test]
fn each_statement_of_one_database_has_its_twin_and_both_are_used() {
    let text: String = sources(&root()).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let files = sql_files(&root());
    assert!(!files.is_empty());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.contains(&format!("sql/{name}\"")), "{}: no source includes it; use it by include_str! or take it away", file.display());
        let twin = if name.ends_with(".postgres.sql") { name.replace(".postgres.", ".sqlite.") } else { name.replace(".sqlite.", ".postgres.") };
        assert!(file.with_file_name(&twin).exists(), "{}: write {twin} beside it, so that both databases do the same", file.display());
    }
}

/// Handlers and how many of `Actor` and `Public` each takes.
struct Handlers(Vec<(String, usize)>);

impl<'a> Visit<'a> for Handlers {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        let routed = function.attrs.iter().any(|attribute| ["get", "post", "patch", "put", "delete"].iter().any(|method| attribute.path().is_ident(method)));
        if routed {
            let asks =
                |argument: &syn::FnArg| matches!(argument, syn::FnArg::Typed(typed) if matches!(&*typed.ty, syn::Type::Path(path) if path.path.is_ident("Actor") || path.path.is_ident("Public")));
            self.0.push((function.sig.ident.to_string(), function.sig.inputs.iter().filter(|argument| asks(argument)).count()));
        }
    }
}

#[test]
fn every_handler_says_once_who_asks() {
    let mut handlers = Handlers(Vec::new());
    for file in sources(&root()) {
        handlers.visit_file(&syn::parse_file(&std::fs::read_to_string(&file).unwrap()).unwrap());
    }
    assert!(handlers.0.len() >= 15);
    for (name, count) in handlers.0 {
        assert_eq!(count, 1, "{name}: take exactly one of Actor and Public");
    }
}

#[test]
fn every_list_says_its_filters_in_the_description_and_no_others() {
    let description = serde_json::to_value(mingzhang::app::openapi()).unwrap();
    let quoted = |text: &str| -> BTreeSet<String> { text.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut lists = 0;
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        for handler in text.split("#[get(\"").skip(1) {
            let Some(known) = handler.split("\n}\n").next().and_then(|own| own.split_once("ListRequest::parse(&request, &[")).map(|(_, rest)| rest.split(']').next().unwrap()) else { continue };
            let path = format!("/api/v1{}", handler.split('"').next().unwrap());
            let parameters = description["paths"][&path]["get"]["parameters"].as_array().unwrap_or_else(|| panic!("{path} is not described"));
            let queries = parameters.iter().filter(|parameter| parameter["in"] == "query").map(|parameter| parameter["name"].as_str().unwrap().to_owned());
            let described: BTreeSet<String> = queries.filter(|name| !["limit", "cursor", "sort", "columns"].contains(&name.as_str())).collect();
            assert_eq!(described, quoted(known), "{}: {path}: say the filters in the handler's comment: Filters: `one`, `other`.", file.display());
            lists += 1;
        }
    }
    assert!(lists > 40, "{lists}");
}

/// Names under which types stand in the API's description.
struct WireTypes(Vec<String>);

impl WireTypes {
    fn take(&mut self, name: &syn::Ident, attributes: &[syn::Attribute]) {
        let text = |attribute: &syn::Attribute| if let syn::Meta::List(list) = &attribute.meta { list.tokens.to_string() } else { String::new() };
        if attributes.iter().any(|attribute| attribute.path().is_ident("derive") && text(attribute).contains("ToSchema")) {
            let renamed =
                attributes.iter().filter(|attribute| attribute.path().is_ident("schema")).find_map(|attribute| Some(text(attribute).strip_prefix("as = ")?.split([' ', ',']).next()?.to_owned()));
            self.0.push(renamed.unwrap_or_else(|| name.to_string()));
        }
    }
}

impl<'a> Visit<'a> for WireTypes {
    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.take(&item.ident, &item.attrs);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.take(&item.ident, &item.attrs);
    }
}

#[test]
fn no_two_types_stand_under_one_name_in_the_description() {
    let mut known: std::collections::BTreeMap<String, PathBuf> = std::collections::BTreeMap::new();
    for file in sources(&root()) {
        let mut types = WireTypes(Vec::new());
        types.visit_file(&syn::parse_file(&std::fs::read_to_string(&file).unwrap()).unwrap());
        for name in types.0 {
            if let Some(other) = known.insert(name.clone(), file.clone()) {
                panic!("{} and {}: two wire types are called {name}, and the description would show one of them twice; rename one by #[schema(as = …)]", other.display(), file.display());
            }
        }
    }
    assert!(known.len() > 50, "{}", known.len());
}

/// Handlers that change something, and whether they take `Write` or `Upload`.
struct Writers(Vec<(String, String, bool)>);

impl<'a> Visit<'a> for Writers {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        let route = function.attrs.iter().find(|attribute| ["post", "patch", "put", "delete"].iter().any(|method| attribute.path().is_ident(method)));
        if let Some(syn::Meta::List(route)) = route.map(|attribute| &attribute.meta) {
            let guarded =
                |argument: &syn::FnArg| matches!(argument, syn::FnArg::Typed(typed) if matches!(&*typed.ty, syn::Type::Path(path) if path.path.is_ident("Write") || path.path.is_ident("Upload")));
            self.0.push((function.sig.ident.to_string(), route.tokens.to_string(), function.sig.inputs.iter().any(guarded)));
        }
    }
}

#[test]
fn what_changes_something_goes_through_write_which_commits_nothing_without_an_audit_event() {
    let mut writers = Writers(Vec::new());
    for file in sources(&root()) {
        writers.visit_file(&syn::parse_file(&std::fs::read_to_string(&file).unwrap()).unwrap());
    }
    assert!(writers.0.len() > 50);
    for (name, route, guarded) in writers.0 {
        // Logins have an order of refusals of their own, and tell nobody whether an account exists.
        assert!(guarded || route.starts_with("\"/auth/"), "{name} {route}: take Write or Upload, as src/funds/claim/routes.rs does");
    }
}
