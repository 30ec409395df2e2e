//! The page's vocabulary: what every other room speaks in.
//!
//! - [`stage`]: the six stages of the way from a pod to a credential.
//! - [`keys`]: the credentials that a revision of the page lists.
//! - [`names`]: what things are called, the page's names or a customer's own.
//! - [`cause`]: the catalogue of causes, and which one the clues show.

pub mod cause;
pub mod keys;
pub mod names;
pub mod stage;

pub use cause::{Cause, CauseCatalogue, CauseId};
pub use keys::{KeyCatalogue, Reads};
pub use names::Names;
pub use stage::Stage;
