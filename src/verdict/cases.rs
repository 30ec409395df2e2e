//! The verdict of each stage, key, command and step. Every stage and every key
//! of the catalogue has its case in every scenario, whatever happened.

use super::question::{Question, Wanted, fault};
use super::result::{Case, Finding, FindingKind, Observed, Subject, Verdict};
use super::sighting::{CommandOutcome, Seen, Sighting};
use crate::page::cause::{CauseId, ids};
use crate::page::{Page, Stage};
use crate::probe::observation::{KeyObservation, KeyState, Observation};

/// One case a stage that is asked about.
pub fn stages(question: &Question<'_>, observed: &Observed, verdict: Verdict, reason: &str) -> Vec<Case> {
    let should_stop = question.expected.stop();
    let judge = |stage: Stage| {
        let subject = Subject::Stage(stage);
        if !observed.complete {
            return Case::new(subject, Verdict::Inconclusive, reason);
        }
        // What went wrong is said where it went wrong: at the stop, at the stop
        // that did not come, or at the keys, where only a key is not as expected.
        let passed = observed.passed(stage);
        let blamed = question.only.is_some()
            || observed.stage == Some(stage)
            || (passed && should_stop == Some(stage))
            || (stage == Stage::Keys
                && observed.stage.is_none()
                && should_stop.is_none()
                && verdict != Verdict::Conformant);
        let mut case = if blamed {
            let message = if verdict == Verdict::Conformant { "" } else { reason };
            Case::new(subject, verdict, message)
        } else if passed {
            Case::new(subject, Verdict::Conformant, "")
        } else {
            not_reached(subject, observed)
        };
        if observed.stage == Some(stage) {
            case.cause.clone_from(&observed.cause);
        }
        case
    };
    let asked = |stage: &Stage| question.only.is_none_or(|only| only == *stage);
    Stage::ALL.into_iter().filter(asked).map(judge).collect()
}

fn not_reached(subject: Subject, observed: &Observed) -> Case {
    let stop = observed.stage.map_or("", Stage::as_str);
    Case::new(subject, Verdict::Skipped, format!("not reached: the way stops at {stop}"))
}

/// One case a key of the catalogue.
pub fn keys(
    question: &Question<'_>,
    page: &Page,
    sighting: &Sighting,
    observed: &Observed,
    verdict: Verdict,
    reason: &str,
) -> Vec<Case> {
    let observation = match &sighting.seen {
        Seen::Observed(observation) => Some(&**observation),
        _ => None,
    };
    let past_the_read = observed.passed(Stage::Read);
    page.keys
        .iter()
        .map(|key| {
            let subject = Subject::Key(key.name.clone());
            let found = observation
                .filter(|observation| observation.read_with_token)
                .and_then(|observation| observation.secret.as_ref())
                .and_then(|secret| secret.keys.iter().find(|candidate| candidate.name == key.name));
            let key_state = found.map(|found| found.state);
            let instead = found.and_then(|found| instead(page, found, observation));
            let expected = match question.wants(&key.name) {
                Some(Wanted::Optional) if observed.complete => {
                    return Case { key_state, ..optional(subject, found, instead, observed) };
                }
                Some(Wanted::Exactly(state)) => Some(state),
                Some(Wanted::Optional) | None => None,
            };
            let (verdict, message) = match (observed.complete, observation) {
                (false, _) => (Verdict::Inconclusive, reason.to_owned()),
                (true, None) if verdict == Verdict::Conformant => {
                    (Verdict::Skipped, "no pod could run, so nothing could ask for the key".to_owned())
                }
                (true, None) => (verdict, reason.to_owned()),
                (true, Some(observation)) => key_verdict(expected, observation, found, sighting, verdict, reason),
            };
            let mut case = Case { key_state, ..Case::new(subject, verdict, message) };
            if verdict != Verdict::Conformant {
                let wrong = |state: &KeyState| expected.is_some_and(|expected| expected != *state);
                let own = key_state.filter(wrong).filter(|_| verdict == Verdict::Nonconformant && past_the_read);
                case.cause = own.and_then(fault).or_else(|| observed.cause.clone());
            }
            match (found, instead) {
                (Some(found), _) if case.verdict == Verdict::Conformant => doubted(case, found),
                (_, Some((cause, message))) if case.cause == Some(ids::keys::MISSING) => {
                    Case { cause: Some(cause), message, ..case }
                }
                _ => case,
            }
        })
        .collect()
}

/// The case of a key that may be there: what is there must be usable, and an
/// empty value need not be stored.
fn optional(
    subject: Subject,
    found: Option<&KeyObservation>,
    instead: Option<(CauseId, String)>,
    observed: &Observed,
) -> Case {
    let Some(found) = found else { return not_reached(subject, observed) };
    let case = Case::new(subject, Verdict::Conformant, "");
    let cause = fault(found.state);
    match (found.state, instead) {
        (KeyState::Present, _) => doubted(case, found),
        (KeyState::Missing, None) => {
            Case { verdict: Verdict::Skipped, message: "not stored, and not required".to_owned(), ..case }
        }
        // Whoever stored it meant it to be read. Where nothing else is read either, it fails with the way.
        (KeyState::Missing, Some((cause, message))) => {
            let nothing_read = observed.stops_for(Stage::Keys, &ids::keys::NONE);
            let verdict = if nothing_read { Verdict::Nonconformant } else { Verdict::Conformant };
            Case { verdict, cause: Some(cause), warning: !nothing_read, message, ..case }
        }
        (KeyState::Empty, _) => {
            let message = "it is empty; only keys with a value need to be stored".to_owned();
            Case { cause, warning: true, message, ..case }
        }
        (KeyState::NotAString, _) => {
            Case { cause, verdict: Verdict::Nonconformant, message: "its value is not a string".to_owned(), ..case }
        }
    }
}

/// A key that is read, with what speaks against its value.
fn doubted(case: Case, found: &KeyObservation) -> Case {
    match found.doubt {
        None => case,
        Some(doubt) => Case {
            cause: Some(ids::keys::DOUBTFUL_VALUE),
            warning: true,
            message: format!("it is read, and its value {}", doubt.words()),
            ..case
        },
    }
}

/// Where the value of a missing key lies instead, and what that is called.
fn instead(page: &Page, found: &KeyObservation, observation: Option<&Observation>) -> Option<(CauseId, String)> {
    if found.state != KeyState::Missing {
        return None;
    }
    if let Some(near) = found.near {
        return Some((ids::keys::MISPLACED, format!("it is not stored under this name; {}", near.words())));
    }
    let former = page.former(&found.name, &observation?.secret.as_ref()?.of_others)?;
    Some((ids::keys::RENAMED, format!("it is stored as {former}, as another revision of the page calls it")))
}

fn key_verdict(
    expected: Option<KeyState>,
    observation: &Observation,
    found: Option<&KeyObservation>,
    sighting: &Sighting,
    verdict: Verdict,
    reason: &str,
) -> (Verdict, String) {
    if matches!(verdict, Verdict::KnownDeviation | Verdict::Inconclusive) {
        return (verdict, reason.to_owned());
    }
    let conformant = (Verdict::Conformant, String::new());
    match (expected, found) {
        (Some(expected), Some(found)) => {
            let right = sighting.fingerprints.get(&found.name);
            match found.state {
                state if state != expected => {
                    (Verdict::Nonconformant, format!("expected {}, found {}", word(expected), word(state)))
                }
                KeyState::Present if right.is_some_and(|right| found.hmac.as_ref() != Some(right)) => {
                    (Verdict::Nonconformant, "the value is not the one that was stored".to_owned())
                }
                _ => conformant,
            }
        }
        (Some(KeyState::Missing), None) if verdict == Verdict::Conformant => conformant,
        (Some(expected), None) => (Verdict::Nonconformant, format!("expected {}; {reason}", word(expected))),
        // Under a denial the secret was asked for all the same; the key must not have come.
        (None, Some(found)) if found.state != KeyState::Missing => {
            (Verdict::Nonconformant, format!("read ({}) though the way should have stopped before", word(found.state)))
        }
        (None, _) if verdict != Verdict::Conformant => (verdict, reason.to_owned()),
        (None, _) => {
            let refused = observation.read.as_ref().is_some_and(|read| read.refused());
            let answered = observation.read.as_ref().is_some_and(|read| read.status == Some(200));
            let absent = observation.secret.as_ref().is_none_or(|secret| secret.keys.is_empty());
            if refused || (answered && absent) {
                conformant
            } else if answered {
                (Verdict::Nonconformant, "the secret was given though the way should have stopped before".to_owned())
            } else {
                (Verdict::Inconclusive, "the request for the secret was neither refused nor answered".to_owned())
            }
        }
    }
}

fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Present => "present",
        KeyState::Empty => "empty",
        KeyState::NotAString => "not a string",
        KeyState::Missing => "missing",
    }
}

/// One case a typed command and one a promised step, with what they say of the page.
pub fn commands_and_steps(
    question: &Question<'_>,
    page: &Page,
    sighting: &Sighting,
    observed: &Observed,
    verdict: Verdict,
) -> (Vec<Case>, Vec<Finding>) {
    let mut cases = Vec::new();
    let mut findings = Vec::new();
    for command in &sighting.commands {
        let (verdict, message) = command_verdict(question, command, observed, verdict);
        if let (Verdict::KnownDeviation, Some(defect)) = (verdict, &command.defect) {
            // What the scenario records of the same defect says more than one command shows.
            let recorded = question.deviation.filter(|deviation| deviation.defect == *defect);
            findings.push(Finding {
                kind: FindingKind::Defect,
                defect: defect.clone(),
                claim: recorded.map_or(&command.claim, |deviation| &deviation.claim).clone(),
                happens: recorded.map_or(&message, |deviation| &deviation.happens).clone(),
                page: page.at(&command.page),
            });
        }
        cases.push(Case::new(Subject::Command(command.id.clone()), verdict, message));
    }
    let typed = |id: &String| sighting.commands.iter().any(|command| command.id == *id);
    cases.extend(
        question.fails.into_iter().flatten().filter(|id| !typed(id)).map(|id| {
            Case::new(Subject::Command(id.clone()), Verdict::Inconclusive, "it must fail, and was not typed")
        }),
    );
    if question.enable_again_refused {
        let subject = Subject::Step("secrets-enable-again".to_owned());
        cases.push(match &sighting.enable_again {
            Some(step) if step.refused => Case::new(subject, Verdict::Conformant, ""),
            Some(step) => Case::new(
                subject,
                Verdict::Nonconformant,
                format!("a second `vault secrets enable` was accepted, though it \"fails safely\": {}", step.text),
            ),
            None => Case::new(subject, Verdict::Inconclusive, "the second `vault secrets enable` was not run"),
        });
    }
    cases.extend(block(question, sighting));
    (cases, findings)
}

/// One case a step of the block that was typed: what it came to, against what the scenario says of it.
fn block(question: &Question<'_>, sighting: &Sighting) -> Vec<Case> {
    let Some(expected) = question.block else { return Vec::new() };
    if sighting.steps.is_empty() {
        let subject = Subject::Step("block".to_owned());
        return vec![Case::new(subject, Verdict::Inconclusive, "the block was not typed")];
    }
    let mut cases: Vec<Case> = sighting
        .steps
        .iter()
        .map(|step| {
            let wanted = expected.contains(&step.id);
            let (verdict, message) = match (wanted, step.held) {
                (true, true) | (false, false) => (Verdict::Conformant, step.text.clone()),
                (true, false) => (Verdict::Nonconformant, format!("step {} does not hold: {}", step.id, step.text)),
                (false, true) => {
                    (Verdict::Nonconformant, format!("step {} holds, which was not expected: {}", step.id, step.text))
                }
            };
            Case::new(Subject::Step(step.id.clone()), verdict, message)
        })
        .collect();
    let missing = expected.iter().filter(|id| sighting.steps.iter().all(|step| step.id != **id));
    cases.extend(missing.map(|id| {
        Case::new(Subject::Step(id.clone()), Verdict::Nonconformant, "this revision's block has no such step")
    }));
    cases
}

fn command_verdict(
    question: &Question<'_>,
    command: &CommandOutcome,
    observed: &Observed,
    verdict: Verdict,
) -> (Verdict, String) {
    if let Some(reason) = &command.not_typed {
        let must_fail = question.fails.is_some_and(|fails| fails.contains(&command.id));
        return (if must_fail { Verdict::Nonconformant } else { Verdict::Skipped }, reason.clone());
    }
    if let Some(fails) = question.fails {
        let held = command.succeeded && command.effect_holds != Some(false);
        return match (fails.contains(&command.id), held) {
            (true, false) => (Verdict::Conformant, command.text.clone()),
            (true, true) => (Verdict::Nonconformant, "it does what the page says, which was not expected".to_owned()),
            (false, false) => (Verdict::Nonconformant, command.text.clone()),
            (false, true) if command.effect_holds.is_none() => (
                Verdict::Skipped,
                "it ends well; what it is good for is not told, because of what fails beside it".to_owned(),
            ),
            (false, true) => (Verdict::Conformant, String::new()),
        };
    }
    // A defect is met only where the way ends as the scenario records it.
    let recorded = match question.deviation {
        Some(deviation) if command.effect_holds.is_none() && command.defect.as_ref() == Some(&deviation.defect) => {
            observed.stops_for(deviation.stops_at, &deviation.cause)
        }
        _ => true,
    };
    // Whether Vault can validate a token is told by the app's own login alone.
    let effect = match (command.effect_holds, observed.stage) {
        (Some(holds), _) => holds,
        (None, _) if !observed.complete => return (Verdict::Inconclusive, observed.text.clone()),
        (None, None) => true,
        (None, Some(stage)) if stage > Stage::Login => true,
        (None, Some(stage)) if stage < Stage::Login => {
            return (Verdict::Inconclusive, format!("the way stops at {stage}, so no login tells whether it holds"));
        }
        (None, Some(_)) if verdict == Verdict::Inconclusive => {
            return (Verdict::Inconclusive, "no usable answer to the login tells whether it holds".to_owned());
        }
        (None, Some(_)) => false,
    };
    match (command.succeeded && effect, &command.defect) {
        (true, None) => (Verdict::Conformant, String::new()),
        (true, Some(defect)) => (
            Verdict::Nonconformant,
            format!("the recorded defect {defect} no longer occurs; take it out of the catalogue of commands"),
        ),
        (false, Some(_)) if command.succeeded && recorded => (Verdict::KnownDeviation, command.text.clone()),
        (false, _) => (Verdict::Nonconformant, command.text.clone()),
    }
}
