//! The oracle: what was observed against what a scenario says. Pure: nothing
//! here talks to a server.
//!
//! - [`sighting`]: everything that was seen of one scenario.
//! - [`end`]: where the way ended, and why.
//! - [`oracle`]: a scenario's verdict.
//! - [`capabilities`]: what a Vault token may do beyond its policy, where that is only asked.
//! - [`cases`]: the verdict of each stage, key, command and step.
//! - [`control`]: a denial counts only where its control passed.
//! - [`result`]: what reports are drawn from.

pub mod capabilities;
pub mod cases;
pub mod control;
pub mod end;
pub mod oracle;
pub mod result;
pub mod sighting;

pub use result::Verdict;
