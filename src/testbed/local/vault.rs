//! One Vault, as a process.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::super::server::Server;
use super::super::terms::{StartedVault, VaultWanted};
use super::error::Error;
use super::process::{Process, Start};
use super::{address, names};
use crate::journal::Journal;
use crate::random::random;
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// Starts a Vault that keeps everything in memory, with a random root token, at a
/// loopback address of its own.
///
/// # Errors
/// It does not start within the time limit; what was made is in the journal.
pub async fn start(
    (server, program): (Server, &Path),
    journal: &Journal,
    wanted: VaultWanted<'_>,
) -> Result<(StartedVault, Process), Error> {
    let VaultWanted { of, port, cluster, limit } = wanted;
    let name = names::process(of.unwrap_or(&journal.run), "vault");
    // Vault takes the next one for others of its cluster.
    let host = address::free(&[port, port + 1])?.to_string();
    // Vault refuses a chosen token that looks like one of its own.
    let root_token = SecretString::from(format!("root-{}", random(40)));
    let entry = journal.creating(names::part(&name, of))?;
    let start = Start {
        name: &name,
        program,
        arguments: server.dev_arguments(cluster).into_iter().map(str::to_owned).collect(),
        environment: server
            .dev_settings(root_token.expose_secret(), &format!("{host}:{port}"))
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        folder: journal.folder(),
        log: journal.folder().join(format!("{name}.log")),
    };
    let process = start.go()?;
    journal.created(&entry, &process.id)?;
    let admin = Client::new(&format!("http://{host}:{port}"), Some(root_token.clone()), &Roots::Public)?;
    answer(&admin, &process, &root_token, limit).await?;
    let log = LogBook::default();
    process.follow(log.clone(), true);
    Ok((StartedVault { name, admin, root_token, pod_host: host, log }, process))
}

/// Waits until Vault answers, or until it has ended.
async fn answer(admin: &Client, process: &Process, root_token: &SecretString, limit: Duration) -> Result<(), Error> {
    let subject = format!("Vault in process {}", process.name);
    let answers = wait::until(&subject, limit, Duration::from_millis(50), || async {
        match admin.version().await {
            Ok(_) => Look::Done(()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    });
    let reason = tokio::select! {
        answered = answers => match answered {
            Ok(()) => return Ok(()),
            Err(error) => format!("{error}; {}", process.last_words()),
        },
        ended = process.ended() => ended,
    };
    let reason = reason.replace(root_token.expose_secret(), "[redacted]");
    Err(Error::Server { server: "Vault".to_owned(), reason })
}

/// Runs Vault's own command line as its administrator, and gives its exit code
/// and what it printed.
///
/// # Errors
/// The command cannot be started.
pub async fn command(
    (server, program): (Server, &Path),
    address: &str,
    root_token: &SecretString,
    arguments: Vec<String>,
) -> Result<(i64, String), Error> {
    // The command line keeps its token helper's file there.
    let home = tempfile::tempdir().map_err(super::error::file("make a folder in", &std::env::temp_dir()))?;
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(server.client_settings(address, root_token.expose_secret()))
        .env("HOME", home.path())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| Error::Start { program: program.to_owned(), source })?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1).into(), String::from_utf8_lossy(&printed).into_owned()))
}
