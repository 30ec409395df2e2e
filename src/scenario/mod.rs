//! Scenarios as data: the model of `scenarios/**/*.yaml`, loading and selection.
//!
//! - [`configuration`]: the documented bases, and the fields that scenarios change.
//! - [`block`]: the page's blocks of commands, each typed as one.
//! - [`command`]: the page's commands as a reader types them.
//! - [`day_two`]: what happens while an app lives, and what it then sees.
//! - [`defect`]: what is to be changed of the page.
//! - [`model`]: a scenario file, and what it expects.
//! - [`load`]: reading and checking, with errors that name file and line.
//! - [`revisions`]: the revisions of the page, each with its commands.
//! - [`self_test`]: what the self-test knows beforehand.
//! - [`near`](mod@near): what a word with a slip may have meant.
//! - [`select`]: which scenarios a run takes, with the controls that they need.

pub mod block;
pub mod command;
pub mod configuration;
pub mod day_two;
pub mod defect;
pub mod load;
pub mod model;
pub mod near;
pub mod revisions;
pub mod select;
pub mod self_test;
