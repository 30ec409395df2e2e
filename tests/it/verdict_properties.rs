//! Whatever is observed, and whatever a scenario lays down: what a verdict promises holds.
//!
//! What a pass implies is written here once more, from the design, and not
//! drawn from the oracle.

use std::collections::BTreeMap;

use pmp_vault_conformance::page::cause::{Fact, Facts, Signature};
use pmp_vault_conformance::page::{CauseId, Reads, Stage};
use pmp_vault_conformance::probe::observation::{
    Answer, Boundary, KeyObservation, KeyState, Login, Observation, Secret, TokenState,
};
use pmp_vault_conformance::scenario::day_two::{DayTwo, Sees};
use pmp_vault_conformance::scenario::model::{Expect, KnownDeviation, Scenario};
use pmp_vault_conformance::vault::transport::{Handshake, Transport};
use pmp_vault_conformance::verdict::result::{ScenarioResult, Subject};
use pmp_vault_conformance::verdict::sighting::{CommandOutcome, EnableAgain, Seen, Sighting};
use pmp_vault_conformance::verdict::{Verdict, control};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::verdict::{
    self as support, DENIED, catalogue, exactly_as_recorded, judge, keys, print_of, typed, way,
};

// Anything that a probe, a log and the harness could say.

fn text() -> BoxedStrategy<String> {
    let known = [
        "",
        "permission denied",
        DENIED,
        "service account name not authorized",
        "namespace not authorized",
        "could not load backend configuration",
        "invalid role name \"x\"",
        "Vault is sealed",
        "invalid token",
        "invalid audience (aud) claim",
    ];
    prop_oneof![9 => select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,40}"].boxed()
}

fn any_answer() -> BoxedStrategy<Answer> {
    let statuses = vec![200, 204, 400, 403, 404, 405, 429, 500, 502, 503];
    let mut kinds = vec![Transport::Refused, Transport::Timeout, Transport::NameNotFound];
    kinds.extend([Transport::Tls(Handshake::Other), Transport::Other, Transport::Garbled]);
    prop_oneof![
        8 => (select(statuses), text()).prop_map(|(status, text)| support::answer(status, &text)),
        1 => select(kinds).prop_map(support::no_answer),
        1 => Just(Answer::default()),
    ]
    .boxed()
}

fn fine_or(fine: u16) -> BoxedStrategy<Answer> {
    prop_oneof![6 => Just(support::answer(fine, "")), 1 => any_answer()].boxed()
}

fn state() -> BoxedStrategy<KeyState> {
    select(vec![KeyState::Present, KeyState::Present, KeyState::Missing, KeyState::Empty, KeyState::NotAString]).boxed()
}

fn secret() -> BoxedStrategy<Secret> {
    let one = (state(), prop_oneof![6 => Just(true), 1 => Just(false)]);
    let all = keys().len();
    let states = prop_oneof![
        2 => Just(vec![(KeyState::Present, true); all]),
        2 => select(vec![KeyState::Missing, KeyState::Empty, KeyState::NotAString])
            .prop_map(move |state| vec![(state, true); all]),
        1 => proptest::collection::vec(one, 0..=all),
        // One key differs from all others.
        2 => (0..all, state()).prop_map(move |(at, state)| {
            let mut states = vec![(KeyState::Present, true); all];
            states[at].0 = state;
            states
        }),
    ];
    let flag = || prop_oneof![5 => Just(false), 1 => Just(true)];
    (states, prop_oneof![5 => Just(true), 1 => Just(false)], flag(), flag(), 0..2usize)
        .prop_map(|(states, version_2_shape, deleted, destroyed, unexpected)| Secret {
            version_2_shape,
            deleted,
            destroyed,
            ends: None,
            keys: keys()
                .into_iter()
                .zip(states)
                .map(|(name, (state, right))| KeyObservation {
                    name: name.to_owned(),
                    state,
                    hmac: (state == KeyState::Present && right).then(|| print_of(name)),
                    ..KeyObservation::default()
                })
                .collect(),
            unexpected,
            of_others: Vec::new(),
        })
        .boxed()
}

fn any_boundary() -> BoxedStrategy<Boundary> {
    (fine_or(403), fine_or(403), fine_or(405), fine_or(403), fine_or(204), fine_or(403))
        .prop_map(|(list, write, delete, sibling, revoke, after_revocation)| Boundary {
            list,
            write,
            delete,
            sibling,
            revoke,
            after_revocation,
        })
        .boxed()
}

fn mostly<T: std::fmt::Debug + Clone + 'static>(inner: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    proptest::option::weighted(0.9, inner).boxed()
}

fn observation() -> BoxedStrategy<Observation> {
    let token =
        prop_oneof![8 => Just(TokenState::Present), 1 => Just(TokenState::Absent), 1 => Just(TokenState::Unreadable)];
    let lease = prop_oneof![8 => Just(Some(86_400)), 1 => Just(Some(3600)), 1 => Just(None)];
    let login = (fine_or(200), lease, proptest::option::of(select(vec![400, 403]))).prop_map(
        |(answer, lease_duration, empty_login_status)| Login {
            answer,
            lease_duration,
            policies: Vec::new(),
            empty_login_status,
            another_method: false,
        },
    );
    (token, mostly(login), mostly(fine_or(200)), mostly(Just(())), mostly(secret()), mostly(any_boundary()))
        .prop_map(|(token, login, read, with_token, secret, boundary)| Observation {
            token,
            login,
            read,
            read_with_token: with_token.is_some(),
            secret,
            boundary,
            ..way(|_| KeyState::Present)
        })
        .boxed()
}

fn facts() -> BoxedStrategy<Facts> {
    let all = vec![
        Fact::ReviewByApp,
        Fact::ReviewByReviewer,
        Fact::ReviewByVault,
        Fact::KvVersion1,
        Fact::SecretAtDataData,
        Fact::PolicyMissing,
        Fact::TrailingSlash,
    ];
    prop_oneof![2 => Just(Vec::new()), 1 => subsequence(all, 0..3)]
        .prop_map(|facts| facts.into_iter().collect())
        .boxed()
}

fn log() -> BoxedStrategy<Option<String>> {
    let lines = vec![
        "User \"x\" cannot create resource \"tokenreviews\"",
        "lookup failed: service account unauthorized",
        "x509: certificate signed by unknown authority",
        "connection refused",
        "new words",
    ];
    proptest::option::of(select(lines).prop_map(str::to_owned)).boxed()
}

fn command() -> BoxedStrategy<CommandOutcome> {
    let effect = prop_oneof![3 => Just(Some(true)), 1 => Just(Some(false)), 2 => Just(None)];
    let defect = prop_oneof![3 => Just(None), 1 => Just(Some("another")), 1 => Just(Some("the-defect"))];
    (prop_oneof![5 => Just(true), 1 => Just(false)], effect, defect, proptest::bool::weighted(0.1))
        .prop_map(|(succeeded, effect, defect, skipped)| CommandOutcome {
            not_typed: skipped.then(|| "not typed".to_owned()),
            ..typed("command", succeeded, effect, defect)
        })
        .boxed()
}

fn sighting() -> BoxedStrategy<Sighting> {
    let message = prop_oneof![
        Just("error looking up service account ns/x: serviceaccount \"x\" not found".to_owned()),
        Just("exceeded quota".to_owned()),
    ];
    let seen = prop_oneof![
        10 => observation().prop_map(|observation| Seen::Observed(Box::new(observation))),
        1 => message.prop_map(Seen::NotAdmitted),
        1 => Just(Seen::Nothing("the pod never ran".to_owned())),
    ];
    let prints = prop_oneof![Just(keys()), Just(Vec::new()), subsequence(keys(), 0..5)];
    let again = proptest::option::of(any::<bool>());
    let commands = prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(command(), 1..2)];
    let anything = (seen, log(), facts(), prints, again, commands).prop_map(
        |(seen, vault_log, facts, prints, again, commands)| Sighting {
            seen,
            vault_log,
            facts,
            fingerprints: prints.into_iter().map(|key| (key.to_owned(), print_of(key))).collect(),
            enable_again: again.map(|refused| EnableAgain { refused, text: String::new() }),
            commands,
            steps: Vec::new(),
            lived: None,
            ruled_out: None,
        },
    );
    // What some scenario lays down, so that passes are not rare.
    let recorded =
        (0..catalogue().scenarios.len(), proptest::option::of(any::<bool>())).prop_map(|(at, again)| Sighting {
            enable_again: again.map(|refused| EnableAgain { refused, text: String::new() }),
            ..exactly_as_recorded(&catalogue().scenarios[at])
        });
    prop_oneof![2 => anything, 1 => recorded].boxed()
}

// Anything that a scenario could lay down.

fn cause() -> BoxedStrategy<CauseId> {
    (0..catalogue().causes.causes.len()).prop_map(|at| catalogue().causes.causes[at].id.clone()).boxed()
}

fn reads() -> BoxedStrategy<Reads> {
    let some = subsequence(keys(), 0..=keys().len())
        .prop_map(|some| Reads::Keys(some.into_iter().map(str::to_owned).collect()));
    prop_oneof![3 => Just(Reads::All), 1 => some].boxed()
}

fn expect() -> BoxedStrategy<Expect> {
    let again = || prop_oneof![3 => Just(false), 1 => Just(true)];
    let read = (reads(), 0..2usize, again()).prop_map(|(reads, unexpected, enable_again_refused)| Expect {
        reads: Some(reads),
        unexpected,
        enable_again_refused,
        ..Expect::default()
    });
    let stop = (cause(), proptest::option::of(reads()), 0..2usize, again()).prop_map(
        |(cause, keys, unexpected, enable_again_refused)| Expect {
            stops_at: cause.stage(),
            keys: keys.filter(|_| cause.stage() == Some(Stage::Keys)),
            cause: Some(cause),
            unexpected,
            enable_again_refused,
            ..Expect::default()
        },
    );
    prop_oneof![read, stop].boxed()
}

fn scenario() -> BoxedStrategy<Scenario> {
    let deviation = cause().prop_map(|cause| KnownDeviation {
        defect: "the-defect".to_owned(),
        claim: "claimed".to_owned(),
        happens: "happens".to_owned(),
        stops_at: cause.stage().unwrap_or(Stage::Pod),
        cause,
        seen_on: Vec::new(),
    });
    let control = prop_oneof![Just(None), Just(Some("group.control".to_owned()))];
    let made = (expect(), proptest::option::weighted(0.3, deviation), control).prop_map(
        |(expect, known_deviation, control)| Scenario { known_deviation, control, ..support::scenario(expect) },
    );
    let ours = (0..catalogue().scenarios.len()).prop_map(|at| catalogue().scenarios[at].clone());
    prop_oneof![made, ours].boxed()
}

/// Often a scenario with exactly what it lays down.
fn both() -> BoxedStrategy<(Scenario, Sighting)> {
    let own = (0..catalogue().scenarios.len()).prop_map(|at| {
        let scenario = catalogue().scenarios[at].clone();
        let sighting = exactly_as_recorded(&scenario);
        (scenario, sighting)
    });
    prop_oneof![4 => (scenario(), sighting()), 1 => own, 4 => but_for_one_thing()].boxed()
}

/// A scenario with what it lays down, but for one thing that was seen.
fn but_for_one_thing() -> BoxedStrategy<(Scenario, Sighting)> {
    let key = || 0..keys().len();
    (0..catalogue().scenarios.len(), 0..10usize, any_answer(), state(), key())
        .prop_map(|(at, what, answer, state, key)| {
            let scenario = catalogue().scenarios[at].clone();
            let mut sighting = exactly_as_recorded(&scenario);
            match &mut sighting.seen {
                _ if what == 9 => sighting.commands.push(typed("command", false, None, None)),
                Seen::Observed(observation) => change(observation, what, answer, state, key),
                _ => {}
            }
            (scenario, sighting)
        })
        .boxed()
}

fn change(observation: &mut Observation, what: usize, answer: Answer, state: KeyState, at: usize) {
    let Observation { login, read, secret, boundary, .. } = observation;
    match (what, boundary, secret, login) {
        (0, Some(boundary), ..) => {
            let all = [
                &mut boundary.list,
                &mut boundary.write,
                &mut boundary.delete,
                &mut boundary.sibling,
                &mut boundary.revoke,
                &mut boundary.after_revocation,
            ];
            let number = at % all.len();
            all.into_iter().skip(number).take(1).for_each(|one| *one = answer.clone());
        }
        (1, ..) => observation.read_with_token = false,
        (2, _, Some(secret), _) => secret.version_2_shape = false,
        (3, _, Some(secret), _) if at < secret.keys.len() => _ = secret.keys.remove(at),
        (4, _, Some(secret), _) if at < secret.keys.len() => secret.keys[at].state = state,
        (5, _, Some(secret), _) if at < secret.keys.len() => secret.keys[at].hmac = Some("another".to_owned()),
        (6, _, Some(secret), _) => secret.unexpected += 1,
        (7, _, _, Some(login)) => login.answer = answer,
        // Given in spite of everything.
        (8, ..) => {
            *read = Some(support::answer(200, ""));
            observation.secret = support::whole_way().secret;
        }
        _ => *read = Some(answer),
    }
}

// What a pass implies.

fn ok(answer: Option<&Answer>) -> bool {
    answer.is_some_and(|answer| answer.status == Some(200))
}

/// Whether the way passed that stage, by what the probe says alone.
fn passed(observation: &Observation, stage: Stage) -> bool {
    let login = observation.login.as_ref();
    let secret = observation.secret.as_ref();
    match stage {
        Stage::Pod => true,
        Stage::Token => observation.token == TokenState::Present,
        Stage::Login => passed(observation, Stage::Token) && ok(login.map(|login| &login.answer)),
        Stage::Read => {
            passed(observation, Stage::Login)
                && observation.read_with_token
                && ok(observation.read.as_ref())
                && secret.is_some_and(|secret| secret.version_2_shape)
        }
        Stage::Keys | Stage::Boundary => false,
    }
}

fn signature_fits(signature: &Signature, answer: &Answer, log: Option<&str>) -> bool {
    signature.status.is_none_or(|status| answer.status == Some(status))
        && signature.client.as_ref().is_none_or(|text| answer.text.contains(text))
        && signature.log.as_ref().is_none_or(|text| log.is_some_and(|log| log.contains(text)))
}

/// Whether the way stopped at that stage with what the catalogue says of the cause.
fn stopped(sighting: &Sighting, stage: Stage, cause: &CauseId) -> bool {
    let signatures = catalogue().causes.get(cause).map(|cause| cause.signatures.clone()).unwrap_or_default();
    let fits = |answer: &Answer, log| signatures.iter().any(|signature| signature_fits(signature, answer, log));
    match (&sighting.seen, stage) {
        (Seen::Nothing(_), _) => false,
        (Seen::NotAdmitted(message), Stage::Pod) => fits(&Answer::default(), Some(message)),
        (Seen::NotAdmitted(_), _) | (Seen::Observed(_), Stage::Pod) => false,
        (Seen::Observed(seen), Stage::Token) => !passed(seen, Stage::Token),
        (Seen::Observed(seen), Stage::Login) => {
            passed(seen, Stage::Token)
                && !passed(seen, Stage::Login)
                && seen.login.as_ref().is_some_and(|login| fits(&login.answer, sighting.vault_log.as_deref()))
        }
        (Seen::Observed(seen), Stage::Read) => {
            passed(seen, Stage::Login)
                && !passed(seen, Stage::Read)
                && seen.read.as_ref().is_some_and(|read| fits(read, None))
        }
        (Seen::Observed(seen), Stage::Keys | Stage::Boundary) => passed(seen, Stage::Read),
    }
}

/// The state of each key, where the secret was read.
fn states(sighting: &Sighting) -> Option<BTreeMap<&str, KeyState>> {
    let Seen::Observed(observation) = &sighting.seen else { return None };
    let secret = observation.secret.as_ref().filter(|_| passed(observation, Stage::Read))?;
    let states: BTreeMap<&str, KeyState> = secret.keys.iter().map(|key| (key.name.as_str(), key.state)).collect();
    (states.len() == keys().len() && secret.keys.len() == states.len()).then_some(states)
}

fn values_are_right(sighting: &Sighting) -> bool {
    let Seen::Observed(observation) = &sighting.seen else { return false };
    observation.secret.iter().flat_map(|secret| &secret.keys).all(|key| {
        key.state != KeyState::Present
            || sighting.fingerprints.get(&key.name).is_none_or(|right| key.hmac.as_ref() == Some(right))
    })
}

fn bounded(observation: &Observation, ttl: u64) -> bool {
    let refused = |answer: &Answer| matches!(answer.status, Some(403 | 405));
    // Where the first answer got lost, the next try meets a dead token.
    let revoked = |answer: &Answer| match answer.status {
        Some(200 | 204) => true,
        Some(403) => answer.text.contains("invalid token"),
        _ => false,
    };
    let lease = observation.login.as_ref().and_then(|login| login.lease_duration);
    observation.boundary.as_ref().is_some_and(|boundary| {
        [&boundary.list, &boundary.write, &boundary.delete, &boundary.sibling, &boundary.after_revocation]
            .into_iter()
            .all(refused)
            && revoked(&boundary.revoke)
    }) && lease == Some(ttl)
}

/// The `ttl` that the scenario gives the role, in seconds.
fn ttl_of(scenario: &Scenario) -> u64 {
    match scenario.configuration().day_two {
        DayTwo::VaultTokenEnds | DayTwo::VaultTokenRenewed | DayTwo::VaultTokenReachesMax => 8,
        _ => 24 * 3600,
    }
}

/// Whether an app that lives on saw what its scenario says of it.
fn lived_as_laid_down(scenario: &Scenario, sighting: &Sighting) -> bool {
    let Some(meanwhile) = &scenario.expect.meanwhile else { return true };
    let Some(lived) = &sighting.lived else { return false };
    let all = |seen: &Sighting| {
        states(seen).is_some_and(|states| states.iter().all(|(_, state)| *state == KeyState::Present))
            && values_are_right(seen)
    };
    let saw = |sees: &Sees, seen: &Sighting| match sees {
        Sees::Reads => all(seen),
        Sees::StopsFor(cause) => cause.stage().is_some_and(|stage| match stage {
            Stage::Keys => states(seen).is_some_and(|states| states.iter().all(|(_, it)| *it == KeyState::Missing)),
            stage => stopped(seen, stage, cause),
        }),
    };
    let mended = lived.kept_token_mended.as_ref().is_some_and(&all);
    all(&lived.before)
        && saw(&meanwhile.kept_token, &lived.kept_token.seen)
        && saw(&meanwhile.new_login, &lived.new_login.seen)
        && mended == meanwhile.kept_token_mended
}

/// Why a conformant verdict would be wrong.
fn wrongly_conformant(scenario: &Scenario, sighting: &Sighting) -> Option<&'static str> {
    let expect = &scenario.expect;
    let wrong = |is: bool, why: &'static str| is.then_some(why);
    let unexpected = || match &sighting.seen {
        Seen::Observed(observation) => observation.secret.as_ref().map_or(0, |secret| secret.unexpected),
        _ => 0,
    };
    let laid_down = expect.unexpected + scenario.on_page.moved;
    let failing = |command: &CommandOutcome| {
        command.not_typed.is_none()
            && !(command.succeeded && command.effect_holds != Some(false))
            && command.defect.is_none()
    };
    let beside = wrong(sighting.commands.iter().any(failing), "a command failed").or(wrong(
        expect.enable_again_refused && !sighting.enable_again.as_ref().is_some_and(|step| step.refused),
        "the second enabling was not refused",
    ));
    let beside = beside.or(wrong(!lived_as_laid_down(scenario, sighting), "an app that lives on saw something else"));
    let way = match (expect.stops_at, &expect.cause, &expect.reads) {
        (Some(stage @ (Stage::Keys | Stage::Boundary)), Some(cause), _) => {
            let concerned = |key: &str| expect.keys.as_ref().is_none_or(|keys| keys.contains(key));
            let there = |key: &str| match cause.as_str() {
                "keys.missing" if concerned(key) => KeyState::Missing,
                "keys.empty" if concerned(key) => KeyState::Empty,
                "keys.not-a-string" if concerned(key) => KeyState::NotAString,
                _ => KeyState::Present,
            };
            let Some(states) = states(sighting) else { return Some("the secret was not read") };
            wrong(states.iter().any(|(key, state)| *state != there(key)), "a key is not as the cause says")
                .or(wrong(stage == Stage::Keys && laid_down != unexpected(), "another number of keys"))
        }
        (Some(stage), Some(cause), _) => {
            let given = match &sighting.seen {
                Seen::Observed(seen) => {
                    ok(seen.read.as_ref()) && seen.secret.as_ref().is_some_and(|secret| !secret.keys.is_empty())
                }
                _ => false,
            };
            wrong(!stopped(sighting, stage, cause), "the way did not stop there for that cause")
                .or(wrong(given, "the secret was given all the same"))
        }
        (_, _, Some(reads)) => {
            let Seen::Observed(observation) = &sighting.seen else { return Some("no pod said anything") };
            let Some(states) = states(sighting) else { return Some("the secret was not read") };
            let there = |key: &str| if reads.contains(key) { KeyState::Present } else { KeyState::Missing };
            wrong(states.iter().any(|(key, state)| *state != there(key)), "a key is not as expected")
                .or(wrong(!values_are_right(sighting), "a value is not the stored one"))
                .or(wrong(laid_down != unexpected(), "another number of keys"))
                .or(wrong(!bounded(observation, ttl_of(scenario)), "the boundary does not hold"))
        }
        _ => Some("the scenario lays nothing down"),
    };
    way.or(beside).or(wrong(scenario.known_deviation.is_some(), "a deviation is recorded and did not occur"))
}

fn subjects(result: &ScenarioResult) -> (Vec<Stage>, Vec<&str>) {
    let stage = |subject: &Subject| match subject {
        Subject::Stage(stage) => Some(*stage),
        _ => None,
    };
    let key = |subject: &'_ Subject| match subject {
        Subject::Key(name) => catalogue().page.keys.iter().find(|key| key.name == *name).map(|key| key.name.as_str()),
        _ => None,
    };
    (
        result.cases.iter().filter_map(|case| stage(&case.subject)).collect(),
        result.cases.iter().filter_map(|case| key(&case.subject)).collect(),
    )
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_stage_and_every_key_has_one_case_in_order((scenario, sighting) in both()) {
        let result = judge(&scenario, &sighting);
        let (stages, named) = subjects(&result);
        prop_assert_eq!(stages, Stage::ALL.to_vec());
        prop_assert_eq!(named, keys());
        for case in &result.cases {
            let silent = case.message.is_empty();
            prop_assert!(!silent || case.verdict == Verdict::Conformant, "{:?} says nothing", case);
        }
    }

    #[test]
    fn conformant_means_that_what_was_laid_down_was_observed((scenario, sighting) in both()) {
        let result = judge(&scenario, &sighting);
        if result.verdict == Verdict::Conformant {
            prop_assert_eq!(wrongly_conformant(&scenario, &sighting), None, "{}", result.reason);
        }
    }

    #[test]
    fn a_known_deviation_is_one_that_is_recorded_and_was_observed((scenario, sighting) in both()) {
        let result = judge(&scenario, &sighting);
        if result.verdict == Verdict::KnownDeviation {
            let deviation = scenario.known_deviation.as_ref();
            prop_assert!(deviation.is_some_and(|d| stopped(&sighting, d.stops_at, &d.cause)), "{}", result.reason);
            prop_assert!(deviation.is_some_and(|d| result.findings.iter().any(|f| f.defect == d.defect)));
        }
    }

    #[test]
    fn what_was_not_observed_is_inconclusive(scenario in scenario(), sighting in sighting()) {
        let sighting = Sighting { seen: Seen::Nothing("the pod never ran".to_owned()), ..sighting };
        prop_assert_eq!(judge(&scenario, &sighting).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_scenario_is_as_good_as_its_cases((scenario, sighting) in both()) {
        let result = judge(&scenario, &sighting);
        let has = |verdict| result.cases.iter().any(|case| case.verdict == verdict);
        match result.verdict {
            Verdict::Conformant | Verdict::KnownDeviation => {
                prop_assert!(!has(Verdict::Nonconformant) && !has(Verdict::Inconclusive), "{:?}", result.cases);
            }
            Verdict::Nonconformant => prop_assert!(has(Verdict::Nonconformant), "{:?}", result.cases),
            Verdict::Inconclusive => prop_assert!(has(Verdict::Inconclusive), "{:?}", result.cases),
            Verdict::Skipped => prop_assert!(false, "the oracle skips no scenario"),
        }
    }

    #[test]
    fn a_denial_without_a_control_that_passed_never_passes(
        (scenario, sighting) in both(),
        control_saw in proptest::option::of(sighting()),
    ) {
        let Some(id) = scenario.control.clone() else { return Ok(()) };
        let permitted = Scenario { id, control: None, ..support::scenario(support::reads_all()) };
        let mut results: Vec<_> = control_saw.iter().map(|saw| judge(&permitted, saw)).collect();
        let held = results.first().is_some_and(|control| control.verdict == Verdict::Conformant);
        results.push(judge(&scenario, &sighting));
        let before = results.last().map(|result| result.verdict);
        control::apply(&mut results);
        let after = results.last().map(|result| result.verdict);
        if held {
            prop_assert_eq!(after, before);
        } else {
            prop_assert!(!matches!(after, Some(Verdict::Conformant | Verdict::KnownDeviation)));
            prop_assert!(before != Some(Verdict::Nonconformant) || after == before);
        }
    }
}

#[test]
fn the_generated_scenarios_and_sightings_reach_every_verdict() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeMap::new();
    for _ in 0..5000 {
        let Ok(tree) = both().new_tree(&mut runner) else { panic!("the strategy gives nothing") };
        let (scenario, sighting) = tree.current();
        *reached.entry(judge(&scenario, &sighting).verdict.as_str()).or_insert(0) += 1;
    }
    for verdict in ["conformant", "known-deviation", "nonconformant", "inconclusive"] {
        assert!(reached.get(verdict).is_some_and(|count| *count > 50), "{reached:?}");
    }
}
