//! The page's vocabulary: what every other room speaks in.
//!
//! - [`stage`]: the six stages of the way from a pod to a credential.
//! - [`keys`]: the credentials that a revision of the page lists.
//! - [`cause`]: the catalogue of causes, and which one the clues show.

pub mod cause;
pub mod keys;
pub mod stage;

pub use cause::{Cause, CauseCatalogue, CauseId};
pub use keys::{KeyCatalogue, Reads};
pub use stage::Stage;
