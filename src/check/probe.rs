//! One probe pod on a customer's cluster: created, waited for, read, removed.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, LogParams};

use crate::check::judge::Probed;
use crate::check::objects::DEADLINE_SECONDS;
use crate::cluster::patience;
use crate::cluster::pod::{cannot_run, ended, last_line, state};
use crate::journal::{Item, Journal, Resource};
use crate::probe;
use crate::verdict::sighting::Seen;
use crate::wait::{self, Look};

/// How often to look: each look is a request to the customer's API server.
const INTERVAL: Duration = Duration::from_millis(400);

/// Creates the pod and waits for what it says. The pod is in the journal before
/// it is created; it is removed by the run's clean-up.
pub async fn probe(kube: &Client, journal: &Journal, scenario: &str, pod: &Pod) -> Probed {
    let started = Instant::now();
    let seen = match create(kube, journal, pod).await {
        Ok(Ok(())) => wait_for(kube, journal, scenario, pod).await,
        Ok(Err(refused)) => Seen::NotAdmitted(refused),
        Err(reason) => Seen::Nothing(reason),
    };
    Probed { seen, observe_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

fn place(pod: &Pod) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

/// Ok with an error inside: an admission rule refuses this pod.
async fn create(kube: &Client, journal: &Journal, pod: &Pod) -> Result<Result<(), String>, String> {
    let (namespace, name) = place(pod);
    let item = Item::Object { resource: Resource::Pod, namespace: Some(namespace.to_owned()), name: name.to_owned() };
    let entry = journal.creating(item).map_err(|error| error.to_string())?;
    let pods = Api::<Pod>::namespaced(kube.clone(), namespace);
    match patience::create(&pods, pod).await {
        Ok(made) => {
            journal.created(entry, made.metadata.uid.unwrap_or_default()).map_err(|error| error.to_string())?;
            Ok(Ok(()))
        }
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 422) => {
            journal.removed(entry).map_err(|error| error.to_string())?;
            Ok(Err(status.message.clone()))
        }
        Err(error) => Err(format!("pod {namespace}/{name} cannot be created: {error}")),
    }
}

async fn wait_for(kube: &Client, journal: &Journal, scenario: &str, pod: &Pod) -> Seen {
    let (namespace, name) = place(pod);
    let pods = Api::<Pod>::namespaced(kube.clone(), namespace);
    let limit = Duration::from_secs(u64::from(DEADLINE_SECONDS));
    let subject = format!("observation of pod {namespace}/{name}");
    let nothing = |reason: String| Look::Done(Seen::Nothing(format!("pod {namespace}/{name}: {reason}")));
    let found = wait::until(&subject, limit, INTERVAL, || async {
        let pod = match pods.get(name).await {
            Ok(pod) => pod,
            // A moment without the API server is no verdict; the time limit is.
            Err(error) => return Look::NotYet(patience::why(&error)),
        };
        if let Some(reason) = cannot_run(&pod).filter(|_| !ended(&pod)) {
            return nothing(reason);
        }
        if !ended(&pod) {
            return Look::NotYet(state(&pod));
        }
        let log = match pods.logs(name, &LogParams::default()).await {
            Ok(log) => log,
            Err(error) => return Look::NotYet(format!("its log cannot be read: {}", patience::why(&error))),
        };
        match probe::from_log(&log, &journal.run, scenario) {
            Ok(Some(observation)) => Look::Done(Seen::Observed(Box::new(observation))),
            Ok(None) => nothing(format!("it ended without an observation; its log: {}", last_line(&log))),
            Err(reason) => nothing(reason),
        }
    });
    found.await.unwrap_or_else(|error| Seen::Nothing(error.to_string()))
}
