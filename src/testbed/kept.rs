//! A testbed that outlives its run (`--keep`), for later runs (`--reuse`): what
//! it takes to find it again. The file holds the root token of a Vault that
//! keeps nothing but canaries; it lies in the run's folder, which only the user
//! may open, and goes with the testbed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::api_server;
use super::error::Error;
use super::given::{Testbed, VaultSite};
use super::machine::{Kept, Machine};
use super::terms::{ApiServer, Creation, StartedVault};
use super::wanted::Wanted;
use super::which::Which;
use crate::cluster::connect::ClusterChoice;
use crate::cluster::patience::Outages;
use crate::event::Events;
use crate::journal::{Journal, Runs};
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;

/// The file's name in the run's folder.
const FILE: &str = "testbed.json";

/// How long an API server that is up may take for definitions.
const DEFINITIONS_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Record {
    kubeconfig: PathBuf,
    api_server: ApiServer,
    vault_address: String,
    vault_pod_host: String,
    root_token: String,
    #[serde(default)]
    operator: Option<PathBuf>,
    versions: BTreeMap<String, String>,
    origins: BTreeMap<String, String>,
    machine: Kept,
}

/// Writes what a later run or a clean-up needs, into the folder of the run that owns it.
///
/// # Errors
/// The file cannot be written.
pub fn save(runs: &Runs, testbed: &Testbed) -> Result<(), Error> {
    let folder = runs.folder(&testbed.owner);
    let error = |reason: String| Error::Kept { run: testbed.owner.clone(), reason };
    let record = Record {
        kubeconfig: testbed.kubeconfig.clone(),
        api_server: testbed.api_server.clone(),
        vault_address: testbed.vault.admin.address().to_owned(),
        vault_pod_host: testbed.vault.pod_host.clone(),
        root_token: testbed.vault.root_token.expose_secret().to_owned(),
        operator: testbed.operator.clone(),
        versions: testbed.versions.clone(),
        origins: testbed.origins.clone(),
        machine: testbed.machine.keep(),
    };
    let json = serde_json::to_vec_pretty(&record).map_err(|e| error(e.to_string()))?;
    // Whole or not at all: another run may read it at this moment.
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(|e| error(e.to_string()))?;
    std::io::Write::write_all(&mut file, &json).map_err(|e| error(e.to_string()))?;
    file.persist(folder.join(FILE)).map_err(|e| error(e.to_string()))?;
    Ok(())
}

/// What a command line needs on a kept testbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// The cluster.
    pub cluster: ClusterChoice,
    /// The variables before a `vault` command. The root token is read from where it lies, never said.
    pub vault: String,
}

/// What a command line needs on a kept testbed; none where its file cannot be read.
#[must_use]
pub fn entrance(runs: &Runs, run: &str) -> Option<Entrance> {
    let path = runs.folder(run).join(FILE);
    let record: Record = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
    let token = format!("$(jq -r '.\"root-token\"' {})", path.display());
    let vault = format!("VAULT_ADDR={} VAULT_TOKEN=\"{token}\"", record.vault_address);
    Some(Entrance { cluster: ClusterChoice { kubeconfig: Some(record.kubeconfig), context: None }, vault })
}

/// Which kind of testbed was kept; none where its file cannot be read.
#[must_use]
pub fn kind_of(runs: &Runs, run: &str) -> Option<Which> {
    let json = std::fs::read(runs.folder(run).join(FILE)).ok()?;
    let record: Record = serde_json::from_slice(&json).ok()?;
    Some(record.machine.which())
}

/// A kept testbed, to clean up what runs left on it: it has no probe. None where
/// there is no such testbed any more; what was on it has gone with it.
///
/// # Errors
/// Whether it is there cannot be found out, or it cannot be spoken to.
pub async fn still_there(runs: &Runs, run: &str) -> Result<Option<Testbed>, Error> {
    match load(runs, run).await {
        Ok(testbed) => Ok(Some(testbed)),
        Err(Error::NotKept { .. } | Error::Ended { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn load(runs: &Runs, run: &str) -> Result<Testbed, Error> {
    let error = |reason: String| Error::Kept { run: run.to_owned(), reason };
    let json = match std::fs::read(runs.folder(run).join(FILE)) {
        Err(found) if found.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotKept { run: run.to_owned() });
        }
        read => read.map_err(|e| error(e.to_string()))?,
    };
    let record: Record = serde_json::from_slice(&json).map_err(|e| error(e.to_string()))?;
    let machine =
        Machine::find(record.machine).await?.map_err(|reason| Error::Ended { run: run.to_owned(), reason })?;
    let outages = Outages::default();
    let kube = api_server::client(&record.kubeconfig, &outages).await.map_err(|e| error(e.to_string()))?;
    let root_token = SecretString::from(record.root_token);
    let admin = Client::new(&record.vault_address, Some(root_token.clone()), &Roots::Public)
        .map_err(|e| error(e.to_string()))?;
    let log = LogBook::default();
    machine.follow_vault(log.clone());
    let name = machine.shared_vault();
    let vault = StartedVault { name, admin, root_token, pod_host: record.vault_pod_host, log };
    Ok(Testbed {
        owner: run.to_owned(),
        kube,
        outages,
        api_server: record.api_server,
        schedulable: watch::Sender::new(true).subscribe(),
        vault: VaultSite::of(&machine, vault),
        probe: String::new(),
        operator: record.operator,
        versions: record.versions,
        origins: record.origins,
        kubeconfig: record.kubeconfig,
        creation: watch::Sender::new(Creation::Done).subscribe(),
        machine,
    })
}

/// Finds a kept testbed again for the run of a journal, which notes whose it is,
/// with this program as its probe.
///
/// # Errors
/// There is none, it does not answer any more, or it does not take the probe.
pub async fn reuse(
    runs: &Runs,
    owner: &str,
    wanted: &Wanted,
    journal: &Journal,
    events: &Events,
) -> Result<Testbed, Error> {
    journal.on_testbed(owner)?;
    let mut testbed = load(runs, owner).await?;
    let before = testbed.origins.get("probe").cloned();
    let probe = testbed.machine.renew_probe(wanted, journal.folder(), events, before.as_deref()).await?;
    let renewed = before.as_ref() != Some(&probe.origin) && wanted.probe().is_none();
    testbed.origins.insert("probe".to_owned(), probe.origin);
    testbed.probe = probe.reference;
    if renewed {
        // Another program may have other definitions.
        if testbed.operator.is_none() {
            api_server::apply_definitions(&testbed.kube, DEFINITIONS_LIMIT).await?;
            api_server::lets_create(&testbed.kube).await?;
        }
        // The next run finds it there.
        save(runs, &testbed)?;
    }
    Ok(testbed)
}
