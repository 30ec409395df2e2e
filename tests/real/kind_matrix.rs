//! What the whole matrix on real servers must show.

use std::collections::BTreeSet;

use pmp_vault_conformance::scenario::load::Catalogue;
use serde_json::Value;

use crate::support::testbed::{Reports, matrix, scenario};

fn texts<'a>(values: &'a Value, field: &str) -> BTreeSet<&'a str> {
    values.as_array().unwrap().iter().map(|value| value[field].as_str().unwrap()).collect()
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_scenario_has_its_verdict_and_the_deviations_are_exactly_those_recorded() {
    let catalogue = Catalogue::embedded().unwrap();
    let report = matrix();
    assert_eq!(report["exit-code"], 0);
    assert_eq!(report["scenarios"].as_array().unwrap().len(), catalogue.scenarios.len());
    for recorded in &catalogue.scenarios {
        let seen = scenario(&report, &recorded.id);
        let expected = match recorded.known_deviation {
            Some(_) => "known-deviation",
            // Another testbed has them: tests/real/local.rs.
            None if recorded.configuration().day_two.restarts_a_server() => "skipped",
            None => "conformant",
        };
        assert_eq!(seen["verdict"], expected, "{}", recorded.id);
        if let Some(deviation) = &recorded.known_deviation {
            assert!(texts(&seen["findings"], "defect").contains(&*deviation.defect), "{}", recorded.id);
            assert_eq!(seen["observed"]["cause"], deviation.cause.as_str(), "{}", recorded.id);
        }
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_scenario_has_a_case_for_every_key_and_every_stage() {
    let catalogue = Catalogue::embedded().unwrap();
    let keys: Vec<&str> = catalogue.page.keys.iter().map(|key| key.name.as_str()).collect();
    for seen in matrix()["scenarios"].as_array().unwrap() {
        let named: Vec<&str> =
            seen["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
        assert_eq!(named, keys, "{}", seen["id"]);
        assert_eq!(seen["stages"].as_array().unwrap().len(), 6, "{}", seen["id"]);
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_report_names_versions_and_images() {
    let report = matrix();
    for name in ["vault", "kubernetes", "kind", "container-engine"] {
        let version = report["versions"][name].as_str().unwrap();
        assert!(version.contains('.'), "{name}: {version}");
    }
    for name in ["vault", "node", "probe"] {
        let image = report["images"][name].as_str().unwrap();
        assert!(image.contains("sha256:"), "{name}: {image}");
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_command_of_the_page_that_does_something_else_is_named_by_its_case() {
    let report = matrix();
    for id in ["literal.example-a", "literal.example-b"] {
        let commands = scenario(&report, id)["commands"].as_array().unwrap();
        let deviating: Vec<&str> = commands
            .iter()
            .filter(|command| command["verdict"] == "known-deviation")
            .map(|command| command["id"].as_str().unwrap())
            .collect();
        assert_eq!(deviating, ["02-kv-put", "07-config-issuer"], "{id}");
    }
    for id in ["literal.example-a-mended", "literal.example-b-mended"] {
        let commands = scenario(&report, id)["commands"].as_array().unwrap();
        let verdicts: BTreeSet<&str> = commands.iter().map(|command| command["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, BTreeSet::from(["conformant", "skipped"]), "{id}");
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_step_of_every_block_is_as_its_scenario_says() {
    let catalogue = Catalogue::embedded().unwrap();
    let report = matrix();
    let mut typed = BTreeSet::new();
    for recorded in &catalogue.scenarios {
        // Among the page's other commands a block is one of them.
        if recorded.expect.block.is_none() {
            continue;
        }
        let distribution = recorded.configuration().auth_method.block().unwrap();
        let steps = &catalogue.blocks.get(distribution).unwrap().steps;
        let seen = scenario(&report, &recorded.id)["steps"].as_array().unwrap();
        let of_block: Vec<_> = seen.iter().map(|step| step["id"].as_str().unwrap()).collect();
        assert_eq!(of_block, steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), "{}", recorded.id);
        assert!(seen.iter().all(|step| step["verdict"] == "conformant"), "{}", recorded.id);
        typed.insert(distribution);
    }
    assert_eq!(typed, catalogue.blocks.blocks.iter().map(|block| block.distribution).collect());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_known_deviation_can_be_denied() {
    let output = Reports::new().run(&["--scenario", "secret.put-as-documented", "--deny", "known-deviation"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_expectation_that_is_turned_round_fails_at_the_right_cases() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service-account/custom.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = std::fs::read_to_string("scenarios/service-account/custom.yaml").unwrap();
    assert!(text.contains("reads: all"));
    std::fs::write(&file, text.replace("reads: all", "reads: []")).unwrap();
    let reports = Reports::new();
    let output = reports.run(&["--scenarios", folder.path().to_str().unwrap(), "--profile", "all"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let report = reports.json();
    let seen = scenario(&report, "service-account.custom");
    assert_eq!(seen["verdict"], "nonconformant");
    assert!(seen["keys"].as_array().unwrap().iter().all(|key| key["verdict"] == "nonconformant"));
    let stages = seen["stages"].as_array().unwrap();
    let failed: Vec<&str> = stages
        .iter()
        .filter(|stage| stage["verdict"] == "nonconformant")
        .map(|stage| stage["stage"].as_str().or(stage["name"].as_str()).unwrap())
        .collect();
    assert_eq!(failed, ["keys"]);
}
