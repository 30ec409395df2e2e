//! Pages for a browser: one file each, without a network, readable without a script. Templates and style are files in
//! `templates/`; a template escapes every text that it is given.
//!
//! - [`page`](page()): one record. [`matrix`](matrix()): many of them.
//! - `cards`: what is wrong and what to do. `tables`: the scenarios as the page is thought of. `way`: where the ways end,
//!   and each scenario. `grid`: keys by scenarios. `timeline`: what waited for what.
//! - `frame`: style, script, and what the browser is told to refuse.

mod cards;
mod frame;
mod grid;
mod matrix;
mod page;
mod tables;
mod timeline;
mod way;
mod word;

pub use matrix::matrix;
pub use page::page;
