//! What a broken set-up must not come to beside its cause, which the corpus holds (`kind_field`).

use serde_json::json;

use crate::support::customer::{self, Customer, FRESH, OTHER};
use crate::support::servers::apply;
use crate::support::testbed::kubectl;

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
