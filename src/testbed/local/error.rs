//! What can go wrong with processes.

use std::path::PathBuf;

use thiserror::Error;

use super::super::api_server;
use crate::journal;
use crate::wait::TimedOut;

/// Why there is no testbed of processes, or why a part of it stays.
#[derive(Debug, Error)]
pub enum Error {
    /// Programs are not there.
    #[error("not found: {}; `scripts/servers` gets them, or name a folder with --bin-dir", .0.join(", "))]
    Missing(Vec<String>),
    /// A program was built for another kind of machine.
    #[error("{} was built for another kind of machine than this; `scripts/servers` gets one for this, or name another folder with --bin-dir", .0.display())]
    Foreign(PathBuf),
    /// A program cannot be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A server has ended, or does not answer.
    #[error("{server} does not start: {reason}")]
    Server {
        /// Which.
        server: String,
        /// Why, with the end of its log.
        reason: String,
    },
    /// There is no address for a server.
    #[error("{0}")]
    NoAddress(String),
    /// A process does not end.
    #[error("process {name} does not end: {reason}")]
    Stays {
        /// Its name in the journal.
        name: String,
        /// Why.
        reason: String,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The API server cannot be used.
    #[error(transparent)]
    ApiServer(#[from] api_server::Error),
    /// It refuses something.
    #[error("the API server does not {what}: {reason}")]
    Refused {
        /// What was asked of it.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The Vault client cannot be made.
    #[error(transparent)]
    Vault(#[from] crate::vault::Error),
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
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
    /// Something of the harness itself.
    #[error("cannot {what}: {reason}")]
    Other {
        /// What.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

/// A file that cannot be used.
pub fn file(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}
