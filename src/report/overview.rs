//! What is said of a record first, whatever it is drawn as.

use super::json::Report;
use super::subjects::subjects;
use super::summary::Counts;
use crate::verdict::Verdict;

/// The verdicts, those that need somebody first.
pub const ALL: [Verdict; 5] =
    [Verdict::Nonconformant, Verdict::Inconclusive, Verdict::KnownDeviation, Verdict::Conformant, Verdict::Skipped];

/// One sign for a verdict, which says it without colour.
#[must_use]
pub fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conformant => "✓",
        Verdict::KnownDeviation => "≠",
        Verdict::Nonconformant => "✗",
        Verdict::Inconclusive => "?",
        Verdict::Skipped => "–",
    }
}

/// What a verdict means, in a few words.
#[must_use]
pub fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conformant => "as it should be",
        Verdict::KnownDeviation => "the page is wrong, as recorded",
        Verdict::Nonconformant => "not as it should be",
        Verdict::Inconclusive => "no verdict",
        Verdict::Skipped => "not reached, or out of scope",
    }
}

/// How often a verdict was given.
#[must_use]
pub fn count(counts: &Counts, verdict: Verdict) -> usize {
    let Counts { total: _, conformant, known_deviation, nonconformant, inconclusive, skipped } = *counts;
    match verdict {
        Verdict::Conformant => conformant,
        Verdict::KnownDeviation => known_deviation,
        Verdict::Nonconformant => nonconformant,
        Verdict::Inconclusive => inconclusive,
        Verdict::Skipped => skipped,
    }
}

/// How often each verdict was given, of the scenarios and of their cases, counted anew.
#[must_use]
pub fn counts(report: &Report) -> (Counts, Counts) {
    let scenarios = report.scenarios.iter().map(|scenario| scenario.verdict).collect();
    let cases =
        report.scenarios.iter().flat_map(|it| subjects(it).map(|case| case.verdict).collect::<Vec<_>>()).collect();
    (scenarios, cases)
}

/// The run in one sentence, and the verdict in whose colour it is.
#[must_use]
pub fn headline(report: &Report) -> (Verdict, String) {
    let verdict = match report.exit_code {
        0 => Verdict::Conformant,
        1 => Verdict::Nonconformant,
        _ => Verdict::Inconclusive,
    };
    // Records of earlier programs have no such sentence.
    let sentence = match report.conclusion.as_str() {
        "" => format!("{}.", counts(report).0.sentence()),
        sentence => sentence.to_owned(),
    };
    (verdict, sentence)
}
