//! A client for the cluster that somebody named. Every request that it makes is
//! noted in the run's ledger.

use std::path::PathBuf;

use kube::Client;
use kube::client::AuthError;
use kube::config::{Config, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::patience::{self, Outages, Whose};
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

/// Why there is no client.
#[derive(Debug, Error)]
pub enum Error {
    /// In a cluster: the pod's own Service Account is not there.
    #[error("cannot use this pod's own Service Account: {0}")]
    InCluster(#[from] InClusterError),
    /// The kubeconfig cannot be read.
    #[error("cannot use the kubeconfig: {0}; name another with --kubeconfig")]
    Kubeconfig(#[source] KubeconfigError),
    /// It has no context of that name.
    #[error("the kubeconfig has no context `{context}`; it has {}", .known.join(", "))]
    NoContext {
        /// The context that was named.
        context: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The context leads to nothing that can be asked.
    #[error("cannot use the kubeconfig's context: {0}")]
    Context(#[source] KubeconfigError),
    /// The program that the kubeconfig names for signing in gives nothing to sign in with.
    #[error("the kubeconfig lets `{command}` sign you in to the cluster, and {why}")]
    Plugin {
        /// The program.
        command: String,
        /// Why not: goes on after "and".
        why: String,
    },
    /// No client can be made of what the context says.
    #[error("cannot reach the cluster: {0}")]
    Client(#[source] kube::Error),
}

/// A client for the cluster that was named, with its client certificates, exec
/// plugins, OIDC and proxy as the kubeconfig has them.
///
/// # Errors
/// The kubeconfig cannot be used, or its context is not there.
pub async fn cluster(choice: &ClusterChoice, ledger: &Ledger) -> Result<Client, Error> {
    let config = match (&choice.kubeconfig, &choice.context) {
        (None, None) => Config::incluster_env()?,
        (path, context) => {
            let file = match path {
                Some(path) => Kubeconfig::read_from(path),
                None => Kubeconfig::read(),
            };
            let file = file.map_err(Error::Kubeconfig)?;
            let known: Vec<String> = file.contexts.iter().map(|context| context.name.clone()).collect();
            if let Some(context) = context.clone().filter(|name| !known.contains(name)) {
                return Err(Error::NoContext { context, known });
            }
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            Config::from_custom_kubeconfig(file, &options).await.map_err(Error::Context)?
        }
    };
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    patience::client(config, Whose::Customers(ledger)).map_err(|error| match (plugin, of_a_plugin(&error)) {
        (Some(command), Some(why)) => Error::Plugin { command, why },
        _ => Error::Client(error),
    })
}

/// Why a program for signing in gave nothing, where that is what went wrong. What it printed for kubectl is not repeated.
fn of_a_plugin(error: &kube::Error) -> Option<String> {
    match error {
        kube::Error::Auth(AuthError::AuthExecStart(why)) => {
            Some(format!("it cannot be started: {why}; install it, or put its folder into PATH"))
        }
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing");
            Some(format!("it ended with {}: {said}", out.status))
        }
        _ => None,
    }
}

/// A client for the cluster that this pod is in.
///
/// # Errors
/// This is no pod, or one without a Service Account.
pub fn own_cluster() -> Result<Client, Error> {
    patience::client(Config::incluster_env()?, Whose::Ours(&Outages::default())).map_err(Error::Client)
}

/// Why the API server did not answer; its own words where it did.
#[must_use]
pub fn why(error: &kube::Error) -> String {
    let text = patience::why(error);
    match error {
        kube::Error::Api(status) if status.code == 401 => format!(
            "it does not take what the kubeconfig signs you in with ({text}): that has ended, or is for another cluster; sign \
             in again as for kubectl"
        ),
        kube::Error::Api(_) => text,
        _ => format!("{text} (is its address right, and a proxy in between?)"),
    }
}
