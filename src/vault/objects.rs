//! The request bodies of the page's `vault` commands, as pure constructors.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `vault secrets enable -path=MOUNT kv-v2` (`#create-vault-secret`), and the
/// same for version 1. Vault API: `POST /sys/mounts/:path`.
#[must_use]
pub fn kv_mount(version: u8) -> Value {
    json!({ "type": "kv", "options": { "version": version.to_string() } })
}

/// What a KV engine says, with HTTP 400, as long as it becomes version 2: "Upgrading", or on a replica "Waiting for the
/// primary to upgrade", and then this.
pub const BEING_UPGRADED: &str = "from non-versioned to versioned data";

/// Whether a policy's name has quotes or white space in it, as a shell or a list leaves them: Vault takes any name.
#[must_use]
pub fn odd_policy_name(name: &str) -> bool {
    name.contains(|c: char| matches!(c, '"' | '\'' | '`') || c.is_whitespace())
}

/// `vault auth enable -path=MOUNT kubernetes`. Vault API: `POST /sys/auth/:path`.
#[must_use]
pub fn kubernetes_auth_mount() -> Value {
    json!({ "type": "kubernetes" })
}

/// Method 1 of `#configure-k8s-auth`. Vault API: `POST /auth/kubernetes/config`.
#[must_use]
pub fn issuer_config(issuer: &str, host: &str, ca: &str) -> Value {
    json!({ "issuer": issuer, "kubernetes_host": host, "kubernetes_ca_cert": ca })
}

/// Method 2 of `#configure-k8s-auth`. Vault API: `POST /auth/kubernetes/config`.
#[must_use]
pub fn token_reviewer_config(token_reviewer_jwt: &str, host: &str, ca: &str) -> Value {
    json!({ "token_reviewer_jwt": token_reviewer_jwt, "kubernetes_host": host, "kubernetes_ca_cert": ca })
}

/// The form of the sibling page about CSI: neither issuer nor reviewer. Vault API: `POST /auth/kubernetes/config`.
#[must_use]
pub fn host_and_ca_config(host: &str, ca: &str) -> Value {
    json!({ "kubernetes_host": host, "kubernetes_ca_cert": ca })
}

/// A policy's body with comments before and behind its lines.
#[must_use]
pub fn with_comments(body: &Value) -> Value {
    let text = body["policy"].as_str().unwrap_or_default();
    json!({ "policy": format!("# pmp-policy.hcl\n# Read the central secret, and nothing else\n{text}// the end\n") })
}

/// The documented policy: capabilities on one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The path below `/v1/`; without one the policy is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is granted on it.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// `read` on one path (`pmp-policy.hcl`).
#[must_use]
pub fn read_policy(path: &str) -> Policy {
    Policy { path: Some(path.to_owned()), capabilities: vec!["read".to_owned()] }
}

impl Policy {
    /// The request's body, with the policy in HCL. Vault API: `PUT /sys/policies/acl/:name`.
    #[must_use]
    pub fn body(&self) -> Value {
        let text = self.path.as_ref().map(|path| {
            let capabilities: Vec<String> = self.capabilities.iter().map(|c| format!("\"{c}\"")).collect();
            format!("path \"{path}\" {{\n  capabilities = [{}]\n}}\n", capabilities.join(", "))
        });
        json!({ "policy": text.unwrap_or_else(|| "# nothing\n".to_owned()) })
    }
}

/// The documented role, `ttl=24h`. Vault API: `POST /auth/kubernetes/role/:name`.
#[must_use]
pub fn role(service_account: &str, namespace: &str, policy: &str, audience: Option<&str>) -> Value {
    let mut role = json!({
        "bound_service_account_names": [service_account],
        "bound_service_account_namespaces": [namespace],
        "policies": [policy],
        "ttl": ROLE_TTL,
    });
    if let Some(audience) = audience {
        role["audience"] = json!(audience);
    }
    role
}

/// The `ttl` that the page gives the role.
pub const ROLE_TTL: &str = "24h";

/// The same in seconds, as `lease_duration` gives it back.
pub const ROLE_TTL_SECONDS: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_objects_of_vault_are_as_the_page_has_them() {
        insta::assert_json_snapshot!(json!({
            "mount": kv_mount(2),
            "auth": kubernetes_auth_mount(),
            "method 1": issuer_config("https://issuer", "https://host:6443", "PEM"),
            "method 2": token_reviewer_config("JWT", "https://host:6443", "PEM"),
            "policy": read_policy("pmp-dev/data/admin").body(),
            "example A": role("pmp-secret-accessor", "feature-test", "pmp-secret-access", None),
            "example B": role("default", "feature-test", "pmp-secret-access", None),
        }));
    }
}
