//! Colours, and small words, of everything on a terminal.

use std::time::Duration;

use crate::verdict::Verdict;

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Whether there are any.
    pub(super) colour: bool,
}

impl Paint {
    /// The text in the verdict's colour.
    pub(super) fn verdict(self, verdict: Verdict, text: &str) -> String {
        self.with(
            match verdict {
                Verdict::Conformant => "32",
                Verdict::KnownDeviation => "35",
                Verdict::Nonconformant => "31;1",
                Verdict::Inconclusive => "33;1",
                Verdict::Skipped => "2",
            },
            text,
        )
    }

    /// A heading.
    pub(super) fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The word for a verdict on a scenario's line.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conformant => "PASS",
        Verdict::KnownDeviation => "DEVIATES",
        Verdict::Nonconformant => "FAIL",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Skipped => "SKIP",
    }
}

/// `1 scenario`, `2 scenarios`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `1.2 s`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
