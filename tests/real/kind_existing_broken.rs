//! Whatever is broken in a customer's set-up is named: by its one cause where
//! the app's own way or a read-only Vault token tells it, else by exactly those
//! causes that nothing rules out.

use std::collections::BTreeSet;

use pmp_vault_conformance::scenario::load::Catalogue;
use serde_json::{Value, json};

use crate::support::broken::{self, Broken, Says, TABLE};
use crate::support::check::Ran;
use crate::support::customer::{self, Customer, FRESH, OTHER};
use crate::support::servers::{apply, context, kubeconfig, on_threads, vault, vault_log};
use crate::support::testbed::{self, kubectl};

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// What is not as it must be, in words.
fn differences(broken: &Broken, depth: &str, ran: &Ran, says: &Says) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is: String, must: String| {
        if is != must {
            found.push(format!("{} {depth}: {what}: {is}, must be {must}", broken.name));
        }
    };
    compare("exit code", format!("{:?}", ran.code), format!("{:?}", Some(says.code)));
    let way = ran.way();
    compare("the app's way", format!("{way:?}"), format!("{:?}", set(says.way)));
    let mut beside = ran.causes();
    // The testbed's Vault listens without TLS, which every check warns of.
    beside.remove("login.http-without-tls");
    if way.len() == 1 {
        beside.retain(|id| !way.contains(id));
    }
    compare("beside it", format!("{beside:?}"), format!("{:?}", set(says.beside)));
    compare("problems", ran.report["problems"].to_string(), "[]".to_owned());
    if !found.is_empty() {
        found.push(ran.said());
    }
    found
}

fn check(broken: &Broken) -> Vec<String> {
    let customer = Customer::new(broken.label);
    let token = customer.token();
    (broken.how)(&customer);
    let flags = broken
        .secret_name
        .map_or_else(|| customer.flags(), |url| customer.flags_with(&kubeconfig(), &context(), &url(&customer)));
    let mut extra: Vec<String> = broken.flags.iter().map(|flag| (*flag).to_owned()).collect();
    if broken.other_namespace {
        extra.push(format!("--other-namespace={}", customer.other));
    }
    let run = |extra: &[String]| {
        let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
        customer.spawn(&flags, &extra, "").end()
    };
    let without = run(&extra);
    println!("{} | {:?} {:?} | {:?}", broken.name, without.code, without.way(), without.causes());
    let mut found = differences(broken, "without a Vault token", &without, &broken.without);
    extra.extend(customer.every_depth(&token));
    let with = run(&extra);
    println!("{} | {:?} {:?} | {:?} (with token)", broken.name, with.code, with.way(), with.causes());
    found.extend(differences(broken, "with a Vault token", &with, &broken.with));
    found
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_broken_set_up_is_named_by_its_cause_or_by_all_that_it_may_be() {
    let found = on_threads(8, TABLE, |_, broken| check(broken)).concat();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_cause_of_the_table_has_its_meaning_and_its_remedy() {
    assert!(TABLE.len() >= 20);
    let catalogue = Catalogue::embedded().unwrap();
    for broken in TABLE {
        for says in [&broken.without, &broken.with] {
            for id in says.way.iter().chain(says.beside) {
                let cause = catalogue.causes.causes.iter().find(|cause| cause.id.as_str() == *id);
                let cause = cause.unwrap_or_else(|| panic!("{}: {id} is in no catalogue", broken.name));
                assert!(cause.remedy.len() > 20 && cause.meaning.len() > 20, "{id}");
            }
        }
    }
}

/// The lines of Vault's log that are of this customer's auth mount.
fn log_of(customer: &Customer) -> String {
    let mounts = vault("GET", "sys/auth", Value::Null);
    let accessor = mounts["data"][format!("{}/", customer.auth)]["accessor"].as_str().unwrap().to_owned();
    vault_log().lines().filter(|line| line.contains(&accessor)).map(|line| format!("{line}\n")).collect()
}

/// Where a bare refusal leaves several causes, Vault's own log names the one.
fn with_the_log(label: &str, how: impl Fn(&Customer), cause: &str) {
    let customer = Customer::new(label);
    how(&customer);
    let first = customer.run(&[]);
    assert!(first.way().len() > 1 && first.way().contains(cause), "{}", first.said());
    assert!(first.stdout.contains("--vault-log"), "what would tell is said: {}", first.said());

    let lines = log_of(&customer);
    assert!(!lines.is_empty());
    let file = customer.state.path().join("vault.log");
    std::fs::write(&file, lines).unwrap();
    let flag = format!("--vault-log={}", file.display());
    let second = customer.run(&[&flag]);
    assert_eq!((second.code, second.way()), (Some(1), set(&[cause])), "{}", second.said());

    // The whole log has other auth mounts' lines too; with a Vault token the right ones are found.
    std::fs::write(&file, vault_log()).unwrap();
    let token = format!("--vault-token-file={}", customer.token().display());
    let third = customer.run(&[&flag, &token]);
    assert_eq!((third.code, third.way()), (Some(1), set(&[cause])), "{}", third.said());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn vaults_log_tells_that_the_api_server_is_not_reached() {
    let closed = |customer: &Customer| {
        customer.configure(json!({ "kubernetes_host": testbed::record()["api-server"]["closed-address"] }));
    };
    with_the_log("log-closed", closed, "login.api-server-unreachable");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn vaults_log_tells_that_the_app_reviews_its_own_token() {
    with_the_log("log-issuer", broken::issuer_only, "login.app-may-not-review");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn vaults_log_tells_that_the_reviewers_token_is_not_accepted() {
    let garbage = |customer: &Customer| customer.configure(json!({ "token_reviewer_jwt": broken::GARBAGE }));
    with_the_log("log-garbage", garbage, "login.reviewer-unauthorized");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_app_that_cannot_log_in_makes_no_refusal_a_pass() {
    let customer = Customer::new("no-twin");
    customer.write_role(json!({ "bound_service_account_names": "another" }));
    let ran = customer.run(&[&format!("--other-namespace={}", customer.other)]);
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    assert_eq!([ran.verdict(FRESH), ran.verdict(OTHER)], ["inconclusive"; 2], "{}", ran.said());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_service_account_that_another_check_made_for_itself_is_neither_used_nor_removed() {
    let customer = Customer::with_app("shared");
    let metadata = json!({ "name": customer::ACCOUNT, "namespace": customer.other,
        "labels": { "pmp-vault-conformance/run": "another" } });
    apply(&[json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata })]);
    let ran = customer.run(&[&format!("--other-namespace={}", customer.other)]);
    assert_eq!(ran.verdict(OTHER), "inconclusive", "{}", ran.said());
    assert!(ran.said().contains("check another has made it for itself"), "{}", ran.said());
    kubectl(&["get", "serviceaccount", customer::ACCOUNT, "-n", &customer.other]);
}
