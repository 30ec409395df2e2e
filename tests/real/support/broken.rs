//! What can be broken in a customer's set-up, and what each of it must come to.

use serde_json::{Value, json};

use super::customer::{Customer, ROLE};
use super::servers::{apply, vault};
use super::testbed::{kubectl, record};

/// What must be said.
pub struct Says {
    /// Where the app's way stops: its one cause, or all that it may be; nothing where it goes through.
    pub way: &'static [&'static str],
    /// What else is failed or warned of.
    pub beside: &'static [&'static str],
    pub code: i32,
}

/// One broken thing.
pub struct Broken {
    pub name: &'static str,
    pub label: &'static str,
    pub how: fn(&Customer),
    /// Another Secret Name than the customer's.
    pub secret_name: Option<fn(&Customer) -> String>,
    pub flags: &'static [&'static str],
    pub other_namespace: bool,
    pub without: Says,
    /// With a read-only Vault token, the reviewer's name and `--diagnose-reviewer`.
    pub with: Says,
}

/// A token by form, and of nobody.
pub const GARBAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.xxxx";

/// A refusal after the role was found to bind the account is that of the
/// TokenReview, and the client is not told which.
const REVIEW: &[&str] = &[
    "login.app-may-not-review",
    "login.reviewer-may-not-review",
    "login.vault-may-not-review",
    "login.reviewer-unauthorized",
    "login.app-token-rejected",
    "login.api-server-certificate",
    "login.api-server-unreachable",
];

/// Nothing tells these apart by the app's own way.
const DENIED: &[&str] = &["read.policy-denies", "read.policy-missing", "read.mount-missing"];
const NOT_THERE: &[&str] = &["read.secret-not-found", "read.secret-at-data-data"];

const fn stops(way: &'static [&'static str]) -> Says {
    Says { way, beside: &[], code: 1 }
}

const fn and(way: &'static [&'static str], beside: &'static [&'static str]) -> Says {
    Says { way, beside, code: 1 }
}

const fn warns(beside: &'static [&'static str]) -> Says {
    Says { way: &[], beside, code: 0 }
}

const fn broken(name: &'static str, label: &'static str, how: fn(&Customer), without: Says, with: Says) -> Broken {
    Broken { name, label, how, secret_name: None, flags: &[], other_namespace: false, without, with }
}

const fn url(
    name: &'static str,
    label: &'static str,
    url: fn(&Customer) -> String,
    without: Says,
    with: Says,
) -> Broken {
    Broken { secret_name: Some(url), ..broken(name, label, |_| (), without, with) }
}

/// Method 1 as the page writes it, for a Vault outside the cluster.
pub fn issuer_only(customer: &Customer) {
    customer.configure(json!({ "token_reviewer_jwt": null, "issuer": record()["api-server"]["issuer"] }));
}

fn foreign_ca() -> String {
    rcgen::generate_simple_self_signed(vec!["elsewhere.example".to_owned()]).unwrap().cert.pem()
}

fn remove(path: String) {
    vault("DELETE", &path, Value::Null);
}

pub static TABLE: &[Broken] = &[
    // Login: the role and the auth method.
    broken(
        "role bound to another account",
        "role-account",
        |c| c.write_role(json!({ "bound_service_account_names": "another" })),
        stops(&["login.service-account-not-authorized"]),
        stops(&["login.service-account-not-authorized"]),
    ),
    broken(
        "role bound to another namespace",
        "role-namespace",
        |c| c.write_role(json!({ "bound_service_account_namespaces": "another" })),
        stops(&["login.namespace-not-authorized"]),
        stops(&["login.namespace-not-authorized"]),
    ),
    broken(
        "role missing",
        "role-missing",
        |c| remove(format!("auth/{}/role/{ROLE}", c.auth)),
        stops(&["login.role-not-found"]),
        stops(&["login.role-not-found"]),
    ),
    broken(
        "role with an audience",
        "audience",
        |c| c.write_role(json!({ "audience": "vault" })),
        stops(&["login.audience-mismatch"]),
        stops(&["login.audience-mismatch"]),
    ),
    broken(
        "auth mount missing",
        "auth-missing",
        |c| remove(format!("sys/auth/{}", c.auth)),
        stops(&["login.auth-mount-missing"]),
        stops(&["login.auth-mount-missing"]),
    ),
    broken(
        "auth method not configured",
        "not-configured",
        |c| {
            remove(format!("sys/auth/{}", c.auth));
            vault("POST", &format!("sys/auth/{}", c.auth), json!({ "type": "kubernetes" }));
            c.write_role(json!({}));
        },
        stops(&["login.not-configured"]),
        stops(&["login.not-configured"]),
    ),
    broken(
        "role bound to other addresses",
        "cidr",
        |c| c.write_role(json!({ "token_bound_cidrs": "192.0.2.0/24" })),
        // Refused before the name is looked at, so the fresh account tells nothing.
        stops(&[
            "login.malformed-token",
            "login.cidr-mismatch",
            "login.app-may-not-review",
            "login.reviewer-may-not-review",
            "login.vault-may-not-review",
            "login.reviewer-unauthorized",
            "login.app-token-rejected",
            "login.api-server-certificate",
            "login.api-server-unreachable",
        ]),
        stops(&["login.cidr-mismatch"]),
    ),
    // Login: the TokenReview.
    broken(
        "issuer only",
        "issuer-only",
        issuer_only,
        stops(REVIEW),
        // No reviewer is configured, and Vault does not say where it runs.
        stops(&["login.app-may-not-review", "login.vault-may-not-review", "login.api-server-unreachable"]),
    ),
    broken(
        "issuer only, Vault's own account switched off",
        "issuer-no-local",
        |c| c.configure(json!({ "token_reviewer_jwt": null, "disable_local_ca_jwt": true })),
        stops(REVIEW),
        stops(&["login.app-may-not-review"]),
    ),
    broken(
        "reviewer without right",
        "reviewer-right",
        |c| drop(kubectl(&["delete", "clusterrolebinding", &c.reviewer])),
        stops(REVIEW),
        stops(&["login.reviewer-may-not-review"]),
    ),
    broken(
        "reviewer deleted",
        "reviewer-gone",
        |c| drop(kubectl(&["delete", "serviceaccount", &c.reviewer, "-n", "default"])),
        stops(REVIEW),
        stops(&["login.reviewer-unauthorized"]),
    ),
    broken(
        "reviewer's token is garbage",
        "reviewer-token",
        |c| c.configure(json!({ "token_reviewer_jwt": GARBAGE })),
        stops(REVIEW),
        // Vault gives back neither the token nor how its request ended.
        stops(&["login.reviewer-unauthorized", "login.api-server-unreachable"]),
    ),
    broken(
        "certificate authority of another cluster",
        "wrong-ca",
        |c| c.configure(json!({ "kubernetes_ca_cert": foreign_ca() })),
        stops(REVIEW),
        stops(&["login.api-server-certificate"]),
    ),
    broken(
        "kubernetes_host is loopback",
        "loopback",
        |c| c.configure(json!({ "kubernetes_host": "https://127.0.0.1:6443" })),
        stops(REVIEW),
        stops(&["login.api-server-unreachable"]),
    ),
    broken(
        "kubernetes_host is a closed port",
        "closed",
        |c| c.configure(json!({ "kubernetes_host": record()["api-server"]["closed-address"] })),
        stops(REVIEW),
        stops(&["login.reviewer-unauthorized", "login.api-server-unreachable"]),
    ),
    // Read.
    broken(
        "policy without data/",
        "no-data",
        |c| c.write_policy(&format!("path \"{}/admin\" {{ capabilities = [\"read\"] }}", c.mount)),
        // A policy on something else of the mount lets the app's token see the mount.
        stops(&["read.policy-denies", "read.policy-missing"]),
        stops(&["read.policy-denies"]),
    ),
    broken(
        "policy missing",
        "policy-missing",
        |c| remove(format!("sys/policies/acl/{}", c.policy)),
        stops(DENIED),
        stops(&["read.policy-missing"]),
    ),
    broken(
        "secret stored with data/ typed as well",
        "data-data",
        |c| {
            remove(format!("{}/metadata/admin", c.mount));
            vault("POST", &format!("{}/data/data/admin", c.mount), json!({ "data": { "A": "b" } }));
        },
        stops(NOT_THERE),
        stops(&["read.secret-at-data-data"]),
    ),
    broken(
        "secret missing",
        "secret-missing",
        |c| remove(format!("{}/metadata/admin", c.mount)),
        stops(NOT_THERE),
        stops(&["read.secret-not-found"]),
    ),
    broken(
        "secret deleted",
        "deleted",
        |c| remove(format!("{}/data/admin", c.mount)),
        stops(&["read.secret-deleted"]),
        stops(&["read.secret-deleted"]),
    ),
    broken(
        "latest version destroyed",
        "destroyed",
        |c| drop(vault("PUT", &format!("{}/destroy/admin", c.mount), json!({ "versions": [1] }))),
        stops(&["read.version-destroyed"]),
        stops(&["read.version-destroyed"]),
    ),
    broken(
        "KV version 1",
        "kv1",
        |c| {
            remove(format!("sys/mounts/{}", c.mount));
            vault("POST", &format!("sys/mounts/{}", c.mount), json!({ "type": "kv", "options": { "version": "1" } }));
            vault("POST", &format!("{}/admin", c.mount), json!({ "VCS.GitlabAdminPAT": "b" }));
        },
        stops(&["read.kv-version-1"]),
        stops(&["read.kv-version-1"]),
    ),
    broken(
        "mount missing",
        "mount-missing",
        |c| remove(format!("sys/mounts/{}", c.mount)),
        // The policy allows the path, so Vault says that nothing is there.
        stops(&["read.mount-missing"]),
        stops(&["read.mount-missing"]),
    ),
    // Keys.
    broken(
        "nested, number and empty values",
        "values",
        |c| {
            c.store(json!({ "Email.SMTPPassword": { "value": "x" }, "VCS.GitlabAdminPAT": 5,
                "CIAdmin.AzureOrgAdminPAT": "" }));
        },
        // Nobody asked for the empty one, so it is warned of.
        and(&["keys.not-a-string"], &["keys.empty"]),
        and(&["keys.not-a-string"], &["keys.empty"]),
    ),
    Broken {
        flags: &["--require=VCS.GitlabAdminPAT,Email.SMTPPassword"],
        ..broken(
            "required keys in another case, and empty",
            "required",
            |c| c.store(json!({ "vcs.gitlabadminpat": "x", "Email.SMTPPassword": "" })),
            // What is there and of no use goes before what is not there.
            and(&["keys.empty"], &["keys.misplaced", "keys.unexpected"]),
            and(&["keys.empty"], &["keys.misplaced", "keys.unexpected"]),
        )
    },
    broken(
        "a key that the page does not name",
        "unexpected",
        |c| c.store(json!({ "VCS.GitlabAdminPAT": "x", "Misspelt": "y" })),
        warns(&["keys.unexpected"]),
        warns(&["keys.unexpected"]),
    ),
    // Boundary.
    broken(
        "policy too wide",
        "too-wide",
        |c| {
            let all = r#"["create", "read", "update", "patch", "delete", "list"]"#;
            c.write_policy(&format!("path \"{}/*\" {{ capabilities = {all} }}", c.mount));
        },
        and(
            &["boundary.write-allowed"],
            &["boundary.list-allowed", "boundary.patch-allowed", "boundary.delete-allowed", "boundary.sibling-allowed"],
        ),
        and(
            &["boundary.write-allowed"],
            &["boundary.list-allowed", "boundary.patch-allowed", "boundary.delete-allowed", "boundary.sibling-allowed"],
        ),
    ),
    broken(
        "role for every account",
        "any-account",
        |c| c.write_role(json!({ "bound_service_account_names": "*" })),
        Says { code: 1, ..warns(&["login.fresh-account-accepted"]) },
        Says { code: 1, ..warns(&["login.fresh-account-accepted", "login.role-wildcard"]) },
    ),
    Broken {
        other_namespace: true,
        ..broken(
            "role for every namespace",
            "any-namespace",
            |c| c.write_role(json!({ "bound_service_account_namespaces": "*" })),
            Says { code: 1, ..warns(&["login.other-namespace-accepted"]) },
            Says { code: 1, ..warns(&["login.other-namespace-accepted", "login.role-wildcard"]) },
        )
    },
    broken(
        "batch tokens",
        "batch",
        |c| c.write_role(json!({ "token_type": "batch" })),
        warns(&["boundary.batch-token"]),
        warns(&["boundary.batch-token"]),
    ),
    broken(
        "role without the default policy",
        "no-default",
        |c| c.write_role(json!({ "token_no_default_policy": true })),
        warns(&["boundary.token-may-not-ask", "boundary.token-may-not-revoke-itself"]),
        warns(&["boundary.token-may-not-ask", "boundary.token-may-not-revoke-itself"]),
    ),
    broken(
        "role with another ttl",
        "ttl",
        |c| c.write_role(json!({ "ttl": "1h" })),
        warns(&["boundary.lease-not-ttl"]),
        warns(&["boundary.lease-not-ttl"]),
    ),
    // Pod and token.
    broken(
        "Service Account missing",
        "no-account",
        |c| drop(kubectl(&["delete", "serviceaccount", "pmp-secret-accessor", "-n", &c.namespace])),
        stops(&["pod.service-account-not-found"]),
        stops(&["pod.service-account-not-found"]),
    ),
    broken(
        "automount off",
        "automount",
        |c| {
            apply(&[json!({ "apiVersion": "privatecloud.mendix.com/v1alpha1", "kind": "OperatorConfiguration",
                "metadata": { "name": "mendix-operator-configuration", "namespace": c.namespace },
                "spec": { "runtimeAutomountServiceAccountToken": false } })]);
        },
        and(&["token.not-mounted"], &["token.operator-automount-off"]),
        and(&["token.not-mounted"], &["token.operator-automount-off"]),
    ),
    broken(
        "pod as another account than its Runtime says",
        "old-pod",
        |c| {
            c.start_app("default");
            c.write_role(json!({ "bound_service_account_names": "default" }));
        },
        warns(&["pod.not-as-runtime", "login.default-bound"]),
        warns(&["pod.not-as-runtime", "login.default-bound"]),
    ),
    // On the way to Vault.
    url(
        "Secret Name with a closed port",
        "closed-port",
        |c| format!("http://{}:8211/{}/admin", record()["vault-pod-host"].as_str().unwrap(), c.mount),
        stops(&["login.vault-unreachable"]),
        stops(&["login.vault-unreachable"]),
    ),
    url(
        "https against a listener without TLS",
        "https",
        |c| format!("https://{}:8200/{}/admin", record()["vault-pod-host"].as_str().unwrap(), c.mount),
        stops(&["login.vault-without-tls"]),
        stops(&["login.vault-without-tls"]),
    ),
    url(
        "a name that does not resolve",
        "no-name",
        |c| format!("http://no-such-vault.invalid:8200/{}/admin", c.mount),
        stops(&["login.vault-unreachable"]),
        stops(&["login.vault-unreachable"]),
    ),
];
