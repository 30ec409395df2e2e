//! Cleans a run's result once, then draws JSON and JUnit from the same cleaned
//! result, with the exit code that the process must end with.

use super::answer::{Answer, Answers};
use super::detail::Detail;
use super::rendered::Rendered;
use super::summary::Counts;
use super::text::clean_strings;
use super::{conclusion, json, junit, summary};
use crate::event::RunResult;
use crate::page::{CauseCatalogue, Stage};
use crate::redact::{REPLACEMENT, Redactor};
use crate::verdict::result::{Case, ScenarioResult, Subject};
use crate::verdict::{Deny, Verdict};

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

/// Draws the reports, JUnit with the cases of that detail. A secret that the filter finds in the result, or found
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
    detail: Detail,
) -> Result<Rendered, RenderError> {
    // Cleaned before anything is drawn, so that JSON, JUnit and the exit code say the same.
    let mut value = serde_json::to_value(result)?;
    clean_strings(&mut value, redactor);
    let mut clean: RunResult = serde_json::from_value(value)?;
    deny.apply(&mut clean.scenarios);
    clean.scenarios.iter_mut().for_each(show_in_cases);
    let mut replacements = redactor.replacements();
    loop {
        let rendered = draw(&clean, causes, replacements, deny, detail)?;
        // Nothing is left to be found here unless escaping puts together what was apart.
        let json = redactor.clean(&rendered.json).into_owned();
        let junit = redactor.clean(&rendered.junit).into_owned();
        if redactor.replacements() == replacements || replacements > 0 {
            return Ok(Rendered { json, junit, ..rendered });
        }
        replacements = redactor.replacements();
    }
}

fn draw(
    clean: &RunResult,
    causes: &CauseCatalogue,
    replacements: usize,
    deny: Deny,
    detail: Detail,
) -> Result<Rendered, RenderError> {
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
    let junit = junit::render(&result, &answers, outside.as_deref(), detail)?;
    let mut rendered = Rendered { result, answers, exit, json: String::new(), junit };
    let report = json::Report {
        conclusion: conclusion::sentence(&rendered, &Counts::of_scenarios(&rendered.result.scenarios)).1,
        ..json::Report::new(&rendered.result, &answering, exit, outside)
    };
    rendered.json = serde_json::to_string_pretty(&report)?;
    rendered.json.push('\n');
    Ok(rendered)
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
