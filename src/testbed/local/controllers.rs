//! What a controller manager would do for one run, where there is none: the
//! stand-in. The folder that envtest's `KUBEBUILDER_ASSETS` names has no such
//! program.
//!
//! It makes the pods of the run's Deployments, all at once anew where their
//! template changes, as the strategy `Recreate` says, and notes what the API
//! server refuses in the Deployment's condition `ReplicaFailure`, as a
//! ReplicaSet's controller does. It makes the `default` Service Account of each
//! namespace and the ConfigMap with the cluster's authority, and empties
//! namespaces that are to go.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::{Controller, WatchStreamExt as _, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::AbortHandle;

use crate::cluster::RUN_LABEL;
use crate::cluster::mendix::{MendixApp, OperatorConfiguration, Runtime};

/// The label by which a Deployment's pods of one template are told from those of another.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// How soon to try again what was refused or has failed.
const AGAIN: Duration = Duration::from_millis(500);

/// Begins. It ends when both handles are aborted.
#[must_use]
pub fn start(client: &Client, run: &str, authority: String) -> [AbortHandle; 2] {
    let ours = watcher::Config::default().labels(&format!("{RUN_LABEL}={run}"));
    let deployments = Controller::new(Api::<Deployment>::all(client.clone()), ours.clone())
        .owns(Api::<Pod>::all(client.clone()), ours);
    let making = deployments
        .run(make_pods, |_, _, _| Action::requeue(AGAIN), Arc::new(client.clone()))
        .for_each(|_| std::future::ready(()));
    [tokio::spawn(making).abort_handle(), tokio::spawn(keep_namespaces(client.clone(), authority)).abort_handle()]
}

/// Sees to it that a Deployment has the pod that its template describes, and no other.
async fn make_pods(deployment: Arc<Deployment>, client: Arc<Client>) -> Result<Action, kube::Error> {
    if deployment.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = deployment.namespace().unwrap_or_default();
    let pods = Api::<Pod>::namespaced(Client::clone(&client), &namespace);
    let uid = deployment.uid().unwrap_or_default();
    let own = |pod: &Pod| pod.owner_references().iter().any(|owner| owner.uid == uid);
    let all: Vec<Pod> = pods.list(&ListParams::default()).await?.items.into_iter().filter(own).collect();
    let wanted = pod(&deployment)?;
    let hash = wanted.labels().get(TEMPLATE_HASH).cloned();
    let (current, stale): (Vec<_>, Vec<_>) =
        all.iter().partition(|pod| pod.labels().get(TEMPLATE_HASH) == hash.as_ref());
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let surplus = current.iter().skip(usize::try_from(replicas).unwrap_or(0));
    for pod in stale.iter().chain(surplus).filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        pods.delete(&pod.name_any(), &DeleteParams::default()).await?;
    }
    // The new ones come when all old ones have gone.
    let missing = usize::try_from(replicas).unwrap_or(0).saturating_sub(current.len());
    let mut refused = None;
    if stale.is_empty() {
        for _ in 0..missing {
            match pods.create(&PostParams::default(), &wanted).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) => refused = Some(status.message.clone()),
                Err(error) => return Err(error),
            }
        }
    }
    let conditions = refused.as_ref().map(
        |message| json!([{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message }]),
    );
    let had = deployment.status.as_ref().is_some_and(|status| status.conditions.is_some());
    if conditions.is_some() || had {
        let deployments = Api::<Deployment>::namespaced(Client::clone(&client), &namespace);
        let status = Patch::Merge(json!({ "status": { "conditions": conditions } }));
        deployments.patch_status(&deployment.name_any(), &PatchParams::default(), &status).await?;
    }
    Ok(if refused.is_some() { Action::requeue(AGAIN) } else { Action::await_change() })
}

/// The pod that a Deployment's template describes, with a name as a ReplicaSet's pods have.
fn pod(deployment: &Deployment) -> Result<Pod, kube::Error> {
    let template = deployment.spec.as_ref().map(|spec| &spec.template);
    let text = serde_json::to_vec(&template).map_err(kube::Error::SerdeError)?;
    let hash: String = Sha256::digest(&text).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let template: Value = serde_json::from_slice(&text).map_err(kube::Error::SerdeError)?;
    let mut labels = template["metadata"]["labels"].clone();
    labels[TEMPLATE_HASH] = json!(hash);
    serde_json::from_value(json!({
        "metadata": {
            "generateName": format!("{}-{hash}-", deployment.name_any()),
            "labels": labels,
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [deployment.controller_owner_ref(&())],
        },
        "spec": template["spec"],
    }))
    .map_err(kube::Error::SerdeError)
}

/// Gives every namespace what it has by itself, and empties those that are to go.
async fn keep_namespaces(client: Client, authority: String) {
    let namespaces = Api::<Namespace>::all(client.clone());
    let events = watcher(namespaces, watcher::Config::default()).default_backoff();
    let mut events = std::pin::pin!(events);
    // With this task end those that empty namespaces.
    let mut emptying = tokio::task::JoinSet::new();
    while let Some(event) = events.next().await {
        while emptying.try_join_next().is_some() {}
        let Ok(watcher::Event::Apply(namespace) | watcher::Event::InitApply(namespace)) = event else { continue };
        let name = namespace.name_any();
        if namespace.metadata.deletion_timestamp.is_some() {
            emptying.spawn(empty(client.clone(), namespace));
        } else {
            furnish(&client, &name, &authority).await;
        }
    }
}

async fn furnish(client: &Client, namespace: &str, authority: &str) {
    let meta = |name: &str| kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
    let account = ServiceAccount { metadata: meta("default"), ..ServiceAccount::default() };
    let data = Some([("ca.crt".to_owned(), authority.to_owned())].into());
    let map = ConfigMap { metadata: meta("kube-root-ca.crt"), data, ..ConfigMap::default() };
    // What is there already is refused, and what fails is missed by whoever wants it.
    let _ = Api::<ServiceAccount>::namespaced(client.clone(), namespace).create(&PostParams::default(), &account).await;
    let _ = Api::<ConfigMap>::namespaced(client.clone(), namespace).create(&PostParams::default(), &map).await;
}

/// Empties a namespace, waits until its pods have ended, and lets it go.
async fn empty(client: Client, mut namespace: Namespace) {
    let name = namespace.name_any();
    remove_all::<MendixApp>(&client, &name).await;
    remove_all::<Runtime>(&client, &name).await;
    remove_all::<OperatorConfiguration>(&client, &name).await;
    remove_all::<Deployment>(&client, &name).await;
    let pods = Api::<Pod>::namespaced(client.clone(), &name);
    loop {
        remove_all::<Pod>(&client, &name).await;
        match pods.list(&ListParams::default()).await {
            Ok(list) if list.items.is_empty() => break,
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
    remove_all::<Secret>(&client, &name).await;
    remove_all::<ConfigMap>(&client, &name).await;
    remove_all::<ServiceAccount>(&client, &name).await;
    if let Some(spec) = &mut namespace.spec {
        spec.finalizers = None;
    }
    let namespaces = Api::<Namespace>::all(client);
    // Another run's stand-in may have let it go.
    let _ = namespaces.replace_subresource::<Namespace>("finalize", &name, &PostParams::default(), &namespace).await;
}

async fn remove_all<K>(client: &Client, namespace: &str)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    // What is refused stays, and the namespace with it, for whoever removes the testbed.
    let _ = Api::<K>::namespaced(client.clone(), namespace)
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(account: &str) -> Deployment {
        serde_json::from_value(json!({
            "metadata": { "name": "mxplatform-master", "namespace": "app", "uid": "u1" },
            "spec": {
                "selector": {},
                "template": {
                    "metadata": { "labels": { "app": "mxplatform" } },
                    "spec": { "serviceAccountName": account, "containers": [{ "name": "app" }] },
                },
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_is_its_templates_and_another_templates_is_told_from_it() {
        let (one, again, other) = (deployment("one"), deployment("one"), deployment("other"));
        let [one, again, other] = [one, again, other].map(|deployment| pod(&deployment).unwrap());
        assert_eq!(one, again);
        assert_ne!(one.labels()[TEMPLATE_HASH], other.labels()[TEMPLATE_HASH]);
        assert_eq!(one.labels()["app"], "mxplatform");
        assert!(one.metadata.generate_name.as_ref().unwrap().starts_with("mxplatform-master-"));
        assert_eq!(one.owner_references()[0].uid, "u1");
        assert_eq!(one.spec.unwrap().service_account_name.as_deref(), Some("one"));
    }
}
