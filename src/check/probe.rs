//! One probe pod on a customer's cluster: created, waited for, read, removed.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, LogParams};

use crate::check::error::Error;
use crate::check::objects::{CONTAINER, DEADLINE_SECONDS};
use crate::check::sighted::Probed;
use crate::cluster::patience;
use crate::cluster::pod::{LateLog, cannot_run, ended, last_line, state};
use crate::event::millis;
use crate::journal::{Item, Journal, Resource};
use crate::probe;
use crate::verdict::sighting::Seen;
use crate::wait::{self, Look};

/// What the API server says where a webhook must be asked before a pod is taken, and does not answer.
const UNASKED_WEBHOOK: &str = "failed calling webhook";

/// How often to look: each look is a request to the customer's API server.
const INTERVAL: Duration = Duration::from_millis(400);

/// Creates the pod and waits for what it says. The pod is in the journal before
/// it is created; it is removed by the run's clean-up.
pub async fn probe(kube: &Client, journal: &Journal, scenario: &str, pod: &Pod) -> Probed {
    let (started, mut made) = (Instant::now(), None);
    let seen = match create(kube, journal, pod).await {
        Ok(Created::Made { at }) => {
            made = at;
            let limit = Duration::from_secs(u64::from(DEADLINE_SECONDS));
            wait_for(kube, &journal.run, scenario, pod, limit).await
        }
        Ok(Created::Refused(message)) => Seen::NotAdmitted(message),
        Err(error) => Seen::Nothing(error.to_string()),
    };
    Probed { seen, observe_ms: millis(started), made }
}

fn place(pod: &Pod) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

/// What came of a pod's creation.
enum Created {
    Made {
        /// As the API server's clock says.
        at: Option<Timestamp>,
    },
    /// An admission rule refuses this pod; the API server's message.
    Refused(String),
}

async fn create(kube: &Client, journal: &Journal, pod: &Pod) -> Result<Created, Error> {
    let (namespace, name) = place(pod);
    let item = Item::Object {
        resource: Resource::Pod,
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        typed: false,
    };
    let entry = journal.creating(item)?;
    let pods = Api::<Pod>::namespaced(kube.clone(), namespace);
    match patience::create(&pods, pod).await {
        Ok(made) => {
            journal.created(&entry, made.metadata.uid.unwrap_or_default())?;
            Ok(Created::Made { at: made.metadata.creation_timestamp.map(|time| time.0) })
        }
        // A webhook that must be asked and cannot be lets no pod in either; the API server says 500 then.
        Err(kube::Error::Api(status))
            if matches!(status.code, 400 | 403 | 422) || status.message.contains(UNASKED_WEBHOOK) =>
        {
            journal.refused(&entry)?;
            Ok(Created::Refused(status.message.clone()))
        }
        Err(source) => Err(Error::not_created(format!("pod {namespace}/{name}"))(source)),
    }
}

async fn wait_for(kube: &Client, run: &str, scenario: &str, pod: &Pod, limit: Duration) -> Seen {
    let (namespace, name) = place(pod);
    let pods = Api::<Pod>::namespaced(kube.clone(), namespace);
    let subject = format!("observation of pod {namespace}/{name}");
    let of_its_container = LogParams { container: Some(CONTAINER.to_owned()), ..LogParams::default() };
    let nothing = |reason: String| Look::Done(Seen::Nothing(format!("pod {namespace}/{name}: {reason}")));
    let late_log = LateLog::default();
    let found = wait::until(&subject, limit, INTERVAL, || async {
        let pod = match pods.get(name).await {
            Ok(pod) => of_the_probe(pod),
            // A moment without the API server is no verdict; the time limit is.
            Err(error) => return Look::NotYet(patience::why(&error)),
        };
        if let Some(reason) = cannot_run(&pod).filter(|_| !ended(&pod)) {
            return nothing(reason);
        }
        if !ended(&pod) {
            return Look::NotYet(state(&pod));
        }
        let log = match pods.logs(name, &of_its_container).await {
            Ok(log) => log,
            Err(error) => return Look::NotYet(format!("its log cannot be read: {}", patience::why(&error))),
        };
        match probe::from_log(&log, run, scenario) {
            Ok(Some(observation)) => Look::Done(Seen::Observed(Box::new(observation))),
            Ok(None) if !late_log.is_over() => Look::NotYet("its log has no whole observation".to_owned()),
            Ok(None) => nothing(format!("it ended without an observation; its log: {}", last_line(&log))),
            Err(reason) => nothing(reason),
        }
    });
    found.await.unwrap_or_else(|error| Seen::Nothing(error.to_string()))
}

/// The same without what a cluster puts beside the probe, such as a service mesh's proxy, which may never end.
fn of_the_probe(mut pod: Pod) -> Pod {
    let statuses = pod.status.iter_mut().flat_map(|status| &mut status.container_statuses);
    statuses.for_each(|all| all.retain(|status| status.name == CONTAINER));
    pod
}

#[cfg(test)]
mod tests {
    use http::Method;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::cluster::api_server::{ApiServer, NAMESPACE, POD, REFUSAL, RUN, SCENARIO_ID, Scenario, UID};
    use crate::journal::{Entry, Runs};

    fn pod() -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": POD, "namespace": NAMESPACE } })).unwrap()
    }

    /// What is seen of the pod, and what is left to clean up.
    async fn seen(server: &ApiServer) -> (Seen, Vec<Entry>) {
        let state = tempfile::tempdir().unwrap();
        let journal = Journal::create(&Runs::new(Some(state.path())), RUN).unwrap();
        let probed = probe(&server.client(), &journal, SCENARIO_ID, &pod()).await;
        (probed.seen, journal.open_entries())
    }

    #[test]
    fn what_a_cluster_puts_beside_the_probe_neither_ends_it_nor_keeps_it_from_its_end() {
        let pod = |probe: serde_json::Value, beside: serde_json::Value| {
            let of = |name: &str, state| json!({ "name": name, "state": state, "image": "", "imageID": "", "ready": true, "restartCount": 0 });
            let all = [of("proxy", beside), of(CONTAINER, probe)];
            of_the_probe(serde_json::from_value(json!({ "status": { "containerStatuses": all } })).unwrap())
        };
        let (runs, over) = (json!({ "running": {} }), json!({ "terminated": { "exitCode": 0 } }));
        let waits = json!({ "waiting": { "reason": "ImagePullBackOff" } });
        assert!(ended(&pod(over.clone(), runs.clone())));
        assert!(!ended(&pod(runs.clone(), over)));
        assert_eq!(cannot_run(&pod(runs, waits.clone())), None);
        assert!(cannot_run(&pod(waits.clone(), waits)).is_some());
    }

    #[tokio::test]
    async fn what_the_probe_saw_is_seen_and_its_pod_is_left_to_the_clean_up() {
        let (seen, left) = seen(&ApiServer::playing(Scenario::Observed)).await;
        assert!(matches!(&seen, Seen::Observed(observation) if observation.run == RUN), "{seen:?}");
        assert_eq!(left.iter().map(|entry| entry.uid.as_deref()).collect::<Vec<_>>(), [Some(UID)]);
    }

    #[tokio::test]
    async fn a_log_that_comes_after_the_end_is_waited_for() {
        let (seen, _) = seen(&ApiServer::playing(Scenario::LogComesLate)).await;
        assert!(matches!(&seen, Seen::Observed(_)), "{seen:?}");
    }

    #[tokio::test]
    async fn a_pod_that_an_admission_rule_refuses_is_not_admitted_and_nothing_is_left() {
        let server = ApiServer::playing(Scenario::NotAdmitted);
        assert_eq!(seen(&server).await, (Seen::NotAdmitted(REFUSAL.to_owned()), Vec::new()));
        assert_eq!(server.asked(&Method::GET).len(), 0, "what is not there is not asked about");
    }

    #[tokio::test]
    async fn a_pod_of_which_nobody_knows_whether_it_was_created_is_left_to_the_clean_up() {
        let (seen, left) = seen(&ApiServer::playing(Scenario::CreationFails)).await;
        let told = matches!(&seen, Seen::Nothing(reason) if reason.contains("cannot be created: "));
        assert!(told, "{seen:?}");
        assert_eq!(left.iter().map(|entry| entry.uid.as_deref()).collect::<Vec<_>>(), [None]);
    }

    #[rstest]
    #[case::an_image_that_is_not_there(Scenario::CannotRun, "ImagePullBackOff: no such image")]
    #[case::another_program(
        Scenario::EndedWithoutObservation,
        "it ended without an observation; its log: something else"
    )]
    #[case::another_runs_probe(Scenario::ObservationOfAnotherRun, "the probe's observation belongs to run r2 and")]
    #[case::an_eviction(Scenario::Evicted, "it failed: the node was low on memory")]
    #[tokio::test]
    async fn a_pod_that_says_nothing_usable_is_named_with_the_reason(#[case] scenario: Scenario, #[case] told: &str) {
        let (seen, left) = seen(&ApiServer::playing(scenario)).await;
        let Seen::Nothing(reason) = seen else { panic!("{seen:?}") };
        assert!(reason.starts_with("pod app/pod: ") && reason.contains(told), "{reason}");
        assert_eq!(left.len(), 1, "it is there, and goes with the run");
    }

    #[rstest]
    #[case::no_node(Scenario::Unscheduled, "pod pod is Pending, no node has room")]
    #[case::one_that_runs(Scenario::LogUnreadable, "pod pod is Running")]
    #[case::no_log(Scenario::EndedLogUnreadable, "its log cannot be read: the kubelet does not answer")]
    #[case::no_answer(Scenario::PodsFail, "etcdserver: request timed out")]
    #[tokio::test]
    async fn what_may_pass_is_waited_for_and_told_in_the_end(#[case] scenario: Scenario, #[case] told: &str) {
        let client = ApiServer::playing(scenario).client();
        let seen = wait_for(&client, RUN, SCENARIO_ID, &pod(), Duration::from_millis(600)).await;
        let Seen::Nothing(reason) = seen else { panic!("{seen:?}") };
        assert!(reason.starts_with("observation of pod app/pod: not within") && reason.ends_with(told), "{reason}");
    }
}
