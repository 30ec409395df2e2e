//! Reading a JSON report that a run wrote: what every other report is drawn from.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::error::Category;

use super::json::{Report, SCHEMA_VERSION};
use super::text;
use crate::redact::Redactor;

/// Why a file is no record that can be read. [`RecordError::remedy`] says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system does not give it.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing stands in it.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is no JSON, or only the beginning of it.
    #[error("{} is not JSON: {source}", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// It is JSON of something else.
    #[error("{} is JSON, but no report of this program: it has no `schema-version`", path.display())]
    NotAReport {
        /// The file.
        path: PathBuf,
    },
    /// A later program wrote it.
    #[error("{} has schema-version {found}, and this program reads {SCHEMA_VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A field is missing or holds something else.
    #[error("{} has schema-version {SCHEMA_VERSION}, but is not whole: {what}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        what: String,
    },
}

impl RecordError {
    /// How to mend it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { source, .. } => match source.kind() {
                ErrorKind::NotFound => "give the file that `--json` of `run` or `check` wrote",
                ErrorKind::IsADirectory => "give the file in it that `--json` of `run` or `check` wrote",
                ErrorKind::PermissionDenied => "make it readable for this user",
                ErrorKind::InvalidData => "it is not text; give the file that `--json` of `run` or `check` wrote",
                _ => "give another file",
            },
            Self::Empty { .. } => "the run that was to write it has not ended yet, or was killed; run it again",
            Self::NotJson { source, .. } if source.classify() == Category::Eof => {
                "it is cut off; get the whole file, or run again"
            }
            Self::NotJson { .. } | Self::NotAReport { .. } => {
                "give the file that `--json` of `run` or `check` wrote, not that of `--junit` or of another program"
            }
            Self::Newer { .. } => "take the program that wrote it, or a newer one",
            Self::Broken { .. } => "it was changed after it was written; get it again, or run again",
        }
    }
}

/// The record in a file, its texts without control characters and without anything in a token's shape.
///
/// # Errors
/// Where it cannot be read or is none, with what is wrong and where.
pub fn read(path: &Path, redactor: &Redactor) -> Result<Report, RecordError> {
    let text = fs::read_to_string(path).map_err(|source| RecordError::Unreadable { path: path.to_owned(), source })?;
    parse(&text, path, redactor)
}

/// The record in a text, in the same way. `path` is where it is from.
///
/// # Errors
/// Where it is none, with what is wrong and where.
pub fn parse(text: &str, path: &Path, redactor: &Redactor) -> Result<Report, RecordError> {
    let path = || path.to_owned();
    if text.trim().is_empty() {
        return Err(RecordError::Empty { path: path() });
    }
    let mut value: Value =
        serde_json::from_str(text).map_err(|source| RecordError::NotJson { path: path(), source })?;
    match value.get("schema-version").and_then(Value::as_u64) {
        None => return Err(RecordError::NotAReport { path: path() }),
        Some(found) if found > u64::from(SCHEMA_VERSION) => return Err(RecordError::Newer { path: path(), found }),
        Some(_) => {}
    }
    text::clean_strings(&mut value, redactor);
    // Read from the text where it fails, because only that knows lines.
    serde_json::from_value(value).map_err(|error| {
        let what = serde_json::from_str::<Report>(text).err().unwrap_or(error).to_string();
        RecordError::Broken { path: path(), what: redactor.clean(&text::one_line(&what)).into_owned() }
    })
}
