//! What happens while a run works, in order. Nothing below the command line
//! prints: the terminal, JUnit and JSON are consumers of these.

use std::time::{Duration, Instant};

use super::result::{RunFacts, RunResult};
use crate::scenario::model::Evidence;
use crate::verdict::result::ScenarioResult;

/// What happens, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// A run starts with this many scenarios.
    RunStarted {
        /// The run's id.
        run: String,
        /// How many scenarios are planned.
        scenarios: usize,
    },
    /// Something before or after the scenarios starts, such as `start Vault`.
    StepStarted {
        /// What.
        step: String,
    },
    /// It is done.
    StepFinished {
        /// What, with the same words as when it started.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// It failed, or was given up. Why is said elsewhere: an error goes its own way.
    StepFailed {
        /// What, with the same words as when it started.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// Something that people should know.
    Notice {
        /// One sentence.
        text: String,
    },
    /// The testbed is up.
    TestbedReady {
        /// The facts so far.
        facts: Box<RunFacts>,
    },
    /// A scenario starts.
    ScenarioStarted {
        /// Its id.
        id: String,
        /// Who decides what it observes.
        evidence: Evidence,
    },
    /// A scenario has its verdict.
    ScenarioFinished {
        /// Everything about it.
        result: Box<ScenarioResult>,
    },
    /// The run is over, clean-up included.
    RunFinished {
        /// Everything about it.
        result: Box<RunResult>,
    },
}

/// Where the engine sends what happens.
pub type Events = tokio::sync::mpsc::UnboundedSender<Event>;

/// Says when a step starts, and when it is done or will not be.
pub async fn step<T, E>(events: &Events, what: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // Nobody listens any more only when the program ends.
    let _ = events.send(Event::StepStarted { step: what.to_owned() });
    // A run that is told to end drops what it does.
    let mut going = Going { events, what, started: Instant::now(), done: false };
    let result = work.await;
    going.done = result.is_ok();
    result
}

/// A step, whose end is said when it is dropped.
struct Going<'a> {
    events: &'a Events,
    what: &'a str,
    started: Instant,
    done: bool,
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        let (step, took) = (self.what.to_owned(), self.started.elapsed());
        let _ = self.events.send(match self.done {
            true => Event::StepFinished { step, took },
            false => Event::StepFailed { step, took },
        });
    }
}

/// Whole milliseconds since then.
pub fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
