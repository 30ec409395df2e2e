//! Whether a pod may run on the node of its run. There is one node a run, so
//! what is left of a scheduler's work is to say why a pod has none.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use kube::ResourceExt as _;

/// Why a pod cannot be bound to a node, in a scheduler's words; none where it can. `nodes` are all that there are.
#[must_use]
pub fn refusal(pod: &Pod, node: &str, nodes: &[Node]) -> Option<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for other in nodes {
        match of_one(pod, other) {
            None if other.name_any() == node => return None,
            // Whoever has made it sees to what runs there.
            None => *reasons.entry("node(s) of other runs".to_owned()).or_default() += 1,
            Some(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    Some(format!("0/{} nodes are available: {}.", nodes.len(), reasons.join(", ")))
}

fn of_one(pod: &Pod, node: &Node) -> Option<String> {
    let spec = pod.spec.as_ref();
    let tolerations = spec.and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    let mut wanted = spec.and_then(|spec| spec.node_selector.as_ref()).into_iter().flatten();
    if !wanted.all(|(name, value)| node.labels().get(name) == Some(value)) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let mut hard = taints.iter().filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"));
    let taint = hard.find(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)))?;
    Some(format!("node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value.as_deref().unwrap_or_default()))
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let any_effect = toleration.effect.as_deref().is_none_or(|effect| effect.is_empty() || effect == taint.effect);
    let same_key = toleration.key.as_ref().is_none_or(|key| key.is_empty() || *key == taint.key);
    let exists = toleration.operator.as_deref() == Some("Exists");
    any_effect && same_key && (exists || (toleration.key.is_some() && toleration.value == taint.value))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn nodes() -> Vec<Node> {
        let taint = json!([{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }]);
        let all = [
            json!({ "metadata": { "name": "own", "labels": { "kubernetes.io/hostname": "own" } } }),
            json!({ "metadata": { "name": "down", "labels": { "pool": "apps" } }, "spec": { "taints": taint } }),
        ];
        all.map(|node| serde_json::from_value(node).unwrap()).into()
    }

    #[rstest]
    #[case::wants_nothing(json!({}), None)]
    #[case::wants_its_own(json!({ "nodeSelector": { "kubernetes.io/hostname": "own" } }), None)]
    #[case::wants_one_that_is_not_ready(json!({ "nodeSelector": { "pool": "apps" } }), Some("1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"))]
    #[case::tolerates_it(
        json!({ "nodeSelector": { "pool": "apps" }, "tolerations": [{ "operator": "Exists" }] }),
        Some("1 node(s) of other runs")
    )]
    fn a_pod_has_a_node_or_a_reason(#[case] spec: Value, #[case] said: Option<&str>) {
        let pod: Pod = serde_json::from_value(json!({ "metadata": {}, "spec": { "containers": [] } })).unwrap();
        let mut value = serde_json::to_value(pod).unwrap();
        json_patch::merge(&mut value, &json!({ "spec": spec }));
        let refused = refusal(&serde_json::from_value(value).unwrap(), "own", &nodes());
        match said {
            None => assert_eq!(refused, None),
            Some(said) => assert!(refused.as_ref().is_some_and(|it| it.contains(said)), "{refused:?}"),
        }
    }
}
