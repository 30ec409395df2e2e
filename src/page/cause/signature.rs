//! By what a cause is seen, and whether it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::facts::Facts;
use crate::page::stage::Stage;

/// How a cause is seen. Every given condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signature {
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the text that the client saw contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What the line of Vault's log (of the API server's message at stage `pod`) contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// What that line does not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_lacks: Option<String>,
    /// What else was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<Fact>,
    /// What was seen not to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Fact>,
    /// What makes it likelier, and proves nothing: it leads a group, and is never shown by this alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Fact>,
}

/// What is known of the end of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clues<'a> {
    /// Where it ended.
    pub stage: Stage,
    /// The HTTP status that the client saw.
    pub status: Option<u16>,
    /// The text that the client saw.
    pub client: &'a str,
    /// The line of Vault's log that belongs to it, or the API server's message.
    pub log: Option<&'a str>,
    /// What else was found out.
    pub facts: &'a Facts,
}

/// What Vault tells the client where it tells its log more. Any other text
/// says all that there is to say.
const OPAQUE: &str = "permission denied";

impl<'a> Clues<'a> {
    /// The line that belongs to this end. What Vault explains to the client it does not log.
    pub(super) fn line(&self) -> Option<&'a str> {
        self.log.filter(|_| self.stage != Stage::Login || self.client == OPAQUE)
    }
}

/// What one condition comes to.
type Condition = Option<bool>;

impl Signature {
    /// What each condition given comes to: true, false, or not known.
    fn conditions(&self, clues: &Clues<'_>) -> impl Iterator<Item = Condition> {
        let logged = |text: &str| match clues.line() {
            Some(line) => Some(line.contains(text)),
            None if clues.client == OPAQUE => None,
            None => Some(false),
        };
        [
            self.status.map(|status| Some(clues.status == Some(status))),
            self.client.as_deref().map(|text| Some(clues.client.contains(text))),
            self.log.as_deref().map(logged),
            self.log_lacks.as_deref().map(|text| logged(text).map(|there| !there)),
            self.fact.map(|fact| clues.facts.of(fact)),
            self.unless.map(|fact| clues.facts.of(fact).map(|holds| !holds)),
            // A hint that was not seen leaves nothing to go by.
            self.hint.map(|fact| (clues.facts.of(fact) == Some(false)).then_some(false)),
        ]
        .into_iter()
        .flatten()
    }

    /// How many conditions there are, where all of them were seen to hold.
    #[must_use]
    pub fn holds(&self, clues: &Clues<'_>) -> Option<usize> {
        let count = self.conditions(clues).count();
        (count > 0 && self.conditions(clues).all(|holds| holds == Some(true))).then_some(count)
    }

    /// Whether there are conditions, and none was seen not to hold.
    pub(super) fn may_hold(&self, clues: &Clues<'_>) -> bool {
        *self != Self::default() && self.conditions(clues).all(|holds| holds != Some(false))
    }

    /// Whether it says all that the other says, and more. Of texts it counts only where they stand, because one line may have
    /// both, and there is a line only where Vault told the client nothing.
    pub(super) fn refines(&self, other: &Self) -> bool {
        self.implies(other) && !other.implies(self)
    }

    fn implies(&self, other: &Self) -> bool {
        let Self { status, client, log, log_lacks, fact, unless, hint } = other;
        (status.is_none() || self.status == *status)
            && (client.is_none() || self.client.is_some() || self.log.is_some())
            && (log.is_none() || self.log.is_some())
            && (log_lacks.is_none() || self.log_lacks == *log_lacks)
            && (fact.is_none() || self.fact == *fact)
            && (unless.is_none() || self.unless == *unless)
            && (hint.is_none() || self.hint == *hint)
    }

    /// Whether its hint was seen.
    pub(super) fn hinted(&self, clues: &Clues<'_>) -> bool {
        self.hint.is_some_and(|fact| clues.facts.of(fact) == Some(true))
    }

    /// Whether the line of Vault's log at hand is the one that it speaks of.
    pub(super) fn tells(&self, clues: &Clues<'_>) -> bool {
        self.log.as_deref().zip(clues.line()).is_some_and(|(text, line)| line.contains(text))
    }
}
