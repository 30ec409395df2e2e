//! By what a cause is seen, and whether it is.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
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
    /// What else was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<Fact>,
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
    pub facts: &'a BTreeSet<Fact>,
}

/// What Vault tells the client where it tells its log more. Any other text
/// says all that there is to say.
const OPAQUE: &str = "permission denied";

impl Signature {
    /// How many conditions there are, where all of them hold.
    pub(super) fn holds(&self, clues: &Clues<'_>) -> Option<usize> {
        let conditions = [
            self.status.map(|status| clues.status == Some(status)),
            self.client.as_deref().map(|text| clues.client.contains(text)),
            self.log.as_deref().map(|text| clues.log.is_some_and(|line| line.contains(text))),
            self.fact.map(|fact| clues.facts.contains(&fact)),
        ];
        let given: Vec<bool> = conditions.into_iter().flatten().collect();
        (!given.is_empty() && given.iter().all(|holds| *holds)).then_some(given.len())
    }

    /// How many conditions there are, where none is known not to hold: the log
    /// may not be at hand, and some facts take rights to find out.
    pub(super) fn may_hold(&self, clues: &Clues<'_>) -> Option<usize> {
        let conditions = [
            self.status.map(|status| clues.status == Some(status)),
            self.client.as_deref().map(|text| clues.client.contains(text)),
            self.log.as_deref().map(|text| clues.log.map_or(clues.client == OPAQUE, |line| line.contains(text))),
            self.fact.map(|fact| clues.facts.contains(&fact) || !fact.seen_by_probe()),
        ];
        let given: Vec<bool> = conditions.into_iter().flatten().collect();
        (!given.is_empty() && given.iter().all(|may| *may)).then_some(given.len())
    }
}
