//! A check of a customer's cluster and Vault, from its rights to its clean-up.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use crate::check::app::App;
use crate::check::inspect::Inspection;
use crate::check::judge::{ALL, Judge, Probed, Sighted};
use crate::check::objects::Mark;
use crate::check::probe::probe;
use crate::check::rights::{Right, Rule};
use crate::check::target::Target;
use crate::check::{app, inspect, judge, objects, plan, rights, vault};
use crate::cleanup;
use crate::cluster::objects::Owner;
use crate::cluster::{RUN_LABEL, connect, patience};
use crate::event::{Ending, Event, Events, RunFacts, RunResult, step};
use crate::journal::{Item, Journal, Resource, Runs};
use crate::ledger::{Ledger, Server};
use crate::run::engine::{Stop, cut_off_elsewhere, new_id};
use crate::scenario::load::Catalogue;
use crate::vault::Client as Vault;
use crate::verdict::sighting::Seen;

/// How long clean-up may take before it is told as left behind.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(120);

/// A check from its start to its end.
pub struct Check<'a> {
    /// What was named.
    pub target: &'a Target,
    /// Keys and causes.
    pub catalogue: &'a Catalogue,
    /// Where the runs' journals are.
    pub runs: &'a Runs,
    /// Where events go.
    pub events: &'a Events,
    /// Cancelled when the run is told to end.
    pub cancel: &'a CancellationToken,
    /// Why it was.
    pub stop: &'a Stop,
    /// The whole run's time limit, clean-up left out.
    pub timeout: Duration,
    /// Whether a warning counts as a failure.
    pub deny_warnings: bool,
}

/// Everything that a check has in its hands.
struct Site {
    ledger: Ledger,
    kube: Client,
    vault: Option<Vault>,
}

impl Check<'_> {
    /// Checks. The result is whole, also where nothing could be checked.
    pub async fn go(self) -> RunResult {
        let started = Instant::now();
        let run = new_id();
        let _ = self.events.send(Event::RunStarted { run: run.clone(), scenarios: ALL.len() });
        self.notice_what_was_cut_off();
        let mut result = RunResult { facts: self.facts(&run), ..RunResult::default() };
        let mut timings = BTreeMap::new();
        match Journal::create(self.runs, &run) {
            Ok(journal) => self.with_journal(journal, &mut result, &mut timings).await,
            Err(error) => failed(&mut result, &error.to_string()),
        }
        if result.scenarios.is_empty() {
            let reason = result.problems.first().map_or("the run was interrupted", String::as_str);
            result.scenarios = self.judge().nothing(reason);
        }
        if let Some(ending) = *self.stop.lock().unwrap_or_else(PoisonError::into_inner) {
            result.ending = ending;
        }
        timings.insert("total".to_owned(), millis(started));
        result.timings = timings;
        let _ = self.events.send(Event::RunFinished { result: Box::new(result.clone()) });
        result
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            target: self.target,
            keys: &self.catalogue.keys,
            causes: &self.catalogue.causes,
            deny_warnings: self.deny_warnings,
            now: jiff::Timestamp::now().as_second(),
        }
    }

    fn facts(&self, run: &str) -> RunFacts {
        RunFacts {
            id: run.to_owned(),
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            profile: "existing".to_owned(),
            key_revision: self.catalogue.keys.revision.clone(),
            testbed: "existing".to_owned(),
            images: BTreeMap::from([("probe".to_owned(), self.target.pod.image.clone())]),
            stand_ins: vec!["the Mendix app: the probe takes its Secret Name URL apart".to_owned()],
            ..RunFacts::default()
        }
    }

    /// On a customer's cluster nothing is cleaned unasked.
    fn notice_what_was_cut_off(&self) {
        for run in self.runs.list().unwrap_or_default() {
            if Journal::open(self.runs, &run).is_ok_and(|journal| journal.cluster().is_some()) {
                let _ = self.events.send(Event::Notice { text: cut_off_elsewhere(&run) });
            }
        }
    }

    async fn with_journal(&self, journal: Journal, result: &mut RunResult, timings: &mut BTreeMap<String, u64>) {
        let started = Instant::now();
        let site = match self.connect().await {
            Ok(site) => site,
            Err(problem) => {
                failed(result, &problem);
                return discard(journal, result);
            }
        };
        if let Err(error) = journal.on_cluster(&self.target.cluster) {
            failed(result, &error.to_string());
            return discard(journal, result);
        }
        let work = async {
            match self.check(&site, &journal, result).await {
                Ok(()) => timings.insert("scenarios".to_owned(), millis(started)),
                Err(problem) => {
                    failed(result, &problem);
                    None
                }
            };
        };
        let over = tokio::select! {
            () = work => false,
            () = self.cancel.cancelled() => false,
            () = tokio::time::sleep(self.timeout) => true,
        };
        if over {
            let limit = humantime::format_duration(self.timeout);
            failed(result, &format!("the time limit of {limit} is over; --timeout sets it"));
        }
        let cleaning = Instant::now();
        self.clean_up(journal, &site, result).await;
        timings.insert("clean-up".to_owned(), millis(cleaning));
        result.ledger.extend(site.ledger.requests());
        let broken = rights::broken(self.target, &result.ledger);
        if !broken.is_empty() {
            failed(result, &format!("requests that were not promised: {}", broken.join("; ")));
        }
    }

    async fn connect(&self) -> Result<Site, String> {
        let ledger = Ledger::default();
        let kube = connect::cluster(&self.target.cluster, &ledger).await?;
        let vault = match &self.target.vault {
            Some(access) => Some(vault::client(self.target, access, &ledger).map_err(|error| error.to_string())?),
            None => None,
        };
        Ok(Site { ledger, kube, vault })
    }

    async fn check(&self, site: &Site, journal: &Journal, result: &mut RunResult) -> Result<(), String> {
        let version = step(self.events, "reach the cluster", site.kube.apiserver_version()).await;
        let version = version.map_err(|error| format!("the cluster does not answer: {}", connect::why(&error)))?;
        result.facts.versions.insert("kubernetes".to_owned(), version.git_version);
        let rules = rights::rules(self.target);
        let missing = step(self.events, "ask for rights", missing_rights(&site.kube, &rules)).await?;
        if !missing.is_empty() {
            return Err(format!(
                "your user lacks rights, so nothing was created: {}; `print rbac` prints the Role that grants them",
                missing.join("; ")
            ));
        }
        if let (Some(vault), Some(access)) = (&site.vault, &self.target.vault) {
            let rights =
                step(self.events, "ask what the Vault token may do", inspect::token_rights(vault, self.target, access));
            let (missing, excess) = rights.await.map_err(|error| {
                let what = error.trouble().unwrap_or("the Vault token cannot be used");
                format!("{what}, so nothing was created: {error}")
            })?;
            if !missing.is_empty() {
                return Err(format!(
                    "the Vault token lacks rights, so nothing was created: {}; `print policy` prints the policy that grants them",
                    missing.join("; ")
                ));
            }
            if !excess.is_empty() {
                let text = format!("the Vault token may do more than the check needs: {}", excess.join("; "));
                let _ = self.events.send(Event::Notice { text });
            }
        }
        let app = step(self.events, "read what the app has", app::find(&site.kube, self.target)).await?;
        let _ = self.events.send(Event::TestbedReady { facts: result.facts.clone() });
        for id in ALL {
            let _ = self.events.send(Event::ScenarioStarted { id: id.to_owned(), evidence: Default::default() });
        }
        let sighted = self.look(site, journal, app).await?;
        for probed in [Some(&sighted.twin), Some(&sighted.fresh), sighted.other.as_ref()].into_iter().flatten() {
            if let Seen::Observed(observation) = &probed.seen
                && let Some(asked) = &observation.asked
            {
                result.ledger.extend(asked.requests.iter().filter(|request| request.to == Server::Vault).cloned());
                if let Some(version) = &asked.version {
                    result.facts.versions.insert("vault".to_owned(), version.clone());
                }
            }
        }
        result.scenarios = self.judge().judge(&sighted);
        for scenario in &result.scenarios {
            let _ = self.events.send(Event::ScenarioFinished { result: Box::new(scenario.clone()) });
        }
        Ok(())
    }

    /// Starts the probes and, beside them, asks what more rights can tell.
    async fn look(&self, site: &Site, journal: &Journal, app: App) -> Result<Sighted, String> {
        let planned = plan::objects(self.target, &journal.run, &self.catalogue.keys, &app)?;
        let Site { kube, vault, .. } = site;
        let inspection = async {
            let cluster = inspect::cluster_side(kube, self.target, &app.service_account).await;
            let vault = match (vault, &self.target.vault) {
                (Some(vault), Some(access)) => Some(inspect::vault_side(vault, self.target, access).await),
                _ => None,
            };
            Inspection { vault, cluster }
        };
        let with_account = |account: Option<ServiceAccount>, scenario: &'static str, pod| async move {
            if let Some(account) = account
                && let Err(reason) = create_account(kube, journal, &account).await
            {
                return Probed::nothing(reason);
            }
            probe(kube, journal, scenario, &pod).await
        };
        let other = async {
            match planned.other {
                Some((account, pod)) => Some(with_account(account, judge::OTHER_NAMESPACE, pod).await),
                None => None,
            }
        };
        let (account, pod) = planned.fresh;
        let twin = step(self.events, "probe as the app", async {
            Ok::<_, String>(probe(kube, journal, judge::APP, &planned.twin).await)
        });
        let fresh = with_account(Some(account), judge::FRESH_ACCOUNT, pod);
        let (inspection, twin, fresh, other) = tokio::join!(inspection, twin, fresh, other);
        Ok(Sighted { app, inspection, twin: twin?, fresh, other })
    }

    async fn clean_up(&self, journal: Journal, site: &Site, result: &mut RunResult) {
        let clean = step(self.events, "clean up", cleanup::clean_cluster(&journal, &site.kube));
        match tokio::time::timeout(CLEAN_UP_LIMIT, clean).await {
            Ok(Ok(())) => discard(journal, result),
            Ok(Err(error)) => failed(result, &error.to_string()),
            Err(_) => failed(
                result,
                &format!(
                    "clean-up was not done within {} s; `cleanup --run-id {}` tries again",
                    CLEAN_UP_LIMIT.as_secs(),
                    journal.run
                ),
            ),
        }
    }
}

/// Makes a Service Account, unless its namespace has one of that name: then
/// that one is used, and neither changed nor removed.
async fn create_account(kube: &Client, journal: &Journal, account: &ServiceAccount) -> Result<(), String> {
    let namespace = account.metadata.namespace.clone().unwrap_or_default();
    let name = account.metadata.name.clone().unwrap_or_default();
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &namespace);
    let what = |error: &dyn std::fmt::Display| format!("Service Account {namespace}/{name} cannot be made: {error}");
    if let Some(there) = accounts.get_metadata_opt(&name).await.map_err(|error| what(&error))? {
        // Another check's goes when that check is over, maybe while this one's pod needs it.
        return match there.labels().get(RUN_LABEL) {
            Some(run) => Err(what(&format!("check {run} has made it for itself; try again when that is over"))),
            None => Ok(()),
        };
    }
    let item =
        Item::Object { resource: Resource::ServiceAccount, namespace: Some(namespace.clone()), name: name.clone() };
    let entry = journal.creating(item).map_err(|error| what(&error))?;
    let made = patience::create(&accounts, account).await.map_err(|error| what(&error))?;
    journal.created(entry, made.metadata.uid.unwrap_or_default()).map_err(|error| what(&error))
}

/// The rights that the caller lacks, in words. Asks, creates nothing.
///
/// # Errors
/// The API server does not answer the question.
pub async fn missing_rights(kube: &Client, rules: &[Rule]) -> Result<Vec<String>, String> {
    let reviews = Api::<SelfSubjectAccessReview>::all(kube.clone());
    let ask = |right: Right<'_>| {
        let (reviews, question, words) = (reviews.clone(), right.question(), right.to_string());
        async move {
            let answer = reviews.create(&PostParams::default(), &question).await;
            let answer =
                answer.map_err(|error| format!("the API server does not say whether you may {words}: {error}"))?;
            Ok((!answer.status.is_some_and(|status| status.allowed)).then_some(words))
        }
    };
    let answers: Result<Vec<Option<String>>, String> =
        futures::future::try_join_all(rights::each(rules).map(ask)).await;
    Ok(answers?.into_iter().flatten().collect())
}

fn failed(result: &mut RunResult, problem: &str) {
    result.ending = Ending::Failed;
    result.problems.push(problem.to_owned());
}

fn discard(journal: Journal, result: &mut RunResult) {
    if let Err(error) = journal.discard() {
        failed(result, &error.to_string());
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Who an object of a check belongs to, and when it is of no use any more.
#[must_use]
pub fn mark<'a>(run: &str, scenario: &str, expires: &'a str) -> Mark<'a> {
    Mark { owner: Owner { run: run.to_owned(), scenario: scenario.to_owned() }, expires }
}

/// When what a check makes is of no use any more: RFC 3339, UTC.
#[must_use]
pub fn expiry() -> String {
    let lifetime = i64::from(objects::DEADLINE_SECONDS) * 4;
    let end = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + lifetime);
    end.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
