//! The Kubernetes side.
//!
//! - `api_server`: one in the test's own process, for unit tests here and above.
//! - [`connect`]: a client for the cluster that somebody named.
//! - [`inherited`]: what a pod takes over from one that is there.
//! - [`objects`]: Kubernetes objects as pure constructors, one for each documented one.
//! - [`manifests`]: an operator's manifests, where somebody has them; [`install`]: the same, made on a cluster.
//! - [`mendix`]: `OperatorConfiguration` and `Runtime`, their CRDs, and what an
//!   operator makes of them.
//! - [`operator`]: the stand-in for the Mendix Operator: a controller around [`mendix`].
//! - [`owners`]: which app a pod is of, where our labels do not say it.
//! - [`patience`]: the one way to make a Kubernetes client, which tries again what passes.
//! - [`pod_spec`]: the one place that makes pods, and what all of them have.
//! - [`pod`]: from the app's start to its observation, or to why there is none.
//! - [`pod_rounds`]: what an app sees that lives on.
//! - [`portforward`]: a loopback port that leads into a pod.

#[cfg(test)]
pub(crate) mod api_server;
pub mod connect;
pub mod inherited;
pub mod install;
pub mod manifests;
pub mod mendix;
pub mod objects;
pub mod operator;
pub mod owners;
pub mod patience;
pub mod pod;
pub mod pod_rounds;
pub mod pod_spec;
pub mod portforward;

/// The label that every object of a run carries, with the run's id.
pub const RUN_LABEL: &str = "pmp-vault-conformance/run";

/// The label that names the scenario.
pub const SCENARIO_LABEL: &str = "pmp-vault-conformance/scenario";
