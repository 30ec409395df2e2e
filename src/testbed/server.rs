//! Which server keeps the secrets: Vault, or OpenBao, its fork. What differs
//! between them is said here and nowhere else.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::terms::Keeps;

/// A server that speaks Vault's API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "lower")]
pub enum Server {
    /// HashiCorp Vault
    #[default]
    Vault,
    /// OpenBao, its fork
    OpenBao,
}

impl Server {
    /// What reports call it: the key of its version and of its origin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::OpenBao => "openbao",
        }
    }

    /// Its program, which is both the server and its command line.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::OpenBao => "bao",
        }
    }

    /// The arguments of its program that make it a server which is initialised and unsealed when it answers. One on a disk
    /// needs its configuration besides.
    #[must_use]
    pub fn dev_arguments(self, keeps: Keeps) -> Vec<&'static str> {
        let mut arguments = vec!["server", "-dev", "-dev-no-store-token"];
        if keeps == Keeps::InMemoryOfCluster {
            arguments.push("-dev-ha");
        }
        arguments
    }

    /// The variables of such a server, by name and value: it listens on `listen`,
    /// a `HOST:PORT`, and tells what it does, as JSON.
    #[must_use]
    pub fn dev_settings(self, root_token: &str, listen: &str) -> [(&'static str, String); 5] {
        let [token, address] = match self {
            Self::Vault => ["VAULT_DEV_ROOT_TOKEN_ID", "VAULT_DEV_LISTEN_ADDRESS"],
            Self::OpenBao => ["BAO_DEV_ROOT_TOKEN_ID", "BAO_DEV_LISTEN_ADDRESS"],
        };
        let [level, format] = self.log_settings();
        [
            (token, root_token.to_owned()),
            (address, listen.to_owned()),
            level,
            format,
            // The official image would otherwise try to lock memory, which a dev server does not need.
            ("SKIP_SETCAP", "true".to_owned()),
        ]
    }

    /// The variables by which any server tells what it does, as JSON.
    #[must_use]
    pub fn log_settings(self) -> [(&'static str, String); 2] {
        let [level, format] = match self {
            Self::Vault => ["VAULT_LOG_LEVEL", "VAULT_LOG_FORMAT"],
            Self::OpenBao => ["BAO_LOG_LEVEL", "BAO_LOG_FORMAT"],
        };
        [(level, "debug".to_owned()), (format, "json".to_owned())]
    }

    /// The variables of one of several nodes, by name and value: each may be elected as soon as it has joined, and not
    /// only once it has been watched for ten seconds.
    #[must_use]
    pub fn node_settings(self) -> [(&'static str, String); 1] {
        let name = match self {
            Self::Vault => "VAULT_RAFT_AUTOPILOT_DISABLE",
            Self::OpenBao => "BAO_RAFT_AUTOPILOT_DISABLE",
        };
        [(name, "true".to_owned())]
    }

    /// What its configuration says beside storage and listener, by name and value: a standby passes every request on. An
    /// OpenBao that is one answers reads itself otherwise, of what has come to it so far.
    #[must_use]
    pub fn node_options(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Vault => &[],
            Self::OpenBao => &[("disable_standby_reads", true)],
        }
    }

    /// The variables of its command line, by name and value.
    #[must_use]
    pub fn client_settings(self, address: &str, root_token: &str) -> [(&'static str, String); 2] {
        let [place, token] = match self {
            Self::Vault => ["VAULT_ADDR", "VAULT_TOKEN"],
            Self::OpenBao => ["BAO_ADDR", "BAO_TOKEN"],
        };
        [(place, address.to_owned()), (token, root_token.to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Server::Vault, "vault", "VAULT_")]
    #[case(Server::OpenBao, "bao", "BAO_")]
    fn a_server_is_told_by_variables_of_its_own(#[case] server: Server, #[case] program: &str, #[case] prefix: &str) {
        assert_eq!(server.program(), program);
        let told = server.dev_settings("root-x", "0.0.0.0:80");
        let ours: Vec<_> = told.iter().filter(|(name, _)| *name != "SKIP_SETCAP").collect();
        assert!(ours.iter().all(|(name, _)| name.starts_with(prefix)), "{ours:?}");
        assert!(server.node_settings().iter().all(|(name, _)| name.starts_with(prefix)));
        assert!(server.client_settings("http://a", "b").iter().all(|(name, _)| name.starts_with(prefix)));
    }
}
