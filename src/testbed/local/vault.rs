//! One Vault, as a process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::super::server::Server;
use super::super::terms::{Keeps, StartedVault, VaultWanted};
use super::error::{Error, file};
use super::process::{Process, Start};
use super::{address, names};
use crate::journal::Journal;
use crate::random::random;
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// How slowly a node takes the active one for gone, in its configuration's `performance_multiplier`, which is 5 by default: with
/// 1 that takes 3 to 6 seconds. The active one takes itself for alone sooner, after half a second, so it has more: on a busy
/// machine an answer may take that long.
const SLOW: (u8, u8) = (2, 1);

/// Starts a Vault with a random root token, at a loopback address of its own.
///
/// # Errors
/// It does not start within the time limit; what was made is in the journal.
pub async fn start(
    (server, program): (Server, &Path),
    journal: &Journal,
    wanted: VaultWanted<'_>,
) -> Result<(StartedVault, Process), Error> {
    let VaultWanted { of, port, keeps, limit } = wanted;
    let name = names::process(of.unwrap_or(&journal.run), "vault");
    // Vault takes the next one for others of its cluster.
    let host = address::free(&[port, port + 1])?.to_string();
    // Vault refuses a chosen token that looks like one of its own.
    let root_token = SecretString::from(format!("root-{}", random(40)));
    let mut arguments: Vec<String> = server.dev_arguments(keeps).into_iter().map(str::to_owned).collect();
    if keeps == Keeps::OnDisk {
        let disk = Disk { folder: journal.folder().join(&name), address: format!("{host}:{port}") };
        let first = disk.write(server, &name, &format!("{host}:{}", port + 1))?;
        arguments.extend(["-config".to_owned(), first.display().to_string()]);
    }
    let entry = journal.creating(names::part(&name, of))?;
    let start = Start {
        name: &name,
        program,
        arguments,
        environment: server
            .dev_settings(root_token.expose_secret(), &format!("{host}:{port}"))
            .into_iter()
            .chain((keeps == Keeps::OnDisk).then(|| server.node_settings()).into_iter().flatten())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
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

/// Starts one on a disk again, which has ended, at its address. It is sealed then.
///
/// # Errors
/// It does not start within the time limit, or keeps nothing on a disk; what was made is in the journal.
pub async fn restart(
    (server, program): (Server, &Path),
    journal: &Journal,
    (name, of): (&str, &str),
    (admin, log): (&Client, &LogBook),
    limit: Duration,
) -> Result<Process, Error> {
    let disk = Disk { folder: journal.folder().join(name), address: String::new() };
    sealed((server, program), journal, (name, of), &disk, (admin, log), limit).await
}

/// Starts one on a disk without `-dev`, and waits until it says that it is sealed.
///
/// # Errors
/// It does not start within the time limit; what was made is in the journal.
pub(super) async fn sealed(
    (server, program): (Server, &Path),
    journal: &Journal,
    (name, of): (&str, &str),
    disk: &Disk,
    (admin, log): (&Client, &LogBook),
    limit: Duration,
) -> Result<Process, Error> {
    let entry = journal.creating(names::part(name, Some(of)))?;
    let start = Start {
        name,
        program,
        arguments: vec!["server".to_owned(), "-config".to_owned(), disk.restarts().display().to_string()],
        environment: server
            .log_settings()
            .into_iter()
            .chain(server.node_settings())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        folder: journal.folder(),
        log: journal.folder().join(format!("{name}.log")),
    };
    let process = start.go()?;
    journal.created(&entry, &process.id)?;
    process.follow(log.clone(), false);
    let subject = format!("Vault in process {name}, which is sealed");
    let sealed = wait::until(&subject, limit, Duration::from_millis(50), || async {
        match admin.is_sealed().await {
            Ok(true) => Look::Done(()),
            Ok(false) => Look::NotYet("it is not sealed".to_owned()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    });
    tokio::select! {
        sealed = sealed => sealed?,
        reason = process.ended() => return Err(Error::Server { server: "Vault".to_owned(), reason }),
    }
    Ok(process)
}

/// Where a Vault keeps what it has, and what it is told of that.
pub(super) struct Disk {
    /// The folder of both.
    pub(super) folder: PathBuf,
    /// Where it listens: `HOST:PORT`.
    pub(super) address: String,
}

impl Disk {
    /// Writes what it is told, and gives the file for its first start as a dev server, which listens anyway.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&self, server: Server, node: &str, cluster: &str) -> Result<PathBuf, Error> {
        let data = self.folder.join("data");
        std::fs::create_dir_all(&data).map_err(file("make", &data))?;
        let mut told = json!({
            "storage": { "raft": { "path": data, "node_id": node, "performance_multiplier": SLOW.0 } },
            "api_addr": format!("http://{}", self.address),
            "cluster_addr": format!("http://{cluster}"),
            "disable_mlock": true,
        });
        for (name, value) in server.node_options() {
            told[*name] = json!(value);
        }
        let first = self.folder.join("first.json");
        std::fs::write(&first, told.to_string()).map_err(file("write", &first))?;
        told["storage"]["raft"]["performance_multiplier"] = json!(SLOW.1);
        told["listener"] = json!({ "tcp": { "address": self.address, "tls_disable": true } });
        let restarts = self.restarts();
        std::fs::write(&restarts, told.to_string()).map_err(file("write", &restarts))?;
        Ok(first)
    }

    /// The file for every further start.
    fn restarts(&self) -> PathBuf {
        self.folder.join("restart.json")
    }
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
    let home = tempfile::tempdir().map_err(file("make a folder in", &std::env::temp_dir()))?;
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
