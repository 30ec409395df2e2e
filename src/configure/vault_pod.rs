//! A Vault in the cluster, with a Service Account of its own: there the
//! issuer method reviews tokens with Vault's own Service Account.

use std::time::Duration;

use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Api, LogParams};
use secrecy::{ExposeSecret, SecretString};

use super::auth;
use super::names::Names;
use super::site::{Error, Run, create};
use crate::cluster::objects::{self as k8s, Owner};
use crate::cluster::patience::why;
use crate::cluster::pod_spec::{PodTemplate, RootFilesystem, Size};
use crate::cluster::portforward;
use crate::random::random;
use crate::testbed::{Keeps, PodAddress, Server, VaultSite};
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// The Service Account and the pod.
pub const NAME: &str = "vault";

/// Starts a Vault in the app's namespace, which must be there already.
///
/// # Errors
/// It does not start within the time limit.
pub async fn start(
    run: &Run<'_>,
    names: &Names,
    owner: &Owner,
    may_review: bool,
    limit: Duration,
) -> Result<VaultSite, Error> {
    // What brings the image goes away only with the run.
    let _ = run.pods_can_run_vault.clone().wait_for(|can| *can).await;
    let kube = &run.testbed.kube;
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &names.namespace);
    create(run, &accounts, None, &k8s::service_account(owner, &names.namespace, NAME, None)).await?;
    if may_review {
        auth::allow_review(run, owner, &format!("{}-vault", names.global), &names.namespace, NAME).await?;
    }
    let root_token = SecretString::from(format!("root-{}", random(40)));
    run.redactor.add(&root_token);
    let pods = Api::<Pod>::namespaced(kube.clone(), &names.namespace);
    let place = run.testbed.pod_address();
    let listen = match place {
        PodAddress::OfItsOwn => "0.0.0.0:8200",
        PodAddress::OnThisMachine => "$(POD_IP):8200",
    };
    let server = (run.testbed.server(), run.testbed.vault_for_pods());
    create(run, &pods, None, &pod(owner, &names.namespace, server, &root_token, listen)).await?;
    let subject = format!("pod {}/{NAME} to run", names.namespace);
    let pod_host = wait::until(&subject, limit, Duration::from_millis(150), || async {
        let status = match pods.get(NAME).await {
            Ok(pod) => pod.status.unwrap_or_default(),
            Err(error) => return Look::NotYet(error.to_string()),
        };
        let running =
            status.container_statuses.iter().flatten().any(|c| c.state.as_ref().is_some_and(|s| s.running.is_some()));
        match status.pod_ip {
            Some(address) if running => Look::Done(address),
            _ => Look::NotYet(status.phase.unwrap_or_default()),
        }
    })
    .await?;
    let other = |what| move |error: std::io::Error| Error::Other { what, reason: error.to_string() };
    let address = match place {
        PodAddress::OnThisMachine => format!("{pod_host}:8200"),
        PodAddress::OfItsOwn => {
            let forwarded = portforward::start(pods.clone(), NAME.to_owned(), 8200).await;
            forwarded.map_err(other("forward a port to Vault's pod"))?.0.to_string()
        }
    };
    let admin = Client::new(&format!("http://{address}"), Some(root_token.clone()), &Roots::Public)?;
    wait::until(&format!("Vault in pod {}/{NAME}", names.namespace), limit, Duration::from_millis(150), || async {
        match admin.version().await {
            Ok(_) => Look::Done(()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await?;
    let log = LogBook::default();
    follow(pods, log.clone());
    Ok(VaultSite::in_cluster(admin, root_token, pod_host, log))
}

fn pod(
    owner: &Owner,
    namespace: &str,
    (server, image): (Server, &str),
    root_token: &SecretString,
    listen: &str,
) -> Pod {
    let mut env = Vec::from(server.dev_settings(root_token.expose_secret(), listen));
    env.push(("SKIP_CHOWN", "true".to_owned()));
    let template = PodTemplate {
        args: server.dev_arguments(Keeps::InMemory).into_iter().map(str::to_owned).collect(),
        env,
        // The image's own start script writes.
        root: RootFilesystem::Writable,
        // The official image runs as root unless it is told otherwise; 100 is its own user.
        user: Some((100, 1000)),
        service_account: Some(NAME.to_owned()),
        grace_seconds: Some(1),
        ..PodTemplate::new("vault", image, Size::Vault)
    };
    template.pod(owner.meta(NAME, Some(namespace)))
}

fn follow(pods: Api<Pod>, book: LogBook) {
    tokio::spawn(async move {
        let parameters = LogParams { follow: true, ..LogParams::default() };
        let stream = wait::until("log of Vault's pod", Duration::from_secs(30), Duration::from_millis(200), || async {
            match pods.log_stream(NAME, &parameters).await {
                Ok(stream) => Look::Done(stream),
                Err(error) => Look::NotYet(why(&error)),
            }
        });
        let Ok(stream) = stream.await else { return };
        let mut lines = std::pin::pin!(stream.lines());
        while let Ok(Some(line)) = lines.try_next().await {
            book.take(&line);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vaults_pod_has_a_service_account_and_a_user_of_its_own() {
        let owner = Owner { run: "run".to_owned(), scenario: "scenario".to_owned() };
        let pod = pod(&owner, "feature-test", (Server::Vault, "vault:1"), &"root".into(), "0.0.0.0:8200");
        insta::assert_json_snapshot!(pod);
    }
}
