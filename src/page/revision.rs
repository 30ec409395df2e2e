//! One revision of the page: where it is, and which keys it lists.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keys::Key;

/// One revision of the page (`scenarios/pages/ID/page.yaml`). Its commands stand beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Page {
    /// The name of its folder, such as `seed`. Reports carry it, so it is never reused.
    pub id: String,
    /// One sentence for people: how it differs from the others.
    pub title: String,
    /// Where it is, without an anchor.
    pub url: String,
    /// The revision whose commands are also this one's; none where they stand beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands_of: Option<String>,
    /// Its sections.
    pub anchors: Anchors,
    /// Keys that its own `kv put` example stores, though it does not list them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub example_also_stores: Vec<String>,
    /// In its order.
    pub keys: Vec<Key>,
}

/// The sections of a revision, by what they are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Anchors {
    /// How the central secret is stored.
    pub secret: String,
    /// What its keys are called.
    pub keys: String,
    /// Vault's auth method, policy and role.
    pub auth: String,
    /// The operator's setting, the Service Account, the Runtime.
    pub kubernetes: String,
    /// What is typed into the admin panel.
    pub credentials: String,
}

impl Anchors {
    /// Every one.
    #[must_use]
    pub fn all(&self) -> [&str; 5] {
        [&self.secret, &self.keys, &self.auth, &self.kubernetes, &self.credentials]
    }
}

impl Page {
    /// The address of a section.
    #[must_use]
    pub fn at(&self, anchor: &str) -> String {
        format!("{}{anchor}", self.url)
    }

    /// Whether it lists the key.
    #[must_use]
    pub fn lists(&self, key: &str) -> bool {
        self.key(key).is_some()
    }

    /// What it says of a key.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys that its own `kv put` example stores.
    #[must_use]
    pub fn example(&self) -> BTreeSet<&str> {
        let listed = self.keys.iter().filter(|key| key.in_example).map(|key| key.name.as_str());
        listed.chain(self.example_also_stores.iter().map(String::as_str)).collect()
    }

    /// As what a key of this revision is there, where it is under the name of another one.
    #[must_use]
    pub fn former<'a>(&'a self, key: &str, there: &[String]) -> Option<&'a str> {
        self.key(key)?.formerly.iter().find(|former| there.contains(former)).map(String::as_str)
    }

    /// What a key of another revision is called here.
    #[must_use]
    pub fn became(&self, former: &str) -> Option<&str> {
        let here = self.keys.iter().find(|key| key.formerly.iter().any(|name| name == former));
        here.map(|key| key.name.as_str())
    }
}
