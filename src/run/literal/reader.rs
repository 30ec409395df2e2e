//! Whoever types what the page shows, where that is no administrator.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::Api;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;

use super::kubeconfig;
use crate::cluster::objects::{self, Owner};
use crate::configure::site::create;
use crate::configure::{Error, Site, auth};
use crate::journal::Resource;
use crate::scenario::configuration::Reader;

/// How long a new binding takes to hold, with room.
pub(super) const BINDING_HOLDS: Duration = Duration::from_secs(5);

/// What the page's prerequisites list of rights in Vault: to enable auth methods, and to write policies and roles.
const LISTED: &str = r#"
path "sys/auth" { capabilities = ["read"] }
path "sys/auth/*" { capabilities = ["create", "read", "update", "sudo"] }
path "auth/*" { capabilities = ["create", "read", "update", "list"] }
path "sys/policies/acl/*" { capabilities = ["create", "read", "update"] }
"#;

/// What somebody reaches the servers with.
pub struct Access {
    /// The kubeconfig.
    pub kubeconfig: String,
    /// The Vault token.
    pub token: SecretString,
}

/// Makes a user of the cluster with this role's rights, and waits until they hold. Gives the user's name.
///
/// # Errors
/// The API server refuses, or the rights do not come to hold.
pub async fn user(site: Site<'_>, role: fn(&Owner, &str) -> ClusterRole) -> Result<String, Error> {
    let user = format!("{}-reader", site.names.global);
    let kube = &site.run.testbed.kube;
    let roles = Api::<ClusterRole>::all(kube.clone());
    create(site.run, &roles, Some(Resource::ClusterRole), &role(site.owner, &user)).await?;
    let bindings = Api::<ClusterRoleBinding>::all(kube.clone());
    let binding = objects::reader_binding(site.owner, &user);
    create(site.run, &bindings, Some(Resource::ClusterRoleBinding), &binding).await?;
    let question = objects::may_make_accounts(&user, auth::REVIEWER_NAMESPACE);
    auth::may(site.run, "rights of the page's reader", &question, BINDING_HOLDS).await?;
    Ok(user)
}

/// What the page's reader has; a policy of the scenario's own Vault with it, and the KV engine that the prerequisites want.
///
/// # Errors
/// A server refuses what is made for the reader.
pub async fn access(site: Site<'_>, reader: Reader) -> Result<Access, Error> {
    let whole = site.run.testbed.kubeconfig_for_commands()?;
    if reader == Reader::Administrator {
        return Ok(Access { kubeconfig: whole, token: site.vault.root_token.clone() });
    }
    let user = user(site, objects::listed_role).await?;
    let admin = &site.vault.admin;
    let engine = json!({ "type": "kv", "options": { "version": "2" } });
    admin.call(Method::POST, &format!("sys/mounts/{}", site.names.kv_mount), Some(&engine)).await?;
    admin.call(Method::PUT, &format!("sys/policies/acl/{user}"), Some(&json!({ "policy": LISTED }))).await?;
    let made = admin.call(Method::POST, "auth/token/create", Some(&json!({ "policies": [user], "ttl": "1h" }))).await?;
    let token = SecretString::from(made.body["auth"]["client_token"].as_str().unwrap_or_default());
    site.run.redactor.add(&token);
    Ok(Access { kubeconfig: kubeconfig::of_user(&whole, &user)?, token })
}
