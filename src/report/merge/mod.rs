//! Many records as one matrix: a row for each scenario, a column for each run.
//!
//! - [`matrix`]: the rows and columns, and what the columns are called.
//! - `differences`: what ended or was said otherwise than in the first run.
//! - [`markdown()`], [`junit()`]: what is drawn of them; a page for a browser is drawn by `html`.

mod differences;
mod junit;
mod markdown;
pub mod matrix;

pub use differences::Difference;
pub use junit::junit;
pub use markdown::{Shown, markdown};
pub use matrix::{Cell, Column, Matrix, Row, merge};
