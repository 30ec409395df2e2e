//! Reports: consumers of events and verdicts.
//!
//! Of a run that ends:
//!
//! - [`render`](mod@render): cleans a run's result once, then draws JSON and JUnit from the
//!   same cleaned result, with the exit code that the process must end with ([`rendered`]).
//! - [`summary`]: counts, exit code and the findings by defect, for all reports.
//! - [`answer`]: what is said first of what failed: what is wrong, what to do, what to type.
//! - [`baseline`]: failures that are known, with an owner and a day on which they expire.
//! - [`json`], [`junit`]: the two files. [`detail`]: what has a case of its own in JUnit.
//!   [`file`](mod@file): how they get to the disk whole.
//! - [`findings`]: where the page does not hold, for those who write it.
//! - [`terminal`]: what people see while a run goes on, and at its end. [`bars`]: its
//!   progress. [`fold`](mod@fold): long lines on a terminal.
//!
//! Of JSON records, whenever they were written; JSON is the one that has everything:
//!
//! - [`record`]: reads one. [`tarball`]: those in the results of Sonobuoy. [`subjects`], [`overview`]: its cases, and what is said of it first.
//! - [`html`]: a page for a browser.
//! - [`job_summary`]: Markdown for a CI's job or a comment.
//! - [`metrics`]: OpenMetrics, of a check. [`push`]: to a Pushgateway.
//! - [`diff`]: two of them against each other.
//! - [`plugin`]: four states, as Nagios knows them, and one line.
//! - [`merge`]: many of them as one matrix.
//!
//! Of both:
//!
//! - [`text`], [`markdown`]: what is done to texts of others before they go into a report.

pub mod answer;
pub mod bars;
pub mod baseline;
mod conclusion;
pub mod detail;
pub mod diff;
mod failure;
pub mod file;
pub mod findings;
pub mod fold;
pub mod html;
pub mod job_summary;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod merge;
pub mod metrics;
pub mod overview;
mod paint;
pub mod plugin;
pub mod push;
pub mod record;
mod render;
pub mod rendered;
pub mod subjects;
pub mod summary;
pub mod tarball;
pub mod terminal;
mod terminal_end;
pub mod text;

pub use render::{RenderError, render};
pub use rendered::Rendered;
