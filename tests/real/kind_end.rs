//! However a run ends, nothing of it is left, and nothing else is touched.

use std::process::Command;
use std::time::Duration;

use crate::support::testbed::{self, Reports, eventually, folder, kubectl, left_of, owner, program, run_id, scenario};

const NINE: [&str; 2] = ["--scenario", "binding.*"];

fn kill(signal: &str, id: u32) {
    assert!(Command::new("kill").args([signal, &id.to_string()]).status().unwrap().success());
}

/// Waits until a run has namespaces.
fn is_under_way(run: &str) {
    eventually("the run has a namespace", Duration::from_secs(60), || {
        kubectl(&["get", "namespaces", "-o", "name"]).contains(run)
    });
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_a_killed_run_left_is_removed_by_cleanup_and_another_run_is_untouched() {
    let (killed, other) = (Reports::new(), Reports::new());
    let mut victim = killed.command(&NINE).spawn().unwrap();
    let run = run_id(&mut victim);
    is_under_way(&run);
    let bystander = other.command(&NINE).spawn().unwrap();
    kill("-KILL", victim.id());
    victim.wait().unwrap();
    assert!(folder(&run).exists(), "a killed run leaves its journal");
    let cleanup = program().args(["cleanup", "--run-id", &run]).output().unwrap();
    // The run that started meanwhile may have swept it already.
    assert!(cleanup.status.success(), "{}", String::from_utf8_lossy(&cleanup.stderr));
    assert_eq!(left_of(&run), Vec::<String>::new());
    let output = bystander.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(folder(&owner()).exists(), "the kept testbed stays");
}

/// What it types has no label of its own, and would go on being typed.
#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_run_that_is_killed_while_it_types_leaves_nothing_that_was_typed() {
    let reports = Reports::new();
    let mut victim = reports.command(&["--scenario", "block.*"]).spawn().unwrap();
    let run = run_id(&mut victim);
    eventually("a reviewer is typed", Duration::from_secs(60), || {
        kubectl(&["get", "serviceaccounts", "--namespace", "default", "-o", "name"]).contains(&run)
    });
    kill("-KILL", victim.id());
    victim.wait().unwrap();
    let cleanup = program().args(["cleanup", "--run-id", &run]).output().unwrap();
    assert!(cleanup.status.success(), "{}", String::from_utf8_lossy(&cleanup.stderr));
    // What a command that was cut off still asked for comes within a moment.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(left_of(&run), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_a_killed_run_left_is_found_without_its_journal() {
    let reports = Reports::new();
    let mut victim = reports.command(&NINE).spawn().unwrap();
    let run = run_id(&mut victim);
    is_under_way(&run);
    kill("-KILL", victim.id());
    victim.wait().unwrap();
    // A run that starts meanwhile sweeps by the journal; then there is nothing to find, and that is fine too.
    let _ = std::fs::remove_dir_all(folder(&run));
    let cleanup = program().args(["cleanup", "--run-id", &run]).output().unwrap();
    assert!(cleanup.status.success(), "{}", String::from_utf8_lossy(&cleanup.stderr));
    assert_eq!(left_of(&run), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_interrupted_run_cleans_up_reports_every_scenario_and_ends_with_130() {
    let reports = Reports::new();
    let mut child = reports.command(&NINE).spawn().unwrap();
    let run = run_id(&mut child);
    is_under_way(&run);
    kill("-INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report = reports.json();
    assert_eq!(left_of(&run), Vec::<String>::new(), "{}", report["problems"]);
    for id in ["binding.example-a-then-b", "binding.other-namespace"] {
        let seen = scenario(&report, id);
        assert_eq!(seen["keys"].as_array().unwrap().len(), 30);
        assert_ne!(seen["verdict"], "nonconformant");
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn two_runs_at_once_do_not_disturb_each_other() {
    let (one, two) = (Reports::new(), Reports::new());
    let first = one.command(&NINE).spawn().unwrap();
    let second = two.command(&NINE).spawn().unwrap();
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    }
    for report in [one.json(), two.json()] {
        assert_eq!(left_of(report["run"]["id"].as_str().unwrap()), Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_run_that_is_over_its_time_limit_is_inconclusive_and_leaves_nothing() {
    let reports = Reports::new();
    let output = reports.run(&["--scenario", "binding.*", "--timeout", "1500ms"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    let report = reports.json();
    assert!(report["problems"].to_string().contains("time limit"), "{}", report["problems"]);
    assert_eq!(left_of(report["run"]["id"].as_str().unwrap()), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_pod_that_cannot_start_is_inconclusive_for_that_reason() {
    let reports = Reports::new();
    let output = reports.run(&[
        "--scenario",
        "service-account.custom",
        "--probe-image",
        "registry.invalid/no-such-image:1",
        "--timeout",
        "80s",
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    let report = reports.json();
    let seen = scenario(&report, "service-account.custom");
    assert_eq!(seen["verdict"], "inconclusive");
    assert!(seen["observed"]["text"].as_str().unwrap().contains("Image"), "{}", seen["observed"]);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_program_that_is_no_probe_is_inconclusive() {
    let image = testbed::made_of()["vault-image"].as_str().unwrap().to_owned();
    let reports = Reports::new();
    let output = reports.run(&["--scenario", "service-account.custom", "--probe-image", &image, "--timeout", "80s"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
}
