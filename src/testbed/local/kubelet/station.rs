//! What the pods of a node share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt as _};

use super::super::certificates::Certificates;
use super::super::own_api_server::OwnApiServers;
use super::super::process::Process;

/// What a pod names to run the probe.
pub const PROBE_IMAGE: &str = "pmp-vault-conformance:process";
/// What a pod names to run Vault.
pub const VAULT_IMAGE: &str = "vault:process";

/// What the node of a run is made of.
pub struct Station {
    /// The cluster.
    pub kube: Client,
    /// Those API servers that the apps of some namespaces have for themselves.
    pub own_api_servers: OwnApiServers,
    /// The run whose pods run here.
    pub run: String,
    /// The cluster's certificates.
    pub certificates: Certificates,
    /// Where the API server is.
    pub api_server: (String, u16),
    /// Vault's program.
    pub vault: PathBuf,
    /// Whether the cluster has a controller manager.
    pub has_controllers: bool,
}

/// Where the log of a pod is.
#[derive(Debug, Clone)]
pub struct Log {
    /// The file.
    pub file: PathBuf,
    /// What writes it.
    pub process: Process,
}

/// Where the log of each pod is, by namespace and name.
pub type Logs = Arc<Mutex<BTreeMap<(String, String), Log>>>;

/// What all pods of the node share.
pub struct Shelter {
    /// The node's.
    pub station: Station,
    /// Its name.
    pub node: String,
    /// The name of the processes in the journal.
    pub part: String,
    /// The folder of all pods.
    pub folder: PathBuf,
    /// Where their logs are.
    pub logs: Logs,
}

impl Station {
    /// The API server that a pod's volumes are asked of.
    #[must_use]
    pub fn kube_of(&self, pod: &Pod) -> Client {
        let own = self.own_api_servers.get(&pod.namespace().unwrap_or_default());
        own.map_or_else(|| self.kube.clone(), |(kube, _)| kube)
    }
}

impl Shelter {
    /// Notes where the log of a pod is.
    pub fn note_log(&self, pod: &Pod, log: Log) {
        let key = (pod.namespace().unwrap_or_default(), pod.name_any());
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).insert(key, log);
    }

    /// Forgets it.
    pub fn forget_log(&self, pod: &Pod) {
        let key = (pod.namespace().unwrap_or_default(), pod.name_any());
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// The time, as objects of Kubernetes have it.
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
