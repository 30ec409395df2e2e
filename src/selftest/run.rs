//! The trials, on real servers: each scenario goes its way with one thing in it
//! that should not be there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use globset::Glob;
use tokio::sync::{RwLock, Semaphore};

use super::mutants::documented;
use super::placed::Placed;
use super::score;
use super::trial::{End, Obstacle, Outcome, Trial, Want, outcome};
use crate::event::{Event, FaultRow, RunKind, RunResult, Score, millis};
use crate::page::Stage;
use crate::probe::observation::Answer;
use crate::run::engine::Work;
use crate::run::scenarios::lacks;
use crate::run::way::Way;
use crate::scenario::configuration::VaultPlace;
use crate::scenario::load::Catalogue;
use crate::scenario::model::{Evidence, Profile, Scenario};
use crate::scenario::self_test::{Blow, Ends};
use crate::verdict::result::{Case, ScenarioResult, Subject, Timings};
use crate::verdict::sighting::{Seen, Sighting};
use crate::{cleanup, configure};

/// How much longer than its scenarios' time limits a trial may take: to place
/// the obstacle, and to clean up.
const BESIDE: Duration = Duration::from_secs(90);

/// A self-test: its trials, and what came of them so far.
#[derive(Debug)]
pub struct SelfTest<'a> {
    catalogue: &'a Catalogue,
    trials: Vec<Trial>,
    blind_to: Option<Blind>,
    jobs: usize,
    outcomes: Mutex<BTreeMap<String, (Outcome, u64)>>,
}

impl<'a> SelfTest<'a> {
    /// Every trial whose id matches one of the patterns; all without patterns.
    /// `jobs` of them go on at once.
    ///
    /// # Errors
    /// A pattern is none or matches nothing; in words.
    pub fn new(
        catalogue: &'a Catalogue,
        patterns: &[String],
        long: bool,
        blind_to: Option<Blind>,
        jobs: usize,
    ) -> Result<Self, String> {
        let mut trials = mutants(catalogue)?;
        trials.extend(left_out(catalogue));
        trials.extend(lies(catalogue));
        trials.extend(faults(catalogue, long));
        let mut wanted = Vec::new();
        for pattern in patterns {
            let glob = Glob::new(pattern).map_err(|error| format!("`{pattern}` is not a pattern: {}", error.kind()))?;
            let matcher = glob.compile_matcher();
            if !trials.iter().any(|trial| matcher.is_match(&trial.id)) {
                return Err(format!("no trial matches `{pattern}`; `self-test --list` shows all of them"));
            }
            wanted.push(matcher);
        }
        if !wanted.is_empty() {
            trials.retain(|trial| wanted.iter().any(|matcher| matcher.is_match(&trial.id)));
        }
        Ok(Self { catalogue, trials, blind_to, jobs, outcomes: Mutex::new(BTreeMap::new()) })
    }

    /// The trials.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// After this it hangs.
    fn limit(&self, way: &Way<'_>, trial: &Trial) -> Duration {
        BESIDE
            + match &trial.obstacle {
                Obstacle::Fault(fault) => fault.limit.map_or(way.limit, Duration::from_secs),
                Obstacle::Lie(_) | Obstacle::LeftOut => way.limit,
                // One that nobody notices goes on to the denials of the core profile.
                Obstacle::Mutant(_) => way.limit * (1 + u32::try_from(self.denials().count()).unwrap_or(u32::MAX)),
            }
    }

    /// What notices that something gives more than it should.
    fn denials(&self) -> impl Iterator<Item = &'a Scenario> {
        let core = self.catalogue.scenarios.iter().filter(|scenario| scenario.profile == Profile::Core);
        core.filter(|scenario| scenario.expect.stops_at.is_some())
    }

    /// Tries scenarios until one notices, the one that reads everything first.
    async fn try_one(&self, way: &Way<'_>, number: usize, trial: &Trial) -> Outcome {
        let Some(first) = self.catalogue.get(&trial.first) else {
            return Outcome::Unclear(format!("scenario {} is not there", trial.first));
        };
        if let Some(lacks) = lacks(way, first) {
            return Outcome::NotHere(lacks);
        }
        let first_outcome = self.with(way, number, trial, first).await;
        if first_outcome != Outcome::Unnoticed
            || !matches!(trial.obstacle, Obstacle::Mutant(_))
            || matches!(trial.want, Want::NoEffect(_))
        {
            return first_outcome;
        }
        for scenario in self.denials() {
            match self.with(way, number, trial, scenario).await {
                Outcome::Unnoticed => {}
                outcome => return outcome,
            }
        }
        Outcome::Unnoticed
    }

    async fn with(&self, way: &Way<'_>, number: usize, trial: &Trial, scenario: &Scenario) -> Outcome {
        // Names of its own, so that trials of one scenario go on side by side.
        let mut own = scenario.clone();
        own.id = format!("t{number}.{}", scenario.id.replace('.', "-"));
        let placed = match Placed::new(way, &own.id, &trial.obstacle).await {
            Ok(placed) => placed,
            Err(reason) => return Outcome::Unclear(reason),
        };
        let (mut timings, started) = (Timings::default(), Instant::now());
        let sighting = placed.way(way, &own.id, async |way| way.sight(&own, &placed.bent, &mut timings).await).await;
        // Hundreds of trials leave no room for each other's pods.
        let cleaned = cleanup::clean_scenario(way.run, &placed.for_clean_up(way), &own.id).await;
        let sighting = match sighting {
            Err(error) if matches!(trial.obstacle, Obstacle::Fault(_)) => Ok(Sighting::nothing(error.to_string())),
            sighting => sighting,
        };
        match sighting {
            Ok(mut sighting) => {
                if let Some(reason) = placed.not_met(&trial.obstacle, &sighting, cleaned) {
                    return Outcome::Unclear(reason);
                }
                if let Some(blind) = self.blind_to {
                    blind.hide(&mut sighting);
                }
                let mut result = way.judge(&own, &sighting, timings, started);
                result.id.clone_from(&scenario.id);
                outcome(&result, &trial.want)
            }
            Err(error) if refused(&error) => Outcome::Refused(error.to_string()),
            Err(error) => Outcome::Unclear(format!("{}: {error}", scenario.id)),
        }
    }

    /// The results so far, one suite for each kind of thing, every trial a case.
    fn results(&self) -> Vec<ScenarioResult> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suites: Vec<(&str, Vec<Case>, u64)> = Vec::new();
        for trial in &self.trials {
            let found = outcomes.get(&trial.id);
            let (case, took) = (case(trial, found.map(|(outcome, _)| outcome)), found.map_or(0, |(_, took)| *took));
            match suites.iter_mut().find(|(name, ..)| *name == trial.suite) {
                Some((_, cases, total)) => {
                    cases.push(case);
                    *total += took;
                }
                None => suites.push((&trial.suite, vec![case], took)),
            }
        }
        suites.into_iter().map(|(name, cases, took)| suite(&format!("self-test.{name}"), cases, took)).collect()
    }

    /// How each fault ended.
    fn faults(&self) -> Vec<FaultRow> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |trial: &Trial| {
            let found = outcomes.get(&trial.id);
            score::row(trial, found.map(|(outcome, _)| outcome), found.map_or(0, |(_, took)| *took))
        };
        self.trials.iter().filter_map(row).collect()
    }

    /// The score of each kind.
    fn scores(&self) -> Vec<Score> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scores: Vec<Score> = Vec::new();
        for trial in &self.trials {
            let kind = trial.suite.split('-').next().unwrap_or_default();
            let at = scores.iter().position(|score| score.kind == kind).unwrap_or_else(|| {
                scores.push(Score { kind: kind.to_owned(), ..Score::default() });
                scores.len() - 1
            });
            score::add(&mut scores[at], trial, outcomes.get(&trial.id).map(|(outcome, _)| outcome));
        }
        scores
    }
}

impl Work for SelfTest<'_> {
    const KIND: RunKind = RunKind::SelfTest;

    fn planned(&self) -> usize {
        self.trials.len()
    }

    fn has_vault_in_cluster(&self) -> bool {
        let first = self.trials.iter().filter_map(|trial| self.catalogue.get(&trial.first));
        first.into_iter().any(|scenario| scenario.configuration().vault == VaultPlace::Pod)
    }

    /// Tries all of them. What came of each is kept as it comes.
    async fn go(&self, way: &Way<'_>, _: &mut RunResult) {
        // A trial may add what all others then see, such as a node.
        way.run.testbed.created().await;
        let places = Semaphore::new(self.jobs);
        let addresses = RwLock::new(());
        let mut going: FuturesUnordered<_> = self
            .trials
            .iter()
            .enumerate()
            // Faults come last in the list and take longest, so they start first.
            .rev()
            .map(|(number, trial)| {
                let (places, addresses) = (&places, &addresses);
                async move {
                    let _place = places.acquire().await;
                    let (_alone, _beside);
                    match trial.strikes() {
                        // It frees its address, and the next Vault that starts would answer there.
                        Some(Blow::Kill) => _alone = addresses.write().await,
                        Some(Blow::Seal | Blow::StepDown) => _beside = addresses.read().await,
                        None => {}
                    }
                    let _ = way.events.send(Event::ScenarioStarted { id: trial.id.clone(), evidence: Evidence::Real });
                    let started = Instant::now();
                    let limit = self.limit(way, trial);
                    let tried = tokio::time::timeout(limit, self.try_one(way, number, trial)).await;
                    (trial, tried.unwrap_or(Outcome::Hung(limit.as_secs())), millis(started))
                }
            })
            .collect();
        while let Some((trial, outcome, took)) = going.next().await {
            let mut result = suite(&trial.id, vec![case(trial, Some(&outcome))], took);
            // Its line says what noticed it, or how a fault ended.
            result.expected.clone_from(&result.reason);
            self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(trial.id.clone(), (outcome, took));
            let _ = way.events.send(Event::ScenarioFinished { result: Box::new(result) });
        }
    }

    fn complete(&self, result: &mut RunResult) {
        result.scenarios = self.results();
        result.scores = self.scores();
        result.faults = self.faults();
    }
}

/// A check of the oracle that is taken out, to see that the self-test itself can
/// fail: what the check would look at is hidden from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Blind {
    /// Whether a key holds the value that was stored
    Values,
    /// Whether the secret holds keys that nobody stored
    ExtraKeys,
    /// What the Vault token can do beside reading
    Boundary,
}

impl Blind {
    fn hide(self, sighting: &mut Sighting) {
        let fingerprints = &mut sighting.fingerprints;
        let Seen::Observed(observation) = &mut sighting.seen else { return };
        match self {
            Self::Values => fingerprints.clear(),
            Self::ExtraKeys => observation.secret.iter_mut().for_each(|secret| secret.unexpected = 0),
            Self::Boundary => {
                if let Some(boundary) = &mut observation.boundary {
                    let refused = Answer { status: Some(403), ..Answer::default() };
                    for answer in [&mut boundary.list, &mut boundary.write, &mut boundary.delete, &mut boundary.sibling]
                    {
                        answer.clone_from(&refused);
                    }
                    boundary.revoke = Answer { status: Some(204), ..Answer::default() };
                    boundary.after_revocation = refused;
                }
            }
        }
    }
}

/// Every field of every documented object, broken.
fn mutants(catalogue: &Catalogue) -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for documented in documented(&catalogue.page).map_err(|error| error.to_string())? {
        for mutation in documented.mutants() {
            let id = mutation.to_string();
            let marked =
                catalogue.self_test.no_effect.iter().find(|entry| {
                    Glob::new(&entry.mutants).is_ok_and(|pattern| pattern.compile_matcher().is_match(&id))
                });
            let first = marked.map_or(documented.permitted, |entry| entry.proved_by.as_str());
            trials.push(Trial {
                suite: format!("mutants-{}", documented.object.as_str()),
                first: first.to_owned(),
                obstacle: Obstacle::Mutant(mutation),
                want: marked.map_or_else(
                    || Want::Noticed(documented.stages.to_vec()),
                    |entry| Want::NoEffect(entry.why.clone()),
                ),
                id,
            });
        }
    }
    Ok(trials)
}

/// Everything that happens while an app lives, left out.
fn left_out(catalogue: &Catalogue) -> impl Iterator<Item = Trial> {
    let lived = catalogue.scenarios.iter().filter(|scenario| scenario.expect.meanwhile.is_some());
    lived.map(|scenario| Trial {
        id: format!("{} left-out", scenario.id.replacen('.', "/", 1)),
        suite: format!("mutants-{}", scenario.group()),
        first: scenario.id.clone(),
        obstacle: Obstacle::LeftOut,
        want: Want::NoticedLater,
    })
}

/// Every lie, and the scenario that must notice it.
fn lies(catalogue: &Catalogue) -> impl Iterator<Item = Trial> {
    catalogue.self_test.lies.iter().map(|lie| Trial {
        id: format!("lie/{}", lie.id),
        suite: "lies".to_owned(),
        first: lie.scenario.clone(),
        obstacle: Obstacle::Lie(lie.clone()),
        want: Want::Noticed(vec![lie.stage]),
    })
}

/// Every fault, and how the scenario must end.
fn faults(catalogue: &Catalogue, long: bool) -> impl Iterator<Item = Trial> {
    catalogue.self_test.faults.iter().filter(move |fault| long || !fault.long).map(|fault| Trial {
        id: format!("fault/{}", fault.id),
        suite: "faults".to_owned(),
        first: fault.scenario.clone(),
        obstacle: Obstacle::Fault(fault.clone()),
        want: Want::Ends(End { verdict: fault.ends, cause: fault.cause.clone(), says: fault.says.clone() }),
    })
}

/// Whether a server refused what was broken, rather than failed.
fn refused(error: &configure::Error) -> bool {
    match error {
        configure::Error::Vault(error) => error.status().is_some_and(|status| (400..500).contains(&status)),
        // The API server answers 500 to a role reference of a kind that it does not know.
        configure::Error::Cluster { source: kube::Error::Api(status), .. } => (400..=500).contains(&status.code),
        // Serde is the API server's own first check: a Kubernetes object without a required field is none.
        configure::Error::Broken(_) => true,
        _ => false,
    }
}

fn case(trial: &Trial, outcome: Option<&Outcome>) -> Case {
    let (verdict, message) = trial.judge(outcome);
    Case::new(Subject::Check(trial.id.clone()), verdict, message)
}

fn suite(id: &str, cases: Vec<Case>, took: u64) -> ScenarioResult {
    let title = "What is broken on purpose is noticed";
    ScenarioResult {
        timings: Timings { total_ms: took, ..Timings::default() },
        ..ScenarioResult::of_checks(id, title, "noticed at the right stage", cases)
    }
}

/// The word of a stage, for lists.
#[must_use]
pub fn stages(want: &Want) -> String {
    match want {
        Want::Noticed(stages) => stages.iter().map(|stage| Stage::as_str(*stage)).collect::<Vec<_>>().join(" or "),
        Want::NoticedLater => "while the app lives".to_owned(),
        Want::NoEffect(_) => "no effect".to_owned(),
        Want::Ends(end) => match (end.verdict, &end.cause) {
            (Ends::Conformant, _) => "passes".to_owned(),
            (Ends::Inconclusive, None) => "no verdict".to_owned(),
            (Ends::Inconclusive, Some(cause)) => format!("no verdict, by {cause}"),
        },
    }
}
