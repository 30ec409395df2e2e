//! Which causes the program names itself, and that it names them in one place:
//! `src/page/cause/ids.rs`. Every other file of `src/` takes them from there, and
//! the oracle goes by what the catalogue says of a cause, not by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pmp_vault_conformance::page::cause::{Fact, SaysOf};
use pmp_vault_conformance::page::{CauseId, Stage};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::oracle::Oracle;
use pmp_vault_conformance::verdict::result::Timings;
use rstest::rstest;
use serde_json::Value;

use crate::support::verdict::{reads_all, scenario, sighting_of};

const IDS: &str = "page/cause/ids.rs";

fn catalogue() -> Catalogue {
    Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"))
}

/// Every file of `src/`, without comments and its tests.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, sources: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                walk(&path, root, sources);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\n").next().unwrap_or_default();
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                sources.insert(name, lines.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    let (mut sources, root) = (BTreeMap::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    walk(&root, &root, &mut sources);
    assert!(sources.len() > 80, "{}", sources.len());
    sources
}

/// What stands between quotes and has the shape of a cause's id. A file's name may have it, too.
fn ids_in(code: &str) -> BTreeSet<String> {
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let quoted = code.split('"').filter(|text| {
        let (stage, name) = text.split_once('.').unwrap_or_default();
        Stage::ALL.iter().any(|known| known.as_str() == stage)
            && !name.is_empty()
            && name.chars().all(kebab)
            && name != "yaml"
    });
    quoted.map(str::to_owned).collect()
}

/// The constants of `ids.rs`: the id of each by its path, such as `ids::login::VAULT_TLS`.
fn constants(sources: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lines = sources[IDS].lines().filter_map(|line| line.trim().strip_suffix("\";")?.split_once(" = \""));
    let constant = |(name, id): (&str, &str)| {
        let stage = CauseId::new(id).stage().unwrap_or_else(|| panic!("{id} has no stage"));
        (format!("ids::{stage}::{name}"), id.to_owned())
    };
    lines.map(constant).collect()
}

/// Whether any file but `ids.rs` has that path, and not only one that begins with it.
fn used(path: &str, sources: &BTreeMap<String, String>) -> bool {
    let whole = |code: &str| {
        code.match_indices(path).any(|(at, _)| {
            !code[at + path.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        })
    };
    sources.iter().any(|(file, code)| file != IDS && whole(code))
}

#[test]
fn no_other_file_has_a_cause_as_text() {
    let named = |(file, code): (&String, &String)| (file.clone(), ids_in(code));
    let elsewhere =
        sources().iter().map(named).filter(|(file, ids)| file != IDS && !ids.is_empty()).collect::<Vec<_>>();
    assert_eq!(elsewhere, []);
}

#[test]
fn a_cause_as_text_is_found_and_a_files_name_is_none() {
    let code = r#"failed(id, "login.vault-tls", "x"); ("keys.yaml", "group.name", "login.", "see login.vault-tls")"#;
    assert_eq!(ids_in(code).into_iter().collect::<Vec<_>>(), ["login.vault-tls"]);
    let sources = BTreeMap::from([("a.rs".to_owned(), "f(ids::read::KV_VERSION_1)".to_owned())]);
    assert!(used("ids::read::KV_VERSION_1", &sources) && !used("ids::read::KV_VERSION", &sources));
}

#[test]
fn every_constant_is_called_as_its_cause_is_in_the_catalogue_and_is_used() {
    let (sources, catalogue) = (sources(), catalogue());
    let constants = constants(&sources);
    assert_eq!(constants.values().cloned().collect::<BTreeSet<_>>(), ids_in(&sources[IDS]));
    for (path, id) in &constants {
        let (stage, name) = id.split_once('.').unwrap();
        assert_eq!(*path, format!("ids::{stage}::{}", name.to_uppercase().replace('-', "_")));
        assert!(catalogue.causes.get(&CauseId::new(id)).is_some(), "{id} is not in the catalogue");
        assert!(used(path, &sources), "nothing uses {path}");
    }
}

#[test]
fn every_cause_is_seen_by_a_signature_or_stated_by_a_check() {
    let sources = sources();
    let stated: BTreeSet<String> = constants(&sources).into_values().collect();
    for cause in catalogue().causes.causes {
        let seen = !cause.signatures.is_empty();
        assert!(seen || stated.contains(cause.id.as_str()), "nothing in src/ states {}", cause.id);
        // What a check is called stands in the code that makes its case.
        if let Some(by) = &cause.stated_by {
            let check = by.split('`').nth(1).unwrap_or_default();
            let literal = format!("\"{check}\"");
            assert!(sources.values().any(|code| code.contains(&literal)), "{}: {check} is no check", cause.id);
        }
    }
}

#[test]
fn every_fact_of_a_signature_is_one_that_something_sets() {
    let set: String =
        sources().into_iter().filter(|(file, _)| !file.starts_with("page/")).map(|(_, code)| code).collect();
    let in_signatures: BTreeSet<Fact> = catalogue()
        .causes
        .causes
        .iter()
        .flat_map(|cause| cause.signatures.iter().flat_map(|s| [s.fact, s.unless, s.hint].into_iter().flatten()))
        .collect();
    let schema = schemars::schema_for!(Fact).to_value();
    for fact in schema["oneOf"].as_array().into_iter().flatten().map(|variant| &variant["const"]) {
        let fact: Fact = serde_json::from_value(Value::clone(fact)).unwrap();
        assert!(in_signatures.contains(&fact), "no signature has {fact:?}");
        assert!(set.contains(&format!("Fact::{fact:?}")), "nothing looks at {fact:?}");
    }
}

#[rstest]
#[case(SaysOf::Page, Verdict::Nonconformant, "expected reads all keys; observed: ")]
#[case(SaysOf::Probe, Verdict::Inconclusive, "the testbed cannot be used: ")]
#[case(SaysOf::Testbed, Verdict::Inconclusive, "the testbed cannot be used: ")]
#[case(SaysOf::NoAnswer, Verdict::Inconclusive, "Vault gave no usable answer: ")]
fn the_oracle_goes_by_what_the_catalogue_says_of_a_cause(
    #[case] says_of: SaysOf,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    const STOP: &str = "login.role-not-found";
    let Catalogue { page, mut causes, .. } = catalogue();
    let cause = causes.causes.iter_mut().find(|cause| cause.id.as_str() == STOP);
    cause.unwrap_or_else(|| panic!("{STOP} is not in the catalogue")).says_of = says_of;
    let oracle = Oracle { page: &page, causes: &causes };
    let result = oracle.judge(&scenario(reads_all()), &sighting_of(STOP, |_| true), Timings::default());
    assert_eq!(result.verdict, verdict, "{}", result.reason);
    assert!(result.reason.starts_with(reason), "{}", result.reason);
}
