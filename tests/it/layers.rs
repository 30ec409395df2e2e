//! Arrows point one way: a room imports only rooms below it, and inside a room
//! no file imports, by whatever way round, a file that imports it. Pods are made
//! in one file alone.
//!
//! What counts is what stands in `src/`, tests left aside: `use`, and paths that
//! begin with `crate`, `super` or `self`. A `mod.rs` that says `pub use` imports
//! that part, so a part that imports from its own `mod.rs` is a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms of `src/`, the lowest first. Each may import those before it.
const LAYERS: [&str; 22] = [
    "random",
    "process",
    "wait",
    "redact",
    "page",
    "ledger",
    "vault",
    "probe",
    "scenario",
    "verdict",
    "event",
    "cluster",
    "journal",
    "testbed",
    "configure",
    "cleanup",
    "lifecycle",
    "run",
    "check",
    "selftest",
    "report",
    "cli",
];

/// Rooms that are next to each other and know nothing of each other.
const APART: [(&str, &str); 3] = [("check", "run"), ("selftest", "check"), ("report", "testbed")];

/// The one file that makes pods, and how others would go past it, typed or as JSON.
const POD_MAKER: &str = "cluster::pod_spec";
const POD_MARKS: [&str; 7] = [
    "PodSpec {",
    "Container {",
    "PodSecurityContext {",
    "\"containers\": [{",
    "\"initContainers\"",
    "\"imagePullPolicy\"",
    "\"allowPrivilegeEscalation\"",
];

/// What each file imports, by module: `run::way` → `verdict::oracle`, ….
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn a_room_imports_only_rooms_below_it() {
    assert_eq!(upwards(&imports(&sources())), Vec::<String>::new());
}

#[test]
fn no_file_imports_a_file_that_imports_it() {
    assert_eq!(circles(&imports(&sources())), Vec::<String>::new());
}

#[test]
fn pods_are_made_in_one_file() {
    assert_eq!(pod_makers(&sources()), [POD_MAKER]);
    for line in ["let spec = PodSpec { containers, ..x };", "json!({ \"containers\": [{ \"name\": \"app\" }] })"] {
        let mut sources = sources();
        sources.insert("check::job".to_owned(), line.to_owned());
        assert_eq!(pod_makers(&sources), ["check::job", POD_MAKER], "{line}");
    }
}

fn pod_makers(sources: &BTreeMap<String, String>) -> Vec<&str> {
    let makes = |code: &str| POD_MARKS.iter().any(|mark| code.contains(mark));
    sources.iter().filter(|(_, code)| makes(code)).map(|(module, _)| &**module).collect()
}

#[test]
fn every_room_has_its_layer() {
    let found: BTreeSet<String> = sources().keys().map(|module| room(module).to_owned()).collect();
    let known: BTreeSet<String> = LAYERS.iter().map(|room| (*room).to_owned()).collect();
    assert_eq!(found, known);
}

#[test]
fn one_forbidden_import_is_found_and_named_however_it_is_written() {
    for line in [
        "use crate::cli::say;",
        "use crate::{page::Stage, cli::say};",
        "use super::super::cli::say;",
        "fn f() { crate::cli::say::text() }",
    ] {
        let mut sources = sources();
        sources.insert("verdict::oracle".to_owned(), line.to_owned());
        assert_eq!(
            upwards(&imports(&sources)),
            ["verdict::oracle imports cli::say, and verdict is below cli"],
            "{line}"
        );
    }
    let mut sources = sources();
    sources.insert("run::way".to_owned(), "use crate::check::run::Check;".to_owned());
    assert_eq!(upwards(&imports(&sources)), ["run::way imports check::run, and run is below check"]);
    sources.insert("run::way".to_owned(), String::new());
    sources.insert("check::plan".to_owned(), "use crate::run::way::Way;".to_owned());
    assert_eq!(upwards(&imports(&sources)), ["check::plan imports run::way, and check is to know nothing of run"]);
}

#[test]
fn one_circle_is_found_and_named() {
    let mut sources = sources();
    sources.insert("vault::objects".to_owned(), "use super::admin::thing;".to_owned());
    sources.insert("vault::admin".to_owned(), "fn f() { super::objects::f() }".to_owned());
    assert_eq!(circles(&imports(&sources)), ["vault::admin, vault::objects"]);
    sources.insert("vault::admin".to_owned(), String::new());
    // The mod.rs has it from that very part.
    sources.insert("vault::client".to_owned(), "use super::Error;".to_owned());
    assert_eq!(circles(&imports(&sources)), ["vault, vault::client"]);
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn upwards(imports: &Imports) -> Vec<String> {
    let layer = |room: &str| LAYERS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for (module, imported) in imports.iter().flat_map(|(module, all)| all.iter().map(move |one| (module, one))) {
        let (from, to) = (room(module), room(imported));
        if layer(from) < layer(to) {
            wrong.push(format!("{module} imports {imported}, and {from} is below {to}"));
        } else if APART.contains(&(from, to)) || APART.contains(&(to, from)) {
            wrong.push(format!("{module} imports {imported}, and {from} is to know nothing of {to}"));
        }
    }
    wrong
}

/// Files that reach each other, each group named once.
fn circles(imports: &Imports) -> Vec<String> {
    let reach = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = next.pop() {
            for imported in imports.get(&module).into_iter().flatten() {
                if seen.insert(imported.clone()) {
                    next.push(imported.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<String>> = imports.keys().map(|module| (&**module, reach(module))).collect();
    let mut groups = BTreeSet::new();
    for (module, seen) in reached.iter().filter(|(module, seen)| seen.contains(**module)) {
        let back = |other: &&String| reached.get(&***other).is_some_and(|seen| seen.contains(*module));
        groups.insert(seen.iter().filter(back).cloned().collect::<Vec<_>>().join(", "));
    }
    groups.into_iter().collect()
}

/// Every file of `src/` by its module, without comments and its tests.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, sources: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, root, sources);
                continue;
            }
            let Some(name) = path.strip_prefix(root).unwrap().to_str().and_then(|name| name.strip_suffix(".rs")) else {
                continue;
            };
            let module = name.replace('/', "::");
            let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
            if matches!(&*module, "lib" | "main") || module.ends_with("::tests") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\n").next().unwrap_or_default();
            let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
            sources.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
    let (mut sources, root) = (BTreeMap::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    walk(&root, &root, &mut sources);
    assert!(sources.len() > 80, "{}", sources.len());
    sources
}

fn imports(sources: &BTreeMap<String, String>) -> Imports {
    let of = |(module, code): (&String, &String)| {
        let found = paths(code).into_iter().filter_map(|path| resolve(module, &path, sources));
        (module.clone(), found.filter(|imported| imported != module).collect())
    };
    sources.iter().map(of).collect()
}

/// The paths of all `use`, and all others.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let mut tree = match line.trim_start().split_once("use ") {
            Some((before, tree)) if before.is_empty() || before.starts_with("pub") => tree.to_owned(),
            _ => {
                let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                found.extend(words.filter(|word| word.contains("::")).map(str::to_owned));
                continue;
            }
        };
        while !tree.contains(';') {
            tree.push_str(lines.next().unwrap_or(";"));
        }
        expand("", tree.split(';').next().unwrap_or_default(), &mut found);
    }
    found.iter().map(|path| path.split("::").map(|part| part.trim().to_owned()).collect()).collect()
}

/// `a::{b, c::{d, e}}` → `a::b`, `a::c::d`, `a::c::e`.
fn expand(before: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        if !tree.is_empty() {
            found.push(format!("{before}{}", tree.split(" as ").next().unwrap_or_default()));
        }
        return;
    };
    let (start, inner) = (&tree[..open], tree[open + 1..].trim_end().strip_suffix('}').unwrap_or_default());
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&format!("{before}{}", start.trim()), &inner[from..at], found);
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The file that a path leads to; none where it leads out of the crate.
fn resolve(module: &str, path: &[String], sources: &BTreeMap<String, String>) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &path[1..];
        }
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        "self" => rest = &path[1..],
        _ => {}
    }
    let full: Vec<&str> = base.into_iter().chain(rest.iter().map(String::as_str)).collect();
    let whole = (1..=full.len()).rev().map(|length| full[..length].join("::"));
    let relative = !matches!(path[0].as_str(), "crate" | "super" | "self");
    whole
        .into_iter()
        .take_while(|candidate| !relative || candidate.len() > module.len())
        .find(|candidate| sources.contains_key(candidate))
}
