//! The matrix as JUnit: a suite for each run, in it the cases of its scenarios.

use junit_report::TestSuite;

use super::matrix::{Column, Matrix};
use crate::report::detail::Detail;
use crate::report::json::Report;
use crate::report::junit::{JunitError, draw, empty_suite, instant, outside_case, test_cases};
use crate::verdict::result::ScenarioResult;

/// The report as text, of the records of which the matrix was made, in the order of its columns.
///
/// # Errors
/// Where a library refuses to write; no text that a record holds leads to it.
pub fn junit(matrix: &Matrix, runs: &[(Option<String>, Report)], detail: Detail) -> Result<String, JunitError> {
    let suites = matrix.columns.iter().zip(runs).map(|(column, (_, report))| suite(column, report, detail));
    let properties = matrix.columns.iter().map(|column| {
        let mut properties = vec![("run".to_owned(), column.run.clone())];
        properties.extend(column.facts.iter().map(|(name, value)| (name.clone(), value.clone())));
        properties
    });
    draw(suites.collect(), properties.collect())
}

fn suite(column: &Column, report: &Report, detail: Detail) -> TestSuite {
    let mut suite = empty_suite(&column.name, "pmp-vault", instant(&column.started));
    for scenario in &report.scenarios {
        suite.testcases.extend(test_cases(
            &ScenarioResult::from(scenario),
            scenario.answer.as_ref(),
            &column.name,
            detail,
        ));
    }
    suite.testcases.extend(column.outside.iter().map(|reason| outside_case(reason, &column.name)));
    suite
}
