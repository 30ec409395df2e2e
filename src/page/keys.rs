//! The keys that a revision of the page lists, and choices among them.

use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// What the page says of it beside its name, in our words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What other revisions call the same credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<String>,
}

/// `all`, `page-example`, `grouped`, or a list of key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// Every key of the page.
    All,
    /// Those of the page's own `kv put` example, which the page's revision fills in.
    Example(BTreeSet<String>),
    /// Those whose name begins with a group and a dot, which the page's revision fills in.
    Grouped(BTreeSet<String>),
    /// These.
    Keys(BTreeSet<String>),
}

/// How a scenario file names the keys of the page's example.
const EXAMPLE: &str = "page-example";

/// How it names the keys that have a group in their name.
const GROUPED: &str = "grouped";

impl Reads {
    /// Whether the key is among them.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Example(keys) | Self::Grouped(keys) | Self::Keys(keys) => keys.contains(key),
        }
    }
}

impl Serialize for Reads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Example(_) => serializer.serialize_str(EXAMPLE),
            Self::Grouped(_) => serializer.serialize_str(GROUPED),
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
                f.write_str("`all`, `page-example`, `grouped` or a list of key names")
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Reads, E> {
                match value {
                    "all" => Ok(Reads::All),
                    EXAMPLE => Ok(Reads::Example(BTreeSet::new())),
                    GROUPED => Ok(Reads::Grouped(BTreeSet::new())),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(value), &self)),
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
            "description": "`all`, `page-example`, `grouped`, or a list of key names of the page",
            "oneOf": [
                { "const": "all" },
                { "const": EXAMPLE },
                { "const": GROUPED },
                { "type": "array", "items": { "type": "string" }, "uniqueItems": true }
            ]
        })
    }
}
