//! Why there is no testbed, or why a part of it stays.

use std::path::PathBuf;

use thiserror::Error;

use super::{api_server, kind, local};
use crate::cluster::install;
use crate::journal;

/// What a testbed could not do.
#[derive(Debug, Error)]
pub enum Error {
    /// Its kind could not.
    #[error(transparent)]
    Kind(#[from] kind::error::Error),
    /// One of processes could not.
    #[error(transparent)]
    Local(#[from] local::error::Error),
    /// Its API server could not.
    #[error(transparent)]
    ApiServer(#[from] api_server::Error),
    /// The operator of somebody's manifests does not run.
    #[error(transparent)]
    Operator(#[from] install::Error),
    /// Its Vault does not answer.
    #[error(transparent)]
    Vault(#[from] crate::vault::Error),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// A file of the run cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A kept one cannot be used.
    #[error("testbed of run {run} cannot be used again: {reason}; start one with `run --keep`")]
    Kept {
        /// Whose it is.
        run: String,
        /// Why not.
        reason: String,
    },
    /// No testbed was kept.
    #[error("testbed of run {run} cannot be used again: it was not started with `run --keep`")]
    NotKept {
        /// The run.
        run: String,
    },
    /// A kept one does not go any more.
    #[error("testbed of run {run} cannot be used again: {reason}; start one with `run --keep`")]
    Ended {
        /// Whose it is.
        run: String,
        /// What has ended.
        reason: String,
    },
    /// The journal names a kind of testbed that this program does not have.
    #[error("this program knows no testbed called {0}")]
    UnknownKind(String),
    /// A kind of testbed that has no servers of a scenario's own to start anew.
    #[error("this kind of testbed does not {0}; --testbed local does")]
    OnlyLocal(&'static str),
    /// A Vault that the testbed did not start.
    #[error("this Vault is in the cluster, not a server of the testbed, so the testbed cannot {0}")]
    NotOurs(&'static str),
}
