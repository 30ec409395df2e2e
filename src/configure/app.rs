//! `#configure-k8s-for-pmp` and `#configure-pmp-credentials`: the namespace,
//! the Service Account, the operator's setting, the Runtime, the admin panel.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::mutation::Object;
use super::names::{ROLE, SECRET, SIBLING};
use super::site::{Error, Operation, Site, cluster, create};
use super::{auth, expired_token};
use crate::cluster::mendix::{self, OperatorConfiguration, Runtime};
use crate::cluster::objects as k8s;
use crate::cluster::patience::why;
use crate::journal::Resource;
use crate::probe::input::{Input, TOKEN_FILE};
use crate::scenario::configuration::{
    AccountName, AppToken, Configuration, PodAutomount, RuntimeAccount, Switch, UrlForm, VaultPlace,
};
use crate::wait::{self, Look};

/// The Service Account that the Runtime names, and the one that its pod then has.
#[must_use]
pub fn service_account(configuration: &Configuration) -> (Option<&'static str>, &'static str) {
    match configuration.runtime_service_account {
        RuntimeAccount::PmpSecretAccessor => {
            let name = AccountName::PmpSecretAccessor.as_str();
            (Some(name), name)
        }
        RuntimeAccount::Default => (Some("default"), "default"),
        RuntimeAccount::Unset => (None, "default"),
    }
}

/// Makes the namespace and the Service Accounts.
///
/// # Errors
/// The API server refuses.
pub async fn prepare(site: Site<'_>, configuration: &Configuration) -> Result<(), Error> {
    let (run, names) = (site.run, site.names);
    let kube = &run.testbed.kube;
    let namespace = k8s::namespace(site.owner, &names.namespace);
    create(run, &Api::<Namespace>::all(kube.clone()), Some(Resource::Namespace), &namespace).await?;
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &names.namespace);
    // A new namespace has no `default` for a moment, and no pod can be made before.
    let subject = format!("Service Account {}/default", names.namespace);
    wait::until(&subject, Duration::from_secs(30), Duration::from_millis(50), || async {
        match accounts.get_opt("default").await {
            Ok(Some(_)) => Look::Done(()),
            Ok(None) => Look::NotYet("not there".to_owned()),
            Err(error) => Look::NotYet(why(&error)),
        }
    })
    .await?;
    let (_, account) = service_account(configuration);
    let automount = configuration.service_account_automount.to_option();
    if configuration.create_service_account {
        let name = AccountName::PmpSecretAccessor.as_str();
        let custom = k8s::service_account(site.owner, &names.namespace, name, automount.filter(|_| account == name));
        let mut custom = site.bend(Object::ServiceAccount, custom)?;
        if configuration.service_account_annotated {
            custom.annotations_mut().insert(mendix::ENVIRONMENT_ACCOUNT.to_owned(), "true".to_owned());
        }
        create(run, &accounts, None, &custom).await?;
    }
    if account == "default" && configuration.service_account_automount != Switch::Unset {
        let patch = Patch::Merge(json!({ "automountServiceAccountToken": automount }));
        accounts.patch(account, &PatchParams::default(), &patch).await.map_err(cluster(
            Operation::Patch,
            &accounts,
            account,
        ))?;
    }
    if configuration.app_may_review {
        let name = format!("{}-app", names.global);
        auth::allow_review(run, site.owner, &name, &names.namespace, account).await?;
    }
    Ok(())
}

/// What is typed into the admin panel: the Secret Name URL.
#[must_use]
pub fn secret_name(site: Site<'_>, configuration: &Configuration) -> String {
    let host = &site.vault.pod_host;
    let mount = &site.names.kv_mount;
    if let Some(detour) = &site.bent.vault {
        let scheme = if detour.ca.is_some() { "https" } else { "http" };
        return format!("{scheme}://{}/{mount}/{SECRET}", detour.host);
    }
    match configuration.url {
        UrlForm::WithPort => {
            let port = if configuration.vault == VaultPlace::OutsideOnPort80 { 80 } else { 8200 };
            format!("http://{host}:{port}/{mount}/{SECRET}")
        }
        UrlForm::WithoutPort => format!("http://{host}/{mount}/{SECRET}"),
        UrlForm::TrailingSlash => format!("http://{host}:8200/{mount}/{SECRET}/"),
        UrlForm::Https => format!("https://{host}:8200/{mount}/{SECRET}"),
    }
}

/// The probe's input: what the admin panel and the app's own settings say.
#[must_use]
pub fn probe_input(site: Site<'_>, configuration: &Configuration) -> Input {
    Input {
        run: site.owner.run.clone(),
        scenario: site.owner.scenario.clone(),
        secret_name: secret_name(site, configuration),
        mount: None,
        keys: site.run.page.keys.iter().map(|key| key.name.clone()).collect(),
        auth_mount: site.names.auth_mount.clone(),
        role: ROLE.to_owned(),
        token_file: match configuration.app_token {
            AppToken::Mounted => TOKEN_FILE,
            AppToken::Expired => expired_token::FILE,
        }
        .to_owned(),
        ca: site.bent.vault.as_ref().and_then(|detour| detour.ca.clone()),
        hmac_key: Some(site.run.hmac_key.clone()),
        sibling: Some(SIBLING.to_owned()),
        stay_up: true,
        ask: None,
    }
}

/// Writes the operator's setting and the Runtime; with `replicas: 0` the app waits.
///
/// # Errors
/// The API server refuses, or the probe's input cannot be written.
pub async fn start(site: Site<'_>, configuration: &Configuration, replicas: i32) -> Result<(), Error> {
    let (run, names) = (site.run, site.names);
    // A pod that cannot be scheduled at once waits longer than for the node. The
    // sender goes away only with a testbed that failed.
    let _ = run.testbed.schedulable.clone().wait_for(|schedulable| *schedulable).await;
    let kube = &run.testbed.kube;
    let settings =
        mendix::operator_configuration(site.owner, &names.namespace, configuration.operator_automount.to_option());
    let settings = site.bend(Object::OperatorConfiguration, settings)?;
    create(run, &Api::<OperatorConfiguration>::namespaced(kube.clone(), &names.namespace), None, &settings).await?;
    let input = serde_json::to_string(&probe_input(site, configuration))
        .map_err(|error| Error::Other { what: "write the probe's input", reason: error.to_string() })?;
    let (named, account) = service_account(configuration);
    let mut app = mendix::app(&run.testbed.probe, input, named);
    if configuration.app_token == AppToken::Expired {
        expired_token::store(site, account).await?;
        app.mounts.push(expired_token::MOUNT);
    }
    let mut runtime = mendix::runtime(site.owner, &names.namespace, &app, replicas)
        .map_err(|error| Error::Other { what: "write the app's pod", reason: error.to_string() })?;
    let automount = match configuration.pod_automount {
        PodAutomount::FromOperator => None,
        PodAutomount::On => Some("true"),
        PodAutomount::Off => Some("false"),
        PodAutomount::Unset => Some("unset"),
    };
    if let Some(automount) = automount {
        runtime.annotations_mut().insert(mendix::POD_AUTOMOUNT_ANNOTATION.to_owned(), automount.to_owned());
    }
    let mut runtime = site.bend(Object::Runtime, runtime)?;
    if let Some(patch) = &site.bent.runtime {
        let broken = |error: serde_json::Error| Error::Broken(error.to_string());
        let mut value = serde_json::to_value(&runtime).map_err(broken)?;
        json_patch::merge(&mut value, patch);
        runtime = serde_json::from_value(value).map_err(broken)?;
    }
    create(run, &Api::<Runtime>::namespaced(kube.clone(), &names.namespace), None, &runtime).await?;
    Ok(())
}
