//! What people see: progress on a terminal, plain lines in CI, one line a
//! scenario in both, and at the end what it all says of the page.
//!
//! Results go to standard output. Progress goes to standard error, is erased
//! again, and exists on a terminal only.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::bars::{Bars, Progress};
use super::fold::fold;
use super::paint::{Paint, plural, seconds, word};
use super::rendered::Rendered;
use super::terminal_end;
use super::text::one_line;
use crate::event::{Event, RunFacts};
use crate::page::CauseCatalogue;
use crate::redact::Redactor;
use crate::scenario::model::Evidence;
use crate::verdict::Verdict;
use crate::verdict::result::ScenarioResult;

/// Shows a run's events, and its end.
pub struct Terminal {
    catalogue: CauseCatalogue,
    redactor: Redactor,
    paint: Paint,
    out: Box<dyn Write + Send>,
    columns: Box<dyn Fn() -> Option<usize> + Send>,
    progress: Option<Progress>,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("interactive", &self.progress.is_some()).finish_non_exhaustive()
    }
}

impl Terminal {
    /// Writes there, without progress.
    #[must_use]
    pub fn to(out: Box<dyn Write + Send>, catalogue: CauseCatalogue, redactor: Redactor, colour: bool) -> Self {
        Self { catalogue, redactor, paint: Paint { colour }, out, columns: Box::new(|| None), progress: None }
    }

    /// Folds lines that are longer than what the window has columns at that moment.
    #[must_use]
    pub fn folded(self, columns: impl Fn() -> Option<usize> + Send + 'static) -> Self {
        Self { columns: Box::new(columns), ..self }
    }

    /// Shows what goes on in these bars, in place of lines.
    #[must_use]
    pub fn with_bars(self, bars: Bars) -> Self {
        Self { progress: Some(Progress::new(bars)), ..self }
    }

    /// Shows one event. The end of a run only takes the progress away: what
    /// there is to say then needs the reports first, see [`Terminal::finish`].
    pub fn handle(&mut self, event: &Event) {
        match event {
            Event::RunStarted { run, scenarios } => {
                if let Some(progress) = &mut self.progress {
                    progress.plan(*scenarios);
                }
                self.line(&format!("run {}: {}", one_line(run), plural(*scenarios, "scenario")));
            }
            Event::StepStarted { step } => match &mut self.progress {
                Some(progress) => progress.start(&self.redactor.clean(&one_line(step))),
                None => self.line(&format!("{} …", one_line(step))),
            },
            Event::StepFinished { step, took } => {
                if let Some(progress) = &mut self.progress {
                    progress.finish(&self.redactor.clean(&one_line(step)));
                }
                self.line(&format!("{}: {}", one_line(step), seconds(*took)));
            }
            Event::StepFailed { step, took } => {
                if let Some(progress) = &mut self.progress {
                    progress.finish(&self.redactor.clean(&one_line(step)));
                }
                self.line(&format!("{}: not done after {}", one_line(step), seconds(*took)));
            }
            Event::Notice { text } => self.line(&format!("note: {}", one_line(text))),
            Event::TestbedReady { facts } => self.line(&testbed(facts)),
            Event::ScenarioStarted { .. } => {
                if let Some(progress) = &mut self.progress {
                    progress.scenarios_run();
                }
            }
            Event::ScenarioFinished { result } => {
                self.line(&scenario(result, self.paint));
                if let Some(progress) = &mut self.progress {
                    progress.scenario_done();
                }
            }
            Event::RunFinished { .. } => self.progress = None,
        }
    }

    /// Says what the run found, and where its reports are: each with its kind and path.
    pub fn finish(&mut self, rendered: &Rendered, written: &[(&str, &Path)]) {
        self.progress = None;
        let text = terminal_end::text(rendered, &self.catalogue, written, self.paint, (self.columns)());
        self.write(&text);
    }

    fn line(&mut self, text: &str) {
        // Own colours stand around words only; what others said is on one line and lost theirs before.
        self.write(&format!("{text}\n"));
    }

    fn write(&mut self, text: &str) {
        let text = self.redactor.clean(text);
        let text = fold(&text, (self.columns)());
        let out = &mut self.out;
        let mut write = || {
            // A closed pipe (`| head`) must not end a run that has things to clean up.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        };
        match &self.progress {
            Some(progress) => progress.aside(write),
            None => write(),
        }
    }
}

fn scenario(result: &ScenarioResult, paint: Paint) -> String {
    let word = paint.verdict(result.verdict, &format!("{:<12}", word(result.verdict)));
    let time = seconds(Duration::from_millis(result.timings.total_ms));
    let what = match result.verdict {
        Verdict::Conformant => result.expected.clone(),
        Verdict::KnownDeviation | Verdict::Nonconformant => {
            format!("expected: {}; observed: {}", result.expected, result.observed.phrase())
        }
        Verdict::Inconclusive | Verdict::Skipped => result.reason.clone(),
    };
    let mut line = format!("{word} {time:>7}  {}: {}", one_line(&result.id), one_line(&what));
    if result.selected_as_control {
        line.push_str(" (control)");
    }
    line.push_str(match result.evidence {
        Evidence::Real | Evidence::StandInKubelet => "",
        Evidence::StandIn => " [stand-in]",
        Evidence::OperatorManifests => " [operator-manifests]",
    });
    line
}

fn testbed(facts: &RunFacts) -> String {
    let mut line = format!("testbed {}", one_line(&facts.testbed));
    for (index, (name, version)) in facts.versions.iter().enumerate() {
        let _ = write!(line, "{} {} {}", if index == 0 { ":" } else { "," }, one_line(name), one_line(version));
    }
    if let Some(run) = &facts.reused {
        let _ = write!(line, " (kept by run {})", one_line(run));
    }
    line
}
