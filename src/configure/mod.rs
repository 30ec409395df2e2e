//! The documented steps, in the page's order, through `vault/` and `cluster/`.
//!
//! - [`site`]: a scenario's place in a run, and how each object is made.
//! - [`names`]: what the objects of a scenario are called.
//! - [`secrets`], the page's `#create-vault-secret`.
//! - [`auth`], its `#configure-k8s-auth`.
//! - [`app`], its `#configure-k8s-for-pmp` and `#configure-pmp-credentials`.
//! - [`day_two`]: what happens while an app lives, and what mends it.
//! - [`ending_token`]: a token that ends in seconds.
//! - [`expired_token`]: a token that the app kept for too long.
//! - [`mutation`]: one field of one of these objects broken, for the self-test.
//! - [`vault_pod`]: a Vault in the cluster, for the scenarios that want one.

pub mod app;
pub mod auth;
pub mod day_two;
pub mod ending_token;
pub mod expired_token;
pub mod mutation;
pub mod names;
pub mod secrets;
pub mod site;
pub mod vault_pod;

pub use site::{Bent, Error, Run, Site, VaultDetour};
