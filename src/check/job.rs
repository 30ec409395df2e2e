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

/// When a CronJob starts the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule<'a> {
    /// Five fields, or a word such as `@daily`; in the time zone of the cluster's controllers.
    pub cron: &'a str,
    /// Whether it starts none of itself until somebody says so.
    pub suspended: bool,
}

/// How many Jobs that are over a CronJob keeps of each kind, with their logs.
const KEPT_JOBS: u32 = 3;

/// What a controller that was away starts late, and not at all after that.
const LATE_SECONDS: u32 = 3600;

/// The Job with everything that it needs: Service Account, Roles, bindings, and
/// a ConfigMap where certificate authorities are given. `arguments` are those
/// of `check`; `api_server` is `HOST:PORT` where the cluster's own address cannot be used.
#[must_use]
pub fn job(target: &Target, arguments: Vec<String>, api_server: Option<(&str, &str)>) -> Vec<Value> {
    let (mut objects, mut spec) = parts(target, arguments, api_server);
    spec["ttlSecondsAfterFinished"] = json!(KEPT_SECONDS);
    let metadata = rights::metadata(Some(&target.namespace));
    objects.push(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec }));
    objects
}

/// The same as a CronJob, which starts such a Job again and again, and never one beside another.
#[must_use]
pub fn cronjob(
    target: &Target,
    arguments: Vec<String>,
    api_server: Option<(&str, &str)>,
    schedule: Schedule<'_>,
) -> Vec<Value> {
    let (mut objects, spec) = parts(target, arguments, api_server);
    objects.push(json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": rights::metadata(Some(&target.namespace)),
        "spec": {
            "schedule": schedule.cron,
            "suspend": schedule.suspended,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATE_SECONDS,
            "successfulJobsHistoryLimit": KEPT_JOBS,
            "failedJobsHistoryLimit": KEPT_JOBS,
            "jobTemplate": { "spec": spec },
        },
    }));
    objects
}

/// The program's pod, with everything but the authorities.
pub(super) fn pod(target: &Target, arguments: Vec<String>, api_server: Option<(&str, &str)>) -> PodTemplate {
    let mut env = vec![("PMP_STATE_DIR", STATE_FOLDER.to_owned())];
    if let Some((host, port)) = api_server {
        env.push(("KUBERNETES_SERVICE_HOST", host.to_owned()));
        env.push(("KUBERNETES_SERVICE_PORT", port.to_owned()));
    }
    PodTemplate {
        args: arguments,
        env,
        mounts: vec![Mount { name: "state", path: STATE_FOLDER, source: Source::Empty }],
        service_account: Some(NAME.to_owned()),
        lifetime: Lifetime::Once(None),
        options: target.pod.clone(),
        ..PodTemplate::new("check", &target.probe_image, Size::Program)
    }
}

/// What a Job needs beside itself, and its specification.
fn parts(target: &Target, arguments: Vec<String>, api_server: Option<(&str, &str)>) -> (Vec<Value>, Value) {
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
    let mut pod = pod(target, arguments, api_server);
    if let Some(ca) = &target.ca {
        objects.push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": { "ca.crt": ca } }));
        pod.mounts.push(Mount { name: "ca", path: CA_FOLDER, source: Source::ConfigMap(NAME) });
        pod.args.extend(["--ca-file".to_owned(), format!("{CA_FOLDER}/ca.crt")]);
    }
    let spec = json!({
        // A second try would say the same, or hide what the first one said.
        "backoffLimit": 0,
        "activeDeadlineSeconds": 900,
        "template": pod.template(),
    });
    (objects, spec)
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

    #[test]
    fn a_cronjob_is_the_job_again_and_again_and_never_beside_itself() {
        let target = target();
        let arguments = || vec!["check".to_owned()];
        let schedule = Schedule { cron: "17 5 * * *", suspended: true };
        let (mut jobs, mut cronjobs) = (job(&target, arguments(), None), cronjob(&target, arguments(), None, schedule));
        let (mut job, mut cronjob) = (jobs.pop().unwrap(), cronjobs.pop().unwrap());
        assert_eq!(jobs, cronjobs, "both need the same");
        // A CronJob has limits of its own for that.
        assert_eq!(job["spec"].as_object_mut().unwrap().remove("ttlSecondsAfterFinished"), Some(json!(KEPT_SECONDS)));
        assert_eq!(cronjob["spec"]["jobTemplate"]["spec"].take(), job["spec"]);
        let limits = ["successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds"];
        assert_eq!(limits.map(|name| cronjob["spec"][name].as_u64()), [Some(3), Some(3), Some(3600)]);
    }
}
