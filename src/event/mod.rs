//! What a run says of itself: while it works, and at its end. Reports are drawn
//! from these alone.
//!
//! - [`happening`]: events, in order.
//! - [`exit`]: what the process ends with.
//! - [`result`]: the whole run, with its facts and how it ended.
//! - [`rows`]: the figures of a self-test and of repeated rounds.
//! - [`span`], [`timeline`]: what began and ended when, and how that is made of the events.

pub mod exit;
pub mod happening;
pub mod result;
pub mod rows;
pub mod span;
pub mod timeline;

pub use exit::Exit;
pub use happening::{Event, Events, millis, step};
pub use result::{Ending, RunFacts, RunKind, RunResult};
pub use rows::{FaultRow, Score, Stability};
pub use span::{Span, SpanKind};
