//! Where the app's pod stands: labels and annotations, its node, how it finds names, and its proxies.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Affinity, Container, Pod, PodSpec};
use kube::ResourceExt;

use super::part::Part;
use crate::cluster::inherited::Inherited;

/// The labels by which a ReplicaSet of a Deployment, or of an Argo Rollout, knows its pods. A pod without it is never taken
/// for one of them.
const OF_REPLICA_SETS: [&str; 2] = ["pod-template-hash", "rollouts-pod-template-hash"];

/// Labels by which Kubernetes' controllers know their pods, and those that a service mesh sets by itself.
const NOT_LABELS: [&str; 11] = [
    OF_REPLICA_SETS[0],
    OF_REPLICA_SETS[1],
    "controller-revision-hash",
    "statefulset.kubernetes.io/",
    "apps.kubernetes.io/",
    "batch.kubernetes.io/",
    "controller-uid",
    "job-name",
    "security.istio.io/",
    "service.istio.io/",
    "linkerd.io/",
];

/// Annotations by which service meshes and networks are told what a pod is to have.
const ANNOTATIONS: [&str; 11] = [
    "sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "proxy.istio.io/",
    "inject.istio.io/",
    "ambient.istio.io/",
    "linkerd.io/inject",
    "config.linkerd.io/",
    "config.alpha.linkerd.io/",
    "consul.hashicorp.com/",
    "kuma.io/",
    "k8s.v1.cni.cncf.io/networks",
];

/// Those among them that say what came of it.
const NOT_ANNOTATIONS: [&str; 5] = ["/status", "-status", "-injected", "/networks-status", "proxy-version"];

const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Node taints that Kubernetes tolerates for every pod by itself.
const OF_EVERY_POD: &str = "node.kubernetes.io/";

/// Kubernetes' own scheduler.
const USUAL_SCHEDULER: &str = "default-scheduler";

/// What is taken over.
pub(super) struct Around {
    pub inherited: Inherited,
    pub taken: Vec<String>,
    pub left: Vec<String>,
    pub apart: Vec<String>,
    pub beside: Vec<String>,
}

pub(super) fn of(pod: &Pod, spec: &PodSpec, container: &Container, without: &BTreeSet<Part>) -> Around {
    let mut around = Around {
        inherited: Inherited::default(),
        taken: Vec::new(),
        left: Vec::new(),
        apart: Vec::new(),
        beside: beside(spec, container),
    };
    let wanted = |part: Part| !without.contains(&part);
    if wanted(Part::Labels) {
        labels(pod, &mut around);
    }
    if wanted(Part::Annotations) {
        annotations(pod, &mut around);
    }
    if wanted(Part::Placement) {
        match nowhere_yet(pod) {
            true => around.left.push("its placement, because there is no node for it yet".to_owned()),
            false => placement(spec, &mut around),
        }
    }
    if wanted(Part::Names) {
        names(spec, &mut around);
    }
    if wanted(Part::Proxy) {
        proxies(container, &mut around);
    }
    left(spec, container, &mut around);
    for part in without {
        around.left.push(format!("{} (--not-from-app)", part.as_str()));
    }
    around
}

/// Of a pod that nobody takes ours for one of: a Deployment's or Rollout's goes by a label that ours lacks, a StatefulSet's
/// by the pod's name too. Other controllers take a pod with their labels for one of theirs.
fn labels(pod: &Pod, around: &mut Around) {
    if pod.labels().is_empty() {
        return;
    }
    let labelled = || OF_REPLICA_SETS.iter().any(|label| pod.labels().contains_key(*label));
    let goes_by_more = |kind: &str| kind == "StatefulSet" || (kind == "ReplicaSet" && labelled());
    if !pod.owner_references().iter().all(|owner| goes_by_more(&owner.kind)) {
        around
            .apart
            .push("its labels, because its controller would take the pod of the check for one of its own".to_owned());
        return;
    }
    let of_a_controller = |label: &str| NOT_LABELS.iter().any(|start| label.starts_with(start));
    let taken = pod.labels().iter().filter(|(label, _)| !of_a_controller(label));
    around.inherited.labels = taken.map(|(label, value)| (label.clone(), value.clone())).collect();
    say(&mut around.taken, "labels", &around.inherited.labels);
}

fn annotations(pod: &Pod, around: &mut Around) {
    let wanted = |name: &str| {
        ANNOTATIONS.iter().any(|start| name.starts_with(start))
            && !NOT_ANNOTATIONS.iter().any(|end| name.ends_with(end))
    };
    let taken = pod.annotations().iter().filter(|(name, _)| wanted(name));
    around.inherited.annotations = taken.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !around.inherited.annotations.is_empty() {
        let names: Vec<&str> = around.inherited.annotations.keys().map(String::as_str).collect();
        around.taken.push(format!("annotations {}", names.join(", ")));
    }
}

/// Whether it waits for a node: then a pod of ours would wait for the same.
fn nowhere_yet(pod: &Pod) -> bool {
    let waits = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Pending");
    waits && pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none())
}

fn placement(spec: &PodSpec, around: &mut Around) {
    let Inherited { node_selector, tolerations, affinity, runtime_class, scheduler, .. } = &mut around.inherited;
    *node_selector = spec.node_selector.clone().unwrap_or_default();
    say(&mut around.taken, "node selector", node_selector);
    let own = |key: Option<&str>| key.is_none_or(|key| !key.starts_with(OF_EVERY_POD));
    *tolerations = spec.tolerations.iter().flatten().filter(|it| own(it.key.as_deref())).cloned().collect();
    if !tolerations.is_empty() {
        let keys: Vec<&str> = tolerations.iter().map(|it| it.key.as_deref().unwrap_or("everything")).collect();
        around.taken.push(format!("tolerations of {}", keys.join(", ")));
    }
    let to_nodes = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    if to_nodes.is_some() {
        around.taken.push("affinity to nodes".to_owned());
        *affinity = Some(Affinity { node_affinity: to_nodes, ..Affinity::default() });
    }
    runtime_class.clone_from(&spec.runtime_class_name);
    around.taken.extend(runtime_class.iter().map(|name| format!("runtime class {name}")));
    *scheduler = spec.scheduler_name.clone().filter(|name| name != USUAL_SCHEDULER);
    around.taken.extend(scheduler.iter().map(|name| format!("scheduler {name}")));
}

fn names(spec: &PodSpec, around: &mut Around) {
    let Inherited { host_aliases, dns_policy, dns_config, .. } = &mut around.inherited;
    *host_aliases = spec.host_aliases.clone().unwrap_or_default();
    if !host_aliases.is_empty() {
        let names: Vec<String> =
            host_aliases.iter().flat_map(|alias| alias.hostnames.iter().flatten().cloned()).collect();
        around.taken.push(format!("host aliases {}", names.join(", ")));
    }
    *dns_policy = spec.dns_policy.clone().filter(|policy| policy != "ClusterFirst");
    around.taken.extend(dns_policy.iter().map(|policy| format!("DNS policy {policy}")));
    dns_config.clone_from(&spec.dns_config);
    if dns_config.is_some() {
        around.taken.push("DNS configuration".to_owned());
    }
}

/// Of variables that come from elsewhere the reference is taken over: what it gives is never seen.
fn proxies(container: &Container, around: &mut Around) {
    let proxy = |name: &str| PROXIES.iter().any(|known| known.eq_ignore_ascii_case(name));
    let env = &mut around.inherited.env;
    *env = container.env.iter().flatten().filter(|variable| proxy(&variable.name)).cloned().collect();
    if !env.is_empty() {
        let names: Vec<&str> = env.iter().map(|variable| variable.name.as_str()).collect();
        around.taken.push(names.join(", "));
    }
}

fn left(spec: &PodSpec, container: &Container, around: &mut Around) {
    if spec.host_network == Some(true) {
        around.apart.push("the node's network (hostNetwork)".to_owned());
    }
    let left = &mut around.left;
    if container.env_from.iter().flatten().next().is_some() {
        left.push("variables that come as a whole (envFrom), a proxy's among them if any".to_owned());
    }
    if !around.beside.is_empty() {
        let names = around.beside.join(", ");
        left.push(format!("its other containers ({names}), unless the cluster puts them into every pod"));
    }
}

/// The other containers, those included that Kubernetes starts before and keeps (`restartPolicy: Always`).
fn beside(spec: &PodSpec, container: &Container) -> Vec<String> {
    let kept = spec.init_containers.iter().flatten().filter(|it| it.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().filter(|it| it.name != container.name).chain(kept).map(|it| it.name.clone()).collect()
}

fn say(taken: &mut Vec<String>, what: &str, pairs: &BTreeMap<String, String>) {
    if !pairs.is_empty() {
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        taken.push(format!("{what} {}", pairs.join(", ")));
    }
}
