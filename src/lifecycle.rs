//! A run from its start to its end, whatever it does: its id, its journal, what
//! killed runs left, time limits, being told to end, clean-up, result.
//!
//! `run`, `check` and `self-test` hand in a [`Job`]: what differs between them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::cleanup;
use crate::event::{Ending, Event, Events, RunFacts, RunResult, millis, step};
use crate::journal::{Journal, Runs};
use crate::random::random;

/// How a run is told to end.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Cancelled when the run is told to end.
    pub cancel: CancellationToken,
    stop: Arc<Mutex<Option<Ending>>>,
}

impl Signals {
    /// Tells the run to end. Whoever told it first has the say of how.
    pub fn end(&self, how: Ending) {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(how);
        self.cancel.cancel();
    }

    /// How the run was told to end, if it was.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what killed runs left on testbeds of ours is removed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It is. What they left on a customer's cluster is only told.
    Remove,
    /// It is left alone: nothing of this run needs a testbed of ours.
    Leave,
}

/// How long a run that is told to end waits for the answers to what it is just
/// creating. The server of a request that waits longer is no help to the clean-up either.
const SETTLES: Duration = Duration::from_secs(10);

/// What becomes of the journal when the clean-up is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Nothing is left.
    Gone,
    /// Something stays on request; in words, how to use and how to remove it.
    Kept(String),
}

/// What one kind of run does.
#[expect(async_fn_in_trait, reason = "a job is awaited where it is made, and never sent to another thread")]
pub trait Job {
    /// How many scenarios are planned.
    fn planned(&self) -> usize;

    /// What the reports say of the run before it starts.
    fn facts(&self) -> RunFacts;

    /// Whether killed runs are cleaned up first.
    fn sweep(&self) -> Sweep;

    /// The work. When the run is told to end or its time is over, it is dropped
    /// once nothing that it creates is under way; what it has put into the
    /// result by then counts.
    ///
    /// # Errors
    /// Why it cannot go on; one sentence.
    async fn work(&mut self, journal: &Journal, result: &mut RunResult) -> Result<(), String>;

    /// Removes what the work made, by `cleanup`, which has a time limit of its own.
    ///
    /// # Errors
    /// What is left.
    async fn clean_up(&mut self, journal: &Journal) -> Result<After, String>;

    /// Completes the result: every planned scenario is in it, also those that the work did not get to.
    fn complete(&mut self, result: &mut RunResult);
}

/// What every run has around its work.
#[derive(Debug, Clone, Copy)]
pub struct Lifecycle<'a> {
    /// Where the runs' journals are.
    pub runs: &'a Runs,
    /// Where events go.
    pub events: &'a Events,
    /// How the run is told to end.
    pub signals: &'a Signals,
    /// The work's time limit.
    pub timeout: Duration,
}

impl Lifecycle<'_> {
    /// Goes through it. The result is whole, also where nothing could be done.
    pub async fn go(self, mut job: impl Job) -> RunResult {
        let started = Instant::now();
        let run = new_id();
        let _ = self.events.send(Event::RunStarted { run: run.clone(), scenarios: job.planned() });
        let facts = RunFacts {
            id: run.clone(),
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            ..job.facts()
        };
        let mut result = RunResult { facts, ..RunResult::default() };
        match Journal::create(self.runs, &run) {
            Ok(journal) => self.with_journal(&mut job, journal, &mut result).await,
            Err(error) => result.failed(error.to_string()),
        }
        job.complete(&mut result);
        if let Some(ending) = self.signals.ending() {
            result.ending = ending;
        }
        result.timings.insert("total".to_owned(), millis(started));
        let _ = self.events.send(Event::RunFinished { result: Box::new(result.clone()) });
        result
    }

    async fn with_journal(self, job: &mut impl Job, journal: Journal, result: &mut RunResult) {
        let done = 'work: {
            let mut work = std::pin::pin!(async {
                cleanup::sweep(self.runs, self.events, job.sweep() == Sweep::Remove).await;
                job.work(&journal, result).await
            });
            let told = tokio::select! {
                done = &mut work => break 'work done,
                () = self.signals.cancel.cancelled() => Ok(()),
                () = tokio::time::sleep(self.timeout) => {
                    let timeout = humantime::format_duration(self.timeout);
                    Err(format!("the time limit of {timeout} is over; --timeout sets it"))
                }
            };
            // The clean-up must not look for something before the server has made it.
            tokio::select! {
                _ = &mut work => (),
                () = journal.settled() => (),
                () = tokio::time::sleep(SETTLES) => (),
            }
            told
        };
        if let Err(problem) = done {
            result.failed(problem);
        }
        let started = Instant::now();
        self.clean_up(job, journal, result).await;
        result.timings.insert("clean-up".to_owned(), millis(started));
    }

    async fn clean_up(self, job: &mut impl Job, journal: Journal, result: &mut RunResult) {
        let closed = match step(self.events, "clean up", job.clean_up(&journal)).await {
            Ok(After::Gone) => journal.discard().map_err(|error| error.to_string()),
            Ok(After::Kept(text)) => {
                let kept = journal.keep().map_err(|error| error.to_string());
                kept.map(|()| _ = self.events.send(Event::Notice { text }))
            }
            Err(problem) => Err(problem),
        };
        if let Err(problem) = closed {
            result.failed(problem);
        }
    }
}

/// A new run's id. Lower case letters and digits: it is part of Kubernetes names.
#[must_use]
pub fn new_id() -> String {
    let id: String = random(32).to_lowercase().chars().take(8).collect();
    format!("r{id}")
}
