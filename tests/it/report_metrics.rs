//! A check's metrics: what they hold, that they are text which every reader of metrics takes, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use pmp_vault_conformance::check::judge::{APP, FRESH_ACCOUNT, OTHER_NAMESPACE, SET_UP, WITHOUT_TOKEN};
use pmp_vault_conformance::event::{Ending, RunFacts, RunKind, RunResult};
use pmp_vault_conformance::page::{Names, Stage};
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::json::Report;
use pmp_vault_conformance::report::{self, metrics};
use pmp_vault_conformance::verdict::result::{ScenarioResult, Subject};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use rstest::rstest;

use crate::support::existing::{all_is_well, judged, some_target};
use crate::support::report as support;

/// A sample: the metric's name, its labels, its value.
type Sample = (String, BTreeMap<String, String>, f64);

/// The record of a check with these scenarios.
fn record(scenarios: Vec<ScenarioResult>) -> Report {
    let result = RunResult {
        facts: RunFacts {
            id: "r4k2".to_owned(),
            kind: RunKind::Customer,
            harness: "0.1.0".to_owned(),
            started: "2026-01-02T03:04:05".to_owned(),
            names: Some(Names { namespace: "shop-prod".to_owned(), runtime: "shop".to_owned(), ..Names::default() }),
            ..RunFacts::default()
        },
        scenarios,
        timings: BTreeMap::from([("total".to_owned(), 3_400)]),
        ..RunResult::default()
    };
    record_of(&result)
}

fn record_of(result: &RunResult) -> Report {
    let rendered =
        report::render(result, &support::no_causes(), &Redactor::new(), Deny::Nothing, Detail::default()).unwrap();
    serde_json::from_str(&rendered.json).unwrap()
}

/// A check that passes, with something that ends soon and something that ends later.
fn green() -> Vec<ScenarioResult> {
    let sighted = all_is_well(|secret, asked| {
        asked.certificate_ends = Some("2027-01-22T08:00:00Z".to_owned());
        secret.ends = Some("2029-01-01T00:00:00Z".to_owned());
        (asked.login_millis, asked.read_millis, asked.boundary_millis) = (Some(1_250), Some(20), Some(8));
    });
    judged(&some_target(), &sighted)
}

/// Reads the text format as strictly as its grammar is; refuses what only one of the two formats knows.
fn parse(text: &str) -> Vec<Sample> {
    let (body, end) = text.split_at(text.len() - "# EOF\n".len());
    assert_eq!(end, "# EOF\n");
    let (mut samples, mut described) = (Vec::new(), BTreeSet::new());
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match what {
                "HELP" => assert!(described.insert(name.to_owned()), "{name} is described twice"),
                "TYPE" => assert_eq!(rest, "gauge", "{name}: both formats know it"),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{name}"),
                other => panic!("{other}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert!(described.contains(name), "{name} comes after its description");
        samples.push((name.to_owned(), labels_of(labels), value.parse().unwrap()));
    }
    samples
}

fn labels_of(mut rest: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (mut value, mut characters) = (String::new(), after.char_indices());
        let end = loop {
            match characters.next().unwrap() {
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    other @ ('\\' | '"') => other,
                    other => panic!("\\{other}"),
                }),
                (at, '"') => break at,
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.trim_start_matches(',').to_owned(), value).is_none(), "{name} stands twice");
        rest = &after[end + 1..];
    }
    labels
}

fn drawn(record: &Report) -> (String, Vec<Sample>) {
    let text = metrics::openmetrics(record).unwrap();
    let samples = parse(&text);
    (text, samples)
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |own: &BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| own.get(*name).is_some_and(|own| own == value))
    };
    let mut found = samples.iter().filter(|(own, labels, _)| own == name && has(labels)).map(|(_, _, value)| *value);
    let first = found.next();
    assert_eq!(found.next(), None, "{name} {labels:?} stands once");
    first
}

#[test]
fn a_check_is_drawn_as_metrics_in_which_each_case_has_one_verdict() {
    let (text, samples) = drawn(&record(green()));
    // A few cases stand for all.
    let shown_here = |line: &&str| {
        let shown = ["login", "VCS.GitlabAdminPAT", "vault-certificate", "reviewer-token"];
        !line.contains("case=") || shown.iter().any(|case| line.contains(&format!("case=\"{case}\"")))
    };
    let lines = text.lines().filter(shown_here);
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));

    let verdicts = |name: &str| {
        let mut sums: BTreeMap<BTreeMap<String, String>, f64> = BTreeMap::new();
        for (_, labels, value) in samples.iter().filter(|(own, ..)| own == name) {
            let mut labels = labels.clone();
            assert!(labels.remove("verdict").is_some());
            *sums.entry(labels).or_default() += value;
        }
        sums
    };
    let (scenarios, cases) = (verdicts("pmp_vault_check_scenario_verdict"), verdicts("pmp_vault_check_case_verdict"));
    assert!(scenarios.values().chain(cases.values()).all(|sum| *sum == 1.0));
    assert_eq!((scenarios.len(), cases.len()), (5, green().iter().map(|it| it.cases.len()).sum()));
}

#[test]
fn what_ends_is_told_as_a_unix_time_and_what_takes_time_in_seconds() {
    let (_, samples) = drawn(&record(green()));
    let ends = |case: &str| value(&samples, "pmp_vault_check_expiration_timestamp_seconds", &[("case", case)]);
    assert_eq!(ends("vault-certificate"), Some(1_800_604_800.0));
    assert_eq!(ends("secret-ends"), Some(1_861_920_000.0));
    assert_eq!(ends("reviewer-token"), Some(1_799_999_999.0), "it is over");
    assert_eq!(ends("vault-authority"), None, "none is named");
    let took = |stage: Stage| {
        let labels = [("scenario", APP), ("kind", "stage"), ("case", stage.as_str())];
        value(&samples, "pmp_vault_check_stage_duration_seconds", &labels)
    };
    assert_eq!([Stage::Login, Stage::Read, Stage::Boundary].map(took), [Some(1.25), Some(0.02), Some(0.008)]);
    assert_eq!([Stage::Token, Stage::Keys].map(took), [None, None]);
    assert!(took(Stage::Pod).is_some());
    assert_eq!(value(&samples, "pmp_vault_check_duration_seconds", &[]), Some(3.4));
    // 2026-01-02T03:04:05Z and 3.4 s.
    assert_eq!(value(&samples, "pmp_vault_check_last_run_timestamp_seconds", &[]), Some(1_767_323_048.4));
}

#[rstest]
#[case::passed(Verdict::Conformant, Ending::Complete, "passed")]
#[case::failed(Verdict::Nonconformant, Ending::Complete, "failed")]
#[case::without_a_verdict(Verdict::Inconclusive, Ending::Complete, "inconclusive")]
#[case::interrupted(Verdict::Conformant, Ending::Interrupted, "inconclusive")]
fn the_result_is_that_of_the_exit_code(#[case] verdict: Verdict, #[case] ending: Ending, #[case] result: &str) {
    let check = RunResult { ending, ..support::run_of(&[verdict]) };
    let (_, samples) = drawn(&record_of(&check));
    for one in ["passed", "failed", "inconclusive"] {
        let told = value(&samples, "pmp_vault_check_result", &[("result", one)]);
        assert_eq!(told, Some(f64::from(u8::from(one == result))), "{one}");
    }
}

#[test]
fn labels_are_of_closed_sets_and_no_text_of_a_record_is_in_its_metrics() {
    const MARK: &str = "mark \"of\" a\ntext";
    let mut record = record(green());
    for scenario in &mut record.scenarios {
        for text in [&mut scenario.title, &mut scenario.reason, &mut scenario.expected, &mut scenario.observed.text] {
            MARK.clone_into(text);
        }
        scenario.observed.server = Some(MARK.to_owned());
        scenario.stages.iter_mut().for_each(|case| MARK.clone_into(&mut case.message));
        scenario.keys.iter_mut().for_each(|case| MARK.clone_into(&mut case.message));
        scenario.checks.iter_mut().for_each(|case| MARK.clone_into(&mut case.message));
    }
    record.problems.push(MARK.to_owned());
    record.versions.insert("vault".to_owned(), MARK.to_owned());
    record.images.insert("probe".to_owned(), MARK.to_owned());
    let (text, samples) = drawn(&record);
    assert!(!text.contains("mark "), "{text}");

    let scenarios = [SET_UP, APP, WITHOUT_TOKEN, FRESH_ACCOUNT, OTHER_NAMESPACE];
    let cases: BTreeSet<String> = green()
        .iter()
        .flat_map(|scenario| &scenario.cases)
        .map(|case| match &case.subject {
            Subject::Stage(stage) => stage.to_string(),
            Subject::Key(name) | Subject::Check(name) | Subject::Command(name) | Subject::Step(name) => name.clone(),
        })
        .collect();
    let causes = pmp_vault_conformance::scenario::load::Catalogue::embedded().unwrap().causes.causes;
    for (name, labels, _) in samples {
        for (label, value) in labels {
            let closed = match &*label {
                "app_namespace" => value == "shop-prod",
                "app" => value == "shop",
                "version" => value == "0.1.0",
                "scenario" => scenarios.contains(&&*value),
                "kind" => ["stage", "key", "check"].contains(&&*value),
                "case" => cases.contains(&value),
                "verdict" => ["conformant", "nonconformant", "inconclusive", "skipped"].contains(&&*value),
                "result" => ["passed", "failed", "inconclusive"].contains(&&*value),
                "cause" => causes.iter().any(|cause| cause.id.as_str() == value),
                _ => false,
            };
            assert!(closed, "{name}: {label}={value}");
        }
    }
}

#[test]
fn a_name_that_would_break_out_of_its_label_does_not() {
    let mut record = record(green());
    let name = "a\\\"} 1\n# EOF\nother{x=\"y\n";
    record.run.names = Some(Names { namespace: name.to_owned(), ..Names::default() });
    let (_, samples) = drawn(&record);
    assert!(samples.iter().all(|(_, labels, _)| labels["app_namespace"] == name));
}
