//! `run`: the main job.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::mpsc::unbounded_channel;

use super::existing::Arguments as Existing;
use super::frame::Frame;
use super::{INCONCLUSIVE, USAGE, catalogue, fail, say};
use crate::check::run::Check;
use crate::check::target::Target;
use crate::check::{app, plan};
use crate::cluster::connect;
use crate::journal::Runs;
use crate::ledger::Ledger;
use crate::redact::Redactor;
use crate::run::engine::{OnTestbed, Options};
use crate::run::scenarios::Scenarios;
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
    let reuse = match super::hold(&frame.runs, arguments.reuse) {
        Ok(reuse) => reuse,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    let options = Options {
        images: arguments.images,
        keep: arguments.keep,
        reuse,
        timeout: arguments.timeout,
        profile: profile_name.to_owned(),
        runs: frame.runs.clone(),
    };
    let (events, happened) = unbounded_channel();
    let redactor = frame.redactor.clone();
    let scenarios =
        Scenarios { catalogue, planned: &planned, jobs: usize::from(arguments.jobs), repeat: arguments.repeat };
    let job = OnTestbed::new(catalogue, options, &events, &redactor, scenarios);
    frame.drive(catalogue, (&events, happened), arguments.timeout, job).await
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
    let (events, happened) = unbounded_channel();
    let check = Check::new(&target, catalogue, &events, arguments.deny == Some(Deny::Warning));
    frame.drive(catalogue, (&events, happened), arguments.timeout, check).await
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
