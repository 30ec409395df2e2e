//! What happens while an app lives, and what mends it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Api, DeleteParams};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::ending_token::ending;
use super::mutation::Object;
use super::names::Names;
use super::site::{Error, Operation, Site, cluster, create};
use super::{auth, secrets};
use crate::cluster::objects as k8s;
use crate::journal::Resource;
use crate::scenario::configuration::{AccountName, Configuration};
use crate::scenario::day_two::DayTwo;
use crate::testbed::{ApiServer, Renewed};
use crate::vault::objects;

/// How long ago a token ended, in seconds, that the API server still takes for a few more: it allows for a minute between
/// its clock and that of whoever issued a token.
const ENDED_AGO: i64 = 55;

/// How long a server may take to start anew; it takes seconds, and more where the machine is busy.
const RESTART_LIMIT: Duration = Duration::from_secs(90);

/// The fingerprint of each key, as the probe must give it.
pub type Fingerprints = BTreeMap<String, String>;

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// When, in milliseconds of Unix time.
    pub at: i64,
    /// The fingerprints of what is then stored, where that is otherwise than before.
    pub fingerprints: Option<Fingerprints>,
}

/// Lets it happen. `granted` is when the app's Vault token was, in milliseconds of Unix time: where that token's time is the
/// event, it begins then.
///
/// # Errors
/// A server refuses, or does not answer.
pub async fn happen(site: Site<'_>, configuration: &Configuration, granted: i64) -> Result<Happened, Error> {
    let left_out = site.bent.without_event;
    let at = match configuration.day_two {
        DayTwo::ReviewerTokenEnds => {
            let end = Timestamp::now().as_second() - ENDED_AGO;
            if !left_out {
                let_reviewers_token_end(site, end).await?;
            }
            return Ok(Happened { at: end * 1000, fingerprints: None });
        }
        day_two if day_two.role_times(false).is_some() => Some(granted),
        _ => None,
    };
    let fingerprints = match configuration.day_two {
        // What would be stored then is missed.
        DayTwo::SecretPutAgain if left_out => Some(secrets::values(site, configuration.stored).1),
        _ if left_out => None,
        _ => change(site, configuration).await?,
    };
    Ok(Happened { at: at.unwrap_or_else(|| Timestamp::now().as_millisecond()), fingerprints })
}

/// Writes a token of the reviewer's that ended at `end`, just now, in seconds of Unix time.
async fn let_reviewers_token_end(site: Site<'_>, end: i64) -> Result<(), Error> {
    let run = site.run;
    let token = auth::reviewers_token(site).await?;
    let key = run.testbed.token_key().await?;
    run.redactor.add(&key);
    let token = ending(&token, end, &key)
        .map_err(|reason| Error::Other { what: "make a token that ends in seconds", reason })?;
    run.redactor.add(&token);
    write_config(site, &token, &site.api_server.ca).await
}

/// Writes the auth method's configuration again, with another token of the reviewer's.
async fn renew_reviewer(site: Site<'_>) -> Result<(), Error> {
    write_config(site, &auth::reviewers_token(site).await?, &site.api_server.ca).await
}

async fn write_config(site: Site<'_>, token: &SecretString, ca: &str) -> Result<(), Error> {
    let (api_server, mount) = (site.api_server, &site.names.auth_mount);
    let config = objects::token_reviewer_config(token.expose_secret(), &api_server.address, ca);
    Ok(site.vault.admin.write_auth_config(mount, &config).await?)
}

/// Starts the scenario's own API server anew. The app's Vault finds it at the same address.
async fn restart_api_server(site: Site<'_>, renewed: Renewed) -> Result<ApiServer, Error> {
    let (run, of) = (site.run, &site.names.global);
    Ok(run.testbed.restart_api_server(run.journal, of, renewed, RESTART_LIMIT).await?)
}

async fn change(site: Site<'_>, configuration: &Configuration) -> Result<Option<Fingerprints>, Error> {
    let (admin, names) = (&site.vault.admin, site.names);
    let data = format!("{}/data/{}", names.kv_mount, names.secret);
    match configuration.day_two {
        // Time does it.
        DayTwo::Nothing
        | DayTwo::ReviewerTokenEnds
        | DayTwo::VaultTokenEnds
        | DayTwo::VaultTokenRenewed
        | DayTwo::VaultTokenReachesMax => {}
        DayTwo::ReviewerMadeAnew => {
            make_anew(site, auth::REVIEWER_NAMESPACE, &names.reviewer(), Some(Resource::ServiceAccount)).await?;
        }
        DayTwo::AppAccountMadeAnew => {
            let account = names.account(AccountName::PmpSecretAccessor);
            make_anew(site, &names.namespace, account, None).await?;
        }
        DayTwo::SecretPutAgain => {
            let (values, fingerprints) = secrets::values(site, configuration.stored);
            admin.write_kv(&data, &json!({ "data": values })).await?;
            return Ok(Some(fingerprints));
        }
        DayTwo::SecretRolledBack => {
            admin.write_kv(&data, &json!({ "data": { "not-of-the-page": secrets::canary(site) } })).await?;
        }
        DayTwo::SecretDeleted => admin.delete_latest(&names.kv_mount, names.secret).await?,
        DayTwo::PolicyNarrowed => {
            let mut policy = objects::read_policy(&data);
            policy.capabilities = vec!["deny".to_owned()];
            admin.write_policy(&names.policy, &policy.body()).await?;
        }
        DayTwo::RoleBoundToAnother => {
            admin.write_role(&names.auth_mount, names.role, &role(names, "default")).await?;
        }
        DayTwo::VaultSealed => admin.seal().await?,
        DayTwo::VaultRestarted => site.vault.restart(site.run.journal, &names.global, RESTART_LIMIT).await?,
        DayTwo::VaultFailsOver => site.vault.kill_active().await?,
        DayTwo::SigningKeyRotated => _ = restart_api_server(site, Renewed::SigningKeyAdded).await?,
        DayTwo::SigningKeyReplaced => _ = restart_api_server(site, Renewed::SigningKeyReplaced).await?,
        DayTwo::SigningKeyReplacedForReviewer => {
            restart_api_server(site, Renewed::SigningKeyReplaced).await?;
            renew_reviewer(site).await?;
        }
        DayTwo::AuthorityRenewed => _ = restart_api_server(site, Renewed::Authority).await?,
    }
    Ok(None)
}

/// What the app is, once it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// The one that it was.
    TheSame,
    /// Another pod.
    Replaced,
}

/// Does what mends it.
///
/// # Errors
/// A server refuses, or does not answer.
pub async fn mend(site: Site<'_>, configuration: &Configuration) -> Result<Mended, Error> {
    let (admin, names) = (&site.vault.admin, site.names);
    match configuration.day_two {
        // A new login is all it takes, and the app has made one.
        DayTwo::Nothing
        | DayTwo::VaultTokenEnds
        | DayTwo::VaultTokenRenewed
        | DayTwo::VaultTokenReachesMax
        | DayTwo::SecretPutAgain => {}
        DayTwo::ReviewerTokenEnds | DayTwo::ReviewerMadeAnew => renew_reviewer(site).await?,
        DayTwo::AppAccountMadeAnew | DayTwo::SigningKeyReplacedForReviewer => return another_pod(site).await,
        DayTwo::SigningKeyReplaced => {
            renew_reviewer(site).await?;
            return another_pod(site).await;
        }
        DayTwo::SigningKeyRotated => {
            renew_reviewer(site).await?;
            restart_api_server(site, Renewed::SigningKeyReplaced).await?;
            return another_pod(site).await;
        }
        DayTwo::AuthorityRenewed => {
            let token = auth::reviewers_token(site).await?;
            write_config(site, &token, &site.run.testbed.api_server_of(&names.global).ca).await?;
        }
        DayTwo::SecretRolledBack => admin.roll_back_to_first(&names.kv_mount, names.secret).await?,
        DayTwo::SecretDeleted => admin.undelete_first(&names.kv_mount, names.secret).await?,
        DayTwo::PolicyNarrowed => {
            let path = format!("{}/data/{}", names.kv_mount, names.secret);
            let policy = site.bend(Object::Policy, objects::read_policy(&path))?;
            admin.write_policy(&names.policy, &policy.body()).await?;
        }
        DayTwo::RoleBoundToAnother => {
            let account = names.account(configuration.role_service_account);
            admin.write_role(&names.auth_mount, names.role, &role(names, account)).await?;
        }
        // The nodes that are left do it.
        DayTwo::VaultFailsOver => {
            site.vault.elect()?;
            admin.has_active_node().await?;
        }
        DayTwo::VaultSealed | DayTwo::VaultRestarted => {
            let key = site
                .vault
                .log
                .unseal_key()
                .ok_or_else(|| Error::Other { what: "unseal Vault", reason: "it never said with what".to_owned() })?;
            site.run.redactor.add(&key);
            admin.unseal(&key).await?;
        }
    }
    Ok(Mended::TheSame)
}

/// Deletes the app's pod; its Deployment makes another.
async fn another_pod(site: Site<'_>) -> Result<Mended, Error> {
    let namespace = &site.names.namespace;
    let pods = Api::<Pod>::namespaced(site.run.testbed.kube.clone(), namespace);
    if let Some(pod) = site.run.apps.pod(namespace, &site.owner.scenario) {
        pods.delete(&pod, &DeleteParams::default()).await.map_err(cluster(Operation::Delete, &pods, &pod))?;
    }
    Ok(Mended::Replaced)
}

fn role(names: &Names, account: &str) -> serde_json::Value {
    objects::role(account, &names.namespace, &names.policy, None)
}

/// Deletes a Service Account, and makes one of that name.
async fn make_anew(site: Site<'_>, namespace: &str, name: &str, resource: Option<Resource>) -> Result<(), Error> {
    let accounts = Api::<ServiceAccount>::namespaced(site.run.testbed.kube.clone(), namespace);
    let deleted = accounts.delete(name, &DeleteParams::default()).await;
    deleted.map_err(cluster(Operation::Delete, &accounts, name))?;
    create(site.run, &accounts, resource, &k8s::service_account(site.owner, namespace, name, None)).await?;
    Ok(())
}
