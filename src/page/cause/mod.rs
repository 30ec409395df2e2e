//! The catalogue of causes: why a way ends where it ends, how that is known,
//! and what to do. One file (`scenarios/catalogue/causes.yaml`) feeds `explain`,
//! JSON, JUnit's `type` and the docs.
//!
//! - [`id`]: what a cause is called.
//! - [`ids`]: the causes that the program itself names.
//! - [`fact`]: what is found out beside the texts.
//! - [`facts`]: what is known of them: seen, seen not to be, not known.
//! - [`signature`]: by what a cause is seen, and whether it is.
//! - [`catalogue`]: every cause, and which one the clues show.

pub mod catalogue;
pub mod fact;
pub mod facts;
pub mod id;
pub mod ids;
pub mod signature;

pub use catalogue::{Cause, CauseCatalogue, Left, SaysOf, Step, Told};
pub use fact::Fact;
pub use facts::Facts;
pub use id::CauseId;
pub use signature::{Clues, Signature};
