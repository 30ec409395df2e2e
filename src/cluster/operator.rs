//! The stand-in for the Mendix Operator: a controller that turns each `Runtime`
//! of one run into its Deployment, and again whenever the `Runtime` or its
//! namespace's `OperatorConfiguration` changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Client, ResourceExt};
use thiserror::Error;
use tokio::task::JoinHandle;

use super::RUN_LABEL;
use super::mendix::{OPERATOR_CONFIGURATION, OperatorConfiguration, RUNTIME, Runtime, deployment};

/// Why a `Runtime` has no Deployment yet; it is tried again.
#[derive(Debug, Error)]
enum Error {
    #[error("the API server refuses the stand-in operator: {0}")]
    Api(#[from] kube::Error),
    #[error("the Runtime's template is not a pod's: {0}")]
    Template(#[from] serde_json::Error),
}

/// What the API server said where it refused to take a namespace's Deployment:
/// then no pod will ever come. By namespace.
pub type Refusals = Arc<Mutex<HashMap<String, String>>>;

/// What the controller works with.
struct Context {
    client: Client,
    refusals: Refusals,
}

/// Starts the controller. It ends when the handle is aborted.
#[must_use]
pub fn start(client: Client, run: &str, refusals: Refusals) -> JoinHandle<()> {
    let ours = watcher::Config::default().labels(&format!("{RUN_LABEL}={run}"));
    let controller = Controller::new(Api::<Runtime>::all(client.clone()), ours.clone()).watches(
        Api::<OperatorConfiguration>::all(client.clone()),
        ours,
        |configuration| {
            let namespace = configuration.namespace()?;
            (configuration.name_any() == OPERATOR_CONFIGURATION)
                .then(|| ObjectRef::<Runtime>::new(RUNTIME).within(&namespace))
        },
    );
    tokio::spawn(async move {
        controller
            .run(
                reconcile,
                |_, error, _| {
                    tracing::debug!(%error, "stand-in operator tries again");
                    Action::requeue(Duration::from_millis(500))
                },
                Arc::new(Context { client, refusals }),
            )
            .for_each(|_| std::future::ready(()))
            .await;
    })
}

async fn reconcile(runtime: Arc<Runtime>, context: Arc<Context>) -> Result<Action, Error> {
    // A Runtime that is on its way out gets no new pods.
    if runtime.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = runtime.namespace().unwrap_or_default();
    let configurations = Api::<OperatorConfiguration>::namespaced(context.client.clone(), &namespace);
    let configuration = configurations.get_opt(OPERATOR_CONFIGURATION).await?;
    let made = deployment(&runtime, configuration.as_ref())?;
    let deployments = Api::<Deployment>::namespaced(context.client.clone(), &namespace);
    let apply = PatchParams::apply("mendix-operator-stand-in").force();
    let taken = deployments.patch(&runtime.name_any(), &apply, &Patch::Apply(&made)).await;
    if let Err(kube::Error::Api(status)) = &taken
        && matches!(status.code, 400 | 403 | 422)
    {
        let mut refusals = context.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.insert(namespace, status.message.clone());
    }
    taken?;
    Ok(Action::await_change())
}
