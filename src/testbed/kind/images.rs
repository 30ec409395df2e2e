//! Which images a run uses. The official ones are the default, pinned; flags
//! and environment variables replace each.

use std::env;
use std::time::Duration;

use super::super::server::Server;

/// Vault's official image. Its tags are not moved once they are published.
pub const VAULT: &str = "hashicorp/vault:1.21.4";

/// OpenBao's official image.
pub const OPENBAO: &str = "openbao/openbao:2.7.2";

/// The node image that kind 0.33.0 itself takes by default.
pub const NODE: &str = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5";

/// The flags that say what a new testbed is made of, and mean nothing where there is one already.
pub const OF_A_NEW_ONE: [&str; 2] = ["vault_image", "node_image"];

/// The images of a run.
#[derive(Debug, Clone, clap::Args)]
pub struct Images {
    /// Image of Vault, or of the server that --server names [env: PMP_VAULT_IMAGE, PMP_OPENBAO_IMAGE] [default: hashicorp/vault:1.21.4, openbao/openbao:2.7.2]
    #[arg(long, value_name = "REF")]
    pub vault_image: Option<String>,
    /// Image of the cluster's node [env: PMP_NODE_IMAGE]
    #[arg(long, value_name = "REF", default_value_t = set_or("PMP_NODE_IMAGE", NODE))]
    pub node_image: String,
    /// Image of the probe, in place of the one made of this program; it must be of the same version
    #[arg(long, value_name = "REF", env = "PMP_PROBE_IMAGE")]
    pub probe_image: Option<String>,
    /// The longest life that the API server gives a token, where it has a limit.
    #[arg(skip)]
    pub longest_token: Option<Duration>,
}

/// The variable that names the image of a server.
#[must_use]
pub const fn variable(server: Server) -> &'static str {
    match server {
        Server::Vault => "PMP_VAULT_IMAGE",
        Server::OpenBao => "PMP_OPENBAO_IMAGE",
    }
}

impl Images {
    /// The image of the server that keeps the secrets.
    #[must_use]
    pub fn of(&self, server: Server) -> String {
        let official = match server {
            Server::Vault => VAULT,
            Server::OpenBao => OPENBAO,
        };
        self.vault_image.clone().unwrap_or_else(|| set_or(variable(server), official))
    }
}

/// What a variable of the environment is set to, or else the default. A variable
/// that is set for all runs is the default of this machine, and so, unlike a flag,
/// no wrong use where a run has no new testbed.
fn set_or(variable: &str, default: &str) -> String {
    env::var(variable).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_know_the_official_images_by_the_same_references() {
        let scripts = include_str!("../../../scripts/env.sh");
        for (image, variable) in [(VAULT, "PMP_VAULT_VERSION"), (OPENBAO, "PMP_OPENBAO_VERSION")] {
            let tag = image.rsplit(':').next().unwrap();
            assert!(scripts.contains(&format!("  {variable}=v{tag}\n")), "{variable}, {image}");
        }
        assert!(scripts.contains(&format!("  PMP_OFFICIAL_NODE_IMAGE={NODE}\n")), "{NODE}");
    }
}
