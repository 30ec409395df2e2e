//! Removes what a run created, backwards, and nothing else: what has no UID in
//! the journal must carry the run's label, what has one is removed by it.
//! [`by_hand`] says the same as commands.

pub mod by_hand;

use std::cell::Cell;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, PartialObjectMeta, Preconditions, PropagationPolicy,
};
use kube::{Client, Resource as _, ResourceExt};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::cluster::patience::why;
use crate::cluster::{RUN_LABEL, connect};
use crate::configure::Run;
use crate::configure::auth::REVIEWER_NAMESPACE;
use crate::configure::names::{Names, REVIEWER};
use crate::event::{Event, Events};
use crate::journal::{Entry, Item, Journal, Resource, Runs};
use crate::ledger::Ledger;
use crate::testbed::{self, Remover, Testbed};
use crate::vault::Client as Vault;
use crate::wait::{self, Look};

/// How long the clean-up of a run may take, on a testbed of our own or on a
/// customer's cluster, before the rest is told as left behind.
pub const LIMIT: Duration = Duration::from_secs(120);

/// How long a scenario waits for its pods to end, to make room for the next.
const ROOM: Duration = Duration::from_secs(30);

/// How often one looks for something whose creation was cut off, and how long between.
const LOOKS: usize = 4;
/// The same where a command makes it, which goes on by itself when its shell has ended.
const LOOKS_FOR_TYPED: usize = 16;
const PAUSE: Duration = Duration::from_millis(300);

/// How many of the things that are left are named.
const NAMED: usize = 10;

/// Something that is still there.
#[derive(Debug, Error)]
pub enum Error {
    /// The testbed fails.
    #[error(transparent)]
    Testbed(#[from] testbed::Error),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// There is no client for a customer's cluster.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// A customer's cluster refuses; in words.
    #[error("{0}")]
    Cluster(String),
    /// Some items are left.
    #[error("left behind: {}; `cleanup --run-id {run}` tries again", named(.left))]
    Left {
        /// Whose.
        run: String,
        /// Each with the reason.
        left: Vec<String>,
    },
    /// The time was over, and these items are left.
    #[error(
        "clean-up was not done within {} s; left behind: {}; `cleanup --run-id {run}` tries again",
        LIMIT.as_secs(), named(.left)
    )]
    NotInTime {
        /// Whose.
        run: String,
        /// What.
        left: Vec<String>,
    },
}

fn named(left: &[String]) -> String {
    let more = left.len().saturating_sub(NAMED);
    let named = left.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    if more == 0 { named } else { format!("{named}; and {more} more") }
}

/// Removes everything that a journal names, within [`LIMIT`]. `outliving` is the
/// testbed where it stays: then objects of the cluster and of Vault are removed
/// there, and of the testbed's parts those that scenarios had for themselves.
/// Without it the testbed goes as a whole, and what is on it with it.
///
/// What is gone is noted at once, so that this may be cut off anywhere and tried
/// again, by the same process or another.
///
/// # Errors
/// What is left, each with the reason.
pub async fn clean(journal: &Journal, outliving: Option<&Testbed>) -> Result<(), Error> {
    let counts = |item: &Item| match item {
        Item::Part(part) => outliving.is_none() || part.of.is_some(),
        // What is on a testbed that goes is not left behind by itself.
        Item::Object { .. } | Item::Vault { .. } => outliving.is_some(),
    };
    in_time(journal, counts, clean_testbed(journal, outliving, counts)).await
}

async fn in_time(
    journal: &Journal,
    counts: impl Fn(&Item) -> bool,
    clean: impl Future<Output = Result<Vec<String>, Error>>,
) -> Result<(), Error> {
    let run = || journal.run.clone();
    match tokio::time::timeout(LIMIT, clean).await {
        Ok(left) => match left? {
            left if left.is_empty() => Ok(()),
            left => Err(Error::Left { run: run(), left }),
        },
        Err(_) => {
            let left = journal.open_entries().into_iter().filter(|entry| counts(&entry.item));
            Err(Error::NotInTime { run: run(), left: left.map(|entry| entry.item.to_string()).collect() })
        }
    }
}

async fn clean_testbed(
    journal: &Journal,
    outliving: Option<&Testbed>,
    counts: impl Fn(&Item) -> bool,
) -> Result<Vec<String>, Error> {
    let run = journal.run.as_str();
    let entries = journal.open_entries().into_iter().filter(|entry| counts(&entry.item));
    let (parts, objects): (Vec<Entry>, Vec<Entry>) = entries.partition(|entry| matches!(entry.item, Item::Part(_)));
    let mut left = match outliving {
        Some(testbed) => {
            let (kube, vault) = (&testbed.kube, Some(&testbed.vault.admin));
            all(journal, objects, async |entry| remove_object(run, entry, kube, vault).await).await?
        }
        None => Vec::new(),
    };
    let last = |entry: &Entry| matches!(&entry.item, Item::Part(part) if Remover::goes_last(part));
    let (last, first): (Vec<Entry>, Vec<Entry>) = parts.into_iter().partition(last);
    let remover = Remover::default();
    for parts in [first, last] {
        left.extend(all(journal, parts, async |entry| remove_part(run, entry, &remover).await).await?);
    }
    Ok(left)
}

/// Removes entries side by side. Each is noted once it is gone; gives those that
/// are not, with the reason.
async fn all(
    journal: &Journal,
    entries: Vec<Entry>,
    remove: impl AsyncFn(&Entry) -> Result<(), String>,
) -> Result<Vec<String>, Error> {
    let removals = entries.iter().map(async |entry| match remove(entry).await {
        Ok(()) => journal.removed(entry.entry).map(|()| None),
        Err(reason) => Ok(Some(format!("{}: {reason}", entry.item))),
    });
    let left: Result<Vec<_>, _> = futures::future::join_all(removals).await.into_iter().collect();
    Ok(left?.into_iter().flatten().collect())
}

async fn remove_part(run: &str, entry: &Entry, remover: &Remover) -> Result<(), String> {
    match &entry.item {
        Item::Part(part) => remover.remove(run, part, entry.uid.as_deref()).await.map_err(|error| error.to_string()),
        Item::Object { .. } | Item::Vault { .. } => Ok(()),
    }
}

/// Removes what one scenario made, while its run goes on. What cannot be
/// removed now is left to the run's own clean-up; gives how many things those are.
/// Its pods are gone then, or the node is so busy that they take longer than [`ROOM`].
pub async fn clean_scenario(run: &Run<'_>, testbed: &Testbed, scenario: &str) -> usize {
    let (mut left, journal) = (0, run.journal);
    let names = Names::new(&journal.run, scenario, true);
    let remover = Remover::default();
    for entry in journal.open_entries() {
        let theirs = match &entry.item {
            Item::Object { name, .. } => names.own(name),
            Item::Vault { path } => path.rsplit('/').next().is_some_and(|name| names.own(name)),
            Item::Part(part) => part.of.as_ref() == Some(&names.global),
        };
        if !theirs {
            continue;
        }
        let removed = match &entry.item {
            Item::Part(_) => remove_part(&journal.run, &entry, &remover).await,
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
    if let Err(error) = run.apps.gone(&names.namespace, ROOM).await {
        tracing::debug!(%error, "the next scenario does not wait for it");
    }
    left
}

/// Removes the objects that a journal names on a customer's cluster, the last
/// first, and waits until each is gone; all within [`LIMIT`].
///
/// # Errors
/// What is left, each with the reason.
pub async fn clean_cluster(journal: &Journal, kube: &Client) -> Result<(), Error> {
    let clean = async {
        let mut left = Vec::new();
        for entry in journal.open_entries() {
            match remove_object(&journal.run, &entry, kube, None).await {
                Ok(()) => journal.removed(entry.entry)?,
                Err(reason) => left.push(format!("{}: {reason}", entry.item)),
            }
        }
        Ok(left)
    };
    in_time(journal, |_| true, clean).await
}

/// Removes an object of the cluster or of Vault. Where the run was killed while
/// it was being created, the server may still be at it, so one look does not do.
async fn remove_object(run: &str, entry: &Entry, kube: &Client, vault: Option<&Vault>) -> Result<(), String> {
    let looks = Cell::new(match &entry.item {
        _ if entry.uid.is_some() => 1,
        Item::Object { typed: true, .. } => LOOKS_FOR_TYPED,
        _ => LOOKS,
    });
    wait::until(&format!("end of {}", entry.item), LIMIT, PAUSE, || async {
        looks.set(looks.get() - 1);
        match remove_what_is_there(run, entry, kube, vault).await {
            Ok(None) if looks.get() > 0 => Look::NotYet("it may still come".to_owned()),
            looked => Look::Done(looked.map(drop)),
        }
    })
    .await
    .map_err(|error| error.to_string())?
}

/// Gives the UID of what it removed: none where nothing was there, or where nobody tells (Vault).
async fn remove_what_is_there(
    run: &str,
    entry: &Entry,
    kube: &Client,
    vault: Option<&Vault>,
) -> Result<Option<String>, String> {
    let kube = kube.clone();
    let uid = entry.uid.as_deref();
    match &entry.item {
        Item::Vault { path } => match vault {
            Some(vault) => vault.remove(path).await.map(|()| None).map_err(|e| e.to_string()),
            None => Ok(None),
        },
        Item::Object { resource, namespace, name, typed } => {
            let known = Known { run, uid, typed: *typed };
            let namespace = namespace.as_deref().unwrap_or("default");
            match resource {
                // From here on the API server removes it with all that is in it, whatever becomes of us.
                Resource::Namespace => remove_known(&Api::<Namespace>::all(kube), name, known).await,
                Resource::ClusterRole => remove_known(&Api::<ClusterRole>::all(kube), name, known).await,
                Resource::ClusterRoleBinding => remove_known(&Api::<ClusterRoleBinding>::all(kube), name, known).await,
                Resource::Node => remove_known(&Api::<Node>::all(kube), name, known).await,
                Resource::ServiceAccount => {
                    remove_known(&Api::<ServiceAccount>::namespaced(kube, namespace), name, known).await
                }
                Resource::Pod => {
                    let pods = Api::<Pod>::namespaced(kube, namespace);
                    let deleted = remove_known(&pods, name, known).await?;
                    // Another's under the same name is not waited for.
                    if let Some(uid) = &deleted {
                        gone(&pods, name, uid).await?;
                    }
                    Ok(deleted)
                }
            }
        }
        Item::Part(_) => Ok(None),
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

/// What an object of a run is known by.
#[derive(Clone, Copy)]
struct Known<'a> {
    run: &'a str,
    /// Its UID; none where none was noted any more.
    uid: Option<&'a str>,
    /// Whether a command that was typed made it, so that it has no label.
    typed: bool,
}

impl<'a> Known<'a> {
    fn by_label(run: &'a str) -> Self {
        Self { run, uid: None, typed: false }
    }
}

/// Deletes an object only where it has that UID or, where none was noted any
/// more, the run's label; one that was typed then goes by its name. Gives the UID of what it deleted.
async fn remove_known<K>(api: &Api<K>, name: &str, known: Known<'_>) -> Result<Option<String>, String>
where
    K: kube::Resource + Clone + std::fmt::Debug + DeserializeOwned,
{
    let Some(found) = api.get_metadata_opt(name).await.map_err(|e| e.to_string())? else { return Ok(None) };
    let found_uid = found.meta().uid.clone().unwrap_or_default();
    let ours = match known.uid {
        Some(uid) => uid == found_uid,
        None => known.typed || found.labels().get(RUN_LABEL).is_some_and(|label| label == known.run),
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
    let lost = !runs.has_journal(run);
    let journal = Journal::open(runs, run)?;
    // Where its folder was lost, a server that still runs may have made it again. What else is left only labels tell.
    if lost {
        return match clean_by_label(runs, run).await {
            Ok(_) => Ok(journal.discard()?),
            Err(error) => {
                journal.abandon();
                Err(error)
            }
        };
    }
    if let Some(cluster) = journal.cluster() {
        let kube = connect::cluster(&cluster, &Ledger::default()).await?;
        clean_cluster(&journal, &kube).await?;
        return Ok(journal.discard()?);
    }
    // Objects on another run's testbed are there only while that testbed is.
    let testbed = match journal.testbed() {
        Some(owner) if owner != run => testbed::still_there(runs, &owner).await?,
        _ => None,
    };
    clean(&journal, testbed.as_ref()).await?;
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
            if let Some(uid) = remove_known(&pods, &name, Known::by_label(run)).await.map_err(Error::Cluster)? {
                gone(&pods, &name, &uid).await.map_err(Error::Cluster)?;
                removed += 1;
            }
        }
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), namespace);
        for account in accounts.list_metadata(&ours).await.map_err(refused)?.items {
            let deleted =
                remove_known(&accounts, &account.name_any(), Known::by_label(run)).await.map_err(Error::Cluster)?;
            removed += usize::from(deleted.is_some());
        }
    }
    Ok(removed)
}

/// Finds what a run left by its label, or by its id in a name where a label cannot be, where its journal is lost, and
/// removes it. Gives how many things it removed.
///
/// # Errors
/// What makes testbeds does not answer, or something is left.
pub async fn clean_by_label(runs: &Runs, run: &str) -> Result<usize, Error> {
    let mut removed = testbed::remove_labelled(run).await?;
    for owner in runs.list()? {
        if let Ok(Some(testbed)) = testbed::still_there(runs, &owner).await {
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
    let labelled = Known::by_label(run);
    // What was typed has no label; a reviewer that is one scenario's own has the run in its name.
    let typed = Known { run, uid: None, typed: true };
    let of_a_typed_reviewer = |object: &PartialObjectMeta<DynamicObject>| {
        object.name_any().starts_with(&format!("{REVIEWER}-{run}-"))
            && object.namespace().is_none_or(|namespace| namespace == REVIEWER_NAMESPACE)
    };
    let kinds = [
        (ApiResource::erase::<ClusterRoleBinding>(&()), labelled),
        (ApiResource::erase::<ClusterRole>(&()), labelled),
        (ApiResource::erase::<ServiceAccount>(&()), labelled),
        (ApiResource::erase::<ClusterRoleBinding>(&()), typed),
        (ApiResource::erase::<ServiceAccount>(&()), typed),
        (ApiResource::erase::<Node>(&()), labelled),
        (ApiResource::erase::<Namespace>(&()), labelled),
    ];
    let mut removed = 0;
    for (kind, known) in kinds {
        let all = Api::<DynamicObject>::all_with(kube.clone(), &kind);
        let wanted = if known.typed {
            ListParams::default()
        } else {
            ListParams::default().labels(&format!("{RUN_LABEL}={run}"))
        };
        for object in all.list_metadata(&wanted).await.map(|list| list.items).unwrap_or_default() {
            if known.typed && !of_a_typed_reviewer(&object) {
                continue;
            }
            let api = match object.namespace() {
                Some(namespace) => Api::namespaced_with(kube.clone(), &namespace, &kind),
                None => all.clone(),
            };
            removed += usize::from(matches!(remove_known(&api, &object.name_any(), known).await, Ok(Some(_))));
        }
    }
    removed
}

#[cfg(test)]
mod tests;
