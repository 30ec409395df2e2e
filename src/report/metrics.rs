//! A check's record as metrics. Every family is a gauge and no sample has a time, so the text is OpenMetrics and the
//! older text format of Prometheus at once: a scraper, node-exporter's textfile collector and a Pushgateway take it.

use std::borrow::Cow;
use std::fmt::Error;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::json::Report;
use super::subjects::{CaseOf, subjects};
use crate::event::Exit;
use crate::page::Names;
use crate::verdict::Verdict;

/// What every name begins with.
const PREFIX: &str = "pmp_vault_check";

/// The verdicts that a check gives.
const VERDICTS: [Verdict; 4] = [Verdict::Conformant, Verdict::Nonconformant, Verdict::Inconclusive, Verdict::Skipped];

/// What came of all of it.
const RESULTS: [&str; 3] = ["passed", "failed", "inconclusive"];

/// The labels that every sample has, and by which a Pushgateway groups: which app is checked. `app_namespace`, because
/// Prometheus gives `namespace` a meaning of its own.
#[must_use]
pub fn labels(names: &Names) -> [(&'static str, String); 2] {
    [("app_namespace", names.namespace.clone()), ("app", names.runtime.clone())]
}

/// The record as metrics: times in seconds, ends and the run's own as Unix times. Labels hold names of the app, of
/// scenarios, checks, the page's keys and causes, and no text.
///
/// # Errors
/// Only where the library refuses to write.
pub fn openmetrics(record: &Report) -> Result<String, Error> {
    let names = record.run.names.iter().flat_map(labels);
    let names = names.map(|(name, value)| (Cow::Borrowed(name), Cow::Owned(value)));
    let mut registry = Registry::with_prefix_and_labels(PREFIX, names);
    registry.register_collector(Box::new(Drawn(record.clone())));
    let mut drawn = String::new();
    text::encode(&mut drawn, &registry)?;
    Ok(drawn)
}

#[derive(Debug)]
struct Drawn(Report);

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Drawn {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Self(record) = self;
        let mut out = |name, help, unit: Option<&Unit>, samples: Vec<(Labels<'_>, f64)>| {
            family(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?, &samples)
        };
        let seconds = Some(&Unit::Seconds);
        out("build_info", "The program that checked.", None, vec![(vec![("version", &*record.run.harness)], 1.0)])?;
        let (ended, took) = times(record);
        let ended = ended.map(|ended| (Vec::new(), ended));
        out("last_run_timestamp", "When the check was over.", seconds, ended.into_iter().collect())?;
        out("duration", "How long the check took, clean-up included.", seconds, vec![(Vec::new(), took)])?;
        let result = result(record.exit_code);
        let results = RESULTS.iter().map(|one| (vec![("result", *one)], truth(*one == result)));
        out("result", "What came of the whole check: 1 at one result, 0 at the others.", None, results.collect())?;
        out(
            "scenario_verdict",
            "What came of a scenario: 1 at one verdict, 0 at the others.",
            None,
            record.scenarios.iter().flat_map(|it| states(vec![("scenario", &*it.id)], it.verdict)).collect(),
        )?;
        let cases: Vec<(Labels<'_>, CaseOf<'_>)> = record
            .scenarios
            .iter()
            .flat_map(|scenario| subjects(scenario).map(|case| (of_case(&scenario.id, &case), case)))
            .collect();
        out(
            "case_verdict",
            "What came of a stage, key or check: 1 at one verdict, 0 at the others.",
            None,
            cases.iter().flat_map(|(labels, case)| states(labels.clone(), case.verdict)).collect(),
        )?;
        out(
            "case_warning",
            "Whether a stage, key or check passed and should be mended all the same.",
            None,
            cases.iter().map(|(labels, case)| (labels.clone(), truth(case.warning))).collect(),
        )?;
        let causes = cases.iter().filter_map(|(labels, case)| {
            let cause = ("cause", case.cause?.as_str());
            Some((labels.iter().copied().chain([cause]).collect(), 1.0))
        });
        out("case_cause_info", "Why a stage, key or check failed or is warned of.", None, causes.collect())?;
        let times = cases.iter().filter_map(|(labels, case)| Some((labels.clone(), in_seconds(case.took_ms?))));
        out("stage_duration", "How long a stage took.", seconds, times.collect())?;
        let ends = cases.iter().filter_map(|(labels, case)| Some((labels.clone(), unix(case.ends?.parse().ok()?))));
        out("expiration_timestamp", "When that ends which a check looked at.", seconds, ends.collect())
    }
}

/// One family with its samples; a family without any is only described.
fn family(mut encoder: MetricEncoder<'_>, samples: &[(Labels<'_>, f64)]) -> Result<(), Error> {
    samples.iter().try_for_each(|(labels, value)| ConstGauge::new(*value).encode(encoder.encode_family(labels)?))
}

fn of_case<'a>(scenario: &'a str, case: &CaseOf<'a>) -> Labels<'a> {
    vec![("scenario", scenario), ("kind", case.kind), ("case", case.id)]
}

/// A sample for each verdict.
fn states(labels: Labels<'_>, verdict: Verdict) -> impl Iterator<Item = (Labels<'_>, f64)> {
    VERDICTS.into_iter().map(move |one| {
        let labels = labels.iter().copied().chain([("verdict", one.as_str())]).collect();
        (labels, truth(one == verdict))
    })
}

fn result(exit_code: u8) -> &'static str {
    match exit_code {
        code if code == Exit::Passed.code() => "passed",
        code if code == Exit::Failed.code() => "failed",
        _ => "inconclusive",
    }
}

/// When the run was over, as Unix time, where the record says when it began; and how long it took, in seconds.
fn times(record: &Report) -> (Option<f64>, f64) {
    let took = in_seconds(record.timings.get("total").copied().unwrap_or_default());
    let started = format!("{}Z", record.run.started).parse().ok();
    (started.map(|started| unix(started) + took), took)
}

#[expect(clippy::cast_precision_loss, reason = "a number of milliseconds is far below 2^53")]
fn in_seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a Unix time is far below 2^53")]
fn unix(at: Timestamp) -> f64 {
    at.as_second() as f64
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
