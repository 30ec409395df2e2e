use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cluster::api_server::{ApiServer, NAMESPACE, POD, REFUSAL, RUN, SCENARIO_ID, Scenario, path};
use crate::cluster::mendix::{RUNTIME, deployment_name};
use crate::cluster::{RUN_LABEL, SCENARIO_LABEL};

/// What comes of the app, as its scenario waits for it.
async fn app(server: &ApiServer, refusals: Refusals, limit: Duration) -> Result<Outcome, Error> {
    let apps = Apps::watch(&server.client(), &format!("{RUN_LABEL}={RUN}"), refusals);
    observe(&apps, NAMESPACE, RUN, SCENARIO_ID, limit).await
}

async fn comes_to(scenario: Scenario, limit: Duration) -> Result<Outcome, Error> {
    app(&ApiServer::playing(scenario), Refusals::default(), limit).await
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(1200);

#[tokio::test]
async fn what_the_probe_saw_is_what_comes_of_the_app() {
    let outcome = comes_to(Scenario::Observed, LONG).await.unwrap();
    assert!(matches!(&outcome, Outcome::Observed(seen) if seen.run == RUN), "{outcome:?}");
}

#[tokio::test]
async fn pods_that_an_admission_rule_refuses_are_not_admitted_for_its_reason() {
    let outcome = comes_to(Scenario::NotAdmitted, LONG).await.unwrap();
    assert_eq!(outcome, Outcome::NotAdmitted(REFUSAL.to_owned()));
}

#[tokio::test]
async fn a_deployment_that_the_operator_is_refused_has_pods_that_are_not_admitted() {
    let refusals = Refusals::default();
    refusals.lock().unwrap().insert(NAMESPACE.to_owned(), REFUSAL.to_owned());
    let outcome = app(&ApiServer::playing(Scenario::Gone), refusals, LONG).await.unwrap();
    assert_eq!(outcome, Outcome::NotAdmitted(REFUSAL.to_owned()));
}

#[tokio::test]
async fn a_log_that_comes_after_the_end_is_waited_for() {
    let outcome = comes_to(Scenario::LogComesLate, LONG).await;
    assert!(matches!(outcome, Ok(Outcome::Observed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_that_passes_is_no_verdict() {
    let refusals = Refusals::default();
    refusals.lock().unwrap().insert(NAMESPACE.to_owned(), REFUSAL.to_owned());
    let server = ApiServer::playing(Scenario::Gone);
    let passes = async {
        tokio::time::sleep(REFUSAL_LASTS / 2).await;
        refusals.lock().unwrap().clear();
    };
    let (outcome, ()) = tokio::join!(app(&server, refusals.clone(), REFUSAL_LASTS * 2), passes);
    let error = outcome.unwrap_err().to_string();
    assert!(error.ends_with("last seen: no pod yet"), "{error}");
}

#[rstest]
#[case::as_it_was(Scenario::Observed, false)]
#[case::on_its_way_out(Scenario::Leaving, true)]
#[tokio::test]
async fn an_app_is_rolled_out_when_its_pod_is_on_its_way_out_and_not_before(
    #[case] scenario: Scenario,
    #[case] rolled_out: bool,
) {
    let server = ApiServer::playing(scenario);
    let apps = Apps::watch(&server.client(), &format!("{RUN_LABEL}={RUN}"), Refusals::default());
    let filled = wait::until("the pod to be seen", LONG, INTERVAL, || async {
        if apps.pods.state().is_empty() { Look::NotYet("none".to_owned()) } else { Look::Done(()) }
    });
    filled.await.unwrap();
    assert_eq!(apps.pod(NAMESPACE, SCENARIO_ID).is_none(), rolled_out);
    let replaced = apps.replaced(NAMESPACE, SCENARIO_ID, Some(POD), SHORT).await;
    assert_eq!(replaced.is_ok(), rolled_out, "{replaced:?}");
}

#[tokio::test]
async fn a_namespace_makes_room_when_its_last_pod_is_gone_and_not_before() {
    let server = ApiServer::playing(Scenario::Leaving);
    let apps = Apps::watch(&server.client(), &format!("{RUN_LABEL}={RUN}"), Refusals::default());
    let filled = wait::until("the pod to be seen", LONG, INTERVAL, || async {
        if apps.pods.state().is_empty() { Look::NotYet("none".to_owned()) } else { Look::Done(()) }
    });
    filled.await.unwrap();
    let error = apps.gone(NAMESPACE, SHORT).await.unwrap_err().to_string();
    assert!(error.starts_with("end of the pods in namespace app: not within 1 s; last seen: pod pod"), "{error}");
    apps.gone("another", SHORT).await.unwrap();
}

#[rstest]
#[case::an_image_that_is_not_there(Scenario::CannotRun, "ImagePullBackOff: no such image")]
#[case::another_program(Scenario::EndedWithoutObservation, "it ended without an observation; its log: something else")]
#[case::another_runs_probe(Scenario::ObservationOfAnotherRun, "the probe's observation belongs to run r2 and")]
#[case::an_eviction(Scenario::Evicted, "it failed: the node was low on memory")]
#[tokio::test]
async fn a_pod_that_says_nothing_usable_is_named_with_the_reason(#[case] scenario: Scenario, #[case] told: &str) {
    let error = comes_to(scenario, LONG).await.unwrap_err();
    assert!(matches!(&error, Error::Pod { namespace, pod, .. } if namespace == NAMESPACE && pod == POD), "{error}");
    assert!(error.to_string().contains(told), "{error}");
}

#[rstest]
#[case::no_node(Scenario::Unscheduled, "pod pod is Pending, no node has room")]
#[case::no_log(Scenario::LogUnreadable, "pod pod is Running; its log cannot be read: the kubelet does not answer")]
#[case::no_log_of_what_ended(Scenario::EndedLogUnreadable, "its log cannot be read: the kubelet does not answer")]
#[case::no_watch(Scenario::PodsFail, "the API server gives no pods: etcdserver: request timed out")]
#[case::one_on_its_way_out(Scenario::Leaving, "no pod yet")]
#[tokio::test]
async fn what_may_pass_is_waited_for_and_told_in_the_end(#[case] scenario: Scenario, #[case] told: &str) {
    let error = comes_to(scenario, SHORT).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut(_)), "{error}");
    assert!(error.to_string().ends_with(told), "{error}");
}

#[tokio::test]
async fn another_scenarios_pod_in_the_same_namespace_is_not_the_apps() {
    let server = ApiServer::playing(Scenario::Observed);
    let apps = Apps::watch(&server.client(), &format!("{RUN_LABEL}={RUN}"), Refusals::default());
    let error = observe(&apps, NAMESPACE, RUN, "group.another", SHORT).await.unwrap_err().to_string();
    assert!(error.ends_with("no pod yet"), "{error}");
}

/// A Runtime with this many of its Deployment, its ReplicaSet and its pod, made by an operator that is not ours.
async fn anothers(made: usize) -> ApiServer {
    let server = ApiServer::playing(Scenario::Observed);
    let pod = Api::<Pod>::namespaced(server.client(), NAMESPACE).get(POD).await.unwrap();
    let mut pod = serde_json::to_value(pod).unwrap();
    let object = |version: &str, kind: &str, name: &str, owner: &str| {
        let owners = json!([{ "apiVersion": "x/v1", "kind": owner, "name": "x", "uid": owner }]);
        let metadata = json!({ "name": name, "namespace": NAMESPACE, "uid": kind, "ownerReferences": owners });
        json!({ "apiVersion": version, "kind": kind, "metadata": metadata })
    };
    let mut runtime = object("privatecloud.mendix.com/v1alpha1", "Runtime", RUNTIME, "MendixApp");
    runtime["metadata"]["labels"] = json!({ RUN_LABEL: RUN, SCENARIO_LABEL: SCENARIO_ID });
    runtime["spec"] = json!({});
    server.put(&path("runtimes", RUNTIME), runtime);
    let deployment = deployment_name(RUNTIME);
    pod["metadata"]["labels"] = Value::Null;
    if made > 2 {
        pod["metadata"]["ownerReferences"] =
            object("v1", "Pod", POD, "ReplicaSet")["metadata"]["ownerReferences"].take();
    }
    server.put(&path("pods", POD), pod);
    if made > 0 {
        server.put(&path("deployments", &deployment), object("apps/v1", "Deployment", &deployment, "Runtime"));
    }
    if made > 1 {
        server.put(&path("replicasets", "set"), object("apps/v1", "ReplicaSet", "set", "Deployment"));
    }
    server
}

#[tokio::test]
async fn a_pod_without_our_labels_is_the_apps_whose_runtime_it_goes_back_to() {
    let apps = Apps::watch_by_owner(&anothers(3).await.client(), &format!("{RUN_LABEL}={RUN}"));
    let outcome = observe(&apps, NAMESPACE, RUN, SCENARIO_ID, LONG).await.unwrap();
    assert!(matches!(&outcome, Outcome::Observed(seen) if seen.run == RUN), "{outcome:?}");
    let another = observe(&apps, NAMESPACE, RUN, "group.another", SHORT).await.unwrap_err().to_string();
    assert!(another.ends_with("no Runtime yet"), "{another}");
}

#[rstest]
#[case::no_deployment(0, "the operator has made no Deployment of Runtime mxplatform")]
#[case::no_replica_set(1, "Deployment mxplatform-master has no pod yet")]
#[case::no_pod(2, "Deployment mxplatform-master has no pod yet")]
#[tokio::test]
async fn what_another_operator_has_not_made_is_told(#[case] made: usize, #[case] told: &str) {
    let apps = Apps::watch_by_owner(&anothers(made).await.client(), &format!("{RUN_LABEL}={RUN}"));
    let error = observe(&apps, NAMESPACE, RUN, SCENARIO_ID, SHORT).await.unwrap_err().to_string();
    assert!(error.ends_with(told), "{error}");
}
