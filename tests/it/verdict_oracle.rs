//! Each kind of observation gets the verdict that the design gives it, and the
//! catalogue's scenarios tell each other's observations apart.

use std::collections::BTreeSet;

use pmp_vault_conformance::page::cause::Fact;
use pmp_vault_conformance::page::{CauseId, Reads, Stage};
use pmp_vault_conformance::probe::observation::{Answer, KeyState, Observation, TokenState};
use pmp_vault_conformance::scenario::model::{Expect, Scenario};
use pmp_vault_conformance::vault::transport::{Handshake, Transport};
use pmp_vault_conformance::verdict::oracle::Oracle;
use pmp_vault_conformance::verdict::question::{Expected, Question, Servers};
use pmp_vault_conformance::verdict::result::{ScenarioResult, Subject, Timings};
use pmp_vault_conformance::verdict::sighting::{CommandOutcome, EnableAgain, Seen, Sighting};
use pmp_vault_conformance::verdict::{Deny, Verdict, control};
use rstest::rstest;

use crate::support::verdict::{
    self as support, DENIED, answer, boundary, case, catalogue, deviating, exactly_as_recorded, judge, key_verdict,
    key_verdicts, keys, login_ended, no_answer, not_admitted, read_ended, reads_all, reads_only, review_ended,
    scenario, sighting, sighting_of, stage_verdict, stops, stops_for_keys, subjects_with, token_was, typed, way,
    way_but, whole_way, with_facts,
};

const ONE: &str = "Email.SMTPPassword";

/// The whole way, but for one thing at its end.
fn whole_way_but(change: impl FnOnce(&mut Observation)) -> Sighting {
    let mut observation = whole_way();
    change(&mut observation);
    sighting(observation)
}

fn of_cause(cause: &str) -> Sighting {
    sighting_of(cause, |_| true)
}

fn every_key(verdict: Verdict) -> Vec<(&'static str, usize)> {
    vec![(verdict.as_str(), keys().len())]
}

fn keys_of(result: &ScenarioResult) -> Vec<(&'static str, usize)> {
    key_verdicts(result).into_iter().collect()
}

// Where the way ends.

#[rstest]
#[case::all_is_read_as_the_page_says(reads_all(), sighting(whole_way()), Verdict::Conformant)]
#[case::a_denial_at_its_stage_for_its_cause(
    stops("login.role-not-found"),
    of_cause("login.role-not-found"),
    Verdict::Conformant
)]
#[case::a_denial_that_did_not_come(stops("login.role-not-found"), sighting(whole_way()), Verdict::Nonconformant)]
#[case::a_denial_at_an_earlier_stage(
    stops("login.role-not-found"),
    of_cause("token.not-mounted"),
    Verdict::Nonconformant
)]
#[case::a_denial_at_a_later_stage(
    stops("login.role-not-found"),
    of_cause("read.policy-denies"),
    Verdict::Nonconformant
)]
#[case::a_denial_at_its_stage_for_another_cause(
    stops("login.role-not-found"),
    of_cause("login.namespace-not-authorized"),
    Verdict::Nonconformant
)]
#[case::a_denial_at_its_stage_in_words_that_no_catalogue_has(
    stops("login.role-not-found"),
    sighting(login_ended(answer(400, "no such role here"))),
    Verdict::Inconclusive
)]
#[case::a_refused_review_whose_line_never_came(
    stops("login.reviewer-may-not-review"),
    review_ended(None, &[]),
    Verdict::Inconclusive
)]
#[case::a_refused_review_that_names_nobody_we_know(
    stops("login.reviewer-may-not-review"),
    review_ended(Some("User \"x\" cannot create resource \"tokenreviews\""), &[]),
    Verdict::Inconclusive
)]
#[case::a_denial_where_all_keys_were_to_be_read(reads_all(), of_cause("login.role-not-found"), Verdict::Nonconformant)]
#[case::a_denial_in_unknown_words_where_all_keys_were_to_be_read(
    reads_all(),
    sighting(login_ended(answer(403, "not today"))),
    Verdict::Nonconformant
)]
#[case::a_pod_that_is_not_admitted_where_that_is_expected(
    stops("pod.service-account-not-found"),
    of_cause("pod.service-account-not-found"),
    Verdict::Conformant
)]
#[case::a_pod_that_is_not_admitted_for_another_reason(
    stops("pod.service-account-not-found"),
    not_admitted("exceeded quota"),
    Verdict::Inconclusive
)]
#[case::a_token_that_cannot_be_read_is_not_one_that_is_absent(
    stops("token.not-mounted"),
    sighting(token_was(TokenState::Unreadable)),
    Verdict::Nonconformant
)]
fn the_end_of_the_way_gives_the_verdict(#[case] expect: Expect, #[case] sighting: Sighting, #[case] verdict: Verdict) {
    let result = judge(&scenario(expect), &sighting);
    assert_eq!(result.verdict, verdict, "{}", result.reason);
}

#[test]
fn drift_says_so_with_the_words_that_were_seen() {
    let result =
        judge(&scenario(stops("login.role-not-found")), &sighting(login_ended(answer(400, "no such role here"))));
    assert!(result.reason.starts_with("drift: "), "{}", result.reason);
    assert!(result.reason.contains("no such role here"), "{}", result.reason);
}

// Nothing, or nothing usable, was observed.

#[rstest]
#[case::where_all_is_read(scenario(reads_all()))]
#[case::where_the_way_stops(scenario(stops("token.not-mounted")))]
#[case::where_a_deviation_is_recorded(deviating("read.secret-at-data-data"))]
#[case::where_an_enabling_is_to_be_refused(scenario(Expect { enable_again_refused: true, ..reads_all() }))]
fn where_nothing_is_observed_the_scenario_and_each_of_its_cases_is_inconclusive(#[case] scenario: Scenario) {
    let result = judge(&scenario, &Sighting::nothing("the pod never ran"));
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(result.reason.contains("the pod never ran"), "{}", result.reason);
    assert!(result.cases.len() >= Stage::ALL.len() + keys().len());
    for case in &result.cases {
        assert_eq!(case.verdict, Verdict::Inconclusive, "{case:?}");
        assert!(!case.message.is_empty(), "{case:?}");
    }
    assert!(result.findings.is_empty());
}

#[rstest]
#[case::refused(login_ended(no_answer(Transport::Refused)))]
#[case::too_late(login_ended(no_answer(Transport::Timeout)))]
#[case::without_a_name(login_ended(no_answer(Transport::NameNotFound)))]
#[case::without_tls(login_ended(no_answer(Transport::Tls(Handshake::Other))))]
#[case::broken_off(login_ended(no_answer(Transport::Other)))]
#[case::not_vaults(login_ended(no_answer(Transport::Garbled)))]
#[case::with_a_redirect(login_ended(answer(307, "")))]
#[case::sealed(login_ended(answer(503, "Vault is sealed")))]
#[case::with_500(login_ended(answer(500, "internal error")))]
#[case::with_502(login_ended(answer(502, "")))]
#[case::with_429(login_ended(answer(429, "too many requests")))]
#[case::too_late_at_the_read(read_ended(no_answer(Transport::Timeout)))]
#[case::refused_at_the_read(read_ended(no_answer(Transport::Refused)))]
#[case::broken_off_at_the_read(read_ended(no_answer(Transport::Other)))]
#[case::not_vaults_at_the_read(read_ended(no_answer(Transport::Garbled)))]
#[case::with_a_redirect_at_the_read(read_ended(answer(307, "")))]
#[case::sealed_at_the_read(read_ended(answer(503, "Vault is sealed")))]
#[case::with_500_at_the_read(read_ended(answer(500, "internal error")))]
#[case::with_429_at_the_read(read_ended(answer(429, "too many requests")))]
fn a_vault_that_gives_no_usable_answer_is_never_a_verdict(#[case] observation: Observation) {
    for scenario in [
        scenario(reads_all()),
        scenario(reads_only(&[])),
        scenario(stops("login.role-not-found")),
        scenario(stops("read.policy-denies")),
        deviating("login.app-may-not-review"),
        deviating("read.secret-at-data-data"),
    ] {
        let result = judge(&scenario, &sighting(observation.clone()));
        assert_eq!(result.verdict, Verdict::Inconclusive, "{:?}: {}", scenario.expect, result.reason);
        assert_eq!(keys_of(&result), every_key(Verdict::Inconclusive), "{:?}", scenario.expect);
        assert!(result.findings.is_empty());
    }
}

#[rstest]
#[case::that_cannot_be_reached("login.vault-unreachable")]
#[case::that_speaks_no_tls("login.vault-without-tls")]
fn a_vault_is_a_denial_where_the_scenario_lays_that_down(#[case] cause: &str) {
    let result = judge(&scenario(stops(cause)), &of_cause(cause));
    assert_eq!(result.verdict, Verdict::Conformant, "{}", result.reason);
}

#[rstest]
#[case::no_login(Observation { login: None, ..whole_way() })]
#[case::no_read(Observation { read: None, ..whole_way() })]
#[case::no_boundary(Observation { boundary: None, ..whole_way() })]
#[case::not_every_key(way_without(ONE))]
#[case::a_key_twice(way_with_a_key_twice())]
fn an_observation_that_lacks_what_it_must_have_is_no_observation(#[case] observation: Observation) {
    for scenario in [scenario(reads_all()), scenario(stops("keys.empty")), deviating("read.policy-denies")] {
        let result = judge(&scenario, &sighting(observation.clone()));
        assert!(
            result.verdict == Verdict::Inconclusive
                // A stop before what is lacking is a stop all the same.
                || result.observed.stage.is_some_and(|stage| stage < Stage::Boundary),
            "{:?} {}",
            scenario.expect,
            result.reason
        );
    }
    let result = judge(&scenario(reads_all()), &sighting(observation));
    assert_eq!(result.verdict, Verdict::Inconclusive, "{}", result.reason);
    assert_eq!(keys_of(&result), every_key(Verdict::Inconclusive));
}

fn way_without(key: &str) -> Observation {
    let mut observation = whole_way();
    observation.secret.iter_mut().for_each(|secret| secret.keys.retain(|found| found.name != key));
    observation
}

fn way_with_a_key_twice() -> Observation {
    let mut observation = way_without(ONE);
    observation.secret.iter_mut().for_each(|secret| secret.keys.extend(secret.keys.first().cloned()));
    observation
}

// Recorded deviations.

#[test]
fn a_deviation_exactly_as_recorded_is_known_and_says_its_defect_once() {
    let result = judge(&deviating("read.secret-at-data-data"), &of_cause("read.secret-at-data-data"));
    assert_eq!(result.verdict, Verdict::KnownDeviation, "{}", result.reason);
    assert_eq!(result.findings.iter().map(|finding| finding.defect.as_str()).collect::<Vec<_>>(), ["the-defect"]);
    assert_eq!(stage_verdict(&result, Stage::Login), Verdict::Conformant);
    assert_eq!(stage_verdict(&result, Stage::Read), Verdict::KnownDeviation);
    assert_eq!(stage_verdict(&result, Stage::Keys), Verdict::Skipped);
    assert_eq!(keys_of(&result), every_key(Verdict::KnownDeviation));
}

#[rstest]
#[case::it_no_longer_occurs(sighting(whole_way()), Verdict::Nonconformant)]
#[case::it_stops_there_for_another_cause(of_cause("login.role-not-found"), Verdict::Nonconformant)]
#[case::it_stops_elsewhere(of_cause("read.policy-denies"), Verdict::Nonconformant)]
#[case::another_account_reviews(of_cause("login.reviewer-may-not-review"), Verdict::Nonconformant)]
#[case::vaults_log_has_no_line(review_ended(None, &[]), Verdict::Inconclusive)]
#[case::vaults_log_has_an_unknown_line(review_ended(Some("new words"), &[]), Verdict::Inconclusive)]
fn a_deviation_not_exactly_as_recorded_is_not_known(#[case] sighting: Sighting, #[case] verdict: Verdict) {
    let result = judge(&deviating("login.app-may-not-review"), &sighting);
    assert_eq!(result.verdict, verdict, "{}", result.reason);
    assert!(result.findings.is_empty());
}

#[test]
fn a_deviation_that_no_longer_occurs_is_to_be_taken_out_of_the_scenario() {
    let result = judge(&deviating("login.app-may-not-review"), &sighting(whole_way()));
    assert!(result.reason.contains("the-defect no longer occurs"), "{}", result.reason);
    assert_eq!(subjects_with(&result, Verdict::Nonconformant), ["keys".to_owned()].into());
}

// Keys.

#[rstest]
#[case::missing(sighting(way_but(ONE, KeyState::Missing)), "keys.missing")]
#[case::empty(sighting(way_but(ONE, KeyState::Empty)), "keys.empty")]
#[case::no_string(sighting(way_but(ONE, KeyState::NotAString)), "keys.not-a-string")]
#[case::of_another_value(wrong_value(), "keys.wrong-value")]
fn one_key_that_is_not_right_fails_at_its_own_case_and_at_the_stage(#[case] sighting: Sighting, #[case] cause: &str) {
    let result = judge(&scenario(reads_all()), &sighting);
    assert_eq!(result.verdict, Verdict::Nonconformant, "{}", result.reason);
    assert_eq!(result.observed.cause.as_ref().map(|id| id.as_str()), Some(cause));
    assert_eq!(subjects_with(&result, Verdict::Nonconformant), ["keys".to_owned(), ONE.to_owned()].into());
}

fn wrong_value() -> Sighting {
    let mut sighting = sighting(whole_way());
    sighting.fingerprints.insert(ONE.to_owned(), "print of what was stored".to_owned());
    sighting
}

#[test]
fn a_value_without_a_fingerprint_is_a_wrong_one() {
    let mut observation = whole_way();
    for key in observation.secret.iter_mut().flat_map(|secret| &mut secret.keys) {
        key.hmac = None;
    }
    let result = judge(&scenario(reads_all()), &sighting(observation));
    assert_eq!(result.verdict, Verdict::Nonconformant);
    assert_eq!(keys_of(&result), every_key(Verdict::Nonconformant));
}

#[rstest]
#[case::one_where_none_is_expected(0, 1, Verdict::Nonconformant)]
#[case::none_where_one_is_expected(1, 0, Verdict::Nonconformant)]
#[case::one_where_one_is_expected(1, 1, Verdict::Conformant)]
fn keys_beside_the_catalogues_are_counted(#[case] expected: usize, #[case] found: usize, #[case] verdict: Verdict) {
    let sighting = whole_way_but(|o| o.secret.iter_mut().for_each(|secret| secret.unexpected = found));
    let result = judge(&scenario(Expect { unexpected: expected, ..reads_all() }), &sighting);
    assert_eq!(result.verdict, verdict, "{}", result.reason);
    assert_eq!(stage_verdict(&result, Stage::Keys), verdict);
}

#[test]
fn of_a_list_of_keys_the_others_must_be_missing() {
    let example = catalogue().get("secret.page-example").unwrap_or_else(|| panic!("the page's own example"));
    let listed = |key: &str| catalogue().page.keys.iter().any(|known| known.name == key && known.in_example);
    assert_eq!(keys().iter().filter(|key| listed(key)).count(), 16);
    let as_listed = |key: &str| if listed(key) { KeyState::Present } else { KeyState::Missing };
    let result = judge(example, &sighting(way(as_listed)));
    assert_eq!(result.verdict, Verdict::Conformant, "{}", result.reason);
    assert_eq!(keys_of(&result), every_key(Verdict::Conformant));

    let result = judge(example, &sighting(whole_way()));
    assert_eq!(result.verdict, Verdict::Nonconformant);
    assert_eq!(keys_of(&result), [("conformant", 16), ("nonconformant", 14)]);

    let result = judge(example, &sighting(way(|key| if key == ONE { KeyState::Missing } else { as_listed(key) })));
    assert_eq!(result.verdict, Verdict::Nonconformant);
    assert_eq!(subjects_with(&result, Verdict::Nonconformant), ["keys".to_owned(), ONE.to_owned()].into());
}

#[test]
fn where_no_key_is_to_be_read_and_all_are_each_fails_at_its_own_case() {
    let result = judge(&scenario(reads_only(&[])), &sighting(whole_way()));
    assert_eq!(result.verdict, Verdict::Nonconformant);
    assert_eq!(keys_of(&result), every_key(Verdict::Nonconformant));
    let passed = [Stage::Pod, Stage::Token, Stage::Login, Stage::Read, Stage::Boundary];
    for stage in passed {
        assert_eq!(stage_verdict(&result, stage), Verdict::Conformant, "{stage}");
    }
    assert_eq!(stage_verdict(&result, Stage::Keys), Verdict::Nonconformant);
}

#[rstest]
#[case::that_key_and_no_other(sighting(way_but(ONE, KeyState::Empty)), Verdict::Conformant)]
#[case::another_key(sighting(way_but("VCS.GitlabAdminPAT", KeyState::Empty)), Verdict::Nonconformant)]
#[case::every_key(sighting(way(|_| KeyState::Empty)), Verdict::Nonconformant)]
#[case::no_key(sighting(whole_way()), Verdict::Nonconformant)]
#[case::that_key_in_another_state(sighting(way_but(ONE, KeyState::Missing)), Verdict::Nonconformant)]
fn a_denial_at_the_keys_concerns_the_keys_that_it_names(#[case] sighting: Sighting, #[case] verdict: Verdict) {
    let result = judge(&scenario(stops_for_keys("keys.empty", &[ONE])), &sighting);
    assert_eq!(result.verdict, verdict, "{}", result.reason);
}

// Keys under a denial.

#[rstest]
#[case::with_403(answer(403, "permission denied"))]
#[case::with_404(answer(404, ""))]
#[case::by_a_closed_port(no_answer(Transport::Refused))]
#[case::with_an_empty_answer(answer(200, ""))]
fn under_a_denial_the_keys_pass_where_the_secret_was_refused(#[case] read: Answer) {
    let observation = Observation { read: Some(read), ..token_was(TokenState::Absent) };
    let result = judge(&scenario(stops("token.not-mounted")), &sighting(observation));
    assert_eq!(result.verdict, Verdict::Conformant, "{}", result.reason);
    assert_eq!(keys_of(&result), every_key(Verdict::Conformant));
}

#[rstest]
#[case::no_answer_in_time(Some(no_answer(Transport::Timeout)), Verdict::Inconclusive)]
#[case::broken_off(Some(no_answer(Transport::Other)), Verdict::Inconclusive)]
#[case::not_vaults(Some(no_answer(Transport::Garbled)), Verdict::Inconclusive)]
#[case::of_a_busy_vault(Some(answer(429, "")), Verdict::Inconclusive)]
#[case::an_error_of_vaults(Some(answer(500, "internal error")), Verdict::Inconclusive)]
#[case::not_asked_for(None, Verdict::Inconclusive)]
fn under_a_denial_the_keys_do_not_pass_where_the_secret_was_not_refused(
    #[case] read: Option<Answer>,
    #[case] verdict: Verdict,
) {
    let observation = Observation { read, ..token_was(TokenState::Absent) };
    let result = judge(&scenario(stops("token.not-mounted")), &sighting(observation));
    assert_eq!(keys_of(&result), every_key(verdict));
    assert_eq!(result.verdict, verdict, "a scenario is no better than its keys: {}", result.reason);
}

#[test]
fn a_secret_that_comes_without_a_token_is_never_a_denial() {
    let read = Observation { read: Some(answer(200, "")), secret: whole_way().secret, ..token_was(TokenState::Absent) };
    let result = judge(&scenario(stops("token.not-mounted")), &sighting(read));
    assert_eq!(result.verdict, Verdict::Nonconformant, "{}", result.reason);
    assert_eq!(keys_of(&result), every_key(Verdict::Nonconformant));
}

#[test]
fn where_no_pod_can_run_the_keys_are_skipped_with_that_reason() {
    let result = judge(&scenario(stops("pod.service-account-not-found")), &of_cause("pod.service-account-not-found"));
    assert_eq!(keys_of(&result), every_key(Verdict::Skipped));
    assert!(case(&result, &Subject::Key(ONE.to_owned())).message.contains("no pod could run"));
    assert_eq!(stage_verdict(&result, Stage::Pod), Verdict::Conformant);
    assert_eq!(subjects_with(&result, Verdict::Skipped).len(), keys().len() + 5);
}

#[test]
fn where_no_pod_may_run_though_one_must_every_key_fails() {
    let result = judge(&scenario(reads_all()), &of_cause("pod.service-account-not-found"));
    assert_eq!(result.verdict, Verdict::Nonconformant);
    assert_eq!(keys_of(&result), every_key(Verdict::Nonconformant));
}

#[test]
fn a_denial_that_did_not_come_fails_at_its_stage_and_at_every_key() {
    let result = judge(&scenario(stops("login.role-not-found")), &sighting(whole_way()));
    assert_eq!(keys_of(&result), every_key(Verdict::Nonconformant));
    assert_eq!(stage_verdict(&result, Stage::Login), Verdict::Nonconformant);
    assert_eq!(stage_verdict(&result, Stage::Read), Verdict::Conformant);
}

// The boundary.

#[rstest]
#[case::list("boundary.list-allowed", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.list = answer(200, ""))))]
#[case::list_of_nothing("boundary.list-allowed", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.list = answer(404, ""))))]
#[case::write("boundary.write-allowed", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.write = answer(200, ""))))]
#[case::delete("boundary.delete-allowed", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.delete = answer(204, ""))))]
#[case::sibling("boundary.sibling-allowed", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.sibling = answer(200, ""))))]
#[case::revoked_and_alive("boundary.token-survives-revocation", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.after_revocation = answer(200, ""))))]
#[case::not_revocable("boundary.token-survives-revocation", whole_way_but(|o| o.boundary.iter_mut().for_each(|b| b.revoke = answer(400, "batch tokens cannot be revoked"))))]
#[case::lease_too_short("boundary.lease-not-ttl", whole_way_but(|o| o.login.iter_mut().for_each(|l| l.lease_duration = Some(3600))))]
#[case::lease_not_said("boundary.lease-not-ttl", whole_way_but(|o| o.login.iter_mut().for_each(|l| l.lease_duration = None)))]
fn a_token_that_can_do_more_than_read_fails_at_the_boundary_alone(#[case] cause: &str, #[case] sighting: Sighting) {
    let result = judge(&scenario(reads_all()), &sighting);
    assert_eq!(result.verdict, Verdict::Nonconformant, "{}", result.reason);
    assert_eq!(result.observed.cause.as_ref().map(|id| id.as_str()), Some(cause));
    assert_eq!(subjects_with(&result, Verdict::Nonconformant), ["boundary".to_owned()].into());
    assert_eq!(keys_of(&result), every_key(Verdict::Conformant));
}

#[rstest]
#[case::of_a_sealed_vault(answer(503, "Vault is sealed"))]
#[case::of_a_failing_vault(answer(500, "internal error"))]
#[case::of_a_busy_vault(answer(429, "too many requests"))]
#[case::that_never_came(no_answer(Transport::Timeout))]
#[case::that_was_broken_off(no_answer(Transport::Other))]
#[case::that_is_not_vaults(no_answer(Transport::Garbled))]
fn at_the_boundary_an_answer_is_no_verdict(#[case] unusable: Answer) {
    let mut held: Vec<_> = std::iter::repeat_with(boundary).take(6).collect();
    held[0].list = unusable.clone();
    held[1].write = unusable.clone();
    held[2].delete = unusable.clone();
    held[3].sibling = unusable.clone();
    held[4].revoke = unusable.clone();
    held[5].after_revocation = unusable;
    for boundary in held {
        let sighting = whole_way_but(|o| o.boundary = Some(boundary.clone()));
        let result = judge(&scenario(reads_all()), &sighting);
        assert_eq!(result.verdict, Verdict::Inconclusive, "{boundary:?}: {}", result.reason);
    }
}

// Commands and steps.

#[rstest]
#[case::does_what_the_page_says(typed("c", true, Some(true), None), Verdict::Conformant)]
#[case::fails(typed("c", false, Some(false), None), Verdict::Nonconformant)]
#[case::fails_and_the_effect_was_there_before(typed("c", false, Some(true), None), Verdict::Nonconformant)]
#[case::ends_well_and_does_something_else(typed("c", true, Some(false), None), Verdict::Nonconformant)]
#[case::does_something_else_as_recorded(typed("c", true, Some(false), Some("d")), Verdict::KnownDeviation)]
#[case::fails_though_another_defect_is_recorded(typed("c", false, Some(false), Some("d")), Verdict::Nonconformant)]
#[case::no_longer_has_its_defect(typed("c", true, Some(true), Some("d")), Verdict::Nonconformant)]
#[case::is_not_typed(CommandOutcome { not_typed: Some("because".to_owned()), ..typed("c", false, None, None) }, Verdict::Skipped)]
fn a_command_of_the_page(#[case] command: CommandOutcome, #[case] verdict: Verdict) {
    let sighting = Sighting { commands: vec![command], ..sighting(whole_way()) };
    let result = judge(&scenario(reads_all()), &sighting);
    let subject = Subject::Command("c".to_owned());
    assert_eq!(case(&result, &subject).verdict, verdict);
    assert_eq!(case(&result, &subject).message.is_empty(), verdict == Verdict::Conformant);
    let defects: Vec<_> = result.findings.iter().map(|finding| finding.defect.as_str()).collect();
    assert_eq!(defects, if verdict == Verdict::KnownDeviation { vec!["d"] } else { vec![] });
    let weighs = verdict == Verdict::Nonconformant;
    assert_eq!(result.verdict, if weighs { Verdict::Nonconformant } else { Verdict::Conformant });
}

#[rstest]
#[case::the_login_worked(sighting(whole_way()), None, Verdict::Conformant)]
#[case::the_login_worked_and_the_read_did_not(of_cause("read.policy-denies"), None, Verdict::Conformant)]
#[case::the_review_was_refused(of_cause("login.app-may-not-review"), None, Verdict::Nonconformant)]
#[case::the_review_was_refused_as_recorded(
    of_cause("login.app-may-not-review"),
    Some("the-defect"),
    Verdict::KnownDeviation
)]
#[case::the_login_failed_for_another_cause(
    of_cause("login.role-not-found"),
    Some("the-defect"),
    Verdict::Nonconformant
)]
#[case::vault_was_not_there(of_cause("login.vault-unreachable"), Some("the-defect"), Verdict::Inconclusive)]
#[case::vaults_log_has_no_line(review_ended(None, &[]), Some("the-defect"), Verdict::Inconclusive)]
#[case::there_was_no_login(of_cause("token.not-mounted"), Some("the-defect"), Verdict::Inconclusive)]
#[case::there_was_no_pod(of_cause("pod.service-account-not-found"), None, Verdict::Inconclusive)]
#[case::nothing_was_observed(Sighting::nothing("the pod never ran"), Some("the-defect"), Verdict::Inconclusive)]
fn what_only_the_apps_login_can_tell_of_a_command_is_told_by_it(
    #[case] sighting: Sighting,
    #[case] defect: Option<&str>,
    #[case] verdict: Verdict,
) {
    let sighting = Sighting { commands: vec![typed("c", true, None, defect)], ..sighting };
    let scenario = match defect {
        Some(_) => deviating("login.app-may-not-review"),
        None => scenario(reads_all()),
    };
    let result = judge(&scenario, &sighting);
    let seen = case(&result, &Subject::Command("c".to_owned()));
    assert_eq!(seen.verdict, verdict, "{}", seen.message);
    let found = result.findings.iter().filter(|finding| finding.defect == "the-defect").count();
    assert_eq!(found, usize::from(verdict == Verdict::KnownDeviation));
}

#[test]
fn a_defect_that_a_command_and_its_scenario_record_is_one_finding() {
    let commands =
        vec![typed("put", true, Some(false), Some("another-defect")), typed("config", true, None, Some("the-defect"))];
    let sighting = Sighting { commands, ..of_cause("login.app-may-not-review") };
    let result = judge(&deviating("login.app-may-not-review"), &sighting);
    assert_eq!(result.verdict, Verdict::KnownDeviation, "{}", result.reason);
    let defects: Vec<_> = result.findings.iter().map(|finding| finding.defect.as_str()).collect();
    assert_eq!(defects, ["another-defect", "the-defect"]);
}

#[rstest]
#[case::refused(Some(true), Verdict::Conformant)]
#[case::accepted(Some(false), Verdict::Nonconformant)]
#[case::not_run(None, Verdict::Inconclusive)]
fn a_second_enabling_that_is_to_be_refused(#[case] refused: Option<bool>, #[case] verdict: Verdict) {
    let enable_again = refused.map(|refused| EnableAgain { refused, text: "path is already in use".to_owned() });
    let sighting = Sighting { enable_again, ..sighting(whole_way()) };
    let result = judge(&scenario(Expect { enable_again_refused: true, ..reads_all() }), &sighting);
    assert_eq!(case(&result, &Subject::Step("secrets-enable-again".to_owned())).verdict, verdict);
    assert_eq!(result.verdict, verdict, "{}", result.reason);
}

#[rstest]
#[case::it_fails_as_expected("c", typed("c", false, Some(false), None), Verdict::Conformant)]
#[case::it_ends_well_and_does_something_else("c", typed("c", true, Some(false), None), Verdict::Conformant)]
#[case::it_does_what_the_page_says("c", typed("c", true, Some(true), None), Verdict::Nonconformant)]
#[case::another_one_fails("another", typed("c", false, Some(false), None), Verdict::Nonconformant)]
#[case::another_one_does_what_the_page_says("another", typed("c", true, Some(true), None), Verdict::Conformant)]
#[case::of_another_one_only_the_login_could_tell("another", typed("c", true, None, None), Verdict::Skipped)]
#[case::it_was_left_out("c", CommandOutcome { not_typed: Some("x".to_owned()), ..typed("c", false, None, None) }, Verdict::Nonconformant)]
fn a_command_beside_those_that_must_fail(
    #[case] fails: &str,
    #[case] command: CommandOutcome,
    #[case] verdict: Verdict,
) {
    let sighting = Sighting { commands: vec![command], ..sighting(whole_way()) };
    let result = judge(&scenario(Expect { fails: [fails.to_owned()].into(), ..reads_all() }), &sighting);
    assert_eq!(case(&result, &Subject::Command("c".to_owned())).verdict, verdict);
    if fails == "another" {
        let missing = case(&result, &Subject::Command("another".to_owned()));
        assert_eq!(missing.verdict, Verdict::Inconclusive, "what must fail was never typed");
        assert_ne!(result.verdict, Verdict::Conformant);
    }
}

#[rstest]
#[case::each_as_expected(vec![("issuer", true), ("method-2", false)], Verdict::Conformant, [])]
#[case::one_did_not_come_to_it(vec![("issuer", false), ("method-2", false)], Verdict::Nonconformant, ["issuer"])]
#[case::one_came_to_it_against_expectation(vec![("issuer", true), ("method-2", true)], Verdict::Nonconformant, ["method-2"])]
#[case::the_block_has_another_name_for_it(vec![("the-issuer", false)], Verdict::Nonconformant, ["issuer"])]
#[case::it_was_not_typed(vec![], Verdict::Inconclusive, [])]
fn each_step_of_a_block_is_held_against_what_is_expected_of_it(
    #[case] seen: Vec<(&str, bool)>,
    #[case] verdict: Verdict,
    #[case] wrong: impl IntoIterator<Item = &'static str>,
) {
    let steps = seen.into_iter().map(|(id, held)| support::step(id, held)).collect();
    let sighting = Sighting { steps, ..sighting(whole_way()) };
    let block = Some(["issuer".to_owned()].into());
    let result = judge(&scenario(Expect { block, ..reads_all() }), &sighting);
    assert_eq!(result.verdict, verdict, "{}", result.reason);
    assert_eq!(subjects_with(&result, Verdict::Nonconformant), wrong.into_iter().map(str::to_owned).collect());
}

// Controls.

/// A scenario and its control, as they are judged together.
fn with_control(scenario: Scenario, sighting: &Sighting, control_saw: Option<&Sighting>) -> ScenarioResult {
    let permitted = Scenario { id: "group.control".to_owned(), ..support::scenario(reads_all()) };
    let denial = Scenario { control: Some(permitted.id.clone()), ..scenario };
    let mut results = vec![judge(&denial, sighting)];
    results.extend(control_saw.map(|saw| judge(&permitted, saw)));
    control::apply(&mut results);
    results.swap_remove(0)
}

#[test]
fn a_denial_whose_control_passed_stays_as_it_is() {
    let seen = of_cause("login.role-not-found");
    let result = with_control(scenario(stops("login.role-not-found")), &seen, Some(&sighting(whole_way())));
    assert_eq!(result.verdict, Verdict::Conformant);
    assert_eq!(keys_of(&result), every_key(Verdict::Conformant));
}

#[rstest]
#[case::failed(Some(of_cause("login.role-not-found")), "nonconformant")]
#[case::was_inconclusive(Some(Sighting::nothing("the pod never ran")), "inconclusive")]
#[case::did_not_run(None, "did not run")]
fn a_denial_proves_nothing_where_its_control(#[case] control_saw: Option<Sighting>, #[case] said: &str) {
    for (scenario, cause) in [
        (scenario(stops("login.role-not-found")), "login.role-not-found"),
        // What happens where the page is wrong is a denial too.
        (deviating("login.app-may-not-review"), "login.app-may-not-review"),
    ] {
        let result = with_control(scenario, &of_cause(cause), control_saw.as_ref());
        assert_eq!(result.verdict, Verdict::Inconclusive, "{cause}");
        assert!(result.reason.contains("group.control") && result.reason.contains(said), "{}", result.reason);
        assert_eq!(keys_of(&result), every_key(Verdict::Inconclusive), "{cause}");
        let left = [Verdict::Conformant, Verdict::KnownDeviation];
        assert!(result.cases.iter().all(|case| !left.contains(&case.verdict)), "{cause}");
        assert!(result.findings.is_empty(), "{cause}");
    }
}

#[test]
fn a_denial_that_failed_by_itself_stays_failed_whatever_its_control_did() {
    let result = with_control(scenario(stops("login.role-not-found")), &sighting(whole_way()), None);
    assert_eq!(result.verdict, Verdict::Nonconformant);
}

// The whole catalogue.

fn passes(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Conformant | Verdict::KnownDeviation)
}

/// What the app and its pod show, without what is seen of single commands and steps.
fn shown(sighting: &Sighting) -> String {
    let Sighting { seen, vault_log, facts, .. } = sighting;
    format!("{seen:?} {vault_log:?} {facts:?}")
}

#[test]
fn every_scenario_passes_on_exactly_what_it_lays_down() {
    for scenario in &catalogue().scenarios {
        let result = judge(scenario, &exactly_as_recorded(scenario));
        let right = if scenario.known_deviation.is_some() { Verdict::KnownDeviation } else { Verdict::Conformant };
        assert_eq!(result.verdict, right, "{}: {}", scenario.id, result.reason);
        let failed = subjects_with(&result, Verdict::Nonconformant);
        assert!(failed.is_empty(), "{}: {failed:?}", scenario.id);
        assert!(subjects_with(&result, Verdict::Inconclusive).is_empty(), "{}", scenario.id);
        let every: Vec<_> = keys().into_iter().map(|key| key_verdict(&result, key)).collect();
        assert_eq!(every.len(), keys().len(), "{}", scenario.id);
    }
}

#[test]
fn no_scenario_passes_on_what_another_one_lays_down() {
    let scenarios = &catalogue().scenarios;
    let sightings: Vec<_> = scenarios.iter().map(exactly_as_recorded).collect();
    let mut pairs = 0;
    for (scenario, own) in scenarios.iter().zip(&sightings) {
        for (other, foreign) in scenarios.iter().zip(&sightings) {
            if shown(own) == shown(foreign) {
                continue;
            }
            pairs += 1;
            let result = judge(scenario, foreign);
            assert!(!passes(result.verdict), "{} passes on what {} lays down", scenario.id, other.id);
        }
    }
    // Most of the catalogue differs from most of it, or this test tests little.
    assert!(pairs * 2 > scenarios.len() * scenarios.len(), "only {pairs} pairs differ");
}

#[test]
fn no_scenario_passes_where_a_stage_ends_in_words_that_no_catalogue_has() {
    let ends = [
        not_admitted("new words"),
        sighting(token_was(TokenState::Unreadable)),
        sighting(login_ended(answer(400, "new words"))),
        review_ended(Some("new words"), &[]),
        sighting(read_ended(answer(403, "new words"))),
        with_facts(&[Fact::PolicyMissing, Fact::TrailingSlash], sighting(read_ended(answer(403, DENIED)))),
    ];
    for scenario in &catalogue().scenarios {
        for end in &ends {
            let result = judge(scenario, end);
            assert!(!passes(result.verdict), "{}: {}", scenario.id, result.reason);
        }
    }
}

#[test]
fn a_pod_that_says_nothing_lets_no_scenario_pass() {
    for scenario in &catalogue().scenarios {
        let result =
            judge(scenario, &Sighting { seen: Seen::Nothing("crashed".to_owned()), ..exactly_as_recorded(scenario) });
        assert_eq!(result.verdict, Verdict::Inconclusive, "{}", scenario.id);
    }
}

// What a customer's servers are asked.

/// What must follow on a customer's servers, with the one stage that is asked about.
fn of_a_customer(expected: Expected<'_>, only: Option<Stage>, sighting: &Sighting) -> ScenarioResult {
    let question = Question { servers: Servers::Customers, only, ..Question::new("group.name", "", "", expected) };
    let (page, causes) = (&catalogue().page, &catalogue().causes);
    Oracle { page, causes }.judge(question, sighting, Timings::default())
}

#[rstest]
#[case::refused_by_the_role("login.service-account-not-authorized", Verdict::Conformant)]
#[case::refused_before_the_role("login.role-not-found", Verdict::Nonconformant)]
#[case::cut_off_from_vault("login.vault-unreachable", Verdict::Inconclusive)]
#[case::without_a_token("token.not-mounted", Verdict::Inconclusive)]
#[case::let_in("read.policy-denies", Verdict::Nonconformant)]
fn a_login_that_a_customers_vault_must_refuse(#[case] cause: &str, #[case] verdict: Verdict) {
    let right = CauseId::new("login.service-account-not-authorized");
    let result = of_a_customer(Expected::Stops(Stage::Login, &right), Some(Stage::Login), &of_cause(cause));
    assert_eq!(result.verdict, verdict, "{}", result.reason);
    let subjects: Vec<_> = result.cases.iter().map(|case| case.subject.clone()).collect();
    assert_eq!(subjects, [Subject::Stage(Stage::Login)], "it is asked about nothing else");
}

#[test]
fn what_fails_on_a_customers_servers_is_found_and_on_ours_is_no_verdict() {
    for cause in ["login.vault-unreachable", "login.vault-without-tls"] {
        let theirs = of_a_customer(Expected::ReadsAtLeast(None), None, &of_cause(cause));
        assert_eq!(theirs.verdict, Verdict::Nonconformant, "{}", theirs.reason);
        assert_eq!(judge(&scenario(reads_all()), &of_cause(cause)).verdict, Verdict::Inconclusive);
    }
    let unknown = sighting(login_ended(answer(403, "not today")));
    let theirs = of_a_customer(Expected::ReadsAtLeast(None), None, &unknown);
    assert_eq!(theirs.verdict, Verdict::Inconclusive, "no cause fits: {}", theirs.reason);
    let not_admitted = not_admitted("exceeded quota");
    let theirs = of_a_customer(Expected::ReadsAtLeast(None), None, &not_admitted);
    assert_eq!(theirs.verdict, Verdict::Inconclusive, "the pod is ours: {}", theirs.reason);
}

#[rstest]
#[case::there(KeyState::Present, Verdict::Conformant, Verdict::Conformant)]
#[case::missing(KeyState::Missing, Verdict::Nonconformant, Verdict::Skipped)]
#[case::empty(KeyState::Empty, Verdict::Nonconformant, Verdict::Conformant)]
#[case::no_string(KeyState::NotAString, Verdict::Nonconformant, Verdict::Nonconformant)]
fn a_key_counts_by_whether_it_is_required(
    #[case] state: KeyState,
    #[case] required: Verdict,
    #[case] optional: Verdict,
) {
    let one = Reads::Keys([ONE.to_owned()].into());
    let seen = whole_way_but(|o| *o = way_but(ONE, state));
    for (reads, verdict) in [(Some(&one), required), (None, optional)] {
        let result = of_a_customer(Expected::ReadsAtLeast(reads), None, &seen);
        let case = case(&result, &Subject::Key(ONE.to_owned()));
        assert_eq!(case.verdict, verdict, "{case:?}");
        assert_eq!(case.warning, state == KeyState::Empty && reads.is_none());
        let fails = verdict == Verdict::Nonconformant;
        assert_eq!(result.verdict, if fails { verdict } else { Verdict::Conformant }, "{}", result.reason);
    }
}

#[test]
fn a_denied_warning_is_a_failure_and_a_denied_deviation_keeps_its_verdict() {
    let seen = whole_way_but(|o| *o = way_but(ONE, KeyState::Empty));
    let warned = of_a_customer(Expected::ReadsAtLeast(None), None, &seen);
    let known = judge(&deviating("login.app-may-not-review"), &of_cause("login.app-may-not-review"));
    for (deny, verdicts, fail) in [
        (Deny::Nothing, [Verdict::Conformant, Verdict::KnownDeviation], [false, false]),
        (Deny::KnownDeviation, [Verdict::Conformant, Verdict::KnownDeviation], [false, true]),
        (Deny::Warning, [Verdict::Nonconformant, Verdict::KnownDeviation], [true, false]),
    ] {
        let mut results = [warned.clone(), known.clone()];
        deny.apply(&mut results);
        assert_eq!(results.each_ref().map(|result| result.verdict), verdicts, "{deny:?}");
        assert_eq!(results.each_ref().map(|result| deny.fails(result.verdict)), fail, "{deny:?}");
        let twice = results.clone();
        deny.apply(&mut results);
        assert_eq!(results, twice, "{deny:?}");
    }
}

#[test]
fn where_nothing_is_mounted_a_line_of_the_log_is_that_of_another_login() {
    const MISSING: &str = "login.auth-mount-missing";
    let line = Some("error verifying token signature: no known key".to_owned());
    let sighting = Sighting { vault_log: line, ruled_out: Some(BTreeSet::new()), ..sighting_of(MISSING, |_| true) };
    let result = judge(&scenario(reads_all()), &sighting);
    assert_eq!(result.observed.cause.as_ref().map(|cause| cause.as_str()), Some(MISSING));
    assert_eq!((result.observed.server, result.observed.unexplained), (None, false));
}
