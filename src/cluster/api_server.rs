//! An API server in the test's own process: what a client asks goes to a
//! function, over no socket. It keeps objects as a real one does (labels select,
//! a deletion minds its precondition, a watch is told of changes), plays one
//! [`Scenario`], and notes whatever it was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body as Answer, Bytes};
use futures::StreamExt as _;
use futures::channel::mpsc;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::mendix::{OPERATOR_CONFIGURATION, RUNTIME, deployment_name};
use super::{RUN_LABEL, SCENARIO_LABEL};
use crate::probe;
use crate::probe::living::{MARKER, Round, Since};
use crate::probe::observation::{Observation, SCHEMA, TokenState};

/// The run whose harness asks.
pub const RUN: &str = "r1";
/// Its scenario.
pub const SCENARIO_ID: &str = "group.name";
/// The namespace of everything here.
pub const NAMESPACE: &str = "app";
/// The pod.
pub const POD: &str = "pod";
/// The Service Account.
pub const ACCOUNT: &str = "account";
/// The UID of what the run made itself.
pub const UID: &str = "made-by-the-run";
/// The UID of whatever else is there under the same name.
pub const OTHER_UID: &str = "made-by-somebody-else";
/// What an admission rule says.
pub const REFUSAL: &str = "admission webhook \"policy\" denied the request: not here";
/// What a server says that has trouble.
pub const TROUBLE: &str = "etcdserver: request timed out";
/// When the last round of an app that lives on began, in milliseconds of Unix time.
pub const ROUND_BEGAN: i64 = 1000;

/// What there is, and what happens meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    // Clean-up. The journal names a pod, a Service Account and their namespace; each of them is in this state.
    /// What the run made is there as it made it.
    Made,
    /// What the run made is there, and somebody took its label away.
    Unlabelled,
    /// Somebody made others under the same names, with the run's label.
    Replaced,
    /// Another run made others under the same names.
    AnotherRuns,
    /// Nothing is there any more.
    Gone,
    /// What the run had begun to make is there only when it was asked about a few times.
    ComesLate,
    /// What the run made goes after it was asked about and before it is deleted.
    GoneMeanwhile,
    /// Somebody replaces it after it was asked about and before it is deleted.
    ReplacedMeanwhile,
    /// The deletion is refused.
    DeletionRefused,
    /// A pod that is deleted takes its time.
    EndsSlowly,
    /// Beside what the run made there are another run's pod and Service Account, and those of nobody's.
    Neighbours,

    // The pod with the probe, already there for who watches, and there in this state for who creates it.
    /// It ran, and said what it saw.
    Observed,
    /// An admission rule takes no pod: the Deployment says so, and so does whoever creates one.
    NotAdmitted,
    /// The API server fails whenever a pod is created.
    CreationFails,
    /// No node is good enough for it.
    Unscheduled,
    /// Its image cannot be pulled.
    CannotRun,
    /// Its container ended and said something else.
    EndedWithoutObservation,
    /// Its container ended, and its log is empty the first two times.
    LogComesLate,
    /// It says what was seen in another run.
    ObservationOfAnotherRun,
    /// It runs, and the kubelet does not give its log.
    LogUnreadable,
    /// Its container ended, and the kubelet does not give its log.
    EndedLogUnreadable,
    /// The kubelet ended it for want of memory, before its container ran.
    Evicted,
    /// It lives on, and its last round began at [`ROUND_BEGAN`].
    LivesOn,
    /// It ran, said what it saw, and is on its way out.
    Leaving,
    /// The API server fails whenever it is asked for pods, one or all.
    PodsFail,

    // The `Runtime` whose Deployment the stand-in operator makes.
    /// It is there, and no `OperatorConfiguration`.
    Runtime,
    /// It is there, and an `OperatorConfiguration` that mounts tokens.
    RuntimeWithAutomount,
    /// An admission rule refuses its Deployment.
    DeploymentRefused,
    /// The API server fails whenever a Deployment is made.
    DeploymentFails,
    /// It is on its way out.
    RuntimeLeaving,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    /// Null where it had none.
    pub body: Value,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    /// What a created pod comes to.
    status: Value,
    /// Method, end of the path, status and message of what always fails.
    failures: Vec<(Method, &'static str, u16, &'static str)>,
    log: String,
    meanwhile: Option<Scenario>,
    /// How often a deleted pod is still there.
    lingers: usize,
    /// How often an object, or `log`, is not there yet.
    unseen: BTreeMap<String, usize>,
    asked: Vec<Asked>,
    watches: Vec<(String, String, mpsc::UnboundedSender<Bytes>)>,
}

/// The server. Its clones are the same one.
#[derive(Clone)]
pub struct ApiServer(Arc<Mutex<State>>);

impl ApiServer {
    pub fn playing(scenario: Scenario) -> Self {
        Self(Arc::new(Mutex::new(state(scenario))))
    }

    /// A client that asks it, and never twice.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.answer(request).await }
        });
        Client::new(service, NAMESPACE)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it was asked with this method, in order.
    pub fn asked(&self, method: &Method) -> Vec<Asked> {
        self.state().asked.iter().filter(|asked| asked.method == *method).cloned().collect()
    }

    /// The names of what is there, without what it is in.
    pub fn there(&self) -> Vec<String> {
        let state = self.state();
        state.objects.keys().filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
    }

    /// Puts an object there, or in place of another, and tells whoever watches.
    pub fn put(&self, path: &str, object: Value) {
        let mut state = self.state();
        let event = json!({ "type": "MODIFIED", "object": object }).to_string() + "\n";
        let told = |(list, selector, _): &&(String, String, _)| is_in(list, path) && selects(selector, &object);
        for (_, _, watch) in state.watches.iter().filter(told) {
            let _ = watch.unbounded_send(Bytes::from(event.clone()));
        }
        state.objects.insert(path.to_owned(), object);
    }

    /// From here on nothing fails or is refused.
    pub fn relent(&self) {
        self.state().failures.clear();
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Answer>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let asked = Asked {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().replace("%2F", "/").replace("%3D", "="),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        let mut state = self.state();
        state.asked.push(asked.clone());
        let (status, answer) = state.answer(&asked);
        Ok(Response::builder().status(status).body(answer).unwrap_or_default())
    }
}

impl State {
    /// Whether it was asked for often enough.
    fn is_seen(&mut self, what: &str) -> bool {
        let Some(unseen @ 1..) = self.unseen.get_mut(what) else { return true };
        *unseen -= 1;
        false
    }

    fn answer(&mut self, asked: &Asked) -> (u16, Answer) {
        let Asked { method, path, query, body } = asked;
        let fails = |(of, end, ..): &&(Method, &str, u16, &str)| of == method && path.ends_with(end);
        if let Some((_, _, status, message)) = self.failures.iter().find(fails) {
            return refused(*status, message);
        }
        if path.ends_with("/log") {
            let comes = self.is_seen("log");
            return (200, Answer::from(if comes { self.log.clone() } else { String::new() }));
        }
        match *method {
            Method::GET => self.get(path, query),
            Method::DELETE => self.delete(path, body),
            Method::POST | Method::PATCH => {
                let mut object = body.clone();
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let path = if *method == Method::POST { format!("{path}/{name}") } else { path.clone() };
                object["metadata"]["uid"] = json!(UID);
                if *method == Method::POST {
                    object["status"] = self.status.clone();
                }
                self.objects.insert(path, object.clone());
                (200, Answer::from(object.to_string()))
            }
            _ => refused(405, "no such verb"),
        }
    }

    fn get(&mut self, path: &str, query: &str) -> (u16, Answer) {
        const LISTS: [&str; 7] = [
            "/pods",
            "/serviceaccounts",
            "/deployments",
            "/replicasets",
            "/runtimes",
            "/operatorconfigurations",
            "/namespaces",
        ];
        if LISTS.iter().any(|list| path.ends_with(list)) {
            return self.list(path, query);
        }
        let Some(object) = self.objects.get(path).cloned() else { return refused(404, "not found") };
        if !self.is_seen(path) {
            return refused(404, "not found");
        }
        match self.meanwhile {
            Some(Scenario::GoneMeanwhile) => _ = self.objects.remove(path),
            Some(Scenario::ReplacedMeanwhile) => {
                self.objects.entry(path.to_owned()).or_default()["metadata"]["uid"] = json!(OTHER_UID)
            }
            _ => {}
        }
        if !object["metadata"]["deletionTimestamp"].is_null() && self.meanwhile == Some(Scenario::EndsSlowly) {
            self.lingers -= 1;
            if self.lingers == 0 {
                self.objects.remove(path);
            }
        }
        (200, Answer::from(object.to_string()))
    }

    fn list(&mut self, path: &str, query: &str) -> (u16, Answer) {
        let of = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)).unwrap_or_default().to_owned();
        let selector = of("labelSelector=");
        if of("watch=") == "true" {
            let (changes, watch) = mpsc::unbounded();
            self.watches.push((path.to_owned(), selector, changes));
            return (200, Answer::from_stream(watch.map(Ok::<_, Infallible>)));
        }
        let here = |(at, object): &(&String, &Value)| is_in(path, at) && selects(&selector, object);
        let items: Vec<&Value> = self.objects.iter().filter(here).map(|(_, object)| object).collect();
        (200, Answer::from(json!({ "metadata": { "resourceVersion": "1" }, "items": items }).to_string()))
    }

    fn delete(&mut self, path: &str, body: &Value) -> (u16, Answer) {
        let Some(object) = self.objects.get_mut(path) else { return refused(404, "not found") };
        let wanted = &body["preconditions"]["uid"];
        if !wanted.is_null() && *wanted != object["metadata"]["uid"] {
            return refused(409, "the UID in the precondition is not the object's");
        }
        if self.lingers > 0 {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        } else {
            self.objects.remove(path);
        }
        (200, Answer::from(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }).to_string()))
    }
}

fn refused(code: u16, message: &str) -> (u16, Answer) {
    let reason = if code == 404 { "NotFound" } else { "" };
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
        "code": code });
    (code, Answer::from(status.to_string()))
}

/// Whether an object is in a list, which may be one over all namespaces.
fn is_in(list: &str, object: &str) -> bool {
    let Some((place, plural)) = list.rsplit_once('/') else { return false };
    let Some((collection, _)) = object.rsplit_once('/') else { return false };
    let everywhere = || {
        collection
            .strip_prefix(&format!("{place}/namespaces/"))
            .is_some_and(|rest| rest.ends_with(&format!("/{plural}")))
    };
    collection == list || everywhere()
}

fn selects(selector: &str, object: &Value) -> bool {
    selector.split_once('=').is_none_or(|(label, value)| object["metadata"]["labels"][label] == value)
}

/// Where a thing in the namespace is.
pub fn path(plural: &str, name: &str) -> String {
    let group = match plural {
        "deployments" | "replicasets" => "/apis/apps/v1",
        "mendixapps" | "runtimes" | "operatorconfigurations" => "/apis/privatecloud.mendix.com/v1alpha1",
        _ => "/api/v1",
    };
    match plural {
        "namespaces" => format!("{group}/namespaces/{name}"),
        _ => format!("{group}/namespaces/{NAMESPACE}/{plural}/{name}"),
    }
}

fn object(api_version: &str, kind: &str, name: &str, uid: &str, run: &str) -> Value {
    let labels = json!({ RUN_LABEL: run, SCENARIO_LABEL: SCENARIO_ID, "app": RUNTIME });
    json!({ "apiVersion": api_version, "kind": kind,
        "metadata": { "name": name, "namespace": NAMESPACE, "uid": uid, "labels": labels } })
}

fn state(scenario: Scenario) -> State {
    let mut state = State { meanwhile: Some(scenario), ..State::default() };
    match scenario {
        Scenario::Gone => {}
        Scenario::Unlabelled => made(&mut state, UID, ""),
        Scenario::Replaced => made(&mut state, OTHER_UID, RUN),
        Scenario::AnotherRuns => made(&mut state, OTHER_UID, "r2"),
        Scenario::Made | Scenario::GoneMeanwhile | Scenario::ReplacedMeanwhile => made(&mut state, UID, RUN),
        Scenario::DeletionRefused => {
            made(&mut state, UID, RUN);
            state.failures.push((Method::DELETE, "", 403, REFUSAL));
        }
        Scenario::ComesLate => {
            made(&mut state, UID, RUN);
            state.unseen = state.objects.keys().map(|path| (path.clone(), 2)).collect();
        }
        Scenario::EndsSlowly => {
            made(&mut state, UID, RUN);
            state.lingers = 3;
        }
        Scenario::Neighbours => {
            made(&mut state, UID, RUN);
            for (suffix, run) in [("another-runs", "r2"), ("nobodys", "")] {
                for (plural, kind) in [("pods", "Pod"), ("serviceaccounts", "ServiceAccount")] {
                    let name = format!("{plural}-{suffix}");
                    state.objects.insert(path(plural, &name), object("v1", kind, &name, OTHER_UID, run));
                }
            }
        }
        Scenario::Runtime
        | Scenario::RuntimeWithAutomount
        | Scenario::DeploymentRefused
        | Scenario::DeploymentFails
        | Scenario::RuntimeLeaving => runtime(&mut state, scenario),
        _ => pod(&mut state, scenario),
    }
    state
}

/// The pod, the Service Account and the namespace, with that UID and label.
fn made(state: &mut State, uid: &str, run: &str) {
    let things =
        [("pods", "Pod", POD), ("serviceaccounts", "ServiceAccount", ACCOUNT), ("namespaces", "Namespace", NAMESPACE)];
    for (plural, kind, name) in things {
        state.objects.insert(path(plural, name), object("v1", kind, name, uid, run));
    }
}

fn pod(state: &mut State, scenario: Scenario) {
    let container = |is: Value| json!({ "phase": "Running", "containerStatuses": [{ "name": "probe", "state": is }] });
    let running = container(json!({ "running": {} }));
    let terminated = container(json!({ "terminated": { "exitCode": 0 } }));
    let mut pod = object("v1", "Pod", POD, UID, RUN);
    pod["spec"] = json!({ "nodeName": "node", "containers": [] });
    pod["status"] = terminated.clone();
    state.log = said(RUN);
    match scenario {
        Scenario::NotAdmitted => {
            let mut deployment = object("apps/v1", "Deployment", &deployment_name(RUNTIME), UID, RUN);
            let condition = json!({ "type": "ReplicaFailure", "status": "True", "message": REFUSAL });
            deployment["status"] = json!({ "conditions": [condition] });
            state.objects.insert(path("deployments", &deployment_name(RUNTIME)), deployment);
            state.failures.push((Method::POST, "/pods", 403, REFUSAL));
            return;
        }
        Scenario::CreationFails => state.failures.push((Method::POST, "/pods", 500, TROUBLE)),
        Scenario::Unscheduled => {
            let condition = json!({ "type": "PodScheduled", "status": "False", "message": "no node has room" });
            pod["spec"]["nodeName"] = Value::Null;
            pod["status"] = json!({ "phase": "Pending", "conditions": [condition] });
        }
        Scenario::CannotRun => {
            pod["status"] =
                container(json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } }));
            state.failures.push((Method::GET, "/log", 400, "the container waits to start"));
        }
        Scenario::EndedWithoutObservation => state.log = "hello\nsomething else\n".to_owned(),
        Scenario::LogComesLate => _ = state.unseen.insert("log".to_owned(), 2),
        Scenario::ObservationOfAnotherRun => state.log = said("r2"),
        Scenario::LivesOn => state.log = said_by_a_round(),
        Scenario::LogUnreadable | Scenario::EndedLogUnreadable => {
            pod["status"] = if scenario == Scenario::LogUnreadable { running } else { terminated };
            state.failures.push((Method::GET, "/log", 500, "the kubelet does not answer"));
        }
        Scenario::Evicted => {
            pod["status"] = json!({ "phase": "Failed", "reason": "Evicted", "message": "the node was low on memory" });
            state.failures.push((Method::GET, "/log", 404, "there is no such container"));
        }
        Scenario::Leaving => pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        Scenario::PodsFail => {
            for end in ["/pods", "/pods/pod"] {
                state.failures.push((Method::GET, end, 500, TROUBLE));
            }
        }
        _ => {}
    }
    state.status = pod["status"].clone();
    state.objects.insert(path("pods", POD), pod);
}

fn runtime(state: &mut State, scenario: Scenario) {
    let group = "privatecloud.mendix.com/v1alpha1";
    let mut runtime = object(group, "Runtime", RUNTIME, UID, RUN);
    runtime["spec"] = json!({ "template": { "spec": { "containers": [] } } });
    match scenario {
        Scenario::RuntimeWithAutomount => {
            state.objects.insert(path("operatorconfigurations", OPERATOR_CONFIGURATION), configuration(true));
        }
        Scenario::DeploymentRefused => state.failures.push((Method::PATCH, "-master", 403, REFUSAL)),
        Scenario::DeploymentFails => state.failures.push((Method::PATCH, "-master", 500, TROUBLE)),
        Scenario::RuntimeLeaving => runtime["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        _ => {}
    }
    state.objects.insert(path("runtimes", RUNTIME), runtime);
}

/// An `OperatorConfiguration` that mounts tokens, or not.
pub fn configuration(automount: bool) -> Value {
    let mut made =
        object("privatecloud.mendix.com/v1alpha1", "OperatorConfiguration", OPERATOR_CONFIGURATION, UID, RUN);
    made["spec"] = json!({ "runtimeAutomountServiceAccountToken": automount });
    made
}

/// What the probe of a run prints.
fn said(run: &str) -> String {
    probe::to_line(&observation(run)).unwrap() + "\n"
}

/// What it prints in a round, where it lives on.
fn said_by_a_round() -> String {
    let seen = || Since { since: 0, until: None, looked: ROUND_BEGAN, observation: observation(RUN) };
    let round = Round { began: ROUND_BEGAN, granted: 0, kept: seen(), anew: seen() };
    format!("{MARKER} {}\n", serde_json::to_string(&round).unwrap())
}

fn observation(run: &str) -> Observation {
    Observation {
        schema: SCHEMA,
        run: run.to_owned(),
        scenario: SCENARIO_ID.to_owned(),
        token: TokenState::Absent,
        login: None,
        read_path: "pmp-dev/data/admin".to_owned(),
        read: None,
        read_with_token: false,
        secret: None,
        boundary: None,
        asked: None,
        millis: 1,
    }
}
