//! What the abstraction and every kind of testbed speak of.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::vault::Client;
use crate::vault::log::LogBook;

/// The API server, as a Vault must be told of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ApiServer {
    /// An `https://ADDRESS:PORT` that Vault can reach, wherever it runs.
    pub address: String,
    /// The same address with a port that is closed.
    pub closed_address: String,
    /// The cluster's certificate authority in PEM.
    pub ca: String,
    /// `issuer` of `/.well-known/openid-configuration`.
    pub issuer: String,
}

/// What is another of a further API server once it has started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// It signs tokens with another key, and takes those that the key before it has signed, too.
    SigningKeyAdded,
    /// It signs tokens with another key, and takes no others.
    SigningKeyReplaced,
    /// Another authority has signed its certificate.
    Authority,
}

/// Where a Vault keeps what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// In memory.
    InMemory,
    /// In memory, as a cluster of one, which can step down.
    InMemoryOfCluster,
    /// On a disk (integrated storage), so that it outlives that Vault ends. See [`Special::Restarts`].
    OnDisk,
}

/// Whether a server is held where it is: it answers nothing then, and has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is.
    Still,
    /// It goes on.
    GoesOn,
}

/// What is wanted of a Vault.
#[derive(Debug, Clone, Copy)]
pub struct VaultWanted<'a> {
    /// The one scenario that has it for itself, by the prefix of its names; none
    /// for the Vault that scenarios share.
    pub of: Option<&'a str>,
    /// The port that it listens on, as a pod sees it.
    pub port: u16,
    /// Where it keeps what it has.
    pub keeps: Keeps,
    /// How long the start may take.
    pub limit: Duration,
}

/// A Vault that has started.
#[derive(Clone)]
pub struct StartedVault {
    /// What its kind of testbed calls it.
    pub name: String,
    /// The client with the root token.
    pub admin: Client,
    /// The root token.
    pub root_token: SecretString,
    /// The host part of its address as a pod sees it.
    pub pod_host: String,
    /// Its log.
    pub log: LogBook,
}

/// A Vault of three nodes that has started.
pub struct StartedNodes {
    /// The one that an app asks. It is a standby.
    pub standby: StartedVault,
    /// The active one, as its kind of testbed calls it.
    pub active: String,
    /// The other standby.
    pub third: String,
}

/// The probe, as a kind of testbed has it.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What a pod names to run it.
    pub reference: String,
    /// Where it comes from.
    pub origin: String,
}

/// Where the pods of a testbed have their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodAddress {
    /// In a network of each pod's own: the harness comes in by the API server alone.
    OfItsOwn,
    /// On this machine, which they share: the harness reaches them, and a server must listen on its pod's address alone.
    OnThisMachine,
}

/// What of a testbed may be a stand-in of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    /// What runs pods.
    Kubelet,
    /// What makes pods.
    Controllers,
}

impl StandIn {
    /// As reports have it.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Kubelet => {
                "the kubelet: the real API server admits the pods and gives their tokens, and processes of this user \
                 stand in for their containers"
            }
            Self::Controllers => {
                "the controller manager, which is not at hand: the pods of Deployments and the default Service Accounts \
                 are made by a stand-in"
            }
        }
    }
}

/// What a scenario may need of a testbed that not each can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// A server that listens on port 80.
    LowPort,
    /// A pod that sees files of its own at their own paths, whatever program it runs.
    PodFiles,
    /// A server of a scenario's own that ends and starts anew with what it has stored.
    Restarts,
}

/// How far the creation of a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It goes on: whoever creates the cluster still changes it, and all of its nodes.
    Going,
    /// It is whole.
    Done,
    /// It is none, for this reason; what was made of it is removed.
    Failed(String),
}

/// One thing that a testbed needs on this machine.
#[derive(Debug)]
pub struct Need {
    /// What.
    pub what: &'static str,
    /// What is there, or why not.
    pub found: Result<String, String>,
    /// Whether no run starts without it.
    pub needed: bool,
    /// How to get it.
    pub remedy: &'static str,
}

/// Where one part of a testbed comes from.
#[derive(Debug)]
pub struct Origin {
    /// The part, such as `vault`.
    pub part: &'static str,
    /// What is taken.
    pub taken: String,
    /// More of it: whether it is here, and what replaces it.
    pub notes: Vec<String>,
}

/// The probe, written to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// What a pod names to run it. It tells the content.
    pub reference: String,
    /// `sha256:…` of it.
    pub digest: String,
}
