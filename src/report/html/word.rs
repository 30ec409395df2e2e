//! Words, classes and addresses that all parts of a page share.

use crate::report::json::Scenario;
use crate::report::overview::{mark, meaning};
use crate::verdict::Verdict;

/// A verdict as a page shows it.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// The class of its colours, which is its word.
    pub class: &'static str,
    /// One sign.
    pub mark: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl Shown {
    /// Of a verdict.
    pub fn of(verdict: Verdict) -> Self {
        Self { class: verdict.as_str(), mark: mark(verdict), meaning: meaning(verdict) }
    }
}

/// Where the way ended, in two or three words.
pub fn ends(scenario: &Scenario) -> String {
    match (scenario.observed.stage, scenario.observed.complete) {
        (Some(stage), _) => format!("stops at {stage}"),
        (None, true) if scenario.stages.is_empty() => String::new(),
        (None, true) => "goes all the way".to_owned(),
        (None, false) => "nothing seen".to_owned(),
    }
}

/// The id of a scenario's place on the page: what a fragment may hold.
pub fn anchor(id: &str) -> String {
    let sound = |sign: char| if sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '/') { sign } else { '_' };
    format!("s-{}", id.chars().map(sound).collect::<String>())
}

/// An address that a browser may be sent to; nothing of another kind is a link.
pub fn link(address: &str) -> Option<String> {
    (address.starts_with("https://") || address.starts_with("http://")).then(|| address.to_owned())
}

/// `1.2 s`.
pub fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// Of a number of things: `1 key`, `2 keys`.
pub use crate::report::paint::plural;
