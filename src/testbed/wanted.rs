//! The flags of a testbed, and what they come down to on this machine.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Error;
use super::server::Server;
use super::terms::{Exported, Need, Origin};
use super::which::Which;
use super::{kind, local};

/// What a testbed is to be made of.
#[derive(Debug, Clone, clap::Args)]
pub struct Wanted {
    /// What the testbed is made of
    #[arg(long, value_enum, default_value_t = Which::Kind)]
    testbed: Which,
    /// The server that keeps the secrets
    #[arg(long, value_enum, value_name = "SERVER", default_value_t = Server::Vault)]
    pub(super) server: Server,
    #[command(flatten)]
    pub(super) kind: kind::images::Images,
    #[command(flatten)]
    pub(super) local: local::binaries::Programs,
}

impl Wanted {
    /// The arguments that mean nothing where there is a testbed already.
    pub const OF_A_NEW_ONE: [&str; 5] =
        ["testbed", "server", "bin_dir", kind::images::OF_A_NEW_ONE[0], kind::images::OF_A_NEW_ONE[1]];

    /// The same with an API server that gives no token a longer life, as hosted clusters have it.
    #[must_use]
    pub fn with_longest_token(mut self, longest: Option<Duration>) -> Self {
        self.kind.longest_token = longest;
        self
    }

    /// The longest life of a token, where the API server is to have a limit.
    #[must_use]
    pub fn longest_token(&self) -> Option<Duration> {
        self.kind.longest_token
    }

    /// The server that keeps the secrets.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// Which kind of testbed is wanted.
    #[must_use]
    pub const fn which(&self) -> Which {
        self.testbed
    }

    /// What a pod is to name to run the probe, where the flags say it.
    #[must_use]
    pub fn probe(&self) -> Option<&str> {
        self.kind.probe_image.as_deref()
    }

    /// What such a testbed needs on this machine, with what is there of it.
    pub async fn needs(&self) -> Vec<Need> {
        match self.which() {
            Which::Kind => kind::needs::needs(&self.kind, self.server).await,
            Which::Local => local::needs::needs(&self.local, self.server),
        }
    }

    /// Where its parts come from.
    pub async fn origins(&self) -> Vec<Origin> {
        match self.which() {
            Which::Kind => kind::needs::origins(&self.kind, self.server).await,
            Which::Local => local::needs::origins(&self.local, self.server),
        }
    }
}

/// Writes this program to a file as what a pod can run, for places without a registry.
///
/// # Errors
/// This program cannot run alone, or the file cannot be written.
pub async fn export_probe(archive: PathBuf) -> Result<Exported, Error> {
    Ok(kind::needs::export_probe(archive).await?)
}
