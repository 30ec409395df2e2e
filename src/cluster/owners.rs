//! Which app a pod is of, by whom it goes back to: an operator that is not ours
//! puts none of our labels on what it makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::reflector::Store;

use super::SCENARIO_LABEL;
use super::mendix::Runtime;

/// What stands between a Runtime and its pods.
pub struct Owners {
    /// The Runtimes of the run.
    pub runtimes: Store<Runtime>,
    /// All Deployments.
    pub deployments: Store<Deployment>,
    /// All ReplicaSets.
    pub replica_sets: Store<ReplicaSet>,
}

impl Owners {
    /// Whether a pod is one of a scenario's app: Pod → ReplicaSet → Deployment → Runtime.
    #[must_use]
    pub fn is_pod_of(&self, pod: &Pod, scenario: &str) -> bool {
        let set = owner(pod, "ReplicaSet").and_then(|uid| with_uid(&self.replica_sets, uid));
        let deployment = set.and_then(|set| with_uid(&self.deployments, owner(&*set, "Deployment")?));
        deployment.is_some_and(|deployment| self.is_deployment_of(&deployment, scenario))
    }

    /// Whether a Deployment is that of a scenario's app.
    #[must_use]
    pub fn is_deployment_of(&self, deployment: &Deployment, scenario: &str) -> bool {
        let runtime = owner(deployment, "Runtime").and_then(|uid| with_uid(&self.runtimes, uid));
        runtime.is_some_and(|runtime| runtime.labels().get(SCENARIO_LABEL).is_some_and(|found| found == scenario))
    }

    /// What a scenario's app waits for while it has no pod.
    #[must_use]
    pub fn missing(&self, namespace: &str, scenario: &str) -> String {
        let labels = |labels: &BTreeMap<String, String>| labels.get(SCENARIO_LABEL).is_some_and(|it| it == scenario);
        let ours = |it: &Arc<Runtime>| it.namespace().as_deref() == Some(namespace) && labels(it.labels());
        let Some(runtime) = self.runtimes.state().into_iter().find(ours) else { return "no Runtime yet".to_owned() };
        let name = runtime.name_any();
        let of = |it: &Arc<Deployment>| self.is_deployment_of(it, scenario);
        match self.deployments.state().into_iter().find(of) {
            None => format!("the operator has made no Deployment of Runtime {name}"),
            Some(deployment) => format!("Deployment {} has no pod yet", deployment.name_any()),
        }
    }
}

fn owner<'a>(object: &'a impl ResourceExt, kind: &str) -> Option<&'a str> {
    object.owner_references().iter().find(|it| it.kind == kind).map(|it| it.uid.as_str())
}

fn with_uid<K>(store: &Store<K>, uid: &str) -> Option<Arc<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    store.state().into_iter().find(|it| it.uid().as_deref() == Some(uid))
}
