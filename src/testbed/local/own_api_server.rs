//! An API server that one scenario has for itself: on the cluster's etcd, so it knows all that the cluster's own one knows,
//! with an address and an authority of its own, and started anew without that the others notice.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;

use super::super::api_server;
use super::super::terms::{ApiServer, Renewed};
use super::binaries::API_SERVER;
use super::certificates::{Certificates, Serving};
use super::error::{Error, file};
use super::process::{Process, Start};
use super::servers::{self, API_PORT, Keys};
use super::{address, names};
use crate::cluster::patience::Outages;
use crate::journal::Journal;

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// The cluster that it joins.
pub struct Cluster<'a> {
    /// What it is called.
    pub name: String,
    /// Where its etcd is.
    pub etcd: Ipv4Addr,
    /// Its certificates.
    pub certificates: Certificates,
    /// The API server's program.
    pub program: &'a Path,
    /// The folder of what its servers need and write.
    pub folder: &'a Path,
}

/// One that runs.
#[derive(Clone)]
struct Own {
    address: Ipv4Addr,
    serving: Serving,
    keys: Keys,
    process: Process,
    kube: Client,
    told: ApiServer,
}

/// Those that run, by the namespace of their scenario's app, which is also the prefix of its names.
#[derive(Clone, Default)]
pub struct OwnApiServers(Arc<Mutex<BTreeMap<String, Own>>>);

impl OwnApiServers {
    /// A client with an administrator's rights, and what a Vault must be told.
    #[must_use]
    pub fn get(&self, of: &str) -> Option<(Client, ApiServer)> {
        self.own(of).map(|own| (own.kube, own.told))
    }

    fn own(&self, of: &str) -> Option<Own> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(of).cloned()
    }

    fn put(&self, of: &str, own: Own) -> ApiServer {
        let told = own.told.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(of.to_owned(), own);
        told
    }
}

/// Starts one. It signs tokens with the cluster's own key, as if it were the cluster's own API server.
///
/// # Errors
/// It does not start within the time limit; what was made is in the journal.
pub async fn start(
    all: &OwnApiServers,
    cluster: &Cluster<'_>,
    journal: &Journal,
    of: &str,
    limit: Duration,
) -> Result<ApiServer, Error> {
    let address = address::free(&[API_PORT])?;
    let folder = folder(cluster, of);
    std::fs::create_dir_all(&folder).map_err(file("make", &folder))?;
    let serving = Serving::make(&folder, address)?;
    let keys = Keys { serving: serving.server.clone(), ..Keys::of(&cluster.certificates) };
    Ok(all.put(of, go(cluster, journal, of, (address, serving, keys), limit).await?))
}

/// Ends it, and starts it at the same address with something in it that is another.
///
/// # Errors
/// There is none, or it does not start within the time limit.
pub async fn restart(
    all: &OwnApiServers,
    cluster: &Cluster<'_>,
    journal: &Journal,
    (of, renewed): (&str, Renewed),
    limit: Duration,
) -> Result<ApiServer, Error> {
    let Some(Own { address, serving, mut keys, process, .. }) = all.own(of) else {
        let reason = format!("{of} has none of its own");
        return Err(Error::Other { what: "start an API server anew", reason });
    };
    process.terminate(GRACE).await;
    let before = cluster.certificates.tokens();
    match renewed {
        Renewed::SigningKeyAdded => (keys.signs, keys.also_takes) = (serving.tokens.clone(), Some(before)),
        Renewed::SigningKeyReplaced => (keys.signs, keys.also_takes) = (serving.tokens.clone(), None),
        Renewed::Authority => serving.renew(address)?,
    }
    Ok(all.put(of, go(cluster, journal, of, (address, serving, keys), limit).await?))
}

fn folder(cluster: &Cluster<'_>, of: &str) -> PathBuf {
    cluster.folder.join(of)
}

/// Starts the process, and waits until it is ready.
async fn go(
    cluster: &Cluster<'_>,
    journal: &Journal,
    of: &str,
    (address, serving, keys): (Ipv4Addr, Serving, Keys),
    limit: Duration,
) -> Result<Own, Error> {
    let (name, folder) = (names::process(of, API_SERVER), folder(cluster, of));
    let kubeconfig = folder.join("kubeconfig");
    let server = format!("https://{address}:{API_PORT}");
    let text = cluster.certificates.kubeconfig_trusting(&serving.authority, &cluster.name, &server)?;
    std::fs::write(&kubeconfig, text).map_err(file("write", &kubeconfig))?;
    let arguments = servers::api_server(address, cluster.etcd, (&cluster.certificates, &keys), None);
    let log = folder.join(format!("{API_SERVER}.log"));
    let entry = journal.creating(names::part(&name, Some(of)))?;
    let start =
        Start { name: &name, program: cluster.program, arguments, environment: Vec::new(), folder: &folder, log };
    let process = start.go()?;
    journal.created(&entry, &process.id)?;
    let ready = async {
        // That it is gone for a moment is no outage of the testbed's.
        let kube = api_server::client(&kubeconfig, &Outages::default()).await?;
        api_server::ready(&kube, limit).await?;
        let told = api_server::describe(&kube, &kubeconfig, &address.to_string(), API_PORT).await?;
        Ok::<_, Error>((kube, told))
    };
    let ended = |reason| Error::Server { server: API_SERVER.to_owned(), reason };
    let (kube, told) = tokio::select! {
        ready = ready => ready.map_err(|error| ended(format!("{error}; {}", process.last_words())))?,
        reason = process.ended() => return Err(ended(reason)),
    };
    Ok(Own { address, serving, keys, process, kube, told })
}
