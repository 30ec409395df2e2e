//! A run on a testbed of ours: gets the testbed, does the work on it, takes it
//! away. What the work is, scenarios or what a self-test tries, is a [`Work`].

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use tokio::sync::watch;

use super::literal::Turns;
use super::way::Way;
use crate::cleanup;
use crate::cluster::RUN_LABEL;
use crate::cluster::operator::{self, Refusals, Whose};
use crate::cluster::pod::Apps;
use crate::configure::Run;
use crate::event::{Events, RunFacts, RunKind, RunResult, millis};
use crate::journal::{Hold, Journal, Runs};
use crate::lifecycle::{After, Job, Sweep};
use crate::random::random;
use crate::redact::Redactor;
use crate::scenario::load::Catalogue;
use crate::testbed::{self, Kubelet, Start, Testbed};
use crate::verdict::oracle::Oracle;

/// How long one scenario may take: longer than Vault's own 30 s for an API
/// server that does not answer.
const SCENARIO_LIMIT: Duration = Duration::from_secs(180);

/// What is done on a testbed that is up.
#[expect(async_fn_in_trait, reason = "work is awaited where it is made, and never sent to another thread")]
pub trait Work {
    /// What it is for.
    const KIND: RunKind;

    /// How many scenarios are planned.
    fn planned(&self) -> usize;

    /// Whether a scenario has its Vault in the cluster.
    fn has_vault_in_cluster(&self) -> bool;

    /// What else stands in for what is not there, in words.
    fn stand_ins(&self) -> Option<String> {
        None
    }

    /// The work. Each result is there as soon as it is known, so that an
    /// interrupted run loses none.
    async fn go(&self, way: &Way<'_>, result: &mut RunResult);

    /// Completes the result, also where the work was not done.
    fn complete(&self, result: &mut RunResult);
}

/// What a run on a testbed of ours is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the testbed is made of.
    pub testbed: testbed::Wanted,
    /// Whether the testbed stays.
    pub keep: bool,
    /// The run whose testbed is used again, held so that nobody cleans it away.
    pub reuse: Option<(String, Arc<Hold>)>,
    /// How long a part of the testbed may take to start: the whole run's time limit.
    pub timeout: Duration,
    /// The profile's name, for the reports.
    pub profile: String,
    /// Where the runs' journals are.
    pub runs: Runs,
}

/// A run on a testbed of ours.
pub struct OnTestbed<'a, W> {
    catalogue: &'a Catalogue,
    options: Options,
    events: &'a Events,
    redactor: &'a Redactor,
    work: W,
    testbed: Option<Testbed>,
    /// What runs the pods, where the cluster has nobody who does. It stays until they are gone.
    kubelet: Option<Kubelet>,
}

impl<'a, W: Work> OnTestbed<'a, W> {
    /// Nothing is started yet. The redactor learns every secret of the run.
    pub fn new(
        catalogue: &'a Catalogue,
        options: Options,
        events: &'a Events,
        redactor: &'a Redactor,
        work: W,
    ) -> Self {
        Self { catalogue, options, events, redactor, work, testbed: None, kubelet: None }
    }

    /// What stands in for what is not public or not there, in words.
    fn stand_ins(&self, has_operator: bool) -> Vec<String> {
        let operator = "the Mendix Operator, which is not public: its defaults are our stand-in's";
        let app = "the Mendix app: the probe takes its Secret Name URL apart";
        let operator = (!has_operator).then(|| operator.to_owned());
        operator.into_iter().chain([app.to_owned()]).chain(self.work.stand_ins()).collect()
    }

    /// The run whose testbed is used again.
    fn owner(&self) -> Option<&str> {
        self.options.reuse.as_ref().map(|(owner, _)| owner.as_str())
    }

    /// Starts a testbed, and works on it while kind still finishes.
    async fn on_new(&mut self, journal: &Journal, result: &mut RunResult) -> Result<(), String> {
        let started = Instant::now();
        let (wanted, limit) = (self.options.testbed.clone(), self.options.timeout);
        let start = Start::prepare(&wanted, journal, self.events, limit).await;
        let start = start.map_err(|error| error.to_string())?;
        let run = async {
            let up = start.testbed().await.map_err(|error| error.to_string())?;
            self.on(up, Some(&start), journal, started, result).await
        };
        // A creation that fails ends the work by itself (`Testbed::ended`), and
        // says why better than whoever waited for it. Work that fails leaves
        // nobody who waits for the creation.
        match select(pin!(start.create()), pin!(run)).await {
            Either::Left((created, run)) => {
                let done = run.await;
                created.map_err(|error| error.to_string()).and(done)
            }
            Either::Right((Ok(()), create)) => create.await.map_err(|error| error.to_string()),
            Either::Right((Err(problem), _)) => Err(problem),
        }
    }

    /// Works on a testbed that can be used, for as long as it is one.
    async fn on(
        &mut self,
        testbed: Testbed,
        start: Option<&Start<'_>>,
        journal: &Journal,
        started: Instant,
        result: &mut RunResult,
    ) -> Result<(), String> {
        self.testbed = Some(testbed.clone());
        self.redactor.add(&testbed.vault.root_token);
        self.kubelet = testbed.kubelet(journal).await.map_err(|error| error.to_string())?;
        result.timings.insert("testbed".to_owned(), millis(started));
        result.facts.versions = testbed.versions.clone();
        result.facts.images = testbed.origins.clone();
        result.facts.stand_ins = self.stand_ins(testbed.operator.is_some());
        result.facts.stand_ins.extend(testbed.stand_ins().into_iter().map(|it| it.told().to_owned()));
        let _ = self.events.send(crate::event::Event::TestbedReady { facts: Box::new(result.facts.clone()) });
        let started = Instant::now();
        let work = async {
            let pods_can_run_vault = watch::Sender::new(false);
            let scenarios = async {
                self.scenarios(&testbed, journal, pods_can_run_vault.subscribe(), result).await;
                Ok(())
            };
            // Only who has a Vault in the cluster waits for its image, which is large.
            let bring = async {
                let brought = self.bring_vault(testbed.clone(), journal).await?;
                pods_can_run_vault.send_replace(true);
                Ok(brought)
            };
            let schedule = async {
                match start {
                    Some(start) => start.schedule(&testbed).await.map_err(|error| error.to_string()),
                    None => Ok(()),
                }
            };
            tokio::try_join!(bring, scenarios, schedule).map(|(brought, ..)| brought)
        };
        let done = tokio::select! {
            // First: what a scenario met of a testbed that is no more says nothing.
            biased;
            reason = testbed.ended() => Err(format!("the testbed has ended: {reason}")),
            done = work => done,
        };
        result.timings.insert("scenarios".to_owned(), millis(started));
        self.testbed = Some(done?);
        Ok(())
    }

    /// Makes it possible that a pod runs Vault, where a scenario has its Vault in one.
    async fn bring_vault(&self, mut testbed: Testbed, journal: &Journal) -> Result<Testbed, String> {
        if self.work.has_vault_in_cluster() {
            let brought = testbed.bring_vault(journal.folder(), self.events).await;
            if brought.map_err(|error| error.to_string())? && self.owner().is_some() {
                testbed::save(&self.options.runs, &testbed).map_err(|error| error.to_string())?;
            }
        }
        Ok(testbed)
    }

    async fn scenarios(
        &self,
        testbed: &Testbed,
        journal: &Journal,
        pods_can_run_vault: watch::Receiver<bool>,
        result: &mut RunResult,
    ) {
        let ours = format!("{RUN_LABEL}={}", journal.run);
        // Where there is an operator of somebody's own, none of ours is beside it.
        let (apps, _operator) = if testbed.operator.is_some() {
            (Apps::watch_by_owner(&testbed.kube, &ours), None)
        } else {
            let apps = Apps::watch(&testbed.kube, &ours, Refusals::default());
            let whose = Whose::Run(&journal.run);
            let operator = operator::start(testbed.kube.clone(), whose, apps.refusals.clone());
            (apps, Some(AbortOnDrop(operator)))
        };
        let run = Run {
            testbed,
            journal,
            page: &self.catalogue.page,
            hmac_key: random(32),
            redactor: self.redactor.clone(),
            apps,
            reviewer: Arc::default(),
            pods_can_run_vault,
        };
        let way = Way {
            run: &run,
            events: self.events,
            oracle: Oracle { page: &self.catalogue.page, causes: &self.catalogue.causes },
            commands: &self.catalogue.commands,
            blocks: &self.catalogue.blocks,
            turns: &Turns::default(),
            limit: SCENARIO_LIMIT,
        };
        self.work.go(&way, result).await;
    }
}

impl<W: Work> Job for OnTestbed<'_, W> {
    fn planned(&self) -> usize {
        self.work.planned()
    }

    fn facts(&self) -> RunFacts {
        RunFacts {
            kind: W::KIND,
            profile: self.options.profile.clone(),
            key_revision: self.catalogue.page.id.clone(),
            testbed: self.options.testbed.which().name().to_owned(),
            reused: self.owner().map(str::to_owned),
            stand_ins: self.stand_ins(self.options.testbed.operator().is_some()),
            ..RunFacts::default()
        }
    }

    fn sweep(&self) -> Sweep {
        Sweep::Remove
    }

    async fn work(&mut self, journal: &Journal, result: &mut RunResult) -> Result<(), String> {
        let started = Instant::now();
        match self.owner().map(str::to_owned) {
            Some(owner) => {
                let kept =
                    testbed::reuse(&self.options.runs, &owner, &self.options.testbed, journal, self.events).await;
                self.on(kept.map_err(|error| error.to_string())?, None, journal, started, result).await
            }
            None => self.on_new(journal, result).await,
        }
    }

    async fn clean_up(&mut self, journal: &Journal) -> Result<After, String> {
        let owns = self.options.reuse.is_none();
        // Half a testbed is not kept, and what was made on it goes with it.
        let testbed = match self.testbed.take() {
            Some(testbed) if testbed.is_whole().await => Some(testbed),
            _ => None,
        };
        let keep = owns && self.options.keep && testbed.is_some();
        // Objects of a testbed that goes as a whole go with it.
        let outliving = testbed.as_ref().filter(|_| keep || !owns);
        let stop = async |kubelet: Option<Kubelet>| match kubelet {
            Some(kubelet) => kubelet.stop(journal).await.map_err(|error| error.to_string()),
            None => Ok(()),
        };
        // Where the cluster stays, pods end as they should while it is cleaned.
        let (first, last) = if outliving.is_none() { (self.kubelet.take(), None) } else { (None, self.kubelet.take()) };
        stop(first).await?;
        let cleaned = cleanup::clean(journal, outliving).await.map_err(|error| error.to_string());
        stop(last).await.and(cleaned)?;
        let Some(testbed) = testbed.filter(|_| keep) else { return Ok(After::Gone) };
        testbed::save(&self.options.runs, &testbed).map_err(|error| error.to_string())?;
        let run = &journal.run;
        Ok(After::Kept(format!(
            "the testbed stays: `run --reuse {run}` uses it again, `cleanup --run-id {run}` removes it; its kubeconfig is {}",
            testbed.kubeconfig().display()
        )))
    }

    fn complete(&mut self, result: &mut RunResult) {
        self.work.complete(result);
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
