//! The cases of a record's scenario, whatever kind they are of, in the order of JUnit.

use super::json::{NamedCase, Scenario};
use crate::page::{CauseId, Stage};
use crate::verdict::Verdict;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct CaseOf<'a> {
    /// `stage`, `key`, `command`, `step` or `check`.
    pub kind: &'static str,
    /// Which of them.
    pub id: &'a str,
    /// What came of it.
    pub verdict: Verdict,
    /// Why; empty only where it is conformant.
    pub message: &'a str,
    /// The cause, where one is known.
    pub cause: Option<&'a CauseId>,
    /// Whether it holds and should be mended all the same.
    pub warning: bool,
    /// When that ends which it is about (RFC 3339), where that is known.
    pub ends: Option<&'a str>,
    /// Of a stage: how many milliseconds it took, where that is known.
    pub took_ms: Option<u64>,
}

impl CaseOf<'_> {
    /// As in JUnit, such as `stage login`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.kind, self.id)
    }
}

/// All of a scenario.
pub fn subjects(scenario: &Scenario) -> impl Iterator<Item = CaseOf<'_>> {
    let stages = scenario.stages.iter().map(|case| CaseOf {
        kind: "stage",
        id: Stage::as_str(case.stage),
        verdict: case.verdict,
        message: &case.message,
        cause: case.cause.as_ref(),
        warning: false,
        ends: None,
        took_ms: case.took_ms,
    });
    let keys = scenario.keys.iter().map(|case| CaseOf {
        kind: "key",
        id: &case.name,
        verdict: case.verdict,
        message: &case.message,
        cause: case.cause.as_ref(),
        warning: case.warning,
        ends: None,
        took_ms: None,
    });
    let rest = [("command", &scenario.commands), ("step", &scenario.steps), ("check", &scenario.checks)];
    let rest = rest.into_iter().flat_map(|(kind, cases)| cases.iter().map(move |case| of_named(kind, case)));
    stages.chain(keys).chain(rest)
}

fn of_named<'a>(kind: &'static str, case: &'a NamedCase) -> CaseOf<'a> {
    CaseOf {
        kind,
        id: &case.id,
        verdict: case.verdict,
        message: &case.message,
        cause: case.cause.as_ref(),
        warning: case.warning,
        ends: case.ends.as_deref(),
        took_ms: None,
    }
}
