//! Revisions of the page beside the default one, on real servers: what each lists is read, and where its own example does
//! not hold to its list, that is told and no failure.

use pmp_vault_conformance::scenario::load::Catalogue;

use crate::support::testbed::{Reports, scenario};

/// The page's claim of all its keys, and that of its own example.
const SCENARIOS: [&str; 2] = ["service-account.custom", "secret.page-example"];
const DEFECT: &str = "example-stores-unlisted-key";

#[rstest::rstest]
#[case::the_newest("35-keys")]
#[case::the_shortest("25-keys")]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_revision_is_run_with_its_own_keys_and_what_it_gets_wrong_is_told_to_its_writers(#[case] page: &str) {
    let catalogue = Catalogue::embedded().unwrap().on_page(page).unwrap();
    let keys: Vec<&str> = catalogue.page.keys.iter().map(|key| key.name.as_str()).collect();
    let unlisted = catalogue.page.example_also_stores.join(", ");
    assert!(!unlisted.is_empty(), "the example of {page} stores only what it lists");
    let reports = Reports::new();
    let file = reports.path("findings.md");
    let mut arguments = vec!["--page", page, "--findings", file.to_str().unwrap()];
    arguments.extend(SCENARIOS.iter().flat_map(|id| ["--scenario", *id]));
    let output = reports.run(&arguments);
    let screen = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{screen}");

    let report = reports.json();
    assert_eq!(report["run"]["key-revision"], page);
    assert_eq!(report["scenarios"].as_array().unwrap().len(), SCENARIOS.len());
    for (id, verdict) in SCENARIOS.iter().zip(["conformant", "known-deviation"]) {
        let seen = scenario(&report, id);
        assert_eq!(seen["verdict"], verdict, "{id}: {screen}");
        let named = seen["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap());
        assert_eq!(named.collect::<Vec<_>>(), keys, "{id}");
    }
    let all = scenario(&report, SCENARIOS[0])["keys"].as_array().unwrap().iter();
    assert_eq!(all.filter(|key| key["state"] == "present").count(), keys.len());
    let defects = report["defects"].as_array().unwrap();
    assert_eq!(defects.len(), 1, "{defects:?}");
    assert_eq!(defects[0]["defect"], DEFECT);
    assert_eq!(defects[0]["scenarios"][0], SCENARIOS[1]);

    let findings = std::fs::read_to_string(&file).unwrap();
    assert_eq!(findings.matches("- **Defect:**").count(), 1, "{findings}");
    let told =
        [format!("Revision `{page}`"), format!("**Defect:** `{DEFECT}`"), unlisted, format!("`{}`", SCENARIOS[1])];
    for words in told {
        assert!(findings.contains(&words), "{words}: {findings}");
    }
}
