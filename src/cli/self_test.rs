//! `self-test`: proof that a run can fail.

use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::ended::Ended;
use super::frame::{Frame, ReportFiles};
use super::say::say;
use super::shared::{catalogue, fail};
use crate::event::Exit;
use crate::journal::Runs;
use crate::redact::Redactor;
use crate::run::engine::{OnTestbed, Options};
use crate::selftest::run::{Blind, SelfTest, stages};
use crate::testbed;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only these, by pattern such as `role/*`; may be given more than once
    #[arg(long = "only", value_name = "GLOB")]
    only: Vec<String>,
    /// Also the faults that take most of a minute each
    #[arg(long)]
    long: bool,
    /// Take one check out, to see that the self-test itself can fail
    #[arg(long, value_name = "CHECK", value_enum)]
    blind_to: Option<Blind>,
    /// List what would be broken, and break nothing
    #[arg(long)]
    list: bool,
    /// How many go on at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=60))]
    jobs: u16,
    /// Use the testbed that a run with --keep left up
    #[arg(long, value_name = "RUN-ID", value_parser = super::shared::run_id, conflicts_with_all = testbed::Wanted::OF_A_NEW_ONE)]
    reuse: Option<String>,
    #[command(flatten)]
    reports: ReportFiles,
    /// Time limit, clean-up left out
    #[arg(long, value_name = "D", default_value = "40m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    made_of: testbed::Wanted,
}

/// Breaks, looks, counts.
pub async fn self_test(arguments: Arguments, runs: Runs, redactor: Redactor) -> Ended {
    let catalogue = match catalogue(None) {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(Exit::Usage, &error).into(),
    };
    let test =
        match SelfTest::new(&catalogue, &arguments.only, arguments.long, arguments.blind_to, arguments.jobs.into()) {
            Ok(test) => test,
            Err(error) => return fail(Exit::Usage, &error).into(),
        };
    if arguments.list {
        let width = test.trials().iter().map(|trial| trial.id.len()).max().unwrap_or(0);
        for trial in test.trials() {
            say!("{:width$}  {}", trial.id, stages(&trial.want));
        }
        return Exit::Passed.into();
    }
    let frame = match Frame::new(arguments.reports, runs.clone(), redactor.clone()) {
        Ok(frame) => frame,
        Err(error) => return fail(Exit::Usage, &error).into(),
    };
    let reuse = match super::shared::hold(&runs, arguments.reuse) {
        Ok(reuse) => reuse,
        Err(error) => return fail(Exit::Usage, &error.to_string()).into(),
    };
    let options = Options {
        testbed: super::shared::made_of(arguments.made_of, &runs, reuse.as_ref()),
        keep: false,
        reuse,
        timeout: arguments.timeout,
        profile: "self-test".to_owned(),
        runs,
    };
    let (events, happened) = unbounded_channel();
    let job = OnTestbed::new(&catalogue, options, &events, &redactor, test);
    frame.drive(&catalogue, (&events, happened), arguments.timeout, job).await
}
