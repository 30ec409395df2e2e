//! What a testbed gives.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;

use super::api_server::with_server;
use super::error::Error;
use super::local::kubelet::Kubelet;
use super::machine::Machine;
use super::server::Server;
use super::terms::{
    ApiServer, Creation, Held, PodAddress, Renewed, Special, StandIn, StartedNodes, StartedVault, VaultWanted,
};
use crate::cluster::patience::Outages;
use crate::event::Events;
use crate::journal::Journal;
use crate::vault::log::LogBook;

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
    /// The server, where it is one of the testbed's own.
    server: Option<(Machine, String)>,
    /// The other nodes, where it is one of three.
    others: Option<Others>,
}

/// The other nodes of a Vault that has three, as the testbed calls them.
#[derive(Clone)]
struct Others {
    /// The one that is active at first.
    active: String,
    /// The other standby.
    third: String,
}

impl VaultSite {
    /// A Vault that the testbed did not start: one in the cluster.
    #[must_use]
    pub fn in_cluster(admin: crate::vault::Client, root_token: SecretString, pod_host: String, log: LogBook) -> Self {
        Self { admin, root_token, pod_host, log, server: None, others: None }
    }

    pub(super) fn of(machine: &Machine, started: StartedVault) -> Self {
        let StartedVault { name, admin, root_token, pod_host, log } = started;
        Self { admin, root_token, pod_host, log, server: Some((machine.clone(), name)), others: None }
    }

    /// Kills the node that is active at first. Another is elected once [`VaultSite::elect`] lets it be: the third node is
    /// held till then, and a majority takes two, so that what is seen in between can be seen however slow the machine is.
    ///
    /// # Errors
    /// A node does not run, or this is none of several.
    pub async fn kill_active(&self) -> Result<(), Error> {
        let (machine, others) = self.others("kill its active node")?;
        machine.hold(&others.third, Held::Still)?;
        machine.kill(&others.active).await
    }

    /// Lets the nodes that are left elect an active one.
    ///
    /// # Errors
    /// The third node does not run, or this is none of several.
    pub fn elect(&self) -> Result<(), Error> {
        let (machine, others) = self.others("let an active node be elected")?;
        machine.hold(&others.third, Held::GoesOn)
    }

    fn others(&self, what: &'static str) -> Result<(&Machine, &Others), Error> {
        let machine = self.server.as_ref().map(|(machine, _)| machine);
        machine.zip(self.others.as_ref()).ok_or(Error::NotOurs(what))
    }

    /// Kills it.
    ///
    /// # Errors
    /// It does not run, or is none of the testbed's own.
    pub async fn kill(&self) -> Result<(), Error> {
        let (machine, name) = self.server.as_ref().ok_or(Error::NotOurs("kill it"))?;
        machine.kill(name).await
    }

    /// Ends it, which is one scenario's own and keeps what it has on a disk, and starts it again: it is sealed then.
    ///
    /// # Errors
    /// It does not run, does not start within the time limit, or is none of the testbed's own.
    pub async fn restart(&self, journal: &Journal, of: &str, limit: Duration) -> Result<(), Error> {
        let (machine, name) = self.server.as_ref().ok_or(Error::NotOurs("start it again"))?;
        machine.restart_vault(journal, (name, of), (&self.admin, &self.log), limit).await
    }

    /// Runs Vault's own command line as its administrator, and gives the exit
    /// code and what it printed.
    ///
    /// # Errors
    /// The command cannot be started, or the Vault is none of the testbed's own.
    pub async fn command(&self, arguments: Vec<String>) -> Result<(i64, String), Error> {
        let (machine, name) = self.server.as_ref().ok_or(Error::NotOurs("run its command line"))?;
        machine.command(name, &self.root_token, arguments).await
    }
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
    /// The API server.
    pub api_server: ApiServer,
    /// Whether the cluster takes pods, which it does later than the API server answers.
    pub schedulable: watch::Receiver<bool>,
    /// The Vault that scenarios share.
    pub vault: VaultSite,
    /// What a pod names to run the probe.
    pub probe: String,
    /// The folder of the operator's manifests, where it is not our stand-in.
    pub operator: Option<PathBuf>,
    /// Such as `vault` → `1.21.0`.
    pub versions: BTreeMap<String, String>,
    /// Where its parts come from, such as `vault` → a reference with its digest.
    pub origins: BTreeMap<String, String>,
    /// The cluster's configuration file.
    pub(super) kubeconfig: PathBuf,
    /// How far its creation is. Scenarios begin before it is over.
    pub(super) creation: watch::Receiver<Creation>,
    pub(super) machine: Machine,
}

impl Testbed {
    /// Starts a further Vault. It is noted in the journal before it is there.
    ///
    /// # Errors
    /// It does not start within the time limit.
    pub async fn start_vault(&self, journal: &Journal, wanted: VaultWanted<'_>) -> Result<VaultSite, Error> {
        Ok(VaultSite::of(&self.machine, self.machine.start_vault(journal, wanted).await?))
    }

    /// Starts an API server that one scenario has for itself, by the namespace of its app. It knows all that the cluster's
    /// own one knows, and is noted in the journal before it is there.
    ///
    /// # Errors
    /// It does not start within the time limit, or this testbed has none to give ([`Special::Restarts`]).
    pub async fn start_api_server(&self, journal: &Journal, of: &str, limit: Duration) -> Result<ApiServer, Error> {
        self.machine.start_api_server(journal, of, limit).await
    }

    /// Starts it anew at its address, with something in it that is another, and gives what a Vault must be told then.
    ///
    /// # Errors
    /// It does not start within the time limit, or there is none.
    pub async fn restart_api_server(
        &self,
        journal: &Journal,
        of: &str,
        renewed: Renewed,
        limit: Duration,
    ) -> Result<ApiServer, Error> {
        self.machine.restart_api_server(journal, of, renewed, limit).await
    }

    /// A client of the API server that a scenario's Vault asks: its own one, or the cluster's.
    #[must_use]
    pub fn kube_of(&self, of: &str) -> kube::Client {
        self.machine.own_api_server(of).map_or_else(|| self.kube.clone(), |(kube, _)| kube)
    }

    /// That API server as it is now.
    #[must_use]
    pub fn api_server_of(&self, of: &str) -> ApiServer {
        self.machine.own_api_server(of).map_or_else(|| self.api_server.clone(), |(_, told)| told)
    }

    /// Starts a Vault of three nodes with integrated storage, which one scenario has for itself, and gives a standby.
    ///
    /// # Errors
    /// One does not start within the time limit, or this testbed has none to give ([`Special::Restarts`]).
    pub async fn start_vault_of_nodes(&self, journal: &Journal, of: &str, limit: Duration) -> Result<VaultSite, Error> {
        let StartedNodes { standby, active, third } = self.machine.start_nodes(journal, of, limit).await?;
        Ok(VaultSite { others: Some(Others { active, third }), ..VaultSite::of(&self.machine, standby) })
    }

    /// Makes it possible that a pod runs Vault, with a folder for what takes
    /// room meanwhile; says whether it was not possible before.
    ///
    /// # Errors
    /// It cannot be made possible.
    pub async fn bring_vault(&mut self, folder: &Path, events: &Events) -> Result<bool, Error> {
        self.machine.bring_vault(folder, events).await
    }

    /// The server that keeps the secrets.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.machine.server()
    }

    /// What a pod names to run Vault.
    #[must_use]
    pub fn vault_for_pods(&self) -> &str {
        self.machine.vault_for_pods()
    }

    /// Begins to run the pods of a run, where the cluster has nobody who does, until what this gives is stopped.
    ///
    /// # Errors
    /// The API server takes no node.
    pub async fn kubelet(&self, journal: &Journal) -> Result<Option<Kubelet>, Error> {
        self.machine.kubelet(&self.kube, journal).await
    }

    /// What signs the tokens of Service Accounts, in PEM.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn token_key(&self) -> Result<SecretString, Error> {
        self.machine.token_key().await
    }

    /// What of that this testbed cannot give, in words; none where it can.
    #[must_use]
    pub fn lacks(&self, wanted: Special) -> Option<String> {
        self.machine.lacks(wanted)
    }

    /// The programs that it has beside those on the PATH, by name: for typed commands.
    #[must_use]
    pub fn programs(&self) -> BTreeMap<String, PathBuf> {
        self.machine.programs()
    }

    /// What of it is a stand-in of ours.
    #[must_use]
    pub fn stand_ins(&self) -> Vec<StandIn> {
        self.machine.stand_ins()
    }

    /// Where pods have their addresses.
    #[must_use]
    pub const fn pod_address(&self) -> PodAddress {
        self.machine.pod_address()
    }

    /// The harness's own address as Vaults and pods reach it.
    ///
    /// # Errors
    /// There is none.
    pub async fn harness_address(&self) -> Result<IpAddr, Error> {
        self.machine.harness_address().await
    }

    /// The cluster's configuration file, for `kubectl` on this machine.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig for typed commands. Its address is one that Vault reaches as
    /// well: the page gives Vault what `kubectl config view` says.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kubeconfig_for_commands(&self) -> Result<String, Error> {
        let text = std::fs::read_to_string(&self.kubeconfig);
        let file =
            |source| Error::File { what: "read the cluster's kubeconfig", path: self.kubeconfig.clone(), source };
        Ok(with_server(&text.map_err(file)?, &self.api_server.address))
    }

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
        let cluster = async {
            let mut creation = self.creation.clone();
            match creation.wait_for(|creation| *creation != Creation::Going).await.as_deref() {
                Ok(Creation::Failed(reason)) => reason.clone(),
                // While it is created, it is its creator's to watch and to remove.
                _ => self.machine.end_of_cluster().await,
            }
        };
        tokio::select! {
            reason = cluster => reason,
            reason = self.machine.end_of_vault() => reason,
        }
    }

    /// Whether it is worth keeping: made to its end, and not ended since.
    pub async fn is_whole(&self) -> bool {
        *self.creation.borrow() == Creation::Done && !self.has_ended().await
    }

    /// Whether something has ended that everything rests on.
    pub async fn has_ended(&self) -> bool {
        self.machine.has_ended().await
    }
}
