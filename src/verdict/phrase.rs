//! What was observed, in words: the same ones wherever they are said.

use super::result::Observed;
use crate::page::cause::SaysOf;
use crate::page::{CauseId, Stage};

impl Observed {
    /// Whether the way got past a stage.
    #[must_use]
    pub fn passed(&self, stage: Stage) -> bool {
        self.complete && self.stage.is_none_or(|stop| stage < stop)
    }

    /// Whether the way stops there, for that cause.
    #[must_use]
    pub fn stops_for(&self, stage: Stage, cause: &CauseId) -> bool {
        self.stage == Some(stage) && self.cause.as_ref() == Some(cause)
    }

    /// Where and how the way ended, in the words in which scenarios say what must follow.
    #[must_use]
    pub fn phrase(&self) -> String {
        self.with(|candidates| format!("{} causes", candidates.len()))
    }

    /// The same with every cause that it may be, the status that the client saw
    /// and, where the cause does not say it, the text.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut phrase = self.with(|candidates| {
            let names: Vec<&str> = candidates.iter().map(CauseId::as_str).collect();
            names.join(", ")
        });
        if let Some(status) = self.status {
            phrase.push_str(&format!(" (HTTP {status})"));
        }
        let says_little = self.cause.is_none() || self.says_of == SaysOf::NoAnswer;
        if self.stage.is_some() && says_little && !self.text.is_empty() {
            phrase.push_str(&format!(" `{}`", self.text));
        }
        phrase
    }

    fn with(&self, several: impl Fn(&[CauseId]) -> String) -> String {
        match (self.stage, &self.cause) {
            (Some(stage), Some(cause)) => format!("stops at {stage}: {cause}"),
            (Some(stage), None) if self.candidates.is_empty() => format!("stops at {stage}, cause unknown"),
            (Some(stage), None) => format!("stops at {stage}, one of {}", several(&self.candidates)),
            (None, _) if self.complete => "goes all the way".to_owned(),
            (None, _) => "nothing".to_owned(),
        }
    }

    /// What the client saw: the status and the text, or nothing.
    #[must_use]
    pub fn client_saw(&self) -> Option<String> {
        match (self.status, self.text.as_str()) {
            (None, "") => None,
            (None, text) => Some(text.to_owned()),
            (Some(status), "") => Some(format!("status {status}")),
            (Some(status), text) => Some(format!("status {status}: {text}")),
        }
    }
}
