//! What a file below `scenarios/` says.

use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::configuration::{Base, Change, Configuration};
use crate::verdict::{CauseId, Stage};

/// Which runs include a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Service Account, binding and both auth methods as documented.
    Core,
    /// Everything.
    All,
}

/// Who decided what a scenario observes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A real Vault, a real API server, a real kubelet.
    #[default]
    Real,
    /// A decision of our stand-in for the Mendix Operator or for the app, which are not public.
    StandIn,
}

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// `GROUP.NAME`, the same as the file's path `scenarios/GROUP/NAME.yaml`. Never reused.
    pub id: String,
    /// One sentence for people.
    pub title: String,
    /// The page's anchor whose claim this tests, such as `#configure-k8s-auth`.
    pub page: String,
    /// Which runs include it.
    pub profile: Profile,
    /// The documented starting point.
    pub base: Base,
    /// The fields in which it differs from the base.
    #[serde(default)]
    pub change: Change,
    /// The permitted scenario that differs from this denial in one field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// What must follow, by the page's words.
    pub expect: Expect,
    /// Where the page is wrong: what it claims, and what happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_deviation: Option<KnownDeviation>,
    /// Who decides what is observed.
    #[serde(default)]
    pub evidence: Evidence,
}

impl Scenario {
    /// The folder of the file.
    #[must_use]
    pub fn group(&self) -> &str {
        self.id.split_once('.').map_or("", |(group, _)| group)
    }

    /// The file's name without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.split_once('.').map_or(&*self.id, |(_, name)| name)
    }

    /// The base with the changes applied.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        self.change.apply(self.base)
    }
}

/// What must follow: either `reads`, or `stops-at` with `cause`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// The keys that the app reads; every other key of the catalogue is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// The stage at which the way ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<Stage>,
    /// Why it ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseId>,
    /// With `stops-at: keys`: the keys that the cause concerns; every other key is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Reads>,
    /// How many keys the secret holds that the catalogue does not name.
    #[serde(default)]
    pub unexpected: usize,
    /// With `enable-again`: Vault refuses the second `secrets enable`, as "fails safely" says.
    #[serde(default)]
    pub enable_again_refused: bool,
}

/// `all`, or a list of key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// Every key of the catalogue.
    All,
    /// These.
    Keys(BTreeSet<String>),
}

impl Reads {
    /// Whether the key is among them.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Keys(keys) => keys.contains(key),
        }
    }
}

impl Serialize for Reads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Keys(keys) => keys.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Reads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadsVisitor;
        impl<'de> Visitor<'de> for ReadsVisitor {
            type Value = Reads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all` or a list of key names")
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Reads, E> {
                if value == "all" {
                    Ok(Reads::All)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(value), &self))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Reads, A::Error> {
                let mut keys = BTreeSet::new();
                while let Some(key) = seq.next_element::<String>()? {
                    if !keys.insert(key.clone()) {
                        return Err(serde::de::Error::custom(format!("key `{key}` is listed twice")));
                    }
                }
                Ok(Reads::Keys(keys))
            }
        }
        deserializer.deserialize_any(ReadsVisitor)
    }
}

impl JsonSchema for Reads {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reads".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`all`, or a list of key names of the catalogue",
            "oneOf": [
                { "const": "all" },
                { "type": "array", "items": { "type": "string" }, "uniqueItems": true }
            ]
        })
    }
}

/// A claim of the page that does not hold, and exactly what happens instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownDeviation {
    /// The defect's id, the same in every scenario that meets it.
    pub defect: String,
    /// What the page claims.
    pub claim: String,
    /// What happens.
    pub happens: String,
    /// The stage at which the way ends instead.
    pub stops_at: Stage,
    /// Why.
    pub cause: CauseId,
    /// The versions on which it was seen, such as `vault 1.21.0, kubernetes 1.37.2`.
    pub seen_on: Vec<String>,
}

/// The keys of one revision of the page (`scenarios/catalogue/keys.yaml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyCatalogue {
    /// Which revision of the page lists these keys.
    pub revision: String,
    /// In the page's order.
    pub keys: Vec<Key>,
}

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Key {
    /// The exact key name in the secret.
    pub name: String,
    /// The group of the admin panel, such as `VCS`.
    pub group: String,
    /// Whether the page's own `kv put` example stores it.
    #[serde(default)]
    pub in_example: bool,
}
