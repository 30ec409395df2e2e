//! A customer's own cluster and Vault: what is checked there, with which
//! rights, and what the answers mean. Nothing that was there before is changed.
//!
//! - [`Error`]: why a check cannot go on.
//! - [`target`]: what the customer named.
//! - [`reviewer_token`]: the reviewer's token, read for when it ends; pure. `ends`: what ends soon; pure.
//! - [`rights`]: the least Role and policy for that, and whether a run kept to them; pure.
//! - [`vault`]: a client for Vault that notes every request.
//! - [`app`]: what the running app really has, read from its pods and custom resources. [`likeness`]: what of a pod the
//!   probe's pods take over; pure. [`anew`]: whether its token is of an account that is gone; pure.
//! - [`objects`]: the probe's pods and the fresh Service Account; pure.
//! - [`inspect`]: what a read-only Vault token and the reviewer's Service Account can tell.
//! - [`clues`]: what that, and a piece of Vault's log, says for and against causes; pure.
//! - `names`: what things are called there, for remedies; pure.
//! - [`sighted`]: everything that was seen.
//! - [`judge`]: the questions that go to the oracle, and the checks beside them; pure. `reach`: those of
//!   the way to Vault. `checks`: those around the app's way. `pods`: those of its pods. `setup`: those that concern the set-up. `case`: what both are made of.
//! - `probe`: one probe pod, from its creation to what it says.
//! - [`run`](mod@run): the one way through, with events and clean-up.
//! - [`plan`]: what a run would create and ask (`--dry-run`).
//! - [`job`]: the same check as a Job in the cluster (`print job`). [`sonobuoy`]: as a plugin of Sonobuoy.

pub mod anew;
pub mod app;
mod case;
mod checks;
pub mod clues;
mod ends;
mod error;
pub mod inspect;
pub mod job;
pub mod judge;
pub mod likeness;
mod names;
pub mod objects;
pub mod plan;
mod pods;
mod probe;
mod reach;
pub mod reviewer_token;
mod revision;
pub mod rights;
pub mod run;
mod setup;
pub mod sighted;
pub mod sonobuoy;
pub mod target;
pub mod vault;

pub use error::Error;
