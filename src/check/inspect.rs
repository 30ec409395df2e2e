//! What can be found out with more rights than the app's: by a read-only Vault
//! token, and about the token reviewer's Service Account. Everything here reads.

use std::collections::BTreeMap;

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::check::rights;
use crate::check::rights::ROOT_CA;
use crate::check::target::{Target, VaultAccess};
use crate::cluster::objects::may_review;
use crate::probe::asking::kv_version;
use crate::vault::client::{Client as Vault, Error as VaultError};

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
    /// `sys/mounts/MOUNT`, of the first way to take the Secret Name apart at which something is mounted.
    pub mount: Found,
    /// That mount's path, where it is there.
    pub mount_path: Option<String>,
    /// `MOUNT/metadata/NAME`: versions, never values.
    pub secret: Found,
    /// `MOUNT/metadata/data/NAME`: the same, one `data/` too deep.
    pub stray: Found,
    /// The auth mount's accessor.
    pub accessor: Option<String>,
    /// The method that is mounted there, such as `kubernetes`.
    pub method: Option<String>,
    /// What the token may do that the check does not need.
    pub too_strong: Vec<String>,
}

impl VaultSide {
    /// The method at the auth mount, where it is known not to be the Kubernetes one. A plugin of one's own may
    /// have any name, and be an older Kubernetes one.
    #[must_use]
    pub fn other_method(&self) -> Option<&str> {
        const OTHERS: [&str; 16] = [
            "alicloud", "approle", "aws", "azure", "cert", "cf", "gcp", "github", "jwt", "kerberos", "ldap", "oci",
            "oidc", "okta", "radius", "userpass",
        ];
        self.method.as_deref().filter(|method| OTHERS.contains(method))
    }
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
    /// The app's Service Account, where it is there.
    pub account: Option<Account>,
    /// The reviewer's, where it is there.
    pub reviewer: Option<Account>,
}

/// What a Service Account says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// When it was made.
    pub made: jiff::Timestamp,
    /// Its UID, of which its tokens are.
    pub uid: String,
    /// Its `automountServiceAccountToken`.
    pub automount: Option<bool>,
}

impl Account {
    fn of(metadata: &ObjectMeta, automount: Option<bool>) -> Option<Self> {
        let made = metadata.creation_timestamp.as_ref()?.0;
        Some(Self { made, uid: metadata.uid.clone()?, automount })
    }
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
    let secrets: Vec<String> = target.secret.places().map(|(mount, name)| format!("{mount}/data/{name}")).collect();
    let paths: Vec<&String> = needed.iter().chain(&secrets).collect();
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
    let may_read = |path: &String| of(path).iter().any(|capability| capability == "read" || capability == "root");
    // Of the ways to take the Secret Name apart the token needs one: whoever made it knows the mount.
    let places: Vec<[String; 3]> =
        target.secret.places().map(|(mount, name)| rights::vault_paths_of(mount, name)).collect();
    let enough = places.iter().any(|paths| paths.iter().all(may_read));
    let of_a_place = |path: &String| places.iter().flatten().any(|known| known == path);
    let missing = needed
        .iter()
        .filter(|path| !(may_read(path) || enough && of_a_place(path)))
        .map(|path| format!("read on {path}"))
        .collect();
    let mut excess = Vec::new();
    for path in &needed {
        let more: Vec<String> = of(path).into_iter().filter(|c| c != "read" && c != "deny").collect();
        if !more.is_empty() {
            excess.push(format!("{} on {path}", more.join(", ")));
        }
    }
    for secret in &secrets {
        let on_secret: Vec<String> = of(secret).into_iter().filter(|c| c != "deny").collect();
        if !on_secret.is_empty() {
            excess.push(format!("{} on {secret}, which the check never reads with it", on_secret.join(", ")));
        }
    }
    Ok((missing, excess))
}

/// What is mounted where the secret should be, and at which path, by every way to take the Secret Name apart. No mount
/// lies within another, so there is one at most.
pub async fn mount(vault: &Vault, target: &Target) -> (Found, Option<String>) {
    let mut first = None;
    for (path, _) in target.secret.places() {
        let found = Found::of(vault.send_patiently(Method::GET, &format!("sys/mounts/{path}"), None).await);
        if found.there().is_some() {
            return (found, Some(path.to_owned()));
        }
        first = first.or(Some(found));
    }
    (first.unwrap_or_else(|| Found::Unknown("not asked".to_owned())), None)
}

/// Reads role, configuration, policies, mount and the secret's versions.
pub async fn vault_side(vault: &Vault, target: &Target, access: &VaultAccess) -> VaultSide {
    let get = |path: String| async move { Found::of(vault.send_patiently(Method::GET, &path, None).await) };
    let auth = &target.auth_mount;
    let policies = access.policies.iter().map(|policy| async move {
        let found = get(format!("sys/policies/acl/{policy}")).await;
        (policy.clone(), found)
    });
    let described = get(format!("sys/internal/ui/mounts/auth/{auth}")).await;
    let (mount, mount_path) = mount(vault, target).await;
    let secret = target.with_mount(mount_path.as_deref()).secret;
    let (at, name) = (&secret.mount, &secret.name);
    VaultSide {
        role: get(format!("auth/{auth}/role/{}", target.role)).await,
        config: get(format!("auth/{auth}/config")).await,
        policies: futures::future::join_all(policies).await.into_iter().collect(),
        mount,
        mount_path,
        secret: get(format!("{at}/metadata/{name}")).await,
        stray: get(format!("{at}/metadata/data/{name}")).await,
        accessor: described.there().and_then(|data| data["accessor"].as_str()).map(str::to_owned),
        method: described.there().and_then(|data| data["type"].as_str()).map(str::to_owned),
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
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &target.namespace);
    let found = accounts.get_opt(account).await.ok().flatten();
    side.account = found.and_then(|it| Account::of(&it.metadata, it.automount_service_account_token));
    if let Some(reviewer) = &target.reviewer {
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &reviewer.namespace);
        let found = accounts.get_metadata_opt(&reviewer.name).await.ok();
        side.reviewer_there = found.as_ref().map(Option::is_some);
        side.reviewer = found.flatten().and_then(|it| Account::of(&it.metadata, None));
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

/// The strings of an array.
pub(super) fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Which KV version a mount has, where it is one.
pub(super) fn mount_version(mount: &Value) -> Option<u8> {
    kv_version(mount)
}
