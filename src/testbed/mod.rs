//! What scenarios run against. Every testbed gives the same thing: a Kubernetes
//! client, Vault as the harness and as a pod sees it, and what tears them down.
//!
//! - [`kind`]: Vault in a container, the cluster by `kind`.
//! - [`vault`]: one Vault in a container.
//! - [`docker`]: the container engine: networks, images, removal.
//! - [`images`]: which images a run uses, and where they come from.
//! - [`probe_image`]: the harness's own binary as an image.
//! - [`kept`]: a testbed that outlives its run.

pub mod docker;
pub mod images;
pub mod kept;
pub mod kind;
pub mod probe_image;
pub mod vault;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::kind::Creation;
use crate::cluster::patience::Outages;
use crate::vault::log::LogBook;

/// The label of the container engine that carries a run's id.
pub const ENGINE_LABEL: &str = "pmp-vault-conformance.run";

/// The API server, as a Vault must be told of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ApiServer {
    /// An `https://ADDRESS:PORT` that Vault can reach, wherever it runs.
    pub address: String,
    /// The same address with a port that is closed.
    pub closed_address: String,
    /// The cluster's certificate authority in PEM.
    pub ca: String,
    /// `issuer` of `/.well-known/openid-configuration`.
    pub issuer: String,
}

/// One Vault, as the harness and as a pod sees it.
#[derive(Clone)]
pub struct VaultSite {
    /// The client with the root token.
    pub admin: crate::vault::Client,
    /// The root token, for Vault's own command line.
    pub root_token: SecretString,
    /// The host part of its address as a pod sees it.
    pub pod_host: String,
    /// Its log.
    pub log: LogBook,
    /// The container, where it runs in one.
    pub container: Option<String>,
}

/// A testbed that is up.
#[derive(Clone)]
pub struct Testbed {
    /// The run that owns it.
    pub owner: String,
    /// The cluster.
    pub kube: kube::Client,
    /// When its API server was seen to be gone.
    pub outages: Outages,
    /// The cluster's configuration file, for `kubectl`.
    pub kubeconfig: std::path::PathBuf,
    /// The API server.
    pub api_server: ApiServer,
    /// How far its creation is. Scenarios begin before it is over.
    pub creation: watch::Receiver<Creation>,
    /// Whether the node takes pods, which it does later than the API server answers.
    pub schedulable: watch::Receiver<bool>,
    /// The Vault that scenarios share.
    pub vault: VaultSite,
    /// The probe's image, as a pod names it.
    pub probe_image: String,
    /// For further Vaults, and for removal.
    pub engine: docker::Engine,
    /// The run's network.
    pub network: String,
    /// The image for further Vaults.
    pub vault_image: String,
    /// Whether that image is in the cluster's node, for a Vault in the cluster.
    pub vault_in_node: bool,
    /// Such as `vault` → `1.21.0`.
    pub versions: BTreeMap<String, String>,
    /// Such as `vault` → the reference with its digest.
    pub images: BTreeMap<String, String>,
}

impl Testbed {
    /// Comes back when its creation is over. Until then nothing may be added that
    /// whoever creates it could take for its own: kind takes a taint from every
    /// node, and gives up where one has none.
    pub async fn created(&self) {
        // Nobody creates a kept one any more.
        let _ = self.creation.clone().wait_for(|creation| *creation != Creation::Going).await;
    }

    /// Comes back, with the reason, when something has ended that everything
    /// rests on: then nothing more can come of the work. It never comes back
    /// while the testbed is sound.
    pub async fn ended(&self) -> String {
        let (node, vault) = (kind::node(&self.network), kind::shared_vault(&self.network));
        let cluster = async {
            let mut creation = self.creation.clone();
            match creation.wait_for(|creation| *creation != Creation::Going).await.as_deref() {
                Ok(Creation::Failed(reason)) => reason.clone(),
                // While it is created, its node is its creator's to watch and to remove.
                _ => self.engine.exit_of(&node).await,
            }
        };
        tokio::select! {
            reason = cluster => reason,
            reason = self.engine.exit_of(&vault) => reason,
        }
    }

    /// Whether it is worth keeping: made to its end, and not ended since.
    pub async fn is_whole(&self) -> bool {
        *self.creation.borrow() == Creation::Done && !self.has_ended().await
    }

    /// Whether something has ended that everything rests on.
    pub async fn has_ended(&self) -> bool {
        self.engine.has_ended(&kind::node(&self.network)).await
            || self.engine.has_ended(&kind::shared_vault(&self.network)).await
    }
}
