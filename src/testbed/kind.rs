//! The default testbed: Vault in a container and a kind cluster, started at
//! the same time on a network of the run's own.
//!
//! - [`command_line`]: what the `kind` command does of it.

mod command_line;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, ResourceExt};
use thiserror::Error;
use tokio::sync::watch;

use command_line::create;
pub use command_line::{Group, kind_version, load_archive};

use super::docker::{self, Engine};
use super::images::Images;
use super::{ApiServer, Testbed, probe_image, vault};
use crate::cluster::mendix;
use crate::cluster::patience::{self, Outages, Whose};
use crate::event::{Events, step};
use crate::journal::{self, Item, Journal};
use crate::wait::{self, Look, TimedOut};

/// The label that kind puts on the containers of a cluster.
pub const KIND_LABEL: &str = "io.x-k8s.kind.cluster";

/// The port of the API server in the node.
const API_PORT: u16 = 6443;

/// How long Vault may take to answer; it takes a second.
const VAULT_LIMIT: Duration = Duration::from_secs(60);

/// How long the node may take to take pods once its API server answers; it takes
/// ten seconds, and half a minute where the machine is busy.
const NODE_LIMIT: Duration = Duration::from_secs(180);

/// Why there is no testbed.
#[derive(Debug, Error)]
pub enum Error {
    /// The container engine fails.
    #[error(transparent)]
    Engine(#[from] docker::Error),
    /// Vault does not start.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The probe's image cannot be made.
    #[error(transparent)]
    Probe(#[from] probe_image::Error),
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// The kind command line is not there.
    #[error("cannot start `kind`: {0}; `scripts/images` installs it, or put kind 0.33.0 on the PATH")]
    NoKind(std::io::Error),
    /// It is there, and failed.
    #[error("`kind {command}` failed: {output}")]
    Kind {
        /// The subcommand.
        command: String,
        /// The end of what it printed.
        output: String,
    },
    /// The cluster answers other than it should.
    #[error("the cluster of the run cannot {what}: {reason}")]
    Cluster {
        /// What.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A file of the run cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

fn cluster_cannot<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::Cluster { what, reason: error.to_string() }
}

/// The name of a run's network, cluster and containers.
#[must_use]
pub fn name(run: &str) -> String {
    format!("pvc-{run}")
}

/// The container of a cluster's only node, which is what kind calls it.
#[must_use]
pub fn node(cluster: &str) -> String {
    format!("{cluster}-control-plane")
}

/// The container of the Vault that scenarios share.
#[must_use]
pub fn shared_vault(name: &str) -> String {
    format!("{name}-vault")
}

/// How far `kind create cluster` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It goes on: kind still changes the cluster, and all of its nodes.
    Going,
    /// It is whole.
    Done,
    /// It is none, for this reason; kind has removed what it made.
    Failed(String),
}

/// A testbed that is being started. What was made is in the journal, also after
/// an error.
///
/// [`create`](Self::create) and [`testbed`](Self::testbed) go on side by side:
/// kind still has seconds of work when the API server is ready, and so long
/// namespaces, mounts and roles can be made.
pub struct Start<'a> {
    engine: Engine,
    journal: &'a Journal,
    images: &'a Images,
    events: &'a Events,
    limit: Duration,
    name: String,
    vault_identity: String,
    node_identity: String,
    creation: watch::Sender<Creation>,
    schedulable: watch::Sender<bool>,
    outages: Outages,
}

impl<'a> Start<'a> {
    /// Finds the images and makes the network.
    ///
    /// # Errors
    /// An image is missing, or the container engine refuses.
    pub async fn prepare(
        engine: Engine,
        journal: &'a Journal,
        images: &'a Images,
        events: &'a Events,
        limit: Duration,
    ) -> Result<Self, Error> {
        let name = name(&journal.run);
        let (vault_identity, node_identity) = step(events, "find images", async {
            tokio::try_join!(engine.ensure_image(&images.vault_image), engine.ensure_image(&images.node_image))
        })
        .await?;
        let entry = journal.creating(Item::Network { name: name.clone() })?;
        let network_id = engine.create_network(&name, &journal.run).await?;
        journal.created(entry, network_id)?;
        let (creation, schedulable) = (watch::Sender::new(Creation::Going), watch::Sender::new(false));
        let outages = Outages::default();
        Ok(Self {
            engine,
            journal,
            images,
            events,
            limit,
            name,
            vault_identity,
            node_identity,
            creation,
            schedulable,
            outages,
        })
    }

    /// Creates the cluster, to the end.
    ///
    /// # Errors
    /// kind fails.
    pub async fn create(&self) -> Result<(), Error> {
        let create = create(&self.name, &self.images.node_image, self.journal, self.limit);
        let created = step(self.events, "create the kind cluster", create).await;
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
        let Self { engine, journal, images, events, .. } = self;
        let vault_name = shared_vault(&self.name);
        let vault = step(events, "start Vault", async {
            let wanted = vault::Wanted {
                network: &self.name,
                image: &images.vault_image,
                name: &vault_name,
                port: 8200,
                cluster: false,
                limit: VAULT_LIMIT,
            };
            vault::start(engine, journal, wanted).await
        });
        let archive = journal.folder().join("probe.tar");
        let probe = async {
            let made = step(events, "make the probe's image", make_probe(images, archive.clone())).await?;
            if images.probe_image.is_none() {
                step(events, "load the probe's image", load_early(&self.name, &archive, &self.creation, self.limit))
                    .await?;
            }
            Ok::<_, Error>(made)
        };
        let kubeconfig = journal.folder().join("kubeconfig");
        let cluster = step(events, "start the API server", self.cluster(&kubeconfig));
        let rest = async { tokio::try_join!(cluster, probe) };
        // Without a Vault nobody waits for the cluster. Vault's start goes on to its
        // end: a container that is half made would be in nobody's hands.
        let (vault, rest) = match select(pin!(vault), pin!(rest)).await {
            Either::Left((vault, rest)) => (vault?, rest.await?),
            Either::Right((rest, vault)) => (vault.await?, rest?),
        };
        let ((kube, api_server), (probe_image, probe_identity)) = rest;

        let kubernetes = kube.apiserver_version().await.map_err(cluster_cannot("give its version"))?.git_version;
        let vault_version = vault.admin.version().await.map_err(vault::Error::from)?;
        Ok(Testbed {
            owner: journal.run.clone(),
            kube,
            outages: self.outages.clone(),
            kubeconfig,
            api_server,
            creation: self.creation.subscribe(),
            schedulable: self.schedulable.subscribe(),
            vault,
            probe_image,
            versions: BTreeMap::from([
                ("vault".to_owned(), vault_version),
                ("kubernetes".to_owned(), kubernetes),
                ("kind".to_owned(), kind_version().await?),
                ("container-engine".to_owned(), engine.version().await?),
            ]),
            images: BTreeMap::from([
                ("vault".to_owned(), self.vault_identity.clone()),
                ("node".to_owned(), self.node_identity.clone()),
                ("probe".to_owned(), probe_identity),
            ]),
            engine: engine.clone(),
            network: self.name.clone(),
            vault_image: images.vault_image.clone(),
            vault_in_node: false,
        })
    }

    /// The API server as soon as it is ready, with our custom resources.
    async fn cluster(&self, kubeconfig: &Path) -> Result<(Client, ApiServer), Error> {
        let mut creation = self.creation.subscribe();
        let up = async {
            let kube = self.reach(kubeconfig).await?;
            let definitions = apply_definitions(&kube);
            let api_server = api_server(&self.engine, &kube, &self.name, kubeconfig);
            let ((), api_server) = tokio::try_join!(definitions, api_server)?;
            Ok((kube, api_server))
        };
        tokio::select! {
            up = up => up,
            _ = creation.wait_for(|creation| matches!(creation, Creation::Failed(_))) => {
                Err(Error::Cluster { what: "be reached", reason: "it was not created".to_owned() })
            }
        }
    }

    /// A client with kubeadm's own rights. kind gives the same, at its very end.
    async fn reach(&self, kubeconfig: &Path) -> Result<Client, Error> {
        let node = node(&self.name);
        let file = wait::until("kubeconfig of the cluster", self.limit, Duration::from_millis(300), || async {
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
        })
        .await?;
        std::fs::write(kubeconfig, file).map_err(|source| Error::File { path: kubeconfig.to_owned(), source })?;
        let kube =
            client(kubeconfig, &self.outages).await.map_err(|reason| Error::Cluster { what: "be reached", reason })?;
        wait::until("API server to be ready", self.limit, Duration::from_millis(150), || async {
            let request = match http_get("/readyz") {
                Ok(request) => request,
                Err(error) => return Look::NotYet(error.to_string()),
            };
            match kube.request_text(request).await {
                Ok(_) => Look::Done(()),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await?;
        Ok(kube)
    }

    /// Waits until pods are scheduled, and lets the apps start then.
    ///
    /// # Errors
    /// The node is not ready within the time limit.
    pub async fn schedule(&self, testbed: &Testbed) -> Result<(), Error> {
        step(self.events, "wait for the node", wait_for_node(&testbed.kube, &node(&self.name))).await?;
        self.schedulable.send_replace(true);
        Ok(())
    }
}

/// A kubeconfig with another address of its API server.
#[must_use]
pub fn with_server(kubeconfig: &str, address: &str) -> String {
    let lines: Vec<String> = kubeconfig
        .lines()
        .map(|line| match line.split_once("server:") {
            Some((indent, _)) if indent.trim().is_empty() => format!("{indent}server: {address}"),
            _ => line.to_owned(),
        })
        .collect();
    lines.join("\n") + "\n"
}

/// Brings the image of Vault into the cluster's node, for a Vault in the cluster.
///
/// # Errors
/// The image cannot be saved or loaded.
pub async fn load_vault(testbed: &mut Testbed, folder: &Path) -> Result<(), Error> {
    let archive = folder.join("vault.tar");
    let loaded = async {
        testbed.engine.save_image(&testbed.vault_image, &archive).await?;
        load_archive(&name(&testbed.owner), &archive).await
    };
    let loaded = loaded.await;
    // A third of a gigabyte that nobody needs any more.
    let _ = tokio::fs::remove_file(&archive).await;
    testbed.vault_in_node = loaded.is_ok();
    loaded
}

/// The image of the probe: the one named, or one made of this program.
pub async fn make_probe(images: &Images, archive: PathBuf) -> Result<(String, String), Error> {
    if let Some(reference) = &images.probe_image {
        return Ok((reference.clone(), reference.clone()));
    }
    let made = tokio::task::spawn_blocking(move || probe_image::export(&archive))
        .await
        .map_err(|e| Error::Cluster { what: "get the probe's image", reason: e.to_string() })??;
    Ok((made.reference.clone(), format!("{} (made of this program, {})", made.reference, made.digest)))
}

/// A client for a configuration file.
///
/// # Errors
/// The file cannot be used, or the API server cannot be spoken to.
pub async fn client(kubeconfig: &Path, outages: &Outages) -> Result<Client, String> {
    let file = Kubeconfig::read_from(kubeconfig).map_err(|e| e.to_string())?;
    let mut config =
        kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(|e| e.to_string())?;
    // The API server is on loopback: a proxy of the environment leads nowhere.
    config.proxy_url = None;
    patience::client(config, Whose::Ours(outages)).map_err(|e| e.to_string())
}

/// Loads an image archive while the cluster is still being created: the node
/// takes images long before its API server answers. It is tried until the
/// creation is over, and once more then.
async fn load_early(
    cluster: &str,
    archive: &Path,
    creation: &watch::Sender<Creation>,
    limit: Duration,
) -> Result<(), Error> {
    wait::until("probe's image in the cluster's node", limit, Duration::from_millis(500), || async {
        let last = *creation.borrow() != Creation::Going;
        match load_archive(cluster, archive).await {
            Err(error) if !last => Look::NotYet(error.to_string()),
            loaded => Look::Done(loaded),
        }
    })
    .await?
}

/// Only the cluster's own node is waited for: the self-test adds one that never gets ready.
async fn wait_for_node(kube: &Client, name: &str) -> Result<(), Error> {
    let nodes = Api::<Node>::all(kube.clone());
    let subject = format!("node {name} to be ready");
    let ready = wait::until(&subject, NODE_LIMIT, Duration::from_millis(200), || async {
        let node = match nodes.get_opt(name).await {
            Ok(Some(node)) => node,
            Ok(None) => return Look::NotYet("no node yet".to_owned()),
            Err(error) => return Look::NotYet(error.to_string()),
        };
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        let tainted = node.spec.and_then(|spec| spec.taints).is_some_and(|taints| !taints.is_empty());
        match conditions.into_iter().find(|condition| condition.type_ == "Ready") {
            Some(condition) if condition.status == "True" && !tainted => Look::Done(()),
            Some(condition) => Look::NotYet(condition.message.unwrap_or_else(|| "tainted".to_owned())),
            None => Look::NotYet("no condition yet".to_owned()),
        }
    });
    Ok(ready.await?)
}

async fn apply_definitions(kube: &Client) -> Result<(), Error> {
    let definitions = Api::<CustomResourceDefinition>::all(kube.clone());
    let wanted =
        mendix::custom_resource_definitions().map_err(cluster_cannot("take the custom resource definitions"))?;
    for definition in &wanted {
        let apply = PatchParams::apply("pmp-vault-conformance").force();
        definitions
            .patch(&definition.name_any(), &apply, &Patch::Apply(definition))
            .await
            .map_err(cluster_cannot("take the custom resource definitions"))?;
    }
    for definition in &wanted {
        let name = definition.name_any();
        wait::until(&format!("definition {name}"), Duration::from_secs(30), Duration::from_millis(100), || async {
            let found = definitions.get(&name).await;
            let conditions = found.ok().and_then(|d| d.status).and_then(|status| status.conditions).unwrap_or_default();
            match conditions.iter().any(|c| c.type_ == "Established" && c.status == "True") {
                true => Look::Done(()),
                false => Look::NotYet("not established".to_owned()),
            }
        })
        .await?;
    }
    Ok(())
}

/// The API server as Vault must be told of it: by the node's address on the
/// run's network, which containers and pods both reach.
async fn api_server(engine: &Engine, kube: &Client, name: &str, kubeconfig: &Path) -> Result<ApiServer, Error> {
    let host = engine.address(&node(name), name).await?;
    let file = Kubeconfig::read_from(kubeconfig).map_err(cluster_cannot("be reached"))?;
    let ca =
        file.clusters.into_iter().find_map(|named| named.cluster?.certificate_authority_data).ok_or_else(|| {
            Error::Cluster { what: "be trusted", reason: "its kubeconfig has no certificate authority".to_owned() }
        })?;
    let ca = base64(&ca).map_err(cluster_cannot("be trusted"))?;
    let request = http_get("/.well-known/openid-configuration").map_err(cluster_cannot("name its issuer"))?;
    let discovery: serde_json::Value = kube.request(request).await.map_err(cluster_cannot("name its issuer"))?;
    let issuer = discovery["issuer"].as_str().unwrap_or_default().to_owned();
    Ok(ApiServer {
        address: format!("https://{host}:{API_PORT}"),
        closed_address: format!("https://{host}:1"),
        ca,
        issuer,
    })
}

fn http_get(path: &str) -> Result<http::Request<Vec<u8>>, http::Error> {
    http::Request::get(path).body(Vec::new())
}

fn base64(text: &str) -> Result<String, String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| e.to_string())
}
