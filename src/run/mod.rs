//! The one way through, in order.
//!
//! - [`engine`]: a run on a testbed of ours, from getting it to taking it away.
//! - [`scenarios`]: the planned scenarios side by side, held against their controls.
//! - [`stability`]: whether scenarios end the same each time.
//! - [`way`]: one scenario: configure, start, observe, find out, judge.
//! - [`look`]: what is seen of its app, and what the servers say beside it.
//! - [`day_two`]: an app that lives on while something happens.
//! - [`literal`]: the page's commands, typed into the real `vault` and `kubectl`.
//! - [`clock`]: how long a scenario takes without waiting for its turn.

pub mod clock;
pub mod day_two;
pub mod engine;
pub mod literal;
pub mod look;
pub mod scenarios;
pub mod stability;
pub mod way;
