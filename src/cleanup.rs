//! Removes what a run created, backwards, and nothing else: what has no UID in
//! the journal must carry the run's label, what has one is removed by it.

use std::cell::Cell;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, DeleteParams, ListParams, Preconditions, PropagationPolicy};
use kube::{Client, Resource as _, ResourceExt};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::cluster::patience::why;
use crate::cluster::{RUN_LABEL, connect};
use crate::configure::names::Names;
use crate::event::{Event, Events};
use crate::journal::{Entry, Item, Journal, Resource, Runs};
use crate::ledger::Ledger;
use crate::testbed::docker::{self, Engine};
use crate::testbed::kind::{KIND_LABEL, name as testbed_name};
use crate::testbed::{ENGINE_LABEL, Testbed, kept};
use crate::vault::Client as Vault;
use crate::wait::{self, Look};

/// Something that is still there.
#[derive(Debug, Error)]
pub enum Error {
    /// The container engine fails.
    #[error(transparent)]
    Engine(#[from] docker::Error),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// A customer's cluster cannot be reached, or refuses; in words.
    #[error("{0}")]
    Cluster(String),
    /// Some items are left.
    #[error("left behind: {}; `cleanup --run-id {run}` tries again", .left.join("; "))]
    Left {
        /// Whose.
        run: String,
        /// Each with the reason.
        left: Vec<String>,
    },
}

/// Removes everything that a journal names. `testbed` is where its objects of
/// the cluster and of Vault are, if that outlives them; without it they go with it.
///
/// # Errors
/// What is left, each with the reason.
pub async fn clean(
    journal: &Journal,
    engine: &Engine,
    testbed: Option<&Testbed>,
    keep_testbed: bool,
) -> Result<(), Error> {
    let mut left = Vec::new();
    let (objects, machines): (Vec<Entry>, Vec<Entry>) = journal
        .open_entries()
        .into_iter()
        .partition(|entry| matches!(entry.item, Item::Object { .. } | Item::Vault { .. }));
    let removals = objects.into_iter().map(|entry| async move {
        let result = match testbed {
            Some(testbed) => remove_object(&journal.run, &entry, &testbed.kube, Some(&testbed.vault.admin)).await,
            None => Ok(()),
        };
        (entry, result)
    });
    for (entry, result) in futures::future::join_all(removals).await {
        note(journal, &entry, result, &mut left)?;
    }
    // A network can go only after what is on it.
    let (networks, containers): (Vec<Entry>, Vec<Entry>) = machines
        .into_iter()
        .filter(|entry| !keep_testbed || is_own_vault(&entry.item, &journal.run))
        .partition(|entry| matches!(entry.item, Item::Network { .. }));
    for group in [containers, networks] {
        let removals = group.into_iter().map(|entry| async move {
            let result = remove_machine(&journal.run, &entry, engine).await;
            (entry, result.map_err(|error| error.to_string()))
        });
        for (entry, result) in futures::future::join_all(removals).await {
            note(journal, &entry, result, &mut left)?;
        }
    }
    if left.is_empty() { Ok(()) } else { Err(Error::Left { run: journal.run.clone(), left }) }
}

/// Removes what one scenario made, while its run goes on. What cannot be
/// removed now is left to the run's own clean-up; gives how many things those are.
pub async fn clean_scenario(journal: &Journal, testbed: &Testbed, scenario: &str) -> usize {
    let mut left = 0;
    let names = Names::new(&journal.run, scenario, true);
    for entry in journal.open_entries() {
        let theirs = match &entry.item {
            Item::Object { name, .. } => names.own(name),
            Item::Vault { path } => path.rsplit('/').next().is_some_and(|name| names.own(name)),
            Item::Container { name } => *name == names.own_vault(),
            _ => false,
        };
        if !theirs {
            continue;
        }
        let removed = match &entry.item {
            Item::Container { .. } => {
                remove_machine(&journal.run, &entry, &testbed.engine).await.map_err(|error| error.to_string())
            }
            _ => remove_object(&journal.run, &entry, &testbed.kube, Some(&testbed.vault.admin)).await,
        };
        match removed {
            Ok(()) => {
                if let Err(error) = journal.removed(entry.entry) {
                    tracing::debug!(%error, "the journal does not know that something is gone");
                }
            }
            Err(error) => {
                left += 1;
                tracing::debug!(error, "left to the run's clean-up");
            }
        }
    }
    left
}

/// A Vault that one scenario had for itself does not stay with a kept testbed.
fn is_own_vault(item: &Item, run: &str) -> bool {
    matches!(item, Item::Container { name } if *name != format!("{}-vault", testbed_name(run)))
}

fn note(journal: &Journal, entry: &Entry, result: Result<(), String>, left: &mut Vec<String>) -> Result<(), Error> {
    match result {
        Ok(()) => journal.removed(entry.entry)?,
        Err(reason) => left.push(format!("{:?}: {reason}", entry.item)),
    }
    Ok(())
}

async fn remove_machine(run: &str, entry: &Entry, engine: &Engine) -> Result<(), docker::Error> {
    match &entry.item {
        Item::Network { name } => match &entry.uid {
            Some(id) => engine.remove_network(id).await,
            None if engine.network_run(name).await?.as_deref() == Some(run) => engine.remove_network(name).await,
            None => Ok(()),
        },
        Item::Container { name } => match &entry.uid {
            Some(id) => engine.remove_container(id).await,
            // A failed start leaves a container that testcontainers does not remove.
            None => {
                let ours = async || {
                    let ours = engine.containers_with(ENGINE_LABEL, run).await?;
                    Ok(engine.container_id(name).await?.into_iter().filter(|id| ours.contains(id)).collect())
                };
                remove_containers(engine, name, false, ours).await
            }
        },
        // As kind itself does.
        Item::Cluster { name } => {
            let nodes = async || engine.containers_with(KIND_LABEL, name).await;
            remove_containers(engine, name, entry.uid.is_some(), nodes).await
        }
        Item::Object { .. } | Item::Vault { .. } => Ok(()),
    }
}

/// Removes the containers that `find` finds, until it finds none. Where their
/// creation was cut off, the engine may still be at it, so one look does not do.
async fn remove_containers(
    engine: &Engine,
    name: &str,
    whole: bool,
    find: impl AsyncFn() -> Result<Vec<String>, docker::Error>,
) -> Result<(), docker::Error> {
    let round = async || {
        let found = find().await?;
        for id in &found {
            engine.remove_container(id).await?;
        }
        Ok(found.len())
    };
    let quiet = Cell::new(0);
    wait::until(&format!("end of {name}"), Duration::from_secs(60), Duration::from_millis(300), || async {
        match round().await {
            Ok(0) => quiet.set(quiet.get() + 1),
            Ok(_) => quiet.set(0),
            Err(error) => return Look::Done(Err(error)),
        }
        match quiet.get() > if whole { 0 } else { 3 } {
            true => Look::Done(Ok(())),
            false => Look::NotYet("its containers are on their way out".to_owned()),
        }
    })
    .await?
}

/// Removes the objects that a journal names on a customer's cluster, the last
/// first, and waits until each is gone.
///
/// # Errors
/// What is left, each with the reason.
pub async fn clean_cluster(journal: &Journal, kube: &Client) -> Result<(), Error> {
    let mut left = Vec::new();
    for entry in journal.open_entries() {
        let result = remove_object(&journal.run, &entry, kube, None).await;
        note(journal, &entry, result, &mut left)?;
    }
    if left.is_empty() { Ok(()) } else { Err(Error::Left { run: journal.run.clone(), left }) }
}

async fn remove_object(run: &str, entry: &Entry, kube: &Client, vault: Option<&Vault>) -> Result<(), String> {
    let kube = kube.clone();
    let uid = entry.uid.as_deref();
    match &entry.item {
        Item::Vault { path } => match vault {
            Some(vault) => vault.remove(path).await.map_err(|e| e.to_string()),
            None => Ok(()),
        },
        Item::Object { resource, namespace, name } => {
            let namespace = namespace.as_deref().unwrap_or("default");
            match resource {
                // From here on the API server removes it with all that is in it, whatever becomes of us.
                Resource::Namespace => remove_by_uid(&Api::<Namespace>::all(kube), run, name, uid).await?,
                Resource::ClusterRoleBinding => {
                    remove_by_uid(&Api::<ClusterRoleBinding>::all(kube), run, name, uid).await?
                }
                Resource::Node => remove_by_uid(&Api::<Node>::all(kube), run, name, uid).await?,
                Resource::ServiceAccount => {
                    remove_by_uid(&Api::<ServiceAccount>::namespaced(kube, namespace), run, name, uid).await?
                }
                Resource::Pod => {
                    let pods = Api::<Pod>::namespaced(kube, namespace);
                    let deleted = remove_by_uid(&pods, run, name, uid).await?;
                    // Another's under the same name is not waited for.
                    if let Some(uid) = &deleted {
                        gone(&pods, name, uid).await?;
                    }
                    deleted
                }
            };
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Waits until a pod is gone: it is only asked to end, and has a second for it.
async fn gone(pods: &Api<Pod>, name: &str, uid: &str) -> Result<(), String> {
    let subject = format!("end of pod {name}");
    wait::until(&subject, Duration::from_secs(60), Duration::from_millis(200), || async {
        match pods.get_metadata_opt(name).await {
            Ok(Some(pod)) if pod.uid().as_deref() == Some(uid) => Look::NotYet("it is on its way out".to_owned()),
            Ok(_) => Look::Done(()),
            Err(error) => Look::NotYet(why(&error)),
        }
    })
    .await
    .map_err(|error| error.to_string())
}

/// Deletes an object only where it has that UID or, where none was noted any
/// more, the run's label. Gives the UID of what it deleted.
async fn remove_by_uid<K>(api: &Api<K>, run: &str, name: &str, uid: Option<&str>) -> Result<Option<String>, String>
where
    K: kube::Resource + Clone + std::fmt::Debug + DeserializeOwned,
{
    let Some(found) = api.get_metadata_opt(name).await.map_err(|e| e.to_string())? else { return Ok(None) };
    let found_uid = found.meta().uid.clone().unwrap_or_default();
    let ours = match uid {
        Some(uid) => uid == found_uid,
        None => found.labels().get(RUN_LABEL).is_some_and(|label| label == run),
    };
    if !ours {
        return Ok(None);
    }
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(found_uid.clone()), resource_version: None }),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    match api.delete(name, &parameters).await {
        Ok(_) => Ok(Some(found_uid)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Cleans what a run left that is not going on any more, and forgets the run.
///
/// # Errors
/// The run is going on, or something is left.
pub async fn clean_run(runs: &Runs, run: &str) -> Result<(), Error> {
    let journal = Journal::open(runs, run)?;
    if let Some(cluster) = journal.cluster() {
        let kube = connect::cluster(&cluster, &Ledger::default()).await.map_err(Error::Cluster)?;
        clean_cluster(&journal, &kube).await?;
        return Ok(journal.discard()?);
    }
    let engine = Engine::connect().await?;
    // Objects on another run's testbed are there only while that testbed is.
    let testbed = match journal.testbed() {
        Some(owner) if owner != run => kept::load(&runs.folder(&owner), &owner, engine.clone()).await.ok(),
        _ => None,
    };
    clean(&journal, &engine, testbed.as_ref(), false).await?;
    journal.discard()?;
    Ok(())
}

/// Sees to what killed runs left. Those on testbeds of ours are cleaned up where
/// `remove` says so; a customer's cluster is touched only when somebody says so.
pub async fn sweep(runs: &Runs, events: &Events, remove: bool) {
    for run in runs.list().unwrap_or_default() {
        // A journal that is held belongs to a run that goes on, such as this one.
        let Ok(journal) = Journal::open(runs, &run) else { continue };
        let (kept, elsewhere) = (journal.is_kept(), journal.cluster().is_some());
        drop(journal);
        let text = if elsewhere {
            format!("run {run} was cut off on a cluster of yours; `cleanup --run-id {run}` removes what it left there")
        } else if remove && !kept {
            match clean_run(runs, &run).await {
                Ok(()) => format!("run {run} was cut off; what it left is removed"),
                Err(error) => format!("run {run} was cut off: {error}"),
            }
        } else {
            continue;
        };
        let _ = events.send(Event::Notice { text });
    }
}

/// Finds in namespaces of a customer's cluster what a run left, by its label
/// alone, and removes it. Gives how many things it removed.
///
/// # Errors
/// The API server refuses.
pub async fn clean_namespaces(kube: &Client, namespaces: &[String], run: &str) -> Result<usize, Error> {
    let refused = |error: kube::Error| Error::Cluster(error.to_string());
    let ours = ListParams::default().labels(&format!("{RUN_LABEL}={run}"));
    let mut removed = 0;
    for namespace in namespaces {
        let pods = Api::<Pod>::namespaced(kube.clone(), namespace);
        for pod in pods.list_metadata(&ours).await.map_err(refused)?.items {
            let name = pod.name_any();
            if let Some(uid) = remove_by_uid(&pods, run, &name, None).await.map_err(Error::Cluster)? {
                gone(&pods, &name, &uid).await.map_err(Error::Cluster)?;
                removed += 1;
            }
        }
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), namespace);
        for account in accounts.list_metadata(&ours).await.map_err(refused)?.items {
            let deleted = remove_by_uid(&accounts, run, &account.name_any(), None).await.map_err(Error::Cluster)?;
            removed += usize::from(deleted.is_some());
        }
    }
    Ok(removed)
}

/// Finds what a run left by its label alone, where its journal is lost, and
/// removes it. Gives how many things it removed.
///
/// # Errors
/// The container engine or a kept testbed does not answer.
pub async fn clean_by_label(runs: &Runs, run: &str) -> Result<usize, Error> {
    let engine = Engine::connect().await?;
    let mut removed = 0;
    let mut containers = engine.containers_with(ENGINE_LABEL, run).await?;
    containers.extend(engine.containers_with(KIND_LABEL, &testbed_name(run)).await?);
    for id in &containers {
        engine.remove_container(id).await?;
    }
    removed += containers.len();
    for network in engine.networks_of(run).await? {
        engine.remove_network(&network).await?;
        removed += 1;
    }
    for owner in runs.list()? {
        if let Ok(testbed) = kept::load(&runs.folder(&owner), &owner, engine.clone()).await {
            removed += clean_objects(&testbed.kube, run).await;
            // Vault knows no labels; what a run makes there has its id in the name.
            let admin = &testbed.vault.admin;
            for path in admin.find(&format!("-{run}-")).await.unwrap_or_default() {
                removed += usize::from(admin.remove(&path).await.is_ok());
            }
        }
    }
    Ok(removed)
}

async fn clean_objects(kube: &Client, run: &str) -> usize {
    let ours = ListParams::default().labels(&format!("{RUN_LABEL}={run}"));
    let mut removed = 0;
    let bindings = Api::<ClusterRoleBinding>::all(kube.clone());
    for object in bindings.list_metadata(&ours).await.map(|list| list.items).unwrap_or_default() {
        removed += usize::from(remove_by_uid(&bindings, run, &object.name_any(), None).await.is_ok());
    }
    for object in
        Api::<ServiceAccount>::all(kube.clone()).list_metadata(&ours).await.map(|l| l.items).unwrap_or_default()
    {
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &object.namespace().unwrap_or_default());
        removed += usize::from(remove_by_uid(&accounts, run, &object.name_any(), None).await.is_ok());
    }
    let nodes = Api::<Node>::all(kube.clone());
    for object in nodes.list_metadata(&ours).await.map(|list| list.items).unwrap_or_default() {
        removed += usize::from(remove_by_uid(&nodes, run, &object.name_any(), None).await.is_ok());
    }
    let namespaces = Api::<Namespace>::all(kube.clone());
    for object in namespaces.list_metadata(&ours).await.map(|list| list.items).unwrap_or_default() {
        removed += usize::from(remove_by_uid(&namespaces, run, &object.name_any(), None).await.is_ok());
    }
    removed
}

#[cfg(test)]
mod tests;
