//! What `scripts/matrix --record` kept in `docs/versions.json` holds: its pairs are those that the script runs, its
//! scenarios ended as they must, and what they stopped for is recorded as seen there. `docs/versions.md` is drawn from it:
//! `UPDATE_DOCS=1 cargo test --test it docs_versions` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::verdict::Verdict;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Record {
    on: String,
    pairs: Vec<Counts>,
    scenarios: BTreeMap<String, Ended>,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Counts {
    pair: String,
    total: usize,
    conformant: usize,
    known_deviation: usize,
    nonconformant: usize,
    inconclusive: usize,
    skipped: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    verdict: Verdict,
    stage: Option<String>,
    cause: Option<String>,
    alike: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    scenario: String,
    what: String,
    first: Option<String>,
    other: Option<String>,
    on: Vec<String>,
}

fn top(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn record() -> Record {
    serde_json::from_str(&std::fs::read_to_string(top("docs/versions.json")).unwrap()).unwrap()
}

/// The two names of a pair such as `vault-v1.21.4 with kubernetes-v1.37.2`.
fn two(pair: &str) -> (&str, &str) {
    pair.split_once(" with ").unwrap_or_else(|| panic!("{pair} is no pair"))
}

/// Such as `vault 1.20.4`.
fn spaced(server: &str) -> String {
    server.replacen("-v", " ", 1)
}

/// In the order of the pairs, each once.
fn each<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

fn servers(record: &Record) -> (Vec<&str>, Vec<&str>) {
    let pairs = || record.pairs.iter().map(|counts| two(&counts.pair));
    (each(pairs().map(|(vault, _)| vault)), each(pairs().map(|(_, kubernetes)| kubernetes)))
}

/// What `seen-on` says of what was seen on every pair, such as `vault 1.21.4, 1.20.4 and openbao 2.7.2, each with ...`.
fn on_every_pair(record: &Record) -> String {
    let (vaults, clusters) = servers(record);
    let list = |names: &[&str]| {
        let programs = each(names.iter().map(|name| name.split("-v").next().unwrap_or_default()));
        let versions = |program: &str| {
            let of_it = names.iter().filter_map(|name| name.strip_prefix(program)?.strip_prefix("-v"));
            format!("{program} {}", of_it.collect::<Vec<_>>().join(", "))
        };
        programs.into_iter().map(versions).collect::<Vec<_>>().join(" and ")
    };
    format!("{}, each with {}", list(&vaults), list(&clusters))
}

fn catalogue() -> Catalogue {
    Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn its_pairs_are_those_that_the_script_runs() {
    let file = std::fs::read_to_string(top("scripts/servers.d/pairs")).unwrap();
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let pairs: Vec<String> = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" with ")).collect();
    let record = record();
    assert_eq!(record.pairs.iter().map(|counts| counts.pair.as_str()).collect::<Vec<_>>(), pairs);
    let (vaults, clusters) = servers(&record);
    assert_eq!(vaults.len() * clusters.len(), pairs.len(), "`seen-on` speaks of each with each");
}

#[test]
fn its_scenarios_ended_as_they_are_recorded() {
    let (record, catalogue) = (record(), catalogue());
    for (id, ended) in &record.scenarios {
        let scenario = catalogue.scenarios.iter().find(|scenario| scenario.id == **id);
        let scenario = scenario.unwrap_or_else(|| panic!("{id} is no scenario any more: call scripts/matrix --record"));
        let deviates = scenario.known_deviation.is_some();
        let verdict = if deviates { Verdict::KnownDeviation } else { Verdict::Conformant };
        assert_eq!(ended.verdict, verdict, "{id}");
        assert_eq!(ended.stage.is_some(), ended.cause.is_some(), "{id}");
    }
    for counts in &record.pairs {
        assert_eq!(counts.total, record.scenarios.len(), "{}", counts.pair);
        assert_eq!((counts.nonconformant, counts.inconclusive, counts.skipped), (0, 0, 0), "{}", counts.pair);
        assert_eq!(counts.conformant + counts.known_deviation, counts.total, "{}", counts.pair);
    }
}

#[test]
fn what_was_seen_on_every_pair_is_recorded_as_seen_there_and_nothing_else_is() {
    let (record, catalogue) = (record(), catalogue());
    let everywhere = on_every_pair(&record);
    let alike = || record.scenarios.iter().filter(|(_, ended)| ended.alike);
    let causes: BTreeSet<&str> = alike().filter_map(|(_, ended)| ended.cause.as_deref()).collect();
    for cause in &catalogue.causes.causes {
        let (says, seen) = (cause.seen_on.contains(&everywhere), causes.contains(cause.id.as_str()));
        assert_eq!(says, seen, "seen-on of {}: \"{everywhere}\"", cause.id.as_str());
    }
    let ids: BTreeSet<&str> = alike().map(|(id, _)| id.as_str()).collect();
    for scenario in &catalogue.scenarios {
        let deviation = scenario.known_deviation.as_ref().map(|known| &known.seen_on);
        let found = scenario.not_documented.as_ref().map(|found| &found.seen_on);
        for seen_on in deviation.into_iter().chain(found) {
            let seen = ids.contains(scenario.id.as_str());
            assert_eq!(seen_on.contains(&everywhere), seen, "seen-on of {}: \"{everywhere}\"", scenario.id);
        }
    }
}

const HEAD: &str = "\
# Versions

<!-- Drawn from docs/versions.json, which `scripts/matrix --record` writes. Do not edit: UPDATE_DOCS=1 cargo test --test it
docs_versions writes it. -->

The page asks for Vault 1.9 and Kubernetes 1.21 or newer. This is what all scenarios of the page saw on each Vault, or
OpenBao, with each Kubernetes, on the testbed of processes, compiled from their released sources or, of OpenBao, the
release itself ([servers.md](servers.md)):

    scripts/matrix --record

Older servers were not tried, but for Kubernetes 1.31.14, which could not be compiled because one of its modules could not
be had. What older Vaults say is known from their Kubernetes auth plugins, which are tried by themselves
([field.md](field.md)).

";

fn cell(text: Option<&String>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| format!("`{}`", text.replace('`', "'").replace('|', "\\|")))
}

/// Which pairs, as short as it goes.
fn which(on: &[String], record: &Record) -> String {
    let (vaults, clusters) = servers(record);
    let here = |vault: &str| on.iter().map(|pair| two(pair)).filter(|(name, _)| *name == vault).count();
    let touched: Vec<&str> = vaults.into_iter().filter(|vault| here(vault) > 0).collect();
    if touched.iter().all(|vault| here(vault) == clusters.len()) {
        return touched.into_iter().map(spaced).collect::<Vec<_>>().join(", ");
    }
    on.join(", ")
}

#[test]
fn the_page_of_versions_is_drawn_from_what_was_recorded() {
    let record = record();
    let (vaults, clusters) = servers(&record);
    let mut text = HEAD.to_owned();
    let heads: Vec<String> = clusters.iter().map(|name| spaced(name)).collect();
    text.push_str(&format!("Seen on {}, {} scenarios:\n\n", record.on, record.scenarios.len()));
    text.push_str(&format!("| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len())));
    for vault in &vaults {
        let counts = |cluster: &&str| {
            let pair = format!("{vault} with {cluster}");
            let counts = record.pairs.iter().find(|counts| counts.pair == pair);
            counts.map_or_else(
                || "not run".to_owned(),
                |it| format!("{} conformant, {} known deviations", it.conformant, it.known_deviation),
            )
        };
        let cells: Vec<String> = clusters.iter().map(counts).collect();
        text.push_str(&format!("| {} | {} |\n", spaced(vault), cells.join(" | ")));
    }
    let alike = record.scenarios.values().filter(|ended| ended.alike).count();
    text.push_str(&format!(
        "\n{alike} of {} scenarios end alike on all pairs: verdict, stage and cause.\n",
        record.scenarios.len()
    ));
    if record.differences.is_empty() {
        text.push_str("Nothing that was observed or said differs.\n");
    } else {
        text.push_str(&format!("What differs from {}:\n\n", record.pairs[0].pair));
        text.push_str("| scenario | what | there | here | on |\n|---|---|---|---|---|\n");
        for it in &record.differences {
            let (there, here) = (cell(it.first.as_ref()), cell(it.other.as_ref()));
            let on = which(&it.on, &record);
            text.push_str(&format!("| `{}` | {} | {there} | {here} | {on} |\n", it.scenario, it.what));
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(top("docs/versions.md"), &text).unwrap();
    }
    let there = std::fs::read_to_string(top("docs/versions.md")).unwrap_or_default();
    assert!(there == text, "docs/versions.md has drifted; run this test with UPDATE_DOCS=1");
}
