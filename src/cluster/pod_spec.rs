//! The one place that makes pods: the app's, the probes of a check, the Job
//! that runs a check in the cluster, and a Vault in the cluster.
//!
//! Each says what is its own in a [`PodTemplate`]. What all have is decided here:
//! what Pod Security "restricted" asks for, no variables for the namespace's
//! Services, and requests and limits, which quotas ask for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, LocalObjectReference, Pod,
    PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile, SecretVolumeSource,
    SecurityContext, Toleration as KubernetesToleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;
use serde_json::{Value, json};

use super::inherited::Inherited;

/// What a cluster asks of every pod that is made there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodOptions {
    /// `imagePullSecrets`.
    pub pull_secrets: Vec<String>,
    /// `nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// `tolerations`.
    pub tolerations: Vec<Toleration>,
    /// Labels, such as one that keeps a service mesh away.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// `resources.requests`.
    pub requests: BTreeMap<String, String>,
    /// `resources.limits`.
    pub limits: BTreeMap<String, String>,
}

/// `KEY=VALUE:EFFECT`, `KEY:EFFECT` or `KEY`, as `kubectl taint` writes taints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key.
    pub key: String,
    /// Its value; any where absent.
    pub value: Option<String>,
    /// Its effect; any where absent.
    pub effect: Option<String>,
}

/// What a pod needs of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The probe.
    Probe,
    /// The program itself.
    Program,
    /// A Vault. Its processor time is not limited, because it starts slowly then.
    Vault,
}

impl Size {
    const fn requests(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Probe => &[("cpu", "10m"), ("memory", "32Mi")],
            Self::Program => &[("cpu", "50m"), ("memory", "64Mi")],
            Self::Vault => &[("cpu", "50m"), ("memory", "128Mi")],
        }
    }

    const fn limits(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Probe => &[("cpu", "1"), ("memory", "128Mi")],
            Self::Program => &[("cpu", "1"), ("memory", "256Mi")],
            Self::Vault => &[("memory", "1Gi")],
        }
    }
}

/// How long a pod runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until somebody removes it.
    Stays,
    /// Once, never again, and for no longer than so many seconds where that is said.
    Once(Option<u32>),
}

/// What the container may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootFilesystem {
    /// What is mounted.
    ReadOnly,
    /// All that its user may.
    Writable,
}

/// What a mounted volume holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nothing yet.
    Empty,
    /// A Secret of this name.
    Secret(&'static str),
    /// A ConfigMap of this name.
    ConfigMap(&'static str),
}

/// A volume and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name.
    pub name: &'static str,
    /// The folder.
    pub path: &'static str,
    /// What it holds.
    pub source: Source,
}

/// What is one pod's own.
#[derive(Debug, Clone)]
pub struct PodTemplate {
    /// The container's name.
    pub container: &'static str,
    /// Its image.
    pub image: String,
    /// What its entry point is given.
    pub args: Vec<String>,
    /// Its environment.
    pub env: Vec<(&'static str, String)>,
    /// Its volumes.
    pub mounts: Vec<Mount>,
    /// What it needs of its node.
    pub size: Size,
    /// What it may write.
    pub root: RootFilesystem,
    /// User and group. The image's own where absent, or the one that OpenShift gives.
    pub user: Option<(i64, i64)>,
    /// Its Service Account; the namespace's `default` where absent.
    pub service_account: Option<String>,
    /// Whether that one's token is mounted; as the Service Account says where absent.
    pub automount: Option<bool>,
    /// How long it runs.
    pub lifetime: Lifetime,
    /// How long it may take to end; Kubernetes' own 30 seconds where absent.
    pub grace_seconds: Option<u32>,
    /// What its cluster asks of it.
    pub options: PodOptions,
    /// What it takes over from a pod that is there.
    pub inherited: Inherited,
}

impl PodTemplate {
    /// One that stays, has no Service Account of its own and writes nothing.
    #[must_use]
    pub fn new(container: &'static str, image: &str, size: Size) -> Self {
        Self {
            container,
            image: image.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            mounts: Vec::new(),
            size,
            root: RootFilesystem::ReadOnly,
            user: None,
            service_account: None,
            automount: None,
            lifetime: Lifetime::Stays,
            grace_seconds: None,
            options: PodOptions::default(),
            inherited: Inherited::default(),
        }
    }

    /// Its specification.
    #[must_use]
    pub fn spec(&self) -> PodSpec {
        let options = &self.options;
        let (restart_policy, active_deadline_seconds) = match self.lifetime {
            Lifetime::Stays => (None, None),
            Lifetime::Once(deadline) => (Some("Never".to_owned()), deadline.map(i64::from)),
        };
        let mut spec = PodSpec {
            containers: vec![self.container()],
            service_account_name: self.service_account.clone(),
            automount_service_account_token: self.automount,
            restart_policy,
            active_deadline_seconds,
            termination_grace_period_seconds: self.grace_seconds.map(i64::from),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: self.user.map(|(user, _)| user),
                run_as_group: self.user.map(|(_, group)| group),
                ..PodSecurityContext::default()
            }),
            volumes: some(self.mounts.iter().map(Mount::volume).collect()),
            image_pull_secrets: some(
                options.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect(),
            ),
            node_selector: Some(options.node_selector.clone()).filter(|selector| !selector.is_empty()),
            tolerations: some(options.tolerations.iter().map(Toleration::kubernetes).collect()),
            ..PodSpec::default()
        };
        self.inherited.put_into(&mut spec);
        spec
    }

    /// The container, and the specification without it: for whoever puts a container of its own beside ours. That the
    /// user is not root is said of ours alone then.
    #[must_use]
    pub fn apart(&self) -> (Container, PodSpec) {
        let mut container = self.container();
        if let Some(context) = &mut container.security_context {
            context.run_as_non_root = Some(true);
            (context.run_as_user, context.run_as_group) = self.user.unzip();
        }
        (container, PodSpec { containers: Vec::new(), security_context: None, ..self.spec() })
    }

    /// A pod with this metadata.
    #[must_use]
    pub fn pod(&self, metadata: ObjectMeta) -> Pod {
        Pod { metadata: self.metadata(metadata), spec: Some(self.spec()), status: None }
    }

    /// What a Job makes its pod of.
    #[must_use]
    pub fn template(&self) -> PodTemplateSpec {
        PodTemplateSpec { metadata: Some(self.metadata(ObjectMeta::default())), spec: Some(self.spec()) }
    }

    /// What the cluster asks for goes behind what we know our objects by.
    fn metadata(&self, mut metadata: ObjectMeta) -> ObjectMeta {
        let join = |asked: &BTreeMap<String, String>, ours: Option<BTreeMap<String, String>>| {
            let mut all = asked.clone();
            all.extend(ours.unwrap_or_default());
            Some(all).filter(|all| !all.is_empty())
        };
        metadata.labels = join(&self.options.labels, metadata.labels);
        metadata.annotations = join(&self.options.annotations, metadata.annotations);
        self.inherited.put_onto(&mut metadata);
        metadata
    }

    fn container(&self) -> Container {
        let env = self.env.iter().map(|(name, value)| EnvVar {
            name: (*name).to_owned(),
            value: Some(value.clone()),
            ..EnvVar::default()
        });
        Container {
            name: self.container.to_owned(),
            image: Some(self.image.clone()),
            // Images of ours may be on the node and nowhere else.
            image_pull_policy: Some("IfNotPresent".to_owned()),
            args: some(self.args.clone()),
            env: some(env.collect()),
            volume_mounts: some(self.mounts.iter().map(Mount::volume_mount).collect()),
            resources: Some(ResourceRequirements {
                requests: Some(quantities(self.size.requests(), &self.options.requests)),
                limits: Some(quantities(self.size.limits(), &self.options.limits)),
                ..ResourceRequirements::default()
            }),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
                read_only_root_filesystem: (self.root == RootFilesystem::ReadOnly).then_some(true),
                // Here and not for the whole pod: a filter for the pod's sandbox as
                // well takes much of the time that a pod needs to start.
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..SecurityContext::default()
            }),
            ..Container::default()
        }
    }
}

/// Sets a variable in every container of a pod that somebody else made, unless it is set there.
pub fn with_variable(pod: &mut Value, name: &str, value: &str) {
    for kind in ["containers", "initContainers"] {
        for container in pod.get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(container) = container.as_object_mut() else { continue };
            let env = container.entry("env").or_insert_with(|| json!([]));
            if let Some(env) = env.as_array_mut().filter(|env| env.iter().all(|it| it["name"] != name)) {
                env.push(json!({ "name": name, "value": value }));
            }
        }
    }
}

impl Mount {
    fn volume(&self) -> Volume {
        let mut volume = Volume { name: self.name.to_owned(), ..Volume::default() };
        match self.source {
            Source::Empty => volume.empty_dir = Some(EmptyDirVolumeSource::default()),
            Source::Secret(name) => {
                volume.secret =
                    Some(SecretVolumeSource { secret_name: Some(name.to_owned()), ..SecretVolumeSource::default() });
            }
            Source::ConfigMap(name) => {
                volume.config_map =
                    Some(ConfigMapVolumeSource { name: name.to_owned(), ..ConfigMapVolumeSource::default() });
            }
        }
        volume
    }

    fn volume_mount(&self) -> VolumeMount {
        VolumeMount {
            name: self.name.to_owned(),
            mount_path: self.path.to_owned(),
            read_only: (self.source != Source::Empty).then_some(true),
            ..VolumeMount::default()
        }
    }
}

impl Toleration {
    fn kubernetes(&self) -> KubernetesToleration {
        let operator = if self.value.is_some() { "Equal" } else { "Exists" };
        KubernetesToleration {
            key: Some(self.key.clone()),
            operator: Some(operator.to_owned()),
            value: self.value.clone(),
            effect: self.effect.clone(),
            ..KubernetesToleration::default()
        }
    }
}

fn quantities(own: &[(&str, &str)], asked: &BTreeMap<String, String>) -> BTreeMap<String, Quantity> {
    let own = own.iter().map(|(name, quantity)| ((*name).to_owned(), (*quantity).to_owned()));
    own.chain(asked.clone()).map(|(name, quantity)| (name, Quantity(quantity))).collect()
}

fn some<T>(all: Vec<T>) -> Option<Vec<T>> {
    Some(all).filter(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// One that differs from a new one in everything.
    fn template() -> PodTemplate {
        let own = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        PodTemplate {
            args: vec!["probe".to_owned()],
            env: vec![("NAME", "value".to_owned())],
            mounts: vec![
                Mount { name: "state", path: "/state", source: Source::Empty },
                Mount { name: "token", path: "/token", source: Source::Secret("a-token") },
                Mount { name: "ca", path: "/ca", source: Source::ConfigMap("authorities") },
            ],
            root: RootFilesystem::Writable,
            user: Some((100, 1000)),
            service_account: Some("account".to_owned()),
            automount: Some(false),
            lifetime: Lifetime::Once(Some(60)),
            grace_seconds: Some(1),
            options: PodOptions {
                pull_secrets: vec!["registry".to_owned()],
                node_selector: own("pool", "apps"),
                tolerations: vec![Toleration {
                    key: "dedicated".to_owned(),
                    value: Some("apps".to_owned()),
                    effect: Some("NoSchedule".to_owned()),
                }],
                labels: own("label", "asked"),
                annotations: own("annotation", "asked"),
                requests: own("ephemeral-storage", "1Mi"),
                limits: own("memory", "64Mi"),
            },
            ..PodTemplate::new("probe", "image:1", Size::Probe)
        }
    }

    #[test]
    fn what_is_said_of_a_pod_stands_in_it() {
        insta::assert_json_snapshot!(template().pod(ObjectMeta::default()));
    }

    #[test]
    fn of_a_new_one_only_what_every_pod_has() {
        insta::assert_json_snapshot!(PodTemplate::new("vault", "vault:1", Size::Vault).template());
    }

    #[test]
    fn a_container_apart_says_itself_that_it_is_not_root_and_nothing_else_is_lost() {
        let (mut container, mut apart) = template().apart();
        let mut whole = template().spec();
        assert_eq!(apart.security_context, None, "another container may be root");
        let context = container.security_context.as_mut().unwrap();
        assert_eq!((context.run_as_non_root.take(), context.run_as_user.take()), (Some(true), Some(100)));
        assert_eq!(context.run_as_group.take(), Some(1000));
        assert_eq!(whole.containers, [container]);
        (apart.containers, apart.security_context) = (whole.containers.clone(), whole.security_context.take());
        whole.security_context.clone_from(&apart.security_context);
        assert_eq!(apart, whole);
    }

    #[test]
    fn what_our_objects_are_known_by_is_not_overridden() {
        let ours = BTreeMap::from([("label".to_owned(), "ours".to_owned())]);
        let metadata = ObjectMeta { labels: Some(ours.clone()), ..ObjectMeta::default() };
        assert_eq!(template().pod(metadata).metadata.labels, Some(ours));
    }

    #[rstest]
    #[case::of_a_value(Some("apps"), json!({ "key": "dedicated", "operator": "Equal", "value": "apps" }))]
    #[case::of_any_value(None, json!({ "key": "dedicated", "operator": "Exists" }))]
    fn a_toleration(#[case] value: Option<&str>, #[case] written: serde_json::Value) {
        let toleration = Toleration { key: "dedicated".to_owned(), value: value.map(str::to_owned), effect: None };
        assert_eq!(json!(toleration.kubernetes()), written);
    }
}
