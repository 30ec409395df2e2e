//! A client for the cluster that somebody named. Every request that it makes is
//! noted in the run's ledger.

use std::path::PathBuf;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde::{Deserialize, Serialize};

use super::patience::{self, Whose};
use crate::ledger::Ledger;

/// Which cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClusterChoice {
    /// The kubeconfig; where none is named, `KUBECONFIG` and the user's own count, as with kubectl.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it. None only inside a cluster, where the pod's own Service Account is taken.
    pub context: Option<String>,
}

/// A client for the cluster that was named, with its client certificates, exec
/// plugins, OIDC and proxy as the kubeconfig has them.
///
/// # Errors
/// The kubeconfig cannot be used, or its context is not there; in words.
pub async fn cluster(choice: &ClusterChoice, ledger: &Ledger) -> Result<Client, String> {
    let config = match (&choice.kubeconfig, &choice.context) {
        (None, None) => {
            Config::incluster_env().map_err(|e| format!("cannot use this pod's own Service Account: {e}"))?
        }
        (path, context) => {
            let file = match path {
                Some(path) => Kubeconfig::read_from(path),
                None => Kubeconfig::read(),
            };
            let file = file.map_err(|e| format!("cannot use the kubeconfig: {e}; name another with --kubeconfig"))?;
            let known: Vec<String> = file.contexts.iter().map(|context| context.name.clone()).collect();
            if let Some(name) = context.as_ref().filter(|name| !known.contains(name)) {
                return Err(format!("the kubeconfig has no context `{name}`; it has {}", known.join(", ")));
            }
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(|e| format!("cannot use the kubeconfig's context: {e}"))?
        }
    };
    patience::client(config, Whose::Customers(ledger)).map_err(|e| format!("cannot reach the cluster: {e}"))
}

/// Why the API server did not answer; its own words where it did.
#[must_use]
pub fn why(error: &kube::Error) -> String {
    let text = patience::why(error);
    match error {
        kube::Error::Api(_) => text,
        _ => format!("{text} (is its address right, and a proxy in between?)"),
    }
}
