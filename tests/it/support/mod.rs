//! What several modules of tests share: the program at its command line, a
//! run's result for reports, what servers say for the oracle, what the docs show, and a window to
//! look at with an engine that goes nowhere.

pub mod cli;
pub mod commands;
pub mod engine;
pub mod report;
pub mod verdict;
pub mod window;
