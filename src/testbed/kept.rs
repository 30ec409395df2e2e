//! A testbed that outlives its run (`--keep`), for later runs (`--reuse`): what
//! it takes to find it again. The file holds the root token of a Vault that
//! keeps nothing but canaries; it lies in the run's folder, which only the user
//! may open, and goes with the testbed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

use super::docker::Engine;
use super::kind::Creation;
use super::{ApiServer, Testbed, VaultSite};
use crate::cluster::patience::Outages;
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;

/// The file's name in the run's folder.
const FILE: &str = "testbed.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Record {
    kubeconfig: PathBuf,
    api_server: ApiServer,
    vault_address: String,
    vault_pod_host: String,
    vault_container: String,
    root_token: String,
    network: String,
    vault_image: String,
    vault_in_node: bool,
    versions: BTreeMap<String, String>,
    images: BTreeMap<String, String>,
}

/// Why a kept testbed cannot be used.
#[derive(Debug, Error)]
#[error("testbed of run {run} cannot be used again: {reason}; start one with `run --keep`")]
pub struct Error {
    run: String,
    reason: String,
}

/// Writes what a later run or a clean-up needs.
///
/// # Errors
/// The file cannot be written.
pub fn save(folder: &Path, testbed: &Testbed) -> Result<(), Error> {
    let error = |reason: String| Error { run: testbed.owner.clone(), reason };
    let record = Record {
        kubeconfig: testbed.kubeconfig.clone(),
        api_server: testbed.api_server.clone(),
        vault_address: testbed.vault.admin.address().to_owned(),
        vault_pod_host: testbed.vault.pod_host.clone(),
        vault_container: testbed.vault.container.clone().unwrap_or_default(),
        root_token: testbed.vault.root_token.expose_secret().to_owned(),
        network: testbed.network.clone(),
        vault_image: testbed.vault_image.clone(),
        vault_in_node: testbed.vault_in_node,
        versions: testbed.versions.clone(),
        images: testbed.images.clone(),
    };
    let json = serde_json::to_vec_pretty(&record).map_err(|e| error(e.to_string()))?;
    // Whole or not at all: another run may read it at this moment.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| error(e.to_string()))?;
    std::io::Write::write_all(&mut file, &json).map_err(|e| error(e.to_string()))?;
    file.persist(folder.join(FILE)).map_err(|e| error(e.to_string()))?;
    Ok(())
}

/// Finds a kept testbed again; its probe image is the caller's to load.
///
/// # Errors
/// There is none, or it does not answer any more.
pub async fn load(folder: &Path, run: &str, engine: Engine) -> Result<Testbed, Error> {
    let error = |reason: String| Error { run: run.to_owned(), reason };
    let json = std::fs::read(folder.join(FILE)).map_err(|e| error(format!("{e} (was it started with --keep?)")))?;
    let record: Record = serde_json::from_slice(&json).map_err(|e| error(e.to_string()))?;
    for container in [&record.vault_container, &super::kind::node(&record.network)] {
        if !engine.is_running(container).await {
            return Err(error(format!("its container {container} does not run")));
        }
    }
    let outages = Outages::default();
    let kube = super::kind::client(&record.kubeconfig, &outages).await.map_err(error)?;
    let root_token = SecretString::from(record.root_token);
    let admin = Client::new(&record.vault_address, Some(root_token.clone()), &Roots::Public)
        .map_err(|e| error(e.to_string()))?;
    let log = LogBook::default();
    engine.follow(&record.vault_container, log.clone(), false);
    Ok(Testbed {
        owner: run.to_owned(),
        kube,
        outages,
        kubeconfig: record.kubeconfig,
        api_server: record.api_server,
        creation: watch::Sender::new(Creation::Done).subscribe(),
        schedulable: watch::Sender::new(true).subscribe(),
        vault: VaultSite {
            admin,
            root_token,
            pod_host: record.vault_pod_host,
            log,
            container: Some(record.vault_container),
        },
        probe_image: String::new(),
        engine,
        network: record.network,
        vault_image: record.vault_image,
        vault_in_node: record.vault_in_node,
        versions: record.versions,
        images: record.images,
    })
}
