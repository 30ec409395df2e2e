//! The verdict on one question.

use std::collections::BTreeMap;

use super::question::{Expected, Question, Servers, Wanted};
use super::result::{Finding, FindingKind, Observed, ScenarioResult, Timings, Verdict};
use super::sighting::{Seen, Sighting};
use super::{cases, day_two, end};
use crate::page::cause::{CauseCatalogue, SaysOf};
use crate::page::{Page, Stage};
use crate::probe::observation::{Observation, Secret};
use crate::scenario::model::Scenario;
use crate::vault::client::fails;

/// Everything that a verdict needs beside the question and what was seen.
#[derive(Debug, Clone, Copy)]
pub struct Oracle<'a> {
    /// Every key has its case in every scenario.
    pub page: &'a Page,
    /// What a stop is named by.
    pub causes: &'a CauseCatalogue,
}

impl Oracle<'_> {
    /// The verdict on one question, its control left out of account.
    #[must_use]
    pub fn judge<'q>(self, question: impl Into<Question<'q>>, sighting: &Sighting, timings: Timings) -> ScenarioResult {
        let question = &question.into();
        let observed = match self.not_reported(question, sighting) {
            Some(reason) => Observed { text: reason, ..Observed::default() },
            None => end::of(sighting, self.page, self.causes, question),
        };
        let (verdict, reason) = self.compare(question, sighting, &observed);
        let mut cases = cases::stages(question, &observed, verdict, &reason);
        if question.only.is_none() {
            cases.extend(cases::keys(question, self.page, sighting, &observed, verdict, &reason));
        }
        let (extra, mut findings) = cases::commands_and_steps(question, self.page, sighting, &observed, verdict);
        cases.extend(extra);
        if let Some(meanwhile) = question.meanwhile {
            let judge = |question: Question<'_>, sighting: &Sighting| self.judge(question, sighting, timings);
            cases.extend(day_two::cases(question, meanwhile, sighting.lived.as_deref(), judge));
        }
        let unlisted = unlisted(question, self.page).filter(|_| verdict == Verdict::Conformant);
        let (verdict, reason) = match &unlisted {
            Some(finding) => {
                (Verdict::KnownDeviation, format!("defect {} of the page: {}", finding.defect, finding.happens))
            }
            None => (verdict, reason),
        };
        findings.extend(unlisted);
        let mut result = ScenarioResult {
            id: question.id.to_owned(),
            title: question.title.to_owned(),
            page: self.page.at(question.page),
            verdict,
            reason,
            known: None,
            expected: question.expected.phrase(self.page),
            observed,
            evidence: question.evidence,
            control: question.control.map(str::to_owned),
            selected_as_control: false,
            settings: BTreeMap::new(),
            cases,
            findings,
            timings,
        };
        // What has no verdict has none, whatever a single command did.
        if verdict.passes() {
            result.settle();
        }
        if let Some(deviation) = question.deviation.filter(|_| result.verdict == Verdict::KnownDeviation)
            && result.findings.iter().all(|finding| finding.defect != deviation.defect)
        {
            let finding = Finding {
                kind: FindingKind::Defect,
                defect: deviation.defect.clone(),
                claim: deviation.claim.clone(),
                happens: deviation.happens.clone(),
                page: self.page.at(question.page),
            };
            result.findings.insert(0, finding);
        }
        let undocumented = question.not_documented.filter(|_| result.verdict == Verdict::Conformant);
        result.findings.extend(undocumented.map(|found| Finding {
            kind: FindingKind::NotDocumented,
            defect: question.id.rsplit('.').next().unwrap_or_default().to_owned(),
            claim: "The page says nothing of it.".to_owned(),
            happens: format!("{} {}", found.happens, found.mends),
            page: self.page.at(question.page),
        }));
        result
    }

    fn compare(self, question: &Question<'_>, sighting: &Sighting, observed: &Observed) -> (Verdict, String) {
        if !observed.complete {
            return (Verdict::Inconclusive, format!("nothing was observed: {}", observed.text));
        }
        let seen = observed.in_full();
        let deviation = question.deviation;
        if let Some(known) = deviation.filter(|known| observed.stops_for(known.stops_at, &known.cause)) {
            return (Verdict::KnownDeviation, format!("defect {} of the page: {seen}", known.defect));
        }
        if question.expected.met(observed) {
            let gone = deviation.map(|deviation| {
                let defect = &deviation.defect;
                format!("the recorded deviation {defect} no longer occurs: {seen}; take it out of the scenario")
            });
            return match gone.or_else(|| keys_problem(question, sighting)) {
                Some(problem) => (Verdict::Nonconformant, problem),
                None => (Verdict::Conformant, seen),
            };
        }
        let expected = question.expected.phrase(self.page);
        if let Some(trouble) = trouble(question, observed) {
            (Verdict::Inconclusive, format!("{trouble}: {seen}"))
        } else if drifted(question, observed) {
            let text = format!("drift: expected {expected}; {seen}, and no cause of the catalogue fits");
            (Verdict::Inconclusive, text)
        } else {
            (Verdict::Nonconformant, format!("expected {expected}; observed: {seen}"))
        }
    }

    /// Why an observation of the secret is none: the probe says something of
    /// each key of the catalogue, once, or it is not this harness's.
    fn not_reported(self, question: &Question<'_>, sighting: &Sighting) -> Option<String> {
        let Seen::Observed(observation) = &sighting.seen else { return None };
        let secret = read_with_token(observation).filter(|secret| question.only.is_none() && secret.version_2_shape)?;
        observation.read.as_ref().filter(|read| read.status == Some(200))?;
        let reported = secret.keys.iter().map(|key| &key.name);
        (!reported.eq(self.page.keys.iter().map(|key| &key.name)))
            .then(|| format!("the {} keys that the probe reports are not the catalogue's", secret.keys.len()))
    }
}

/// What the page's own example stores and the page does not list, where it was stored and read.
fn unlisted(question: &Question<'_>, page: &Page) -> Option<Finding> {
    let keys = question.unlisted;
    (!keys.is_empty()).then(|| Finding {
        kind: FindingKind::Defect,
        defect: "example-stores-unlisted-key".to_owned(),
        claim: "The kv put example stores keys of the page's list, under exactly the names that are listed.".to_owned(),
        happens: format!(
            "the example stores {}, which revision {} of the page does not list",
            keys.join(", "),
            page.id
        ),
        page: page.at(question.page),
    })
}

fn read_with_token(observation: &Observation) -> Option<&Secret> {
    observation.secret.as_ref().filter(|_| observation.read_with_token)
}

/// What the end of the way does not show: each key's state, and keys too many.
fn keys_problem(question: &Question<'_>, sighting: &Sighting) -> Option<String> {
    let Seen::Observed(observation) = &sighting.seen else { return None };
    let secret = read_with_token(observation)?;
    let differs = |name: &str, state| matches!(question.wants(name), Some(Wanted::Exactly(wanted)) if wanted != state);
    let wrong: Vec<&str> =
        secret.keys.iter().filter(|key| differs(&key.name, key.state)).map(|key| key.name.as_str()).collect();
    if let Some(first) = wrong.first() {
        return Some(format!("{} keys are not as expected, {first} the first", wrong.len()));
    }
    let expected = question.unexpected.filter(|_| question.wants("").is_some())?;
    (secret.unexpected != expected)
        .then(|| format!("{} keys beside the catalogue's, expected {expected}", secret.unexpected))
}

/// Why a stop says nothing of what was asked, where it does not: it is a verdict
/// only where it was to come.
fn trouble(question: &Question<'_>, observed: &Observed) -> Option<&'static str> {
    const UNUSABLE: &str = "Vault gave no usable answer";
    let ours = question.servers == Servers::Ours;
    if !ours {
        // The probe's pod is no server of theirs.
        if observed.says_of == SaysOf::Probe {
            return Some("the probe's pod is not admitted");
        }
        // How theirs fail is what the app's own way is there to tell.
        let stop = question.expected.stop()?;
        if observed.stage.is_some_and(|stage| stage < stop) {
            return Some("the probe did not get that far");
        }
    }
    match observed.says_of {
        SaysOf::Probe | SaysOf::Testbed if ours => return Some("the testbed cannot be used"),
        SaysOf::Testbed | SaysOf::NoAnswer => return Some(UNUSABLE),
        SaysOf::Probe | SaysOf::Page => {}
    }
    let by_network = matches!(observed.stage, Some(Stage::Login | Stage::Read)) && observed.status.is_none();
    let by_server = observed.status.is_some_and(|status| fails(status) || (300..400).contains(&status));
    (observed.cause.is_none() && (by_network || by_server)).then_some(UNUSABLE)
}

/// A stop at the right stage whose text is in no catalogue may be the right one
/// in new words, or another: no verdict. So it is where a deviation is recorded,
/// and the line of Vault's log did not come; and wherever a customer's app stops.
fn drifted(question: &Question<'_>, observed: &Observed) -> bool {
    let right_stage = match (question.expected, question.servers) {
        (Expected::Stops(stage, _), _) => Some(stage),
        (_, Servers::Ours) => question.deviation.map(|deviation| deviation.stops_at),
        (_, Servers::Customers) => observed.stage,
    };
    let unheard_of = observed.cause.is_none() && observed.candidates.is_empty();
    unheard_of && right_stage.is_some() && observed.stage == right_stage
}

/// The result of a scenario that has nothing to test on this revision of the page; none where it has.
#[must_use]
pub fn skipped(scenario: &Scenario, oracle: Oracle<'_>) -> Option<ScenarioResult> {
    let lacks = scenario.on_page.lacks.as_ref()?;
    let reason = format!("revision {} of the page has no {lacks}", oracle.page.id);
    Some(skipped_because(scenario, oracle, &reason))
}

/// The result of a scenario that is not to be run, for a reason that says nothing of the page.
#[must_use]
pub fn skipped_because(scenario: &Scenario, oracle: Oracle<'_>, reason: &str) -> ScenarioResult {
    let mut result = not_run(scenario, oracle, reason);
    for case in &mut result.cases {
        (case.verdict, case.message) = (Verdict::Skipped, reason.to_owned());
    }
    (result.verdict, result.reason) = (Verdict::Skipped, reason.to_owned());
    result
}

/// The result of a scenario that the run did not get to.
#[must_use]
pub fn not_run(scenario: &Scenario, oracle: Oracle<'_>, reason: &str) -> ScenarioResult {
    oracle.judge(scenario, &Sighting::nothing(reason), Timings::default())
}
