//! An API server on its way up: the client, our definitions, the node, and what
//! a Vault must be told of it.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, ResourceExt};
use serde::Serialize;
use thiserror::Error;

use super::terms::ApiServer;
use crate::cluster::mendix::{self, OperatorConfiguration, Runtime};
use crate::cluster::patience::{self, Outages, Whose};
use crate::wait::{self, Look, TimedOut};

/// How long the node may take to take pods once its API server answers; it takes
/// ten seconds, and half a minute where the machine is busy.
const NODE_LIMIT: Duration = Duration::from_secs(180);

/// So long after a definition is established, by the whole second in which it was, an API server lets every creation of
/// one of its objects sleep: another API server may not know of it yet (`customresource_handler.go` in Kubernetes'
/// apiextensions-apiserver).
const HOLDS_CREATIONS: Duration = Duration::from_secs(2);

/// Why the API server of a testbed cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// It answers other than it should.
    #[error("the cluster of the run cannot {what}: {reason}")]
    Cluster {
        /// What.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

/// What the cluster could not do, and why.
pub fn cannot<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::Cluster { what, reason: error.to_string() }
}

/// A client for a configuration file.
///
/// # Errors
/// The file cannot be used, or the API server cannot be spoken to.
pub async fn client(kubeconfig: &Path, outages: &Outages) -> Result<Client, Error> {
    let file = Kubeconfig::read_from(kubeconfig).map_err(cannot("be reached"))?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(cannot("be reached"))?;
    // The API server is on loopback: a proxy of the environment leads nowhere.
    config.proxy_url = None;
    patience::client(config, Whose::Ours(outages)).map_err(cannot("be reached"))
}

/// A kubeconfig with another address of its API server.
#[must_use]
pub fn with_server(kubeconfig: &str, address: &str) -> String {
    let lines: Vec<String> = kubeconfig
        .lines()
        .map(|line| match line.split_once("server:") {
            Some((indent, _)) if indent.trim().is_empty() => format!("{indent}server: {address}"),
            _ => line.to_owned(),
        })
        .collect();
    lines.join("\n") + "\n"
}

/// Waits until the API server is ready.
///
/// # Errors
/// It is not within the time limit.
pub async fn ready(kube: &Client, limit: Duration) -> Result<(), Error> {
    says(kube, "API server to be ready", limit, |said| said.map(drop)).await
}

/// Waits until it answers, whatever it says.
async fn answers(kube: &Client, limit: Duration) -> Result<(), Error> {
    says(kube, "API server to answer", limit, |said| match said {
        Ok(_) | Err(kube::Error::Api(_)) => Ok(()),
        Err(error) => Err(error),
    })
    .await
}

/// Waits for what it says of being ready, which the client asks once a time and with no pauses of its own in between.
async fn says(
    kube: &Client,
    subject: &str,
    limit: Duration,
    enough: impl Fn(kube::Result<String>) -> kube::Result<()>,
) -> Result<(), Error> {
    let said = wait::until(subject, limit, Duration::from_millis(150), || async {
        let request = match http_get("/readyz") {
            Ok(request) => request,
            Err(error) => return Look::NotYet(error.to_string()),
        };
        match enough(kube.request_text(request).await) {
            Ok(()) => Look::Done(()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    });
    Ok(said.await?)
}

/// Waits until a node takes pods. Only the cluster's own is waited for: the
/// self-test adds one that never gets ready.
///
/// # Errors
/// It does not within the time limit.
pub async fn takes_pods(kube: &Client, node: &str) -> Result<(), Error> {
    let nodes = Api::<Node>::all(kube.clone());
    let subject = format!("node {node} to be ready");
    let ready = wait::until(&subject, NODE_LIMIT, Duration::from_millis(100), || async {
        let node = match nodes.get_opt(node).await {
            Ok(Some(node)) => node,
            Ok(None) => return Look::NotYet("no node yet".to_owned()),
            Err(error) => return Look::NotYet(error.to_string()),
        };
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        let tainted = node.spec.and_then(|spec| spec.taints).is_some_and(|taints| !taints.is_empty());
        match conditions.into_iter().find(|condition| condition.type_ == "Ready") {
            Some(condition) if condition.status == "True" && !tainted => Look::Done(()),
            Some(condition) => Look::NotYet(condition.message.unwrap_or_else(|| "tainted".to_owned())),
            None => Look::NotYet("no condition yet".to_owned()),
        }
    });
    Ok(ready.await?)
}

/// Makes our definitions of the custom resources. The API server takes them before it is ready, and the earlier it does
/// the sooner it [lets objects of them be created](lets_create).
///
/// # Errors
/// The API server does not take them within the time limit.
pub async fn apply_definitions(kube: &Client, limit: Duration) -> Result<(), Error> {
    let ours = mendix::custom_resource_definitions().map_err(cannot("take the custom resource definitions"))?;
    answers(kube, limit).await?;
    let taken = wait::until("API server to take definitions", limit, Duration::from_millis(150), || async {
        match establish(kube, &ours).await {
            Ok(()) => Look::Done(()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    });
    taken.await?;
    // With a first list it begins with what a watch needs: otherwise the first watch is refused for a second.
    let one = ListParams::default().limit(1);
    let (runtimes, configurations) =
        (Api::<Runtime>::all(kube.clone()), Api::<OperatorConfiguration>::all(kube.clone()));
    let _ = tokio::join!(runtimes.list(&one), configurations.list(&one));
    Ok(())
}

/// Makes these definitions of custom resources, and waits until the API server serves them.
///
/// # Errors
/// The API server refuses.
pub async fn establish(kube: &Client, wanted: &[impl ResourceExt + Serialize + Debug]) -> Result<(), Error> {
    let definitions = Api::<CustomResourceDefinition>::all(kube.clone());
    for definition in wanted {
        let apply = PatchParams::apply("pmp-vault-conformance").force();
        definitions
            .patch(&definition.name_any(), &apply, &Patch::Apply(definition))
            .await
            .map_err(cannot("take the custom resource definitions"))?;
    }
    for definition in wanted {
        let name = definition.name_any();
        wait::until(&format!("definition {name}"), Duration::from_secs(30), Duration::from_millis(100), || async {
            let found = definitions.get(&name).await;
            let conditions = found.ok().and_then(|d| d.status).and_then(|status| status.conditions).unwrap_or_default();
            match conditions.iter().any(|c| c.type_ == "Established" && c.status == "True") {
                true => Look::Done(()),
                false => Look::NotYet("not established".to_owned()),
            }
        })
        .await?;
    }
    Ok(())
}

/// Waits until objects of every definition are created at once. A creation that comes sooner sleeps for the whole of
/// [`HOLDS_CREATIONS`].
///
/// # Errors
/// The API server does not list its definitions.
pub async fn lets_create(kube: &Client) -> Result<(), Error> {
    let definitions = Api::<CustomResourceDefinition>::all(kube.clone()).list(&ListParams::default()).await;
    let definitions = definitions.map_err(cannot("list the custom resource definitions"))?;
    let conditions = definitions.iter().filter_map(|it| it.status.as_ref()?.conditions.as_ref()).flatten();
    let since = conditions.filter(|condition| condition.type_ == "Established");
    let last = since.filter_map(|condition| Some(condition.last_transition_time.as_ref()?.0)).max();
    if let Some(last) = last {
        tokio::time::sleep(left_of(last, Timestamp::now())).await;
    }
    Ok(())
}

/// What is left of [`HOLDS_CREATIONS`], whatever another machine's clock says.
fn left_of(established: Timestamp, now: Timestamp) -> Duration {
    let since = Duration::try_from(now.duration_since(established)).unwrap_or_default();
    HOLDS_CREATIONS.saturating_sub(since)
}

/// The API server as Vault must be told of it, by a host and a port that Vault reaches.
///
/// # Errors
/// Its authority or its issuer cannot be found out.
pub async fn describe(kube: &Client, kubeconfig: &Path, host: &str, port: u16) -> Result<ApiServer, Error> {
    let file = Kubeconfig::read_from(kubeconfig).map_err(cannot("be reached"))?;
    let ca =
        file.clusters.into_iter().find_map(|named| named.cluster?.certificate_authority_data).ok_or_else(|| {
            Error::Cluster { what: "be trusted", reason: "its kubeconfig has no certificate authority".to_owned() }
        })?;
    let ca = base64(&ca).map_err(cannot("be trusted"))?;
    let request = http_get("/.well-known/openid-configuration").map_err(cannot("name its issuer"))?;
    let discovery: serde_json::Value = kube.request(request).await.map_err(cannot("name its issuer"))?;
    let issuer = discovery["issuer"].as_str().unwrap_or_default().to_owned();
    Ok(ApiServer { address: format!("https://{host}:{port}"), closed_address: format!("https://{host}:1"), ca, issuer })
}

fn http_get(path: &str) -> Result<http::Request<Vec<u8>>, http::Error> {
    http::Request::get(path).body(Vec::new())
}

fn base64(text: &str) -> Result<String, String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::at_once(0, 2000)]
    #[case::later(1400, 600)]
    #[case::long_ago(60_000, 0)]
    #[case::by_a_clock_that_is_behind(-60_000, 2000)]
    fn what_is_left_of_the_time_in_which_creations_sleep(#[case] since_ms: i64, #[case] left_ms: u64) {
        let (established, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_millisecond(since_ms).unwrap());
        assert_eq!(left_of(established, now), Duration::from_millis(left_ms));
    }

    #[test]
    fn another_address_of_the_api_server_changes_nothing_else_of_a_kubeconfig() {
        let text = "clusters:\n- cluster:\n    server: https://127.0.0.1:1\n  name: server: x\n";
        let expected = "clusters:\n- cluster:\n    server: https://10.0.0.2:6443\n  name: server: x\n";
        assert_eq!(with_server(text, "https://10.0.0.2:6443"), expected);
    }
}
