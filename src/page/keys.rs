//! The keys of one revision of the page, and choices among them.

use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
