//! A YAML file as a typed value, and on which line each of its parts stands.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Options, Spanned};

use super::problem::{Problem, Source};

/// A file that has the right shape.
pub(super) struct File<T> {
    /// Its path below the scenarios' folder.
    pub path: String,
    /// What it says.
    pub value: T,
    source: Source,
    place: Place,
}

impl<T: DeserializeOwned> File<T> {
    pub fn parse(path: String, source: Source) -> Result<Self, Problem> {
        let value = serde_saphyr::from_str_with_options(&source.text, options()).map_err(|e| refused(&source, &e))?;
        let root: Spanned<Place> =
            serde_saphyr::from_str_with_options(&source.text, options()).map_err(|e| refused(&source, &e))?;
        Ok(Self { path, value, place: root.value, source })
    }
}

impl<T> File<T> {
    /// A problem at the field that `at` leads to. Where a part of the way is
    /// not in the file, the problem stands at the last part that is.
    pub fn problem(&self, at: &[&str], message: String, remedy: String) -> Problem {
        self.source.problem(self.place.line(at), message, remedy)
    }

    /// The file, as people would open it.
    pub fn name(&self) -> &str {
        &self.source.file
    }
}

/// What to do about a file of the wrong shape.
const REMEDY: &str = "Correct the line. The files in scenarios/schema say what may stand where.";

fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    }
}

fn refused(source: &Source, error: &serde_saphyr::Error) -> Problem {
    let message = error.without_snippet().to_string();
    let Some(place) = error.location() else { return source.problem(1, message, REMEDY.into()) };
    // The line stands before the message already.
    let said = format!(" at line {}, column {}", place.line(), place.column());
    let message = message.strip_suffix(&said).unwrap_or(&message).to_owned();
    source.problem(usize::try_from(place.line()).unwrap_or(1), message, REMEDY.into())
}

/// Where a value stands, and the values below it by field name. An item of a
/// list goes by its text, or by its number where it is no text.
#[derive(Debug, Default)]
struct Place {
    line: usize,
    text: Option<String>,
    below: Vec<(String, Place)>,
}

impl Place {
    fn line(&self, at: &[&str]) -> usize {
        let Some((first, rest)) = at.split_first() else { return self.line };
        self.below.iter().find(|(name, _)| name == first).map_or(self.line, |(_, place)| place.line(rest))
    }
}

fn line_of<T>(spanned: &Spanned<T>) -> usize {
    usize::try_from(spanned.referenced.line()).unwrap_or(1)
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlaceVisitor;

        impl PlaceVisitor {
            fn scalar<E>(text: &impl ToString) -> Result<Place, E> {
                Ok(Place { text: Some(text.to_string()), ..Place::default() })
            }
        }

        impl<'de> Visitor<'de> for PlaceVisitor {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Place, A::Error> {
                let mut below = Vec::new();
                while let Some(name) = map.next_key::<Spanned<String>>()? {
                    let value: Spanned<Place> = map.next_value()?;
                    let line = line_of(&name);
                    below.push((name.value, Place { line, ..value.value }));
                }
                Ok(Place { below, ..Place::default() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Place, A::Error> {
                let mut below = Vec::new();
                while let Some(item) = seq.next_element::<Spanned<Place>>()? {
                    let line = line_of(&item);
                    let name = item.value.text.clone().unwrap_or_else(|| below.len().to_string());
                    below.push((name, Place { line, ..item.value }));
                }
                Ok(Place { below, ..Place::default() })
            }

            fn visit_str<E>(self, text: &str) -> Result<Place, E> {
                Self::scalar(&text)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Place, E> {
                Self::scalar(&value)
            }

            fn visit_u64<E>(self, value: u64) -> Result<Place, E> {
                Self::scalar(&value)
            }

            fn visit_i64<E>(self, value: i64) -> Result<Place, E> {
                Self::scalar(&value)
            }

            fn visit_f64<E>(self, value: f64) -> Result<Place, E> {
                Self::scalar(&value)
            }

            fn visit_unit<E>(self) -> Result<Place, E> {
                Ok(Place::default())
            }
        }

        deserializer.deserialize_any(PlaceVisitor)
    }
}
