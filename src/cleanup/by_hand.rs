//! The commands that remove by hand what a run left.

use crate::cluster::connect::ClusterChoice;
use crate::journal::{Item, Journal, Runs};
use crate::testbed;

/// One command for each thing that is left, the last made first. What is on a
/// testbed of the run's own goes with that testbed.
#[must_use]
pub fn commands(journal: &Journal, runs: &Runs) -> Vec<String> {
    let kept = journal.testbed().and_then(|owner| testbed::entrance(runs, &owner));
    let vault = kept.as_ref().map(|kept| kept.vault.as_str());
    let cluster = journal.cluster().or_else(|| kept.as_ref().map(|kept| kept.cluster.clone()));
    journal.open_entries().iter().filter_map(|entry| command(&entry.item, cluster.as_ref(), vault)).collect()
}

/// The command for one thing on that cluster and, with these variables, in that
/// Vault; none where it is on neither.
pub(super) fn command(item: &Item, cluster: Option<&ClusterChoice>, vault: Option<&str>) -> Option<String> {
    match item {
        Item::Part(part) => Some(testbed::by_hand(part)),
        Item::Vault { path } => vault.map(|variables| format!("{variables} vault delete sys/{path}")),
        Item::Object { resource, namespace, name, .. } => cluster.map(|cluster| {
            let mut command = "kubectl".to_owned();
            if let Some(path) = &cluster.kubeconfig {
                command.push_str(&format!(" --kubeconfig {}", path.display()));
            }
            if let Some(context) = &cluster.context {
                command.push_str(&format!(" --context {context}"));
            }
            command.push_str(&format!(" delete {resource} {name}"));
            if let Some(namespace) = namespace {
                command.push_str(&format!(" --namespace {namespace}"));
            }
            command
        }),
    }
}
