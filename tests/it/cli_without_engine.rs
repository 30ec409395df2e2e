//! Without a container engine there is no verdict: never a pass, never a
//! failure, and every report is written.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::model::Profile;
use pmp_vault_conformance::scenario::select::select;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};
use serde_json::Value;

use crate::support::cli::{left_in, program};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_run_is_exit_code_3_with_whole_reports_in_which_every_scenario_is_inconclusive() {
    let folder = folder();
    let (junit, json) = (folder.path().join("junit.xml"), folder.path().join("report.json"));
    let findings = folder.path().join("findings.md");
    program(folder.path())
        .args(["run", "--profile", "all", "--junit"])
        .arg(&junit)
        .arg("--json")
        .arg(&json)
        .arg("--findings")
        .arg(&findings)
        .assert()
        .code(3)
        .stdout(contains("no container engine answers").and(contains("doctor")).and(contains("scripts/engine start")));
    assert_eq!(left_in(folder.path()), Vec::<String>::new());

    let report: Value = serde_json::from_str(&read(&json)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((&report["exit-code"], &report["ending"]), (&3.into(), &"failed".into()));
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let scenarios = report["scenarios"].as_array().cloned().unwrap_or_default();
    let reported: BTreeSet<&str> = scenarios.iter().filter_map(|scenario| scenario["id"].as_str()).collect();
    assert_eq!(reported, catalogue.scenarios.iter().map(|scenario| scenario.id.as_str()).collect());
    for scenario in &scenarios {
        assert_eq!(scenario["verdict"], "inconclusive", "{scenario}");
        let keys = scenario["keys"].as_array().cloned().unwrap_or_default();
        assert_eq!(keys.len(), catalogue.page.keys.len());
        assert!(keys.iter().all(|key| key["verdict"] == "inconclusive"), "{scenario}");
    }
    let findings = read(&findings);
    assert!(findings.contains("did not come to its end") && findings.contains("## Without a verdict"), "{findings}");
    let junit = read(&junit);
    assert!(junit.contains("<error") && !junit.contains("<failure"), "{junit}");
}

#[test]
fn a_selection_takes_its_controls_into_the_report() {
    let folder = folder();
    let json = folder.path().join("report.json");
    program(folder.path()).args(["run", "--scenario", "binding.other-namespace", "--json"]).arg(&json).assert().code(3);
    let report: Value = serde_json::from_str(&read(&json)).unwrap_or_else(|error| panic!("{error}"));
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let planned = select(&catalogue, &["binding.other-namespace".to_owned()], Profile::All);
    let planned = planned.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(planned.len(), 2);
    assert_eq!(report["scenarios"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_report_may_go_to_a_device() {
    let folder = folder();
    program(folder.path()).args(["run", "--scenario", "url.https", "--junit", "/dev/null"]).assert().code(3);
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_get_it() {
    let folder = folder();
    program(folder.path())
        .arg("doctor")
        .assert()
        .code(3)
        .stdout(contains("MISSING  container engine").and(contains("scripts/engine start")))
        // Whoever has the program alone has no such folder.
        .stdout(contains("docs/images.md, in a release too"));
    assert_eq!(left_in(folder.path()), Vec::<String>::new());
}

#[test]
fn the_doctor_names_the_tools_that_are_not_on_the_path() {
    let (folder, nothing) = (folder(), self::folder());
    let said = program(folder.path()).arg("doctor").env("PATH", nothing.path()).assert().code(3);
    let said = String::from_utf8_lossy(&said.get_output().stdout).into_owned();
    for line in ["MISSING  container engine", "MISSING  docker command line", "MISSING  kind"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    for tool in ["vault", "kubectl", "jq"] {
        assert!(said.contains(tool), "{tool}: {said}");
    }
    assert!(!said.contains("everything that a run needs is here"), "{said}");
}

/// A program of that name which fails, alone on the path.
fn failing(name: &str) -> tempfile::TempDir {
    let folder = folder();
    let file = folder.path().join(name);
    std::fs::write(&file, "#!/bin/sh\necho broken >&2\nexit 1\n").unwrap_or_else(|error| panic!("{error}"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap_or_else(|error| panic!("{error}"));
    folder
}

#[test]
fn the_doctor_does_not_take_a_tool_that_fails_for_one_that_is_there() {
    for (tool, what) in [("kind", "kind"), ("docker", "docker command line")] {
        let (folder, path) = (folder(), failing(tool));
        program(folder.path())
            .arg("doctor")
            .env("PATH", path.path())
            .assert()
            .code(3)
            .stdout(contains(format!("MISSING  {what}: ")).and(contains("broken")));
    }
}

#[test]
fn images_are_listed_with_what_replaces_them() {
    let folder = folder();
    program(folder.path())
        .args(["images", "--vault-image", "registry.example/vault:1"])
        .assert()
        .success()
        .stdout(contains("registry.example/vault:1").and(contains("PMP_VAULT_IMAGE")).and(contains("PMP_NODE_IMAGE")));
}

#[test]
fn the_environment_replaces_images_and_a_flag_replaces_the_environment() {
    let folder = folder();
    let mut from_environment = program(folder.path());
    from_environment.env("PMP_NODE_IMAGE", "registry.example/node:1").arg("images");
    from_environment.assert().success().stdout(contains("registry.example/node:1"));
    let mut both = program(folder.path());
    both.env("PMP_NODE_IMAGE", "registry.example/node:1").args(["images", "--node-image", "registry.example/node:2"]);
    both.assert().success().stdout(contains("node:2").and(contains("node:1").not()));
}

#[test]
fn cleaning_up_without_an_engine_is_exit_code_3_and_touches_no_journal() {
    let folder = folder();
    let run = folder.path().join("runs/rabc");
    std::fs::create_dir_all(&run).unwrap_or_else(|error| panic!("{error}"));
    let journal = concat!(
        r#"{"creating":{"entry":1,"item":{"kind":"part","testbed":"kind","what":"network","name":"n","of":null}}}"#,
        "\n"
    );
    std::fs::write(run.join("journal.jsonl"), journal).unwrap_or_else(|error| panic!("{error}"));
    for arguments in [&["cleanup"][..], &["cleanup", "--kept"], &["cleanup", "--run-id", "rabc"]] {
        let assert = program(folder.path()).args(arguments).assert();
        assert.code(3).stdout(is_empty()).stderr(contains("no container engine answers"));
    }
    assert_eq!(read(&run.join("journal.jsonl")), journal);
}

#[test]
fn a_run_whose_folder_is_there_without_its_journal_is_cleaned_up_by_its_label() {
    let folder = folder();
    let run = folder.path().join("runs/rlostjournal");
    std::fs::create_dir_all(run.join("local/etcd")).unwrap_or_else(|error| panic!("{error}"));
    let mut cleanup = program(folder.path());
    cleanup.args(["cleanup", "--run-id", "rlostjournal"]);
    // Nobody knows whether it had containers: it is not taken for one that made nothing, now or the next time.
    for _ in 0..2 {
        cleanup.assert().code(3).stdout(is_empty()).stderr(contains("no container engine answers"));
    }
    let mut server = std::process::Command::new("sleep");
    server.arg("600").env("PMP_VAULT_CONFORMANCE_PART", "pvc-rlostjournal-etcd");
    let mut server = server.spawn().unwrap_or_else(|error| panic!("{error}"));
    cleanup.assert().success().stdout(contains("run rlostjournal: removed"));
    assert!(server.try_wait().is_ok_and(|ended| ended.is_some()), "the server goes on");
    assert!(!run.exists());
}

#[test]
fn a_state_folder_that_cannot_be_made_is_no_verdict_and_says_how_to_name_another() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap_or_else(|error| panic!("{error}"));
    program(&file).arg("run").assert().code(3).stdout(contains("--state-dir"));
}

#[test]
fn the_probe_started_by_hand_says_that_it_is_not_for_people() {
    let folder = folder();
    program(folder.path())
        .arg("probe")
        .env_remove("PMP_VAULT_PROBE_INPUT")
        .assert()
        .code(3)
        .stdout(is_empty())
        .stderr(contains("started by the harness"));
}
