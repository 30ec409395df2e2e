//! What is around every run, whatever it does: signals, the terminal, the report
//! files, the exit code.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::ended::{Ended, ExitCodes};
use super::say;
use super::say::complain;
use super::shared::JunitDetail;
use crate::cleanup::by_hand;
use crate::event::timeline::Timeline;
use crate::event::{Ending, Event, Events, Exit};
use crate::journal::{Journal, Runs};
use crate::lifecycle::{Job, Lifecycle, Signals};
use crate::redact::Redactor;
use crate::report::bars::columns;
use crate::report::baseline::Baseline;
use crate::report::job_summary::{self, Place};
use crate::report::json::Report;
use crate::report::plugin::{self, State};
use crate::report::push::Gateway;
use crate::report::terminal::Terminal;
use crate::report::{self, Rendered, file, findings, html, metrics};
use crate::scenario::load::Catalogue;
use crate::verdict::Deny;

/// The group of flags that say where a JUnit report goes.
pub(super) const JUNIT_FILE: &str = "junit_file";

/// Where reports go.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReportFiles {
    /// Write a JUnit report there
    #[arg(long, value_name = "FILE", group = JUNIT_FILE)]
    junit: Option<PathBuf>,
    /// What has a case of its own there
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = JunitDetail::Key, requires = JUNIT_FILE)]
    junit_detail: JunitDetail,
    /// Write a JSON report there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page for a browser there, which needs no network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write Markdown there for the page of a CI's job or a comment at a merge request
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

impl ReportFiles {
    /// The same, with these two.
    pub(super) fn with(self, junit: PathBuf, json: PathBuf) -> Self {
        Self { junit: Some(junit), json: Some(json), ..self }
    }

    /// By the words in which the terminal says that one was written: its flag, and its path.
    fn all(&self) -> [(&'static str, &'static str, &Option<PathBuf>); 4] {
        let Self { junit, junit_detail: _, json, html, summary } = self;
        [
            ("JUnit", "--junit", junit),
            ("JSON", "--json", json),
            ("HTML", "--html", html),
            ("Summary", "--summary", summary),
        ]
    }
}

/// What is around every run, whatever it does.
pub(super) struct Frame {
    reports: ReportFiles,
    findings: Option<PathBuf>,
    metrics: Option<PathBuf>,
    gateway: Option<Gateway>,
    baseline: Option<Baseline>,
    deny: Deny,
    /// Where the run is a plugin: from when on it warns of what ends.
    plugin: Option<Duration>,
    pub(super) runs: Runs,
    pub(super) redactor: Redactor,
}

impl Frame {
    /// A path that cannot be written is said before the work, not after it.
    pub(super) fn new(reports: ReportFiles, runs: Runs, redactor: Redactor) -> Result<Self, String> {
        let all = reports.all();
        for (at, (_, flag, path)) in all.iter().enumerate() {
            let Some(path) = path else { continue };
            if let Some((_, other, _)) = all[..at].iter().find(|(_, _, other)| other.as_ref() == Some(path)) {
                return Err(format!("{other} and {flag} name the same file; give each its own"));
            }
            writable(path)?;
        }
        let (findings, metrics, gateway, baseline, deny) = (None, None, None, None, Deny::Nothing);
        Ok(Self { reports, findings, metrics, gateway, baseline, deny, plugin: None, runs, redactor })
    }

    /// The same, writing the findings about the page there as well.
    pub(super) fn with_findings(self, findings: Option<PathBuf>) -> Result<Self, String> {
        self.free("--findings", &findings)?;
        Ok(Self { findings, ..self })
    }

    /// The same, writing metrics there as well, and pushing them there.
    pub(super) fn with_metrics(self, metrics: Option<PathBuf>, gateway: Option<Gateway>) -> Result<Self, String> {
        self.free("--metrics", &metrics)?;
        Ok(Self { metrics, gateway, ..self })
    }

    /// Whether a further file can be written, and is that of no other report.
    fn free(&self, flag: &str, path: &Option<PathBuf>) -> Result<(), String> {
        if path.is_some() && self.reports.all().iter().any(|(_, _, other)| *other == path) {
            return Err(format!("{flag} names the file of another report; give each its own"));
        }
        path.iter().try_for_each(|path| writable(path))
    }

    /// The same, with the failures that are known in that file. `knows` says whether there is a scenario with an id.
    pub(super) fn with_baseline(self, path: Option<&Path>, knows: impl Fn(&str) -> bool) -> Result<Self, String> {
        let baseline = path.map(|path| Baseline::read(path, knows)).transpose()?;
        Ok(Self { baseline, ..self })
    }

    /// The same, failing the run for this as well.
    pub(super) fn denying(self, deny: Deny) -> Self {
        Self { deny, ..self }
    }

    /// The same as a plugin, which says one thing at its end and has exit codes of its own. Of what ends it warns from
    /// `ends_within` on.
    pub(super) fn speaking_as_plugin(self, ends_within: Option<Duration>) -> Self {
        Self { plugin: ends_within, ..self }
    }

    fn codes(&self) -> ExitCodes {
        if self.plugin.is_some() { ExitCodes::Nagios } else { ExitCodes::Own }
    }

    /// Where the terminal's lines go, and whether it may be given colours there.
    fn screen(&self) -> (Box<dyn Write + Send>, bool) {
        match self.plugin {
            Some(_) => (Box::new(std::io::sink()), false),
            None => {
                let colour = std::io::stdout().is_terminal() && super::shared::colours_wanted();
                (Box::new(say::StandardOutput), colour)
            }
        }
    }

    /// Drives one run to its reports. What it says of itself comes through `happened`.
    pub(super) async fn drive(
        self,
        catalogue: &Catalogue,
        (events, mut happened): (&Events, UnboundedReceiver<Event>),
        timeout: Duration,
        job: impl Job,
    ) -> Ended {
        let (signals, abandon) = (Signals::default(), CancellationToken::new());
        if let Err(error) = listen(&signals, &abandon) {
            return self.codes().refuse(Exit::Inconclusive, &format!("cannot listen for signals: {error}"));
        }
        let (out, colour) = self.screen();
        let mut terminal = Terminal::to(out, catalogue.causes.clone(), self.redactor.clone(), colour)
            .folded(|| columns(std::io::stdout()));
        if self.plugin.is_none() && super::shared::bars_wanted() {
            terminal = terminal.with_bars(say::show_bars());
        }
        let mut run = String::new();
        let mut timeline = Timeline::start();
        let lifecycle = Lifecycle { runs: &self.runs, events, signals: &signals, timeout };
        // Boxed, so that a second signal can drop it and what it holds.
        let mut work = Box::pin(lifecycle.go(job));
        let mut result = loop {
            tokio::select! {
                biased;
                Some(event) = happened.recv() => {
                    if let Event::RunStarted { run: id, .. } = &event {
                        run.clone_from(id);
                    }
                    timeline.note(&event);
                    self.show(&mut terminal, event);
                }
                result = &mut work => break result,
                () = abandon.cancelled() => {
                    // The bars go with it.
                    drop(terminal);
                    drop(work);
                    return self.abandoned(&run, signals.ending());
                }
            }
        };
        while let Ok(event) = happened.try_recv() {
            timeline.note(&event);
            self.show(&mut terminal, event);
        }
        result.timeline = timeline.end();
        if let Some(baseline) = &self.baseline {
            // What is denied is known or not as everything else.
            self.deny.apply(&mut result.scenarios);
            let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
            let notes = baseline.apply(&mut result.scenarios, today);
            result.problems.extend(notes);
        }
        let detail = self.reports.junit_detail.into();
        let mut rendered = match report::render(&result, &catalogue.causes, &self.redactor, self.deny, detail) {
            Ok(rendered) => rendered,
            Err(error) => return self.codes().refuse(Exit::Inconclusive, &error.to_string()),
        };
        let (page, summary, metrics) = match self.drawn(&rendered) {
            Ok(drawn) => drawn,
            Err(error) => return self.codes().refuse(Exit::Inconclusive, &error),
        };
        let (mut written, mut missing) = (Vec::new(), Vec::new());
        let drawn = self.findings.as_ref().map(|_| findings::markdown(&rendered.result, catalogue)).unwrap_or_default();
        let findings = self.redactor.clean(&drawn).into_owned();
        let texts = [&rendered.junit, &rendered.json, &page, &summary];
        let files = self.reports.all().into_iter().zip(texts).map(|((kind, _, path), text)| (kind, path, text));
        let further = [("Findings", &self.findings, &findings), ("Metrics", &self.metrics, &metrics)];
        for (kind, path, text) in files.chain(further) {
            let Some(path) = path else { continue };
            match file::write(path, text) {
                Ok(()) => written.push((kind, path.as_path())),
                Err(error) => missing.push(format!("{error}; {}", error.remedy())),
            }
        }
        let pushed = match (&self.gateway, &rendered.result.facts.names) {
            (Some(gateway), Some(names)) => Some(gateway.push(names, &metrics).await),
            _ => None,
        };
        match &pushed {
            Some(Ok(url)) => written.push(("Metrics", Path::new(url.as_str()))),
            Some(Err(error)) => missing.push(format!("{error}; {}", error.remedy())),
            None => {}
        }
        // A gate without its report is no gate: what passed has no verdict then. What failed stays so.
        if !missing.is_empty() && rendered.exit == Exit::Passed {
            rendered.exit = Exit::Inconclusive;
        }
        rendered.result.problems.extend(missing);
        terminal.finish(&rendered, &written);
        match self.plugin {
            Some(ends_within) => self.say_as_plugin(rendered, ends_within),
            None => rendered.exit.into(),
        }
    }

    /// Says what a plugin says. What became of the reports counts, too.
    fn say_as_plugin(&self, rendered: Rendered, ends_within: Duration) -> Ended {
        let Ok(mut record) = serde_json::from_str::<Report>(&rendered.json) else {
            return self.codes().refuse(Exit::Inconclusive, "the check's record cannot be read");
        };
        (record.exit_code, record.problems) = (rendered.exit.code(), rendered.result.problems);
        say::text(format_args!("{}", self.redactor.clean(&plugin::output(&record, ends_within))));
        Ended::Plugin(State::of(&record))
    }

    /// What is drawn of the JSON report, where it is wanted: the page, the summary and the metrics.
    fn drawn(&self, rendered: &Rendered) -> Result<(String, String, String), String> {
        let ReportFiles { html: page, summary, .. } = &self.reports;
        let metered = self.metrics.is_some() || self.gateway.is_some();
        if page.is_none() && summary.is_none() && !metered {
            return Ok(Default::default());
        }
        let record: Report = serde_json::from_str(&rendered.json).map_err(|error| error.to_string())?;
        let page = page.as_ref().map(|_| html::page(&record)).transpose().map_err(|error| error.to_string())?;
        let summary = summary.as_ref().map(|_| job_summary::markdown(&record, Place::default().limit()));
        let metrics = match metered {
            true => metrics::openmetrics(&record).map_err(|error| error.to_string())?,
            false => String::new(),
        };
        Ok((page.unwrap_or_default(), summary.unwrap_or_default(), metrics))
    }

    /// Shows what happens. What is denied fails from its first line on.
    fn show(&self, terminal: &mut Terminal, mut event: Event) {
        if let Event::ScenarioFinished { result } = &mut event {
            self.deny.apply(std::slice::from_mut(result));
        }
        terminal.handle(&event);
    }

    /// A second signal: no clean-up and no reports, but how to do the one by hand.
    fn abandoned(&self, run: &str, ending: Option<Ending>) -> Ended {
        complain!("stopped at once; no report was written, and this may be left of run {run}:");
        if let Ok(journal) = Journal::open(&self.runs, run) {
            for command in by_hand::commands(&journal, &self.runs) {
                // As it is: a command that was folded is none.
                say::problem(format_args!("  {command}\n"));
            }
        }
        complain!("`cleanup --run-id {run}` does all of it");
        match (self.plugin, ending) {
            (Some(_), _) => {
                self.codes().refuse(Exit::Interrupted, "stopped at once; what may be left is on the standard error")
            }
            (None, Some(Ending::Terminated)) => Exit::Terminated.into(),
            (None, _) => Exit::Interrupted.into(),
        }
    }
}

fn writable(path: &Path) -> Result<(), String> {
    file::check_writable(path).map_err(|error| format!("{error}; {}", error.remedy()))
}

/// SIGINT, SIGTERM and a terminal that is closed (SIGHUP) end the run: it cleans
/// up and reports what it has. A second one ends it at once.
fn listen(signals: &Signals, abandon: &CancellationToken) -> std::io::Result<()> {
    let mut kinds = vec![(SignalKind::interrupt(), Ending::Interrupted), (SignalKind::terminate(), Ending::Terminated)];
    if !crate::process::ignores_hangup() {
        kinds.push((SignalKind::hangup(), Ending::Terminated));
    }
    for (kind, ending) in kinds {
        let mut heard = signal(kind)?;
        let (signals, abandon) = (signals.clone(), abandon.clone());
        tokio::spawn(async move {
            while heard.recv().await.is_some() {
                if signals.cancel.is_cancelled() {
                    abandon.cancel();
                } else {
                    complain!("ending: removing what the run made; the reports are written (once more: stop at once)");
                }
                signals.end(ending);
            }
        });
    }
    Ok(())
}
