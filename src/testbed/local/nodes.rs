//! One Vault of three nodes, as processes.

use std::path::Path;
use std::time::Duration;

use super::super::server::Server;
use super::super::terms::{Keeps, StartedNodes, StartedVault, VaultWanted};
use super::error::Error;
use super::process::Process;
use super::vault::{self, Disk};
use super::{address, names};
use crate::journal::Journal;
use crate::vault::client::{Client, Roots};
use crate::vault::log::LogBook;
use crate::wait::{self, Look};

/// What a fresh node has before it has joined.
struct Fresh {
    name: String,
    host: String,
    admin: Client,
    log: LogBook,
    process: Process,
}

/// Starts the three side by side, each at a loopback address of its own with a disk of its own: an active one, and two
/// that have joined it, pass on what they are asked, and may be elected.
///
/// # Errors
/// One does not start within the time limit, or does not join; what was made is in the journal.
pub async fn start(
    (server, program): (Server, &Path),
    journal: &Journal,
    of: &str,
    limit: Duration,
) -> Result<(StartedNodes, [Process; 3]), Error> {
    let wanted = VaultWanted { of: Some(of), port: 8200, keeps: Keeps::OnDisk, limit };
    let further = |number| fresh((server, program), journal, (of, number), limit);
    let ((active, process), second, third) =
        tokio::try_join!(vault::start((server, program), journal, wanted), further(2), further(3))?;
    let key = wait::until("word of what unseals Vault", limit, Duration::from_millis(50), || async {
        active.log.unseal_key().map_or_else(|| Look::NotYet("none yet".to_owned()), Look::Done)
    });
    let key = key.await?;
    let admin = second.admin.with_token(Some(active.root_token.clone()));
    let others = third.admin.with_token(Some(active.root_token.clone()));
    tokio::try_join!(admin.join(active.admin.address(), &key), others.join(active.admin.address(), &key))?;
    active.admin.has_voters(3).await?;
    let StartedVault { name: active, root_token, .. } = active;
    let standby = StartedVault { name: second.name, admin, root_token, pod_host: second.host, log: second.log };
    Ok((StartedNodes { standby, active, third: third.name }, [process, second.process, third.process]))
}

/// Starts a further node, which is sealed and belongs to none yet.
async fn fresh(
    (server, program): (Server, &Path),
    journal: &Journal,
    (of, number): (&str, usize),
    limit: Duration,
) -> Result<Fresh, Error> {
    let name = format!("{}-{number}", names::process(of, "vault"));
    let host = address::free(&[8200, 8201])?.to_string();
    let disk = Disk { folder: journal.folder().join(&name), address: format!("{host}:8200") };
    disk.write(server, &name, &format!("{host}:8201"))?;
    let (admin, log) = (Client::new(&format!("http://{host}:8200"), None, &Roots::Public)?, LogBook::default());
    let process = vault::sealed((server, program), journal, (&name, of), &disk, (&admin, &log), limit).await?;
    Ok(Fresh { name, host, admin, log, process })
}
