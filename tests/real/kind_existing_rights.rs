//! The printed Role and policy are enough, and each right of them is needed:
//! without one nothing is created, and the one is named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::check::Ran;
use crate::support::customer::{APP, Customer, LIMIT};
use crate::support::servers::{apply, apply_text, documents, kubeconfig, on_threads};
use crate::support::testbed::{self, eventually, kubectl, record};

/// A user without any right: a Service Account, and a kubeconfig with its token.
fn user(customer: &Customer, name: &str) -> PathBuf {
    let config = std::fs::read_to_string(kubeconfig()).unwrap();
    let mut config: Value = serde_saphyr::from_str(&config).unwrap();
    let token = kubectl(&["create", "token", name, "-n", &customer.namespace]);
    config["users"][0]["user"] = json!({ "token": token.trim() });
    config["contexts"][0]["name"] = json!("user");
    config["current-context"] = json!("");
    let file = customer.state.path().join(format!("kubeconfig-{name}"));
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

fn account(customer: &Customer, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": name, "namespace": customer.namespace } })
}

fn flags(customer: &Customer, config: &Path) -> Vec<String> {
    let url = format!("http://{}:8200/{}/admin", record()["vault-pod-host"].as_str().unwrap(), customer.mount);
    customer.flags_with(config, "user", &url)
}

fn everything(customer: &Customer, token: &Path) -> Vec<String> {
    let mut extra = customer.every_depth(token);
    extra.push(format!("--other-namespace={}", customer.other));
    extra
}

fn borrowed(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// What `doctor` says is missing, and its exit code.
fn doctor(customer: &Customer, flags: &[String], extra: &[String]) -> (Option<i32>, Vec<String>) {
    let output = customer.command(&["doctor", "check"], flags, &borrowed(extra)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let missing = text.lines().filter_map(|line| line.strip_prefix("MISSING  ")).map(str::to_owned).collect();
    (output.status.code(), missing)
}

/// The same objects for another user under other names, and one right less; and that right in words.
fn lacking(objects: &[Value], number: usize, name: &str) -> (Vec<Value>, String) {
    let mut objects = objects.to_vec();
    let (mut count, mut lacks) = (0, String::new());
    for object in &mut objects {
        object["metadata"]["name"] = json!(name);
        if object["kind"].as_str().unwrap().ends_with("Binding") {
            object["roleRef"]["name"] = json!(name);
            object["subjects"][0]["name"] = json!(name);
            continue;
        }
        let place = object["metadata"]["namespace"].as_str().map(str::to_owned);
        let place = place.map_or("in the whole cluster".to_owned(), |namespace| format!("in namespace {namespace}"));
        let rules = object["rules"].as_array_mut().unwrap();
        for rule in rules.iter_mut() {
            let of = |field: &str| rule[field][0].as_str().unwrap_or_default();
            let (group, one) = (of("apiGroups"), of("resourceNames"));
            let dotted = if group.is_empty() { String::new() } else { format!(".{group}") };
            let named = if one.is_empty() { String::new() } else { format!("/{one}") };
            let what = format!("{}{dotted}{named} {place}", of("resources"));
            rule["verbs"].as_array_mut().unwrap().retain(|verb| {
                count += 1;
                if count == number + 1 {
                    lacks = format!("{} {what}", verb.as_str().unwrap());
                }
                count != number + 1
            });
        }
        // A rule must have a verb.
        rules.retain(|rule| rule["verbs"] != json!([]));
    }
    (objects, lacks)
}

/// A run that stopped before it created anything.
fn stopped_for(ran: &Ran, right: &str) {
    assert_eq!(ran.code, Some(3), "{}", ran.said());
    assert!(ran.report["problems"].to_string().contains(right), "{right}: {}", ran.said());
    assert!(ran.verdicts().iter().all(|verdict| ["inconclusive", "skipped"].contains(verdict)), "{}", ran.said());
    for [to, _, method, path] in ran.ledger() {
        let question = path.ends_with("/selfsubjectaccessreviews") || path == "/v1/sys/capabilities-self";
        assert!(method == "GET" && path == "/version" || method == "POST" && question, "{to} {method} {path}");
    }
}

fn rights_of(objects: &[Value]) -> usize {
    let rules = objects.iter().flat_map(|object| object["rules"].as_array().into_iter().flatten());
    rules.map(|rule| rule["verbs"].as_array().unwrap().len()).sum()
}

/// Roles and bindings outside the customer's namespaces, taken away in the end.
struct Elsewhere(Vec<String>);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let kinds = "clusterroles,clusterrolebindings,roles,rolebindings";
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(kubeconfig()).args(["delete", kinds, "-n", "default", "--ignore-not-found"]);
        let _ = command.args(&self.0).output();
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn exactly_the_printed_role_and_policy_are_enough() {
    let customer = Customer::with_app("enough");
    let token = customer.token();
    let extra = everything(&customer, &token);
    apply(&[account(&customer, "user")]);
    let config = user(&customer, "user");
    let flags = flags(&customer, &config);
    let (code, missing) = doctor(&customer, &flags, &extra);
    assert!(code == Some(3) && missing.len() >= 20, "a user without any right lacks them all: {missing:?}");

    let _elsewhere = Elsewhere(vec!["pmp-vault-conformance".to_owned()]);
    let mut print = extra.clone();
    print.push(format!("--bind-to=serviceaccount:{}/user", customer.namespace));
    apply_text(&customer.printed("rbac", &borrowed(&print)));
    eventually("the Roles hold", LIMIT, || doctor(&customer, &flags, &extra).0 == Some(0));
    let ran = customer.spawn(&flags, &borrowed(&extra), "").end();
    assert_eq!((ran.code, ran.verdicts()), (Some(0), vec!["conformant"; 5]), "{}", ran.said());
    assert_eq!(customer.labelled(), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn without_any_one_right_of_the_role_it_is_named_and_nothing_is_created() {
    let customer = Customer::with_app("role-less");
    let token = customer.token();
    let extra = everything(&customer, &token);
    let mut print = extra.clone();
    print.push(format!("--bind-to=serviceaccount:{}/user", customer.namespace));
    let printed = documents(&customer.printed("rbac", &borrowed(&print)));
    let numbers: Vec<usize> = (0..rights_of(&printed)).collect();
    assert_eq!(numbers.len(), 20, "{printed:?}");

    let names: Vec<String> = numbers.iter().map(|number| format!("{}-{number}", customer.name)).collect();
    let _elsewhere = Elsewhere(names.clone());
    let (mut objects, mut lacks) = (Vec::new(), Vec::new());
    for (number, name) in numbers.iter().zip(&names) {
        objects.push(account(&customer, name));
        let (roles, right) = lacking(&printed, *number, name);
        objects.extend(roles);
        lacks.push(right);
    }
    apply(&objects);
    assert_eq!(lacks.iter().collect::<BTreeSet<_>>().len(), lacks.len(), "{lacks:?}");
    let before = customer.objects();
    on_threads(3, &lacks, |number, right| {
        let config = user(&customer, &names[number]);
        let flags = flags(&customer, &config);
        // Also until all other rights hold.
        eventually(&format!("doctor names `{right}` and no other right"), LIMIT, || {
            let (code, missing) = doctor(&customer, &flags, &extra);
            code == Some(3) && missing.len() == 1 && missing[0].starts_with(&format!("{right}: "))
        });
        stopped_for(&customer.spawn(&flags, &borrowed(&extra), "").end(), right);
    });
    assert_eq!(customer.objects(), before);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn without_any_one_path_of_the_policy_it_is_named_and_nothing_is_created() {
    let customer = Customer::with_app("policy-less");
    let policy = customer.printed("policy", &[]);
    let paths: Vec<&str> =
        policy.lines().filter_map(|line| line.split('"').nth(1)).filter(|p| p.contains('/')).collect();
    assert_eq!(paths.len(), 6, "{policy}");
    let before = customer.objects();
    on_threads(3, &paths, |number, path| {
        let rest: String =
            policy.split_inclusive("}\n").filter(|rule| !rule.contains(&format!("\"{path}\""))).collect();
        let token = customer.token_with(&format!("less-{number}"), &rest);
        let extra = customer.every_depth(&token);
        let (code, missing) = doctor(&customer, &customer.flags(), &extra);
        assert!(
            code == Some(3) && missing.len() == 1 && missing[0].starts_with(&format!("read on {path}: ")),
            "{path}: {code:?} {missing:?}"
        );
        stopped_for(&customer.run(&borrowed(&extra)), path);
    });
    assert_eq!(customer.objects(), before);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn only_the_question_about_the_reviewer_needs_a_right_in_the_whole_cluster() {
    let customer = Customer::new("scope");
    let reviewer = format!("--reviewer=default/{}", customer.reviewer);
    let other = format!("--other-namespace={}", customer.other);
    let kinds = |extra: &[&str]| -> BTreeSet<String> {
        let objects = documents(&customer.printed("rbac", extra));
        assert!(objects.iter().all(|object| object["kind"] != "Role" || object["metadata"]["namespace"].is_string()));
        objects.iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&[&reviewer, &other, "--vault-token-file=x"]), BTreeSet::from(["Role".to_owned()]));
    assert_eq!(
        kinds(&[&reviewer, &other, "--diagnose-reviewer"]),
        BTreeSet::from(["Role".to_owned(), "ClusterRole".to_owned()])
    );
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_the_apps_token_may_do_is_reported_and_never_done() {
    let customer = Customer::with_app("wide");
    let all = r#"["create", "read", "update", "patch", "delete", "list"]"#;
    customer.write_policy(&format!("path \"{}/data/admin\" {{ capabilities = {all} }}", customer.mount));
    let version = customer.version();
    let ran = customer.run(&[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    for id in ["list", "write", "patch", "delete"] {
        assert!(ran.causes().contains(&format!("boundary.{id}-allowed")), "{id}: {}", ran.said());
    }
    assert!(!ran.causes().contains("boundary.sibling-allowed"), "{}", ran.said());
    let keys = testbed::scenario(&ran.report, APP)["keys"].as_array().unwrap();
    assert!(keys.iter().all(|key| key["verdict"] == "conformant"), "the keys are there all the same");
    assert_eq!(customer.version(), version, "the secret was changed");
}
