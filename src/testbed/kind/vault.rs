//! One Vault in a container, by testcontainers.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use testcontainers::bollard::models::PortBinding;
use testcontainers::core::ContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};
use thiserror::Error;

use super::super::server::Server;
use super::super::terms::{StartedVault, VaultWanted};
use super::docker::{self, Engine, LABEL};
use super::names::{self, CONTAINER};
use crate::journal::{self, Journal};
use crate::random::random;
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// Why there is no Vault.
#[derive(Debug, Error)]
pub enum Error {
    /// The container does not start, or Vault in it does not answer.
    #[error("Vault does not start in container {container}: {reason}")]
    Start {
        /// The container's name.
        container: String,
        /// Why, with the end of its log.
        reason: String,
    },
    /// The container engine fails.
    #[error(transparent)]
    Engine(#[from] docker::Error),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The Vault client cannot be made.
    #[error(transparent)]
    Client(#[from] crate::vault::Error),
}

/// Where a Vault is started, and of what.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The network that it joins.
    pub network: &'a str,
    /// What it is.
    pub server: Server,
    /// Its image.
    pub image: &'a str,
}

/// Starts a Vault that keeps everything in memory, with a random root token,
/// published on 127.0.0.1 alone.
///
/// # Errors
/// It does not start within the time limit; what was made is in the journal.
pub async fn start(
    engine: &Engine,
    journal: &Journal,
    place: Place<'_>,
    wanted: VaultWanted<'_>,
) -> Result<StartedVault, Error> {
    let (Place { network, server, image }, VaultWanted { of, port, keeps, limit }) = (place, wanted);
    // The run's id is in the prefix of a scenario's names.
    let name = names::vault(&names::of(of.unwrap_or(&journal.run)));
    // Vault refuses a chosen token that looks like one of its own.
    let root_token = SecretString::from(format!("root-{}", random(40)));
    let (repository, tag) = split(image);
    let tcp = ContainerPort::Tcp(port);
    let mut request = GenericImage::new(repository, tag).with_exposed_port(tcp).with_cmd(server.dev_arguments(keeps));
    for (name, value) in server.dev_settings(root_token.expose_secret(), &format!("0.0.0.0:{port}")) {
        request = request.with_env_var(name, value);
    }
    let request = request
        // As kind-config/cluster.yaml has it for the control plane.
        .with_env_var("GOGC", "400")
        .with_container_name(&name)
        .with_network(network)
        .with_label(LABEL, &journal.run)
        .with_startup_timeout(limit)
        .with_host_config_modifier(move |host| {
            // testcontainers publishes on all addresses unless it is told otherwise.
            host.publish_all_ports = Some(false);
            let loopback = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
            host.port_bindings = Some(HashMap::from([(format!("{port}/tcp"), Some(vec![loopback]))]));
        });
    let entry = journal.creating(names::part(CONTAINER, &name, of))?;
    let failed = |reason: String| Error::Start { container: name.clone(), reason };
    let container = request.start().await.map_err(|error| failed(error.to_string()))?;
    journal.created(&entry, container.id())?;
    let published = container.get_host_port_ipv4(tcp).await.map_err(|error| failed(error.to_string()))?;
    // From here on the journal alone says when the container goes.
    std::mem::forget(container);
    let admin = Client::new(&format!("http://127.0.0.1:{published}"), Some(root_token.clone()), &Roots::Public)?;
    answer(engine, &admin, &name, &root_token, limit).await?;
    let log = LogBook::default();
    engine.follow(&name, log.clone(), true);
    let pod_host = engine.address(&name, network).await?;
    Ok(StartedVault { name, admin, root_token, pod_host, log })
}

/// Runs Vault's own command line beside a Vault, with its root token, and gives
/// its exit code and what it printed.
///
/// # Errors
/// The command cannot be started.
pub async fn command(
    engine: &Engine,
    server: Server,
    container: &str,
    root_token: &SecretString,
    arguments: Vec<String>,
) -> Result<(i64, String), docker::Error> {
    let mut command = vec![server.program().to_owned()];
    command.extend(arguments);
    let settings = server.client_settings("http://127.0.0.1:8200", root_token.expose_secret());
    let mut environment: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // The command line keeps its token helper's file there; the image may have no home.
    environment.push("HOME=/tmp".to_owned());
    engine.exec(container, command, environment).await
}

/// Waits until Vault answers, or until it has ended.
async fn answer(
    engine: &Engine,
    admin: &Client,
    container: &str,
    root_token: &SecretString,
    limit: Duration,
) -> Result<(), Error> {
    let subject = format!("Vault in container {container}");
    let answers = wait::until(&subject, limit, Duration::from_millis(50), || async {
        match admin.version().await {
            Ok(_) => Look::Done(()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    });
    let reason = tokio::select! {
        answered = answers => match answered {
            Ok(()) => return Ok(()),
            Err(error) => error.to_string(),
        },
        ended = engine.exit_of(container) => ended,
    };
    let log = engine.last_lines(container, 5).await.replace(root_token.expose_secret(), "[redacted]");
    let log: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(Error::Start {
        container: container.to_owned(),
        reason: format!("{reason}; the end of its log: {}", log.join(" | ")),
    })
}

/// `REPOSITORY` and `TAG` of a reference; a digest stays with the tag's part,
/// which the engine takes as it stands.
fn split(image: &str) -> (&str, &str) {
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    match image[slash..].find(':') {
        Some(colon) => (&image[..slash + colon], &image[slash + colon + 1..]),
        None => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reference_is_split_at_its_tag_and_not_at_its_registrys_port() {
        assert_eq!(split("hashicorp/vault:1.21.4"), ("hashicorp/vault", "1.21.4"));
        assert_eq!(split("localhost:5000/vault:1"), ("localhost:5000/vault", "1"));
        assert_eq!(split("localhost:5000/vault"), ("localhost:5000/vault", "latest"));
        assert_eq!(split("vault:1@sha256:ab"), ("vault", "1@sha256:ab"));
    }
}
