//! The oracle: what was observed against what must follow, whether a scenario
//! says so or a customer's target. Pure: nothing here talks to a server.
//!
//! - [`question`]: what must follow, whose servers they are, how keys count.
//! - [`sighting`]: everything that was seen of one scenario.
//! - [`end`]: where the way ended, and why.
//! - [`oracle`]: the verdict on one question.
//! - [`capabilities`]: what a Vault token may do beyond its policy, where that is only asked.
//! - [`cases`]: the verdict of each stage, key, command and step.
//! - [`day_two`]: what an app sees of what happens while it lives.
//! - [`control`]: a denial counts only where its permitted twin was let in.
//! - [`deny`]: what a run is failed for beside what fails by itself.
//! - [`evidence`]: what rests on a stand-in.
//! - [`result`]: what reports are drawn from. `phrase`: what was observed, in words.

pub mod capabilities;
pub mod cases;
pub mod control;
pub mod day_two;
pub mod deny;
pub mod end;
pub mod evidence;
pub mod oracle;
mod phrase;
pub mod question;
pub mod result;
pub mod sighting;

pub use deny::Deny;
pub use result::Verdict;
