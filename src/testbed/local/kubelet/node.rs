//! The node of a run, and which pods run there.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::super::error::{Error, file};
use super::super::process::{self, Sure};
use super::super::{controllers, names};
use super::station::{Logs, Shelter, Station, now};
use super::{logs, pod};
use crate::cluster::RUN_LABEL;
use crate::cluster::patience::{self, why};
use crate::journal::{Creating, Item, Journal, Resource};

/// A node that runs pods for as long as this is held; then they end, and the
/// node is taken for gone by whoever clears up after nodes.
pub struct Kubelet {
    part: String,
    entry: Creating,
    tasks: Vec<AbortHandle>,
}

impl Kubelet {
    /// Makes the node, and runs whatever pod of the run is there.
    ///
    /// # Errors
    /// The API server takes no node, or no port can be had.
    pub async fn start(station: Station, journal: &Journal) -> Result<Self, Error> {
        let node = names::of(&station.run);
        let part = names::process(&station.run, "pods");
        // They end with the run, also where the testbed stays.
        // Which there will be is told by their label alone.
        let entry = journal.creating(names::part(&part, Some(&station.run)))?;
        let folder = std::path::absolute(journal.folder()).map_err(file("find", journal.folder()))?.join("pods");
        std::fs::create_dir_all(&folder).map_err(file("make", &folder))?;
        let logs = Logs::default();
        let (port, serving) = logs::serve(&station.certificates, logs.clone()).await?;
        let serving = tokio::spawn(serving).abort_handle();
        make_node(&station, journal, &node, port).await?;
        let mut tasks = vec![serving];
        if !station.has_controllers {
            let authority = station.certificates.authority();
            let text = std::fs::read_to_string(&authority).map_err(file("read", &authority))?;
            tasks.extend(controllers::start(&station.kube, &station.run, text));
        }
        let shelter = Arc::new(Shelter { station, node, part: part.clone(), folder, logs });
        tasks.push(tokio::spawn(watch_pods(shelter)).abort_handle());
        Ok(Self { part, entry, tasks })
    }

    /// Ends what runs, and notes that nothing of it does.
    ///
    /// # Errors
    /// A process does not end.
    pub async fn stop(self, journal: &Journal) -> Result<(), Error> {
        self.tasks.iter().for_each(AbortHandle::abort);
        process::kill_all(&self.part, None, Sure::AtOnce, |label| label == self.part).await?;
        Ok(journal.gone(&self.entry)?)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn make_node(station: &Station, journal: &Journal, name: &str, port: u16) -> Result<(), Error> {
    let nodes = Api::<Node>::all(station.kube.clone());
    let node: Node = serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { RUN_LABEL: station.run, "kubernetes.io/hostname": name } },
    }))
    .map_err(|error| Error::Other { what: "write a node", reason: error.to_string() })?;
    let refused = |error: kube::Error| Error::Refused { what: "take a node", reason: why(&error) };
    let entry = journal.creating(Item::Object {
        resource: Resource::Node,
        namespace: None,
        name: name.to_owned(),
        typed: false,
    })?;
    let made = patience::create(&nodes, &node).await.map_err(refused)?;
    journal.created(&entry, made.uid().unwrap_or_default())?;
    let now = now();
    let ready = json!({ "status": {
        "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": port } },
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "StandIn", "message": "processes of this machine's user",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
    } });
    nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(ready)).await.map_err(refused)?;
    // The API server taints a new node until somebody else has seen that it is ready.
    let untainted = json!({ "spec": { "taints": null } });
    nodes.patch(name, &PatchParams::default(), &Patch::Merge(untainted)).await.map_err(refused)?;
    Ok(())
}

/// Runs each pod of the run, and tells each of them when it is to end.
async fn watch_pods(shelter: Arc<Shelter>) {
    let labels = format!("{RUN_LABEL}={}", shelter.station.run);
    let all = Api::<Pod>::all(shelter.station.kube.clone());
    let mut events = std::pin::pin!(watcher(all, watcher::Config::default().labels(&labels)).default_backoff());
    let mut known: BTreeMap<String, watch::Sender<bool>> = BTreeMap::new();
    // With this task its pods' tasks end.
    let mut running = JoinSet::new();
    while let Some(event) = events.next().await {
        while running.try_join_next().is_some() {}
        match event {
            Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
                let Some(uid) = pod.uid() else { continue };
                let leaves = pod.metadata.deletion_timestamp.is_some();
                let sender = known.entry(uid).or_insert_with(|| {
                    let (sender, told) = watch::channel(leaves);
                    running.spawn(pod::run(shelter.clone(), pod, told));
                    sender
                });
                if leaves {
                    sender.send_replace(true);
                }
            }
            Ok(watcher::Event::Delete(pod)) => {
                let sender = pod.uid().and_then(|uid| known.remove(&uid));
                if let Some(sender) = sender {
                    sender.send_replace(true);
                }
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_) => {}
        }
    }
}
