//! Chance, for what nobody may guess or use twice.

use rand::RngExt as _;
use rand::distr::Alphanumeric;

/// A random string of the run: a token, a canary, an id.
#[must_use]
pub fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}
