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

use super::existing::Arguments as Existing;
use super::say::complain;
use super::{INCONCLUSIVE, USAGE, catalogue, fail, say};
use crate::check::run::Check;
use crate::check::target::Target;
use crate::check::{app, plan};
use crate::cluster::connect;
use crate::event::{Ending, Event, Events, RunResult};
use crate::journal::{Journal, Runs};
use crate::ledger::Ledger;
use crate::redact::Redactor;
use crate::report::terminal::Terminal;
use crate::report::{self, file};
use crate::run::engine::{Options, RunOf, Stop};
use crate::scenario::load::Catalogue;
use crate::scenario::model::Profile;
use crate::scenario::select;
use crate::testbed::images::Images;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to run against
    #[arg(long, value_enum, default_value_t = Testbed::Kind)]
    testbed: Testbed,
    /// Run these scenarios only, whatever their profile, by id or pattern such as `binding.*`; may be given more than once
    #[arg(long = "scenario", value_name = "GLOB")]
    scenarios_named: Vec<String>,
    /// Which scenarios to run, where none is named
    #[arg(long, value_enum, default_value_t = ProfileName::Core)]
    profile: ProfileName,
    /// How many scenarios go on at once
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    jobs: u16,
    /// Run every scenario so often, round after round, and say whether each ends the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
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
    /// With --testbed existing: print what would be created and asked, and create nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    images: Images,
    #[command(flatten)]
    existing: Existing,
}

/// What to run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Testbed {
    /// Vault in a container and a kind cluster, made for this run
    Kind,
    /// A cluster and a Vault of your own, which are only looked at
    Existing,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileName {
    /// Service Account, binding and both auth methods as documented
    Core,
    /// Everything
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// The page is wrong in a way that is known
    KnownDeviation,
    /// With --testbed existing: something holds and should be mended all the same
    Warning,
}

/// Runs, reports, cleans up.
pub async fn run(arguments: Arguments, runs: Runs, redactor: Redactor) -> ExitCode {
    let catalogue = match catalogue(arguments.scenarios.as_ref()) {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let frame = Frame {
        junit: arguments.junit.clone(),
        json: arguments.json.clone(),
        deny_known_deviation: arguments.deny == Some(Deny::KnownDeviation),
        runs: runs.clone(),
        redactor: redactor.clone(),
    };
    if let Err(error) = frame.check() {
        return fail(USAGE, &error);
    }
    match arguments.testbed {
        Testbed::Existing => on_existing(arguments, &catalogue, frame).await,
        Testbed::Kind => on_kind(arguments, &catalogue, frame).await,
    }
}

async fn on_kind(arguments: Arguments, catalogue: &Catalogue, frame: Frame) -> ExitCode {
    if arguments.dry_run {
        return fail(USAGE, "--dry-run goes with --testbed existing; `list` shows what a run would do here");
    }
    let (profile, profile_name) = match arguments.profile {
        _ if !arguments.scenarios_named.is_empty() => (Profile::All, "selection"),
        ProfileName::Core => (Profile::Core, "core"),
        ProfileName::All => (Profile::All, "all"),
    };
    let planned = match select::select(catalogue, &arguments.scenarios_named, profile) {
        Ok(planned) => planned,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let runs = frame.runs.clone();
    let reuse = match super::hold(&runs, arguments.reuse) {
        Ok(reuse) => reuse,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let options = Options {
        images: arguments.images,
        jobs: usize::from(arguments.jobs),
        repeat: arguments.repeat,
        keep: arguments.keep,
        reuse,
        timeout: arguments.timeout,
        profile: profile_name.to_owned(),
        runs,
    };
    let redactor = frame.redactor.clone();
    frame
        .drive(catalogue, |events, signals| async move {
            let work = RunOf {
                catalogue,
                planned: &planned,
                options: &options,
                events: &events,
                redactor: &redactor,
                cancel: &signals.cancel,
                stop: &signals.stop,
                self_test: None,
            };
            work.go().await
        })
        .await
}

async fn on_existing(arguments: Arguments, catalogue: &Catalogue, frame: Frame) -> ExitCode {
    if arguments.keep || arguments.reuse.is_some() || arguments.repeat > 1 || !arguments.scenarios_named.is_empty() {
        return fail(
            USAGE,
            "--keep, --reuse, --repeat and --scenario go with --testbed kind; a check of your own cluster is one whole",
        );
    }
    let Some(image) = arguments.images.probe_image.clone() else {
        return fail(
            USAGE,
            "--probe-image is missing: `images export FILE` writes this program as an image; bring it into a registry \
             that your nodes can pull from, and name it here, best with its digest",
        );
    };
    let target = match arguments.existing.target(&catalogue.keys, &image) {
        Ok(target) => target,
        Err(error) => return fail(USAGE, &error),
    };
    if let Some(access) = &target.vault {
        frame.redactor.add(&access.token);
    }
    if arguments.dry_run {
        return dry_run(&target, catalogue, &frame.redactor).await;
    }
    let (runs, timeout) = (frame.runs.clone(), arguments.timeout);
    let deny_warnings = arguments.deny == Some(Deny::Warning);
    frame
        .drive(catalogue, |events, signals| async move {
            let check = Check {
                target: &target,
                catalogue,
                runs: &runs,
                events: &events,
                cancel: &signals.cancel,
                stop: &signals.stop,
                timeout,
                deny_warnings,
            };
            check.go().await
        })
        .await
}

/// Reads what the app has, and says what a run would do. Creates nothing.
async fn dry_run(target: &Target, catalogue: &Catalogue, redactor: &Redactor) -> ExitCode {
    let text = async {
        let kube = connect::cluster(&target.cluster, &Ledger::default()).await?;
        let app = app::find(&kube, target).await?;
        plan::text(target, &catalogue.keys, &app)
    };
    match text.await {
        Ok(text) => {
            say::text(format_args!("{}", redactor.clean(&text)));
            ExitCode::SUCCESS
        }
        Err(error) => fail(INCONCLUSIVE, &redactor.clean(&error)),
    }
}

/// How a run is told to end.
pub(super) struct Signals {
    pub(super) cancel: CancellationToken,
    pub(super) stop: Stop,
}

/// What is around every run, whatever it runs against: signals, the terminal,
/// the report files, the exit code.
pub(super) struct Frame {
    pub(super) junit: Option<PathBuf>,
    pub(super) json: Option<PathBuf>,
    pub(super) deny_known_deviation: bool,
    pub(super) runs: Runs,
    pub(super) redactor: Redactor,
}

impl Frame {
    /// A path that cannot be written is said before the work, not after it.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.junit.is_some() && self.junit == self.json {
            return Err("--junit and --json name the same file; give each its own".to_owned());
        }
        for path in self.junit.iter().chain(&self.json) {
            file::check_writable(path).map_err(|error| format!("{error}; {}", error.remedy()))?;
        }
        Ok(())
    }

    /// Drives one run to its reports.
    pub(super) async fn drive<F, W>(self, catalogue: &Catalogue, work: W) -> ExitCode
    where
        W: FnOnce(Events, Signals) -> F,
        F: Future<Output = RunResult>,
    {
        let (cancel, abandon) = (CancellationToken::new(), CancellationToken::new());
        let stop: Stop = Arc::new(Mutex::new(None));
        if let Err(error) = listen(&cancel, &abandon, &stop) {
            return fail(INCONCLUSIVE, &format!("cannot listen for signals: {error}"));
        }
        let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        let interactive = std::io::stderr().is_terminal() && !in_ci;
        let colour = std::io::stdout().is_terminal() && super::colours_wanted();
        let mut terminal = Terminal::new(catalogue.causes.clone(), self.redactor.clone(), interactive, colour);
        let (events, mut happened) = unbounded_channel();
        let mut run = String::new();
        // Boxed, so that a second signal can drop it and what it holds.
        let mut work = Box::pin(work(events, Signals { cancel, stop: stop.clone() }));
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = happened.recv() => {
                    if let Event::RunStarted { run: id, .. } = &event {
                        run.clone_from(id);
                    }
                    terminal.handle(&event);
                }
                result = &mut work => break result,
                () = abandon.cancelled() => {
                    drop(work);
                    return self.abandoned(&run, *stop.lock().unwrap_or_else(PoisonError::into_inner));
                }
            }
        };
        while let Ok(event) = happened.try_recv() {
            terminal.handle(&event);
        }
        let mut rendered = match report::render(&result, &self.redactor, self.deny_known_deviation) {
            Ok(rendered) => rendered,
            Err(error) => return fail(INCONCLUSIVE, &error.to_string()),
        };
        let mut written = Vec::new();
        for (kind, path, text) in [("JUnit", &self.junit, &rendered.junit), ("JSON", &self.json, &rendered.json)] {
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

    /// A second signal: no clean-up and no reports, but how to do the one by hand.
    fn abandoned(&self, run: &str, ending: Option<Ending>) -> ExitCode {
        complain!("stopped at once; no report was written, and this may be left of run {run}:");
        if let Ok(journal) = Journal::open(&self.runs, run) {
            let cluster = journal.cluster();
            for entry in journal.open_entries() {
                complain!("  {}", entry.item.by_hand(cluster.as_ref()));
            }
        }
        complain!("`cleanup --run-id {run}` does all of it");
        ExitCode::from(if ending == Some(Ending::Terminated) { 143 } else { 130 })
    }
}

/// SIGINT and SIGTERM end the run: it cleans up and reports what it has. A
/// second one ends it at once.
fn listen(cancel: &CancellationToken, abandon: &CancellationToken, stop: &Stop) -> std::io::Result<()> {
    for (kind, ending) in
        [(SignalKind::interrupt(), Ending::Interrupted), (SignalKind::terminate(), Ending::Terminated)]
    {
        let mut signal = signal(kind)?;
        let (cancel, abandon, stop) = (cancel.clone(), abandon.clone(), stop.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                stop.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
                if cancel.is_cancelled() {
                    abandon.cancel();
                } else {
                    complain!("ending: removing what the run made; the reports are written (once more: stop at once)");
                }
                cancel.cancel();
            }
        });
    }
    Ok(())
}
