//! `run`: the main job.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::mpsc::unbounded_channel;

use super::ended::Ended;
use super::frame::{Frame, ReportFiles};
use super::shared::{Tested, fail};
use crate::cluster::manifests::Manifests;
use crate::event::Exit;
use crate::journal::Runs;
use crate::redact::Redactor;
use crate::run::engine::{OnTestbed, Options};
use crate::run::scenarios::Scenarios;
use crate::scenario::model::Profile;
use crate::scenario::select;
use crate::testbed;
use crate::verdict::Deny;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run these scenarios only, whatever their profile, by id or pattern such as `binding.*`; may be given more than once
    #[arg(long = "scenario", value_name = "GLOB")]
    scenarios_named: Vec<String>,
    /// Which scenarios to run, where none is named
    #[arg(long, value_enum, default_value_t = ProfileName::Core, conflicts_with = "scenarios_named")]
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
    #[arg(long, value_name = "RUN-ID", value_parser = super::shared::run_id, conflicts_with_all = testbed::Wanted::OF_A_NEW_ONE)]
    reuse: Option<String>,
    /// The longest life that the new cluster's API server gives a token, such as `24h`, as hosted clusters have it
    #[arg(long, value_name = "D", value_parser = longest_token, conflicts_with = "reuse")]
    service_account_max_token_expiration: Option<Duration>,
    /// A folder with the manifests of the Mendix Operator, definitions of custom resources included: it is installed, and
    /// decides what otherwise our stand-in decides
    #[arg(long, value_name = "DIR", conflicts_with = "reuse")]
    operator_manifests: Option<PathBuf>,
    /// Also end with exit code 1 where this is observed
    #[arg(long, value_name = "VERDICT", value_enum)]
    deny: Option<Denied>,
    /// Let nothing pass that rests on a stand-in of ours
    #[arg(long, value_name = "EVIDENCE", value_enum)]
    require_evidence: Option<Required>,
    #[command(flatten)]
    reports: ReportFiles,
    /// Write what is wrong with the page there, for those who write it, as Markdown
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
    /// Let the failures pass that this file knows, each with an owner and until a day
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    tested: Tested,
    /// Time limit of the whole run, clean-up left out, such as `20m`
    #[arg(long, value_name = "D", default_value = "20m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    made_of: testbed::Wanted,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileName {
    /// Service Account, binding and both auth methods as documented
    Core,
    /// Everything
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Denied {
    /// The page is wrong in a way that is known
    KnownDeviation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Required {
    /// Real servers alone have decided
    Real,
}

/// Less than an hour is refused by the API server, which then does not start.
fn longest_token(text: &str) -> Result<Duration, String> {
    let longest = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if longest < Duration::from_secs(3600) {
        return Err("the API server takes no limit below one hour; give 1h or more".to_owned());
    }
    Ok(longest)
}

/// Runs, reports, cleans up.
pub async fn run(arguments: Arguments, runs: Runs, redactor: Redactor) -> Ended {
    let catalogue = match arguments.tested.catalogue() {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(Exit::Usage, &error).into(),
    };
    let frame = Frame::new(arguments.reports, runs, redactor);
    let knows = |id: &str| catalogue.scenarios.iter().any(|scenario| scenario.id == id);
    let frame = frame.and_then(|frame| frame.with_findings(arguments.findings));
    let frame = match frame.and_then(|frame| frame.with_baseline(arguments.baseline.as_deref(), knows)) {
        Ok(frame) => frame,
        Err(error) => return fail(Exit::Usage, &error).into(),
    };
    let (profile, profile_name) = match arguments.profile {
        _ if !arguments.scenarios_named.is_empty() => (Profile::All, "selection"),
        ProfileName::Core => (Profile::Core, "core"),
        ProfileName::All => (Profile::All, "all"),
    };
    let planned = match select::select(&catalogue, &arguments.scenarios_named, profile) {
        Ok(planned) => planned,
        Err(error) => return fail(Exit::Usage, &error.to_string()).into(),
    };
    let reuse = match super::shared::hold(&frame.runs, arguments.reuse) {
        Ok(reuse) => reuse,
        Err(error) => return fail(Exit::Usage, &error.to_string()).into(),
    };
    let operator = match arguments.operator_manifests.as_deref().map(Manifests::read).transpose() {
        Ok(operator) => operator,
        Err(error) => return fail(Exit::Usage, &format!("--operator-manifests: {error}")).into(),
    };
    let wanted = super::shared::made_of(arguments.made_of, &frame.runs, reuse.as_ref())
        .with_longest_token(arguments.service_account_max_token_expiration);
    if operator.is_some() && wanted.which() != testbed::Which::Kind {
        let reason = "its kubelet runs no program but the probe and Vault";
        let error = format!("--operator-manifests cannot be used with --testbed {}: {reason}", wanted.which().name());
        return fail(Exit::Usage, &error).into();
    }
    let options = Options {
        testbed: wanted.with_operator(operator),
        keep: arguments.keep,
        reuse,
        timeout: arguments.timeout,
        profile: profile_name.to_owned(),
        runs: frame.runs.clone(),
    };
    let (events, happened) = unbounded_channel();
    let redactor = frame.redactor.clone();
    let scenarios = Scenarios {
        catalogue: &catalogue,
        planned: &planned,
        jobs: usize::from(arguments.jobs),
        repeat: arguments.repeat,
        only_real: arguments.require_evidence == Some(Required::Real),
    };
    let job = OnTestbed::new(&catalogue, options, &events, &redactor, scenarios);
    frame
        .denying(arguments.deny.map_or(Deny::Nothing, |Denied::KnownDeviation| Deny::KnownDeviation))
        .drive(&catalogue, (&events, happened), arguments.timeout, job)
        .await
}
