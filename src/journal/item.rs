//! What a run creates, as the journal names it.

use serde::{Deserialize, Serialize};

/// Something that a run creates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Item {
    /// A part of a testbed.
    Part(Part),
    /// A Kubernetes object of the testbed's cluster.
    Object {
        /// Which resource.
        resource: Resource,
        /// The namespace of a namespaced one.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// Whether a typed command of the page makes it: then it has no label of the run's, and its name is what there is
        /// to know it by. Only on testbeds of ours.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        typed: bool,
    },
    /// A mount, auth mount or policy of the testbed's Vault.
    Vault {
        /// The path below `sys/`, such as `mounts/pmp-dev-1`.
        path: String,
    },
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Part(Part { what, name, .. }) => write!(f, "{what} {name}"),
            Self::Object { resource, namespace: Some(namespace), name, .. } => {
                write!(f, "{resource} {namespace}/{name}")
            }
            Self::Object { resource, namespace: None, name, .. } => write!(f, "{resource} {name}"),
            Self::Vault { path } => write!(f, "{path} of Vault"),
        }
    }
}

/// A part of a testbed. Only the kind of testbed that made it knows what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// The kind of testbed.
    pub testbed: String,
    /// What it is, in that kind's words.
    pub what: String,
    /// Its name.
    pub name: String,
    /// The one scenario that has it for itself, by the prefix of its names; none
    /// for what all share, which stays with a testbed that is kept.
    pub of: Option<String>,
}

/// The resources that a run creates outside its own namespaces, and the namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// A namespace, with everything in it.
    Namespace,
    /// A ClusterRole.
    ClusterRole,
    /// A ClusterRoleBinding.
    ClusterRoleBinding,
    /// A Service Account.
    ServiceAccount,
    /// A pod, on a customer's cluster.
    Pod,
    /// A node that is none, for the self-test.
    Node,
}

impl std::fmt::Display for Resource {
    /// As `kubectl` takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::ClusterRole => "clusterrole",
            Self::ClusterRoleBinding => "clusterrolebinding",
            Self::ServiceAccount => "serviceaccount",
            Self::Pod => "pod",
            Self::Node => "node",
        })
    }
}
