//! Reports: consumers of events and verdicts.
//!
//! - [`render`](mod@render): cleans a run's result once, then draws JSON and JUnit from the
//!   same cleaned result, with the exit code that the process must end with.
//! - [`summary`]: counts, exit code and the findings by defect, for all reports.
//! - [`answer`]: what is said first of what failed: what is wrong, what to do, what to type.
//! - [`json`], [`junit`]: the two files. [`file`](mod@file): how they get to the disk whole.
//! - [`findings`]: where the page does not hold, for those who write it.
//! - [`terminal`]: what people see while a run goes on, and at its end. [`bars`]: its
//!   progress. [`fold`](mod@fold): long lines on a terminal.
//! - [`text`]: what is done to texts of others before they go into a report.

pub mod answer;
pub mod bars;
mod conclusion;
mod failure;
pub mod file;
pub mod findings;
pub mod fold;
pub mod json;
pub mod junit;
mod paint;
mod render;
pub mod summary;
pub mod terminal;
mod terminal_end;
pub mod text;

pub use render::{RenderError, Rendered, render};
