//! What `print` prints beside the policy: the Roles with their bindings, and the
//! check as a Job that runs in the cluster itself, for places where no
//! workstation reaches Vault.

use k8s_openapi::api::rbac::v1::Subject;
use serde_json::{Value, json};

use crate::check::rights;
use crate::check::rights::{NAME, Rule};
use crate::check::target::Target;
use crate::cluster::pod_spec::{Lifetime, Mount, PodTemplate, Size, Source};

/// A day, after which Kubernetes removes the Job; its log is read before.
const KEPT_SECONDS: u32 = 24 * 3600;

/// Where the certificate authorities are mounted.
const CA_FOLDER: &str = "/etc/pmp-vault-conformance";

/// Where the run's journal is.
const STATE_FOLDER: &str = "/state";

/// The Roles, and the ClusterRole where one is needed, with bindings to a
/// subject where one is named.
#[must_use]
pub fn rbac(rules: &[Rule], subject: Option<&Subject>) -> Vec<Value> {
    let mut objects = Vec::new();
    let binding = |kind: &str, namespace: Option<&str>| {
        subject.map(|subject| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": format!("{kind}Binding"),
                "metadata": rights::metadata(namespace),
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME },
                "subjects": [subject],
            })
        })
    };
    for role in rights::roles(rules) {
        let namespace = role.metadata.namespace.clone();
        objects.push(json!(role));
        objects.extend(binding("Role", namespace.as_deref()));
    }
    if let Some(role) = rights::cluster_role(rules) {
        objects.push(json!(role));
        objects.extend(binding("ClusterRole", None));
    }
    objects
}

/// The Job with everything that it needs: Service Account, Roles, bindings, and
/// a ConfigMap where certificate authorities are given. `arguments` are those
/// of `run`; `api_server` is `HOST:PORT` where the cluster's own address cannot be used.
#[must_use]
pub fn job(target: &Target, mut arguments: Vec<String>, api_server: Option<(&str, &str)>) -> Vec<Value> {
    let namespace = target.namespace.as_str();
    let meta = rights::metadata(Some(namespace));
    let subject = Subject {
        kind: "ServiceAccount".to_owned(),
        name: NAME.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    };
    let mut objects = vec![json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta })];
    objects.extend(rbac(&rights::rules(target), Some(&subject)));
    let mut mounts = vec![Mount { name: "state", path: STATE_FOLDER, source: Source::Empty }];
    if let Some(ca) = &target.ca {
        objects.push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": { "ca.crt": ca } }));
        mounts.push(Mount { name: "ca", path: CA_FOLDER, source: Source::ConfigMap(NAME) });
        arguments.extend(["--ca-file".to_owned(), format!("{CA_FOLDER}/ca.crt")]);
    }
    let mut env = vec![("PMP_STATE_DIR", STATE_FOLDER.to_owned())];
    if let Some((host, port)) = api_server {
        env.push(("KUBERNETES_SERVICE_HOST", host.to_owned()));
        env.push(("KUBERNETES_SERVICE_PORT", port.to_owned()));
    }
    let pod = PodTemplate {
        args: arguments,
        env,
        mounts,
        service_account: Some(NAME.to_owned()),
        lifetime: Lifetime::Once(None),
        options: target.pod.clone(),
        ..PodTemplate::new("check", &target.probe_image, Size::Program)
    };
    objects.push(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            // A second try would say the same, or hide what the first one said.
            "backoffLimit": 0,
            "activeDeadlineSeconds": 900,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": pod.template(),
        },
    }));
    objects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::tests::target;
    use crate::cluster::pod_spec::Toleration;

    #[test]
    fn the_job_has_what_it_needs_and_what_the_cluster_asks_of_every_pod() {
        let mut target = target();
        target.ca = Some("PEM".to_owned());
        target.pod.pull_secrets = vec!["registry".to_owned()];
        target.pod.node_selector.insert("pool".to_owned(), "apps".to_owned());
        target.pod.labels.insert("sidecar.istio.io/inject".to_owned(), "false".to_owned());
        target.pod.annotations.insert("team".to_owned(), "platform".to_owned());
        target.pod.limits.insert("ephemeral-storage".to_owned(), "64Mi".to_owned());
        target.pod.tolerations =
            vec![Toleration { key: "dedicated".to_owned(), value: Some("apps".to_owned()), effect: None }];
        let objects = job(&target, vec!["check".to_owned()], Some(("10.0.0.1", "6443")));
        let [.., authorities, job] = &objects[..] else { panic!("{objects:?}") };
        insta::assert_json_snapshot!((authorities, job));
    }
}
