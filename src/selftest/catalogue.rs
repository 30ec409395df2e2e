//! What the self-test knows beforehand (`scenarios/catalogue/self-test.yaml`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SelfTestCatalogue {
    /// Fields of documented objects that change nothing.
    pub no_effect: Vec<NoEffect>,
}

/// Broken fields that change nothing of what an app can observe, and the
/// scenario that proves it. One that gains effect fails the self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NoEffect {
    /// Which mutants: a pattern such as `issuer-config/issuer *`.
    pub mutants: String,
    /// The scenario that ends as if nothing were broken.
    pub proved_by: String,
    /// Why it changes nothing, one sentence.
    pub why: String,
}
