//! What can go wrong with containers and the `kind` command line.

use std::path::PathBuf;

use thiserror::Error;

use super::{docker, probe_image, vault};
use crate::journal;
use crate::wait::TimedOut;

/// Why there is no testbed of containers, or why a part of it stays.
#[derive(Debug, Error)]
pub enum Error {
    /// The container engine fails.
    #[error(transparent)]
    Engine(#[from] docker::Error),
    /// Vault does not start.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The probe's image cannot be made.
    #[error(transparent)]
    Probe(#[from] probe_image::Error),
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// The kind command line is not there.
    #[error("cannot start `kind`: {0}; `scripts/images` installs it, or put kind 0.33.0 on the PATH")]
    NoKind(std::io::Error),
    /// It is there, and failed.
    #[error("`kind {command}` failed: {output}")]
    Kind {
        /// The subcommand.
        command: String,
        /// The end of what it printed.
        output: String,
    },
    /// The journal names something that this program does not make.
    #[error("this program knows no {what} of a kind testbed")]
    Unknown {
        /// What the journal calls it.
        what: String,
    },
    /// A file of the run cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something of the harness itself.
    #[error("cannot {what}: {reason}")]
    Other {
        /// What.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}
