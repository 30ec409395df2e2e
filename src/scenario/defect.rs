//! What is to be changed of the page, one entry a defect (`scenarios/catalogue/defects.yaml`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DefectCatalogue {
    /// In the order in which a reader of the page meets them.
    pub defects: Vec<Defect>,
}

/// A claim of the page that does not hold, wherever it is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Defect {
    /// As scenarios and commands name it. Never reused.
    pub id: String,
    /// A few words for people.
    pub title: String,
    /// The smallest change of the page that would make it true.
    pub change: String,
    /// What a reader does until then.
    pub instead: String,
}

impl DefectCatalogue {
    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Defect> {
        self.defects.iter().find(|defect| defect.id == id)
    }
}
