//! The matrix as JUnit: a suite for each run, a case for each of its scenarios.

use junit_report::{Duration, TestCase, TestResult, TestSuite};

use super::matrix::{Cell, Column, Matrix};
use crate::report::junit::{JunitError, draw, instant};
use crate::report::text::{identity, xml, xml_line};
use crate::verdict::Verdict;

/// The longest name that every dashboard keeps whole.
const LONGEST_NAME: usize = 512;

/// The report as text.
///
/// # Errors
/// Where a library refuses to write; no text that a record holds leads to it.
pub fn junit(matrix: &Matrix) -> Result<String, JunitError> {
    let suites = matrix.columns.iter().enumerate().map(|(at, column)| suite(matrix, at, column)).collect();
    let properties = matrix.columns.iter().map(|column| {
        let mut properties = vec![("run".to_owned(), column.run.clone())];
        properties.extend(column.facts.iter().map(|(name, value)| (name.clone(), value.clone())));
        properties
    });
    draw(suites, properties.collect())
}

fn suite(matrix: &Matrix, at: usize, column: &Column) -> TestSuite {
    let mut suite = TestSuite::new(&identity(&column.name, LONGEST_NAME));
    suite.package = "pmp-vault".to_owned();
    suite.hostname = "localhost".to_owned();
    suite.timestamp = instant(&column.started);
    let rows = matrix.rows.iter().filter_map(|row| Some((row, row.cells[at].as_ref()?)));
    suite.testcases = rows.map(|(row, cell)| case(&row.id, column, cell)).collect();
    if let Some(outside) = &column.outside {
        let mut case = TestCase::success("run: complete", Duration::ZERO);
        case.set_classname(&identity(&format!("pmp-vault.{}", column.name), LONGEST_NAME));
        let (message, cause) = (xml_line(outside), Some(xml_line(outside)));
        case.result = TestResult::Error { type_: "inconclusive".to_owned(), message, cause };
        suite.testcases.push(case);
    }
    suite
}

fn case(id: &str, column: &Column, cell: &Cell) -> TestCase {
    let mut case = TestCase::success(&identity(id, LONGEST_NAME), Duration::ZERO);
    case.set_classname(&identity(&format!("pmp-vault.{}", column.name), LONGEST_NAME));
    let type_ = cell.cause.as_ref().map_or(cell.verdict.as_str(), |cause| cause.as_str());
    let (type_, message) = (xml_line(type_), xml_line(&cell.reason));
    let text = Some(xml(&cell.reason));
    case.result = match cell.verdict {
        Verdict::Conformant => TestResult::Success,
        Verdict::Nonconformant if cell.known.is_none() => TestResult::Failure { type_, message, cause: text },
        Verdict::Inconclusive => TestResult::Error { type_, message, cause: text },
        Verdict::Nonconformant | Verdict::KnownDeviation | Verdict::Skipped => {
            TestResult::SkippedWithCause { type_, message, cause: text }
        }
    };
    case
}
