//! The printed Job is the same check, run in the cluster itself.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::customer::{Customer, LIMIT};
use crate::support::servers::{apply_text, documents, image, kubeconfig};
use crate::support::testbed::{eventually, kubectl, record};

/// Runs the Job to its end, and gives its exit code, its log and its status.
fn job(customer: &Customer) -> (Value, String, Value) {
    let address = record()["api-server"]["address"].as_str().unwrap().trim_start_matches("https://").to_owned();
    let text = customer.printed(
        "job",
        &[
            &format!("--other-namespace={}", customer.other),
            &format!("--probe-image={}", image()),
            &format!("--api-server={address}"),
        ],
    );
    apply_text(&text);
    let namespace = customer.namespace.as_str();
    let get = |path: &str| {
        let text = kubectl(&["get", path, "-n", namespace, "-o", "json"]);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    eventually("the Job is over", LIMIT, || {
        let status = &get("job/pmp-vault-conformance")["status"];
        status["succeeded"] == 1 || status["failed"] == 1
    });
    let pods = kubectl(&["get", "pods", "-n", namespace, "-l", "job-name=pmp-vault-conformance", "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let code = pods["items"][0]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].clone();
    let log = kubectl(&["logs", "job/pmp-vault-conformance", "-n", namespace]);
    let status = get("job/pmp-vault-conformance")["status"].clone();
    for object in documents(&text) {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let place = object["metadata"]["namespace"].as_str().unwrap();
        assert!([namespace, &customer.other].contains(&place), "{object}");
        let output = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(kubeconfig())
            .args(["delete", kind, name, "-n", place, "--ignore-not-found"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    (code, log, status)
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_printed_job_runs_in_a_restricted_namespace_to_its_verdict() {
    let customer = Customer::with_app("job");
    let uid = customer.app_uid();
    let (code, log, status) = job(&customer);
    assert_eq!((code, &status["succeeded"]), (json!(0), &json!(1)), "{log}");
    assert!(log.contains("5 conformant") && log.contains("(exit code 0)"), "{log}");
    assert_eq!(customer.labelled(), Vec::<String>::new());

    customer.write_role(json!({ "bound_service_account_namespaces": "another" }));
    let (code, log, status) = job(&customer);
    assert_eq!((code, &status["failed"]), (json!(1), &json!(1)), "{log}");
    assert!(log.contains("login.namespace-not-authorized") && log.contains("(exit code 1)"), "{log}");
    assert_eq!((customer.labelled(), customer.app_uid()), (Vec::new(), uid));
}
