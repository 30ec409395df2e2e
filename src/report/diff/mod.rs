//! Two records against each other: what became worse, what became better, what else changed.
//!
//! - [`compare()`]: the difference, as JSON has it.
//! - [`markdown()`]: the same for people.
//! - `alike`: whether two texts say the same but for what differs in every run.

mod alike;
mod compare;
mod markdown;

pub use alike::lasting;
pub use compare::{Change, Diff, Effect, FailOn, Of, Pair, Presence, compare};
pub use markdown::markdown;
