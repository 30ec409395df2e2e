//! From the app's start to its observation, or to why there is none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::SCENARIO_LABEL;
use super::mendix::Runtime;
use super::operator::Refusals;
use super::owners::Owners;
use super::patience::why;
use crate::probe;
use crate::probe::observation::Observation;
use crate::wait::{self, Look, TimedOut};

/// How often to look at what the watches brought, which costs nothing.
const INTERVAL: Duration = Duration::from_millis(40);

/// How soon to ask for a pod's log again, at first and at most: each time costs
/// the API server and the kubelet something, the more the busier they are.
const LOG_INTERVALS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(1600));

/// A container needs this long to start, so its log is not asked for before.
const START_TAKES: Duration = Duration::from_millis(500);

/// How long a refusal to create pods must last to be taken for final.
const REFUSAL_LASTS: Duration = Duration::from_secs(1);

/// What came of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The probe ran and said what it saw.
    Observed(Box<Observation>),
    /// The API server admits no pod, and says why.
    NotAdmitted(String),
}

/// Why nothing was observed.
#[derive(Debug, Error)]
pub enum Error {
    /// Nothing within the time limit.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// The pod is there and cannot run, or its observation is unusable.
    #[error("pod {namespace}/{pod}: {reason}")]
    Pod {
        /// The pod's namespace.
        namespace: String,
        /// Its name.
        pod: String,
        /// Why.
        reason: String,
    },
}

/// One watch of all apps of a run: many scenarios that each asked for their pod
/// would keep the API server busier than the pods do.
pub struct Apps {
    client: Client,
    pods: Store<Pod>,
    deployments: Store<Deployment>,
    /// Where no label tells whose a pod is.
    owners: Option<Owners>,
    watches: Vec<JoinHandle<()>>,
    /// Why nothing is seen of the pods at the moment.
    trouble: Trouble,
    /// What the stand-in operator was refused.
    pub refusals: Refusals,
}

impl Drop for Apps {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
    }
}

impl Apps {
    /// Starts watching what has these labels. The operator notes what it was refused in `refusals`.
    #[must_use]
    pub fn watch(client: &Client, labels: &str, refusals: Refusals) -> Self {
        let trouble = Trouble::default();
        let (pods, watch_pods) = store::<Pod>(client, labels, trouble.clone());
        let (deployments, watch_deployments) = store::<Deployment>(client, labels, Trouble::default());
        Self {
            client: client.clone(),
            pods,
            deployments,
            owners: None,
            watches: vec![watch_pods, watch_deployments],
            trouble,
            refusals,
        }
    }

    /// The same for apps that an operator makes which is not ours, of the Runtimes with these labels.
    #[must_use]
    pub fn watch_by_owner(client: &Client, labels: &str) -> Self {
        let mut apps = Self::watch(client, "", Refusals::default());
        let (runtimes, watch_runtimes) = store::<Runtime>(client, labels, Trouble::default());
        let (replica_sets, watch_sets) = store::<ReplicaSet>(client, "", Trouble::default());
        apps.owners = Some(Owners { runtimes, deployments: apps.deployments.clone(), replica_sets });
        apps.watches.extend([watch_runtimes, watch_sets]);
        apps
    }

    fn is_pod_of(&self, pod: &Pod, scenario: &str) -> bool {
        match &self.owners {
            Some(owners) => owners.is_pod_of(pod, scenario),
            // The Runtime's name, whatever it is, is in the label that a Vault's pod lacks.
            None => pod.labels().contains_key("app") && is_of(pod, scenario),
        }
    }

    fn is_deployment_of(&self, deployment: &Deployment, scenario: &str) -> bool {
        match &self.owners {
            Some(owners) => owners.is_deployment_of(deployment, scenario),
            None => is_of(deployment, scenario),
        }
    }

    /// The newest pod of a scenario's app that is not on its way out. In the
    /// documented namespace, an earlier scenario's may be there still.
    fn newest(&self, namespace: &str, scenario: &str) -> Option<Arc<Pod>> {
        let app = |pod: &Pod| self.is_pod_of(pod, scenario);
        self.pods
            .state()
            .into_iter()
            .filter(|pod| is_in(&**pod, namespace) && app(pod))
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .max_by_key(|pod| pod.metadata.creation_timestamp.clone())
    }

    /// A client for the cluster that is watched.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The name of the pod that [`observe`] looks at.
    #[must_use]
    pub fn pod(&self, namespace: &str, scenario: &str) -> Option<String> {
        self.newest(namespace, scenario).map(|pod| pod.name_any())
    }

    /// Waits until a scenario's app has another pod than that, or none.
    ///
    /// # Errors
    /// It has that one still after the time limit.
    pub async fn replaced(
        &self,
        namespace: &str,
        scenario: &str,
        pod: Option<&str>,
        limit: Duration,
    ) -> Result<(), TimedOut> {
        let subject = format!("rollout of the app in namespace {namespace}");
        wait::until(&subject, limit, INTERVAL, || async {
            match self.newest(namespace, scenario) {
                Some(newest) if pod == Some(&*newest.name_any()) => Look::NotYet(state(&newest)),
                _ => Look::Done(()),
            }
        })
        .await
    }

    /// Waits until no pod is left in a namespace that is on its way out. Until
    /// then its pods take room on the node, the longer the busier that is.
    ///
    /// # Errors
    /// Some are left after the time limit.
    pub async fn gone(&self, namespace: &str, limit: Duration) -> Result<(), TimedOut> {
        let subject = format!("end of the pods in namespace {namespace}");
        wait::until(&subject, limit, INTERVAL, || async {
            let left = self.pods.state().into_iter().find(|pod| is_in(&**pod, namespace));
            left.map_or(Look::Done(()), |pod| Look::NotYet(state(&pod)))
        })
        .await
    }

    /// Why there will be no pod: the Deployment was not taken, or its condition
    /// `ReplicaFailure` is true.
    fn refusal(&self, namespace: &str, scenario: &str) -> Option<String> {
        let refused = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).get(namespace).cloned();
        if refused.is_some() {
            return refused;
        }
        let ours = |it: &Deployment| is_in(it, namespace) && self.is_deployment_of(it, scenario);
        let deployment = self.deployments.state().into_iter().find(|deployment| ours(deployment))?;
        let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
        conditions.iter().find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?.message.clone()
    }
}

/// Asked of every pod of the run by every scenario that waits, some twenty times a second: nothing is copied for it.
fn is_in(object: &impl ResourceExt, namespace: &str) -> bool {
    object.meta().namespace.as_deref() == Some(namespace)
}

fn is_of(object: &impl ResourceExt, scenario: &str) -> bool {
    object.labels().get(SCENARIO_LABEL).is_some_and(|found| found == scenario)
}

/// What the last try of a watch ended with, where it failed.
type Trouble = Arc<Mutex<Option<String>>>;

fn store<K>(client: &Client, labels: &str, trouble: Trouble) -> (Store<K>, JoinHandle<()>)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Default + Eq + std::hash::Hash + Clone + Send + Sync,
{
    let (reader, writer) = reflector::store::<K>();
    let events = watcher(Api::<K>::all(client.clone()), selected(labels)).default_backoff();
    let fill = reflector::reflector(writer, events).for_each(move |event| {
        let mut trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Err(error) => *trouble = Some(format!("the API server gives no pods: {}", why(&error))),
            // Only another try.
            Ok(watcher::Event::Init) => {}
            Ok(_) => *trouble = None,
        }
        std::future::ready(())
    });
    (reader, tokio::spawn(fill))
}

/// What has these labels; everything where there are none.
fn selected(labels: &str) -> watcher::Config {
    let all = watcher::Config::default();
    if labels.is_empty() { all } else { all.labels(labels) }
}

/// Waits for the observation of the app in a namespace.
///
/// # Errors
/// There is none within the time limit, or the pod cannot run, or what it
/// printed is no observation of this run and scenario.
pub async fn observe(
    apps: &Apps,
    namespace: &str,
    run: &str,
    scenario: &str,
    limit: Duration,
) -> Result<Outcome, Error> {
    let pods = Api::<Pod>::namespaced(apps.client.clone(), namespace);
    let refused_since = std::cell::Cell::new(None::<Instant>);
    let (log, late_log) = (Asking::default(), LateLog::default());
    // What its log said when it was last asked for.
    let log_said = std::cell::RefCell::new(None::<String>);
    let with_log = |pod: &Pod| match &*log_said.borrow() {
        Some(said) => format!("{}; its log {said}", state(pod)),
        None => state(pod),
    };
    let subject = format!("observation of the app in namespace {namespace}");
    let found = wait::until(&subject, limit, INTERVAL, || async {
        let Some(pod) = apps.newest(namespace, scenario) else {
            let Some(message) = apps.refusal(namespace, scenario) else {
                refused_since.set(None);
                let trouble = apps.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let missing = || match &apps.owners {
                    Some(owners) => owners.missing(namespace, scenario),
                    None => "no pod yet".to_owned(),
                };
                return Look::NotYet(trouble.unwrap_or_else(missing));
            };
            let since = refused_since.get().unwrap_or_else(Instant::now);
            refused_since.set(Some(since));
            if since.elapsed() >= REFUSAL_LASTS {
                return Look::Done(Ok(Outcome::NotAdmitted(message)));
            }
            return Look::NotYet(message);
        };
        if pod.spec.as_ref().is_none_or(|spec| spec.node_name.is_none()) {
            return Look::NotYet(state(&pod));
        }
        if !log.is_due(container_statuses(&pod).any(|c| c.state.as_ref().is_some_and(|state| state.running.is_some())))
        {
            return Look::NotYet(with_log(&pod));
        }
        let name = pod.name_any();
        let unusable = |reason| Err(Error::Pod { namespace: namespace.to_owned(), pod: name.clone(), reason });
        // The kubelet knows of a started container before the pod's status does, so the log is asked for at once.
        match pods.logs(&name, &LogParams::default()).await {
            Ok(log) => match probe::from_log(&log, run, scenario) {
                Ok(Some(observation)) => return Look::Done(Ok(Outcome::Observed(Box::new(observation)))),
                Err(reason) => return Look::Done(unusable(reason)),
                Ok(None) if ended(&pod) && late_log.is_over() => {
                    return Look::Done(unusable(format!(
                        "it ended without an observation; its log: {}",
                        last_line(&log)
                    )));
                }
                Ok(None) => _ = log_said.replace(Some("has no whole observation".to_owned())),
            },
            Err(error) => _ = log_said.replace(Some(format!("cannot be read: {}", why(&error)))),
        }
        match cannot_run(&pod) {
            Some(reason) => Look::Done(unusable(reason)),
            None => Look::NotYet(with_log(&pod)),
        }
    })
    .await;
    found?
}

/// What a container wrote last may come to its log after its end: on a busy node a log was seen that was still empty.
#[derive(Default)]
pub struct LateLog(std::cell::Cell<Option<Instant>>);

impl LateLog {
    const COMES_WITHIN: Duration = Duration::from_secs(3);

    /// Whether a log that lacks something has got all that it will get: some seconds after the first call, which is
    /// made when the container has ended.
    pub fn is_over(&self) -> bool {
        let since = self.0.get().unwrap_or_else(Instant::now);
        self.0.set(Some(since));
        since.elapsed() >= Self::COMES_WITHIN
    }
}

/// When to ask for a pod's log.
#[derive(Default)]
struct Asking {
    next: std::cell::Cell<Option<Instant>>,
    interval: std::cell::Cell<Duration>,
    running: std::cell::Cell<bool>,
}

impl Asking {
    /// Whether to ask now. The pod's status says late that the container runs,
    /// so it is asked for before, less and less often, and at once when it does.
    fn is_due(&self, running: bool) -> bool {
        let now = Instant::now();
        let news = running && !self.running.replace(running);
        let Some(next) = self.next.get() else {
            self.next.set(Some(now + START_TAKES));
            self.interval.set(LOG_INTERVALS.0);
            return news;
        };
        if news {
            self.interval.set(LOG_INTERVALS.0);
        } else if now < next {
            return false;
        }
        self.next.set(Some(now + self.interval.get()));
        self.interval.set((self.interval.get() * 3 / 2).min(LOG_INTERVALS.1));
        true
    }
}

/// Whether the container ended, now or before its last restart.
pub(crate) fn ended(pod: &Pod) -> bool {
    container_statuses(pod).any(|status| {
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let now = status.state.as_ref().and_then(|state| state.terminated.as_ref());
        now.or(last).is_some()
    })
}

fn container_statuses(pod: &Pod) -> impl Iterator<Item = &k8s_openapi::api::core::v1::ContainerStatus> {
    pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten())
}

/// A reason of the kubelet that does not pass by itself.
pub(crate) fn cannot_run(pod: &Pod) -> Option<String> {
    const LASTING: [&str; 6] = [
        "ErrImageNeverPull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CrashLoopBackOff",
        "RunContainerError",
    ];
    let before = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    let waiting = container_statuses(pod)
        .chain(before)
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref())
        .find_map(|w| {
            let reason = w.reason.as_deref()?;
            LASTING.contains(&reason).then(|| format!("{reason}: {}", w.message.as_deref().unwrap_or("no message")))
        });
    let evicted = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed")).map(|status| {
        format!("it failed: {}", status.message.as_deref().or(status.reason.as_deref()).unwrap_or("no message"))
    });
    waiting.or(evicted)
}

pub(crate) fn state(pod: &Pod) -> String {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("no phase");
    let waiting = container_statuses(pod)
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone())
        .next()
        .unwrap_or_default();
    let unscheduled = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .and_then(|condition| condition.message.clone())
        .unwrap_or_default();
    [format!("pod {} is {phase}", pod.name_any()), waiting, unscheduled]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The end of a log, short enough for a message.
pub(crate) fn last_line(log: &str) -> String {
    log.lines().last().unwrap_or("(empty)").chars().take(300).collect()
}

#[cfg(test)]
mod tests;
