//! Many records as one matrix: a row for each scenario, a column for each run.
//!
//! - [`matrix`]: the rows and columns, and what the columns are called.
//! - [`markdown()`], [`junit()`]: what is drawn of them; a page for a browser is drawn by `html`.

mod junit;
mod markdown;
pub mod matrix;

pub use junit::junit;
pub use markdown::markdown;
pub use matrix::{Cell, Column, Matrix, Row, merge};
