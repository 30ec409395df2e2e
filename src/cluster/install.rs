//! An operator's manifests, made on a cluster of ours.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Discovery, Scope};
use kube::{Client, ResourceExt};
use serde_json::json;
use thiserror::Error;

use super::manifests::{Manifest, Manifests, NAMESPACE};
use super::patience::why;
use super::pod::{cannot_run, state};
use crate::wait::{self, Look, TimedOut};

/// How long an operator may take until it runs: its image may have to be pulled.
const RUNS: Duration = Duration::from_secs(180);

/// How long after a pod was first seen that cannot run it is given up. What it needs may come a moment later.
const LASTS: Duration = Duration::from_secs(30);

/// Why there is no operator.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server does not take a manifest.
    #[error("the API server does not take {manifest}: {reason}")]
    Refused {
        /// The object and its file.
        manifest: String,
        /// What it says.
        reason: String,
    },
    /// There is no such kind.
    #[error("the cluster knows no kind like that of {manifest}: {kind}")]
    UnknownKind {
        /// The object and its file.
        manifest: String,
        /// With its version.
        kind: String,
    },
    /// The API server does not answer.
    #[error("the API server does not {what}: {reason}")]
    Cluster {
        /// What it was asked for.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A pod of it cannot run.
    #[error("the operator of {folder} does not run: {reason}")]
    CannotRun {
        /// Where its manifests are.
        folder: String,
        /// Why not.
        reason: String,
    },
    /// It does not run in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}

fn ours() -> PatchParams {
    PatchParams::apply("pmp-vault-conformance").force()
}

/// Makes everything but the definitions, which are established by then.
///
/// # Errors
/// The API server refuses something.
pub async fn install(kube: &Client, manifests: &Manifests) -> Result<(), Error> {
    let discovery = Discovery::new(kube.clone()).run().await;
    let discovery = discovery.map_err(|error| Error::Cluster { what: "say what it knows", reason: why(&error) })?;
    let mut namespaces: BTreeSet<String> = BTreeSet::from(["default".to_owned()]);
    for manifest in &manifests.objects {
        let unknown = |kind: String| Error::UnknownKind { manifest: manifest.to_string(), kind };
        let types = manifest.object.types.clone().unwrap_or_default();
        let kind = GroupVersionKind::try_from(&types).map_err(|error| unknown(error.to_string()))?;
        let (resource, capabilities) =
            discovery.resolve_gvk(&kind).ok_or_else(|| unknown(format!("{} of {}", types.kind, types.api_version)))?;
        let api = match capabilities.scope {
            Scope::Cluster => Api::<DynamicObject>::all_with(kube.clone(), &resource),
            Scope::Namespaced => {
                let namespace = manifest.object.namespace().unwrap_or_else(|| NAMESPACE.to_owned());
                if namespaces.insert(namespace.clone()) {
                    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
                    let all = Api::<Namespace>::all(kube.clone());
                    take(all.patch(&namespace, &ours(), &Patch::Apply(&object)).await, manifest)?;
                }
                Api::namespaced_with(kube.clone(), &namespace, &resource)
            }
        };
        take(api.patch(&manifest.object.name_any(), &ours(), &Patch::Apply(&manifest.object)).await, manifest)?;
    }
    Ok(())
}

fn take<T>(taken: Result<T, kube::Error>, manifest: &Manifest) -> Result<(), Error> {
    taken.map(drop).map_err(|error| Error::Refused { manifest: manifest.to_string(), reason: why(&error) })
}

/// Waits until each Deployment of it is available. Apps come of nothing else.
///
/// # Errors
/// One is not in time, with what its pods wait for, or they cannot run at all.
pub async fn running(kube: &Client, manifests: &Manifests) -> Result<(), Error> {
    for (namespace, name) in manifests.deployments() {
        let deployments = Api::<Deployment>::namespaced(kube.clone(), &namespace);
        let pods = Api::<Pod>::namespaced(kube.clone(), &namespace);
        let since = Cell::new(None::<tokio::time::Instant>);
        let subject = format!("operator of {}, Deployment {namespace}/{name}", manifests.folder.display());
        wait::until(&subject, RUNS, Duration::from_millis(200), || async {
            let found = match deployments.get(&name).await {
                Ok(found) => found,
                Err(error) => return Look::NotYet(why(&error)),
            };
            let status = found.status.unwrap_or_default();
            if status.available_replicas.unwrap_or_default() > 0 {
                return Look::Done(Ok(()));
            }
            let conditions = status.conditions.unwrap_or_default();
            let refused = conditions.iter().find(|it| it.type_ == "ReplicaFailure" && it.status == "True");
            let labels = found.spec.and_then(|spec| spec.selector.match_labels).unwrap_or_default();
            let selector = labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",");
            let listed = pods.list(&ListParams::default().labels(&selector)).await;
            let listed = listed.map(|list| list.items).unwrap_or_default();
            let wrong = refused.and_then(|it| it.message.clone()).or_else(|| listed.iter().find_map(cannot_run));
            let Some(reason) = wrong else {
                return Look::NotYet(listed.first().map_or_else(|| "it has no pod yet".to_owned(), state));
            };
            // In between an image is asked for again, which is no better.
            let first = since.get().unwrap_or_else(tokio::time::Instant::now);
            since.set(Some(first));
            if first.elapsed() < LASTS {
                return Look::NotYet(reason);
            }
            Look::Done(Err(Error::CannotRun { folder: manifests.folder.display().to_string(), reason }))
        })
        .await??;
    }
    Ok(())
}
