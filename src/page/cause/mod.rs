//! The catalogue of causes: why a way ends where it ends, how that is known,
//! and what to do. One file (`scenarios/catalogue/causes.yaml`) feeds `explain`,
//! JSON, JUnit's `type` and the docs.
//!
//! - [`id`]: what a cause is called.
//! - [`ids`]: the causes that the program itself names.
//! - [`fact`]: what is found out beside the texts.
//! - [`signature`]: by what a cause is seen, and whether it is.
//! - [`catalogue`]: every cause, and which one the clues show.

pub mod catalogue;
pub mod fact;
pub mod id;
pub mod ids;
pub mod signature;

pub use catalogue::{Cause, CauseCatalogue, SaysOf};
pub use fact::Fact;
pub use id::CauseId;
pub use signature::{Clues, Signature};
