//! JUnit and JSON: what they hold, that they agree, and how they get to the disk.

use std::fs;
use std::path::Path;

use pmp_vault_conformance::event::{Ending, Exit, RunResult};
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::{self, Rendered, file, json};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::junit::check_junit;
use crate::support::report as support;

const VERDICTS: [Verdict; 5] =
    [Verdict::Conformant, Verdict::KnownDeviation, Verdict::Nonconformant, Verdict::Inconclusive, Verdict::Skipped];

fn render(result: &RunResult) -> Rendered {
    report::render(result, &support::no_causes(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap()
}

fn check_schema(rendered: &Rendered) -> json::Report {
    let schema = serde_json::to_value(schemars::schema_for!(json::Report)).unwrap();
    let report: serde_json::Value = serde_json::from_str(&rendered.json).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    serde_json::from_value(report).unwrap()
}

/// The counts that both reports must agree on.
fn check_agreement(rendered: &Rendered) {
    let root = check_junit(&rendered.junit);
    let report = check_schema(rendered);
    let (cases, outside) = (report.summary.cases, usize::from(report.outside_scenarios.is_some()));
    assert_eq!(root.count("tests"), cases.total + outside);
    assert_eq!(root.count("failures"), cases.nonconformant);
    assert_eq!(root.count("errors"), cases.inconclusive + outside);
    assert_eq!(root.count("skipped"), cases.skipped + cases.known_deviation);
    assert_eq!(root.children.len(), report.summary.scenarios.total + outside);
}

#[test]
fn junit_is_drawn_in_the_dialect() {
    insta::assert_snapshot!(render(&support::run()).junit);
}

#[test]
fn json_has_the_names_that_the_design_gives() {
    let rendered = render(&support::run());
    check_schema(&rendered);
    insta::assert_snapshot!(rendered.json);
}

#[test]
fn junit_and_json_count_the_same() {
    check_agreement(&render(&support::run()));
}

#[test]
fn junit_and_json_count_the_same_where_no_scenario_was_run() {
    for ending in [Ending::Complete, Ending::Failed, Ending::Interrupted, Ending::Terminated] {
        let rendered = render(&RunResult { scenarios: Vec::new(), ending, ..support::run() });
        check_agreement(&rendered);
        assert!(rendered.exit != Exit::Passed);
        assert!(rendered.junit.contains("<error "), "a dashboard must not show a run that passed: {ending:?}");
    }
}

#[test]
fn a_scenario_without_verdict_shows_in_junit_although_no_case_says_so() {
    for (verdict, element) in [(Verdict::Inconclusive, "<error "), (Verdict::Nonconformant, "<failure ")] {
        for cases in [support::cases(Verdict::Conformant, ""), Vec::new()] {
            let mut result = support::run_of(&[Verdict::Conformant, verdict]);
            result.scenarios[1].cases = cases;
            let rendered = render(&result);
            check_agreement(&rendered);
            assert!(rendered.junit.contains(element));
        }
    }
}

#[test]
fn every_scenario_has_its_suite_and_every_key_its_case_in_the_documented_names() {
    let root = check_junit(&render(&support::run()).junit);
    for (suite, scenario) in root.children.iter().zip(&support::run().scenarios) {
        assert_eq!(suite.attributes["name"], scenario.id);
        assert_eq!(suite.attributes["timestamp"], "2026-01-02T03:04:05");
        for key in support::KEYS {
            let name = format!("{}: key {key}", scenario.id);
            let case = suite.named("testcase").find(|case| case.attributes["name"] == name).unwrap();
            assert_eq!(case.attributes["classname"], format!("pmp-vault.{}", scenario.id));
        }
    }
}

#[test]
fn a_scenarios_time_stands_once_so_that_sums_are_right() {
    let root = check_junit(&render(&support::run()).junit);
    let suite = &root.children[0];
    let times: Vec<&str> = suite.named("testcase").map(|case| case.attributes["time"].as_str()).collect();
    assert_eq!(times[0], "1.234");
    assert!(times[1..].iter().all(|time| *time == "0.000"));
    assert_eq!(suite.attributes["time"], "1.234");
}

#[test]
fn two_runs_of_the_same_scenarios_have_the_same_identities() {
    let mut other = support::run();
    other.facts.id = "another".to_owned();
    other.facts.started = "2027-01-01T00:00:00".to_owned();
    other.scenarios[0].observed.text = "pod app-7d9f".to_owned();
    let names = |result: &RunResult| -> Vec<(String, String)> {
        let root = check_junit(&render(result).junit);
        let cases = root.children.iter().flat_map(|suite| suite.named("testcase"));
        cases.map(|case| (case.attributes["classname"].clone(), case.attributes["name"].clone())).collect()
    };
    assert_eq!(names(&support::run()), names(&other));
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/schema/report.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(json::Report)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &schema).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), schema, "run the tests with UPDATE_SCHEMAS=1 to write it anew");
}

#[test]
fn a_report_is_written_whole_and_replaces_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junit.xml");
    file::write(&path, "one").unwrap();
    file::write(&path, "two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_check_before_the_run_leaves_and_clobbers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    file::check_writable(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(&path, "of the run before").unwrap();
    file::check_writable(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "of the run before");
}

/// As the command line says it.
fn told(error: file::FileError) -> String {
    format!("{error}; {}", error.remedy())
}

#[test]
fn a_path_that_cannot_be_written_is_told_with_its_remedy_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let missing = file::check_writable(&folder.path().join("no/such/junit.xml")).map_err(told).unwrap_err();
    assert!(missing.contains("no/such/junit.xml") && missing.contains("mkdir -p"), "{missing}");
    let is_folder = file::check_writable(folder.path()).map_err(told).unwrap_err();
    assert!(is_folder.contains("give the path of a file in it"), "{is_folder}");
    fs::write(folder.path().join("plain"), "").unwrap();
    let below_file = file::check_writable(&folder.path().join("plain/junit.xml")).map_err(told).unwrap_err();
    assert!(below_file.contains("is not a folder"), "{below_file}");
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.xml"), folder.path().join("link.xml"));
    fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    file::write(&link, "text").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "text");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_its_remedy() {
    let error = file::write(Path::new("/dev/full"), "text").map_err(told).unwrap_err();
    assert!(error.contains("/dev/full") && error.contains("make room"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn whatever_stands_in_a_field_reports_parse_and_agree(
        texts in proptest::collection::vec(support::any_text(), 1..60),
        verdicts in proptest::collection::vec(select(VERDICTS.to_vec()), 1..40),
    ) {
        let (mut result, filled) = support::fill(&support::everything(), &texts);
        prop_assert!(filled > 250, "{filled} fields");
        let mut verdicts = verdicts.into_iter().cycle();
        for scenario in &mut result.scenarios {
            scenario.verdict = verdicts.next().unwrap();
            scenario.cases.iter_mut().for_each(|case| case.verdict = verdicts.next().unwrap());
        }
        check_agreement(&render(&result));
    }
}
