//! The default testbed: Vault in a container and a kind cluster, started at
//! the same time on a network of the run's own.
//!
//! - [`machine`]: what it is made of, and the making.
//! - [`vault`]: one Vault in a container.
//! - [`command_line`]: what the `kind` command does of it.
//! - [`docker`]: the container engine: networks, images, removal.
//! - [`images`]: which images a run uses, and where they come from.
//! - [`probe_image`]: the harness's own binary as an image.
//! - [`names`]: what everything is called.
//! - [`removal`]: the end of what the journal names.
//! - [`needs`]: what it needs on this machine.

pub mod command_line;
pub mod docker;
pub mod error;
pub mod images;
pub mod machine;
pub mod names;
pub mod needs;
pub mod probe_image;
pub mod removal;
pub mod vault;

/// What reports and the journal call this kind of testbed.
pub const NAME: &str = "kind";
