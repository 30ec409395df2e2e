//! What is broken on purpose is noticed, and the self-test can itself fail.

use std::path::Path;

use serde_json::Value;

use crate::support::servers::filling_the_machine;
use crate::support::testbed::{self, Reports, folder, owner, program, read};

/// The report of the whole self-test, which the test script ran on the testbed.
fn report() -> Value {
    let path = std::env::var("PMP_TEST_SELF_TEST").unwrap_or_else(|_| panic!("no report; {}", testbed::HOW));
    read(Path::new(&path))
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn no_mutant_survives_no_lie_is_believed_and_no_fault_is_taken_for_a_verdict() {
    let report = report();
    let scores = report["scores"].as_array().unwrap();
    let kinds: Vec<&str> = scores.iter().map(|score| score["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["mutants", "lies", "faults"]);
    for score in scores {
        assert_eq!(score["survivors"].to_string(), "[]");
        assert_eq!(score["unclear"].to_string(), "[]");
        assert!(score["noticed"].as_u64().unwrap() >= 20, "{score}");
    }
    assert_eq!(report["exit-code"], 0);
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len() as u64, scores[2]["total"].as_u64().unwrap());
    for fault in faults {
        assert!(["conformant", "inconclusive"].contains(&fault["verdict"].as_str().unwrap()), "{fault}");
        assert!(fault["total-ms"].as_u64().unwrap() > 0, "{fault}");
    }
    // Every field of every documented object is there, those of every key among them.
    assert!(scores[0]["total"].as_u64().unwrap() > 200, "{}", scores[0]);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn with_a_check_of_the_oracle_taken_out_the_survivors_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let output = program()
        .args(["self-test", "--reuse", &owner(), "--only", "lie/vault.s*", "--blind-to", "values", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let survivors = read(&json)["scores"][0]["survivors"].clone();
    assert_eq!(survivors, serde_json::json!(["lie/vault.swapped-values", "lie/vault.stale-values"]));
}

/// As the README calls it, without `--reuse`: kind finishes while trials could begin.
#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn on_a_testbed_of_its_own_it_adds_a_node_only_when_kind_is_done() {
    let _one = filling_the_machine();
    let reports = Reports::new();
    let output = program()
        .args(["self-test", "--only", "fault/node.not-ready", "--json"])
        .arg(reports.path("report.json"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let report = reports.json();
    assert_eq!(report["scores"][0]["noticed"], 1, "{}", report["scores"]);
    assert!(!folder(report["run"]["id"].as_str().unwrap()).exists(), "its folder is left");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn scenarios_end_the_same_in_every_round() {
    let reports = Reports::new();
    let output = reports.run(&["--scenario", "binding.*", "--scenario", "auth.issuer*", "--repeat", "3"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let report = reports.json();
    let figures = report["stability"].as_array().unwrap();
    assert!(figures.len() >= 6, "{figures:?}");
    for figure in figures {
        assert_eq!((&figure["rounds"], &figure["same"]), (&Value::from(3), &Value::from(3)), "{figure}");
    }
}
