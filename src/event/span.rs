//! One thing of a run that began and ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a span is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpanKind {
    /// Something before or after the scenarios, such as `start Vault`.
    Step,
    /// A scenario, from its start to its verdict, its turns that it waits for included.
    Scenario,
}

/// One thing that began, and ended unless the run ended before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Span {
    /// Of what.
    pub kind: SpanKind,
    /// The step in words, or the scenario's id.
    pub name: String,
    /// When it began, in milliseconds after the run's start.
    pub from_ms: u64,
    /// When it ended, in milliseconds after the run's start.
    pub to_ms: u64,
    /// Whether it came to its end. A step that failed did not, nor did what the end of the run cut off.
    pub done: bool,
}
