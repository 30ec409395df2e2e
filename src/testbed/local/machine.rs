//! What a testbed of processes is made of, and the making.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::super::api_server;
use super::super::server::Server;
use super::super::terms::{ApiServer, Held, Probe, Renewed, Special, StartedNodes, StartedVault, VaultWanted};
use super::binaries::{self, API_SERVER, CONTROLLER_MANAGER, ETCD, Found, KUBECTL, Programs};
use super::certificates::Certificates;
use super::error::{Error, file};
use super::kubelet::{Kubelet, PROBE_IMAGE, Station, VAULT_IMAGE, may_mount};
use super::own_api_server::{self, Cluster, OwnApiServers};
use super::process::{Process, Start};
use super::servers::{self, API_PORT, ETCD_PORTS, Keys};
use super::{address, names, nodes, vault};
use crate::cluster::patience::Outages;
use crate::event::{Events, step};
use crate::journal::Journal;
use crate::vault::client::Client;
use crate::vault::log::LogBook;

/// The servers of a testbed and where they are.
#[derive(Clone)]
pub struct Machine {
    /// The run that owns it.
    run: String,
    /// What keeps the secrets.
    server: Server,
    /// What the servers need and write.
    folder: PathBuf,
    programs: BTreeMap<String, Found>,
    api_server: Ipv4Addr,
    etcd: Ipv4Addr,
    /// What runs, by its name in the journal.
    processes: Arc<Mutex<BTreeMap<String, Process>>>,
    /// The address of each Vault's API.
    vaults: Arc<Mutex<BTreeMap<String, String>>>,
    /// Those that scenarios have for themselves.
    own_api_servers: OwnApiServers,
}

/// What it takes to find a kept one again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kept {
    run: String,
    server: Server,
    folder: PathBuf,
    programs: BTreeMap<String, Found>,
    api_server: Ipv4Addr,
    etcd: Ipv4Addr,
    processes: BTreeMap<String, Process>,
    vaults: BTreeMap<String, String>,
}

impl Machine {
    /// Finds the programs, and makes certificates.
    ///
    /// # Errors
    /// A program or a free address is missing.
    pub fn prepare(programs: &Programs, server: Server, journal: &Journal) -> Result<Self, Error> {
        let mut found = programs.all(server)?;
        // For typed commands, where it is at hand.
        found.extend(programs.find(KUBECTL).map(|kubectl| (KUBECTL.to_owned(), kubectl)));
        // A relative folder would be another one for a process that works elsewhere.
        let folder = std::path::absolute(journal.folder()).map_err(file("find", journal.folder()))?.join("local");
        std::fs::create_dir_all(&folder).map_err(file("make", &folder))?;
        let (etcd, api_server) = (address::free(&ETCD_PORTS)?, address::free(&[API_PORT])?);
        Certificates::make(folder.clone(), api_server)?;
        Ok(Self {
            run: journal.run.clone(),
            server,
            folder,
            programs: found,
            api_server,
            etcd,
            processes: Arc::default(),
            vaults: Arc::default(),
            own_api_servers: OwnApiServers::default(),
        })
    }

    /// Where the programs come from, each with its hash.
    ///
    /// # Errors
    /// One cannot be read.
    pub async fn origins(&self) -> Result<BTreeMap<String, String>, Error> {
        let hashing = self.programs.values().map(|found| {
            let path = found.path.clone();
            tokio::task::spawn_blocking(move || binaries::digest(&path))
        });
        let hashed = futures::future::join_all(hashing).await;
        let mut origins = BTreeMap::new();
        for ((name, found), digest) in self.programs.iter().zip(hashed) {
            let digest =
                digest.map_err(|error| Error::Other { what: "hash a program", reason: error.to_string() })??;
            origins.insert(name.clone(), format!("{} ({digest}, from {})", found.path.display(), found.place));
        }
        Ok(origins)
    }

    fn certificates(&self) -> Certificates {
        Certificates::in_folder(self.folder.clone())
    }

    fn program(&self, name: &str) -> &Path {
        self.programs.get(name).map_or(Path::new(""), |found| found.path.as_path())
    }

    /// Where its programs are, by name.
    #[must_use]
    pub fn programs(&self) -> BTreeMap<String, PathBuf> {
        self.programs.iter().map(|(name, found)| (name.clone(), found.path.clone())).collect()
    }

    /// Whether there is a controller manager.
    #[must_use]
    pub fn has_controllers(&self) -> bool {
        self.programs.contains_key(CONTROLLER_MANAGER)
    }

    fn vault_program(&self) -> &Path {
        self.program(self.server.program())
    }

    fn note(&self, process: Process) {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner).insert(process.name.clone(), process);
    }

    fn process(&self, name: &str) -> Option<Process> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Starts one of the cluster's servers.
    fn start(&self, journal: &Journal, what: &str, arguments: Vec<String>) -> Result<Process, Error> {
        let name = names::process(&self.run, what);
        let entry = journal.creating(names::part(&name, None))?;
        let log = self.folder.join(format!("{what}.log"));
        let (program, folder) = (self.program(what), self.folder.as_path());
        let process = Start { name: &name, program, arguments, environment: Vec::new(), folder, log }.go()?;
        journal.created(&entry, &process.id)?;
        self.note(process.clone());
        Ok(process)
    }

    /// Starts the cluster's servers, to where pods are made of Deployments.
    ///
    /// # Errors
    /// One of them ends, or does not answer within the time limit.
    pub async fn create(
        &self,
        journal: &Journal,
        events: &Events,
        longest_token: Option<Duration>,
        limit: Duration,
    ) -> Result<(), Error> {
        step(events, "start etcd, the API server and its controllers", async {
            let certificates = self.certificates();
            let etcd = self.start(journal, ETCD, servers::etcd(self.etcd, &self.folder.join("etcd")))?;
            let flags = servers::api_server(
                self.api_server,
                self.etcd,
                (&certificates, &Keys::of(&certificates)),
                longest_token,
            );
            let api_server = self.start(journal, API_SERVER, flags)?;
            let kubeconfig = self.folder.join("controllers.kubeconfig");
            std::fs::write(&kubeconfig, self.kubeconfig()?).map_err(file("write", &kubeconfig))?;
            let ready = async {
                let kube = api_server::client(&kubeconfig, &Outages::default()).await?;
                Ok::<_, Error>(api_server::ready(&kube, limit).await?)
            };
            let ended = |server: &str, reason| Err(Error::Server { server: server.to_owned(), reason });
            tokio::select! {
                ready = ready => ready.map_err(|error| match error {
                    Error::ApiServer(api_server::Error::TimedOut(error)) => Error::Server {
                        server: API_SERVER.to_owned(),
                        reason: format!("{error}; {}", api_server.last_words()),
                    },
                    error => error,
                })?,
                reason = etcd.ended() => return ended(ETCD, reason),
                reason = api_server.ended() => return ended(API_SERVER, reason),
            }
            if self.has_controllers() {
                self.start(journal, CONTROLLER_MANAGER, servers::controller_manager(&kubeconfig, &certificates))?;
            }
            Ok(())
        })
        .await
    }

    /// Starts a Vault.
    ///
    /// # Errors
    /// It does not start within the time limit; what was made is in the journal.
    pub async fn start_vault(&self, journal: &Journal, wanted: VaultWanted<'_>) -> Result<StartedVault, Error> {
        let (started, process) = vault::start((self.server, self.vault_program()), journal, wanted).await?;
        let address = started.admin.address().to_owned();
        self.vaults.lock().unwrap_or_else(PoisonError::into_inner).insert(started.name.clone(), address);
        self.note(process);
        Ok(started)
    }

    fn cluster_for_others(&self) -> Cluster<'_> {
        Cluster {
            name: self.node(),
            etcd: self.etcd,
            certificates: self.certificates(),
            program: self.program(API_SERVER),
            folder: &self.folder,
        }
    }

    /// Starts an API server that one scenario has for itself, on the cluster's etcd.
    ///
    /// # Errors
    /// It does not start within the time limit; what was made is in the journal.
    pub async fn start_api_server(&self, journal: &Journal, of: &str, limit: Duration) -> Result<ApiServer, Error> {
        own_api_server::start(&self.own_api_servers, &self.cluster_for_others(), journal, of, limit).await
    }

    /// Starts it anew, with something in it that is another.
    ///
    /// # Errors
    /// There is none, or it does not start within the time limit.
    pub async fn restart_api_server(
        &self,
        journal: &Journal,
        of: &str,
        renewed: Renewed,
        limit: Duration,
    ) -> Result<ApiServer, Error> {
        let cluster = self.cluster_for_others();
        own_api_server::restart(&self.own_api_servers, &cluster, journal, (of, renewed), limit).await
    }

    /// The API server that a scenario has for itself.
    #[must_use]
    pub fn own_api_server(&self, of: &str) -> Option<(kube::Client, ApiServer)> {
        self.own_api_servers.get(of)
    }

    /// This program, as a process in place of a pod's container.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn probe(&self) -> Result<Probe, Error> {
        let hashed = tokio::task::spawn_blocking(|| binaries::digest(Path::new("/proc/self/exe"))).await;
        let digest =
            hashed.map_err(|error| Error::Other { what: "hash this program", reason: error.to_string() })??;
        let origin = format!("this program as a process ({digest})");
        Ok(Probe { reference: PROBE_IMAGE.to_owned(), origin })
    }

    /// The server that keeps the secrets.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// What a pod of the cluster names to run Vault.
    #[must_use]
    pub const fn vault_for_pods(&self) -> &str {
        VAULT_IMAGE
    }

    /// An administrator's kubeconfig.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn kubeconfig(&self) -> Result<String, Error> {
        self.certificates().kubeconfig(&self.node(), &format!("https://{}:{API_PORT}", self.api_server))
    }

    /// What signs the tokens of Service Accounts, in PEM.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn token_key(&self) -> Result<SecretString, Error> {
        let key = self.certificates().tokens().key;
        std::fs::read_to_string(&key).map(SecretString::from).map_err(file("read", &key))
    }

    /// Where the API server is.
    #[must_use]
    pub fn api_server(&self) -> (String, u16) {
        (self.api_server.to_string(), API_PORT)
    }

    /// The node of the run that owns it, and what the cluster is called.
    #[must_use]
    pub fn node(&self) -> String {
        names::of(&self.run)
    }

    /// Does what a kubelet would for the pods of a run, with a node of the run's own, until it is told to stop.
    ///
    /// # Errors
    /// The API server takes no node.
    pub async fn kubelet(&self, kube: &kube::Client, journal: &Journal) -> Result<Kubelet, Error> {
        let station = Station {
            kube: kube.clone(),
            own_api_servers: self.own_api_servers.clone(),
            run: journal.run.clone(),
            certificates: self.certificates(),
            api_server: self.api_server(),
            vault: self.vault_program().to_owned(),
            has_controllers: self.has_controllers(),
        };
        Kubelet::start(station, journal).await
    }

    /// What of that this user may not do here, in words.
    #[must_use]
    pub fn lacks(&self, wanted: Special) -> Option<String> {
        match wanted {
            Special::Restarts => None,
            Special::LowPort => address::free(&[80]).err().map(|error| error.to_string()),
            Special::PodFiles => (!may_mount()).then(|| {
                "this user may not give a process files of its own (`unshare --map-root-user --mount` fails), and the \
                 program in the pod looks for its token at one place only"
                    .to_owned()
            }),
        }
    }

    /// The address of this machine as Vaults and pods see it.
    #[must_use]
    pub const fn harness_address(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    /// Kills a Vault.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self, vault: &str) -> Result<(), Error> {
        let process = self
            .process(vault)
            .filter(Process::runs)
            .ok_or_else(|| Error::Other { what: "kill a Vault", reason: format!("process {vault} does not run") })?;
        process.kill();
        process.end().await;
        Ok(())
    }

    /// Starts a Vault of three nodes.
    ///
    /// # Errors
    /// One does not start or join within the time limit.
    pub async fn start_nodes(&self, journal: &Journal, of: &str, limit: Duration) -> Result<StartedNodes, Error> {
        let (started, processes) = nodes::start((self.server, self.vault_program()), journal, of, limit).await?;
        processes.into_iter().for_each(|process| self.note(process));
        Ok(started)
    }

    /// Holds a Vault where it is, or lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn hold(&self, vault: &str, held: Held) -> Result<(), Error> {
        let process = self.process(vault).filter(Process::runs);
        let process = process
            .ok_or_else(|| Error::Other { what: "hold a Vault", reason: format!("process {vault} does not run") })?;
        process.hold(held);
        Ok(())
    }

    /// Ends a Vault on a disk and starts it again: it is sealed then.
    ///
    /// # Errors
    /// It does not run, or does not start within the time limit.
    pub async fn restart_vault(
        &self,
        journal: &Journal,
        (name, of): (&str, &str),
        seen: (&Client, &LogBook),
        limit: Duration,
    ) -> Result<(), Error> {
        self.kill(name).await?;
        let process = vault::restart((self.server, self.vault_program()), journal, (name, of), seen, limit).await?;
        self.note(process);
        Ok(())
    }

    /// Runs Vault's own command line beside a Vault.
    ///
    /// # Errors
    /// The command cannot be started.
    pub async fn command(
        &self,
        vault: &str,
        root_token: &SecretString,
        arguments: Vec<String>,
    ) -> Result<(i64, String), Error> {
        let address = self.vaults.lock().unwrap_or_else(PoisonError::into_inner).get(vault).cloned();
        vault::command((self.server, self.vault_program()), &address.unwrap_or_default(), root_token, arguments).await
    }

    /// Follows the log of the Vault that scenarios share, from now on.
    pub fn follow_vault(&self, log: LogBook) {
        if let Some(process) = self.process(&self.shared_vault()) {
            process.follow(log, false);
        }
    }

    /// The Vault that scenarios share.
    #[must_use]
    pub fn shared_vault(&self) -> String {
        names::process(&self.run, "vault")
    }

    /// The servers of the cluster that run, or have run.
    fn cluster(&self) -> Vec<Process> {
        let servers = [ETCD, API_SERVER, CONTROLLER_MANAGER];
        servers.iter().filter_map(|what| self.process(&names::process(&self.run, what))).collect()
    }

    /// Comes back when a server of the cluster has ended, and says why.
    pub async fn end_of_cluster(&self) -> String {
        let servers = self.cluster();
        let ends = servers.iter().map(|server| Box::pin(server.ended()));
        futures::future::select_all(ends).await.0
    }

    /// Comes back when the Vault that scenarios share has ended, and says why.
    pub async fn end_of_vault(&self) -> String {
        match self.process(&self.shared_vault()) {
            Some(process) => process.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Whether something has ended that everything rests on.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.cluster().into_iter().chain(self.process(&self.shared_vault())).any(|process| !process.runs())
    }

    /// Such as `etcd` → `3.7.3`.
    ///
    /// # Errors
    /// etcd cannot be started.
    pub async fn versions(&self) -> Result<BTreeMap<String, String>, Error> {
        let program = self.program(ETCD);
        let output = tokio::process::Command::new(program).arg("--version").output().await;
        let output = output.map_err(|source| Error::Start { program: program.to_owned(), source })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: ")).unwrap_or("unknown");
        Ok(BTreeMap::from([("etcd".to_owned(), version.trim().to_owned())]))
    }

    /// What it takes to find it again.
    #[must_use]
    pub fn keep(&self) -> Kept {
        let all = self.clone();
        let processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let vaults = self.vaults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Self { run, server, folder, programs, api_server, etcd, .. } = all;
        Kept { run, server, folder, programs, api_server, etcd, processes, vaults }
    }

    /// Finds a kept one again; or says which of its processes does not run.
    ///
    /// # Errors
    /// The latter.
    pub fn find(kept: Kept) -> Result<Self, String> {
        let Kept { run, server, folder, programs, api_server, etcd, processes, vaults } = kept;
        let (processes, vaults) = (Arc::new(Mutex::new(processes)), Arc::new(Mutex::new(vaults)));
        let own_api_servers = OwnApiServers::default();
        let found = Self { run, server, folder, programs, api_server, etcd, processes, vaults, own_api_servers };
        let servers = [ETCD, API_SERVER, CONTROLLER_MANAGER, "vault"].map(|what| names::process(&found.run, what));
        let needed = |name: &&String| found.has_controllers() || !name.ends_with(CONTROLLER_MANAGER);
        let gone = |name: &&String| !found.process(name).is_some_and(|process| process.runs());
        match servers.iter().filter(needed).find(gone) {
            Some(name) => Err(format!("its process {name} does not run")),
            None => Ok(found),
        }
    }
}
