//! An API server that dies in the middle of a run makes no false verdict.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::servers::filling_the_machine;
use crate::support::testbed::{Reports, eventually, folder, program, run_id};

fn output_of(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

/// On a testbed of its own: the others' must stay whole.
#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_api_server_that_dies_in_the_middle_is_never_blamed_on_the_page() {
    let _one = filling_the_machine();
    let reports = Reports::new();
    let mut run = program();
    run.args(["run", "--profile", "core", "--json"]).arg(reports.path("report.json"));
    let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = run_id(&mut child);
    let kubeconfig = folder(&id).join("kubeconfig");
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
    assert!(!folder(&id).exists(), "its folder is left");
    assert_eq!(output_of(Command::new("docker").args(["ps", "-aq", "--filter", &format!("name={id}")])), "");
}
