//! The `kind` command line. It is there to make clusters and to load images;
//! removal is the container engine's, by label.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::error::Error;
use super::images::Images;
use super::names::{self, CLUSTER};
use crate::journal::Journal;
use crate::process::Group;

/// The cluster's configuration, the same wherever the program is installed.
const CONFIGURATION: &str = include_str!("../../../kind-config/cluster.yaml");

/// Creates the cluster; it is in the journal before.
///
/// # Errors
/// kind fails, or is not done within the time limit.
pub async fn create(name: &str, images: &Images, journal: &Journal, limit: Duration) -> Result<(), Error> {
    let config = journal.folder().join("cluster.yaml");
    std::fs::write(&config, configuration(images.longest_token))
        .map_err(|source| Error::File { path: config.clone(), source })?;
    let entry = journal.creating(names::part(CLUSTER, name, None))?;
    let mut command = kind(&["create", "cluster", "--name", name, "--image", &images.node_image]);
    // What it would write there comes too late to be waited for.
    let kubeconfig = journal.folder().join("kubeconfig-of-kind");
    command.arg("--config").arg(&config).arg("--kubeconfig").arg(kubeconfig);
    // kind joins the run's own network: nothing that is shared is left or deleted.
    command.env("KIND_EXPERIMENTAL_DOCKER_NETWORK", name);
    run_kind("create cluster", command, limit).await?;
    journal.created(&entry, name)?;
    Ok(())
}

/// The cluster's configuration, with a limit to the life of tokens where there is to be one.
fn configuration(longest_token: Option<Duration>) -> String {
    let Some(longest) = longest_token else { return CONFIGURATION.to_owned() };
    // The patches are the last of its fields.
    format!(
        "{CONFIGURATION}  - |
    kind: ClusterConfiguration
    apiVersion: kubeadm.k8s.io/v1beta4
    apiServer:
      extraArgs: [{{name: service-account-max-token-expiration, value: \"{}s\"}}]
",
        longest.as_secs()
    )
}

/// Loads an image archive into the nodes of a cluster.
///
/// # Errors
/// kind refuses.
pub async fn load_archive(cluster: &str, archive: &Path) -> Result<(), Error> {
    let mut command = kind(&["load", "image-archive", "--name", cluster]);
    command.arg(archive);
    run_kind("load image-archive", command, Duration::from_secs(300)).await
}

fn kind(arguments: &[&str]) -> Command {
    let mut command = Command::new("kind");
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    // A Ctrl-C is the harness's to handle: kind must not end before the
    // journal knows what it made.
    command.process_group(0);
    command
}

async fn run_kind(what: &str, mut command: Command, limit: Duration) -> Result<(), Error> {
    let failed = |output: String| Error::Kind { command: what.to_owned(), output };
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().map_err(Error::NoKind)?;
    // kind's own children make containers: they end with it, wherever this future is dropped.
    let group = Group::of(&child);
    let output = tokio::time::timeout(limit, child.wait_with_output()).await;
    let output =
        output.map_err(|_| failed(format!("not done within {} s", limit.as_secs())))?.map_err(Error::NoKind)?;
    group.ended();
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(failed(lines[lines.len().saturating_sub(8)..].join(" | ")))
}

/// kind's version, such as `v0.33.0`.
///
/// # Errors
/// kind is not there or does not answer.
pub async fn kind_version() -> Result<String, Error> {
    let output = kind(&["version"]).output().await.map_err(Error::NoKind)?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Kind { command: "version".to_owned(), output });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().nth(1).unwrap_or("unknown").to_owned())
}
