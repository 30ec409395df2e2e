//! `cleanup`: what a killed run left, or a kept testbed.

use std::path::PathBuf;

use super::say::say;
use super::shared::fail;
use crate::cleanup::{Error, clean_by_label, clean_namespaces, clean_run};
use crate::cluster::connect::{self, ClusterChoice};
use crate::event::Exit;
use crate::journal::{self, Journal, Runs};
use crate::ledger::Ledger;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only this run, also where its testbed was kept or its journal is lost
    #[arg(long, value_name = "RUN-ID", value_parser = super::shared::run_id)]
    run_id: Option<String>,
    /// Kept testbeds as well
    #[arg(long, conflicts_with = "run_id")]
    kept: bool,
    /// With --run-id, where the journal is lost: the context of the cluster to look in
    #[arg(long, value_name = "NAME", requires_all = ["run_id", "namespace"])]
    context: Option<String>,
    /// The kubeconfig that has it [default: as kubectl finds it]
    #[arg(long, value_name = "FILE", requires = "context")]
    kubeconfig: Option<PathBuf>,
    /// The namespaces to look in, may be given more than once
    #[arg(long, value_name = "NAME", requires = "context")]
    namespace: Vec<String>,
}

/// Removes, and says what.
pub async fn cleanup(arguments: &Arguments, runs: &Runs) -> Exit {
    match (&arguments.run_id, &arguments.context) {
        (Some(run), Some(context)) => on_cluster(run, context, arguments).await,
        (Some(run), None) => one(runs, run).await,
        (None, _) => all(runs, arguments.kept).await,
    }
}

/// What a run left on a customer's cluster, by its label: for a journal that is
/// lost, or that was in a pod of that cluster.
async fn on_cluster(run: &str, context: &str, arguments: &Arguments) -> Exit {
    let choice = ClusterChoice { kubeconfig: arguments.kubeconfig.clone(), context: Some(context.to_owned()) };
    let kube = match connect::cluster(&choice, &Ledger::default()).await {
        Ok(kube) => kube,
        Err(error) => return fail(Exit::Inconclusive, &error.to_string()),
    };
    match clean_namespaces(&kube, &arguments.namespace, run).await {
        Ok(count) => {
            say!("run {run}: {count} things with its label removed from {}", arguments.namespace.join(", "));
            Exit::Passed
        }
        Err(error) => fail(Exit::Inconclusive, &error.to_string()),
    }
}

async fn one(runs: &Runs, run: &str) -> Exit {
    match clean_run(runs, run).await {
        Ok(()) => {
            say!("run {run}: removed");
            Exit::Passed
        }
        Err(Error::Journal(journal::Error::Unknown { .. })) => match clean_by_label(runs, run).await {
            Ok(0) => {
                say!(
                    "run {run}: nothing is left of it, neither a journal nor anything with its label or its id in the name"
                );
                Exit::Passed
            }
            Ok(count) => {
                say!("run {run}: its journal is lost; {count} things with its label or its id in their name removed");
                Exit::Passed
            }
            Err(error) => fail(Exit::Inconclusive, &error.to_string()),
        },
        Err(error) => fail(Exit::Inconclusive, &error.to_string()),
    }
}

async fn all(runs: &Runs, kept: bool) -> Exit {
    let known = match runs.list() {
        Ok(known) => known,
        Err(error) => return fail(Exit::Inconclusive, &error.to_string()),
    };
    let (mut code, mut quiet) = (Exit::Passed, true);
    for run in known {
        match Journal::open(runs, &run).map(|journal| journal.is_kept()) {
            Err(journal::Error::Locked { .. }) => say!("run {run}: goes on, left alone"),
            Err(error) => (code, quiet) = (fail(Exit::Inconclusive, &error.to_string()), false),
            Ok(true) if !kept => say!("run {run}: kept; `cleanup --run-id {run}` or `cleanup --kept` removes it"),
            Ok(_) => match clean_run(runs, &run).await {
                Ok(()) => {
                    say!("run {run}: removed");
                    quiet = false;
                }
                Err(error) => (code, quiet) = (fail(Exit::Inconclusive, &error.to_string()), false),
            },
        }
    }
    if quiet {
        say!("nothing to remove");
    }
    code
}
