//! `cleanup`: what a killed run left, or a kept testbed.

use std::process::ExitCode;

use super::{INCONCLUSIVE, fail};
use crate::cleanup::{Error, clean_by_label, clean_run};
use crate::journal::{self, Journal, Runs};
use crate::testbed::docker::Engine;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only this run, also where its testbed was kept or its journal is lost
    #[arg(long, value_name = "RUN-ID", value_parser = super::run_id)]
    run_id: Option<String>,
    /// Kept testbeds as well
    #[arg(long, conflicts_with = "run_id")]
    kept: bool,
}

/// Removes, and says what.
pub async fn cleanup(arguments: &Arguments, runs: &Runs) -> ExitCode {
    let engine = match Engine::connect().await {
        Ok(engine) => engine,
        Err(error) => return fail(INCONCLUSIVE, &error.to_string()),
    };
    match &arguments.run_id {
        Some(run) => one(runs, &engine, run).await,
        None => all(runs, &engine, arguments.kept).await,
    }
}

async fn one(runs: &Runs, engine: &Engine, run: &str) -> ExitCode {
    match clean_run(runs, engine, run).await {
        Ok(()) => {
            println!("run {run}: removed");
            ExitCode::SUCCESS
        }
        Err(Error::Journal(journal::Error::Unknown { .. })) => match clean_by_label(runs, engine, run).await {
            Ok(0) => {
                println!("run {run}: nothing is left of it, neither a journal nor anything with its label");
                ExitCode::SUCCESS
            }
            Ok(count) => {
                println!("run {run}: its journal is lost; {count} things with its label removed");
                ExitCode::SUCCESS
            }
            Err(error) => fail(INCONCLUSIVE, &error.to_string()),
        },
        Err(error) => fail(INCONCLUSIVE, &error.to_string()),
    }
}

async fn all(runs: &Runs, engine: &Engine, kept: bool) -> ExitCode {
    let known = match runs.list() {
        Ok(known) => known,
        Err(error) => return fail(INCONCLUSIVE, &error.to_string()),
    };
    let mut code = ExitCode::SUCCESS;
    let mut removed = 0;
    for run in known {
        match Journal::open(runs, &run).map(|journal| journal.is_kept()) {
            Err(journal::Error::Locked { .. }) => println!("run {run}: goes on, left alone"),
            Err(error) => code = fail(INCONCLUSIVE, &error.to_string()),
            Ok(true) if !kept => println!("run {run}: kept; `cleanup --run-id {run}` or `cleanup --kept` removes it"),
            Ok(_) => match clean_run(runs, engine, &run).await {
                Ok(()) => {
                    println!("run {run}: removed");
                    removed += 1;
                }
                Err(error) => code = fail(INCONCLUSIVE, &error.to_string()),
            },
        }
    }
    if removed == 0 {
        println!("nothing to remove");
    }
    code
}
