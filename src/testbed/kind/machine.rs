//! What a testbed of containers is made of, and the making.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::super::api_server::with_server;
use super::super::server::Server;
use super::super::terms::{Creation, Probe, StartedVault, VaultWanted};
use super::command_line::{self, kind_version, load_archive};
use super::docker::Engine;
use super::error::Error;
use super::images::Images;
use super::names::{self, NETWORK};
use super::needs::export_probe;
use super::vault;
use crate::event::{Events, step};
use crate::journal::Journal;
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// The port of the API server in the node.
pub const API_PORT: u16 = 6443;

/// A Vault in a container, a kind cluster, and the network that both are on.
#[derive(Clone)]
pub struct Machine {
    engine: Engine,
    server: Server,
    /// The name of the network and of the cluster.
    name: String,
    /// The image of the server, for further ones.
    vault_image: String,
    /// Whether that image is in the node, for a Vault in the cluster.
    vault_in_node: bool,
}

/// What it takes to find a kept one again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kept {
    network: String,
    vault_container: String,
    server: Server,
    vault_image: String,
    vault_in_node: bool,
}

impl Machine {
    /// Finds the images and makes the network. Gives where the images come from, too.
    ///
    /// # Errors
    /// An image is missing, or the container engine refuses.
    pub async fn prepare(
        images: &Images,
        server: Server,
        journal: &Journal,
        events: &Events,
    ) -> Result<(Self, BTreeMap<String, String>), Error> {
        let engine = Engine::connect().await?;
        let name = names::of(&journal.run);
        let vault_image = images.of(server);
        let (vault, node) = step(events, "find images", async {
            tokio::try_join!(engine.ensure_image(&vault_image), engine.ensure_image(&images.node_image))
        })
        .await?;
        let entry = journal.creating(names::part(NETWORK, &name, None))?;
        let network = engine.create_network(&name, &journal.run).await?;
        journal.created(&entry, network)?;
        let origins = BTreeMap::from([(server.name().to_owned(), vault), ("node".to_owned(), node)]);
        Ok((Self { engine, server, name, vault_image, vault_in_node: false }, origins))
    }

    /// Creates the cluster, to the end.
    ///
    /// # Errors
    /// kind fails.
    pub async fn create(
        &self,
        images: &Images,
        journal: &Journal,
        events: &Events,
        limit: Duration,
    ) -> Result<(), Error> {
        let create = command_line::create(&self.name, images, journal, limit);
        step(events, "create the kind cluster", create).await
    }

    /// Starts a Vault in a container of its own.
    ///
    /// # Errors
    /// It does not start within the time limit; what was made is in the journal.
    pub async fn start_vault(&self, journal: &Journal, wanted: VaultWanted<'_>) -> Result<StartedVault, Error> {
        let place = vault::Place { network: &self.name, server: self.server, image: &self.vault_image };
        Ok(vault::start(&self.engine, journal, place, wanted).await?)
    }

    /// Makes the probe's image and loads it into the node, which takes images
    /// long before its API server answers. It is tried until the creation is
    /// over, and once more then.
    ///
    /// # Errors
    /// There is no such image, or kind refuses it.
    pub async fn bring_probe(
        &self,
        images: &Images,
        folder: &Path,
        events: &Events,
        creation: &watch::Receiver<Creation>,
        limit: Duration,
    ) -> Result<Probe, Error> {
        let archive = folder.join("probe.tar");
        let made = step(events, "make the probe's image", make_probe(images, archive.clone())).await?;
        if images.probe_image.is_none() {
            let load =
                wait::until("probe's image in the cluster's node", limit, Duration::from_millis(500), || async {
                    let last = *creation.borrow() != Creation::Going;
                    match load_archive(&self.name, &archive).await {
                        Err(error) if !last => Look::NotYet(error.to_string()),
                        loaded => Look::Done(loaded),
                    }
                });
            step(events, "load the probe's image", async { load.await? }).await?;
        }
        Ok(made)
    }

    /// The probe of this program, on a testbed that has one from `before`.
    ///
    /// # Errors
    /// There is no such image, or kind refuses it.
    pub async fn renew_probe(
        &self,
        images: &Images,
        folder: &Path,
        events: &Events,
        before: Option<&str>,
    ) -> Result<Probe, Error> {
        let archive = folder.join("probe.tar");
        let made = make_probe(images, archive.clone()).await?;
        if before != Some(&made.origin) && images.probe_image.is_none() {
            step(events, "load the probe's image", load_archive(&self.name, &archive)).await?;
        }
        Ok(made)
    }

    /// Brings the image of Vault into the node, unless it is there; says whether it did.
    ///
    /// # Errors
    /// The image cannot be saved or loaded.
    pub async fn bring_vault(&mut self, folder: &Path, events: &Events) -> Result<bool, Error> {
        if self.vault_in_node {
            return Ok(false);
        }
        let archive = folder.join("vault.tar");
        let load = async {
            self.engine.save_image(&self.vault_image, &archive).await?;
            load_archive(&self.name, &archive).await
        };
        let loaded = step(events, "load Vault's image into the node", load).await;
        // A third of a gigabyte that nobody needs any more.
        let _ = tokio::fs::remove_file(&archive).await;
        self.vault_in_node = loaded.is_ok();
        loaded.map(|()| true)
    }

    /// The server that keeps the secrets.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// What a pod of the cluster names to run Vault.
    #[must_use]
    pub fn vault_for_pods(&self) -> &str {
        &self.vault_image
    }

    /// kubeadm's own kubeconfig, which is there before the API server answers.
    /// kind gives the same, at its very end.
    ///
    /// # Errors
    /// It is not there within the time limit.
    pub async fn kubeconfig(&self, limit: Duration) -> Result<String, Error> {
        let node = self.node();
        let file = wait::until("kubeconfig of the cluster", limit, Duration::from_millis(300), || async {
            let address = match self.engine.published(&node, API_PORT).await {
                Ok(address) => address,
                Err(error) => return Look::NotYet(error.to_string()),
            };
            let read = vec!["cat".to_owned(), "/etc/kubernetes/admin.conf".to_owned()];
            match self.engine.exec(&node, read, Vec::new()).await {
                Ok((0, text)) if text.contains("client-key-data:") => {
                    Look::Done(with_server(&text, &format!("https://{address}")))
                }
                Ok((_, text)) => Look::NotYet(text.lines().last().unwrap_or_default().to_owned()),
                Err(error) => Look::NotYet(error.to_string()),
            }
        });
        Ok(file.await?)
    }

    /// What signs the tokens of Service Accounts, in PEM.
    ///
    /// # Errors
    /// The node does not give it.
    pub async fn token_key(&self) -> Result<SecretString, Error> {
        let read = vec!["cat".to_owned(), "/etc/kubernetes/pki/sa.key".to_owned()];
        match self.engine.exec(&self.node(), read, Vec::new()).await? {
            (0, key) => Ok(key.into()),
            (code, _) => Err(Error::Other {
                what: "read the key that signs tokens",
                reason: format!("`cat` in the node ended with exit code {code}"),
            }),
        }
    }

    /// The node's address on the run's network, which containers and pods both
    /// reach, and the port of its API server.
    ///
    /// # Errors
    /// The container engine does not say.
    pub async fn api_server(&self) -> Result<(String, u16), Error> {
        Ok((self.engine.address(&self.node(), &self.name).await?, API_PORT))
    }

    /// The only node that takes pods.
    #[must_use]
    pub fn node(&self) -> String {
        names::node(&self.name)
    }

    /// The address of this machine as pods and Vaults see it: the network's gateway.
    ///
    /// # Errors
    /// There is none.
    pub async fn harness_address(&self) -> Result<IpAddr, Error> {
        Ok(self.engine.gateway(&self.name).await?)
    }

    /// Kills a Vault.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self, vault: &str) -> Result<(), Error> {
        Ok(self.engine.kill(vault).await?)
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
        Ok(vault::command(&self.engine, self.server, vault, root_token, arguments).await?)
    }

    /// Follows the log of the Vault that scenarios share, from now on.
    pub fn follow_vault(&self, log: LogBook) {
        self.engine.follow(&self.shared_vault(), log, false);
    }

    /// The Vault that scenarios share.
    #[must_use]
    pub fn shared_vault(&self) -> String {
        names::vault(&self.name)
    }

    /// Comes back when the cluster has ended, and says why.
    pub async fn end_of_cluster(&self) -> String {
        self.engine.exit_of(&self.node()).await
    }

    /// Comes back when the Vault that scenarios share has ended, and says why.
    pub async fn end_of_vault(&self) -> String {
        self.engine.exit_of(&self.shared_vault()).await
    }

    /// Whether one of both has ended.
    pub async fn has_ended(&self) -> bool {
        self.engine.has_ended(&self.node()).await || self.engine.has_ended(&self.shared_vault()).await
    }

    /// Such as `kind` → `v0.33.0`, of what it is made with.
    ///
    /// # Errors
    /// One of both does not say.
    pub async fn versions(&self) -> Result<BTreeMap<String, String>, Error> {
        Ok(BTreeMap::from([
            ("kind".to_owned(), kind_version().await?),
            ("container-engine".to_owned(), self.engine.version().await?),
        ]))
    }

    /// What it takes to find it again.
    #[must_use]
    pub fn keep(&self) -> Kept {
        Kept {
            network: self.name.clone(),
            vault_container: self.shared_vault(),
            server: self.server,
            vault_image: self.vault_image.clone(),
            vault_in_node: self.vault_in_node,
        }
    }

    /// Finds a kept one again; or says which of its containers does not run.
    ///
    /// # Errors
    /// The container engine does not answer.
    pub async fn find(kept: Kept) -> Result<Result<Self, String>, Error> {
        let engine = Engine::connect().await?;
        let Kept { network: name, vault_container: _, server, vault_image, vault_in_node } = kept;
        let found = Self { engine, server, name, vault_image, vault_in_node };
        for container in [found.shared_vault(), found.node()] {
            if !found.engine.is_running(&container).await {
                return Ok(Err(format!("its container {container} does not run")));
            }
        }
        Ok(Ok(found))
    }
}

/// The image of the probe: the one named, or one made of this program.
async fn make_probe(images: &Images, archive: PathBuf) -> Result<Probe, Error> {
    if let Some(reference) = &images.probe_image {
        return Ok(Probe { reference: reference.clone(), origin: reference.clone() });
    }
    let made = export_probe(archive).await?;
    let origin = format!("{} (made of this program, {})", made.reference, made.digest);
    Ok(Probe { reference: made.reference, origin })
}
