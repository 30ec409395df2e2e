//! Whether a command of the page did what the page says of it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::Api;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::session::Session;
use crate::cluster::mendix::{OPERATOR_CONFIGURATION, OperatorConfiguration, RUNTIME, Runtime};
use crate::configure::names::{REVIEWER, REVIEWER_BINDING, ROLE, SECRET};
use crate::configure::site::{Operation, cluster};
use crate::configure::{Error, Site, auth};
use crate::scenario::command::{Command, Effect, Example};
use crate::scenario::configuration::AccountName;
use crate::vault::objects::ROLE_TTL_SECONDS;

/// Whether it holds, and what is seen where it does not; none where only the
/// app's own login can tell.
pub async fn holds(
    site: Site<'_>,
    session: &mut Session,
    command: &Command,
    example: Example,
) -> Result<(Option<bool>, String), Error> {
    let admin = &site.vault.admin;
    let mount = &site.names.kv_mount;
    let namespace = &site.names.namespace;
    let kube = &site.run.testbed.kube;
    let account = match example {
        Example::A => AccountName::PmpSecretAccessor.as_str(),
        Example::B => AccountName::Default.as_str(),
    };
    let said = |holds: bool, seen: String| Ok((Some(holds), seen));
    match command.effect {
        Effect::KvMountIsVersion2 => {
            let version = admin.kv_version(mount).await?;
            said(version == Some(2), format!("the engine at {mount} has version {version:?}"))
        }
        Effect::SecretAtDocumentedPath => {
            let path = format!("{mount}/data/{SECRET}");
            let there = admin.is_there(&path).await?;
            let too_deep = admin.is_there(&format!("{mount}/data/data/{SECRET}")).await?;
            let seen = format!("nothing is at the API path {path}");
            said(there, if too_deep { format!("{seen}: the secret went to {mount}/data/data/{SECRET}") } else { seen })
        }
        Effect::AuthMountExists => {
            let there = match admin.auth_accessor(&site.names.auth_mount).await {
                Ok(_) => true,
                Err(error) if error.status() == Some(400) => false,
                Err(error) => return Err(error.into()),
            };
            said(there, format!("no auth method is at {}", site.names.auth_mount))
        }
        Effect::PrintsValue => {
            let variable = command.variable.as_deref().unwrap_or_default();
            said(session.has(variable).await?, format!("{variable} is empty"))
        }
        Effect::LoginPossible => Ok((None, "the app's login is refused".to_owned())),
        Effect::PolicyGrantsRead => {
            let capabilities = capabilities(site, &format!("{mount}/data/{SECRET}")).await?;
            said(capabilities == ["read"], format!("the policy grants {capabilities:?}"))
        }
        Effect::RoleBindsExample => {
            let role = admin.call(Method::GET, &format!("auth/{}/role/{ROLE}", site.names.auth_mount), None).await?;
            let data = &role.body["data"];
            let binds = data["bound_service_account_names"] == json!([account])
                && data["bound_service_account_namespaces"] == json!([namespace])
                && data["token_ttl"] == json!(ROLE_TTL_SECONDS);
            said(binds, format!("the role binds {}", data["bound_service_account_names"]))
        }
        Effect::OperatorAutomountOn => {
            let api = Api::<OperatorConfiguration>::namespaced(kube.clone(), namespace);
            let found = api.get(OPERATOR_CONFIGURATION).await.map_err(cluster(
                Operation::Read,
                &api,
                OPERATOR_CONFIGURATION,
            ))?;
            let value = found.spec.runtime_automount_service_account_token;
            said(value == Some(true), format!("the field is {value:?}"))
        }
        Effect::ServiceAccountExists => {
            let api = Api::<ServiceAccount>::namespaced(kube.clone(), namespace);
            let found = api.get_opt(account).await.map_err(cluster(Operation::Read, &api, account))?;
            said(found.is_some(), format!("there is no {account}"))
        }
        Effect::RuntimeNamesServiceAccount => {
            let api = Api::<Runtime>::namespaced(kube.clone(), namespace);
            let found = api.get(RUNTIME).await.map_err(cluster(Operation::Read, &api, RUNTIME))?;
            let named = &found.spec.template["spec"]["serviceAccountName"];
            said(*named == json!(account), format!("the Runtime names {named}"))
        }
        Effect::ReviewerExists => {
            let bindings = Api::<ClusterRoleBinding>::all(kube.clone());
            let binding = bindings.get_metadata_opt(REVIEWER_BINDING).await;
            if binding.map_err(cluster(Operation::Read, &bindings, REVIEWER_BINDING))?.is_none() {
                return said(false, format!("there is no ClusterRoleBinding {REVIEWER_BINDING}"));
            }
            // A fresh binding holds after a moment.
            let limit = Duration::from_secs(10);
            let may = auth::comes_to_review(site.run, auth::REVIEWER_NAMESPACE, REVIEWER, limit).await?;
            said(may, format!("{REVIEWER} may not review tokens"))
        }
    }
}

/// What a token with the documented policy alone may do on a path.
async fn capabilities(site: Site<'_>, path: &str) -> Result<Vec<String>, Error> {
    let admin = &site.vault.admin;
    let request = json!({ "policies": [site.names.policy], "no_default_policy": true, "ttl": "1m" });
    let made = admin.call(Method::POST, "auth/token/create", Some(&request)).await?;
    let token = made.body["auth"]["client_token"].as_str().unwrap_or_default();
    site.run.redactor.add(&SecretString::from(token.to_owned()));
    let question = json!({ "token": token, "paths": [path] });
    let answer = admin.call(Method::POST, "sys/capabilities", Some(&question)).await?;
    let granted = answer.body["data"][path].as_array().or_else(|| answer.body[path].as_array());
    Ok(granted.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}
