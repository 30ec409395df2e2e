//! The six stages of the way.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stage of the way from a pod to a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The pod is admitted and runs.
    Pod,
    /// The Service Account's token is mounted.
    Token,
    /// `POST auth/MOUNT/login` gives a Vault token.
    Login,
    /// `GET MOUNT/data/NAME` gives the secret.
    Read,
    /// Every expected key is there with a value that the app can use.
    Keys,
    /// The Vault token can do nothing more than read that secret.
    Boundary,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [Self::Pod, Self::Token, Self::Login, Self::Read, Self::Keys, Self::Boundary];

    /// The word used in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Token => "token",
            Self::Login => "login",
            Self::Read => "read",
            Self::Keys => "keys",
            Self::Boundary => "boundary",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
