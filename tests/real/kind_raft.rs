//! A Vault as in production: three nodes with integrated storage, TLS by an authority of their own, an audit device on,
//! a token reviewer at the real API server. Whichever node the app asks, a check says the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::check::{Ran, Running};
use crate::support::customer::{APP, Customer, LIMIT, ROLE};
use crate::support::own_vault::role;
use crate::support::raft::Raft;
use crate::support::servers::filling_the_machine;
use crate::support::testbed::{eventually, record};

fn check(customer: &Customer, flags: &[String], extra: &[String]) -> Running {
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    customer.spawn(flags, &extra, "")
}

fn passes(ran: &Ran, who: &str) {
    assert_eq!(ran.code, Some(0), "{who}: {}", ran.said());
    assert_eq!(ran.verdict(APP), "conformant", "{who}: {}", ran.said());
    assert_eq!(ran.causes(), BTreeSet::new(), "{who}: {}", ran.said());
    assert_eq!(ran.report["problems"], json!([]), "{who}: {}", ran.said());
}

fn stops(ran: &Ran, cause: &str) {
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    assert_eq!(ran.way(), BTreeSet::from([cause.to_owned()]), "{}", ran.said());
    assert_eq!(ran.fails(), BTreeSet::from([cause.to_owned()]), "{}", ran.said());
}

/// Vault in a pod of another cluster, without a reviewer: it shows its own pod's token, which nobody here knows.
fn with_the_token_of_another_cluster(raft: &Raft, customer: &Customer, trusted: &str) {
    let active = &raft.nodes[0];
    let (auth, record) = (format!("{}-local", customer.auth), record());
    let server = &record["api-server"];
    let reviewer = customer.reviewer_token();
    let (claims, signature) = reviewer.rsplit_once('.').unwrap();
    raft.runs_in_a_pod_with(&format!("{claims}.{}", signature.chars().rev().collect::<String>()));
    let config = json!({ "kubernetes_host": server["address"], "kubernetes_ca_cert": server["ca"] });
    active.must("POST", &format!("sys/auth/{auth}"), json!({ "type": "kubernetes" }));
    active.must("POST", &format!("auth/{auth}/config"), config);
    active.must("POST", &format!("auth/{auth}/role/{ROLE}"), role(customer));
    let mut flags = active.flags(customer);
    flags.retain(|flag| !flag.starts_with("--auth-mount="));
    flags.extend([format!("--auth-mount={auth}"), trusted.to_owned()]);
    let cause = "login.vault-token-of-another-cluster";

    let token = active.token_for(customer, "local", &flags);
    let mut extra = vec![format!("--vault-token-file={}", token.display())];
    let with_nothing = check(customer, &flags, &[]);
    let ran = check(customer, &flags, &extra).end();
    assert!(ran.way().contains(cause), "{}", ran.said());
    let with_nothing = with_nothing.end();
    assert!(with_nothing.way().contains(cause), "{}", with_nothing.said());
    assert!(!ran.way().contains("login.reviewer-unauthorized"), "none is configured: {}", ran.said());
    let log = customer.state.path().join("raft.log");
    std::fs::write(&log, active.log()).unwrap();
    extra.push(format!("--vault-log={}", log.display()));
    stops(&check(customer, &flags, &extra).end(), cause);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_vault_of_three_nodes_with_tls_is_told_alike_by_the_active_node_and_by_a_standby() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _one = filling_the_machine();
    let raft = Raft::start("raft");
    let (active, standby) = (&raft.nodes[0], &raft.nodes[1]);
    let customer = Customer::with_app("raft");
    active.set_up(&customer, "kubernetes");
    let file = customer.state.path().join("raft-ca.pem");
    std::fs::write(&file, &raft.ca).unwrap();
    let trusted = vec![format!("--ca-file={}", file.display())];
    let (by_active, by_standby) = (active.flags(&customer), standby.flags(&customer));
    let plain: Vec<String> = by_active.iter().map(|flag| flag.replace("=https://", "=http://")).collect();
    let token = active.token_for(&customer, "least", &by_standby);
    let every_depth = [trusted.clone(), customer.every_depth(&token)].concat();

    let with_token = check(&customer, &by_standby, &every_depth);
    let untrusted = check(&customer, &by_standby, &[]);
    let plain = check(&customer, &plain, &trusted);
    passes(&check(&customer, &by_active, &trusted).end(), "the active node");
    passes(&check(&customer, &by_standby, &trusted).end(), "a standby");
    passes(&with_token.end(), "a standby, with a Vault token");
    let untrusted = untrusted.end();
    stops(&untrusted, "login.vault-authority-unknown");
    // What lets the check go on is said before what looks at Vault.
    let before = untrusted.stdout.split("openssl").next().unwrap();
    assert!(before.contains("--ca-file"), "{}", untrusted.said());
    stops(&plain.end(), "login.plain-http-to-tls");

    with_the_token_of_another_cluster(&raft, &customer, &trusted[0]);

    // The active node steps down while the app's way is gone.
    raft.is_whole();
    let meanwhile = check(&customer, &by_standby, &trusted);
    eventually("the check has a pod", LIMIT, || !customer.labelled().is_empty());
    active.must("PUT", "sys/step-down", Value::Null);
    passes(&meanwhile.end(), "a standby, while the active node steps down");
}
