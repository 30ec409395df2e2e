//! What people see at the end of a check of their own cluster and Vault: the answer, then what it rests on.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use pmp_vault_conformance::check::judge::{APP, FRESH_ACCOUNT, SET_UP};
use pmp_vault_conformance::event::{RunFacts, RunKind, RunResult};
use pmp_vault_conformance::page::{CauseCatalogue, Names, Stage};
use pmp_vault_conformance::probe::observation::KeyState;
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::{self, detail::Detail, terminal::Terminal};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::verdict::Verdict::{Conformant, Inconclusive, Nonconformant, Skipped};
use pmp_vault_conformance::verdict::result::{Case, Observed, ScenarioResult, Subject};
use pmp_vault_conformance::verdict::{Deny, Verdict};
use rstest::rstest;

use crate::support::report as support;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Read once: it takes a while.
fn catalogue() -> CauseCatalogue {
    static CAUSES: LazyLock<CauseCatalogue> =
        LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")).causes);
    CAUSES.clone()
}

/// A customer's names, none of which is the page's.
fn names() -> Names {
    let name = |name: &str| name.to_owned();
    Names {
        mount: name("team/shop"),
        secret: name("pmp"),
        auth: name("k8s-prod"),
        role: name("shop"),
        policy: name("shop-read"),
        namespace: name("shop-prod"),
        account: name("shop-app"),
        operator_namespace: name("mendix"),
        runtime: name("shop"),
        app_selector: name("mendix-app=shop"),
        address: name("https://vault.shop.example:8200"),
        server: name("vault.shop.example:8200"),
        reviewer: name("vault-auth"),
        reviewer_namespace: name("vault"),
        token_file: name("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    }
}

/// The app's way, that stops there, and what stands around it.
fn check(observed: Observed, verdict: Verdict, cases: Vec<Case>) -> RunResult {
    let reason = if verdict == Conformant { "" } else { "expected reads what is stored; observed: something else" };
    let title = "The app as shop-app reads the credentials that it needs";
    let mut app = support::scenario(APP, title, verdict, reason);
    app.expected = "reads what is stored".to_owned();
    app.observed = observed;
    if let Some(stop) = app.observed.stage {
        for case in &mut app.cases {
            match case.subject {
                Subject::Stage(stage) if stage < stop => *case = Case::new(case.subject.clone(), Conformant, ""),
                Subject::Stage(stage) if stage == stop => case.cause.clone_from(&app.observed.cause),
                _ => *case = Case::new(case.subject.clone(), Skipped, format!("not reached: the way stops at {stop}")),
            }
        }
    }
    app.cases.extend(cases);
    app.settle();
    RunResult {
        facts: RunFacts {
            id: "r4k2".to_owned(),
            kind: RunKind::Customer,
            started: "2026-01-02T03:04:05".to_owned(),
            testbed: "existing".to_owned(),
            names: Some(names()),
            ..RunFacts::default()
        },
        scenarios: vec![set_up(Vec::new()), app],
        timings: BTreeMap::from([("total".to_owned(), 3_400)]),
        ..RunResult::default()
    }
}

fn set_up(cases: Vec<Case>) -> ScenarioResult {
    let fine = Case::new(Subject::Check("custom-resources".to_owned()), Conformant, "");
    let cases = [vec![fine], cases].concat();
    ScenarioResult::of_checks(SET_UP, "Cluster and Vault are set up as the page says", "all is as the page says", cases)
}

fn case(id: &str, verdict: Verdict, cause: &str, message: &str) -> Case {
    let subject = Subject::Check(id.to_owned());
    Case { cause: Some(support::cause(cause)), ..Case::new(subject, verdict, message) }
}

fn warning(id: &str, cause: &str, message: &str) -> Case {
    Case { warning: true, ..case(id, Conformant, cause, message) }
}

fn goes_on() -> Observed {
    Observed { complete: true, ..Observed::default() }
}

fn stops(stage: Stage, cause: Option<&str>, status: u16, text: &str) -> Observed {
    let cause = cause.map(support::cause);
    Observed { stage: Some(stage), cause, status: Some(status), text: text.to_owned(), ..goes_on() }
}

fn a_group() -> Observed {
    Observed {
        candidates: ["login.reviewer-unauthorized", "login.app-token-rejected", "login.api-server-unreachable"]
            .map(support::cause)
            .to_vec(),
        tell_apart: vec![
            "add `--vault-token-file FILE`, a Vault token".to_owned(),
            "add `--vault-log FILE`".to_owned(),
        ],
        ..stops(Stage::Login, None, 403, "permission denied")
    }
}

/// What is said at the end, in a window of so many columns or in none.
fn end_of(result: &RunResult, deny: Deny, columns: Option<usize>) -> String {
    let screen = Screen::default();
    let redactor = Redactor::new();
    let mut terminal =
        Terminal::to(Box::new(screen.clone()), catalogue(), redactor.clone(), false).folded(move || columns);
    terminal.finish(&report::render(result, &catalogue(), &redactor, deny, Detail::Key).unwrap(), &[]);
    let bytes = screen.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn end(result: &RunResult) -> String {
    end_of(result, Deny::Nothing, None)
}

#[test]
fn a_cause_that_is_certain() {
    let cause = "login.service-account-not-authorized";
    let observed = stops(Stage::Login, Some(cause), 403, "service account name not authorized");
    insta::assert_snapshot!(end(&check(observed, Nonconformant, Vec::new())));
}

#[test]
fn a_group_of_causes() {
    insta::assert_snapshot!(end(&check(a_group(), Nonconformant, Vec::new())));
}

#[rstest]
#[case::of_100_columns(100)]
#[case::of_60_columns(60)]
fn a_group_of_causes_in_a_window(#[case] columns: usize) {
    let text = end_of(&check(a_group(), Nonconformant, Vec::new()), Deny::Nothing, Some(columns));
    insta::assert_snapshot!(format!("a_group_of_causes_at_{columns}_columns"), text);
}

#[test]
fn a_line_of_the_log_that_no_cause_explains() {
    let server = Some("login unauthorized: err=\"something new\"".to_owned());
    let observed = Observed { unexplained: true, server, ..a_group() };
    insta::assert_snapshot!(end(&check(observed, Nonconformant, Vec::new())));
}

#[test]
fn a_set_up_that_is_not_as_it_should_be() {
    let mut result = check(goes_on(), Conformant, Vec::new());
    result.scenarios[0] = set_up(vec![
        case("role-binding", Nonconformant, "login.role-wildcard", "the role binds every Service Account"),
        case("secret", Nonconformant, "read.secret-at-data-data", "there is one at data/data as well"),
    ]);
    insta::assert_snapshot!(end(&result));
}

#[test]
fn an_app_that_may_do_too_much() {
    let observed = stops(Stage::Boundary, Some("boundary.list-allowed"), 200, "list on team/shop/metadata");
    let listing = case("no-list", Nonconformant, "boundary.list-allowed", "it may list team/shop/metadata");
    let lasting = case("no-write", Nonconformant, "boundary.write-allowed", "it may update team/shop/data/pmp");
    insta::assert_snapshot!(end(&check(observed, Nonconformant, vec![listing, lasting])));
}

#[test]
fn warnings_alone() {
    let http = warning("vault-tls", "login.http-without-tls", "the Secret Name URL is http");
    let old = warning("secret-age", "read.version-old", "it was stored 400 days ago");
    let mut result = check(goes_on(), Conformant, vec![http, old]);
    let missing = result.scenarios[1].cases.iter_mut().find(|case| matches!(case.subject, Subject::Key(_))).unwrap();
    missing.key_state = Some(KeyState::Missing);
    insta::assert_snapshot!(end(&result));
    let denied = end_of(&result, Deny::Warning, None);
    let said = "The app can read its credentials, but not all is as it should be: The Secret Name URL is http";
    assert!(denied.contains(said) && denied.contains("(exit code 1)"), "{denied}");
}

#[test]
fn a_pod_that_is_not_admitted() {
    let observed =
        Observed { status: None, ..stops(Stage::Pod, Some("pod.admission-refused"), 0, "exceeded quota: q") };
    let mut result = check(observed, Inconclusive, Vec::new());
    let reason = "the probe's pod is not admitted: stops at pod: pod.admission-refused";
    result.scenarios[1].reason = reason.to_owned();
    result.scenarios.push(support::scenario(FRESH_ACCOUNT, "It is not let in", Inconclusive, reason));
    insta::assert_snapshot!(end(&result));
}

#[test]
fn a_check_that_saw_nothing() {
    let observed = Observed { text: "the user may not create pods".to_owned(), ..Observed::default() };
    let mut result = check(observed, Inconclusive, Vec::new());
    result.scenarios[1].reason = "the user may not create pods".to_owned();
    insta::assert_snapshot!(end(&result));
}

#[test]
fn every_cause_has_an_answer_first_and_commands_that_can_be_copied() {
    for cause in catalogue().causes {
        let observed = stops(cause.id.stage().unwrap(), Some(cause.id.as_str()), 403, "");
        let result = check(observed, Nonconformant, Vec::new());
        let folded = end_of(&result, Deny::Nothing, Some(40));
        for line in cause.told(&names()).commands {
            assert!(folded.lines().any(|shown| shown.trim_start() == line), "{}: {line}\n{folded}", cause.id);
        }
        let text = end(&result);
        let block = text.lines().skip_while(|line| !line.starts_with("FAIL ")).skip(1).take(2);
        let (mut words, mut lines) = (Vec::new(), 0);
        for line in block {
            assert!(line.starts_with("  ") && line.ends_with('.') && line.len() > 12, "{}: {line}", cause.id);
            assert!(!line.contains(['{', '}']), "{}: {line}", cause.id);
            words.push(line.trim());
            lines += 1;
        }
        assert_eq!(lines, 2, "{}", cause.id);
        let first = words[0].chars().next().unwrap();
        assert!(first.is_uppercase() || words[0].starts_with("kubernetes_host"), "{}: {}", cause.id, words[0]);
        let json: serde_json::Value = serde_json::from_str(&json_of(&result)).unwrap();
        let answer = &json["scenarios"][1]["answer"];
        assert_eq!((answer["what"].as_str(), answer["todo"].as_str()), (Some(words[0]), Some(words[1])));
    }
}

fn json_of(result: &RunResult) -> String {
    report::render(result, &catalogue(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap().json
}

#[rstest]
#[case::an_app_that_cannot_log_in(a_group(), Nonconformant, 1, "The app cannot read its credentials: it cannot log in")]
#[case::an_app_that_reads(goes_on(), Conformant, 0, "The app can read its credentials")]
#[case::a_probe_that_saw_nothing(
    Observed::default(),
    Inconclusive,
    3,
    "Whether the app can read its credentials could not be told: "
)]
fn the_last_sentence_says_what_a_customer_wants_to_know(
    #[case] observed: Observed,
    #[case] verdict: Verdict,
    #[case] code: u8,
    #[case] said: &str,
) {
    let text = end(&check(observed, verdict, Vec::new()));
    let last = text.lines().last().unwrap();
    assert!(last.starts_with(said) && last.ends_with(&format!(". (exit code {code})")), "{last}");
}

#[test]
fn a_failure_of_junit_begins_with_the_answer() {
    let cause = "login.service-account-not-authorized";
    let observed = stops(Stage::Login, Some(cause), 403, "service account name not authorized");
    let result = check(observed, Nonconformant, Vec::new());
    let rendered = report::render(&result, &catalogue(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap();
    let answer = rendered.answers[1].as_ref().unwrap();
    let failure = format!("type=\"{cause}\" message=\"{}", answer.what.replace('\'', "&apos;"));
    assert!(rendered.junit.contains(&failure), "{}", rendered.junit);
    assert!(rendered.junit.contains("vault read auth/k8s-prod/role/shop\n"), "{}", rendered.junit);
    assert!(rendered.junit.contains("<testcase name=\"existing.app: stage login\""), "{}", rendered.junit);
}
