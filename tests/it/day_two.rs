//! What an app sees of what happens while it lives: the verdicts, the files that say it, and the probe that looks.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use pmp_vault_conformance::page::CauseId;
use pmp_vault_conformance::probe::input::{Input, Living};
use pmp_vault_conformance::probe::living::{MARKER, Round, last_round, on};
use pmp_vault_conformance::scenario::day_two::{NotDocumented, Sees};
use pmp_vault_conformance::scenario::model::Scenario;
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::result::{FindingKind, ScenarioResult, Subject};
use pmp_vault_conformance::verdict::sighting::{Later, Lived, Sighting};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::verdict::{
    TOKEN_ENDED, answer, case, catalogue, exactly_as_recorded, judge, login_ended, read_ended, sighting, whole_way,
};

fn scenario(id: &str) -> &'static Scenario {
    catalogue().get(id).unwrap_or_else(|| panic!("{id}"))
}

fn lived(sighting: &mut Sighting) -> &mut Lived {
    sighting.lived.as_mut().unwrap_or_else(|| panic!("nothing happened"))
}

fn step(result: &ScenarioResult, id: &str) -> Verdict {
    case(result, &Subject::Step(id.to_owned())).verdict
}

// The verdicts.

#[test]
fn what_is_as_recorded_is_conformant_and_is_told_as_not_documented() {
    let all = catalogue().scenarios.iter().filter(|scenario| scenario.group() == "day-two");
    for scenario in all {
        let result = judge(scenario, &exactly_as_recorded(scenario));
        assert_eq!(result.verdict, Verdict::Conformant, "{}: {}", scenario.id, result.reason);
        let [finding] = &result.findings[..] else { panic!("{}: {:?}", scenario.id, result.findings) };
        assert_eq!((finding.kind, &*finding.defect), (FindingKind::NotDocumented, scenario.name()));
    }
}

#[test]
fn an_event_that_is_left_out_is_noticed_by_what_the_app_goes_on_to_read() {
    let stops = |scenario: &&Scenario| {
        let meanwhile = scenario.expect.meanwhile.as_ref();
        meanwhile.is_some_and(|it| [&it.kept_token, &it.new_login].iter().any(|sees| **sees != Sees::Reads))
    };
    let mut noticed = 0;
    for scenario in catalogue().scenarios.iter().filter(stops) {
        let mut sighting_then = exactly_as_recorded(scenario);
        let unchanged = Later { seen: sighting(whole_way()), change_ms: None, looked_ms: 90_000 };
        let lived = lived(&mut sighting_then);
        (lived.kept_token, lived.new_login) = (unchanged.clone(), unchanged);
        let result = judge(scenario, &sighting_then);
        assert_eq!(result.verdict, Verdict::Nonconformant, "{}", scenario.id);
        assert!(result.findings.is_empty(), "{}: {:?}", scenario.id, result.findings);
        noticed += 1;
    }
    assert!(noticed > 5, "{noticed}");
}

#[rstest]
#[case::in_time((7_500, 8_200), Verdict::Conformant)]
#[case::in_time_on_a_busy_machine((2_000, 30_000), Verdict::Conformant)]
#[case::too_soon((200, 1_000), Verdict::Nonconformant)]
#[case::too_late((11_000, 11_500), Verdict::Nonconformant)]
fn what_changes_must_do_so_in_time(#[case] change: (i64, i64), #[case] verdict: Verdict) {
    let scenario = scenario("day-two.vault-token-ends");
    let mut seen = exactly_as_recorded(scenario);
    let kept = &mut lived(&mut seen).kept_token;
    (kept.change_ms, kept.looked_ms) = (Some(change), 40_000);
    let result = judge(scenario, &seen);
    assert_eq!((step(&result, "kept-token"), result.verdict), (verdict, verdict), "{}", result.reason);
}

#[test]
fn what_comes_at_once_may_be_seen_before_the_event_is_answered() {
    let scenario = scenario("day-two.vault-sealed");
    let mut seen = exactly_as_recorded(scenario);
    lived(&mut seen).kept_token.change_ms = Some((-300, -40));
    let result = judge(scenario, &seen);
    assert_eq!(step(&result, "kept-token"), Verdict::Conformant, "{}", result.reason);
}

#[test]
fn what_does_not_change_must_be_looked_at_late_enough() {
    let scenario = scenario("day-two.vault-token-renewed");
    let mut seen = exactly_as_recorded(scenario);
    lived(&mut seen).kept_token.looked_ms = 2_000;
    assert_eq!(step(&judge(scenario, &seen), "kept-token"), Verdict::Inconclusive);
}

#[test]
fn what_has_not_changed_yet_may_still_do_so_before_its_time() {
    let scenario = scenario("day-two.reviewer-made-anew");
    for (looked_ms, verdict) in [(3_000, Verdict::Inconclusive), (16_000, Verdict::Nonconformant)] {
        let mut seen = exactly_as_recorded(scenario);
        lived(&mut seen).new_login = Later { seen: sighting(whole_way()), change_ms: None, looked_ms };
        assert_eq!(step(&judge(scenario, &seen), "new-login"), verdict, "{looked_ms}");
    }
}

#[test]
fn a_refusal_for_another_cause_or_of_a_vault_that_fails_is_not_the_events_doing() {
    let scenario = scenario("day-two.policy-narrowed");
    for (read, verdict) in
        [(answer(403, TOKEN_ENDED), Verdict::Nonconformant), (answer(500, "internal error"), Verdict::Inconclusive)]
    {
        let mut seen = exactly_as_recorded(scenario);
        lived(&mut seen).kept_token.seen = sighting(read_ended(read));
        assert_eq!(step(&judge(scenario, &seen), "kept-token"), verdict);
    }
}

#[test]
fn an_app_that_read_nothing_before_or_was_never_looked_at_again_proves_nothing_of_the_event() {
    let scenario = scenario("day-two.policy-narrowed");
    let mut seen = exactly_as_recorded(scenario);
    lived(&mut seen).before = sighting(login_ended(answer(400, r#"invalid role name "x""#)));
    assert_eq!(step(&judge(scenario, &seen), "before-the-event"), Verdict::Nonconformant);
    seen.lived = None;
    let result = judge(scenario, &seen);
    assert_eq!((step(&result, "before-the-event"), result.verdict), (Verdict::Inconclusive, Verdict::Inconclusive));
}

#[test]
fn a_token_that_comes_back_or_does_not_against_what_is_recorded_is_noticed() {
    let ended = || Some(sighting(read_ended(answer(403, TOKEN_ENDED))));
    for (id, kept) in [("policy-narrowed", ended()), ("vault-token-ends", Some(sighting(whole_way())))] {
        let scenario = scenario(&format!("day-two.{id}"));
        let mut seen = exactly_as_recorded(scenario);
        lived(&mut seen).kept_token_mended = kept;
        assert_eq!(step(&judge(scenario, &seen), "kept-token-mended"), Verdict::Nonconformant, "{id}");
    }
}

#[test]
fn an_app_that_is_not_mended_stops_the_way() {
    let scenario = scenario("day-two.policy-narrowed");
    let mut seen = exactly_as_recorded(scenario);
    let denied = sighting(read_ended(answer(403, crate::support::verdict::DENIED)));
    seen.seen = denied.seen;
    let result = judge(scenario, &seen);
    assert_eq!(result.verdict, Verdict::Nonconformant);
    assert_eq!(result.observed.cause, Some(CauseId::new("read.policy-denies")));
}

#[test]
fn every_record_of_what_the_page_does_not_say_has_words_and_versions() {
    for scenario in catalogue().scenarios.iter().filter(|scenario| scenario.expect.meanwhile.is_some()) {
        let Some(NotDocumented { happens, after, mends, seen_on }) = &scenario.not_documented else {
            panic!("{}", scenario.id)
        };
        assert!([happens, after, mends].iter().all(|text| !text.is_empty()) && !seen_on.is_empty(), "{}", scenario.id);
    }
}

// The probe that lives on.

const DENIED_BY_POLICY: &str = "1 error occurred:\n\t* permission denied\n\n";

#[derive(Clone, Default)]
struct Vault {
    reads: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

/// The read number six and all after it are refused.
async fn handle(State(vault): State<Vault>, request: Request) -> (StatusCode, axum::Json<Value>) {
    let asked = format!("{} {}", request.method(), request.uri().path());
    vault.requests.lock().unwrap().push(asked.clone());
    let refused = (StatusCode::FORBIDDEN, axum::Json(json!({ "errors": [DENIED_BY_POLICY] })));
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/v1/auth/kubernetes/login") => {
            let auth = json!({ "client_token": "hvs.granted", "lease_duration": 86_400, "token_policies": ["p"] });
            (StatusCode::OK, axum::Json(json!({ "auth": auth })))
        }
        (&Method::GET, "/v1/pmp-dev/data/admin") if vault.reads.fetch_add(1, Ordering::Relaxed) < 5 => {
            let metadata = json!({ "version": 1, "deletion_time": "", "destroyed": false });
            (StatusCode::OK, axum::Json(json!({ "data": { "data": { "A.Key": "canary" }, "metadata": metadata } })))
        }
        (&Method::POST, "/v1/auth/token/renew-self") => (StatusCode::OK, axum::Json(json!({ "auth": {} }))),
        _ => refused,
    }
}

/// Lives on for so many rounds.
async fn rounds(count: usize, living: Living) -> (Vec<String>, Vec<String>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let vault = Vault::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle).with_state(vault.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "a.b.c").unwrap();
    let input = Input {
        run: "r1".to_owned(),
        scenario: "group.name".to_owned(),
        secret_name: format!("http://{address}/pmp-dev/admin"),
        mount: None,
        keys: vec!["A.Key".to_owned()],
        auth_mount: "kubernetes".to_owned(),
        role: "role".to_owned(),
        token_file: token_file.display().to_string(),
        ca: None,
        hmac_key: Some("key".to_owned()),
        sibling: Some("sibling".to_owned()),
        stay_up: true,
        living: Some(living),
        ask: None,
    };
    let lines = Mutex::new(Vec::new());
    let say = |line: &str| {
        let mut lines = lines.lock().unwrap();
        lines.push(format!("{line}\n"));
        if lines.len() < count { Ok(()) } else { Err("enough".to_owned()) }
    };
    assert_eq!(on(&input, living, say).await, Err("enough".to_owned()));
    server.abort();
    let requests = vault.requests.lock().unwrap().clone();
    (lines.into_inner().unwrap(), requests)
}

fn last(log: &str) -> Round {
    last_round(log, "r1", "group.name").unwrap().unwrap()
}

#[tokio::test]
async fn a_round_says_since_when_the_app_sees_what_it_sees() {
    // The first round reads four times, for the boundary is asked; then one read succeeds, and no other.
    let (lines, requests) = rounds(4, Living { rests_ms: 5, renews_ms: None }).await;
    let rounds: Vec<Round> = lines.iter().map(|line| last(line)).collect();
    let status = |round: &Round| round.kept.observation.read.as_ref().and_then(|read| read.status);
    assert_eq!(rounds.iter().map(status).collect::<Vec<_>>(), [Some(200), Some(200), Some(403), Some(403)]);
    assert!(rounds[0].kept.since == rounds[1].kept.since && rounds[2].kept.since == rounds[3].kept.since);
    let kept = &rounds[2].kept;
    assert!(rounds[0].granted <= rounds[0].began && rounds[0].kept.until.is_none());
    assert!(kept.until == Some(rounds[1].began) && rounds[2].began <= kept.since && kept.looked == rounds[2].began);
    assert!(rounds[0].anew.observation.boundary.is_some(), "asked where something new is seen");
    let lists = requests.iter().filter(|asked| asked.starts_with("LIST")).count();
    assert_eq!(lists, 1, "{requests:?}");
    assert!(!requests.iter().any(|asked| asked.contains("renew")), "{requests:?}");
    assert!(lines.iter().all(|line| !line.contains("hvs.granted") && !line.contains("canary")));
}

#[tokio::test]
async fn an_app_renews_the_token_that_it_keeps_where_it_is_told_to() {
    let (_, requests) = rounds(3, Living { rests_ms: 50, renews_ms: Some(1) }).await;
    assert!(requests.iter().any(|asked| asked == "POST /v1/auth/token/renew-self"), "{requests:?}");
}

#[tokio::test]
async fn the_last_whole_round_of_a_log_counts_and_one_of_another_run_is_none() {
    let (lines, _) = rounds(2, Living { rests_ms: 5, renews_ms: None }).await;
    let cut = &lines[0][..lines[0].len() / 2];
    assert_eq!(last(&format!("{}{}{cut}", lines[0], lines[1])), last(&lines[1]));
    assert_eq!(last_round("", "r1", "group.name"), Ok(None));
    assert_eq!(last_round(cut, "r1", "group.name"), Ok(None));
    assert!(last_round(&lines[0], "r2", "group.name").unwrap_err().contains("belongs to run r1"));
    assert!(last_round(&format!("{MARKER} {{}}\n"), "r1", "group.name").unwrap_err().contains("malformed"));
}
