//! Scenarios as data: the model of `scenarios/**/*.yaml`, loading and selection.
//!
//! - [`configuration`]: the documented bases, and the fields that scenarios change.
//! - [`command`]: the page's commands as a reader types them.
//! - [`model`]: a scenario file, what it expects, the key catalogue.
//! - [`load`]: reading and checking, with errors that name file and line.
//! - [`select`]: which scenarios a run takes, with the controls that they need.

pub mod command;
pub mod configuration;
pub mod load;
pub mod model;
pub mod select;
