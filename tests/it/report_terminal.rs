//! What people see of a run, and the exit code that it ends with.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_vault_conformance::event::{Ending, Event, RunResult};
use pmp_vault_conformance::page::cause::SaysOf;
use pmp_vault_conformance::page::{Cause, CauseCatalogue, Stage};
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::terminal::Terminal;
use pmp_vault_conformance::report::{self, summary};
use pmp_vault_conformance::verdict::Verdict::{Conformant, Inconclusive, KnownDeviation, Nonconformant, Skipped};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

use crate::support::report as support;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn catalogue() -> CauseCatalogue {
    let cause = |id: &str, title: &str, remedy: &str| Cause {
        kind_of: None,
        step: None,
        id: support::cause(id),
        title: title.to_owned(),
        meaning: "See the title.".to_owned(),
        remedy: remedy.to_owned(),
        commands: Vec::new(),
        says_of: SaysOf::Page,
        signatures: Vec::new(),
        stated_by: None,
        seen_on: Vec::new(),
    };
    CauseCatalogue {
        causes: vec![
            cause(
                "login.service-account-not-authorized",
                "the role does not bind the app's Service Account",
                "Bind the Service Account that the app runs with: vault write auth/kubernetes/role/NAME bound_service_account_names=NAME.",
            ),
            cause("token.not-mounted", "the pod has no token", "Set runtimeAutomountServiceAccountToken to true."),
        ],
    }
}

/// Everything that a run with this result shows in CI.
fn show(result: &RunResult, colour: bool) -> String {
    show_with(result, "start Vault", "the testbed is kept", colour)
}

/// The same with this step and this notice.
fn show_with(result: &RunResult, step: &str, notice: &str, colour: bool) -> String {
    let screen = Screen::default();
    let redactor = Redactor::new();
    let mut terminal = Terminal::to(Box::new(screen.clone()), catalogue(), redactor.clone(), colour);
    let step = || step.to_owned();
    terminal.handle(&Event::RunStarted { run: result.facts.id.clone(), scenarios: result.scenarios.len() });
    terminal.handle(&Event::StepStarted { step: step() });
    terminal.handle(&Event::StepFinished { step: step(), took: Duration::from_millis(2340) });
    terminal.handle(&Event::TestbedReady { facts: Box::new(result.facts.clone()) });
    for scenario in &result.scenarios {
        terminal.handle(&Event::ScenarioStarted { id: scenario.id.clone(), evidence: scenario.evidence });
        terminal.handle(&Event::ScenarioFinished { result: Box::new(scenario.clone()) });
    }
    terminal.handle(&Event::Notice { text: notice.to_owned() });
    terminal.handle(&Event::RunFinished { result: Box::new(result.clone()) });
    let rendered = report::render(result, &catalogue(), &redactor, Deny::Nothing, Detail::Key).unwrap();
    terminal.finish(&rendered, &[("JUnit", Path::new("junit.xml")), ("JSON", Path::new("report.json"))]);
    let bytes = screen.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_run_with_every_verdict_in_ci() {
    insta::assert_snapshot!(show(&support::run(), false));
}

#[test]
fn a_run_in_which_all_is_as_the_page_says() {
    let mut result = support::run();
    result.scenarios.retain(|scenario| matches!(scenario.verdict, Conformant));
    insta::assert_snapshot!(show(&result, false));
}

#[test]
fn a_run_whose_testbed_failed_says_the_reason_once() {
    let mut result = support::run_of(&[Inconclusive; 12]);
    result.ending = Ending::Failed;
    result.problems.push("Vault did not become ready within 30 s: connection refused".to_owned());
    insta::assert_snapshot!(show(&result, false));
}

#[test]
fn in_ci_there_is_no_colour_and_no_carriage_return() {
    let mut result = support::run();
    result.scenarios[4].observed.text = "\u{1b}[31mred\u{1b}[0m\rover".to_owned();
    let text = show(&result, false);
    assert!(!text.contains(['\u{1b}', '\r']), "{text}");
}

#[test]
fn with_colour_only_our_own_sequences_reach_the_terminal() {
    let mut result = support::run();
    result.scenarios[4].title = "\u{1b}]0;title\u{7}\u{1b}[2Jcleared".to_owned();
    let text = show(&result, true);
    assert!(text.contains("\u{1b}[31;1mFAIL"));
    assert!(text.contains("cleared") && !text.contains("\u{1b}[2J") && !text.contains("\u{1b}]"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn whatever_stands_in_a_field_nothing_but_our_own_colours_steers_the_terminal(
        texts in proptest::collection::vec(support::any_text(), 1..60),
        ending in select(vec![Ending::Complete, Ending::Failed, Ending::Interrupted]),
    ) {
        let (mut result, _) = support::fill(&support::everything(), &texts);
        result.ending = ending;
        let (step, notice) = (&texts[0], &texts[texts.len() / 2]);
        let plain = show_with(&result, step, notice, false);
        let steers = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        prop_assert!(!plain.contains(steers), "{:?}", plain.chars().filter(|c| steers(*c)).collect::<String>());
        let mut painted = show_with(&result, step, notice, true);
        for code in ["0", "1", "2", "32", "35", "31;1", "33;1"] {
            painted = painted.replace(&format!("\u{1b}[{code}m"), "");
        }
        prop_assert_eq!(painted, plain, "with colours it says the same");
    }

    #[test]
    fn however_many_lines_a_text_has_the_terminal_has_as_many_as_without(
        // A token's shape would be told as a problem, on a line of its own.
        texts in proptest::collection::vec(
            support::any_text().prop_filter("a token's shape", |text| !text.contains("yJ")),
            1..60,
        ),
    ) {
        // Each text has a mark, so that as many groups, ids and messages differ with it as without.
        let marks: Vec<String> = (0..1000).map(|number| format!("w{number}.")).collect();
        let marked: Vec<String> =
            texts.iter().cycle().zip(&marks).map(|(text, mark)| format!("{mark} {text}")).collect();
        let lines = |texts: &[String]| {
            let (result, _) = support::fill(&support::everything(), texts);
            show_with(&result, &texts[0], &texts[1], false).lines().count()
        };
        prop_assert_eq!(lines(&marked), lines(&marks));
    }
}

#[test]
fn a_cause_that_the_catalogue_does_not_know_is_shown_by_its_id() {
    let mut result = support::run();
    result.scenarios[4].observed.stage = Some(Stage::Read);
    result.scenarios[4].observed.cause = Some(support::cause("read.something-new"));
    assert!(show(&result, false).contains("cause      read.something-new\n"));
}

#[rstest]
#[case::all_as_the_page_says(&[Conformant, Conformant], Deny::Nothing, 0)]
#[case::some_out_of_scope(&[Conformant, Skipped], Deny::Nothing, 0)]
#[case::a_known_deviation(&[Conformant, KnownDeviation], Deny::Nothing, 0)]
#[case::a_known_deviation_denied(&[Conformant, KnownDeviation], Deny::KnownDeviation, 1)]
#[case::a_failure(&[Conformant, Nonconformant], Deny::Nothing, 1)]
#[case::no_verdict(&[Conformant, Inconclusive], Deny::Nothing, 3)]
#[case::a_failure_goes_before_no_verdict(&[Inconclusive, Nonconformant], Deny::Nothing, 1)]
#[case::a_denied_deviation_goes_before_no_verdict(&[Inconclusive, KnownDeviation], Deny::KnownDeviation, 1)]
#[case::nothing_selected(&[], Deny::Nothing, 3)]
#[case::all_skipped(&[Skipped, Skipped], Deny::Nothing, 3)]
fn the_exit_code_of_a_complete_run(#[case] verdicts: &[Verdict], #[case] deny: Deny, #[case] code: u8) {
    assert_eq!(summary::exit(&support::run_of(verdicts), deny, 0).code(), code);
}

#[rstest]
#[case::interrupted(Ending::Interrupted, &[Nonconformant], 0, 130)]
#[case::terminated(Ending::Terminated, &[Conformant], 0, 143)]
#[case::failed_after_all_verdicts(Ending::Failed, &[Conformant], 0, 3)]
#[case::failed_after_a_failure(Ending::Failed, &[Nonconformant], 0, 1)]
#[case::a_secret_in_the_output(Ending::Complete, &[Conformant], 1, 3)]
#[case::a_secret_and_a_failure(Ending::Complete, &[Nonconformant], 1, 1)]
fn the_exit_code_of_any_other_run(
    #[case] ending: Ending,
    #[case] verdicts: &[Verdict],
    #[case] replacements: usize,
    #[case] code: u8,
) {
    let result = RunResult { ending, ..support::run_of(verdicts) };
    assert_eq!(summary::exit(&result, Deny::Nothing, replacements).code(), code);
}

#[test]
fn a_problem_alone_does_not_change_the_exit_code() {
    let mut result = support::run_of(&[Conformant]);
    result.problems.push("the kubeconfig has an unknown field".to_owned());
    assert_eq!(summary::exit(&result, Deny::Nothing, 0).code(), 0);
}
