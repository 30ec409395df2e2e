//! Proof that the harness can fail: breaks things on purpose and counts what it
//! notices.
//!
//! - [`mutants`]: every field of every documented object, broken; pure.
//! - [`placed`]: one of them in a scenario's way.
//! - [`proxy`]: the one that lies and fails, in front of the real servers.
//! - [`trial`]: one thing put in the way of a scenario, and what must come of it; pure.
//! - [`run`](mod@run): the trials, on real servers.
//! - [`score`]: how many were noticed.

pub mod mutants;
pub mod placed;
pub mod proxy;
pub mod run;
pub mod score;
pub mod trial;
