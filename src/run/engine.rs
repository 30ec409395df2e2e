//! Testbed, scenarios, controls, clean-up; the run's result. The engine prints
//! nothing: it sends events, and gives the result at the end, whatever happened.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::literal::Turns;
use super::stability::Rounds;
use super::way::Way;
use crate::cleanup;
use crate::cluster::RUN_LABEL;
use crate::cluster::operator::{self, Refusals};
use crate::cluster::pod::Apps;
use crate::configure::Run;
use crate::event::{Ending, Event, Events, RunFacts, RunResult, millis, step};
use crate::journal::{Hold, Journal, Runs};
use crate::redact::Redactor;
use crate::scenario::configuration::{Literal, VaultPlace};
use crate::scenario::load::Catalogue;
use crate::scenario::select::Planned;
use crate::selftest::run::SelfTest;
use crate::testbed::docker::Engine;
use crate::testbed::images::Images;
use crate::testbed::vault::random;
use crate::testbed::{Testbed, kept, kind};
use crate::verdict::Verdict;
use crate::verdict::control;
use crate::verdict::oracle::{Oracle, not_run};
use crate::verdict::result::ScenarioResult;

/// How long one scenario may take: longer than Vault's own 30 s for an API
/// server that does not answer.
const SCENARIO_LIMIT: Duration = Duration::from_secs(90);

/// What a run is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The images.
    pub images: Images,
    /// How many scenarios go on at once.
    pub jobs: usize,
    /// How often each scenario is run.
    pub repeat: u32,
    /// Whether the testbed stays.
    pub keep: bool,
    /// The run whose testbed is used again, held so that nobody cleans it away.
    pub reuse: Option<(String, Arc<Hold>)>,
    /// The whole run's time limit, clean-up left out.
    pub timeout: Duration,
    /// The profile's name, for the reports.
    pub profile: String,
    /// Where the runs' journals are.
    pub runs: Runs,
}

/// Why a run was told to end.
pub type Stop = Arc<std::sync::Mutex<Option<Ending>>>;

/// A run from its start to its end.
pub struct RunOf<'a> {
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    /// What is to be run, in order.
    pub planned: &'a [Planned],
    /// What the run is told.
    pub options: &'a Options,
    /// Where events go.
    pub events: &'a Events,
    /// Learns every secret of the run.
    pub redactor: &'a Redactor,
    /// Cancelled when the run is told to end.
    pub cancel: &'a CancellationToken,
    /// Why it was.
    pub stop: &'a Stop,
    /// A self-test in place of the plan.
    pub self_test: Option<&'a SelfTest<'a>>,
}

impl RunOf<'_> {
    /// Runs everything. The result is whole, also where nothing could be run.
    pub async fn go(self) -> RunResult {
        let started = Instant::now();
        let run = new_id();
        let planned = self.planned.len() * self.options.repeat as usize;
        let scenarios = self.self_test.map_or(planned, |test| test.trials().len());
        let _ = self.events.send(Event::RunStarted { run: run.clone(), scenarios });
        let mut result = RunResult { facts: self.facts(&run), ..RunResult::default() };
        let mut timings = BTreeMap::new();
        match Journal::create(&self.options.runs, &run) {
            Ok(journal) => self.with_journal(journal, &mut result, &mut timings).await,
            Err(error) => self.failed(&mut result, &error.to_string()),
        }
        match self.self_test {
            Some(test) => {
                result.scenarios = test.results();
                result.scores = test.scores();
                result.faults = test.faults();
            }
            None => {
                self.fill_up(&mut result);
                control::apply(&mut result.scenarios);
            }
        }
        if let Some(ending) = *self.stop.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            result.ending = ending;
        }
        timings.insert("total".to_owned(), millis(started));
        result.timings = timings;
        let _ = self.events.send(Event::RunFinished { result: Box::new(result.clone()) });
        result
    }

    fn facts(&self, run: &str) -> RunFacts {
        RunFacts {
            id: run.to_owned(),
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            profile: self.options.profile.clone(),
            key_revision: self.catalogue.keys.revision.clone(),
            testbed: "kind".to_owned(),
            reused: self.owner().map(str::to_owned),
            stand_ins: vec![
                "the Mendix Operator, which is not public: its defaults are our stand-in's".to_owned(),
                "the Mendix app: the probe takes its Secret Name URL apart".to_owned(),
            ],
            ..RunFacts::default()
        }
    }

    /// The run whose testbed is used again.
    fn owner(&self) -> Option<&str> {
        self.options.reuse.as_ref().map(|(owner, _)| owner.as_str())
    }

    fn failed(&self, result: &mut RunResult, problem: &str) {
        result.ending = Ending::Failed;
        result.problems.push(problem.to_owned());
    }

    async fn with_journal(&self, journal: Journal, result: &mut RunResult, timings: &mut BTreeMap<String, u64>) {
        let engine = match Engine::connect().await {
            Ok(engine) => engine,
            Err(error) => {
                self.failed(result, &error.to_string());
                self.discard(journal, result);
                return;
            }
        };
        let mut testbed = None;
        let work = async {
            self.sweep(&journal.run).await;
            let started = Instant::now();
            let done = match self.owner() {
                Some(owner) => match self.kept(&engine, &journal, owner).await {
                    Ok(up) => {
                        let up = testbed.insert(up);
                        self.on(up, None, &journal, started, result, timings).await
                    }
                    Err(problem) => Err(problem),
                },
                None => self.on_new(&engine, &journal, &mut testbed, result, timings).await,
            };
            if let Err(problem) = done {
                self.failed(result, &problem);
            }
        };
        tokio::select! {
            () = work => {}
            () = self.cancel.cancelled() => {}
            () = tokio::time::sleep(self.options.timeout) => {
                let limit = humantime::format_duration(self.options.timeout);
                self.failed(result, &format!("the time limit of {limit} is over; --timeout sets it"));
            }
        }
        let started = Instant::now();
        self.clean_up(journal, &engine, testbed, result).await;
        timings.insert("clean-up".to_owned(), millis(started));
    }

    /// Cleans what runs left that were killed.
    async fn sweep(&self, own: &str) {
        for run in self.options.runs.list().unwrap_or_default() {
            if run == own {
                continue;
            }
            let Ok(journal) = Journal::open(&self.options.runs, &run) else { continue };
            if journal.is_kept() {
                continue;
            }
            // A customer's cluster is touched only when somebody says so.
            let others = journal.cluster().is_some();
            drop(journal);
            if others {
                let _ = self.events.send(Event::Notice { text: cut_off_elsewhere(&run) });
                continue;
            }
            let text = match cleanup::clean_run(&self.options.runs, &run).await {
                Ok(()) => format!("run {run} was cut off; what it left is removed"),
                Err(error) => format!("run {run} was cut off: {error}"),
            };
            let _ = self.events.send(Event::Notice { text });
        }
    }

    /// Starts a testbed, and runs the scenarios on it while kind still finishes.
    async fn on_new(
        &self,
        engine: &Engine,
        journal: &Journal,
        testbed: &mut Option<Testbed>,
        result: &mut RunResult,
        timings: &mut BTreeMap<String, u64>,
    ) -> Result<(), String> {
        let started = Instant::now();
        let (images, limit) = (&self.options.images, self.options.timeout);
        let start = kind::Start::prepare(engine.clone(), journal, images, self.events, limit).await;
        let start = start.map_err(|error| error.to_string())?;
        let run = async {
            let up = testbed.insert(start.testbed().await.map_err(|error| error.to_string())?);
            self.on(up, Some(&start), journal, started, result, timings).await
        };
        // A creation that fails ends the work by itself (`Testbed::ended`), and
        // says why better than whoever waited for it. Work that fails leaves
        // nobody who waits for the creation.
        match select(pin!(start.create()), pin!(run)).await {
            Either::Left((created, run)) => {
                let done = run.await;
                created.map_err(|error| error.to_string()).and(done)
            }
            Either::Right((done, create)) => match done {
                Ok(()) => create.await.map_err(|error| error.to_string()),
                Err(problem) => Err(problem),
            },
        }
    }

    /// Runs the scenarios on a testbed that can be used.
    async fn on(
        &self,
        testbed: &mut Testbed,
        start: Option<&kind::Start<'_>>,
        journal: &Journal,
        started: Instant,
        result: &mut RunResult,
        timings: &mut BTreeMap<String, u64>,
    ) -> Result<(), String> {
        self.redactor.add(&testbed.vault.root_token);
        self.load_vault(testbed, journal).await?;
        timings.insert("testbed".to_owned(), millis(started));
        result.facts.versions = testbed.versions.clone();
        result.facts.images = testbed.images.clone();
        let _ = self.events.send(Event::TestbedReady { facts: result.facts.clone() });
        let started = Instant::now();
        let mut rounds = Rounds::default();
        let scenarios = self.scenarios(testbed, journal, &mut result.scenarios, &mut rounds);
        let schedule = async {
            match start {
                Some(start) => start.schedule(testbed).await.map_err(|error| error.to_string()),
                None => Ok(()),
            }
        };
        let work = async { tokio::try_join!(scenarios.map(Ok), schedule) };
        let done = tokio::select! {
            // First: what a scenario met of a testbed that is no more says nothing.
            biased;
            reason = testbed.ended() => Err(format!("the testbed has ended: {reason}")),
            done = work => done.map(drop),
        };
        timings.insert("scenarios".to_owned(), millis(started));
        if self.options.repeat > 1 {
            result.stability = rounds.judge(&mut result.scenarios);
        }
        done
    }

    /// Brings Vault's image into the node, where a scenario has its Vault there.
    async fn load_vault(&self, testbed: &mut Testbed, journal: &Journal) -> Result<(), String> {
        let in_cluster = |planned: &Planned| planned.scenario.configuration().vault == VaultPlace::Pod;
        if !testbed.vault_in_node && self.planned.iter().any(in_cluster) {
            let load = kind::load_vault(testbed, journal.folder());
            step(self.events, "load Vault's image into the node", load).await.map_err(|error| error.to_string())?;
            if let Some(owner) = self.owner() {
                kept::save(&self.options.runs.folder(owner), testbed).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// The testbed of an earlier run, with this program as its probe.
    async fn kept(&self, engine: &Engine, journal: &Journal, owner: &str) -> Result<Testbed, String> {
        journal.on_testbed(owner).map_err(|error| error.to_string())?;
        let folder = self.options.runs.folder(owner);
        let mut testbed = kept::load(&folder, owner, engine.clone()).await.map_err(|error| error.to_string())?;
        let archive = journal.folder().join("probe.tar");
        let (image, identity) =
            kind::make_probe(&self.options.images, archive.clone()).await.map_err(|error| error.to_string())?;
        if testbed.images.get("probe") != Some(&identity) && self.options.images.probe_image.is_none() {
            let cluster = kind::name(owner);
            let load = kind::load_archive(&cluster, &archive);
            step(self.events, "load the probe's image", load).await.map_err(|error| error.to_string())?;
            testbed.images.insert("probe".to_owned(), identity);
            // The next run finds it there.
            kept::save(&folder, &testbed).map_err(|error| error.to_string())?;
        } else {
            testbed.images.insert("probe".to_owned(), identity);
        }
        testbed.probe_image = image;
        Ok(testbed)
    }

    /// Runs the scenarios, `jobs` at once. Each result is kept as it comes, so
    /// that an interrupted run loses none.
    async fn scenarios(
        &self,
        testbed: &Testbed,
        journal: &Journal,
        results: &mut Vec<ScenarioResult>,
        rounds: &mut Rounds,
    ) {
        let ours = format!("{RUN_LABEL}={}", journal.run);
        let apps = Apps::watch(&testbed.kube, &ours, Refusals::default());
        let operator = AbortOnDrop(operator::start(testbed.kube.clone(), &journal.run, apps.refusals.clone()));
        let run = Run {
            testbed,
            journal,
            keys: &self.catalogue.keys,
            hmac_key: random(32),
            redactor: self.redactor.clone(),
            apps,
            reviewer: Arc::default(),
        };
        let turns = Turns::default();
        let way = Way {
            run: &run,
            oracle: self.oracle(),
            commands: &self.catalogue.commands,
            turns: &turns,
            limit: SCENARIO_LIMIT,
        };
        if let Some(test) = self.self_test {
            return test.go(&way, self.options.jobs, self.events).await;
        }
        let jobs = Semaphore::new(self.options.jobs);
        // Those that take longest start first: a Vault of their own, and turns to take.
        let mut order: Vec<&Planned> = self.planned.iter().collect();
        order.sort_by_key(|planned| {
            let configuration = planned.scenario.configuration();
            configuration.literal == Literal::No && configuration.vault == VaultPlace::Outside
        });
        for round in 0..self.options.repeat {
            let mut going: FuturesUnordered<_> =
                order.iter().map(|planned| self.one(&way, &jobs, planned, round)).collect();
            while let Some(ended) = going.next().await {
                // It may have met that the testbed ended before the engine has told so.
                if ended.verdict == Verdict::Nonconformant && testbed.has_ended().await {
                    continue;
                }
                let _ = self.events.send(Event::ScenarioFinished { result: Box::new(ended.clone()) });
                rounds.note(&ended);
                if round == 0 {
                    results.push(ended);
                }
            }
        }
        drop(operator);
    }

    /// One scenario, in one of the rounds. Where there are more than one, it
    /// makes room for the next.
    async fn one(&self, way: &Way<'_>, jobs: &Semaphore, planned: &Planned, round: u32) -> ScenarioResult {
        let _place = jobs.acquire().await;
        let scenario = &planned.scenario;
        let _ = self.events.send(Event::ScenarioStarted { id: scenario.id.clone(), evidence: scenario.evidence });
        let mut own = scenario.clone();
        if round > 0 {
            // Names of its own, so that nothing of an earlier round is found again.
            own.id = format!("n{round}.{}", scenario.id.replace('.', "-"));
        }
        let mut result = way.go(&own).await;
        if self.options.repeat > 1 {
            cleanup::clean_scenario(way.run.journal, way.run.testbed, &own.id).await;
        }
        result.id.clone_from(&scenario.id);
        result.selected_as_control = planned.selected_as_control;
        result
    }

    fn oracle(&self) -> Oracle<'_> {
        Oracle { keys: &self.catalogue.keys, causes: &self.catalogue.causes }
    }

    /// Every planned scenario is in the result, in the plan's order.
    fn fill_up(&self, result: &mut RunResult) {
        let mut done: BTreeMap<String, ScenarioResult> =
            std::mem::take(&mut result.scenarios).into_iter().map(|result| (result.id.clone(), result)).collect();
        let reason = result.problems.first().map_or("the run was interrupted", String::as_str);
        result.scenarios = self
            .planned
            .iter()
            .map(|planned| {
                done.remove(&planned.scenario.id).unwrap_or_else(|| {
                    let mut missing = not_run(&planned.scenario, self.oracle(), reason);
                    missing.selected_as_control = planned.selected_as_control;
                    missing
                })
            })
            .collect();
    }

    async fn clean_up(&self, journal: Journal, engine: &Engine, testbed: Option<Testbed>, result: &mut RunResult) {
        let owns = self.options.reuse.is_none();
        // Half a testbed is not kept, and what was made on it goes with it.
        let testbed = match testbed {
            Some(testbed) if testbed.is_whole().await => Some(testbed),
            _ => None,
        };
        let keep = owns && self.options.keep && testbed.is_some();
        // Objects of a testbed that goes as a whole go with it.
        let outliving = testbed.as_ref().filter(|_| keep || !owns);
        let cleaned = step(self.events, "clean up", cleanup::clean(&journal, engine, outliving, keep)).await;
        if let Err(error) = cleaned {
            self.failed(result, &error.to_string());
            return;
        }
        if !keep {
            self.discard(journal, result);
            return;
        }
        let kept = match &testbed {
            Some(testbed) => kept::save(journal.folder(), testbed).map_err(|error| error.to_string()),
            None => Ok(()),
        };
        match kept.and_then(|()| journal.keep().map_err(|error| error.to_string())) {
            Ok(()) => {
                let run = &journal.run;
                let text = format!(
                    "the testbed stays: `run --reuse {run}` uses it again, `cleanup --run-id {run}` removes it; its kubeconfig is {}",
                    journal.folder().join("kubeconfig").display()
                );
                let _ = self.events.send(Event::Notice { text });
            }
            Err(error) => self.failed(result, &error),
        }
    }

    fn discard(&self, journal: Journal, result: &mut RunResult) {
        if let Err(error) = journal.discard() {
            self.failed(result, &error.to_string());
        }
    }
}

/// What is said of a run that was cut off on a customer's cluster.
#[must_use]
pub fn cut_off_elsewhere(run: &str) -> String {
    format!("run {run} was cut off on a cluster of yours; `cleanup --run-id {run}` removes what it left there")
}

/// A new run's id. Lower case letters and digits: it is part of Kubernetes names.
#[must_use]
pub fn new_id() -> String {
    let id: String = random(32).to_lowercase().chars().take(8).collect();
    format!("r{id}")
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
