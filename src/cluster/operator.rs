//! The stand-in for the Mendix Operator: a controller that turns each `Runtime`
//! of one run, or in a pod every `Runtime`, into its Deployment, and again whenever the `Runtime` or its
//! namespace's `OperatorConfiguration` changes. Its part is the `MendixApp` that owns a `Runtime`, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Client, Resource as _, ResourceExt};
use thiserror::Error;
use tokio::task::JoinHandle;

use super::mendix::{MendixApp, OPERATOR_CONFIGURATION, OperatorConfiguration, Runtime, deployment, mendix_app};
use super::{RUN_LABEL, SCENARIO_LABEL};

/// Whose the fields are that it sets.
const MANAGER: &str = "mendix-operator-stand-in";

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

/// Whose `Runtime`s become Deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Those of the run with this id. Their Deployments carry its labels.
    Run(&'a str),
    /// Everybody's, as an operator in the cluster does it, which knows nothing of our labels.
    Everybody,
}

/// What the controller works with.
struct Context {
    client: Client,
    copied: &'static [&'static str],
    refusals: Refusals,
}

/// Starts the controller. It ends when the handle is aborted.
#[must_use]
pub fn start(client: Client, whose: Whose<'_>, refusals: Refusals) -> JoinHandle<()> {
    let all = watcher::Config::default();
    let (ours, copied): (_, &[&str]) = match whose {
        Whose::Run(run) => (all.labels(&format!("{RUN_LABEL}={run}")), &[RUN_LABEL, SCENARIO_LABEL]),
        Whose::Everybody => (all, &[]),
    };
    let controller = Controller::new(Api::<Runtime>::all(client.clone()), ours.clone());
    let runtimes = controller.store();
    let controller = controller.watches(
        Api::<OperatorConfiguration>::all(client.clone()),
        ours,
        move |configuration| -> Vec<ObjectRef<Runtime>> {
            if configuration.name_any() != OPERATOR_CONFIGURATION {
                return Vec::new();
            }
            let of_its_namespace = |runtime: &Arc<Runtime>| runtime.namespace() == configuration.namespace();
            let found = runtimes.state().into_iter().filter(of_its_namespace);
            found.map(|runtime| ObjectRef::from_obj(&*runtime)).collect()
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
                Arc::new(Context { client, copied, refusals }),
            )
            .for_each(|_| std::future::ready(()))
            .await;
    })
}

/// Gives a `Runtime` that is still to be made its owner, the `MendixApp` of its environment, as what an operator makes has one.
///
/// That is applied and not created: in a namespace where several apps of a name follow one another, it stays for them all,
/// and goes with the namespace.
///
/// # Errors
/// The API server refuses it.
pub async fn own(client: &Client, runtime: &mut Runtime) -> Result<(), kube::Error> {
    let app = mendix_app(runtime);
    let apps = Api::<MendixApp>::namespaced(client.clone(), &runtime.namespace().unwrap_or_default());
    let made = apps.patch(&app.name_any(), &PatchParams::apply(MANAGER).force(), &Patch::Apply(&app)).await?;
    runtime.metadata.owner_references = made.controller_owner_ref(&()).map(|owner| vec![owner]);
    Ok(())
}

async fn reconcile(runtime: Arc<Runtime>, context: Arc<Context>) -> Result<Action, Error> {
    // A Runtime that is on its way out gets no new pods.
    if runtime.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = runtime.namespace().unwrap_or_default();
    let configurations = Api::<OperatorConfiguration>::namespaced(context.client.clone(), &namespace);
    let configuration = configurations.get_opt(OPERATOR_CONFIGURATION).await?;
    let made = deployment(&runtime, configuration.as_ref(), context.copied)?;
    let deployments = Api::<Deployment>::namespaced(context.client.clone(), &namespace);
    let apply = PatchParams::apply(MANAGER).force();
    let taken = deployments.patch(&made.name_any(), &apply, &Patch::Apply(&made)).await;
    {
        let mut refusals = context.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        match &taken {
            // One that passed, such as that of an API server that was restarting, is none.
            Ok(_) => _ = refusals.remove(&namespace),
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 422) => {
                refusals.insert(namespace, status.message.clone());
            }
            Err(_) => {}
        }
    }
    taken?;
    Ok(Action::await_change())
}

#[cfg(test)]
mod tests {
    use http::Method;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::api_server::{ApiServer, Asked, NAMESPACE, REFUSAL, RUN, Scenario, UID, configuration, path};
    use crate::cluster::mendix::{RUNTIME, deployment_name};
    use crate::wait::{self, Look};

    /// The operator at work, until it is dropped.
    struct Working {
        server: ApiServer,
        refusals: Refusals,
        handle: JoinHandle<()>,
    }

    impl Drop for Working {
        fn drop(&mut self) {
            self.handle.abort();
        }
    }

    impl Working {
        fn on(scenario: Scenario) -> Self {
            let (server, refusals) = (ApiServer::playing(scenario), Refusals::default());
            let handle = start(server.client(), Whose::Run(RUN), refusals.clone());
            Self { server, refusals, handle }
        }

        /// What it made at last, once it has made something that often.
        async fn made(&self, times: usize) -> Asked {
            let look = || async {
                let asked = self.server.asked(&Method::PATCH);
                match asked.get(times - 1) {
                    Some(made) => Look::Done(made.clone()),
                    None => Look::NotYet(format!("{} times", asked.len())),
                }
            };
            wait::until("its Deployment", Duration::from_secs(10), Duration::from_millis(10), look).await.unwrap()
        }

        /// Waits until this is noted as refused.
        async fn noted(&self, refusal: Option<&str>) {
            let look = || async {
                let noted = self.refusals.lock().unwrap().get(NAMESPACE).cloned();
                if noted.as_deref() == refusal { Look::Done(()) } else { Look::NotYet(format!("{noted:?}")) }
            };
            wait::until("the refusal", Duration::from_secs(10), Duration::from_millis(10), look).await.unwrap();
        }
    }

    fn automount(made: &Asked) -> &Value {
        &made.body["spec"]["template"]["spec"]["automountServiceAccountToken"]
    }

    #[rstest]
    #[case::without_an_operator_configuration(Scenario::Runtime, false)]
    #[case::with_one_that_says_so(Scenario::RuntimeWithAutomount, true)]
    #[tokio::test]
    async fn a_runtime_becomes_its_deployment_and_tokens_are_mounted_only_where_that_is_said(
        #[case] scenario: Scenario,
        #[case] mounts: bool,
    ) {
        let working = Working::on(scenario);
        let made = working.made(1).await;
        assert_eq!(made.path, path("deployments", &deployment_name(RUNTIME)));
        assert!(made.query.contains("fieldManager=mendix-operator-stand-in"), "{}", made.query);
        assert_eq!(*automount(&made), json!(mounts));
        assert_eq!(made.body["metadata"]["labels"][RUN_LABEL], RUN);
        // With it goes what was made of it.
        assert_eq!(made.body["metadata"]["ownerReferences"][0]["uid"], UID);
        assert!(working.refusals.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_runtime_is_owned_by_the_mendix_app_of_its_name_which_one_request_makes() {
        let server = ApiServer::playing(Scenario::Runtime);
        let client = server.client();
        let mut runtime = Api::<Runtime>::namespaced(client.clone(), NAMESPACE).get(RUNTIME).await.unwrap();
        own(&client, &mut runtime).await.unwrap();
        let asked = server.asked(&Method::PATCH);
        let [made] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(made.path, path("mendixapps", RUNTIME));
        assert!(made.query.contains("fieldManager=mendix-operator-stand-in"), "{}", made.query);
        assert_eq!(made.body["metadata"]["labels"][RUN_LABEL], RUN);
        let owner = &runtime.owner_references()[0];
        assert_eq!(
            (&*owner.api_version, &*owner.kind, &*owner.name, &*owner.uid, owner.controller),
            ("privatecloud.mendix.com/v1alpha1", "MendixApp", RUNTIME, UID, Some(true))
        );
    }

    #[tokio::test]
    async fn a_changed_operator_configuration_makes_the_deployment_anew() {
        let working = Working::on(Scenario::RuntimeWithAutomount);
        assert_eq!(*automount(&working.made(1).await), json!(true));
        working.server.put(&path("operatorconfigurations", OPERATOR_CONFIGURATION), configuration(false));
        assert_eq!(*automount(&working.made(2).await), json!(false));
    }

    #[tokio::test]
    async fn a_deployment_that_an_admission_rule_refuses_is_noted_with_its_reason_and_tried_again() {
        let working = Working::on(Scenario::DeploymentRefused);
        working.noted(Some(REFUSAL)).await;
        working.made(2).await;
    }

    #[tokio::test]
    async fn a_refusal_that_passed_is_none() {
        let working = Working::on(Scenario::DeploymentRefused);
        working.noted(Some(REFUSAL)).await;
        working.server.relent();
        working.noted(None).await;
    }

    #[tokio::test]
    async fn an_api_server_that_fails_refuses_nothing_and_is_asked_again() {
        let working = Working::on(Scenario::DeploymentFails);
        working.made(2).await;
        assert!(working.refusals.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_runtime_on_its_way_out_gets_no_deployment() {
        let server = ApiServer::playing(Scenario::RuntimeLeaving);
        let client = server.client();
        let runtime = Api::<Runtime>::namespaced(client.clone(), NAMESPACE).get(RUNTIME).await.unwrap();
        let context = Context { client, copied: &[], refusals: Refusals::default() };
        reconcile(Arc::new(runtime), Arc::new(context)).await.unwrap();
        assert!(server.asked(&Method::PATCH).is_empty());
    }
}
