//! What `print` prints beside the policy: the Roles with their bindings, and the
//! check as a Job that runs in the cluster itself, for places where no
//! workstation reaches Vault.

use k8s_openapi::api::rbac::v1::Subject;
use serde_json::{Value, json};

use crate::check::rights;
use crate::check::rights::{NAME, Rule};
use crate::check::target::Target;

/// A day, after which Kubernetes removes the Job; its log is read before.
const KEPT_SECONDS: u32 = 24 * 3600;

/// Where the certificate authorities are mounted.
const CA_FOLDER: &str = "/etc/pmp-vault-conformance";

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
    let mut volumes = vec![json!({ "name": "state", "emptyDir": {} })];
    let mut mounts = vec![json!({ "name": "state", "mountPath": "/state" })];
    if let Some(ca) = &target.ca {
        objects.push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": { "ca.crt": ca } }));
        volumes.push(json!({ "name": "ca", "configMap": { "name": NAME } }));
        mounts.push(json!({ "name": "ca", "mountPath": CA_FOLDER, "readOnly": true }));
        arguments.extend(["--ca-file".to_owned(), format!("{CA_FOLDER}/ca.crt")]);
    }
    let mut env = vec![json!({ "name": "PMP_STATE_DIR", "value": "/state" })];
    if let Some((host, port)) = api_server {
        env.push(json!({ "name": "KUBERNETES_SERVICE_HOST", "value": host }));
        env.push(json!({ "name": "KUBERNETES_SERVICE_PORT", "value": port }));
    }
    let pod = &target.pod;
    let mut spec = json!({
        "serviceAccountName": NAME,
        "restartPolicy": "Never",
        "enableServiceLinks": true,
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "volumes": volumes,
        "containers": [{
            "name": "check",
            "image": pod.image,
            "imagePullPolicy": "IfNotPresent",
            "args": arguments,
            "env": env,
            "volumeMounts": mounts,
            "resources": {
                "requests": { "cpu": "50m", "memory": "64Mi" },
                "limits": { "cpu": "1", "memory": "256Mi" },
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        }],
    });
    if !pod.pull_secrets.is_empty() {
        spec["imagePullSecrets"] = pod.pull_secrets.iter().map(|name| json!({ "name": name })).collect();
    }
    if !pod.node_selector.is_empty() {
        spec["nodeSelector"] = json!(pod.node_selector);
    }
    objects.push(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            // A second try would say the same, or hide what the first one said.
            "backoffLimit": 0,
            "activeDeadlineSeconds": 900,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": { "labels": pod.labels, "annotations": pod.annotations },
                "spec": spec,
            },
        },
    }));
    objects
}
