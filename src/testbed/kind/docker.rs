//! The container engine: networks, images, commands in containers, removal.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::LogOutput;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::exec::{CreateExecOptions, StartExecResults};
use testcontainers::bollard::models::{ContainerStateStatusEnum, NetworkCreateRequest};
use testcontainers::bollard::query_parameters::{
    CreateImageOptionsBuilder, KillContainerOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder,
};
use thiserror::Error;

use crate::vault::log::LogBook;
use crate::wait::{self, Look, TimedOut};

/// The label that carries a run's id.
pub const LABEL: &str = "pmp-vault-conformance.run";

/// How long the engine may be away, as for a restart, before what rests on it is given up.
const AWAY: Duration = Duration::from_secs(10);

/// How long what is on its way out may take to let go of a network.
const LETS_GO: Duration = Duration::from_secs(15);

/// What the container engine could not do.
#[derive(Debug, Error)]
pub enum Error {
    /// No engine answers.
    #[error(
        "no container engine answers: {0}; `doctor` says what is missing, `scripts/engine start` installs and starts one, \
         and `run --testbed local` needs none"
    )]
    NoEngine(String),
    /// An image is neither here nor to be had.
    #[error(
        "image {image} is not on this machine and cannot be pulled: {reason}; \
         build the images with `scripts/images`, or name others with --vault-image and --node-image"
    )]
    NoImage {
        /// Its reference.
        image: String,
        /// What the engine says.
        reason: String,
    },
    /// Something else.
    #[error("the container engine cannot {what}: {reason}")]
    Failed {
        /// What, with the name of what it is about.
        what: String,
        /// What the engine says.
        reason: String,
    },
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}

fn failed(what: impl Into<String>) -> impl FnOnce(DockerError) -> Error {
    let what = what.into();
    move |error| Error::Failed { what, reason: error.to_string() }
}

/// The innermost cause says what is wrong with the socket.
fn no_engine(error: DockerError) -> Error {
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "the local socket".to_owned());
    Error::NoEngine(format!("{innermost} ({host})"))
}

fn exited(container: &str, code: i64) -> String {
    format!("container {container} has ended with exit code {code}")
}

fn is_not_found(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 404, .. })
}

/// A connection to the container engine.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
}

impl Engine {
    /// Connects, by `DOCKER_HOST` or the local socket.
    ///
    /// # Errors
    /// [`Error::NoEngine`].
    pub async fn connect() -> Result<Self, Error> {
        let docker = Docker::connect_with_defaults().map_err(no_engine)?;
        // An old engine refuses the newest API; what it speaks is asked for once.
        let docker = docker.negotiate_version().await.map_err(no_engine)?;
        docker.ping().await.map_err(no_engine)?;
        Ok(Self { docker })
    }

    /// The engine's version.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn version(&self) -> Result<String, Error> {
        let version = self.docker.version().await.map_err(failed("give its version"))?;
        Ok(version.version.unwrap_or_else(|| "unknown".to_owned()))
    }

    /// Makes a labelled network and gives its id.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn create_network(&self, name: &str, run: &str) -> Result<String, Error> {
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(HashMap::from([(LABEL.to_owned(), run.to_owned())])),
            ..NetworkCreateRequest::default()
        };
        let made = self.docker.create_network(request).await.map_err(failed(format!("make network {name}")))?;
        Ok(made.id)
    }

    /// Removes a network by id or name. One that is gone counts as removed. A
    /// container that is on its way out holds it for a moment, so it is waited for.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn remove_network(&self, id: &str) -> Result<(), Error> {
        wait::until(&format!("end of network {id}"), LETS_GO, Duration::from_millis(250), || async {
            match self.docker.remove_network(id).await {
                Err(DockerError::DockerResponseServerError { status_code: 403, message }) => Look::NotYet(message),
                Err(error) if !is_not_found(&error) => Look::Done(Err(failed(format!("remove network {id}"))(error))),
                _ => Look::Done(Ok(())),
            }
        })
        .await?
    }

    /// The run that a network belongs to, by its label; none where it is gone or nobody's.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn network_run(&self, name: &str) -> Result<Option<String>, Error> {
        match self.docker.inspect_network(name, None).await {
            Ok(network) => Ok(network.labels.and_then(|labels| labels.get(LABEL).cloned())),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(failed(format!("look at network {name}"))(error)),
        }
    }

    /// The names of the networks that carry a run's label.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn networks_of(&self, run: &str) -> Result<Vec<String>, Error> {
        let filters = HashMap::from([("label", vec![format!("{LABEL}={run}")])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let found = self.docker.list_networks(Some(options)).await.map_err(failed("list networks"))?;
        Ok(found.into_iter().filter_map(|network| network.name).collect())
    }

    /// The ids of the containers, running or not, with a label.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn containers_with(&self, label: &str, value: &str) -> Result<Vec<String>, Error> {
        let filters = HashMap::from([("label", vec![format!("{label}={value}")])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self.docker.list_containers(Some(options)).await.map_err(failed("list containers"))?;
        Ok(found.into_iter().filter_map(|container| container.id).collect())
    }

    /// The id of the container with a name; none where there is none.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn container_id(&self, name: &str) -> Result<Option<String>, Error> {
        match self.docker.inspect_container(name, None).await {
            Ok(found) => Ok(found.id),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(failed(format!("look at container {name}"))(error)),
        }
    }

    /// Removes a container by force, with its anonymous volumes. One that is
    /// gone, or on its way, counts as removed.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn remove_container(&self, id: &str) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(DockerError::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) => Err(failed(format!("remove container {id}"))(error)),
        }
    }

    /// Kills what runs in a container.
    ///
    /// # Errors
    /// The engine refuses, or nothing runs in it.
    pub async fn kill(&self, container: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        let killed = self.docker.kill_container(container, Some(options)).await;
        killed.map_err(|error| failed(format!("kill container {container}"))(error))
    }

    /// The address on this machine under which a container's port is published.
    ///
    /// # Errors
    /// There is no such container, or it does not publish that port.
    pub async fn published(&self, container: &str, port: u16) -> Result<String, Error> {
        let what = || format!("give the address of port {port} of container {container}");
        let found = self.docker.inspect_container(container, None).await.map_err(failed(what()))?;
        found
            .network_settings
            .and_then(|settings| settings.ports?.remove(&format!("{port}/tcp"))?)
            .and_then(|bindings| bindings.into_iter().next())
            .and_then(|binding| Some(format!("{}:{}", binding.host_ip?, binding.host_port?)))
            .ok_or_else(|| Error::Failed { what: what(), reason: "it is not published".to_owned() })
    }

    /// A container's address on a network.
    ///
    /// # Errors
    /// There is no such container, or it is not on that network.
    pub async fn address(&self, container: &str, network: &str) -> Result<String, Error> {
        let what = || format!("give the address of container {container} on network {network}");
        let found = self.docker.inspect_container(container, None).await.map_err(failed(what()))?;
        found
            .network_settings
            .and_then(|settings| settings.networks)
            .and_then(|networks| networks.get(network).and_then(|endpoint| endpoint.ip_address.clone()))
            .filter(|address| !address.is_empty())
            .ok_or_else(|| Error::Failed { what: what(), reason: "it has none".to_owned() })
    }

    /// The address of the harness's own machine on a network: its gateway.
    ///
    /// # Errors
    /// There is no such network, or it has no gateway.
    pub async fn gateway(&self, network: &str) -> Result<std::net::IpAddr, Error> {
        let what = || format!("give the gateway of network {network}");
        let found = self.docker.inspect_network(network, None).await.map_err(failed(what()))?;
        found
            .ipam
            .and_then(|ipam| ipam.config)
            .into_iter()
            .flatten()
            .filter_map(|config| config.gateway?.parse::<std::net::IpAddr>().ok())
            .find(std::net::IpAddr::is_ipv4)
            .ok_or_else(|| Error::Failed { what: what(), reason: "it has none".to_owned() })
    }

    /// What an image is, such as `REF@sha256:…`: by digest where it was pulled,
    /// by its local id where it was built. None where it is not here.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image_identity(&self, image: &str) -> Result<Option<String>, Error> {
        let found = match self.docker.inspect_image(image).await {
            Ok(found) => found,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(failed(format!("look at image {image}"))(error)),
        };
        let digest = found.repo_digests.and_then(|digests| digests.into_iter().next());
        let name = image.split('@').next().unwrap_or(image);
        Ok(Some(match digest.as_deref().and_then(|digest| digest.split_once('@')) {
            Some((_, digest)) => format!("{name}@{digest}"),
            None => format!("{name} (built here, id {})", found.id.unwrap_or_default()),
        }))
    }

    /// Pulls an image, unless it is here already.
    ///
    /// # Errors
    /// [`Error::NoImage`].
    pub async fn ensure_image(&self, image: &str) -> Result<String, Error> {
        if let Some(identity) = self.image_identity(image).await? {
            return Ok(identity);
        }
        let no_image = |reason: String| Error::NoImage { image: image.to_owned(), reason };
        let options = CreateImageOptionsBuilder::default().from_image(image).build();
        let mut pull = std::pin::pin!(self.docker.create_image(Some(options), None, None));
        while let Some(progress) = pull.next().await {
            progress.map_err(|e| no_image(e.to_string()))?;
        }
        self.image_identity(image).await?.ok_or_else(|| no_image("it was pulled and is not there".to_owned()))
    }

    /// Runs a command in a container and gives its exit code and what it printed.
    ///
    /// # Errors
    /// The command cannot be started.
    pub async fn exec(
        &self,
        container: &str,
        command: Vec<String>,
        environment: Vec<String>,
    ) -> Result<(i64, String), Error> {
        // The command's arguments are values of the run, so they are not named.
        let what = || format!("run `{}` in container {container}", command.first().map_or("", String::as_str));
        let what = what();
        let options = CreateExecOptions {
            cmd: Some(command),
            env: Some(environment),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        let exec = self.docker.create_exec(container, options).await.map_err(failed(what.clone()))?;
        let started = self.docker.start_exec(&exec.id, None).await.map_err(failed(what.clone()))?;
        let mut printed = String::new();
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(part) = output.next().await {
                let part = part.map_err(failed(what.clone()))?;
                printed.push_str(&String::from_utf8_lossy(&part.into_bytes()));
            }
        }
        let ended = self.docker.inspect_exec(&exec.id).await.map_err(failed(what))?;
        Ok((ended.exit_code.unwrap_or(-1), printed))
    }

    /// Follows a container's log into a book from now on, until the container ends.
    pub fn follow(&self, container: &str, book: LogBook, from_start: bool) {
        let mut options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true);
        if !from_start {
            options = options.tail("0");
        }
        let (docker, container, options) = (self.docker.clone(), container.to_owned(), options.build());
        tokio::spawn(async move {
            let mut parts = std::pin::pin!(docker.logs(&container, Some(options)));
            let mut rest = String::new();
            while let Some(Ok(part)) = parts.next().await {
                let (LogOutput::StdOut { message } | LogOutput::StdErr { message } | LogOutput::Console { message }) =
                    part
                else {
                    continue;
                };
                rest.push_str(&String::from_utf8_lossy(&message));
                while let Some(end) = rest.find('\n') {
                    book.take(&rest[..end]);
                    rest.drain(..=end);
                }
            }
        });
    }

    /// The last lines of a container's log, for an error.
    pub async fn last_lines(&self, container: &str, lines: usize) -> String {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let mut parts = std::pin::pin!(self.docker.logs(container, Some(options)));
        let mut text = String::new();
        while let Some(Ok(part)) = parts.next().await {
            text.push_str(&String::from_utf8_lossy(&part.into_bytes()));
        }
        text
    }

    /// Whether a container runs.
    pub async fn is_running(&self, container: &str) -> bool {
        let found = self.docker.inspect_container(container, None).await;
        found.ok().and_then(|c| c.state).and_then(|state| state.running).unwrap_or(false)
    }

    /// Whether a container that was there has ended. An engine that does not
    /// answer says neither.
    pub async fn has_ended(&self, container: &str) -> bool {
        match self.docker.inspect_container(container, None).await {
            Ok(found) => matches!(
                found.state.and_then(|state| state.status),
                Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
            ),
            Err(error) => is_not_found(&error),
        }
    }

    /// Comes back when a container has ended, is gone, or is in nobody's hands
    /// because the engine is away, and says which; never while it runs.
    pub async fn exit_of(&self, container: &str) -> String {
        loop {
            // The engine answers when the container has ended, so there is no limit and nothing to ask again.
            let ended = std::pin::pin!(self.docker.wait_container(container, None)).next().await;
            match ended {
                Some(Ok(ended)) => return exited(container, ended.status_code),
                Some(Err(DockerError::DockerContainerWaitError { code, .. })) => return exited(container, code),
                Some(Err(error)) if is_not_found(&error) => return format!("container {container} is gone"),
                // The connection broke. An engine that is back knows what became of the container.
                Some(Err(_)) | None => tokio::time::sleep(Duration::from_millis(250)).await,
            }
            let back = wait::until("container engine to answer again", AWAY, Duration::from_millis(250), || async {
                match self.docker.ping().await {
                    Ok(_) => Look::Done(()),
                    Err(error) => Look::NotYet(no_engine(error).to_string()),
                }
            });
            if let Err(error) = back.await {
                return error.to_string();
            }
        }
    }

    /// Writes an image as an archive, for `kind load image-archive`.
    ///
    /// # Errors
    /// The engine refuses, or the file cannot be written.
    pub async fn save_image(&self, image: &str, file: &std::path::Path) -> Result<(), Error> {
        use tokio::io::AsyncWriteExt as _;
        let what = format!("save image {image}");
        let on_disk = |error: std::io::Error| Error::Failed {
            what: what.clone(),
            reason: format!("{}: {error}", file.display()),
        };
        let mut out = tokio::fs::File::create(file).await.map_err(on_disk)?;
        let mut parts = std::pin::pin!(self.docker.export_image(image));
        while let Some(part) = parts.next().await {
            let part = part.map_err(failed(what.clone()))?;
            out.write_all(&part).await.map_err(on_disk)?;
        }
        out.flush().await.map_err(on_disk)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use testcontainers::bollard::API_DEFAULT_VERSION;

    use super::*;

    /// An engine that says this of a container's end.
    async fn says(status: StatusCode, body: &'static str) -> Engine {
        let router = Router::new().fallback(move |uri: Uri| async move {
            match uri.path().ends_with("/_ping") {
                true => (StatusCode::OK, "OK"),
                false => (status, body),
            }
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Engine { docker: Docker::connect_with_http(&address, 5, API_DEFAULT_VERSION).unwrap() }
    }

    #[tokio::test]
    async fn the_end_of_a_container_is_told_with_its_exit_code() {
        for (body, code) in [("{\"StatusCode\":0}", 0), ("{\"StatusCode\":137}", 137)] {
            let ended = says(StatusCode::OK, body).await.exit_of("vault").await;
            assert_eq!(ended, format!("container vault has ended with exit code {code}"));
        }
        let gone = says(StatusCode::NOT_FOUND, "{\"message\":\"No such container\"}").await.exit_of("vault").await;
        assert_eq!(gone, "container vault is gone");
    }

    #[tokio::test]
    async fn an_engine_that_fails_for_a_moment_says_nothing_of_a_container() {
        let engine = says(StatusCode::INTERNAL_SERVER_ERROR, "{\"message\":\"busy\"}").await;
        assert!(tokio::time::timeout(Duration::from_millis(700), engine.exit_of("vault")).await.is_err());
        assert!(!engine.has_ended("vault").await, "it does not know the container");
    }
}
