//! What can be found out with more rights than the app's: by a read-only Vault
//! token, about the token reviewer's Service Account, and from a piece of
//! Vault's log. Everything here reads.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::Client;
use kube::api::{Api, PostParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::check::rights;
use crate::check::rights::ROOT_CA;
use crate::check::target::{Target, VaultAccess};
use crate::cluster::objects::{may_review, user_name};
use crate::page::cause::{CauseId, Fact, ids};
use crate::probe::asking::kv_version;
use crate::vault::client::{Client as Vault, Error as VaultError};
use crate::vault::log;

/// What one read gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It is there; the answer's `data`.
    There(Value),
    /// It is not there; Vault's text.
    Missing(String),
    /// It cannot be told, and why.
    Unknown(String),
}

impl Found {
    fn of(result: Result<crate::vault::client::Reply, VaultError>) -> Self {
        match result {
            Ok(reply) if reply.status == 200 => {
                Self::There(reply.body.get("data").filter(|data| !data.is_null()).cloned().unwrap_or(reply.body))
            }
            // A gateway's refusal says nothing of what Vault has.
            Ok(reply) if !reply.is_vaults() => Self::Unknown(format!("HTTP {}, not of Vault", reply.status)),
            Ok(reply) if reply.status == 404 => Self::Missing(reply.errors()),
            // So `sys/mounts/PATH` answers where nothing is mounted.
            Ok(reply) if reply.status == 400 => Self::Missing(reply.errors()),
            Ok(reply) => Self::Unknown(format!("HTTP {}: {}", reply.status, reply.errors())),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }

    /// The data, where it is there.
    #[must_use]
    pub fn there(&self) -> Option<&Value> {
        match self {
            Self::There(data) => Some(data),
            _ => None,
        }
    }
}

/// What Vault says of itself to a token that may read.
#[derive(Debug, Clone, PartialEq)]
pub struct VaultSide {
    /// `auth/MOUNT/role/NAME`.
    pub role: Found,
    /// `auth/MOUNT/config`.
    pub config: Found,
    /// The policies named, by name.
    pub policies: BTreeMap<String, Found>,
    /// `sys/mounts/MOUNT`.
    pub mount: Found,
    /// `MOUNT/metadata/NAME`: versions, never values.
    pub secret: Found,
    /// `MOUNT/metadata/data/NAME`: the same, one `data/` too deep.
    pub stray: Found,
    /// The auth mount's accessor.
    pub accessor: Option<String>,
    /// What the token may do that the check does not need.
    pub too_strong: Vec<String>,
}

/// What the cluster says of the accounts that may review tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterSide {
    /// Whether the token reviewer's Service Account is there.
    pub reviewer_there: Option<bool>,
    /// Whether it may create TokenReviews.
    pub reviewer_may: Option<bool>,
    /// Whether the app's Service Account may.
    pub app_may: Option<bool>,
    /// The cluster's certificate authority.
    pub root_ca: Option<String>,
}

/// Everything that was found out beside what the app sees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspection {
    /// By the Vault token.
    pub vault: Option<VaultSide>,
    /// In the cluster.
    pub cluster: ClusterSide,
}

/// Which rights the token lacks, and which it has in excess; both in words.
///
/// # Errors
/// Vault does not answer, or does not know the token.
pub async fn token_rights(
    vault: &Vault,
    target: &Target,
    access: &VaultAccess,
) -> Result<(Vec<String>, Vec<String>), VaultError> {
    let needed = rights::vault_paths(target, &access.policies);
    let secret = target.data_path();
    let paths: Vec<&String> = needed.iter().chain([&secret]).collect();
    let body = json!({ "paths": paths });
    let reply = vault.call(Method::POST, "sys/capabilities-self", Some(&body)).await?;
    if !reply.body["data"].is_object() {
        let url = format!("{}/v1/sys/capabilities-self", vault.address());
        return Err(VaultError::Shape { method: Method::POST, url, field: "data" });
    }
    let of = |path: &str| -> Vec<String> {
        let capabilities = reply.body["data"][path].as_array();
        capabilities.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let missing = needed
        .iter()
        .filter(|path| !of(path).iter().any(|capability| capability == "read" || capability == "root"))
        .map(|path| format!("read on {path}"))
        .collect();
    let mut excess = Vec::new();
    for path in &needed {
        let more: Vec<String> = of(path).into_iter().filter(|c| c != "read" && c != "deny").collect();
        if !more.is_empty() {
            excess.push(format!("{} on {path}", more.join(", ")));
        }
    }
    let on_secret: Vec<String> = of(&secret).into_iter().filter(|c| c != "deny").collect();
    if !on_secret.is_empty() {
        excess.push(format!("{} on {secret}, which the check never reads with it", on_secret.join(", ")));
    }
    Ok((missing, excess))
}

/// Reads role, configuration, policies, mount and the secret's versions.
pub async fn vault_side(vault: &Vault, target: &Target, access: &VaultAccess) -> VaultSide {
    let get = |path: String| async move { Found::of(vault.send_patiently(Method::GET, &path, None).await) };
    let (mount, name) = (&target.secret.mount, &target.secret.name);
    let auth = &target.auth_mount;
    let policies = access.policies.iter().map(|policy| async move {
        let found = get(format!("sys/policies/acl/{policy}")).await;
        (policy.clone(), found)
    });
    let described = get(format!("sys/internal/ui/mounts/auth/{auth}")).await;
    VaultSide {
        role: get(format!("auth/{auth}/role/{}", target.role)).await,
        config: get(format!("auth/{auth}/config")).await,
        policies: futures::future::join_all(policies).await.into_iter().collect(),
        mount: get(format!("sys/mounts/{mount}")).await,
        secret: get(format!("{mount}/metadata/{name}")).await,
        stray: get(format!("{mount}/metadata/data/{name}")).await,
        accessor: described.there().and_then(|data| data["accessor"].as_str()).map(str::to_owned),
        too_strong: token_rights(vault, target, access).await.map(|(_, excess)| excess).unwrap_or_default(),
    }
}

/// Asks the cluster about the reviewer, the app's account and the certificate authority.
pub async fn cluster_side(kube: &Client, target: &Target, account: &str) -> ClusterSide {
    let mut side = ClusterSide::default();
    if target.second_depth {
        let maps = Api::<ConfigMap>::namespaced(kube.clone(), &target.namespace);
        let map = maps.get_opt(ROOT_CA).await.ok().flatten();
        side.root_ca = map.and_then(|map| map.data).and_then(|mut data| data.remove("ca.crt"));
    }
    if let Some(reviewer) = &target.reviewer {
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &reviewer.namespace);
        side.reviewer_there = accounts.get_metadata_opt(&reviewer.name).await.ok().map(|found| found.is_some());
        if target.diagnose_reviewer {
            side.reviewer_may = may(kube, &reviewer.namespace, &reviewer.name).await;
            side.app_may = may(kube, &target.namespace, account).await;
        }
    }
    side
}

async fn may(kube: &Client, namespace: &str, account: &str) -> Option<bool> {
    let reviews = Api::<SubjectAccessReview>::all(kube.clone());
    let answer = reviews.create(&PostParams::default(), &may_review(namespace, account)).await.ok()?;
    answer.status.map(|status| status.allowed)
}

/// What follows for an opaque refusal of the app's login or read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clues {
    /// What holds.
    pub facts: BTreeSet<Fact>,
    /// What does not.
    pub ruled_out: BTreeSet<CauseId>,
    /// The line of the log that was handed in.
    pub log: Option<String>,
    /// Why the log that was handed in says nothing, where it does not.
    pub log_problem: Option<String>,
}

impl Inspection {
    /// Whether the auth configuration has a reviewer's token; unknown without a Vault token.
    fn reviewer_configured(&self) -> Option<bool> {
        let config = self.vault.as_ref()?.config.there()?;
        config["token_reviewer_jwt_set"].as_bool()
    }

    /// Whether the configuration has the cluster's own certificate authority.
    /// Unknown where one of them is not at hand or none is configured.
    #[must_use]
    pub fn own_ca(&self) -> Option<bool> {
        let configured = self.vault.as_ref()?.config.there()?["kubernetes_ca_cert"].as_str()?.trim().to_owned();
        let ours = self.cluster.root_ca.as_ref()?;
        (!configured.is_empty()).then(|| certificates(ours).is_superset(&certificates(&configured)))
    }

    /// Whether `kubernetes_host` is Vault's own machine; false where it is not known.
    #[must_use]
    pub fn host_is_loopback(&self) -> bool {
        let config = self.vault.as_ref().and_then(|vault| vault.config.there());
        config.and_then(|config| config["kubernetes_host"].as_str()).is_some_and(is_loopback)
    }

    /// Everything that speaks for and against causes.
    #[must_use]
    pub fn clues(&self, target: &Target, account: &str) -> Clues {
        let mut clues = Clues::default();
        let mut rule_out = |causes: &[CauseId]| clues.ruled_out.extend(causes.iter().cloned());
        let reviewer = self.reviewer_configured();
        if reviewer == Some(true) {
            rule_out(&[ids::login::APP_MAY_NOT_REVIEW, ids::login::VAULT_MAY_NOT_REVIEW]);
        }
        if reviewer == Some(false) {
            rule_out(&[ids::login::REVIEWER_MAY_NOT_REVIEW, ids::login::REVIEWER_UNAUTHORIZED]);
        }
        if self.cluster.app_may == Some(true) {
            rule_out(&[ids::login::APP_MAY_NOT_REVIEW]);
        }
        if self.cluster.reviewer_may == Some(true) {
            rule_out(&[ids::login::REVIEWER_MAY_NOT_REVIEW]);
        }
        if self.own_ca() == Some(true) {
            // Whoever shows a certificate of this cluster is this cluster, which knows its own tokens.
            rule_out(&[ids::login::API_SERVER_CERTIFICATE, ids::login::APP_TOKEN_REJECTED]);
        }
        if let Some(config) = self.vault.as_ref().and_then(|vault| vault.config.there()) {
            if config["disable_local_ca_jwt"].as_bool() == Some(true) {
                rule_out(&[ids::login::VAULT_MAY_NOT_REVIEW]);
                if reviewer == Some(false) && self.cluster.app_may == Some(false) {
                    clues.facts.insert(Fact::AppReviewsWithoutRight);
                }
            }
            if config["pem_keys"].as_array().is_none_or(Vec::is_empty) {
                rule_out(&[ids::login::MALFORMED_TOKEN]);
            }
        }
        if self.host_is_loopback() {
            clues.facts.insert(Fact::HostIsLoopback);
        }
        if self.own_ca() == Some(false) {
            clues.facts.insert(Fact::ForeignCa);
        }
        if reviewer != Some(false) {
            if self.cluster.reviewer_there == Some(false) {
                clues.facts.insert(Fact::ReviewerMissing);
            } else if self.cluster.reviewer_may == Some(false) {
                clues.facts.insert(Fact::ReviewerLacksRight);
            }
        }
        if let Some(vault) = &self.vault {
            if let Some(role) = vault.role.there() {
                if role["token_bound_cidrs"].as_array().is_none_or(Vec::is_empty) {
                    rule_out(&[ids::login::CIDR_MISMATCH]);
                }
                let named = strings(&role["token_policies"]);
                let missing = |name: &String| matches!(vault.policies.get(name), Some(Found::Missing(_)));
                let there = |name: &String| matches!(vault.policies.get(name), Some(Found::There(_)));
                if named.iter().any(missing) {
                    clues.facts.insert(Fact::PolicyMissing);
                } else if named.iter().all(there) {
                    rule_out(&[ids::read::POLICY_MISSING]);
                }
            }
            match &vault.mount {
                Found::Missing(_) => {
                    clues.facts.insert(Fact::MountMissing);
                }
                Found::There(_) => rule_out(&[ids::read::MOUNT_MISSING]),
                Found::Unknown(_) => {}
            }
            match &vault.stray {
                Found::There(_) => {
                    clues.facts.insert(Fact::SecretAtDataData);
                }
                Found::Missing(_) => rule_out(&[ids::read::SECRET_AT_DATA_DATA]),
                Found::Unknown(_) => {}
            }
        }
        self.read_log(target, account, &mut clues);
        clues
    }

    /// The last refusal of the auth mount in the log that was handed in.
    fn read_log(&self, target: &Target, account: &str, clues: &mut Clues) {
        let Some(text) = &target.vault_log else { return };
        let refusals: Vec<(String, String)> = text.lines().filter_map(log::refusal).collect();
        let accessors: BTreeSet<&String> = refusals.iter().map(|(accessor, _)| accessor).collect();
        let known = self.vault.as_ref().and_then(|vault| vault.accessor.as_ref());
        let wanted = known.or_else(|| if accessors.len() == 1 { accessors.first().copied() } else { None });
        let line = wanted.and_then(|wanted| refusals.iter().rfind(|(accessor, _)| accessor == wanted));
        let Some((_, line)) = line else {
            clues.log_problem = Some(match (accessors.len(), text.lines().any(log::is_audit)) {
                (0, true) => {
                    "the log handed in is an audit log, which repeats only what the client saw; Vault's own log at \
                     level debug says why"
                        .to_owned()
                }
                (0, false) => "the log handed in has no line `login unauthorized`, which Vault writes at level debug \
                               only: VAULT_LOG_LEVEL=debug, or `vault monitor -log-level=debug`"
                    .to_owned(),
                (_, _) if known.is_some() => "the log handed in has refusals of other auth mounts only".to_owned(),
                (count, _) => format!(
                    "the log handed in has refusals of {count} auth mounts, and which is the app's is not known \
                     without a Vault token; hand in the lines of one"
                ),
            });
            return;
        };
        let names = |user: &str| line.contains(&format!("\"{user}\"")) || line.contains(&format!("\"{user}\\\""));
        let reviewer = target.reviewer.as_ref().map(|reviewer| user_name(&reviewer.namespace, &reviewer.name));
        if names(&user_name(&target.namespace, account)) {
            clues.facts.insert(Fact::ReviewByApp);
        } else if reviewer.is_some_and(|user| names(&user)) || self.reviewer_configured() == Some(true) {
            clues.facts.insert(Fact::ReviewByReviewer);
        } else if self.reviewer_configured() == Some(false) {
            clues.facts.insert(Fact::ReviewByVault);
        }
        if !clues.facts.contains(&Fact::ReviewByApp) {
            clues.ruled_out.insert(ids::login::APP_MAY_NOT_REVIEW);
        }
        clues.log = Some(line.clone());
    }
}

/// The strings of an array.
pub(super) fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Which KV version a mount has, where it is one.
pub(super) fn mount_version(mount: &Value) -> Option<u8> {
    kv_version(mount)
}

/// The certificates of a PEM text, white space left aside.
fn certificates(pem: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for block in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body = block.split("-----END CERTIFICATE-----").next().unwrap_or_default();
        found.insert(body.split_whitespace().collect());
    }
    found
}

/// Whether a URL's host is the asker's own machine.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some("localhost") => true,
        Some(host) => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::tests::target;

    fn inspection(config: Value, role: Value) -> Inspection {
        let unknown = || Found::Unknown("not asked".to_owned());
        Inspection {
            vault: Some(VaultSide {
                role: Found::There(role),
                config: Found::There(config),
                policies: BTreeMap::new(),
                mount: unknown(),
                secret: unknown(),
                stray: unknown(),
                accessor: Some("auth_kubernetes_1".to_owned()),
                too_strong: Vec::new(),
            }),
            cluster: ClusterSide::default(),
        }
    }

    #[test]
    fn a_configured_reviewer_rules_out_that_others_review() {
        let role = json!({ "token_policies": ["one-that-was-not-read"] });
        let clues = inspection(json!({ "token_reviewer_jwt_set": true }), role).clues(&target(), "app");
        let out: Vec<&str> = clues.ruled_out.iter().map(CauseId::as_str).collect();
        assert_eq!(
            out,
            ["login.app-may-not-review", "login.cidr-mismatch", "login.malformed-token", "login.vault-may-not-review"]
        );
    }

    #[test]
    fn a_loopback_host_and_a_foreign_authority_are_facts() {
        let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let config = json!({ "kubernetes_host": "https://127.0.0.1:6443", "kubernetes_ca_cert": pem("AAAA") });
        let mut inspection = inspection(config, json!({}));
        inspection.cluster.root_ca = Some(pem("BBBB"));
        let clues = inspection.clues(&target(), "app");
        assert!(clues.facts.contains(&Fact::HostIsLoopback) && clues.facts.contains(&Fact::ForeignCa));
        inspection.cluster.root_ca = Some(pem("AA\nAA"));
        assert_eq!(inspection.own_ca(), Some(true));
    }

    #[test]
    fn a_line_of_the_log_counts_only_where_it_is_the_auth_mounts_own() {
        let line = |accessor: &str, user: &str| {
            format!(
                "x [DEBUG] auth.kubernetes.{accessor}: login unauthorized: err=\"User \\\"{user}\\\" cannot create resource\""
            )
        };
        let app = user_name("feature-test", "app");
        let mut target = target();
        target.vault_log = Some([line("auth_kubernetes_1", &app), line("auth_kubernetes_2", "other")].join("\n"));
        let clues = inspection(json!({}), json!({})).clues(&target, "app");
        assert!(clues.facts.contains(&Fact::ReviewByApp), "{clues:?}");
        let clues = Inspection::default().clues(&target, "app");
        assert!(clues.log.is_none() && clues.log_problem.unwrap().contains("2 auth mounts"));
        target.vault_log = Some("{\"request\":{},\"error\":\"permission denied\"}".to_owned());
        assert!(Inspection::default().clues(&target, "app").log_problem.unwrap().contains("audit log"));
    }
}
