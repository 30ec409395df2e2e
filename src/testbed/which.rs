//! Which kinds of testbed there are.
//!
//! A new kind is a folder beside `kind` and an entry here. The compiler then
//! names every place in this folder that must tell it from the others; nothing
//! outside this folder changes.

use super::error::Error;
use super::{kind, local};

/// The kinds of testbed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Vault in a container, the cluster by `kind`: needs a container engine
    #[default]
    Kind,
    /// Vault and a cluster's servers as processes of this user, without a kubelet: needs neither root nor an engine
    Local,
}

impl Which {
    /// What reports and the journal call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => kind::NAME,
            Self::Local => local::NAME,
        }
    }

    /// The kind with that name.
    ///
    /// # Errors
    /// This program does not have it.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name {
            kind::NAME => Ok(Self::Kind),
            local::NAME => Ok(Self::Local),
            other => Err(Error::UnknownKind(other.to_owned())),
        }
    }
}
