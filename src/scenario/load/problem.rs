//! What is wrong with a file, where, and how to mend it.

use std::fmt;

use thiserror::Error;

/// The folder of the files that are no scenarios.
pub(super) const CATALOGUE: &str = "catalogue";

/// The folder of the page's revisions, each in one of its own.
pub(super) const PAGES: &str = "pages";

/// A file's name for people, and its text.
pub(super) struct Source {
    pub file: String,
    pub text: String,
}

impl Source {
    /// A problem at a line, counted from 1.
    pub fn problem(&self, line: usize, message: String, remedy: String) -> Problem {
        let line = line.max(1);
        let snippet = self.text.lines().nth(line - 1).map(str::trim_end).filter(|text| !text.is_empty());
        Problem { file: self.file.clone(), line: Some(line), snippet: snippet.map(Into::into), message, remedy }
    }
}

/// One thing that is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as people would open it.
    pub file: String,
    /// The line, counted from 1; absent where the file could not be read at all.
    pub line: Option<usize>,
    /// That line's text.
    pub snippet: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => writeln!(f, "{}:{line}: {}", self.file, self.message)?,
            None => writeln!(f, "{}: {}", self.file, self.message)?,
        }
        if let (Some(line), Some(snippet)) = (self.line, &self.snippet) {
            writeln!(f, "  {line} | {snippet}")?;
        }
        write!(f, "  remedy: {}", self.remedy)
    }
}

/// The scenario files are not sound.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} in the scenario files\n\n{}", count(.problems), list(.problems))]
pub struct LoadError {
    /// Everything that was found, by file and line.
    pub problems: Vec<Problem>,
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "1 problem".into(),
        more => format!("{more} problems"),
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}
