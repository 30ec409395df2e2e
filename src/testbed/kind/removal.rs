//! The end of what the journal names of a testbed of containers.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::docker::{self, Engine, LABEL};
use super::error::Error;
use super::names::{self, CLUSTER, CONTAINER, NETWORK};
use crate::journal::Part;
use crate::wait::{self, Look};

/// The label that kind puts on the containers of a cluster.
const KIND_LABEL: &str = "io.x-k8s.kind.cluster";

/// The command that removes a part by hand.
#[must_use]
pub fn by_hand(part: &Part) -> String {
    let name = &part.name;
    match part.what.as_str() {
        NETWORK => format!("docker network rm {name}"),
        CLUSTER => format!("kind delete cluster --name {name}"),
        _ => format!("docker rm --force --volumes {name}"),
    }
}

/// Whether a part can go only after all others: a network is held by what is on it.
#[must_use]
pub fn goes_last(part: &Part) -> bool {
    part.what == NETWORK
}

/// Removes parts of one run, over one connection to the container engine, which
/// is made when the first is removed.
#[derive(Default)]
pub struct Remover {
    engine: OnceCell<Engine>,
}

impl Remover {
    /// Removes a part by its id or, where none was noted, only if it is the run's.
    ///
    /// # Errors
    /// The container engine refuses, or does not answer.
    pub async fn remove(&self, run: &str, part: &Part, id: Option<&str>) -> Result<(), Error> {
        let engine = self.engine.get_or_try_init(Engine::connect).await?;
        let name = &part.name;
        match (part.what.as_str(), id) {
            (NETWORK, Some(id)) => engine.remove_network(id).await?,
            (NETWORK, None) => {
                if engine.network_run(name).await?.as_deref() == Some(run) {
                    engine.remove_network(name).await?;
                }
            }
            (CONTAINER, Some(id)) => engine.remove_container(id).await?,
            // A failed start leaves a container that testcontainers does not remove.
            (CONTAINER, None) => {
                let ours = async || {
                    let ours = engine.containers_with(LABEL, run).await?;
                    Ok(engine.container_id(name).await?.into_iter().filter(|id| ours.contains(id)).collect())
                };
                remove_containers(engine, name, false, ours).await?;
            }
            // As kind itself does.
            (CLUSTER, id) => {
                let nodes = async || engine.containers_with(KIND_LABEL, name).await;
                remove_containers(engine, name, id.is_some(), nodes).await?;
            }
            (what, _) => return Err(Error::Unknown { what: what.to_owned() }),
        }
        Ok(())
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
        let found = match round().await {
            // Where all of it was there, what is found no more is gone, and nobody waits to look.
            Ok(1..) if whole => round().await,
            found => found,
        };
        match found {
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

/// Finds what a run left by its label alone, and removes it. Gives how many
/// things it removed.
///
/// # Errors
/// The container engine refuses, or does not answer.
pub async fn remove_labelled(run: &str) -> Result<usize, Error> {
    let engine = Engine::connect().await?;
    let mut containers = engine.containers_with(LABEL, run).await?;
    containers.extend(engine.containers_with(KIND_LABEL, &names::of(run)).await?);
    for id in &containers {
        engine.remove_container(id).await?;
    }
    let networks = engine.networks_of(run).await?;
    for network in &networks {
        engine.remove_network(network).await?;
    }
    Ok(containers.len() + networks.len())
}
