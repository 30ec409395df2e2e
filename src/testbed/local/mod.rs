//! A testbed without containers: etcd, the API server, its controller manager
//! and Vault as processes of this user, each at a loopback address of its own.
//! It needs neither root nor a container engine.
//!
//! - [`machine`]: what it is made of, and the making.
//! - [`binaries`]: where the servers' programs are found.
//! - [`servers`]: what each server is told.
//! - [`certificates`]: the cluster's authority, what it signs, and the kubeconfig.
//! - [`address`]: loopback addresses.
//! - [`process`]: processes that outlive the harness, and their end.
//! - [`vault`]: one Vault.
//! - [`own_api_server`]: an API server that one scenario has for itself.
//! - [`controllers`]: what a controller manager would do, where there is none: another stand-in.
//! - [`kubelet`]: what a kubelet would do for the run's pods: the stand-in.
//! - [`names`]: what everything is called.
//! - [`removal`]: the end of what the journal names.
//! - [`needs`]: what it needs on this machine.

pub mod address;
pub mod binaries;
pub mod certificates;
pub mod controllers;
pub mod error;
pub mod kubelet;
pub mod machine;
pub mod names;
pub mod needs;
pub mod nodes;
pub mod own_api_server;
pub mod process;
pub mod removal;
pub mod servers;
pub mod vault;

/// What reports and the journal call this kind of testbed.
pub const NAME: &str = "local";
