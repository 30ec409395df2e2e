//! What the running app really has: its Service Account, its token and what
//! surrounds it, from its pods where there are some, else from the custom
//! resources. All of it is read, nothing is written.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, ResourceExt};

use crate::check::anew::Started;
use crate::check::error::Error;
use crate::check::likeness::{Likeness, Token};
use crate::check::target::Target;
use crate::cluster::RUN_LABEL;
use crate::cluster::mendix::OPERATOR_CONFIGURATION;
use crate::page::cause::{CauseId, ids};
use crate::probe::input::TOKEN_FILE;

/// The label by which the Mendix Operator tells an app's own pods (public).
const COMPONENT: (&str, &str) = ("component", "mendix-app");

/// So many kinds of an app's pods are looked at beside the newest.
const KINDS: usize = 3;

/// Where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The running pod of this name.
    Pod(String),
    /// The pod of this name, which was admitted and does not run yet.
    WaitingPod(String),
    /// The Runtime, because the app has no pod.
    Runtime,
    /// `--service-account`.
    Flag,
}

/// What the app has.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// The Service Account's name.
    pub service_account: String,
    /// The pod's `automountServiceAccountToken`.
    pub automount: Option<bool>,
    /// Where both were read.
    pub source: Source,
    /// What was noticed, each with its cause.
    pub notes: Vec<(CauseId, String)>,
    /// The running pod as far as ours can be like it, where one runs; the newest.
    pub like: Option<Likeness>,
    /// The same pod in each other way in which the app may go: with another token of its own, past its proxy.
    pub other_ways: Vec<Likeness>,
    /// The app's other pods that run in another way, one of each kind.
    pub other_kinds: Vec<Likeness>,
    /// More pods of further kinds, by name, which are not looked at.
    pub further: Vec<String>,
    /// When the running pod was given its tokens.
    pub started: Option<Started>,
}

impl App {
    /// One of which no pod is known.
    #[must_use]
    pub fn new(service_account: &str, automount: Option<bool>, source: Source) -> Self {
        Self {
            service_account: service_account.to_owned(),
            automount,
            source,
            notes: Vec::new(),
            like: None,
            other_ways: Vec::new(),
            other_kinds: Vec::new(),
            further: Vec::new(),
            started: None,
        }
    }

    /// The token's file, as the running pod has it, or as the flag names it.
    #[must_use]
    pub fn token_file<'a>(&'a self, target: &'a Target) -> &'a str {
        let found = self.like.as_ref().map(|like| like.token_file.as_str());
        found.or(target.token_file.as_deref()).unwrap_or(TOKEN_FILE)
    }
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
    let pods = running(kube, target).await?;
    decide(target, &declared, &pods)
}

/// What follows from what was read; the pods with the newest first.
fn decide(target: &Target, declared: &Declared, pods: &[Pod]) -> Result<App, Error> {
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
    let mut found = likenesses(target, pods);
    if let Some(account) = &target.service_account {
        // Its own volumes count here, too: a pod of the app with that account would have them.
        let like = found.like.map(|like| like.as_account(account));
        let own = like.as_ref().filter(|like| matches!(like.token, Token::Own { .. })).and_then(Likeness::automount);
        return Ok(App { notes, like, ..App::new(account, own.or(operator), Source::Flag) });
    }
    if let Some(pod) = pods.first() {
        notes.extend(differences(target, declared, pod, &wanted, operator));
        let spec = pod.spec.as_ref();
        let account = spec.and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
        let automount = spec.and_then(|spec| spec.automount_service_account_token);
        let automount = found.like.as_ref().and_then(Likeness::automount).or(automount);
        let source = if runs(pod) { Source::Pod } else { Source::WaitingPod };
        let app = App::new(account, automount, source(pod.name_any()));
        let further = found.other_kinds.split_off(found.other_kinds.len().min(KINDS));
        return Ok(App {
            notes,
            like: found.like,
            other_ways: found.other_ways,
            other_kinds: found.other_kinds,
            further: further.into_iter().map(|like| like.pod).collect(),
            started: Started::of(pod),
            ..app
        });
    }
    if !declared.runtime {
        return Err(Error::NoApp {
            namespace: target.namespace.clone(),
            selector: target.app_selector.clone(),
            runtime: target.runtime.clone(),
        });
    }
    Ok(App { notes, ..App::new(&wanted, operator, Source::Runtime) })
}

/// What the running pods are like.
#[derive(Default)]
struct Likenesses {
    like: Option<Likeness>,
    other_ways: Vec<Likeness>,
    other_kinds: Vec<Likeness>,
}

fn likenesses(target: &Target, pods: &[Pod]) -> Likenesses {
    let mut found = Likenesses::default();
    for pod in pods {
        let mut all = Likeness::of(pod, &target.not_from_app, target.token_file.as_deref()).into_iter();
        let Some(likeliest) = all.next() else { continue };
        match &found.like {
            None => {
                found.like = Some(likeliest);
                found.other_ways = all.collect();
            }
            Some(like) => {
                let known = std::iter::once(like).chain(&found.other_kinds).any(|known| known.stands_for(&likeliest));
                if !known {
                    found.other_kinds.push(likeliest);
                }
            }
        }
    }
    found
}

/// In what the running pod is not as the custom resources say.
fn differences(
    target: &Target,
    declared: &Declared,
    pod: &Pod,
    wanted: &str,
    operator: Option<bool>,
) -> Vec<(CauseId, String)> {
    let mut notes = Vec::new();
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
    notes
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

/// The app's pods that run, the newest first, and behind them those that were admitted and wait. Those of checks, which may have the app's labels, are not the app's; and
/// where some have the operator's label for an app, others are something else of the same name.
async fn running(kube: &Client, target: &Target) -> Result<Vec<Pod>, Error> {
    let pods = Api::<Pod>::namespaced(kube.clone(), &target.namespace);
    let app = ListParams::default().labels(&target.app_selector);
    let list = pods.list(&app).await;
    let list = list.map_err(|source| Error::NotListed { namespace: target.namespace.clone(), source })?;
    Ok(of_the_app(list.items))
}

fn of_the_app(pods: Vec<Pod>) -> Vec<Pod> {
    let counts = |pod: &Pod| {
        pod.metadata.deletion_timestamp.is_none()
            && matches!(phase(pod), Some("Running" | "Pending"))
            && !pod.labels().contains_key(RUN_LABEL)
    };
    let named = |pod: &Pod| pod.labels().get(COMPONENT.0).is_some_and(|value| value == COMPONENT.1);
    let mut pods: Vec<Pod> = pods.into_iter().filter(counts).collect();
    if pods.iter().any(named) {
        pods.retain(named);
    }
    pods.sort_by_key(|pod| (!runs(pod), std::cmp::Reverse(pod.metadata.creation_timestamp.clone())));
    pods
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

fn runs(pod: &Pod) -> bool {
    phase(pod) == Some("Running")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::check::target::tests::target;

    fn pod(account: Option<&str>, automount: Option<bool>) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "mxplatform-1" }, "status": { "phase": "Running" },
            "spec": { "containers": [], "serviceAccountName": account, "automountServiceAccountToken": automount },
        }))
        .unwrap()
    }

    fn declared(account: Option<&str>, automount: Option<bool>) -> Declared {
        Declared { runtime: true, service_account: account.map(str::to_owned), configuration: true, automount }
    }

    #[test]
    fn the_running_pod_goes_before_the_custom_resources_and_a_difference_is_noted() {
        let app = decide(&target(), &declared(Some("pmp-secret-accessor"), Some(true)), &[pod(None, Some(false))]);
        let app = app.unwrap();
        assert_eq!((&*app.service_account, app.automount), ("default", Some(false)));
        assert_eq!(app.notes.iter().map(|(cause, _)| cause.as_str()).collect::<Vec<_>>(), ["pod.not-as-runtime"; 2]);
    }

    #[test]
    fn a_pod_that_waits_counts_before_the_runtime_and_behind_those_that_run() {
        let of = |name: &str, phase: &str, made: &str| -> Pod {
            serde_json::from_value(json!({ "metadata": { "name": name, "creationTimestamp": made },
                "spec": { "containers": [] }, "status": { "phase": phase } }))
            .unwrap()
        };
        let [older, newer] = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"];
        let names = |pods: Vec<Pod>| of_the_app(pods).iter().map(|pod| pod.name_any()).collect::<Vec<_>>();
        let all = vec![of("waits", "Pending", newer), of("runs", "Running", older), of("over", "Succeeded", newer)];
        assert_eq!(names(all), ["runs", "waits"]);
        let waiting = [of("waits", "Pending", newer)];
        let app = decide(&target(), &declared(Some("default"), None), &waiting).unwrap();
        assert_eq!(app.source, Source::WaitingPod("waits".to_owned()));
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
        let app = decide(&target(), &declared(None, setting), &[]).unwrap();
        assert_eq!((&*app.service_account, app.automount, app.notes.len()), ("default", automount, notes));
        assert_eq!(app.source, Source::Runtime);
    }

    #[test]
    fn before_there_is_an_app_the_service_account_must_be_named() {
        let nothing = Declared::default();
        assert!(decide(&target(), &nothing, &[]).unwrap_err().to_string().contains("--service-account"));
        let mut named = target();
        named.service_account = Some("pmp-secret-accessor".to_owned());
        let app = decide(&named, &nothing, &[]).unwrap();
        assert_eq!((&*app.service_account, app.automount), ("pmp-secret-accessor", Some(true)));
    }
}
