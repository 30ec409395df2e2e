//! No value and no token of a run is in anything that it writes, at any log level.

use crate::support::testbed::{self, Reports, kubectl, record};

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn no_output_holds_a_value_or_a_token_of_the_run() {
    let reports = Reports::new();
    let mut command =
        reports.command(&["--scenario", "service-account.*", "--scenario", "secret.*", "--scenario", "auth.issuer"]);
    let output = command.env("RUST_LOG", "trace").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let mut outputs = reports.files();
    outputs.push(String::from_utf8_lossy(&output.stdout).into_owned());
    outputs.push(String::from_utf8_lossy(&output.stderr).into_owned());
    let record = record();
    let root = record["root-token"].as_str().unwrap();
    // Every value of a run begins with `canary-`; Vault's and Kubernetes' tokens have their shapes.
    for forbidden in ["canary-", "hvs.", "hvb.", "eyJ", root] {
        for text in &outputs {
            assert!(!text.contains(forbidden), "found `{}…`", &forbidden[..4]);
        }
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_probe_prints_no_value_and_no_token() {
    let reports = Reports::new();
    let mut child = reports.command(&["--scenario", "service-account.custom"]).spawn().unwrap();
    let run = testbed::run_id(&mut child);
    let namespace = format!("{run}-service-account-custom");
    let log = std::cell::RefCell::new(String::new());
    testbed::eventually("the probe's line", std::time::Duration::from_secs(30), || {
        let output = std::process::Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(testbed::folder(&testbed::owner()).join("kubeconfig"))
            .args(["logs", "deployment/mxplatform", "-n", &namespace])
            .output()
            .unwrap();
        *log.borrow_mut() = String::from_utf8_lossy(&output.stdout).into_owned();
        // The run may be over before the line was read; the other test covers what it wrote.
        log.borrow().contains("PMP-VAULT-OBSERVATION") || child_is_over(&run)
    });
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for forbidden in ["canary-", "hvs.", "hvb.", "eyJ"] {
        assert!(!log.borrow().contains(forbidden), "found `{forbidden}…`");
    }
    assert!(
        !kubectl(&["get", "pods", "-A", "-o", "json"]).contains("canary-"),
        "a value stands in a pod's environment"
    );
}

fn child_is_over(run: &str) -> bool {
    !testbed::folder(run).exists()
}
