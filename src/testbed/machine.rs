//! What every kind of testbed must be able to do. A new kind is an entry here,
//! and each `match` says what is asked of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::error::Error;
use super::local::kubelet::Kubelet;
use super::server::Server;
use super::terms::{
    ApiServer, Creation, Held, PodAddress, Probe, Renewed, Special, StandIn, StartedNodes, StartedVault, VaultWanted,
};
use super::wanted::Wanted;
use super::which::Which;
use super::{kind, local};
use crate::event::Events;
use crate::journal::Journal;
use crate::vault::client::Client;
use crate::vault::log::LogBook;

/// What a testbed is made of.
#[derive(Clone)]
pub enum Machine {
    /// A Vault in a container and a kind cluster.
    Kind(kind::machine::Machine),
    /// A Vault and a cluster's servers as processes.
    Local(local::machine::Machine),
}

/// What it takes to find a kept one again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// A Vault in a container and a kind cluster.
    Kind(kind::machine::Kept),
    /// A Vault and a cluster's servers as processes.
    Local(local::machine::Kept),
}

impl Kept {
    /// Which kind it is.
    pub const fn which(&self) -> Which {
        match self {
            Self::Kind(_) => Which::Kind,
            Self::Local(_) => Which::Local,
        }
    }
}

impl Machine {
    /// Finds what the testbed is made of, and makes what its Vault and its
    /// cluster share. Gives where everything comes from, too.
    pub async fn prepare(
        wanted: &Wanted,
        journal: &Journal,
        events: &Events,
    ) -> Result<(Self, BTreeMap<String, String>), Error> {
        match wanted.which() {
            Which::Kind => {
                let (machine, origins) =
                    kind::machine::Machine::prepare(&wanted.kind, wanted.server, journal, events).await?;
                Ok((Self::Kind(machine), origins))
            }
            Which::Local => {
                let machine = local::machine::Machine::prepare(&wanted.local, wanted.server, journal)?;
                Ok((Self::Local(machine), BTreeMap::new()))
            }
        }
    }

    /// Creates the cluster, to the end.
    pub async fn create(
        &self,
        wanted: &Wanted,
        journal: &Journal,
        events: &Events,
        limit: Duration,
    ) -> Result<(), Error> {
        match self {
            Self::Kind(machine) => Ok(machine.create(&wanted.kind, journal, events, limit).await?),
            Self::Local(machine) => Ok(machine.create(journal, events, wanted.longest_token(), limit).await?),
        }
    }

    /// Starts a Vault that keeps everything in memory, with a random root token,
    /// which only this machine and the testbed's pods reach.
    pub async fn start_vault(&self, journal: &Journal, wanted: VaultWanted<'_>) -> Result<StartedVault, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.start_vault(journal, wanted).await?),
            Self::Local(machine) => Ok(machine.start_vault(journal, wanted).await?),
        }
    }

    /// Starts an API server that one scenario has for itself.
    pub async fn start_api_server(&self, journal: &Journal, of: &str, limit: Duration) -> Result<ApiServer, Error> {
        match self {
            Self::Kind(_) => Err(Error::OnlyLocal("start a further API server")),
            Self::Local(machine) => Ok(machine.start_api_server(journal, of, limit).await?),
        }
    }

    /// Starts it anew.
    pub async fn restart_api_server(
        &self,
        journal: &Journal,
        of: &str,
        renewed: Renewed,
        limit: Duration,
    ) -> Result<ApiServer, Error> {
        match self {
            Self::Kind(_) => Err(Error::OnlyLocal("start an API server anew")),
            Self::Local(machine) => Ok(machine.restart_api_server(journal, of, renewed, limit).await?),
        }
    }

    /// The API server that a scenario has for itself.
    pub fn own_api_server(&self, of: &str) -> Option<(kube::Client, ApiServer)> {
        match self {
            Self::Kind(_) => None,
            Self::Local(machine) => machine.own_api_server(of),
        }
    }

    /// Where more of it comes from, which takes a moment to find out.
    pub async fn origins(&self) -> Result<BTreeMap<String, String>, Error> {
        match self {
            Self::Kind(_) => Ok(BTreeMap::new()),
            Self::Local(machine) => Ok(machine.origins().await?),
        }
    }

    /// Makes this program the probe while the cluster is being created.
    pub async fn bring_probe(
        &self,
        wanted: &Wanted,
        folder: &Path,
        events: &Events,
        creation: &watch::Receiver<Creation>,
        limit: Duration,
    ) -> Result<Probe, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.bring_probe(&wanted.kind, folder, events, creation, limit).await?),
            Self::Local(machine) => Ok(machine.probe().await?),
        }
    }

    /// Makes this program the probe of a testbed that has one already.
    pub async fn renew_probe(
        &self,
        wanted: &Wanted,
        folder: &Path,
        events: &Events,
        before: Option<&str>,
    ) -> Result<Probe, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.renew_probe(&wanted.kind, folder, events, before).await?),
            Self::Local(machine) => Ok(machine.probe().await?),
        }
    }

    /// Makes it possible that a pod runs Vault; says whether it was not before.
    pub async fn bring_vault(&mut self, folder: &Path, events: &Events) -> Result<bool, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.bring_vault(folder, events).await?),
            Self::Local(_) => Ok(false),
        }
    }

    /// The server that keeps the secrets.
    pub const fn server(&self) -> Server {
        match self {
            Self::Kind(machine) => machine.server(),
            Self::Local(machine) => machine.server(),
        }
    }

    /// What a pod names to run Vault.
    pub fn vault_for_pods(&self) -> &str {
        match self {
            Self::Kind(machine) => machine.vault_for_pods(),
            Self::Local(machine) => machine.vault_for_pods(),
        }
    }

    /// An administrator's kubeconfig, with an address that this machine reaches.
    /// It may be there before the API server answers.
    pub async fn kubeconfig(&self, limit: Duration) -> Result<String, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.kubeconfig(limit).await?),
            Self::Local(machine) => Ok(machine.kubeconfig()?),
        }
    }

    /// The host and the port of the API server as Vaults and pods reach it.
    pub async fn api_server(&self) -> Result<(String, u16), Error> {
        match self {
            Self::Kind(machine) => Ok(machine.api_server().await?),
            Self::Local(machine) => Ok(machine.api_server()),
        }
    }

    /// What signs the tokens of Service Accounts, in PEM.
    pub async fn token_key(&self) -> Result<SecretString, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.token_key().await?),
            Self::Local(machine) => Ok(machine.token_key()?),
        }
    }

    /// The node that takes the pods.
    pub fn node(&self) -> String {
        match self {
            Self::Kind(machine) => machine.node(),
            Self::Local(machine) => machine.node(),
        }
    }

    /// What runs the pods of a run, where the cluster has nobody who does.
    pub async fn kubelet(&self, kube: &kube::Client, journal: &Journal) -> Result<Option<Kubelet>, Error> {
        match self {
            Self::Kind(_) => Ok(None),
            Self::Local(machine) => Ok(Some(machine.kubelet(kube, journal).await?)),
        }
    }

    /// What of it is a stand-in of ours.
    pub fn stand_ins(&self) -> Vec<StandIn> {
        match self {
            Self::Kind(_) => Vec::new(),
            Self::Local(machine) if machine.has_controllers() => vec![StandIn::Kubelet],
            Self::Local(_) => vec![StandIn::Kubelet, StandIn::Controllers],
        }
    }

    /// Its programs beside those on the PATH, by name.
    pub fn programs(&self) -> BTreeMap<String, PathBuf> {
        match self {
            Self::Kind(_) => BTreeMap::new(),
            Self::Local(machine) => machine.programs(),
        }
    }

    /// What of that it cannot give, in words.
    pub fn lacks(&self, wanted: Special) -> Option<String> {
        match self {
            Self::Kind(_) => (wanted == Special::Restarts).then(|| {
                "a container of the scenario's own would have to end and start anew; on a testbed of processes \
                 (--testbed local) a server does"
                    .to_owned()
            }),
            Self::Local(machine) => machine.lacks(wanted),
        }
    }

    /// Where pods have their addresses.
    pub const fn pod_address(&self) -> PodAddress {
        match self {
            Self::Kind(_) => PodAddress::OfItsOwn,
            Self::Local(_) => PodAddress::OnThisMachine,
        }
    }

    /// The harness's own address as Vaults and pods reach it.
    pub async fn harness_address(&self) -> Result<IpAddr, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.harness_address().await?),
            Self::Local(machine) => Ok(machine.harness_address()),
        }
    }

    /// Kills a Vault by its name.
    pub async fn kill(&self, vault: &str) -> Result<(), Error> {
        match self {
            Self::Kind(machine) => Ok(machine.kill(vault).await?),
            Self::Local(machine) => Ok(machine.kill(vault).await?),
        }
    }

    /// Starts a Vault of three nodes.
    pub async fn start_nodes(&self, journal: &Journal, of: &str, limit: Duration) -> Result<StartedNodes, Error> {
        match self {
            Self::Kind(_) => Err(Error::OnlyLocal("start a Vault of several nodes")),
            Self::Local(machine) => Ok(machine.start_nodes(journal, of, limit).await?),
        }
    }

    /// Holds a Vault where it is, or lets it go on.
    pub fn hold(&self, vault: &str, held: Held) -> Result<(), Error> {
        match self {
            Self::Kind(_) => Err(Error::OnlyLocal("hold a node of a Vault")),
            Self::Local(machine) => Ok(machine.hold(vault, held)?),
        }
    }

    /// Ends a Vault on a disk and starts it again.
    pub async fn restart_vault(
        &self,
        journal: &Journal,
        vault: (&str, &str),
        seen: (&Client, &LogBook),
        limit: Duration,
    ) -> Result<(), Error> {
        match self {
            Self::Kind(_) => Err(Error::OnlyLocal("start a Vault again")),
            Self::Local(machine) => Ok(machine.restart_vault(journal, vault, seen, limit).await?),
        }
    }

    /// Runs Vault's own command line beside a Vault, and gives its exit code and
    /// what it printed.
    pub async fn command(
        &self,
        vault: &str,
        root_token: &SecretString,
        arguments: Vec<String>,
    ) -> Result<(i64, String), Error> {
        match self {
            Self::Kind(machine) => Ok(machine.command(vault, root_token, arguments).await?),
            Self::Local(machine) => Ok(machine.command(vault, root_token, arguments).await?),
        }
    }

    /// Follows the log of the Vault that scenarios share, from now on.
    pub fn follow_vault(&self, log: LogBook) {
        match self {
            Self::Kind(machine) => machine.follow_vault(log),
            Self::Local(machine) => machine.follow_vault(log),
        }
    }

    /// The name of the Vault that scenarios share.
    pub fn shared_vault(&self) -> String {
        match self {
            Self::Kind(machine) => machine.shared_vault(),
            Self::Local(machine) => machine.shared_vault(),
        }
    }

    /// Comes back when the cluster has ended, and says why.
    pub async fn end_of_cluster(&self) -> String {
        match self {
            Self::Kind(machine) => machine.end_of_cluster().await,
            Self::Local(machine) => machine.end_of_cluster().await,
        }
    }

    /// Comes back when the Vault that scenarios share has ended, and says why.
    pub async fn end_of_vault(&self) -> String {
        match self {
            Self::Kind(machine) => machine.end_of_vault().await,
            Self::Local(machine) => machine.end_of_vault().await,
        }
    }

    /// Whether one of both has ended.
    pub async fn has_ended(&self) -> bool {
        match self {
            Self::Kind(machine) => machine.has_ended().await,
            Self::Local(machine) => machine.has_ended(),
        }
    }

    /// The versions of what it is made with.
    pub async fn versions(&self) -> Result<BTreeMap<String, String>, Error> {
        match self {
            Self::Kind(machine) => Ok(machine.versions().await?),
            Self::Local(machine) => Ok(machine.versions().await?),
        }
    }

    /// What it takes to find it again.
    pub fn keep(&self) -> Kept {
        match self {
            Self::Kind(machine) => Kept::Kind(machine.keep()),
            Self::Local(machine) => Kept::Local(machine.keep()),
        }
    }

    /// Finds a kept one again; or says, in words, what of it does not go any more.
    pub async fn find(kept: Kept) -> Result<Result<Self, String>, Error> {
        match kept {
            Kept::Kind(kept) => Ok(kind::machine::Machine::find(kept).await?.map(Self::Kind)),
            Kept::Local(kept) => Ok(local::machine::Machine::find(kept).map(Self::Local)),
        }
    }
}
