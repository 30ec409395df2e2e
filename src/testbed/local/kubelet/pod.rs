//! One pod, from its admission to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Binding, Container, Node, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::address;
use super::super::process::{Process, Start};
use super::station::{Log, Shelter, now};
use super::{container, files, schedule};
use crate::cluster::patience::why;

/// How soon to try again what a kubelet tries again: a volume that is not there yet.
const AGAIN: Duration = Duration::from_millis(300);

/// How long a container that ended waits for its next start, at first and at most, as a kubelet has it.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// How long a pod may take to end where it does not say.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a pod until it is told to end, and sees to it that it is gone then.
pub async fn run(shelter: Arc<Shelter>, pod: Pod, mut told: watch::Receiver<bool>) {
    let bound = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    if bound.as_ref().is_some_and(|node| *node != shelter.node) {
        return;
    }
    let pods = Api::<Pod>::namespaced(shelter.station.kube.clone(), &pod.namespace().unwrap_or_default());
    let one = One { shelter: &shelter, pods: &pods, pod: &pod };
    let mut process = None;
    tokio::select! {
        _ = told.wait_for(|told| *told) => {}
        () = one.live(bound.is_some(), &mut process) => {}
    }
    // Whether it came to an end by itself or not, its object stays until somebody deletes it.
    let _ = told.wait_for(|told| *told).await;
    if let Some(process) = process {
        let seconds = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
        let grace = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(GRACE, Duration::from_secs);
        process.terminate(grace).await;
    }
    one.remove().await;
}

struct One<'a> {
    shelter: &'a Shelter,
    pods: &'a Api<Pod>,
    pod: &'a Pod,
}

impl One<'_> {
    /// Its life. It comes back where nothing more will happen by itself.
    async fn live(&self, bound: bool, running: &mut Option<Process>) {
        if !bound && !self.bound().await {
            return;
        }
        let Some(container) = self.pod.spec.as_ref().and_then(|spec| spec.containers.first()) else { return };
        let root = self.shelter.folder.join(self.pod.uid().unwrap_or_default());
        let ip = match address::free(&[]) {
            Ok(address) => address.to_string(),
            Err(error) => return self.waits(container, "CreateContainerError", &error.to_string()).await,
        };
        let mut restarts = 0;
        let mut last = Value::Null;
        let mut pause = BACK_OFF.0;
        loop {
            let process = self.started(container, &root, &ip).await;
            *running = Some(process.clone());
            self.shelter.note_log(self.pod, Log { file: process.log.clone(), process: process.clone() });
            let since = now();
            let state = json!({ "running": { "startedAt": since } });
            self.report("Running", true, Some(&ip), self.status(container, state, &last, restarts, Some(&process)))
                .await;
            let code = process.end().await.unwrap_or(-1);
            let (word, phase) = if code == 0 { ("Completed", "Succeeded") } else { ("Error", "Failed") };
            let reason = json!({ "terminated": {
                "exitCode": code, "reason": word, "startedAt": since, "finishedAt": now(),
            } });
            if self.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) == Some("Never") {
                let status = self.status(container, reason, &last, restarts, None);
                return self.report(phase, false, Some(&ip), status).await;
            }
            last = reason;
            let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": process.last_words() } });
            self.report("Running", false, Some(&ip), self.status(container, waiting, &last, restarts, None)).await;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACK_OFF.1);
            restarts += 1;
        }
    }

    /// Binds it to the node, as soon as it may run there; false where it is gone, or somebody else has bound it.
    async fn bound(&self) -> bool {
        let nodes = Api::<Node>::all(self.shelter.station.kube.clone());
        // Its own node takes whatever asks for none.
        let chooses = self.pod.spec.as_ref().is_some_and(|spec| spec.node_selector.is_some());
        let mut told = String::new();
        loop {
            if chooses {
                let all = nodes.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
                if let Some(refusal) = schedule::refusal(self.pod, &self.shelter.node, &all) {
                    if refusal != told {
                        self.unschedulable(&refusal).await;
                        told = refusal;
                    }
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
            match self.bind().await {
                Ok(()) => return true,
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return false,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn unschedulable(&self, why: &str) {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why,
            "lastTransitionTime": now(),
        });
        self.tell(json!({ "conditions": [condition] })).await;
    }

    async fn bind(&self) -> Result<(), kube::Error> {
        let name = self.pod.name_any();
        let binding: Binding = serde_json::from_value(json!({
            "metadata": { "name": name, "uid": self.pod.uid() },
            "target": { "apiVersion": "v1", "kind": "Node", "name": self.shelter.node },
        }))
        .map_err(kube::Error::SerdeError)?;
        let _: Value = self.pods.create_subresource("binding", &name, &PostParams::default(), &binding).await?;
        Ok(())
    }

    /// Its process, as soon as what it needs is there.
    async fn started(&self, container: &Container, root: &Path, ip: &str) -> Process {
        let mut told = String::new();
        loop {
            let (reason, message) = match self.start(container, root, ip).await {
                Ok(process) => return process,
                Err(problem) => problem,
            };
            if message != told {
                self.waits(container, reason, &message).await;
                told = message;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn start(&self, container: &Container, root: &Path, ip: &str) -> Result<Process, (&'static str, String)> {
        let kube = self.shelter.station.kube_of(self.pod);
        files::mount(&kube, self.pod, container, root).await.map_err(|reason| ("ContainerCreating", reason))?;
        let program = container::program(&self.shelter.station, self.pod, container, root, ip);
        let container::Program { path, arguments, environment } = program.map_err(|problem| match problem {
            // Nobody here pulls any.
            container::Problem::NoImage(reason) => ("ImagePullBackOff", reason),
            container::Problem::Unusable(reason) => ("CreateContainerConfigError", reason),
        })?;
        let (name, folder, log) = (self.shelter.part.as_str(), root, root.join("log"));
        let start = Start { name, program: &path, arguments, environment, folder, log };
        start.go().map_err(|error| ("RunContainerError", error.to_string()))
    }

    async fn waits(&self, container: &Container, reason: &str, message: &str) {
        let state = json!({ "waiting": { "reason": reason, "message": message } });
        self.report("Pending", false, None, self.status(container, state, &Value::Null, 0, None)).await;
    }

    fn status(
        &self,
        container: &Container,
        state: Value,
        last: &Value,
        restarts: u32,
        process: Option<&Process>,
    ) -> Value {
        let runs = process.is_some();
        let mut status = json!({
            "name": container.name, "image": container.image, "imageID": container.image, "ready": runs,
            "started": runs, "restartCount": restarts, "state": state,
        });
        if let Some(process) = process {
            status["containerID"] = json!(format!("process://{}", process.id));
        }
        if !last.is_null() {
            status["lastState"] = last.clone();
        }
        status
    }

    /// Tells the API server. Where that fails, the next state is told.
    async fn report(&self, phase: &str, ready: bool, ip: Option<&str>, container: Value) {
        let condition = |name: &str, holds: bool| json!({ "type": name, "status": if holds { "True" } else { "False" }, "lastTransitionTime": now() });
        let mut status = json!({
            "phase": phase,
            "hostIP": "127.0.0.1",
            "startTime": now(),
            "conditions": [
                condition("PodScheduled", true), condition("Initialized", true),
                condition("ContainersReady", ready), condition("Ready", ready),
            ],
            "containerStatuses": [container],
        });
        if let Some(ip) = ip {
            status["podIP"] = json!(ip);
            status["podIPs"] = json!([{ "ip": ip }]);
        }
        self.tell(status).await;
    }

    async fn tell(&self, status: Value) {
        let patch = Patch::Merge(json!({ "metadata": { "uid": self.pod.uid() }, "status": status }));
        let told = self.pods.patch_status(&self.pod.name_any(), &PatchParams::default(), &patch).await;
        if let Err(error) = told {
            tracing::debug!("state of pod {}: {}", self.pod.name_any(), why(&error));
        }
    }

    /// Takes its files and its object away.
    async fn remove(&self) {
        self.shelter.forget_log(self.pod);
        // What is left goes with the run's folder.
        let _ = std::fs::remove_dir_all(self.shelter.folder.join(self.pod.uid().unwrap_or_default()));
        let now = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: self.pod.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        loop {
            match self.pods.delete(&self.pod.name_any(), &now).await {
                Ok(_) => return,
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}
