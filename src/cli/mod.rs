//! The command line, one file a command.

mod access;
mod check;
mod cleanup;
mod completions;
mod doctor;
mod ended;
mod explain;
mod frame;
mod hints;
mod images;
mod list;
mod logging;
mod man;
mod operator;
mod page;
mod print;
mod push;
mod report;
mod run;
mod say;
mod self_test;
mod shared;
mod sonobuoy;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::event::Exit;
use crate::journal::Runs;
use crate::redact::Redactor;
use ended::{Ended, ExitCodes};
use shared::fail;

/// Proves on a real Vault and a real Kubernetes cluster whether the Private Mendix Platform's
/// documentation of HashiCorp Vault holds
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = format!(
        "Exit codes: {}.\nStart with `doctor`, then `run`; for a cluster of your own with `doctor check`, then `check`.",
        Exit::ALL.map(|exit| format!("{} {}", exit.code(), exit.meaning())).join(", ")
    )
)]
struct Arguments {
    /// Where runs keep their journals [default: the user's state folder]
    #[arg(long, global = true, value_name = "DIR", env = "PMP_STATE_DIR")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios on a testbed of its own, and report a verdict
    Run(Box<run::Arguments>),
    /// Check a cluster and a Vault of your own, which are only looked at
    Check(Box<check::Arguments>),
    /// List the scenarios
    List(list::Arguments),
    /// Say in what two revisions of the page differ
    Page(page::Arguments),
    /// Explain a scenario or a cause
    Explain(explain::Arguments),
    /// Say what is missing on this machine, and how to get it
    Doctor(Box<doctor::Arguments>),
    /// Say which images a run would use, or export the probe's
    Images(images::Arguments),
    /// Break things on purpose, on real servers, and count what a run notices
    SelfTest(self_test::Arguments),
    /// Print the rights that a check of your own cluster and Vault needs, or that check as a Job, a CronJob or a plugin of Sonobuoy
    Print(print::Arguments),
    /// Draw pages, summaries, differences and matrices of the JSON reports of runs that are over
    Report(report::Arguments),
    /// Remove what a killed run left, or a kept testbed
    Cleanup(cleanup::Arguments),
    /// Print what makes a shell complete the commands and flags of this program
    Completions(completions::Arguments),
    /// Write a manual page of each command
    Man(man::Arguments),
    /// What runs in the pod
    #[command(hide = true)]
    Probe,
    /// Our stand-in for the operator, in a pod
    #[command(hide = true)]
    Operator,
}

/// The command line, with everything that it refuses.
fn command() -> clap::Command {
    hints::with_hints(documented())
}

/// The command line as its help shows it.
fn documented() -> clap::Command {
    // A policy is read with a Vault token only; `print policy` needs to be told of it without one.
    let with_token =
        |command: clap::Command| command.mut_arg("policies", |policy| policy.requires(access::VAULT_TOKEN));
    // What only looks at flags or rights can do without the probe; what starts it cannot.
    let with_probe = |command: clap::Command| command.mut_arg("probe_image", |image| image.required(true));
    Arguments::command()
        .mut_subcommand("check", |check| with_probe(with_token(check)))
        .mut_subcommand("doctor", |doctor| doctor.mut_subcommand("check", with_token))
        .mut_subcommand("print", |print| {
            print
                .mut_subcommand("rbac", with_token)
                .mut_subcommand("job", with_probe)
                .mut_subcommand("cronjob", with_probe)
                .mut_subcommand("sonobuoy-plugin", with_probe)
        })
}

/// Parses, runs one command, and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // The first client would otherwise find no provider. A second installation fails, harmlessly.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let parsed = command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    // It is held until the end, whatever that is.
    let wanted = parsed.as_ref().err().is_none_or(clap::Error::use_stderr);
    let results = if wanted { sonobuoy::Results::of_command_line() } else { None };
    let arguments = match parsed {
        Ok(arguments) => arguments,
        // A plugin says so in its own words; 2 would mean that something is wrong with the app.
        Err(error) if error.use_stderr() && ExitCodes::of_command_line() == ExitCodes::Nagios => {
            return ExitCodes::Nagios.refuse(Exit::Usage, &error.render().to_string()).into();
        }
        Err(error) => {
            drop(results);
            error.exit()
        }
    };
    let redactor = Redactor::new();
    logging::start(&redactor);
    // Two workers: the harness waits, and the machine's cores belong to the cluster.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Inconclusive, &format!("cannot start: {error}")).into(),
    };
    let runs = Runs::new(arguments.state_dir.as_deref());
    let ended: Ended = match arguments.command {
        Command::Run(arguments) => runtime.block_on(run::run(*arguments, runs, redactor)),
        Command::Check(arguments) => runtime.block_on(check::check(*arguments, runs, redactor)),
        Command::List(arguments) => list::list(&arguments).into(),
        Command::Page(arguments) => page::page(&arguments).into(),
        Command::Explain(arguments) => explain::explain(&arguments).into(),
        Command::Doctor(arguments) => runtime.block_on(doctor::doctor(&arguments, &runs)).into(),
        Command::Images(arguments) => runtime.block_on(images::images(arguments)).into(),
        Command::SelfTest(arguments) => runtime.block_on(self_test::self_test(arguments, runs, redactor)),
        Command::Print(arguments) => print::print(&arguments).into(),
        Command::Report(arguments) => report::report(arguments, &redactor).into(),
        Command::Cleanup(arguments) => runtime.block_on(cleanup::cleanup(&arguments, &runs)).into(),
        Command::Completions(arguments) => completions::completions(&arguments, &documented()).into(),
        Command::Man(arguments) => man::man(&arguments, documented()).into(),
        Command::Operator => runtime.block_on(operator::operator()).into(),
        Command::Probe => match runtime.block_on(crate::probe::run()) {
            Ok(()) => Exit::Passed.into(),
            Err(error) => fail(Exit::Inconclusive, &error).into(),
        },
    };
    // Followers of logs wait for ever; nothing that they hold needs them to end well.
    runtime.shutdown_background();
    match say::unsaid() {
        Some(error) if ended == Ended::Own(Exit::Passed) => {
            fail(Exit::Inconclusive, &format!("not all could be written to the standard output: {error}")).into()
        }
        _ => ended.into(),
    }
}
