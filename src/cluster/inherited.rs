//! What one pod takes over from another that is there, as Kubernetes writes it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, HostAlias, PodDNSConfig, PodDNSConfigOption, PodReadinessGate, PodSpec, Toleration, Volume,
    VolumeMount,
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
    /// What makes a name known where nothing answers DNS: the pod's own `/etc/hosts`, and a DNS that is waited for no
    /// longer than a second or two. The probe asks it for what a line of that file lacks, such as an IPv6 address.
    #[must_use]
    pub fn with_host(name: &str, address: &str) -> Self {
        let option =
            |name: &str, value: &str| PodDNSConfigOption { name: Some(name.to_owned()), value: Some(value.to_owned()) };
        Self {
            host_aliases: vec![HostAlias { ip: address.to_owned(), hostnames: Some(vec![name.to_owned()]) }],
            dns_policy: Some("None".to_owned()),
            dns_config: Some(PodDNSConfig {
                nameservers: Some(vec!["127.0.0.1".to_owned()]),
                options: Some(vec![option("timeout", "1"), option("attempts", "1")]),
                ..PodDNSConfig::default()
            }),
            ..Self::default()
        }
    }

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_a_pod_is_told_of_needs_no_server_that_knows_it() {
        let mut spec = PodSpec::default();
        Inherited::with_host("vault.example", "192.0.2.1").put_into(&mut spec);
        let told = json!({
            "containers": [],
            "hostAliases": [{ "ip": "192.0.2.1", "hostnames": ["vault.example"] }],
            "dnsPolicy": "None",
            "dnsConfig": {
                "nameservers": ["127.0.0.1"],
                "options": [{ "name": "timeout", "value": "1" }, { "name": "attempts", "value": "1" }],
            },
        });
        assert_eq!(json!(spec), told);
    }
}
