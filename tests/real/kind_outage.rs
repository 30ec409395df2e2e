//! What a run rests on may end in the middle of it: that makes no false
//! verdict, and what cannot go on ends at once.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::servers::filling_the_machine;
use crate::support::testbed::{Reports, eventually, folder, program, run_id};

fn output_of(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

/// A core run on a testbed of its own: the others' must stay whole.
fn core(reports: &Reports) -> Command {
    let mut run = program();
    run.args(["run", "--profile", "core", "--json"]).arg(reports.path("report.json"));
    run.stdout(Stdio::piped()).stderr(Stdio::piped());
    run
}

/// Waits until a run has a pod that runs.
fn has_a_pod(id: &str) {
    let kubeconfig = folder(id).join("kubeconfig");
    eventually("the run has a pod that runs", Duration::from_secs(120), || {
        let arguments = ["get", "pods", "-A", "-l", &format!("pmp-vault-conformance/run={id}"), "-o", "name"];
        let mut kubectl = Command::new("kubectl");
        let found = output_of(
            kubectl
                .arg("--kubeconfig")
                .arg(&kubeconfig)
                .args(arguments)
                .args(["--field-selector", "status.phase=Running"]),
        );
        !found.is_empty()
    });
}

fn nothing_is_left_of(id: &str) {
    assert!(!folder(id).exists(), "its folder is left");
    for what in [["ps", "-a"], ["network", "ls"]] {
        let left = output_of(Command::new("docker").args(what).args(["-q", "--filter", &format!("name={id}")]));
        assert_eq!(left, "", "{what:?}");
    }
}

/// Ends soon, with exit code 3 and a problem that has these words; no scenario
/// is blamed on the page.
fn ends_soon(child: Child, reports: &Reports, since: Instant, words: &str) -> Output {
    let output = child.wait_with_output().unwrap();
    let (took, said) = (since.elapsed(), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(took < Duration::from_secs(30), "{took:?}: {said}");
    let report = reports.json();
    assert!(report["problems"][0].as_str().unwrap().contains(words), "{}", report["problems"]);
    assert_eq!(report["problems"].as_array().unwrap().len(), 1, "{}", report["problems"]);
    let scenarios = report["scenarios"].as_array().unwrap();
    assert!(scenarios.len() >= 14, "{} scenarios", scenarios.len());
    for scenario in scenarios {
        assert_ne!(scenario["verdict"], "nonconformant", "{scenario}");
    }
    output
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_run_ends_when_its_vault_or_its_node_has_ended() {
    let _one = filling_the_machine();
    // kind, where it is still at its creation, may miss the node first, and names the same container.
    for (container, said) in [("vault", "container NAME "), ("control-plane", "NAME")] {
        let reports = Reports::new();
        let mut child = core(&reports).spawn().unwrap();
        let id = run_id(&mut child);
        has_a_pod(&id);
        let name = format!("pvc-{id}-{container}");
        assert!(Command::new("docker").args(["kill", &name]).stdout(Stdio::null()).status().unwrap().success());
        ends_soon(child, &reports, Instant::now(), &said.replace("NAME", &name));
        nothing_is_left_of(&id);
    }
}

/// A `kind` whose `create cluster` does this before it fails; `KIND` is the real one.
fn kind_that_fails(after: &str) -> tempfile::TempDir {
    let bin = tempfile::tempdir().unwrap();
    let real = output_of(Command::new("sh").args(["-c", "command -v kind"]));
    let (real, file) = (real.trim(), bin.path().join("kind"));
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in create) {after}; echo 'ERROR: no cluster, on purpose' >&2; exit 1;; esac\nexec {real} \"$@\"\n"
    );
    std::fs::write(&file, script.replace("KIND", real)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_creation_that_fails_ends_the_run_at_once_with_the_words_of_kind() {
    let _one = filling_the_machine();
    // At once, and when scenarios are on their way.
    for (after, under_way) in [("sleep 2", false), ("KIND \"$@\"; sleep 8", true)] {
        let (reports, bin) = (Reports::new(), kind_that_fails(after));
        let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
        let mut child = core(&reports).env("PATH", path).spawn().unwrap();
        let id = run_id(&mut child);
        if under_way {
            has_a_pod(&id);
        }
        ends_soon(child, &reports, Instant::now(), "ERROR: no cluster, on purpose");
        nothing_is_left_of(&id);
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_api_server_that_dies_in_the_middle_is_never_blamed_on_the_page() {
    let _one = filling_the_machine();
    let reports = Reports::new();
    let mut child = core(&reports).spawn().unwrap();
    let id = run_id(&mut child);
    has_a_pod(&id);
    let node = format!("pvc-{id}-control-plane");
    let killed = Command::new("docker").args(["exec", &node, "pkill", "-KILL", "kube-apiserver"]).status().unwrap();
    assert!(killed.success());

    let code = child.wait_with_output().unwrap().status.code();
    assert!(matches!(code, Some(0 | 3)), "exit code {code:?}");
    let report = reports.json();
    let scenarios = report["scenarios"].as_array().unwrap();
    assert!(scenarios.len() >= 14, "{} scenarios", scenarios.len());
    for scenario in scenarios {
        assert_ne!(scenario["verdict"], "nonconformant", "{scenario}");
    }
    nothing_is_left_of(&id);
}
