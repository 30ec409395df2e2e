//! A check of a customer's set-up that is as the page says: it passes, it says
//! everything, and it leaves the cluster and Vault as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::support::check::Ran;
use crate::support::customer::{self, APP, Customer};
use crate::support::ledger;
use crate::support::servers::{documents, keys, try_vault, vault};
use crate::support::testbed::{self, eventually};

/// Vault's own record of every request, on for as long as this lives.
struct Audit {
    name: String,
    since: u64,
    _alone: MutexGuard<'static, ()>,
}

impl Audit {
    fn start(customer: &Customer) -> Self {
        // Only one can have Vault's standard output.
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("audit-{}", customer.name);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        vault("PUT", &format!("sys/audit/{name}"), json!({ "type": "file", "options": { "file_path": "stdout" } }));
        Self { name, since, _alone: alone }
    }

    /// Every request so far that names something of this customer's, its administrator's left out.
    fn requests(&self, customer: &Customer) -> Vec<(String, String)> {
        let container = testbed::made_of()["vault-container"].as_str().unwrap().to_owned();
        let output =
            Command::new("docker").args(["logs", "--since", &self.since.to_string(), &container]).output().unwrap();
        assert!(output.status.success());
        let mut found = Vec::new();
        for bytes in [output.stdout, output.stderr] {
            for line in String::from_utf8_lossy(&bytes).lines().filter(|line| line.contains(&customer.name)) {
                let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
                let administrator = line["auth"]["policies"].as_array().is_some_and(|p| p.contains(&json!("root")));
                if line["type"] == "request" && !administrator {
                    let text = |field: &str| line["request"][field].as_str().unwrap().to_owned();
                    found.push((text("operation"), text("path")));
                }
            }
        }
        found
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        try_vault("DELETE", &format!("sys/audit/{}", self.name), Value::Null);
    }
}

fn all_flags(customer: &Customer) -> Vec<String> {
    let mut flags = customer.every_depth(&customer.token());
    flags.push(format!("--other-namespace={}", customer.other));
    flags.push("--require=all".to_owned());
    flags
}

fn run(customer: &Customer, flags: &[String]) -> Ran {
    customer.run(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The API server adds a Service Account and a ConfigMap to a namespace in its own time.
fn settled(customer: &Customer) -> BTreeMap<String, Value> {
    eventually("the namespaces have what Kubernetes puts into them", customer::LIMIT, || {
        let names: Vec<String> = customer.objects().into_keys().collect();
        ["default", "kube-root-ca.crt"].iter().all(|wanted| names.iter().filter(|n| n.contains(wanted)).count() >= 2)
    });
    customer.objects()
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_correct_set_up_passes_and_nothing_is_changed_anywhere() {
    let customer = Customer::with_app("correct");
    let flags = all_flags(&customer);
    let (before, version) = (settled(&customer), customer.version());
    let audit = Audit::start(&customer);
    let ran = run(&customer, &flags);

    assert_eq!(ran.code, Some(0), "{}", ran.said());
    assert_eq!(ran.verdicts(), ["conformant"; 5], "{}", ran.said());
    assert_eq!(ran.report["problems"], json!([]), "{}", ran.said());
    let cases = testbed::scenario(&ran.report, APP)["keys"].as_array().unwrap();
    let named: Vec<&str> = cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!((named.len(), named), (30, keys().iter().map(String::as_str).collect()));
    assert!(cases.iter().all(|case| case["verdict"] == "conformant" && case["state"] == "present"), "{cases:?}");
    for key in keys() {
        assert!(
            ran.files[1].contains(&format!("key {key}")) || ran.files[1].contains(&key),
            "{key} is in no JUnit case"
        );
    }

    // What it asked for is what it said beforehand that it needs.
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let roles = documents(&customer.printed("rbac", &flags));
    let policy = customer.printed("policy", &[]);
    let ledger = ran.ledger();
    let secret = (customer.mount.as_str(), "admin");
    assert_eq!(ledger::not_granted(&ledger, &roles, &policy, &customer.auth, secret), Vec::<String>::new());
    for (to, least) in [("api-server", 20), ("vault", 20)] {
        assert!(ledger.iter().filter(|request| request[0] == to).count() >= least, "{ledger:?}");
    }

    // Vault's own record: nothing but logins, questions and revocations is no read.
    let recorded = audit.requests(&customer);
    let login = format!("auth/{}/login", customer.auth);
    for wanted in
        [&*login, "sys/capabilities-self", "auth/token/revoke-self", &format!("{}/data/admin", customer.mount)]
    {
        assert!(recorded.iter().any(|(_, path)| path == wanted), "{wanted} is not in {recorded:?}");
    }
    let writes: BTreeSet<&str> = recorded
        .iter()
        .filter(|(operation, _)| !["read", "list"].contains(&operation.as_str()))
        .map(|(_, path)| path.as_str())
        .collect();
    let allowed = BTreeSet::from([&*login, "sys/capabilities-self", "auth/token/revoke-self"]);
    assert!(writes.is_subset(&allowed), "{writes:?}");
    // And whatever is in it is in the ledger too.
    for (operation, path) in &recorded {
        let path = format!("/v1/{}", path.trim_end_matches('/'));
        assert!(ledger.iter().any(|request| request[3].trim_end_matches('/') == path), "{operation} {path}");
    }

    assert_eq!(customer.version(), version, "the secret was changed");
    assert_eq!(customer.objects(), before);
    assert_eq!(customer.runs_left(), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn without_a_token_and_without_options_the_check_needs_no_more_than_the_app() {
    let customer = Customer::with_app("plain");
    let before = settled(&customer);
    let ran = customer.run(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    assert_eq!(ran.verdicts(), ["conformant", "conformant", "conformant", "conformant", "skipped"], "{}", ran.said());
    let ledger = ran.ledger();
    assert!(ledger.iter().all(|[to, by, ..]| (to == "vault") == (by != "harness")), "{ledger:?}");
    let roles = documents(&customer.printed("rbac", &[]));
    assert_eq!(
        ledger::not_granted(&ledger, &roles, "", &customer.auth, (&customer.mount, "admin")),
        Vec::<String>::new()
    );
    assert_eq!(customer.objects(), before);
}

/// The objects that a dry run printed, as (namespace, resource, name).
fn planned(text: &str) -> BTreeSet<[String; 3]> {
    let mut found = BTreeSet::new();
    for document in text.split("---\n") {
        if !document.starts_with("apiVersion") {
            continue;
        }
        let object: Value = serde_saphyr::from_str(document).unwrap();
        let resource = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        let of = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
        found.insert([of("namespace"), resource, of("name")]);
    }
    found
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_dry_run_creates_nothing_and_prints_all_that_a_run_makes_and_asks() {
    let customer = Customer::with_app("dry");
    let flags = all_flags(&customer);
    let extra: Vec<&str> = flags.iter().map(String::as_str).collect();
    let before = settled(&customer);
    let audit = Audit::start(&customer);
    let dry = customer.command(&["check"], &customer.flags(), &extra).arg("--dry-run").output().unwrap();
    let text = String::from_utf8(dry.stdout).unwrap();
    assert_eq!(dry.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&dry.stderr));
    assert_eq!(customer.objects(), before);
    assert_eq!(audit.requests(&customer), Vec::new(), "Vault was asked");
    drop(audit);
    assert_eq!(customer.runs_left(), Vec::<String>::new());

    let ran = run(&customer, &flags);
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    let ledger = ran.ledger();
    let mut made = BTreeSet::new();
    for [to, _, method, path] in &ledger {
        if to != "api-server" || method != "DELETE" {
            continue;
        }
        let parts: Vec<&str> = path.split('/').collect();
        let ["", "api", "v1", "namespaces", namespace, resource, name] = parts.as_slice() else {
            panic!("{path}");
        };
        made.insert([(*namespace).to_owned(), (*resource).to_owned(), name.replace(ran.id(), "RUN-ID")]);
    }
    let created = ledger.iter().filter(|[to, _, method, path]| {
        to == "api-server" && method == "POST" && (path.ends_with("/pods") || path.ends_with("/serviceaccounts"))
    });
    assert_eq!((created.count(), made.len()), (5, 5), "{ledger:?}");
    assert_eq!(planned(&text), made);
    for [to, by, method, path] in &ledger {
        let who = if by == "harness" { "this machine" } else { "probe" };
        assert!(to != "vault" || text.contains(&format!("#   {method} {path} ({who})")), "{method} {path} by {by}");
    }
}
