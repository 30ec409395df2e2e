//! The table of `docs/day-two.md` is drawn from the scenarios: every event has a row.
//! `UPDATE_DOCS=1 cargo test --test it docs_day_two` writes it anew.

use std::path::Path;

use pmp_vault_conformance::scenario::day_two::Sees;
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::model::Scenario;

const HEAD: &str = "\
# Day two

<!-- Drawn from scenarios/day-two/. Do not edit: UPDATE_DOCS=1 cargo test --test it docs_day_two writes it. -->

What happens to an app that reads its secret today and lives on: the event, what the app sees of it, with the Vault token
that it has and with a new login, after how long, and what mends it. Each row is a scenario, and what is said in it was
seen on real servers; the page says nothing of any of it. That is a finding of its own kind, `not-documented`, beside the
defects of [findings.md](findings.md).

    pmp-vault-conformance run --testbed local --scenario 'day-two.*'

Where a server ends and starts anew (Vault with what it has on its disk, the API server with other keys), or one of several
nodes ends, it is the scenario's own, and only a testbed of processes has that: with `--testbed kind` those scenarios are skipped.

An app that logs in once, keeps what it got and logs in anew where it is refused lives longest: most of these events are seen
by a new login alone, so they lock an app out when its Vault token ends or its pod starts anew, hours or days after the cause.

| event | the token that it has | a new login | after | what mends it |
|---|---|---|---|---|
";

fn sees(sees: &Sees) -> String {
    match sees {
        Sees::Reads => "reads".to_owned(),
        Sees::StopsFor(cause) => format!("`{cause}`"),
    }
}

fn row(scenario: &Scenario) -> Option<String> {
    let meanwhile = scenario.expect.meanwhile.as_ref()?;
    let found = scenario.not_documented.as_ref()?;
    let (kept, anew) = (sees(&meanwhile.kept_token), sees(&meanwhile.new_login));
    let title = scenario.title.split(": ").next().unwrap_or_default();
    Some(format!("| {title} (`{}`) | {kept} | {anew} | {} | {} |\n", scenario.id, found.after, found.mends))
}

#[test]
fn the_table_of_day_two_is_drawn_from_the_scenarios() {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let lived = catalogue.scenarios.iter().filter(|scenario| scenario.expect.meanwhile.is_some());
    let rows: Vec<String> = lived.clone().filter_map(row).collect();
    assert_eq!(rows.len(), lived.count(), "an event says nothing of what happens");
    let text = format!("{HEAD}{}", rows.concat());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/day-two.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&file, &text).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "docs/day-two.md has drifted; run this test with UPDATE_DOCS=1");
}
