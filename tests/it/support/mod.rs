//! What several modules of tests share: the program at its command line, a
//! run's result for reports, JUnit as strict parsers read it, checks of a customer's cluster, what servers say for the oracle, what the docs show, and a window to
//! look at with an engine that goes nowhere.

pub mod cli;
pub mod commands;
pub mod engine;
pub mod existing;
#[expect(dead_code, reason = "the tests on real servers use the rest of it")]
pub mod field;
pub mod junit;
pub mod report;
pub mod scenarios;
pub mod verdict;
pub mod window;
