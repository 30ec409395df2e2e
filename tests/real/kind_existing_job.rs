//! The printed Job is the same check, run in the cluster itself.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::customer::{Customer, LIMIT};
use crate::support::servers::{apply_text, documents, image, kubeconfig};
use crate::support::testbed::{eventually, kubectl, record};

/// What `print` prints, applied.
fn applied(customer: &Customer, what: &str, extra: &[&str]) -> String {
    let address = record()["api-server"]["address"].as_str().unwrap().trim_start_matches("https://").to_owned();
    let flags = [
        format!("--other-namespace={}", customer.other),
        format!("--probe-image={}", image()),
        format!("--api-server={address}"),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(extra.iter().copied()).collect();
    let text = customer.printed(what, &flags);
    apply_text(&text);
    text
}

/// Waits for the end of a Job, and gives its exit code, its log and its status.
fn end(customer: &Customer, name: &str) -> (Value, String, Value) {
    let namespace = customer.namespace.as_str();
    let get = |path: &str| {
        let text = kubectl(&["get", path, "-n", namespace, "-o", "json"]);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let job = format!("job/{name}");
    eventually("the Job is over", LIMIT, || {
        let status = &get(&job)["status"];
        status["succeeded"] == 1 || status["failed"] == 1
    });
    let pods = kubectl(&["get", "pods", "-n", namespace, "-l", &format!("job-name={name}"), "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let code = pods["items"][0]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].clone();
    (code, kubectl(&["logs", &job, "-n", namespace]), get(&job)["status"].clone())
}

/// Removes what was applied, object by object.
fn removed(customer: &Customer, text: &str) {
    let namespace = customer.namespace.as_str();
    for object in documents(text) {
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
}

/// Runs the Job to its end, and gives its exit code, its log and its status.
fn job(customer: &Customer) -> (Value, String, Value) {
    let text = applied(customer, "job", &[]);
    let end = end(customer, "pmp-vault-conformance");
    removed(customer, &text);
    end
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

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_printed_cronjob_runs_the_check_by_its_schedule_and_when_it_is_told_to() {
    let customer = Customer::with_app("cronjob");
    let namespace = customer.namespace.as_str();
    let text = applied(&customer, "cronjob", &["--schedule=* * * * *", "--suspend"]);
    let name = "cronjob/pmp-vault-conformance";
    kubectl(&["create", "job", "by-hand", &format!("--from={name}"), "-n", namespace]);
    let (code, log, status) = end(&customer, "by-hand");
    assert_eq!((code, &status["succeeded"]), (json!(0), &json!(1)), "{log}");
    assert!(log.contains("5 conformant") && log.contains("(exit code 0)"), "{log}");
    let jobs = || kubectl(&["get", "jobs", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!(jobs(), "by-hand", "none by itself, because it is suspended");

    kubectl(&["patch", name, "-n", namespace, "--type=merge", "-p", r#"{"spec":{"suspend":false}}"#]);
    let by_itself = || jobs().split_whitespace().find(|job| *job != "by-hand").map(str::to_owned);
    eventually("a minute begins, and a Job with it", LIMIT, || by_itself().is_some());
    let (code, log, _) = end(&customer, &by_itself().unwrap());
    assert_eq!(code, json!(0), "{log}");
    removed(&customer, &text);
    assert_eq!(customer.labelled(), Vec::<String>::new());
}
