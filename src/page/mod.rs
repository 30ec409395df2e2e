//! The page's vocabulary: what every other room speaks in.
//!
//! - [`stage`]: the six stages of the way from a pod to a credential.
//! - [`revision`]: a revision of the page: where it is, its sections, the keys that it lists.
//! - [`keys`]: those keys, and choices among them.
//! - [`names`]: what things are called, the page's names or a customer's own.
//! - [`cause`]: the catalogue of causes, and which one the clues show.

pub mod cause;
pub mod keys;
pub mod names;
pub mod revision;
pub mod stage;

pub use cause::{Cause, CauseCatalogue, CauseId};
pub use keys::{Key, Reads};
pub use names::Names;
pub use revision::{Anchors, Page};
pub use stage::Stage;
