//! What scenarios run against. A testbed gives a Kubernetes client, Vaults (one
//! that is shared, and further ones), a way to run the probe as a pod, a
//! kubeconfig for typed commands, its versions, and what tears it down. How it
//! is made is nobody's business outside this folder.
//!
//! - [`given`]: what a testbed gives: its Vaults, its API server, its clients.
//! - [`start`]: how it comes up, in the same order whatever it is made of.
//! - [`kept`]: a testbed that outlives its run.
//! - [`part`]: what it consists of, as the journal has it, and the removal of that.
//! - [`wanted`]: the flags; what is missing on this machine, and where everything comes from.
//! - [`which`]: which kinds of testbed there are. A new one is a folder beside
//!   `kind` and an entry there; the compiler then names what it must be able to do.
//! - [`machine`]: what that is.
//! - [`server`]: Vault or OpenBao, and what differs between them.
//! - [`terms`]: what these and the kinds themselves speak of.
//! - [`kind`]: Vault in a container, the cluster by `kind`.
//! - [`local`]: Vault and a cluster's servers as processes.
//! - [`tls`]: a server that speaks TLS.

mod api_server;
mod error;
mod given;
mod kept;
mod kind;
mod local;
mod machine;
mod part;
mod server;
mod start;
mod terms;
pub mod tls;
mod wanted;
mod which;

pub use error::Error;
pub use given::{Testbed, VaultSite};
pub use kept::{entrance, kind_of, reuse, save, still_there};
pub use local::kubelet::Kubelet;
pub use part::{Remover, by_hand, remove_labelled};
pub use server::Server;
pub use start::Start;
pub use terms::{ApiServer, Exported, Keeps, Need, Origin, PodAddress, Renewed, Special, StandIn, VaultWanted};
pub use wanted::{Wanted, export_probe};
pub use which::Which;
