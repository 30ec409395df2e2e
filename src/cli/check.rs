//! `check`: a cluster and a Vault of somebody's own, which are only looked at.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::mpsc::unbounded_channel;

use super::access::Access;
use super::ended::{Ended, ExitCodes};
use super::frame::{Frame, JUNIT_FILE, ReportFiles};
use super::shared::{catalogue_on, fail};
use super::sonobuoy::Results;
use super::target::Arguments as TargetArguments;
use super::{push, say};
use crate::check::run::Check;
use crate::check::target::Target;
use crate::check::{self, app, plan};
use crate::cluster::connect;
use crate::event::Exit;
use crate::journal::Runs;
use crate::ledger::Ledger;
use crate::redact::Redactor;
use crate::scenario::load::Catalogue;
use crate::verdict::Deny;

/// What a dry run has no use for.
const REPORTING: [&str; 11] = [
    "exit_codes",
    "junit",
    "json",
    "html",
    "summary",
    "metrics",
    "push_metrics",
    "baseline",
    "deny",
    "timeout",
    "sonobuoy",
];

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    target: TargetArguments,
    /// Print what would be created and asked, and create nothing
    #[arg(long, conflicts_with_all = REPORTING)]
    dry_run: bool,
    /// Also end with exit code 1 where this is observed
    #[arg(long, value_name = "VERDICT", value_enum)]
    deny: Option<Denied>,
    #[command(flatten)]
    reports: ReportFiles,
    /// Be a plugin of Sonobuoy: write a JUnit and a JSON report into this folder of results, and `done` at every end
    #[arg(long, value_name = "DIR", group = JUNIT_FILE, conflicts_with_all = ["json", "exit_codes"])]
    sonobuoy: Option<PathBuf>,
    /// Write metrics there in OpenMetrics, also for node-exporter's textfile collector where the name ends in .prom
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    push: push::To,
    #[command(flatten)]
    push_access: push::Access,
    /// Let the failures pass that this file knows, each with an owner and until a day
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Take the causes of this folder in place of the program's own, and revisions of the page beside them
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Whose exit codes; with `nagios` a plugin's line comes first, and nothing but it and what to mend is printed
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t)]
    exit_codes: ExitCodes,
    /// Time limit of the whole check, clean-up left out, such as `20m`
    #[arg(long, value_name = "D", default_value = "20m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Denied {
    /// Something holds and should be mended all the same
    Warning,
}

/// Checks, reports, cleans up.
pub async fn check(arguments: Arguments, runs: Runs, redactor: Redactor) -> Ended {
    let codes = arguments.exit_codes;
    let catalogue = match catalogue_on(arguments.scenarios.as_deref(), &arguments.target.page) {
        Ok(catalogue) => catalogue,
        Err(error) => return codes.refuse(Exit::Usage, &error),
    };
    let target = match arguments.target.target(&catalogue.page, &arguments.access) {
        Ok(target) => target,
        Err(error) => return codes.refuse(Exit::Usage, &error),
    };
    if let Some(access) = &target.vault {
        redactor.add(&access.token);
    }
    if arguments.dry_run {
        return dry_run(&target, &catalogue, &redactor).await.into();
    }
    let reports = match &arguments.sonobuoy {
        Some(folder) => arguments.reports.with(Results::junit(folder), Results::record(folder)),
        None => arguments.reports,
    };
    let gateway = arguments.push.gateway(&arguments.push_access, target.ca.as_deref(), &redactor);
    let frame =
        gateway.and_then(|gateway| Frame::new(reports, runs, redactor)?.with_metrics(arguments.metrics, gateway));
    let frame = match frame
        .and_then(|frame| frame.with_baseline(arguments.baseline.as_deref(), |id| check::judge::ALL.contains(&id)))
    {
        Ok(frame) => frame,
        Err(error) => return codes.refuse(Exit::Usage, &error),
    };
    let frame = frame.speaking_as_plugin((codes == ExitCodes::Nagios).then_some(target.ends_within));
    let (events, happened) = unbounded_channel();
    let check = Check::new(&target, &catalogue, &events);
    let frame = frame.denying(arguments.deny.map_or(Deny::Nothing, |Denied::Warning| Deny::Warning));
    frame.drive(&catalogue, (&events, happened), arguments.timeout, check).await
}

/// Reads what the app has, and says what a check would do. Creates nothing.
async fn dry_run(target: &Target, catalogue: &Catalogue, redactor: &Redactor) -> Exit {
    let text = async {
        let kube = connect::cluster(&target.cluster, &Ledger::default()).await?;
        let app = app::find(&kube, target).await?;
        plan::text(target, catalogue, &app)
    };
    let text: Result<String, check::Error> = text.await;
    match text {
        Ok(text) => {
            say::text(format_args!("{}", redactor.clean(&text)));
            Exit::Passed
        }
        Err(error) => fail(Exit::Inconclusive, &redactor.clean(&error.to_string())),
    }
}
