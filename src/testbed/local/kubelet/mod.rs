//! What a kubelet would do for the pods of a run: the stand-in.
//!
//! The real API server admits the pods, decides what is mounted in them, and
//! gives their tokens. What is done here with a pod, and is therefore marked as
//! a stand-in's: it is bound to a node of the run's own, its volumes become files
//! in a folder, its container becomes a process of this user, and its state is
//! reported. Its log is served as a kubelet serves it, so whoever reads it asks
//! the API server, as everywhere.
//!
//! - [`node`]: the node, and which pods run there.
//! - [`station`]: what the pods of a node share.
//! - [`schedule`]: whether a pod may run there.
//! - [`pod`]: one pod, from its admission to its end.
//! - [`files`]: what its volumes hold.
//! - [`container`]: its process: environment, address, and what needs a mount namespace.
//! - [`logs`]: the server of logs.

mod container;
mod files;
mod logs;
mod node;
mod pod;
mod schedule;
mod station;

pub use container::may_mount;
pub use node::Kubelet;
pub use station::{PROBE_IMAGE, Station, VAULT_IMAGE};
