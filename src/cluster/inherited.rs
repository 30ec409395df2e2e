//! What one pod takes over from another that is there, as Kubernetes writes it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, HostAlias, PodDNSConfig, PodReadinessGate, PodSpec, Toleration, Volume, VolumeMount,
};
use kube::api::ObjectMeta;

/// A condition that nobody ever sets. A pod that waits for it is never ready, so no Service sends it requests, and no
/// PodDisruptionBudget counts it, whatever its labels are.
pub const NEVER_READY: &str = "pmp-vault-conformance/takes-no-requests";

/// What is taken over; nothing by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inherited {
    /// Labels, which network policies select.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Variables of the container.
    pub env: Vec<EnvVar>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Where the container has them.
    pub mounts: Vec<VolumeMount>,
    /// `nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// `tolerations`.
    pub tolerations: Vec<Toleration>,
    /// `affinity`, that to nodes only.
    pub affinity: Option<Affinity>,
    /// `runtimeClassName`.
    pub runtime_class: Option<String>,
    /// `schedulerName`.
    pub scheduler: Option<String>,
    /// `hostAliases`.
    pub host_aliases: Vec<HostAlias>,
    /// `dnsPolicy`.
    pub dns_policy: Option<String>,
    /// `dnsConfig`.
    pub dns_config: Option<PodDNSConfig>,
}

impl Inherited {
    /// Puts it into a pod that says nothing else of it; what the pod itself has goes before.
    pub(super) fn put_into(&self, spec: &mut PodSpec) {
        for container in &mut spec.containers {
            extend(&mut container.env, &self.env);
            extend(&mut container.volume_mounts, &self.mounts);
        }
        extend(&mut spec.volumes, &self.volumes);
        extend(&mut spec.tolerations, &self.tolerations);
        extend(&mut spec.host_aliases, &self.host_aliases);
        let mut selector = self.node_selector.clone();
        selector.extend(spec.node_selector.take().unwrap_or_default());
        spec.node_selector = Some(selector).filter(|selector| !selector.is_empty());
        spec.affinity.clone_from(&self.affinity);
        spec.runtime_class_name.clone_from(&self.runtime_class);
        spec.scheduler_name.clone_from(&self.scheduler);
        spec.dns_policy.clone_from(&self.dns_policy);
        spec.dns_config.clone_from(&self.dns_config);
        if !self.labels.is_empty() {
            spec.readiness_gates = Some(vec![PodReadinessGate { condition_type: NEVER_READY.to_owned() }]);
        }
    }

    /// The same for labels and annotations.
    pub(super) fn put_onto(&self, metadata: &mut ObjectMeta) {
        let join = |own: &mut Option<BTreeMap<String, String>>, taken: &BTreeMap<String, String>| {
            let mut all = taken.clone();
            all.extend(own.take().unwrap_or_default());
            *own = Some(all).filter(|all| !all.is_empty());
        };
        join(&mut metadata.labels, &self.labels);
        join(&mut metadata.annotations, &self.annotations);
    }
}

fn extend<T: Clone>(own: &mut Option<Vec<T>>, taken: &[T]) {
    if !taken.is_empty() {
        own.get_or_insert_default().extend_from_slice(taken);
    }
}
