//! What the running app really has: its Service Account and its automount, from
//! its pod where there is one, else from the custom resources. All of it is
//! read, nothing is written.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, ResourceExt};

use crate::check::error::Error;
use crate::check::target::Target;
use crate::cluster::mendix::OPERATOR_CONFIGURATION;
use crate::page::cause::{CauseId, ids};

/// Where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The running pod of this name.
    Pod(String),
    /// The Runtime, because no pod of the app runs.
    Runtime,
    /// `--service-account`.
    Flag,
}

/// What the app has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The Service Account's name.
    pub service_account: String,
    /// The pod's `automountServiceAccountToken`.
    pub automount: Option<bool>,
    /// Where both were read.
    pub source: Source,
    /// What was noticed, each with its cause.
    pub notes: Vec<(CauseId, String)>,
}

/// What the custom resources say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Declared {
    runtime: bool,
    service_account: Option<String>,
    configuration: bool,
    automount: Option<bool>,
}

/// Reads it.
///
/// # Errors
/// The API server refuses, or nothing tells which Service Account to take.
pub async fn find(kube: &Client, target: &Target) -> Result<App, Error> {
    let declared = declared(kube, target).await?;
    let pod = running(kube, target).await?;
    decide(target, &declared, pod.as_ref())
}

/// What follows from what was read.
fn decide(target: &Target, declared: &Declared, pod: Option<&Pod>) -> Result<App, Error> {
    let mut notes = Vec::new();
    let wanted = declared.service_account.clone().unwrap_or_else(|| "default".to_owned());
    // Where there is no OperatorConfiguration yet, the page's setting is taken for the one to come.
    let operator = match declared.configuration {
        true => Some(declared.automount.unwrap_or(false)),
        false => Some(true),
    };
    if declared.configuration && declared.automount != Some(true) {
        notes.push((
            ids::token::OPERATOR_AUTOMOUNT_OFF,
            format!(
                "OperatorConfiguration {}/{OPERATOR_CONFIGURATION} has runtimeAutomountServiceAccountToken {}",
                target.operator_namespace,
                declared.automount.map_or("unset, which counts as false".to_owned(), |value| value.to_string())
            ),
        ));
    }
    if let Some(account) = &target.service_account {
        return Ok(App { service_account: account.clone(), automount: operator, source: Source::Flag, notes });
    }
    if let Some(pod) = pod {
        let spec = pod.spec.clone().unwrap_or_default();
        let account = spec.service_account_name.unwrap_or_else(|| "default".to_owned());
        let name = pod.name_any();
        if declared.runtime && account != wanted {
            notes.push((
                ids::pod::NOT_AS_RUNTIME,
                format!("pod {name} runs as {account}, and Runtime {} says {wanted}", target.runtime),
            ));
        }
        if declared.configuration && spec.automount_service_account_token != operator {
            let has = spec.automount_service_account_token.map_or("unset".to_owned(), |value| value.to_string());
            notes.push((
                ids::pod::NOT_AS_RUNTIME,
                format!(
                    "pod {name} has automountServiceAccountToken {has}, and the operator's setting comes to {}",
                    operator.unwrap_or_default()
                ),
            ));
        }
        let automount = spec.automount_service_account_token;
        return Ok(App { service_account: account, automount, source: Source::Pod(name), notes });
    }
    if !declared.runtime {
        return Err(Error::NoApp {
            namespace: target.namespace.clone(),
            selector: target.app_selector.clone(),
            runtime: target.runtime.clone(),
        });
    }
    Ok(App { service_account: wanted, automount: operator, source: Source::Runtime, notes })
}

async fn declared(kube: &Client, target: &Target) -> Result<Declared, Error> {
    let runtime = custom(kube, "Runtime", "runtimes", &target.namespace, &target.runtime).await?;
    let operator = &target.operator_namespace;
    let configuration =
        custom(kube, "OperatorConfiguration", "operatorconfigurations", operator, OPERATOR_CONFIGURATION).await?;
    let account = runtime.as_ref().and_then(|runtime| {
        runtime.data.pointer("/spec/template/spec/serviceAccountName").and_then(|name| name.as_str())
    });
    let automount = configuration.as_ref().and_then(|configuration| {
        configuration.data.pointer("/spec/runtimeAutomountServiceAccountToken").and_then(serde_json::Value::as_bool)
    });
    Ok(Declared {
        service_account: account.filter(|name| !name.is_empty()).map(str::to_owned),
        runtime: runtime.is_some(),
        automount,
        configuration: configuration.is_some(),
    })
}

/// A custom resource whatever its other fields are; none where it, or its
/// definition, is not there.
async fn custom(
    kube: &Client,
    kind: &str,
    plural: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<DynamicObject>, Error> {
    let object = format!("{kind} {namespace}/{name}");
    let kind = GroupVersionKind::gvk("privatecloud.mendix.com", "v1alpha1", kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let objects = Api::<DynamicObject>::namespaced_with(kube.clone(), namespace, &resource);
    objects.get_opt(name).await.map_err(Error::not_read(object))
}

/// The newest running pod of the app.
async fn running(kube: &Client, target: &Target) -> Result<Option<Pod>, Error> {
    let pods = Api::<Pod>::namespaced(kube.clone(), &target.namespace);
    let app = ListParams::default().labels(&target.app_selector);
    let list = pods.list(&app).await;
    let list = list.map_err(|source| Error::NotListed { namespace: target.namespace.clone(), source })?;
    let runs = |pod: &Pod| {
        pod.metadata.deletion_timestamp.is_none()
            && pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
    };
    Ok(list.items.into_iter().filter(runs).max_by_key(|pod| pod.metadata.creation_timestamp.clone()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::check::target::tests::target;

    fn pod(account: Option<&str>, automount: Option<bool>) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "mxplatform-1" },
            "spec": { "containers": [], "serviceAccountName": account, "automountServiceAccountToken": automount },
        }))
        .unwrap()
    }

    fn declared(account: Option<&str>, automount: Option<bool>) -> Declared {
        Declared { runtime: true, service_account: account.map(str::to_owned), configuration: true, automount }
    }

    #[test]
    fn the_running_pod_goes_before_the_custom_resources_and_a_difference_is_noted() {
        let app = decide(&target(), &declared(Some("pmp-secret-accessor"), Some(true)), Some(&pod(None, Some(false))));
        let app = app.unwrap();
        assert_eq!((&*app.service_account, app.automount), ("default", Some(false)));
        assert_eq!(app.notes.iter().map(|(cause, _)| cause.as_str()).collect::<Vec<_>>(), ["pod.not-as-runtime"; 2]);
    }

    #[rstest]
    #[case::set(Some(true), Some(true), 0)]
    #[case::off(Some(false), Some(false), 1)]
    #[case::unset_counts_as_off(None, Some(false), 1)]
    fn without_a_pod_the_operators_setting_counts(
        #[case] setting: Option<bool>,
        #[case] automount: Option<bool>,
        #[case] notes: usize,
    ) {
        let app = decide(&target(), &declared(None, setting), None).unwrap();
        assert_eq!((&*app.service_account, app.automount, app.notes.len()), ("default", automount, notes));
        assert_eq!(app.source, Source::Runtime);
    }

    #[test]
    fn before_there_is_an_app_the_service_account_must_be_named() {
        let nothing = Declared::default();
        assert!(decide(&target(), &nothing, None).unwrap_err().to_string().contains("--service-account"));
        let mut named = target();
        named.service_account = Some("pmp-secret-accessor".to_owned());
        let app = decide(&named, &nothing, None).unwrap();
        assert_eq!((&*app.service_account, app.automount), ("pmp-secret-accessor", Some(true)));
    }
}
