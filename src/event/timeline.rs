//! What began and ended when, so that a report can show what waited for what.

use std::time::Instant;

use super::happening::{Event, millis};
use super::span::{Span, SpanKind};

/// The spans of a run, made of its events. With `--repeat`, a scenario's are those of its first round.
#[derive(Debug)]
pub struct Timeline {
    started: Instant,
    spans: Vec<Span>,
    open: Vec<usize>,
}

impl Timeline {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), spans: Vec::new(), open: Vec::new() }
    }

    /// Notes what happens now.
    pub fn note(&mut self, event: &Event) {
        let now = millis(self.started);
        match event {
            Event::StepStarted { step } => self.open(SpanKind::Step, step, now),
            Event::StepFinished { step, .. } => self.close(SpanKind::Step, step, now, true),
            Event::StepFailed { step, .. } => self.close(SpanKind::Step, step, now, false),
            Event::ScenarioStarted { id, .. } => {
                if !self.spans.iter().any(|span| span.kind == SpanKind::Scenario && span.name == *id) {
                    self.open(SpanKind::Scenario, id, now);
                }
            }
            Event::ScenarioFinished { result } => self.close(SpanKind::Scenario, &result.id, now, true),
            Event::RunStarted { .. }
            | Event::Notice { .. }
            | Event::TestbedReady { .. }
            | Event::RunFinished { .. } => {}
        }
    }

    fn open(&mut self, kind: SpanKind, name: &str, now: u64) {
        self.open.push(self.spans.len());
        self.spans.push(Span { kind, name: name.to_owned(), from_ms: now, to_ms: now, done: false });
    }

    /// Two steps may have the same words: the one that began first ends.
    fn close(&mut self, kind: SpanKind, name: &str, now: u64, done: bool) {
        let spans = &mut self.spans;
        let open = self.open.iter().position(|at| spans[*at].kind == kind && spans[*at].name == name);
        if let Some(at) = open.map(|at| self.open.remove(at)) {
            spans[at].to_ms = now;
            spans[at].done = done;
        }
    }

    /// All of them. What is still open ends now.
    #[must_use]
    pub fn end(mut self) -> Vec<Span> {
        let now = millis(self.started);
        for at in self.open {
            self.spans[at].to_ms = now;
        }
        self.spans
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::result::ScenarioResult;

    #[test]
    fn what_failed_or_was_cut_off_is_not_done_and_a_second_round_leaves_the_first() {
        let step = |step: &str| step.to_owned();
        let scenario = || Event::ScenarioStarted { id: "a.b".to_owned(), evidence: Default::default() };
        let ended = || Event::ScenarioFinished { result: Box::new(ScenarioResult::of_checks("a.b", "", "", vec![])) };
        let mut timeline = Timeline::start();
        for event in [
            Event::StepStarted { step: step("one") },
            Event::StepStarted { step: step("two") },
            Event::StepFailed { step: step("two"), took: Duration::ZERO },
            scenario(),
            ended(),
            scenario(),
            ended(),
        ] {
            timeline.note(&event);
        }
        std::thread::sleep(Duration::from_millis(2));
        let spans = timeline.end();
        let done: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.done)).collect();
        assert_eq!(done, [("one", false), ("two", false), ("a.b", true)]);
        assert!(spans[0].to_ms > spans[1].to_ms, "{spans:?}");
    }
}
