//! Reads the source and holds the house rules: who may know whom, and what only one place may do.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The floors, from the ground up. A folder uses those before it and itself.
const FLOORS: [&str; 21] = [
    "kernel",
    "platform::db",
    "platform::http",
    "platform::sheet",
    "platform::audit",
    "platform::calendar",
    "platform::notification",
    "platform::jobs",
    "platform::tasks",
    "people::tenancy",
    "people::identity",
    "work::plan",
    "funds::spending",
    "funds::ledger",
    "funds::budget",
    "funds::bank",
    "funds::claim",
    "funds::donation",
    "funds::stipend",
    "funds::closing",
    "top",
];
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

fn faults_of(own: &[String], source: &str) -> Vec<String> {
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(source).unwrap());
    let own_floor = floor(own);
    let named = paths.0.iter().filter(|path| path.first().is_some_and(|first| first == "crate")).filter_map(|path| Some((floor(path.get(1..)?)?, path.join("::"))));
    named.filter(|(used, _)| own_floor.is_some_and(|own| *used > own)).map(|(_, path)| path).collect()
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
            faults.push(format!("{}: {path} lies above it; declare a trait here that the upper floor implements", file.display()));
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
fn only_the_database_folder_begins_a_transaction_of_sea_orm() {
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let inside = module_of(&file, &root()).starts_with(&["platform".to_owned(), "db".to_owned()]);
        assert!(inside || !text.contains("DatabaseTransaction"), "{}: use Tx from platform::db", file.display());
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
