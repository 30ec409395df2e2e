//! `#configure-k8s-for-pmp` and `#configure-pmp-credentials`: the namespace,
//! the Service Account, the operator's setting, the Runtime, the admin panel.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::mutation::Object;
use super::names::{Names, SIBLING};
use super::site::{Error, Operation, Site, cluster, create};
use super::{auth, expired_token};
use crate::cluster::inherited::Inherited;
use crate::cluster::mendix::{self, MendixApp, OPERATOR_CONFIGURATION, OperatorConfiguration, Runtime};
use crate::cluster::objects as k8s;
use crate::cluster::operator;
use crate::cluster::patience::why;
use crate::journal::Resource;
use crate::probe::input::{Input, Living, TOKEN_FILE};
use crate::scenario::configuration::{
    AccountName, AppToken, Configuration, EditedWhileRunning, PodAutomount, RuntimeAccount, Switch, UrlForm, VaultPlace,
};
use crate::scenario::day_two::DayTwo;
use crate::wait::{self, Look};

/// The Service's name of a Vault in the cluster, as the page's example of a Secret Name has it.
pub const SERVICE_NAME: &str = "vault.hashicorptest.svc.cluster.local";

/// How long an app that lives on rests between its rounds: each costs both servers something.
const REST_MS: u64 = 500;

/// The Service Account that the Runtime names, and the one that its pod then has.
#[must_use]
pub fn service_account(names: &Names, configuration: &Configuration) -> (Option<&'static str>, &'static str) {
    match configuration.runtime_service_account {
        RuntimeAccount::PmpSecretAccessor => {
            let name = names.account(AccountName::PmpSecretAccessor);
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
    let (_, account) = service_account(names, configuration);
    let automount = configuration.service_account_automount.to_option();
    if configuration.create_service_account {
        let name = names.account(AccountName::PmpSecretAccessor);
        let custom = k8s::service_account(site.owner, &names.namespace, name, automount.filter(|_| account == name));
        let mut custom = site.bend(Object::ServiceAccount, custom)?;
        if configuration.service_account_annotated {
            custom.annotations_mut().insert(mendix::ENVIRONMENT_ACCOUNT.to_owned(), "true".to_owned());
        }
        create(run, &accounts, None, &custom).await?;
    }
    if account == "default" && configuration.service_account_automount != Switch::Unset {
        patch(&accounts, account, json!({ "automountServiceAccountToken": automount })).await?;
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
    let path = format!("{}/{}", site.names.kv_mount, site.names.secret);
    if let Some(detour) = &site.bent.vault {
        let scheme = if detour.ca.is_some() { "https" } else { "http" };
        return format!("{scheme}://{}/{path}", detour.host);
    }
    match configuration.url {
        UrlForm::WithPort => {
            let port = if configuration.vault == VaultPlace::OutsideOnPort80 { 80 } else { 8200 };
            format!("http://{host}:{port}/{path}")
        }
        UrlForm::WithoutPort => format!("http://{host}/{path}"),
        UrlForm::TrailingSlash => format!("http://{host}:8200/{path}/"),
        UrlForm::Https => format!("https://{host}:8200/{path}"),
        UrlForm::ServiceName => format!("http://{SERVICE_NAME}/{path}"),
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
        role: site.names.role.to_owned(),
        token_file: match configuration.app_token {
            AppToken::Mounted => TOKEN_FILE,
            AppToken::Expired => expired_token::FILE,
        }
        .to_owned(),
        ca: site.bent.vault.as_ref().and_then(|detour| detour.ca.clone()),
        hmac_key: Some(site.run.hmac_key.clone()),
        sibling: Some(SIBLING.to_owned()),
        stay_up: true,
        living: living(site, configuration),
        ask: None,
    }
}

/// How the app lives on, where something happens then.
fn living(site: Site<'_>, configuration: &Configuration) -> Option<Living> {
    (configuration.day_two != DayTwo::Nothing).then(|| Living {
        rests_ms: REST_MS,
        renews_ms: configuration
            .day_two
            .renews_every(site.bent.without_event)
            .and_then(|every| every.as_millis().try_into().ok()),
    })
}

/// Writes the operator's setting and the Runtime, with the MendixApp above it; with `replicas: 0` the app waits.
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
    let (named, account) = service_account(names, configuration);
    let mut app = mendix::app(&run.testbed.probe, input, named);
    if configuration.app_token == AppToken::Expired {
        expired_token::store(site, account).await?;
        app.mounts.push(expired_token::MOUNT);
    }
    if configuration.url == UrlForm::ServiceName {
        app.inherited = Inherited::with_host(SERVICE_NAME, &site.vault.pod_host);
    }
    let mut runtime = mendix::runtime(site.owner, &names.namespace, &app, replicas)
        .map_err(|error| Error::Other { what: "write the app's pod", reason: error.to_string() })?;
    runtime.metadata.name = Some(names.runtime.to_owned());
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
    // An operator that is not ours would make all the rest of a MendixApp, a Runtime of its own among it.
    if run.testbed.operator.is_none() {
        let apps = Api::<MendixApp>::namespaced(kube.clone(), &names.namespace);
        operator::own(kube, &mut runtime).await.map_err(cluster(Operation::Create, &apps, names.runtime))?;
    }
    create(run, &Api::<Runtime>::namespaced(kube.clone(), &names.namespace), None, &runtime).await?;
    Ok(())
}

/// Gives the app so many pods: none ends it, and its Runtime stays.
///
/// # Errors
/// The API server refuses.
pub async fn scale(site: Site<'_>, replicas: i32) -> Result<(), Error> {
    let runtimes = Api::<Runtime>::namespaced(site.run.testbed.kube.clone(), &site.names.namespace);
    patch(&runtimes, site.names.runtime, json!({ "spec": { "replicas": replicas } })).await
}

/// Edits what is to be edited while the app runs, to what the configuration says of it.
///
/// # Errors
/// The API server refuses.
pub async fn edit(site: Site<'_>, configuration: &Configuration) -> Result<(), Error> {
    let (kube, names) = (&site.run.testbed.kube, site.names);
    match configuration.edited_while_running {
        EditedWhileRunning::Nothing => Ok(()),
        EditedWhileRunning::RuntimeFromDefault | EditedWhileRunning::RuntimeFromCustom => {
            let (named, _) = service_account(names, configuration);
            let edited = json!({ "spec": { "template": { "spec": { "serviceAccountName": named } } } });
            patch(&Api::<Runtime>::namespaced(kube.clone(), &names.namespace), names.runtime, edited).await
        }
        EditedWhileRunning::OperatorFromOff => {
            let automount = configuration.operator_automount.to_option();
            let edited = json!({ "spec": { "runtimeAutomountServiceAccountToken": automount } });
            let settings = Api::<OperatorConfiguration>::namespaced(kube.clone(), &names.namespace);
            patch(&settings, OPERATOR_CONFIGURATION, edited).await
        }
    }
}

/// Merges that into an object.
async fn patch<K>(api: &Api<K>, name: &str, merged: Value) -> Result<(), Error>
where
    K: kube::Resource<DynamicType: Default> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(merged)).await;
    patched.map_err(cluster(Operation::Patch, api, name))?;
    Ok(())
}
