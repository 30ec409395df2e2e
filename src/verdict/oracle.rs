//! A scenario's verdict.

use std::collections::BTreeSet;

use super::result::{Finding, Observed, ScenarioResult, Timings};
use super::sighting::{Seen, Sighting};
use super::{cases, end};
use crate::page::cause::{CauseCatalogue, CauseId};
use crate::page::stage::Stage;
use crate::page::{KeyCatalogue, Reads};
use crate::probe::observation::{KeyState, Observation};
use crate::scenario::model::{Evidence, Expect, Scenario};
use crate::vault::client::fails;
use crate::verdict::result::Verdict;

/// What a scenario lays down: the whole way, or a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected<'a> {
    /// The way is passed; these keys are read, every other one is missing.
    Reads(&'a Reads),
    /// The way stops here, for this cause.
    Stops(Stage, &'a CauseId),
}

impl<'a> Expected<'a> {
    /// What a scenario file says. A loaded scenario has one of both; what has
    /// neither expects that nothing is read.
    #[must_use]
    pub fn of(expect: &'a Expect) -> Self {
        const NOTHING: &Reads = &Reads::Keys(BTreeSet::new());
        match (expect.stops_at, &expect.cause, &expect.reads) {
            (Some(stage), Some(cause), _) => Self::Stops(stage, cause),
            (_, _, Some(reads)) => Self::Reads(reads),
            _ => Self::Reads(NOTHING),
        }
    }

    /// In words.
    #[must_use]
    pub fn phrase(self, keys: &KeyCatalogue) -> String {
        match self {
            Self::Reads(Reads::All) => "reads all keys".to_owned(),
            Self::Reads(Reads::Keys(some)) => format!("reads {} of {} keys", some.len(), keys.keys.len()),
            Self::Stops(stage, cause) => format!("stops at {stage}: {cause}"),
        }
    }
}

/// The state that each key must have; none where the way stops before.
#[must_use]
pub fn expected_state(expect: &Expect, key: &str) -> Option<KeyState> {
    match Expected::of(expect) {
        Expected::Reads(reads) => Some(if reads.contains(key) { KeyState::Present } else { KeyState::Missing }),
        Expected::Stops(Stage::Keys, cause) => {
            let concerned = expect.keys.as_ref().is_none_or(|keys| keys.contains(key));
            Some(match cause.as_str() {
                _ if !concerned => KeyState::Present,
                "keys.empty" => KeyState::Empty,
                "keys.not-a-string" => KeyState::NotAString,
                "keys.missing" => KeyState::Missing,
                _ => KeyState::Present,
            })
        }
        Expected::Stops(Stage::Boundary, _) => Some(KeyState::Present),
        Expected::Stops(..) => None,
    }
}

/// Everything that a verdict needs beside what was seen.
#[derive(Debug, Clone, Copy)]
pub struct Oracle<'a> {
    /// Every key has its case in every scenario.
    pub keys: &'a KeyCatalogue,
    /// What a stop is named by.
    pub causes: &'a CauseCatalogue,
}

impl Oracle<'_> {
    /// The verdict of one scenario, its control left out of account.
    #[must_use]
    pub fn judge(self, scenario: &Scenario, sighting: &Sighting, timings: Timings) -> ScenarioResult {
        let expect = &scenario.expect;
        let wanted = |key: &str| match Expected::of(expect) {
            Expected::Reads(reads) => reads.contains(key),
            Expected::Stops(..) => true,
        };
        let observed = match self.incomplete(sighting) {
            Some(reason) => Observed { text: reason, ..Observed::default() },
            None => end::of(sighting, self.causes, wanted),
        };
        let (mut verdict, mut reason) = self.compare(scenario, sighting, &observed);
        let mut cases = cases::stages(scenario, &observed, verdict, &reason);
        cases.extend(cases::keys(scenario, self.keys, sighting, &observed, verdict, &reason));
        let (extra, mut findings) = cases::commands_and_steps(scenario, sighting, &observed, verdict);
        cases.extend(extra);
        // A scenario is no better than its cases: one that fails makes it fail,
        // else one without a verdict leaves it without.
        for worse in [Verdict::Nonconformant, Verdict::Inconclusive] {
            let passed = matches!(verdict, Verdict::Conformant | Verdict::KnownDeviation);
            if let (true, Some(case)) = (passed, cases.iter().find(|case| case.verdict == worse)) {
                verdict = worse;
                reason.clone_from(&case.message);
            }
        }
        if verdict == Verdict::KnownDeviation
            && let Some(deviation) = &scenario.known_deviation
            && findings.iter().all(|finding| finding.defect != deviation.defect)
        {
            findings.insert(
                0,
                Finding {
                    defect: deviation.defect.clone(),
                    claim: deviation.claim.clone(),
                    happens: deviation.happens.clone(),
                    page: scenario.page.clone(),
                },
            );
        }
        ScenarioResult {
            id: scenario.id.clone(),
            title: scenario.title.clone(),
            page: scenario.page.clone(),
            verdict,
            reason,
            expected: Expected::of(expect).phrase(self.keys),
            observed,
            evidence: scenario.evidence,
            control: scenario.control.clone(),
            selected_as_control: false,
            cases,
            findings,
            timings,
        }
    }

    fn compare(self, scenario: &Scenario, sighting: &Sighting, observed: &Observed) -> (Verdict, String) {
        if !observed.complete {
            return (Verdict::Inconclusive, format!("nothing was observed: {}", observed.text));
        }
        let expected = Expected::of(&scenario.expect);
        let as_expected = match expected {
            Expected::Reads(_) => observed.stage.is_none(),
            Expected::Stops(stage, cause) => observed.stage == Some(stage) && observed.cause.as_ref() == Some(cause),
        };
        let seen = phrase(observed);
        let deviates = scenario.known_deviation.as_ref().map(|deviation| {
            let exactly =
                observed.stage == Some(deviation.stops_at) && observed.cause.as_ref() == Some(&deviation.cause);
            (exactly, deviation)
        });
        if let Some((true, deviation)) = deviates {
            return (Verdict::KnownDeviation, format!("defect {} of the page: {seen}", deviation.defect));
        }
        if as_expected {
            if let Some((_, deviation)) = deviates {
                return (
                    Verdict::Nonconformant,
                    format!(
                        "the recorded deviation {} no longer occurs: {seen}; take it out of the scenario",
                        deviation.defect
                    ),
                );
            }
            return match self.keys_problem(scenario, sighting) {
                Some(problem) => (Verdict::Nonconformant, problem),
                None => (Verdict::Conformant, seen),
            };
        }
        let expected_phrase = expected.phrase(self.keys);
        if let Some(trouble) = trouble(observed) {
            return (Verdict::Inconclusive, format!("{trouble}: {seen}"));
        }
        // A stop at the right stage whose text is in no catalogue may be the
        // right one in new words, or another: no verdict. So it is where a
        // deviation is recorded, and the line of Vault's log did not come.
        let right_stage = match expected {
            Expected::Stops(stage, _) => Some(stage),
            Expected::Reads(_) => scenario.known_deviation.as_ref().map(|deviation| deviation.stops_at),
        };
        if observed.cause.is_none() && right_stage.is_some() && observed.stage == right_stage {
            return (
                Verdict::Inconclusive,
                format!("drift: expected {expected_phrase}; {seen}, and no cause of the catalogue fits"),
            );
        }
        (Verdict::Nonconformant, format!("expected {expected_phrase}; observed: {seen}"))
    }

    /// Why an observation of the secret is none: the probe says something of
    /// each key of the catalogue, once, or it is not this harness's.
    fn incomplete(self, sighting: &Sighting) -> Option<String> {
        match &sighting.seen {
            Seen::Observed(observation) => not_reported(self.keys, observation),
            _ => None,
        }
    }

    /// What the end of the way does not show: each key's state, and keys too many.
    fn keys_problem(self, scenario: &Scenario, sighting: &Sighting) -> Option<String> {
        let Seen::Observed(observation) = &sighting.seen else { return None };
        let secret = observation.secret.as_ref().filter(|_| observation.read_with_token)?;
        let wrong: Vec<&str> = secret
            .keys
            .iter()
            .filter(|key| expected_state(&scenario.expect, &key.name).is_some_and(|state| state != key.state))
            .map(|key| key.name.as_str())
            .collect();
        if let Some(first) = wrong.first() {
            return Some(format!("{} keys are not as expected, {first} the first", wrong.len()));
        }
        let reached = expected_state(&scenario.expect, "").is_some();
        (reached && secret.unexpected != scenario.expect.unexpected).then(|| {
            format!("{} keys beside the catalogue's, expected {}", secret.unexpected, scenario.expect.unexpected)
        })
    }
}

/// Why an observation of the secret does not say something of each key of the
/// catalogue, once; none where it does, or where no secret came.
#[must_use]
pub fn not_reported(keys: &KeyCatalogue, observation: &Observation) -> Option<String> {
    let read = observation.read.as_ref().filter(|read| observation.read_with_token && read.status == Some(200));
    let secret = observation.secret.as_ref().filter(|secret| read.is_some() && secret.version_2_shape)?;
    let reported = secret.keys.iter().map(|key| &key.name);
    (!reported.eq(keys.keys.iter().map(|key| &key.name)))
        .then(|| format!("the {} keys that the probe reports are not the catalogue's", secret.keys.len()))
}

/// A stop that says something of the testbed rather than of the page: it is a
/// verdict only where the scenario lays it down.
fn trouble(observed: &Observed) -> Option<&'static str> {
    const TESTBED: [&str; 5] = [
        "pod.admission-refused",
        "login.vault-unreachable",
        "login.vault-sealed",
        "login.vault-not-active",
        "login.vault-tls",
    ];
    const UNUSABLE: &str = "Vault gave no usable answer";
    let cause = observed.cause.as_ref().map(CauseId::as_str);
    if cause.is_some_and(|id| TESTBED.contains(&id)) {
        return Some("the testbed cannot be used");
    }
    if observed.cause.as_ref().is_some_and(CauseId::is_no_answer) {
        return Some(UNUSABLE);
    }
    let by_network = matches!(observed.stage, Some(Stage::Login | Stage::Read)) && observed.status.is_none();
    let by_server = observed.status.is_some_and(|status| fails(status) || (300..400).contains(&status));
    (cause.is_none() && (by_network || by_server)).then_some(UNUSABLE)
}

/// What was observed, in a phrase.
#[must_use]
pub fn phrase(observed: &Observed) -> String {
    let Some(stage) = observed.stage else { return "went all the way".to_owned() };
    let mut phrase = format!("stops at {stage}");
    match &observed.cause {
        Some(cause) => phrase.push_str(&format!(": {cause}")),
        None => phrase.push_str(", cause not known"),
    }
    if let Some(status) = observed.status {
        phrase.push_str(&format!(" (HTTP {status})"));
    }
    let says_little = observed.cause.as_ref().is_none_or(CauseId::is_no_answer);
    if says_little && !observed.text.is_empty() {
        phrase.push_str(&format!(" `{}`", observed.text));
    }
    phrase
}

/// The result of a scenario that the run did not get to.
#[must_use]
pub fn not_run(scenario: &Scenario, oracle: Oracle<'_>, reason: &str) -> ScenarioResult {
    let mut result = oracle.judge(scenario, &Sighting::nothing(reason), Timings::default());
    result.evidence = if scenario.evidence == Evidence::StandIn { Evidence::StandIn } else { Evidence::Real };
    result
}
