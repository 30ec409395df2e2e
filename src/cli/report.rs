//! `report`: what is drawn of the JSON records of runs that are over.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::say;
use super::shared::{JunitDetail, fail};
use crate::event::Exit;
use crate::redact::Redactor;
use crate::report::diff::{self, FailOn};
use crate::report::job_summary::{self, Place};
use crate::report::json::Report;
use crate::report::{file, html, merge, record, tarball};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Draw one page for a browser, which needs no network
    Html {
        /// The JSON report of a run or of a check
        #[arg(value_name = "FILE")]
        record: PathBuf,
        /// Write the page there
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Say what changed from one run to another, as Markdown; ends with exit code 1 where something became worse
    Diff {
        /// The JSON report of the run before
        base: PathBuf,
        /// The JSON report of the run after
        new: PathBuf,
        /// Which difference ends with exit code 1
        #[arg(long, value_name = "WHAT", value_enum, default_value_t = Fails::Worse)]
        fail_on: Fails,
        /// Write the difference there as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Write the Markdown there in place of the standard output
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
    },
    /// Put many runs into one matrix, as Markdown or in files
    Merge {
        /// The JSON reports, or results of Sonobuoy that hold some, in the order of the columns; `NAME=FILE` names a column
        #[arg(value_name = "FILE", required = true, num_args = 1..)]
        records: Vec<String>,
        /// Write a page for a browser there
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Write Markdown there
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
        /// Write a JUnit report there, with a suite for each run
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// What has a case of its own there
        #[arg(long, value_name = "LEVEL", value_enum, default_value_t = JunitDetail::Scenario, requires = "junit")]
        junit_detail: JunitDetail,
        /// Write the matrix there as JSON, with all that is otherwise than in the first run
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Leave scenarios that are alike in all runs out of the Markdown
        #[arg(long)]
        only_differences: bool,
    },
    /// Say what a run found as Markdown, for the page of a CI's job or a comment at a merge request
    Summary {
        /// The JSON report of a run or of a check
        #[arg(value_name = "FILE")]
        record: PathBuf,
        /// Where it is to fit in
        #[arg(long = "for", value_name = "PLACE", value_enum, default_value_t = For::GithubComment)]
        place: For,
        /// Write it there in place of the standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fails {
    /// Something became worse
    Worse,
    /// Anything changed
    Changed,
    /// None
    Nothing,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum For {
    /// 65,536 characters, which fit everywhere
    GithubComment,
    /// 1 MiB
    GithubSummary,
    /// 1,000,000 characters
    Gitlab,
}

/// Draws it. A record that cannot be read, or a path that cannot be written, is wrong use.
pub fn report(arguments: Arguments, redactor: &Redactor) -> Exit {
    drawn(arguments.what, redactor).unwrap_or_else(|error| fail(Exit::Usage, &error))
}

fn drawn(what: What, redactor: &Redactor) -> Result<Exit, String> {
    match what {
        What::Html { record, output } => {
            let page = html::page(&read(&record, redactor)?).map_err(|error| error.to_string())?;
            write(&output, &page)?;
        }
        What::Summary { record, place, output } => {
            let place = match place {
                For::GithubComment => Place::GithubComment,
                For::GithubSummary => Place::GithubSummary,
                For::Gitlab => Place::Gitlab,
            };
            let text = job_summary::markdown(&read(&record, redactor)?, place.limit());
            write_or_say(output.as_deref(), &text)?;
        }
        What::Diff { base, new, fail_on, json, markdown } => {
            let diff = diff::compare(&read(&base, redactor)?, &read(&new, redactor)?);
            if let Some(path) = json {
                write(&path, &pretty(&diff)?)?;
            }
            write_or_say(markdown.as_deref(), &diff::markdown(&diff, Place::default().limit()))?;
            let fail_on = match fail_on {
                Fails::Worse => FailOn::Worse,
                Fails::Changed => FailOn::Changed,
                Fails::Nothing => FailOn::Nothing,
            };
            if fail_on.fails(&diff) {
                return Ok(Exit::Failed);
            }
        }
        What::Merge { records, html: page, markdown, junit, junit_detail, json, only_differences } => {
            let runs: Vec<Vec<(Option<String>, Report)>> =
                records.iter().map(|named| named_records(named, redactor)).collect::<Result<_, _>>()?;
            let runs: Vec<(Option<String>, Report)> = runs.into_iter().flatten().collect();
            let merged = merge::merge(&runs);
            if let Some(path) = &page {
                write(path, &html::matrix(&merged).map_err(|error| error.to_string())?)?;
            }
            if let Some(path) = &junit {
                write(path, &merge::junit(&merged, &runs, junit_detail.into()).map_err(|error| error.to_string())?)?;
            }
            if let Some(path) = &json {
                write(path, &pretty(&merged)?)?;
            }
            if only_differences || markdown.is_some() || page.is_none() && junit.is_none() && json.is_none() {
                let shown = if only_differences { merge::Shown::Differing } else { merge::Shown::All };
                write_or_say(markdown.as_deref(), &merge::markdown(&merged, shown, Place::default().limit()))?;
            }
        }
    }
    Ok(Exit::Passed)
}

fn pretty(what: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(what).map(|text| text + "\n").map_err(|error| error.to_string())
}

fn read(path: &Path, redactor: &Redactor) -> Result<Report, String> {
    record::read(path, redactor).map_err(|error| format!("{error}; {}", error.remedy()))
}

/// `NAME=FILE`, or a file alone, which may have such a sign in its path. Where results of Sonobuoy hold several records, each
/// is called by its plugin as well.
fn named_records(named: &str, redactor: &Redactor) -> Result<Vec<(Option<String>, Report)>, String> {
    let (name, path) = match named.split_once('=') {
        Some((name, path)) if !name.is_empty() && !name.contains('/') && !Path::new(named).exists() => {
            (Some(name), Path::new(path))
        }
        _ => (None, Path::new(named)),
    };
    if !tarball::is_one(path) {
        return Ok(vec![(name.map(str::to_owned), read(path, redactor)?)]);
    }
    let records = tarball::read(path, redactor).map_err(|error| format!("{error}; {}", error.remedy()))?;
    let several = records.len() > 1;
    let called = |plugin: String| match name {
        Some(name) if several => Some(format!("{name}, {plugin}")),
        Some(name) => Some(name.to_owned()),
        None => Some(plugin).filter(|_| several),
    };
    Ok(records.into_iter().map(|(plugin, record)| (called(plugin), record)).collect())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    file::write(path, text).map_err(|error| format!("{error}; {}", error.remedy()))
}

fn write_or_say(path: Option<&Path>, text: &str) -> Result<(), String> {
    match path {
        Some(path) => write(path, text),
        None => {
            say::text(format_args!("{text}"));
            Ok(())
        }
    }
}
