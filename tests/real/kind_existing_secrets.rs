//! No stored value, no token and no name of an undocumented key is in anything
//! that a check writes or leaves, at any log level, on this machine or in the cluster.

use std::path::Path;

use serde_json::json;

use crate::support::customer::{Customer, LIMIT, VALUE};
use crate::support::servers::keys;
use crate::support::testbed::{eventually, kubectl};

/// The name of a key that somebody stored beside the documented ones.
const UNEXPECTED: &str = "Somebodys.OwnKey";

fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
            found.push((entry.path().display().to_string(), text));
        }
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn no_value_no_token_and_no_undocumented_name_is_in_any_output() {
    let customer = Customer::with_app("secrets");
    let mut data: serde_json::Map<String, serde_json::Value> =
        keys().iter().map(|key| (key.clone(), json!(format!("{VALUE}{}-{key}", customer.name)))).collect();
    data.insert(UNEXPECTED.to_owned(), json!(format!("{VALUE}beside")));
    customer.store(json!(data));
    let token = customer.token();
    let given = std::fs::read_to_string(&token).unwrap().trim().to_owned();
    let mut extra = customer.every_depth(&token);
    extra.push(format!("--other-namespace={}", customer.other));
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let running = customer.spawn(&customer.flags(), &extra, "trace");

    // Held still while its pods end, so that there is time to look at all of it.
    let pods = |namespace: &str, format: &str| {
        kubectl(&["get", "pods", "-n", namespace, "-l", "pmp-vault-conformance/run", "-o", format])
    };
    let names =
        || [pods(&customer.namespace, "name"), pods(&customer.other, "name")].map(|names| names.lines().count());
    eventually("all three pods are there", LIMIT, || names() == [2, 1]);
    running.signal("-STOP");
    let phases = "jsonpath={.items[*].status.phase}";
    eventually("the pods are over", LIMIT, || {
        let all = [pods(&customer.namespace, phases), pods(&customer.other, phases)].join(" ");
        all == "Succeeded Succeeded Succeeded"
    });
    let mut outputs = Vec::new();
    for namespace in [&customer.namespace, &customer.other] {
        outputs.push((format!("pods of {namespace}"), pods(namespace, "json")));
        outputs.push((format!("events of {namespace}"), kubectl(&["get", "events", "-n", namespace, "-o", "json"])));
        let log = kubectl(&["logs", "-n", namespace, "-l", "pmp-vault-conformance/run", "--tail=-1"]);
        assert!(log.contains("PMP-VAULT-OBSERVATION"), "{log}");
        outputs.push((format!("logs of {namespace}"), log));
    }
    let before = outputs.len();
    files(&customer.state.path().join("runs"), &mut outputs);
    assert!(outputs.len() > before, "the state folder has a journal");
    running.signal("-CONT");

    let ran = running.end();
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    assert!(ran.causes().contains("keys.unexpected"), "the key is counted: {:?}", ran.causes());
    outputs.push(("standard output".to_owned(), ran.stdout.clone()));
    outputs.push(("standard error".to_owned(), ran.stderr.clone()));
    outputs.extend(ran.files.iter().map(|file| ("a report".to_owned(), file.clone())));
    for forbidden in [VALUE, &given, "hvs.", "hvb.", "eyJ", UNEXPECTED] {
        for (what, text) in &outputs {
            assert!(!text.contains(forbidden), "`{}…` is in {what}", &forbidden[..4.min(forbidden.len())]);
        }
    }
}
