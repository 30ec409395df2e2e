//! `docs/coverage.md` is drawn from `docs/promises.yaml` and the scenarios: every promise of the page has a row, and
//! every scenario is some promise's. `UPDATE_DOCS=1 cargo test --test it docs_coverage` writes it anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::model::{Evidence, Scenario};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promises {
    promises: Vec<Promise>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Promise {
    id: String,
    /// The section; none before the first.
    at: Option<String>,
    says: String,
    #[serde(default)]
    tested_by: Vec<String>,
    untested: Option<String>,
    /// The page says nothing of it, so nothing is promised.
    #[serde(default)]
    not_documented: bool,
    note: Option<String>,
}

const HEAD: &str = "\
# Coverage

<!-- Drawn from docs/promises.yaml. Do not edit: UPDATE_DOCS=1 cargo test --test it docs_coverage writes it. -->

What the page promises, in our words and in its order, the scenarios that test it, and how it holds on the default revision
(`list --pages`) or, where it says so, on another. What no scenario tests says why. `explain ID` says more of a scenario, and
[findings.md](findings.md) of a deviation.

| promise | place | scenarios | how it holds |
|---|---|---|---|
";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn promises() -> Vec<Promise> {
    let text = std::fs::read_to_string(file("promises.yaml")).unwrap();
    let all: Promises = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    all.promises
}

fn catalogue() -> Catalogue {
    Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"))
}

/// The defects that these scenarios meet, on any revision.
fn defects(scenarios: &[&Scenario], catalogue: &Catalogue) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for scenario in scenarios {
        found.extend(scenario.known_deviation.as_ref().map(|known| format!("`{}`", known.defect)));
        for revision in catalogue.revisions.0.values() {
            let mut there = (*scenario).clone();
            there.be_of(&revision.page, &revision.blocks);
            if !there.on_page.unlisted.is_empty() {
                found.insert(format!("`example-stores-unlisted-key` on {}", revision.page.id));
            }
        }
    }
    found
}

fn row(promise: &Promise, catalogue: &Catalogue) -> String {
    let place = promise.at.as_ref().map_or("above the sections".to_owned(), |at| format!("`{at}`"));
    let scenarios: Vec<&Scenario> = promise.tested_by.iter().filter_map(|id| catalogue.get(id)).collect();
    let mut holds = match (&promise.untested, defects(&scenarios, catalogue)) {
        (Some(why), _) => format!("not tested: {}", why.trim()),
        (None, _) if promise.not_documented => "not documented; [what happens](day-two.md)".to_owned(),
        (None, defects) if defects.is_empty() => "conformant".to_owned(),
        (None, defects) => format!("known deviation {}", defects.into_iter().collect::<Vec<_>>().join(", ")),
    };
    if scenarios.iter().any(|scenario| scenario.evidence == Evidence::StandIn) {
        holds.push_str("; a stand-in decides part of it");
    }
    holds.extend(promise.note.iter().map(|note| format!(". {note}")));
    let names: Vec<String> = promise.tested_by.iter().map(|id| format!("`{id}`")).collect();
    format!("| {} | {place} | {} | {holds} |\n", promise.says, names.join(", "))
}

#[test]
fn the_coverage_is_drawn_from_the_promises() {
    let (promises, catalogue) = (promises(), catalogue());
    let mut text = HEAD.to_owned();
    text.extend(promises.iter().map(|promise| row(promise, &catalogue)));
    let made: Vec<&Promise> = promises.iter().filter(|promise| !promise.not_documented).collect();
    let tested = made.iter().filter(|promise| promise.untested.is_none()).count();
    text.push_str(&format!("\n{tested} of {} promises are tested.\n", made.len()));
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(file("coverage.md"), &text).unwrap();
    }
    let there = std::fs::read_to_string(file("coverage.md")).unwrap_or_default();
    assert!(there == text, "docs/coverage.md has drifted; run this test with UPDATE_DOCS=1");
}

#[test]
fn every_promise_is_tested_or_says_why_not_and_every_scenario_is_one_promises() {
    let (promises, catalogue) = (promises(), catalogue());
    let mut ids = BTreeSet::new();
    let anchors: BTreeSet<&str> = catalogue.revisions.pages().flat_map(|page| page.anchors.all()).collect();
    for promise in &promises {
        assert!(ids.insert(&promise.id), "{} is there twice", promise.id);
        assert_eq!(promise.tested_by.is_empty(), promise.untested.is_some(), "{}", promise.id);
        assert!(promise.at.as_ref().is_none_or(|at| anchors.contains(at.as_str())), "{}", promise.id);
        for id in &promise.tested_by {
            assert!(catalogue.get(id).is_some(), "{}: there is no scenario {id}", promise.id);
        }
    }
    let tested: BTreeSet<&String> = promises.iter().flat_map(|promise| &promise.tested_by).collect();
    let forgotten: Vec<&String> =
        catalogue.scenarios.iter().map(|scenario| &scenario.id).filter(|id| !tested.contains(id)).collect();
    assert_eq!(forgotten, Vec::<&String>::new(), "no promise names these");
}

#[test]
fn every_defect_that_a_scenario_a_command_or_a_revision_meets_says_what_is_to_be_changed() {
    let catalogue = catalogue();
    let of_scenarios = catalogue.scenarios.iter().filter_map(|scenario| scenario.known_deviation.as_ref());
    let of_commands = catalogue.revisions.0.values().flat_map(|revision| &revision.commands.commands);
    let met: BTreeSet<&str> = of_scenarios
        .map(|known| known.defect.as_str())
        .chain(of_commands.filter_map(|command| command.defect.as_deref()))
        .chain(["example-stores-unlisted-key"])
        .collect();
    let told: BTreeSet<&str> = catalogue.defects.defects.iter().map(|defect| defect.id.as_str()).collect();
    assert_eq!(met, told);
    assert_eq!(told.len(), catalogue.defects.defects.len(), "an id is there twice");
}
