//! A typed HTTP client for the dozen endpoints of Vault that the page needs.
//!
//! - [`client`]: one exchange, and its errors.
//! - [`transport`]: why a request got no answer. `trust`: whom a client trusts.
//! - [`certificate`]: when a certificate ends.
//! - [`admin`]: what an administrator does: mounts, KV, policies, Kubernetes auth.
//! - [`objects`]: the documented request bodies, as pure constructors.
//! - [`acl`]: what policies grant on a path; [`hcl`]: the text that they are written in.
//! - [`log`]: Vault's log in JSON, and the lines that belong to one auth mount.

pub mod acl;
pub mod admin;
pub mod certificate;
pub mod client;
pub mod hcl;
pub mod log;
pub mod objects;
mod raft;
pub mod transport;
mod trust;

pub use client::{Client, Error, Reply};
