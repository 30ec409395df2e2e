//! `run`: the main job.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::{INCONCLUSIVE, USAGE, catalogue, fail};
use crate::journal::{Hold, Runs};
use crate::redact::Redactor;
use crate::report::terminal::Terminal;
use crate::report::{self, file};
use crate::run::engine::{Options, RunOf, Stop};
use crate::run::event::Ending;
use crate::scenario::model::Profile;
use crate::scenario::select;
use crate::testbed::images::Images;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to run against
    #[arg(long, value_enum, default_value_t = Kind::Kind)]
    testbed: Kind,
    /// Run these scenarios only, whatever their profile, by id or pattern such as `binding.*`; may be given more than once
    #[arg(long = "scenario", value_name = "GLOB")]
    scenarios_named: Vec<String>,
    /// Which scenarios to run, where none is named
    #[arg(long, value_enum, default_value_t = ProfileName::Core)]
    profile: ProfileName,
    /// How many scenarios go on at once
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    jobs: u16,
    /// Leave the testbed up afterwards, for --reuse
    #[arg(long, conflicts_with = "reuse")]
    keep: bool,
    /// Use the testbed that a run with --keep left up, with its images of Vault and the node
    #[arg(long, value_name = "RUN-ID", value_parser = super::run_id)]
    reuse: Option<String>,
    /// Also end with exit code 1 where this is observed
    #[arg(long, value_name = "VERDICT", value_enum)]
    deny: Option<Deny>,
    /// Write a JUnit report there
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a JSON report there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Take the scenarios of this folder in place of the program's own
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Time limit of the whole run, clean-up left out, such as `20m`
    #[arg(long, value_name = "D", default_value = "20m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    images: Images,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Vault in a container and a kind cluster, made for this run
    Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileName {
    /// Service Account, binding and both auth methods as documented
    Core,
    /// Everything
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Deny {
    /// The page is wrong in a way that is known
    KnownDeviation,
}

/// Runs, reports, cleans up.
pub async fn run(arguments: Arguments, runs: Runs, redactor: Redactor) -> ExitCode {
    let catalogue = match catalogue(arguments.scenarios.as_ref()) {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let (profile, profile_name) = match arguments.profile {
        _ if !arguments.scenarios_named.is_empty() => (Profile::All, "selection"),
        ProfileName::Core => (Profile::Core, "core"),
        ProfileName::All => (Profile::All, "all"),
    };
    let planned = match select::select(&catalogue, &arguments.scenarios_named, profile) {
        Ok(planned) => planned,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    if arguments.junit.is_some() && arguments.junit == arguments.json {
        return fail(USAGE, "--junit and --json name the same file; give each its own");
    }
    // A path that cannot be written is said before the work, not after it.
    for path in arguments.junit.iter().chain(&arguments.json) {
        if let Err(error) = file::check_writable(path) {
            return fail(USAGE, &format!("{error}; {}", error.remedy()));
        }
    }
    let reuse = match arguments.reuse.map(|owner| Hold::on(&runs, &owner).map(|hold| (owner, Arc::new(hold)))) {
        Some(Err(error)) => return fail(USAGE, &error.to_string()),
        held => held.and_then(Result::ok),
    };
    let options = Options {
        images: arguments.images,
        jobs: usize::from(arguments.jobs),
        keep: arguments.keep,
        reuse,
        timeout: arguments.timeout,
        profile: profile_name.to_owned(),
        runs,
    };

    let cancel = CancellationToken::new();
    let stop: Stop = Arc::new(Mutex::new(None));
    if let Err(error) = listen(&cancel, &stop) {
        return fail(INCONCLUSIVE, &format!("cannot listen for signals: {error}"));
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let interactive = std::io::stderr().is_terminal() && !in_ci;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut terminal = Terminal::new(catalogue.causes.clone(), redactor.clone(), interactive, colour);

    let (events, mut happened) = unbounded_channel();
    let work = RunOf {
        catalogue: &catalogue,
        planned: &planned,
        options: &options,
        events: &events,
        redactor: &redactor,
        cancel: &cancel,
        stop: &stop,
    };
    let mut work = std::pin::pin!(work.go());
    let result = loop {
        tokio::select! {
            biased;
            Some(event) = happened.recv() => terminal.handle(&event),
            result = &mut work => break result,
        }
    };
    while let Ok(event) = happened.try_recv() {
        terminal.handle(&event);
    }

    let mut rendered = match report::render(&result, &redactor, arguments.deny.is_some()) {
        Ok(rendered) => rendered,
        Err(error) => return fail(INCONCLUSIVE, &error.to_string()),
    };
    let mut written = Vec::new();
    for (kind, path, text) in [("JUnit", &arguments.junit, &rendered.junit), ("JSON", &arguments.json, &rendered.json)]
    {
        let Some(path) = path else { continue };
        match file::write(path, text) {
            Ok(()) => written.push((kind, path.as_path())),
            Err(error) => {
                // A gate without its report is no gate.
                if rendered.exit_code == 0 {
                    rendered.exit_code = INCONCLUSIVE;
                }
                rendered.result.problems.push(format!("{error}; {}", error.remedy()));
            }
        }
    }
    terminal.finish(&rendered, &written);
    ExitCode::from(rendered.exit_code)
}

/// SIGINT and SIGTERM end the run: it cleans up and reports what it has.
fn listen(cancel: &CancellationToken, stop: &Stop) -> std::io::Result<()> {
    for (kind, ending) in
        [(SignalKind::interrupt(), Ending::Interrupted), (SignalKind::terminate(), Ending::Terminated)]
    {
        let mut signal = signal(kind)?;
        let (cancel, stop) = (cancel.clone(), stop.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                stop.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
                if cancel.is_cancelled() {
                    eprintln!("already ending: what the run made is being removed");
                } else {
                    eprintln!("ending: removing what the run made; the reports are written");
                }
                cancel.cancel();
            }
        });
    }
    Ok(())
}
