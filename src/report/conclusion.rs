//! The last sentence of a run: what its exit code means here.

use super::answer::Answer;
use super::paint::plural;
use super::rendered::Rendered;
use super::summary::{self, Counts};
use super::text::one_line;
use crate::event::{Exit, RunKind};
use crate::page::Stage;
use crate::probe::observation::KeyState;
use crate::verdict::Verdict;
use crate::verdict::result::{FindingKind, ScenarioResult, Subject};

/// The sentence, and the verdict in whose colour it is.
pub(super) fn sentence(rendered: &Rendered, counts: &Counts) -> (Verdict, String) {
    let known = rendered.result.scenarios.iter().filter(|scenario| scenario.known.is_some()).count();
    let (verdict, mut sentence) = of_what_counts(rendered, counts, known);
    if known > 0 {
        sentence += &format!(" {} left out, as the baseline says.", plural(known, "known failure"));
    }
    (verdict, sentence)
}

/// Without the failures that are known.
fn of_what_counts(rendered: &Rendered, counts: &Counts, known: usize) -> (Verdict, String) {
    let result = &rendered.result;
    match (rendered.exit, result.facts.kind) {
        (Exit::Interrupted, _) => (Verdict::Inconclusive, "The run was interrupted.".to_owned()),
        (Exit::Terminated, _) => (Verdict::Inconclusive, "The run was terminated.".to_owned()),
        (Exit::Passed, RunKind::SelfTest) => {
            (Verdict::Conformant, "Everything that was broken on purpose was noticed.".to_owned())
        }
        (Exit::Failed, RunKind::SelfTest) => {
            let missed: usize = result.scores.iter().map(|score| score.survivors.len()).sum();
            (Verdict::Nonconformant, format!("{} on purpose went unnoticed.", plural(missed, "breakage")))
        }
        (Exit::Passed, RunKind::Customer) => (Verdict::Conformant, passed(rendered)),
        (Exit::Failed, RunKind::Customer) => (Verdict::Nonconformant, failed(rendered)),
        (Exit::Passed, RunKind::Page) if counts.known_deviation == 0 => {
            (Verdict::Conformant, "Everything that was observed is as the page says.".to_owned())
        }
        (Exit::Passed, RunKind::Page) => {
            let defects = plural(summary::of_kind(&result.scenarios, FindingKind::Defect).len(), "known defect");
            (Verdict::Conformant, format!("Everything that was observed is as the page says, but for {defects} of it."))
        }
        (Exit::Failed, RunKind::Page) if counts.nonconformant == known => {
            (Verdict::Nonconformant, "The page does not hold: known deviations are denied.".to_owned())
        }
        (Exit::Failed, RunKind::Page) => (
            Verdict::Nonconformant,
            format!("What was observed is not as recorded in {}.", plural(counts.nonconformant - known, "scenario")),
        ),
        (Exit::Usage | Exit::Inconclusive, kind) => {
            let reason = match (summary::without_proof(result), counts.inconclusive) {
                (Some(reason), _) => reason.to_owned(),
                (None, 0) => "see the problems above".to_owned(),
                (None, count) => format!("{} without a verdict", plural(count, "scenario")),
            };
            let sentence = match kind {
                RunKind::Customer => not_told(rendered, &reason),
                RunKind::Page | RunKind::SelfTest => format!("No verdict on the page: {reason}."),
            };
            (Verdict::Inconclusive, sentence)
        }
    }
}

/// The app's own way: the one that no other is the control of.
fn of_the_app(rendered: &Rendered) -> Option<(&ScenarioResult, Option<&Answer>)> {
    let answers = rendered.answers.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let mut scenarios = rendered.result.scenarios.iter().zip(answers);
    scenarios.find(|(scenario, _)| scenario.id == APP)
}

/// Its id.
const APP: &str = crate::check::judge::APP;

/// Whether the app read its secret, and what it asks for in it.
fn could_read(app: &ScenarioResult) -> bool {
    app.observed.passed(Stage::Keys)
}

/// That the app can read, how much, and what should be mended; without a full stop.
fn reads(rendered: &Rendered) -> String {
    let result = &rendered.result;
    let mut text = "The app can read its credentials".to_owned();
    let cases = of_the_app(rendered).into_iter().flat_map(|(app, _)| &app.cases);
    let keys: Vec<_> = cases.filter(|case| matches!(case.subject, Subject::Key(_))).collect();
    let present = keys.iter().filter(|case| case.key_state == Some(KeyState::Present)).count();
    if present < keys.len() {
        text += &format!(" ({present} of the page's {} keys are stored)", keys.len());
    }
    match summary::warnings(&result.scenarios).count() {
        0 => {}
        count => text += &format!("; {} should be mended", plural(count, "warning")),
    }
    text
}

fn passed(rendered: &Rendered) -> String {
    match of_the_app(rendered) {
        Some((app, _)) if app.verdict == Verdict::Conformant => format!("{}.", reads(rendered)),
        Some((app, _)) if app.known.is_some() => "Nothing is wrong that is not known.".to_owned(),
        _ => "Everything that was asked is as it should be; the app's own way was not.".to_owned(),
    }
}

fn failed(rendered: &Rendered) -> String {
    let app = of_the_app(rendered);
    let (scenarios, answers) = (&rendered.result.scenarios, &rendered.answers);
    let mut wrong = scenarios
        .iter()
        .zip(answers)
        .filter(|(scenario, _)| scenario.verdict == Verdict::Nonconformant && scenario.known.is_none());
    match app {
        Some((app, answer)) if app.verdict == Verdict::Nonconformant && !could_read(app) && app.known.is_none() => {
            format!("The app cannot read its credentials: {}.", what(app, answer))
        }
        _ => {
            let first = wrong.next().map(|(scenario, answer)| what(scenario, answer.as_ref())).unwrap_or_default();
            let more = match wrong.count() {
                0 => String::new(),
                count => format!(" (and {count} more)"),
            };
            match app {
                Some((app, _)) if could_read(app) => {
                    format!("The app can read its credentials, but not all is as it should be: {first}{more}.")
                }
                _ => format!(
                    "Whether the app can read its credentials could not be told, and something is wrong: {first}{more}."
                ),
            }
        }
    }
}

/// What is wrong, to go on after a colon; without a full stop.
fn what(scenario: &ScenarioResult, answer: Option<&Answer>) -> String {
    let text = one_line(answer.map_or(&*scenario.reason, Answer::bare));
    match text.strip_prefix("The app ") {
        Some(rest) => format!("it {rest}"),
        None => text.trim_end_matches('.').to_owned(),
    }
}

fn not_told(rendered: &Rendered, reason: &str) -> String {
    match of_the_app(rendered) {
        Some((app, _)) if app.verdict == Verdict::Conformant => {
            format!("{}, but not everything could be told: {reason}.", reads(rendered))
        }
        Some((app, answer)) if app.verdict == Verdict::Inconclusive => {
            format!("Whether the app can read its credentials could not be told: {}.", what(app, answer))
        }
        _ => format!("Whether the app can read its credentials could not be told: {reason}."),
    }
}
