//! What several modules of tests share: the program at its command line, a
//! run's result for reports, and what servers say for the oracle.

pub mod cli;
pub mod report;
pub mod verdict;
