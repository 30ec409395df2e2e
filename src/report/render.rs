//! Cleans a run's result once, then draws JSON and JUnit from the same cleaned
//! result, with the exit code that the process must end with.

use super::answer::{Answer, Answers};
use super::{json, junit, summary, text};
use crate::event::{Exit, RunResult};
use crate::page::{CauseCatalogue, Stage};
use crate::redact::{REPLACEMENT, Redactor};
use crate::verdict::result::{Case, ScenarioResult, Subject};
use crate::verdict::{Deny, Verdict};

/// A run's reports, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The result without secrets, as the reports say it.
    pub result: RunResult,
    /// For each of its scenarios: the answer, if it failed.
    pub answers: Vec<Option<Answer>>,
    /// What the process must end with.
    pub exit: Exit,
    /// The JSON report.
    pub json: String,
    /// The JUnit report.
    pub junit: String,
}

/// Why reports could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// JSON.
    #[error("the JSON report cannot be drawn: {0}")]
    Json(#[from] serde_json::Error),
    /// JUnit.
    #[error("the JUnit report cannot be drawn: {0}")]
    Junit(#[from] junit::JunitError),
}

/// Draws the reports. A secret that the filter finds in the result, or found
/// before in the run's log or on the terminal, makes the run inconclusive; the
/// reports are drawn nevertheless, and say so.
///
/// # Errors
/// Only where a library refuses to write; no text that a result holds leads to it.
pub fn render(
    result: &RunResult,
    causes: &CauseCatalogue,
    redactor: &Redactor,
    deny: Deny,
) -> Result<Rendered, RenderError> {
    // Cleaned before anything is drawn, so that JSON, JUnit and the exit code say the same.
    let mut value = serde_json::to_value(result)?;
    clean_strings(&mut value, redactor);
    let mut clean: RunResult = serde_json::from_value(value)?;
    deny.apply(&mut clean.scenarios);
    clean.scenarios.iter_mut().for_each(show_in_cases);
    let mut replacements = redactor.replacements();
    loop {
        let rendered = draw(&clean, causes, replacements, deny)?;
        // Nothing is left to be found here unless escaping puts together what was apart.
        let json = redactor.clean(&rendered.json).into_owned();
        let junit = redactor.clean(&rendered.junit).into_owned();
        if redactor.replacements() == replacements || replacements > 0 {
            return Ok(Rendered { json, junit, ..rendered });
        }
        replacements = redactor.replacements();
    }
}

fn draw(clean: &RunResult, causes: &CauseCatalogue, replacements: usize, deny: Deny) -> Result<Rendered, RenderError> {
    let mut result = clean.clone();
    if replacements > 0 {
        result.problems.push(format!(
            "the output held a secret or a token's shape in {replacements} places; each was replaced by {REPLACEMENT}, and the run proves nothing"
        ));
    }
    let exit = summary::exit(clean, deny, replacements);
    let outside = summary::outside_scenarios(clean, replacements);
    let answering = Answers::new(causes, &result);
    let answers: Vec<Option<Answer>> = result.scenarios.iter().map(|scenario| answering.of(scenario)).collect();
    let report = json::Report::new(&result, &answering, exit, outside.clone());
    let mut json = serde_json::to_string_pretty(&report)?;
    json.push('\n');
    let junit = junit::render(&result, &answers, outside.as_deref())?;
    Ok(Rendered { result, answers, exit, json, junit })
}

/// JUnit knows cases only. A scenario that did not pass must have one that did
/// not pass for the same reason, or a dashboard shows it as passed.
fn show_in_cases(scenario: &mut ScenarioResult) {
    let bad = matches!(scenario.verdict, Verdict::Nonconformant | Verdict::Inconclusive);
    if !bad || scenario.cases.iter().any(|case| case.verdict == scenario.verdict) {
        return;
    }
    let (verdict, message) = (scenario.verdict, scenario.reason.clone());
    match scenario.cases.first_mut() {
        Some(first) => {
            first.verdict = verdict;
            first.message = message;
        }
        None => scenario.cases.push(Case::new(Subject::Stage(Stage::Pod), verdict, message)),
    }
}

/// Control characters go first: they could hide a token, and their escapes in
/// JSON could be taken for a part of one.
fn clean_strings(value: &mut serde_json::Value, redactor: &Redactor) {
    match value {
        serde_json::Value::String(string) => *string = redactor.clean(&text::plain(string)).into_owned(),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| clean_strings(value, redactor)),
        serde_json::Value::Object(fields) => {
            for (name, mut value) in std::mem::take(fields) {
                clean_strings(&mut value, redactor);
                fields.insert(redactor.clean(&text::plain(&name)).into_owned(), value);
            }
        }
        _ => {}
    }
}
