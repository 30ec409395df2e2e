//! Proves whether the Private Mendix Platform's documentation of HashiCorp
//! Vault holds: applies each documented configuration to a real Vault and a
//! real Kubernetes cluster, starts a probe pod, and compares what the pod can
//! read with what the page says. `docs/design.md` draws the whole.

pub mod check;
pub mod cleanup;
pub mod cli;
pub mod cluster;
pub mod configure;
pub mod event;
pub mod journal;
pub mod ledger;
pub mod lifecycle;
pub mod page;
pub mod probe;
pub mod process;
pub mod random;
pub mod redact;
pub mod report;
pub mod run;
pub mod scenario;
pub mod selftest;
pub mod testbed;
pub mod vault;
pub mod verdict;
pub mod wait;
