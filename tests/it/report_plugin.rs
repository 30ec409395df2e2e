//! A check as a plugin of Nagios: its state, its line, its performance data.

use std::collections::BTreeMap;
use std::time::Duration;

use pmp_vault_conformance::check::judge::APP;
use pmp_vault_conformance::event::{Ending, RunFacts, RunKind, RunResult};
use pmp_vault_conformance::page::{CauseId, Stage};
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report;
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::json::Report;
use pmp_vault_conformance::report::plugin::{State, output, unknown};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::verdict::result::{Case, Known, ScenarioResult, Subject};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use rstest::rstest;

use crate::support::report as support;

const DAYS_30: Duration = Duration::from_secs(30 * 86_400);

fn record(app: ScenarioResult, ending: Ending, deny: Deny) -> Report {
    let result = RunResult {
        facts: RunFacts { kind: RunKind::Customer, started: "2026-01-02T03:04:05".to_owned(), ..RunFacts::default() },
        scenarios: vec![app],
        ending,
        timings: BTreeMap::from([("total".to_owned(), 3_400)]),
        ..RunResult::default()
    };
    let causes = Catalogue::embedded().unwrap().causes;
    let rendered = report::render(&result, &causes, &Redactor::new(), deny, Detail::default()).unwrap();
    serde_json::from_str(&rendered.json).unwrap()
}

fn app(verdict: Verdict) -> ScenarioResult {
    support::scenario(APP, "The app reads", verdict, "because | of this")
}

fn warned() -> ScenarioResult {
    let mut app = app(Verdict::Conformant);
    app.cases.push(Case {
        cause: Some(CauseId::new("login.http-without-tls")),
        warning: true,
        ..Case::new(Subject::Check("vault-tls".to_owned()), Verdict::Conformant, "the URL is http")
    });
    app
}

fn known() -> ScenarioResult {
    let known = Known { owner: "me".to_owned(), expires: "2099-01-01".to_owned(), why: "why".to_owned() };
    ScenarioResult { known: Some(known), ..app(Verdict::Nonconformant) }
}

#[rstest]
#[case::fine(app(Verdict::Conformant), Ending::Complete, Deny::Nothing, State::Ok, 0)]
#[case::warned_of(warned(), Ending::Complete, Deny::Nothing, State::Warning, 1)]
#[case::denied(warned(), Ending::Complete, Deny::Warning, State::Critical, 2)]
#[case::failed(app(Verdict::Nonconformant), Ending::Complete, Deny::Nothing, State::Critical, 2)]
#[case::known(known(), Ending::Complete, Deny::Nothing, State::Ok, 0)]
#[case::without_a_verdict(app(Verdict::Inconclusive), Ending::Complete, Deny::Nothing, State::Unknown, 3)]
#[case::interrupted(app(Verdict::Conformant), Ending::Interrupted, Deny::Nothing, State::Unknown, 3)]
#[case::of_a_harness_that_failed(app(Verdict::Conformant), Ending::Failed, Deny::Nothing, State::Unknown, 3)]
fn each_end_of_a_check_has_its_state(
    #[case] app: ScenarioResult,
    #[case] ending: Ending,
    #[case] deny: Deny,
    #[case] state: State,
    #[case] code: u8,
) {
    let record = record(app, ending, deny);
    assert_eq!((State::of(&record), State::of(&record) as u8), (state, code));
    let text = output(&record, DAYS_30);
    assert!(text.starts_with(&format!("VAULT {} - ", state.as_str())), "{text}");
    parts(&text);
}

/// The first line's text, its performance data by label, and the lines behind it, as the guidelines take an output apart.
fn parts(output: &str) -> (String, BTreeMap<String, String>, Vec<String>) {
    let mut lines = output.lines();
    let (text, data) = lines.next().unwrap().split_once(" | ").unwrap();
    let data = data.split(' ').map(|item| {
        let (label, rest) = item.split_once('=').unwrap();
        let number = rest.split(';').next().unwrap().trim_end_matches('s');
        assert!(number.parse::<f64>().is_ok(), "{item}");
        assert!(rest.split(';').count() <= 5, "{item}");
        (label.to_owned(), rest.to_owned())
    });
    let data: BTreeMap<String, String> = data.collect();
    let rest: Vec<String> = lines.map(str::to_owned).collect();
    assert!(!text.contains('|') && rest.iter().all(|line| !line.contains('|')), "{output}");
    (text.to_owned(), data, rest)
}

#[test]
fn the_line_says_what_is_wrong_and_what_ends_when() {
    let mut app = app(Verdict::Nonconformant);
    app.observed.stage = Some(Stage::Login);
    app.observed.cause = Some(CauseId::new("login.namespace-not-authorized"));
    let certificate = Subject::Check("vault-certificate".to_owned());
    app.cases.push(Case {
        ends: Some("2026-01-12T03:04:05Z".to_owned()),
        ..Case::new(certificate, Verdict::Conformant, "")
    });
    let (text, data, rest) = parts(&output(&record(app, Ending::Complete, Deny::Nothing), DAYS_30));
    assert!(text.starts_with("VAULT CRITICAL - The app cannot read its credentials: "), "{text}");
    assert_eq!(data["vault-certificate"], "864000s;2592000:;0:", "ten days, warned of below thirty");
    assert_eq!(data["time"], "3.400s;;;0");
    assert_eq!(data["failed"], format!("{};;;0", support::KEYS.len() + Stage::ALL.len()));
    assert!(rest[0].starts_with("existing.app: ") && rest[0].contains("bound_service_account_namespaces"), "{rest:?}");
}

#[test]
fn a_report_that_could_not_be_written_is_what_the_line_says() {
    let mut record = record(app(Verdict::Conformant), Ending::Complete, Deny::Nothing);
    record.exit_code = 3;
    record.problems.push("the metrics could not be pushed | there".to_owned());
    let (text, ..) = parts(&output(&record, DAYS_30));
    assert_eq!(text, "VAULT UNKNOWN - the metrics could not be pushed / there");
}

#[test]
fn no_output_is_longer_than_what_is_handed_on() {
    let mut record = record(app(Verdict::Inconclusive), Ending::Complete, Deny::Nothing);
    record.problems = vec!["a problem of many words".to_owned(); 500];
    let text = output(&record, DAYS_30);
    assert!(text.len() < 4096 && text.ends_with("and more, in the check's other reports\n"), "{text}");
    assert_eq!(unknown("two\nlines | and more"), "VAULT UNKNOWN - two lines / and more\n");
}
