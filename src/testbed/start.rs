//! A testbed on its way up.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use kube::Client;
use tokio::sync::watch;

use super::api_server::{self, cannot};
use super::error::Error;
use super::given::{Testbed, VaultSite};
use super::machine::Machine;
use super::terms::{ApiServer, Creation, Keeps, VaultWanted};
use super::wanted::Wanted;
use crate::cluster::install;
use crate::cluster::patience::Outages;
use crate::event::{Events, step};
use crate::journal::Journal;

/// How long Vault may take to answer; it takes a second.
const VAULT_LIMIT: Duration = Duration::from_secs(60);

/// A testbed that is being started. What was made is in the journal, also after
/// an error.
///
/// [`create`](Self::create) and [`testbed`](Self::testbed) go on side by side:
/// whoever creates the cluster still has seconds of work when the API server is
/// ready, and so long namespaces, mounts and roles can be made.
pub struct Start<'a> {
    machine: Machine,
    origins: BTreeMap<String, String>,
    wanted: &'a Wanted,
    journal: &'a Journal,
    events: &'a Events,
    limit: Duration,
    creation: watch::Sender<Creation>,
    schedulable: watch::Sender<bool>,
    outages: Outages,
}

impl<'a> Start<'a> {
    /// Finds what the testbed is made of, and begins.
    ///
    /// # Errors
    /// Something that it is made of is missing.
    pub async fn prepare(
        wanted: &'a Wanted,
        journal: &'a Journal,
        events: &'a Events,
        limit: Duration,
    ) -> Result<Self, Error> {
        let (machine, origins) = Machine::prepare(wanted, journal, events).await?;
        let (creation, schedulable) = (watch::Sender::new(Creation::Going), watch::Sender::new(false));
        let outages = Outages::default();
        Ok(Self { machine, origins, wanted, journal, events, limit, creation, schedulable, outages })
    }

    /// Creates the cluster, to the end.
    ///
    /// # Errors
    /// It cannot be created.
    pub async fn create(&self) -> Result<(), Error> {
        let created = self.machine.create(self.wanted, self.journal, self.events, self.limit).await;
        self.creation.send_replace(match &created {
            Ok(()) => Creation::Done,
            Err(error) => Creation::Failed(error.to_string()),
        });
        created
    }

    /// The testbed, as soon as its Vault and its API server can be used.
    ///
    /// # Errors
    /// Anything that does not come up within the time limit.
    pub async fn testbed(&self) -> Result<Testbed, Error> {
        let Self { machine, wanted, journal, events, limit, .. } = self;
        let creation = self.creation.subscribe();
        let shared = VaultWanted { of: None, port: 8200, keeps: Keeps::InMemory, limit: VAULT_LIMIT };
        let vault = step(events, "start Vault", machine.start_vault(journal, shared));
        let probe = machine.bring_probe(wanted, journal.folder(), events, &creation, *limit);
        let kubeconfig = journal.folder().join("kubeconfig");
        let cluster = step(events, "start the API server", self.cluster(&kubeconfig));
        let rest = async { tokio::try_join!(cluster, probe, machine.origins()) };
        // Without a Vault nobody waits for the cluster. Vault's start goes on to its
        // end: what is half made would be in nobody's hands.
        let (vault, rest) = match select(pin!(vault), pin!(rest)).await {
            Either::Left((vault, rest)) => (vault?, rest.await?),
            Either::Right((rest, vault)) => (vault.await?, rest?),
        };
        let ((kube, api_server), probe, more_origins) = rest;

        let kubernetes = kube.apiserver_version().await.map_err(cannot("give its version"))?.git_version;
        let mut versions = machine.versions().await?;
        versions.insert(machine.server().name().to_owned(), vault.admin.version().await?);
        versions.insert("kubernetes".to_owned(), kubernetes);
        if let Some(longest) = self.wanted.longest_token() {
            versions.insert("longest-token".to_owned(), humantime::format_duration(longest).to_string());
        }
        let mut origins = self.origins.clone();
        origins.extend(more_origins);
        origins.insert("probe".to_owned(), probe.origin);
        let operator = wanted.operator().map(|manifests| manifests.folder.clone());
        if let Some(folder) = &operator {
            let told = "its pods are told of the API server by KUBERNETES_SERVICE_HOST";
            origins.insert("operator".to_owned(), format!("manifests in {} ({told})", folder.display()));
        }
        Ok(Testbed {
            owner: journal.run.clone(),
            kube,
            outages: self.outages.clone(),
            api_server,
            schedulable: self.schedulable.subscribe(),
            vault: VaultSite::of(machine, vault),
            probe: probe.reference,
            operator,
            versions,
            origins,
            kubeconfig,
            creation,
            machine: machine.clone(),
        })
    }

    /// The API server as soon as it is ready, with our custom resources.
    async fn cluster(&self, kubeconfig: &Path) -> Result<(Client, ApiServer), Error> {
        let mut creation = self.creation.subscribe();
        let up = async {
            let kube = self.reach(kubeconfig).await?;
            let described = async {
                api_server::ready(&kube, self.limit).await?;
                let (host, port) = self.machine.api_server().await?;
                Ok::<_, Error>(api_server::describe(&kube, kubeconfig, &host, port).await?)
            };
            let definitions = async {
                let Some(manifests) = self.wanted.operator() else {
                    return Ok(api_server::apply_definitions(&kube, self.limit).await?);
                };
                api_server::ready(&kube, self.limit).await?;
                let definitions: Vec<_> = manifests.definitions.iter().map(|it| &it.object).cloned().collect();
                api_server::establish(&kube, &definitions).await?;
                let (host, port) = self.machine.api_server().await?;
                let manifests = manifests.clone().told_of(&host, port);
                Ok(step(self.events, "install the operator", install::install(&kube, &manifests)).await?)
            };
            let ((), described) = tokio::try_join!(definitions, described)?;
            Ok((kube, described))
        };
        tokio::select! {
            up = up => up,
            _ = creation.wait_for(|creation| matches!(creation, Creation::Failed(_))) => {
                Err(cannot("be reached")("it was not created").into())
            }
        }
    }

    /// A client with an administrator's rights.
    async fn reach(&self, kubeconfig: &Path) -> Result<Client, Error> {
        let text = self.machine.kubeconfig(self.limit).await?;
        let file = |source| Error::File { what: "write", path: kubeconfig.to_owned(), source };
        std::fs::write(kubeconfig, text).map_err(file)?;
        Ok(api_server::client(kubeconfig, &self.outages).await?)
    }

    /// Waits until pods are scheduled, and lets the apps start then.
    ///
    /// # Errors
    /// The node or the operator is not ready within the time limit.
    pub async fn schedule(&self, testbed: &Testbed) -> Result<(), Error> {
        let node = self.machine.node();
        let ready = async {
            tokio::try_join!(api_server::takes_pods(&testbed.kube, &node), api_server::lets_create(&testbed.kube))
        };
        step(self.events, "wait for the node", ready).await?;
        if let Some(manifests) = self.wanted.operator() {
            step(self.events, "wait for the operator", install::running(&testbed.kube, manifests)).await?;
        }
        self.schedulable.send_replace(true);
        Ok(())
    }
}
