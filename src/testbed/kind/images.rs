//! Which images a run uses. The official ones are the default, pinned; flags
//! and environment variables replace each.

/// Vault's official image. Its tags are not moved once they are published.
pub const VAULT: &str = "hashicorp/vault:1.21.0";

/// The node image that kind 0.33.0 itself takes by default.
pub const NODE: &str = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5";

/// The images of a run.
#[derive(Debug, Clone, clap::Args)]
pub struct Images {
    /// Image of Vault
    #[arg(long, value_name = "REF", env = "PMP_VAULT_IMAGE", default_value = VAULT)]
    pub vault_image: String,
    /// Image of the cluster's node
    #[arg(long, value_name = "REF", env = "PMP_NODE_IMAGE", default_value = NODE)]
    pub node_image: String,
    /// Image of the probe, in place of the one made of this program; it must be of the same version
    #[arg(long, value_name = "REF", env = "PMP_PROBE_IMAGE")]
    pub probe_image: Option<String>,
}
