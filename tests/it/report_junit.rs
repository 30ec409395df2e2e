//! How much of a scenario one case of JUnit is: names that stay, counts that agree, and failures that say which keys.

use std::collections::BTreeSet;

use pmp_vault_conformance::event::RunResult;
use pmp_vault_conformance::page::Stage;
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::json::Report;
use pmp_vault_conformance::report::{self, Rendered, merge};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::verdict::result::{Observed, Subject};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use rstest::rstest;

use crate::support::junit::{Element, check_junit};
use crate::support::report as support;

const DETAILS: [Detail; 3] = [Detail::Scenario, Detail::Stage, Detail::Key];

fn render(result: &RunResult, detail: Detail) -> Rendered {
    let causes = Catalogue::embedded().unwrap().causes;
    report::render(result, &causes, &Redactor::new(), Deny::Nothing, detail).unwrap()
}

/// Of each case: its name, and its outcome if it did not pass.
fn cases(root: &Element) -> Vec<(&str, Option<&Element>)> {
    let cases = root.children.iter().flat_map(|suite| suite.named("testcase"));
    cases.map(|case| (&*case.attributes["name"], case.children.first())).collect()
}

fn names(root: &Element) -> BTreeSet<String> {
    cases(root).into_iter().map(|(name, _)| name.to_owned()).collect()
}

#[rstest]
#[case::scenario("junit_by_scenario", Detail::Scenario)]
#[case::stage("junit_by_stage", Detail::Stage)]
fn less_is_drawn_in_the_same_dialect(#[case] name: &str, #[case] detail: Detail) {
    let rendered = render(&support::run(), detail);
    check_junit(&rendered.junit);
    insta::assert_snapshot!(name, rendered.junit);
}

#[test]
fn with_less_detail_a_case_keeps_the_name_that_it_has_with_more() {
    let result = support::run();
    let [scenarios, stages, keys] = DETAILS.map(|detail| names(&check_junit(&render(&result, detail).junit)));
    assert!(stages.is_subset(&keys));
    assert!(keys.difference(&stages).all(|name| name.contains(": key ")), "{stages:?}");
    assert_eq!(scenarios, result.scenarios.iter().map(|scenario| scenario.id.clone()).collect());
}

#[test]
fn every_detail_has_the_same_suites_classes_times_and_scenarios_that_are_wrong() {
    let result = support::run();
    let of = |detail| {
        let rendered = render(&result, detail);
        let root = check_junit(&rendered.junit);
        let of_suite = |suite: &Element| {
            let classes: BTreeSet<String> =
                suite.named("testcase").map(|case| case.attributes["classname"].clone()).collect();
            let wrong = suite.count("failures") > 0 || suite.count("errors") > 0;
            (suite.attributes["name"].clone(), suite.attributes["time"].clone(), classes, wrong)
        };
        (rendered.json, root.children.iter().map(of_suite).collect::<Vec<_>>())
    };
    assert_eq!(of(Detail::Scenario), of(Detail::Key));
    assert_eq!(of(Detail::Stage), of(Detail::Key));
}

#[test]
fn a_case_for_each_scenario_counts_what_json_counts_of_scenarios() {
    let rendered = render(&support::run(), Detail::Scenario);
    let root = check_junit(&rendered.junit);
    let report: Report = serde_json::from_str(&rendered.json).unwrap();
    let (counts, outside) = (report.summary.scenarios, usize::from(report.outside_scenarios.is_some()));
    assert_eq!(root.count("tests"), counts.total + outside);
    assert_eq!(root.count("failures"), counts.nonconformant);
    assert_eq!(root.count("errors"), counts.inconclusive + outside);
    assert_eq!(root.count("skipped"), counts.skipped + counts.known_deviation);
}

/// An app that gets all keys but two, each for another cause.
fn without_two_keys() -> RunResult {
    let mut result = support::run_of(&[Verdict::Nonconformant]);
    let scenario = &mut result.scenarios[0];
    scenario.cases = support::cases(Verdict::Conformant, "");
    scenario.reason = "2 keys are not as they should be".to_owned();
    scenario.observed = Observed { stage: Some(Stage::Keys), complete: true, ..Observed::default() };
    for (key, id, message) in [
        (support::KEYS[0], "keys.missing", "the key is not there"),
        (support::KEYS[2], "keys.empty", "its value is empty"),
    ] {
        let case = scenario.cases.iter_mut().find(|case| case.subject == Subject::Key(key.to_owned())).unwrap();
        case.verdict = Verdict::Nonconformant;
        case.message = message.to_owned();
        case.cause = Some(support::cause(id));
    }
    result
}

#[rstest]
#[case::scenario(Detail::Scenario, "group.s0")]
#[case::stage(Detail::Stage, "group.s0: stage keys")]
fn a_failure_of_several_keys_as_one_says_which_and_what_to_do(#[case] detail: Detail, #[case] name: &str) {
    let rendered = render(&without_two_keys(), detail);
    let root = check_junit(&rendered.junit);
    let failed: Vec<_> = cases(&root).into_iter().filter(|(_, outcome)| outcome.is_some()).collect();
    let [(failing, Some(failure))] = failed[..] else { panic!("{failed:?}") };
    assert_eq!((failing, failure.name.as_str()), (name, "failure"));
    let says = |line: &str| assert!(failure.text.lines().any(|it| it == line), "{line}: {}", failure.text);
    says("key VCS.GitlabAdminPAT: the key is not there");
    says("key MDAStorage.AwsSecretAccessKey: its value is empty");
    let answer = rendered.answers[0].as_ref().unwrap();
    let causes: Vec<_> = answer.besides.iter().map(|said| said.cause.as_str()).collect();
    assert_eq!(causes, ["keys.missing", "keys.empty"]);
    for said in &answer.besides {
        says(&format!("besides {}: {} {}", said.cause, said.what, said.todo));
        said.commands.iter().flat_map(|command| command.lines().take(1)).for_each(|line| says(&format!("  {line}")));
    }
}

#[test]
fn keys_that_could_be_read_as_they_must_not_be_fail_the_stage_that_the_way_never_reached() {
    let mut result = support::run_of(&[Verdict::Nonconformant]);
    for case in &mut result.scenarios[0].cases {
        let key = matches!(case.subject, Subject::Key(_));
        case.verdict = if key { Verdict::Conformant } else { Verdict::Skipped };
    }
    // Else the whole would be shown at the first case.
    result.scenarios[0].cases[0].verdict = Verdict::Nonconformant;
    let outcome = |result: &RunResult| {
        let root = check_junit(&render(result, Detail::Stage).junit);
        let cases = cases(&root);
        let (_, outcome) = cases.iter().find(|(name, _)| *name == "group.s0: stage keys").unwrap();
        outcome.map(|outcome| (outcome.name.clone(), outcome.attributes["message"].clone()))
    };
    assert_eq!(outcome(&result), None, "every key was looked at, and is as it must be");
    let last = result.scenarios[0].cases.last_mut().unwrap();
    (last.verdict, last.message) = (Verdict::Nonconformant, "it could be read".to_owned());
    let (element, message) = outcome(&result).unwrap();
    assert_eq!(element, "failure");
    assert!(message.ends_with("key MDAStorage.AwsSecretAccessKey: it could be read"), "{message}");
}

#[test]
fn many_runs_as_one_file_count_and_say_what_the_file_of_each_does() {
    let results = [support::run(), without_two_keys()];
    for detail in DETAILS {
        let rendered = results.each_ref().map(|result| render(result, detail));
        let runs = rendered.each_ref().map(|it| (None, serde_json::from_str::<Report>(&it.json).unwrap()));
        let root = check_junit(&merge::junit(&merge::merge(&runs), &runs, detail).unwrap());
        assert_eq!(root.children.len(), results.len());
        for (suite, own) in root.children.iter().zip(&rendered) {
            let own = check_junit(&own.junit);
            for count in ["tests", "failures", "errors"] {
                assert_eq!(suite.count(count), own.count(count), "{detail:?}: {count}");
            }
            let outcomes = |suite: &Element| -> Vec<(String, Option<String>)> {
                let said = |case: &Element| case.children.first().map(|outcome| outcome.text.clone());
                suite.named("testcase").map(|case| (case.attributes["name"].clone(), said(case))).collect()
            };
            let own: Vec<_> = own.children.iter().flat_map(outcomes).collect();
            assert_eq!(outcomes(suite), own, "{detail:?}");
        }
    }
}
