//! What a run's things are called in the container engine, and in the journal.

use super::NAME;
use crate::journal::{Item, Part};

/// A container.
pub const CONTAINER: &str = "container";
/// A network.
pub const NETWORK: &str = "network";
/// A kind cluster: the containers that carry its name as kind's label.
pub const CLUSTER: &str = "kind cluster";

/// The name of a run's network and cluster, or the prefix of one scenario's containers.
#[must_use]
pub fn of(whose: &str) -> String {
    format!("pvc-{whose}")
}

/// The container of a cluster's only node, which is what kind calls it.
#[must_use]
pub fn node(cluster: &str) -> String {
    format!("{cluster}-control-plane")
}

/// The container of a Vault: of the one that scenarios share, or of one scenario's own.
#[must_use]
pub fn vault(prefix: &str) -> String {
    format!("{prefix}-vault")
}

/// As the journal has it.
#[must_use]
pub fn part(what: &str, name: &str, of: Option<&str>) -> Item {
    let of = of.map(str::to_owned);
    Item::Part(Part { testbed: NAME.to_owned(), what: what.to_owned(), name: name.to_owned(), of })
}
