//! What the probe says: one whole line or none, of this run and scenario, and
//! never a value or a token in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pmp_vault_conformance::probe::input::{self, Input};
use pmp_vault_conformance::probe::observation::{
    Answer, Asked, Doubt, KeyObservation, KeyState, Login, MARKER, Near, Observation, SCHEMA, Secret, TokenState,
};
use pmp_vault_conformance::probe::stages::fingerprint;
use pmp_vault_conformance::probe::way::observe;
use pmp_vault_conformance::probe::{from_log, to_line};
use pmp_vault_conformance::vault::client::PLAIN_TO_TLS;
use pmp_vault_conformance::vault::transport::Transport;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;
use serde_json::{Value, json};

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.the-app-s-own-token.signature";
const VAULT_TOKEN: &str = "hvs.the-vault-token-of-the-app";
const RUN_KEY: &str = "the-run-s-own-key";
const LISTED: [&str; 4] = ["A.Present", "A.Empty", "A.Number", "A.Missing"];

/// A key that another revision of the page lists.
const OF_ANOTHER: &str = "B.Old";

// The line in the pod's log.

fn small() -> Observation {
    Observation {
        schema: SCHEMA,
        run: "r1".to_owned(),
        scenario: "group.name".to_owned(),
        token: TokenState::Absent,
        login: None,
        read_path: "pmp-dev/data/admin".to_owned(),
        read: Some(Answer { status: Some(403), text: "permission denied".to_owned(), transport: None }),
        read_with_token: false,
        secret: None,
        boundary: None,
        asked: None,
        millis: 1,
    }
}

fn read(log: &str) -> Result<Option<Observation>, String> {
    from_log(log, "r1", "group.name")
}

fn line() -> String {
    to_line(&small()).unwrap() + "\n"
}

#[test]
fn a_whole_line_is_the_observation_whatever_stands_around_it() {
    assert_eq!(read(&line()).unwrap(), Some(small()));
    let log = format!("starting\n\n{{\"not\":\"ours\"}}\n{}\u{1b}[0m noise {MARKER}\nlast words", line());
    assert_eq!(read(&log).unwrap(), Some(small()));
    assert_eq!(read(&line().replace('\n', "\r\n")).unwrap(), Some(small()));
}

#[test]
fn the_line_is_one_line_whatever_a_server_said() {
    let mut said = small();
    said.read = Some(Answer { text: format!("one\ntwo\r\n{MARKER} {{}}\n"), ..Answer::default() });
    let line = to_line(&said).unwrap();
    assert!(!line.contains('\n'), "{line}");
    assert_eq!(read(&format!("{line}\n")).unwrap(), Some(said));
}

#[rstest]
#[case::is_empty("")]
#[case::has_other_lines_only("starting\nlistening\n")]
#[case::has_the_marker_within_a_line("see PMP-VAULT-OBSERVATION {}\n")]
fn there_is_no_observation_yet_where_the_log(#[case] log: &str) {
    assert_eq!(read(log).unwrap(), None);
}

#[test]
fn a_line_that_is_still_on_its_way_is_no_observation_yet() {
    let line = line();
    for end in 0..line.len() {
        if let Some(part) = line.get(..end) {
            assert_eq!(read(part).unwrap(), None, "{part}");
        }
    }
}

#[test]
fn a_line_that_was_cut_off_and_went_on_is_refused() {
    let line = line();
    for end in MARKER.len()..line.len() - 1 {
        let error = read(&format!("{}\n", &line[..end])).unwrap_err();
        assert!(error.contains("malformed"), "{error}");
    }
}

#[rstest]
#[case::malformed(format!("{MARKER} {{nonsense}}\n"), "malformed")]
#[case::an_observation_with_a_field_too_many(line().replace("\"millis\"", "\"more\":1,\"millis\""), "malformed")]
#[case::an_observation_with_a_field_too_few(line().replace(",\"millis\":1", ""), "malformed")]
#[case::there_twice(line() + &line(), "two observations")]
#[case::of_another_run(line().replace("\"r1\"", "\"r2\""), "belongs to run r2")]
#[case::of_another_scenario(line().replace("group.name", "group.other"), "scenario group.other")]
#[case::of_another_shape(line().replace(&format!("\"schema\":{SCHEMA}"), "\"schema\":99"), "shape 99")]
fn never_taken_for_an_observation_is_what_is(#[case] log: String, #[case] reason: &str) {
    let error = read(&log).unwrap_err();
    assert!(error.contains(reason), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn whatever_bytes_a_log_holds_nothing_panics_and_nothing_is_made_up(
        before in proptest::collection::vec(any::<u8>(), 0..60),
        after in proptest::collection::vec(any::<u8>(), 0..60),
        marked in any::<bool>(),
    ) {
        let marker = if marked { MARKER } else { "" };
        let log = format!("{}\n{marker} {}\n", String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
        prop_assert!(!matches!(read(&log), Ok(Some(_))));
    }

    #[test]
    fn noise_around_the_line_neither_hides_nor_changes_it(
        before in "[^\r\nP]{0,40}",
        after in "[^\r\nP]{0,40}",
    ) {
        prop_assert_eq!(read(&format!("{before}\n{}{after}", line())), Ok(Some(small())));
    }

    #[test]
    fn a_line_that_is_not_as_it_was_printed_is_another_whole_observation_or_none(
        observation in any_observation(),
        harm in harm(),
    ) {
        let line = to_line(&observation).unwrap() + "\n";
        prop_assert_eq!(read(&line), Ok(Some(observation.clone())));
        let harmed = String::from_utf8_lossy(&harm.on(&line)).into_owned();
        if let Ok(Some(taken)) = read(&harmed) {
            // Exactly one line is a whole observation, field by field, of this run and scenario.
            let lines: Vec<&str> =
                harmed.lines().map(str::trim_end).filter_map(|line| line.strip_prefix(MARKER)).collect();
            prop_assert_eq!(lines.len(), 1, "{}", harmed);
            let said: Value = serde_json::from_str(lines[0]).unwrap();
            prop_assert_eq!(said, serde_json::to_value(&taken).unwrap());
            let own = (taken.schema, &*taken.run, &*taken.scenario);
            prop_assert_eq!(own, (SCHEMA, "r1", "group.name"));
        }
    }

    #[test]
    fn a_line_that_came_only_in_part_or_twice_or_for_another_is_never_taken(
        observation in any_observation(),
        at in any::<proptest::sample::Index>(),
        run in "[a-z0-9]{1,9}",
    ) {
        let line = to_line(&observation).unwrap();
        let boundaries: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
        let cut = boundaries[at.index(boundaries.len())];
        for part in [&line[..cut], &line[cut..]] {
            let whole = part.len() == line.len();
            prop_assert!(whole || !matches!(read(&format!("{part}\n")), Ok(Some(_))), "{}", part);
        }
        let line = line + "\n";
        prop_assert!(read(&line.repeat(2)).is_err());
        let other = run != "r1";
        prop_assert_eq!(from_log(&line, &run, "group.name").is_err(), other);
        prop_assert!(from_log(&line, "r1", &run).is_err());
    }

    #[test]
    fn a_field_that_was_cut_out_is_missed(observation in any_observation(), at in any::<proptest::sample::Index>()) {
        let mut value = serde_json::to_value(&observation).unwrap();
        let fields = value.as_object_mut().unwrap();
        let names: Vec<String> = fields.keys().filter(|name| *name != "asked").cloned().collect();
        fields.remove(&names[at.index(names.len())]);
        let error = read(&format!("{MARKER} {value}\n")).unwrap_err();
        prop_assert!(error.contains("malformed"), "{}", error);
    }
}

/// Anything that a probe may say.
fn any_observation() -> impl Strategy<Value = Observation> {
    let transport = select(vec![Transport::Refused, Transport::Timeout, Transport::Garbled, Transport::Other]);
    let answer = (proptest::option::of(any::<u16>()), any::<String>(), proptest::option::of(transport))
        .prop_map(|(status, text, transport)| Answer { status, text, transport });
    let login = (answer.clone(), any::<Option<u64>>(), proptest::collection::vec(any::<String>(), 0..3)).prop_map(
        |(answer, lease_duration, policies)| Login {
            answer,
            lease_duration,
            policies,
            empty_login_status: None,
            another_method: false,
        },
    );
    let state = select(vec![KeyState::Present, KeyState::Empty, KeyState::NotAString, KeyState::Missing]);
    let near = proptest::option::of(select(vec![Near::Level, Near::Group, Near::Case]));
    let doubt = proptest::option::of(select(vec![Doubt::Space, Doubt::Placeholder]));
    let key = (any::<String>(), state, near, doubt, any::<Option<String>>())
        .prop_map(|(name, state, near, doubt, hmac)| KeyObservation { name, state, near, doubt, hmac });
    let secret = (any::<bool>(), proptest::collection::vec(key, 0..4), any::<usize>()).prop_map(
        |(version_2_shape, keys, unexpected)| Secret { version_2_shape, keys, unexpected, ..Secret::default() },
    );
    let asked = (answer.clone(), any::<Option<String>>(), any::<Option<bool>>())
        .prop_map(|(health, version, initialized)| Asked { health, version, initialized, ..Asked::default() });
    let option = proptest::option::of::<BoxedStrategy<Answer>>;
    (option(answer.boxed()), proptest::option::of(login), proptest::option::of(secret), proptest::option::of(asked))
        .prop_map(|(read, login, secret, asked)| Observation { read, login, secret, asked, ..small() })
}

/// What may happen to a line on its way.
#[derive(Debug, Clone)]
enum Harm {
    /// A bit is another.
    Flipped(proptest::sample::Index, u8),
    /// A piece is gone.
    Cut(proptest::sample::Index, usize),
    /// A piece came twice.
    Doubled(proptest::sample::Index, usize),
    /// Something else came in between.
    Mixed(proptest::sample::Index, Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<proptest::sample::Index>;
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Harm::Flipped(at, bit)),
        (at(), 1..200usize).prop_map(|(at, length)| Harm::Cut(at, length)),
        (at(), 1..200usize).prop_map(|(at, length)| Harm::Doubled(at, length)),
        (at(), proptest::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Harm::Mixed(at, bytes)),
        at().prop_map(|at| Harm::Mixed(at, format!("\n{MARKER} ").into_bytes())),
    ]
}

impl Harm {
    fn on(&self, line: &str) -> Vec<u8> {
        let mut bytes = line.as_bytes().to_vec();
        let (Self::Flipped(at, _) | Self::Cut(at, _) | Self::Doubled(at, _) | Self::Mixed(at, _)) = self;
        let at = at.index(bytes.len());
        let piece = |length: usize| at..(at + length).min(line.len());
        match self {
            Self::Flipped(_, bit) => bytes[at] ^= 1 << bit,
            Self::Cut(_, length) => drop(bytes.drain(piece(*length))),
            Self::Doubled(_, length) => drop(bytes.splice(at..at, line.as_bytes()[piece(*length)].to_vec())),
            Self::Mixed(_, between) => drop(bytes.splice(at..at, between.iter().copied())),
        }
        bytes
    }
}

// A Vault of our own, which notes what it is asked.

#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    method: String,
    path: String,
    token: Option<String>,
    body: Value,
}

/// A method and a path.
type Ask = (&'static str, &'static str);

/// What it answers: by method and path, else 403.
#[derive(Clone, Default)]
struct Vault {
    answers: Arc<BTreeMap<Ask, (u16, Value)>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

async fn handle(State(vault): State<Vault>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().trim_start_matches("/v1/").to_owned();
    let token = headers.get("x-vault-token").map(|token| token.to_str().unwrap().to_owned());
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    // An empty login request finds out whether a method is there at all.
    let empty = path.ends_with("/login") && body == json!({}) && !path.contains("/userpass/");
    let answer = vault.answers.iter().find(|((m, p), _)| *m == method.as_str() && *p == path).map(|(_, a)| a.clone());
    vault.requests.lock().unwrap().push(Request { method: method.to_string(), path, token, body });
    let (status, body) = match answer {
        _ if empty => (400, json!({ "errors": ["missing role"] })),
        Some(answer) => answer,
        None => (403, json!({ "errors": ["1 error occurred:\n\t* permission denied\n\n"] })),
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

const LOGIN: Ask = ("POST", "auth/kubernetes/login");
const READ: Ask = ("GET", "pmp-dev/data/admin");

fn values() -> Value {
    json!({ "A.Present": "canary-1-of-the-run", "A.Empty": "", "A.Number": 4_711_081_547_u64, "Nobodys.Key": "canary-2" })
}

fn logged_in() -> (u16, Value) {
    let auth = json!({ "client_token": VAULT_TOKEN, "lease_duration": 86_400, "token_policies": ["default", "p"] });
    (200, json!({ "auth": auth }))
}

fn version_2(values: &Value) -> (u16, Value) {
    (200, json!({ "data": { "data": values, "metadata": { "version": 1, "deletion_time": "", "destroyed": false } } }))
}

struct Outcome {
    observation: Observation,
    line: String,
    requests: Vec<Request>,
}

/// Observes a Vault that answers so.
async fn observed(answers: impl IntoIterator<Item = (Ask, (u16, Value))>, change: impl FnOnce(&mut Input)) -> Outcome {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let vault = Vault { answers: Arc::new(answers.into_iter().collect()), ..Vault::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle).with_state(vault.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, format!("{JWT}\n")).unwrap();
    let mut input = Input {
        run: "r1".to_owned(),
        scenario: "group.name".to_owned(),
        secret_name: format!("http://{address}/pmp-dev/admin"),
        mount: None,
        keys: LISTED.map(str::to_owned).to_vec(),
        auth_mount: "kubernetes".to_owned(),
        role: "pmp-secret-accessor-role".to_owned(),
        token_file: token_file.display().to_string(),
        ca: None,
        hmac_key: Some(RUN_KEY.to_owned()),
        sibling: Some("sibling".to_owned()),
        stay_up: false,
        living: None,
        ask: None,
    };
    change(&mut input);
    let observation = observe(&input).await.unwrap();
    server.abort();
    let line = to_line(&observation).unwrap();
    let requests = vault.requests.lock().unwrap().clone();
    Outcome { observation, line, requests }
}

/// On a customer's cluster the probe has no key for fingerprints and no sibling.
fn as_a_customer(input: &mut Input) {
    input.hmac_key = None;
    input.sibling = None;
}

fn asked(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

fn nothing_secret_is_in(line: &str) {
    for secret in
        ["canary-1", "canary-2", "4711081547", "Nobodys.Key", JWT, "the-app-s-own-token", VAULT_TOKEN, RUN_KEY]
    {
        assert!(!line.contains(secret), "{secret} stands in {line}");
    }
}

#[tokio::test]
async fn on_our_own_testbed_each_key_has_its_state_and_what_is_present_its_fingerprint() {
    let Outcome { observation, line, .. } =
        observed([(LOGIN, logged_in()), (READ, version_2(&values()))], |_| {}).await;
    let secret = observation.secret.unwrap();
    let found: Vec<_> = secret.keys.iter().map(|key| (key.name.as_str(), key.state)).collect();
    let states = [KeyState::Present, KeyState::Empty, KeyState::NotAString, KeyState::Missing];
    assert_eq!(found, LISTED.into_iter().zip(states).collect::<Vec<_>>());
    assert_eq!(secret.keys[0].hmac, fingerprint(RUN_KEY, "A.Present", "canary-1-of-the-run"));
    assert!(secret.keys[1..].iter().all(|key| key.hmac.is_none()));
    assert_eq!((secret.unexpected, secret.version_2_shape), (1, true));
    let login = observation.login.unwrap();
    assert_eq!((login.lease_duration, login.policies), (Some(86_400), vec!["default".to_owned(), "p".to_owned()]));
    nothing_secret_is_in(&line);
}

#[tokio::test]
async fn on_our_own_testbed_the_boundary_is_tried_with_the_vault_token_and_the_token_revoked() {
    let revoked = (("POST", "auth/token/revoke-self"), (204, Value::Null));
    let Outcome { observation, requests, .. } =
        observed([(LOGIN, logged_in()), (READ, version_2(&values())), revoked], |_| {}).await;
    let expected = [
        "POST auth/kubernetes/login",
        "GET pmp-dev/data/admin",
        "LIST pmp-dev/metadata/",
        "POST pmp-dev/data/admin",
        "DELETE pmp-dev/data/admin",
        "GET pmp-dev/data/sibling",
        "POST auth/token/revoke-self",
        "GET pmp-dev/data/admin",
    ];
    assert_eq!(asked(&requests), expected);
    assert_eq!(requests[0].body, json!({ "role": "pmp-secret-accessor-role", "jwt": JWT }));
    assert_eq!(requests[0].token, None);
    assert!(requests[1..].iter().all(|request| request.token.as_deref() == Some(VAULT_TOKEN)));
    let boundary = observation.boundary.unwrap();
    for refused in [&boundary.list, &boundary.write, &boundary.delete, &boundary.sibling] {
        assert_eq!(refused.status, Some(403));
        assert_eq!(refused.text, "1 error occurred: * permission denied");
    }
    assert_eq!((boundary.revoke.status, boundary.after_revocation.status), (Some(204), Some(200)));
}

#[tokio::test]
async fn on_a_customers_cluster_no_fingerprint_is_given_and_nothing_is_asked_but_login_and_read() {
    let Outcome { observation, line, requests } =
        observed([(LOGIN, logged_in()), (READ, version_2(&values()))], as_a_customer).await;
    assert_eq!(asked(&requests), ["POST auth/kubernetes/login", "GET pmp-dev/data/admin"]);
    assert!(observation.secret.unwrap().keys.iter().all(|key| key.hmac.is_none()));
    assert_eq!(observation.boundary, None);
    assert!(!line.contains("hmac"), "{line}");
    nothing_secret_is_in(&line);
}

#[rstest]
#[case::was_refused((403, json!({ "errors": ["permission denied"] })), Some(403))]
#[case::failed((500, json!({ "errors": ["could not load backend configuration"] })), Some(500))]
// Not an answer of Vault's, so it has no status of Vault's.
#[case::gave_no_token((200, json!({ "auth": null })), None)]
#[tokio::test]
async fn the_secret_is_asked_for_without_a_token_where_the_login(
    #[case] login: (u16, Value),
    #[case] status: Option<u16>,
) {
    let Outcome { observation, requests, .. } = observed([(LOGIN, login)], |_| {}).await;
    assert_eq!(observation.login.unwrap().answer.status, status);
    assert!(!observation.read_with_token);
    assert_eq!(observation.read.unwrap().status, Some(403));
    assert_eq!(observation.boundary, None);
    assert!(requests.iter().all(|request| request.token.is_none()), "{requests:?}");
}

#[tokio::test]
async fn a_login_that_wants_a_second_factor_gives_no_token_and_says_so() {
    let auth = json!({ "client_token": "", "mfa_requirement": { "mfa_request_id": "x" } });
    let Outcome { observation, requests, .. } = observed([(LOGIN, (200, json!({ "auth": auth })))], |_| {}).await;
    let login = observation.login.unwrap().answer;
    assert_eq!((login.status, login.text.as_str()), (None, "Vault asks for a second factor"));
    assert!(!observation.read_with_token && requests.iter().all(|request| request.token.is_none()));
}

#[tokio::test]
async fn after_a_bare_refusal_an_empty_login_tells_whether_a_method_is_there() {
    let refused = (403, json!({ "errors": ["permission denied"] }));
    let Outcome { observation, requests, .. } = observed([(LOGIN, refused)], |_| {}).await;
    assert_eq!(observation.login.unwrap().empty_login_status, Some(400));
    assert_eq!(requests[1].path, "auth/kubernetes/login");
    assert_eq!(requests[1].body, json!({}));
}

#[rstest]
#[case::there_is_no_file("absent", None, TokenState::Absent)]
#[case::the_file_is_empty("empty", Some(" \n"), TokenState::Unreadable)]
#[tokio::test]
async fn without_a_token_there_is_no_login_where(
    #[case] name: &str,
    #[case] content: Option<&str>,
    #[case] state: TokenState,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    if let Some(content) = content {
        std::fs::write(&file, content).unwrap();
    }
    let Outcome { observation, requests, .. } =
        observed([(LOGIN, logged_in()), (READ, version_2(&values()))], |input| {
            input.token_file = file.display().to_string();
        })
        .await;
    assert_eq!((observation.token, observation.login), (state, None));
    assert_eq!(asked(&requests), ["GET pmp-dev/data/admin"]);
    // What a Vault that gives secrets to anyone gives is seen, and not taken for the app's own read.
    assert!(!observation.read_with_token);
    assert_eq!(observation.boundary, None);
}

#[tokio::test]
async fn an_answer_of_version_1_has_another_shape_and_no_keys() {
    let literal = json!({ "data": values() });
    let Outcome { observation, line, .. } = observed([(LOGIN, logged_in()), (READ, (200, literal))], |_| {}).await;
    let secret = observation.secret.unwrap();
    assert!(!secret.version_2_shape && secret.keys.is_empty());
    assert_eq!(observation.boundary, None);
    nothing_secret_is_in(&line);
}

#[rstest]
#[case::deleted("2026-01-02T03:04:05Z", false, (true, false))]
#[case::destroyed("", true, (false, true))]
#[tokio::test]
async fn a_version_that_is_gone_says_whether_it_was(
    #[case] deletion_time: &str,
    #[case] destroyed: bool,
    #[case] seen: (bool, bool),
) {
    let metadata = json!({ "version": 1, "deletion_time": deletion_time, "destroyed": destroyed });
    let gone = (404, json!({ "data": { "data": null, "metadata": metadata } }));
    let Outcome { observation, .. } = observed([(LOGIN, logged_in()), (READ, gone)], |_| {}).await;
    let secret = observation.secret.unwrap();
    assert_eq!((secret.deleted, secret.destroyed), seen);
    assert_eq!(observation.boundary, None);
}

#[tokio::test]
async fn a_value_that_a_server_echoes_in_an_answer_without_errors_is_not_kept() {
    let echo = (200, json!({ "data": { "data": "canary-1-of-the-run" }, "warnings": ["canary-2"] }));
    let Outcome { line, .. } = observed([(LOGIN, logged_in()), (READ, echo)], |_| {}).await;
    nothing_secret_is_in(&line);
}

#[tokio::test]
async fn a_path_with_a_slash_at_its_end_is_asked_for_as_it_stands() {
    let Outcome { observation, requests, .. } = observed([(LOGIN, logged_in())], |input| {
        input.secret_name.push('/');
    })
    .await;
    assert_eq!(observation.read_path, "pmp-dev/data/admin/");
    assert_eq!(requests[1].path, "pmp-dev/data/admin/");
}

/// What Vault never answers to a login or a read: its refusals have `errors`.
#[rstest]
#[case::a_gateways_refusal(403, Value::Null)]
#[case::a_gateways_path_unknown(404, json!({ "message": "no Route matched with those values" }))]
#[case::a_login_page(200, json!("<html>"))]
#[case::something_elses_json(200, json!({}))]
#[tokio::test]
async fn what_is_not_vaults_is_neither_a_refusal_nor_a_missing_secret(#[case] status: u16, #[case] body: Value) {
    let at = |ask: Ask| async move { observed([(LOGIN, logged_in()), (ask, (status, body.clone()))], |_| {}).await };
    let login = at.clone()(LOGIN).await.observation.login.unwrap().answer;
    let read = at(READ).await.observation.read.unwrap();
    for answer in [login, read] {
        assert_eq!((answer.status, answer.transport), (None, Some(Transport::Garbled)), "{answer:?}");
    }
}

fn as_it_asks(input: &mut Input) {
    as_a_customer(input);
    input.ask = Some(input::Ask {
        vault_namespace: None,
        sibling: "sibling".to_owned(),
        login_only: false,
        settles: false,
        authorities: Vec::new(),
        keys_of_others: vec![OF_ANOTHER.to_owned()],
    });
}

#[tokio::test]
async fn on_a_customers_cluster_a_key_elsewhere_and_a_doubtful_value_are_told_by_their_kind() {
    let values = json!({ "A.Present": "canary-1\n", "a.missing": "canary-2", "Nobodys.Key": "x" });
    let Outcome { observation, line, .. } =
        observed([(LOGIN, logged_in()), (READ, version_2(&values))], as_it_asks).await;
    let secret = observation.secret.unwrap();
    let told: Vec<_> = secret.keys.iter().map(|key| (key.near, key.doubt)).collect();
    assert_eq!(told, [(None, Some(Doubt::Space)), (None, None), (None, None), (Some(Near::Case), None)]);
    nothing_secret_is_in(&line);
    assert!(!line.contains("a.missing"), "{line}");
    // Values of our own are random, and are not judged.
    let Outcome { line, .. } = observed([(LOGIN, logged_in()), (READ, version_2(&values))], |_| {}).await;
    assert!(!line.contains("near") && !line.contains("doubt"), "{line}");
}

#[tokio::test]
async fn of_the_keys_beside_the_pages_those_of_another_revision_alone_are_named_where_they_have_a_value() {
    for (value, named) in [(json!("canary-1"), true), (json!(""), false), (json!({ "value": "canary-1" }), false)] {
        let values = json!({ "A.Present": "canary-2", OF_ANOTHER: value, "Nobodys.Key": "canary-3" });
        let Outcome { observation, line, .. } =
            observed([(LOGIN, logged_in()), (READ, version_2(&values))], as_it_asks).await;
        let secret = observation.secret.unwrap();
        assert_eq!((secret.of_others.iter().any(|key| key == OF_ANOTHER), secret.unexpected), (named, 2), "{value}");
        nothing_secret_is_in(&line);
        assert!(!line.contains("Nobodys"), "{line}");
    }
}

#[tokio::test]
async fn a_version_that_is_to_be_deleted_later_is_there_until_then() {
    let metadata = json!({ "version": 1, "deletion_time": "2999-01-02T03:04:05.678Z", "destroyed": false });
    let read = (200, json!({ "data": { "data": values(), "metadata": metadata } }));
    let Outcome { observation, .. } = observed([(LOGIN, logged_in()), (READ, read)], as_it_asks).await;
    let secret = observation.secret.unwrap();
    assert_eq!((secret.deleted, secret.ends.as_deref()), (false, Some("2999-01-02T03:04:05.678Z")));
}

/// A secret of any shape, all of whose names and values but the page's names hold a canary.
fn any_secret() -> impl Strategy<Value = Value> {
    let mark = |text: &str| format!("{text}canary");
    let name = prop_oneof![
        3 => select(LISTED.to_vec()).prop_map(str::to_owned),
        1 => select(LISTED.to_vec()).prop_map(move |key| mark(&key.to_lowercase())),
        1 => select(LISTED.to_vec()).prop_map(move |key| mark(&key.replace('.', "-"))),
        1 => "[A-Za-z.${}<>@\" ]{0,12}".prop_map(move |text| mark(&text)),
    ];
    let text = "[A-Za-z0-9.:=${}<>@'\"\r\n ]{0,20}".prop_map(move |text| mark(&text));
    let leaf = prop_oneof![6 => text.prop_map(Value::from), 1 => Just(json!("")), 1 => Just(json!(4_711_081_547_u64))];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let object = proptest::collection::btree_map(name.clone(), inner.clone(), 0..6)
            .prop_map(|values| Value::Object(values.into_iter().collect()));
        prop_oneof![
            3 => object.clone(),
            1 => object.prop_map(|values| Value::from(values.to_string())),
            1 => proptest::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn whatever_the_secret_is_no_value_and_no_name_but_the_pages_is_told(secret in any_secret(), asks in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answers = [(LOGIN, logged_in()), (READ, version_2(&secret))];
        let way = if asks { as_it_asks } else { as_a_customer };
        let line = runtime.block_on(observed(answers, way)).line;
        for told in ["canary", "4711081547"] {
            prop_assert!(!line.to_lowercase().contains(told), "{} of {}", line, secret);
        }
    }
}

/// What Vault says of the mount `team/pmp-dev` to who asks for a path in it.
const WHICH_MOUNT: Ask = ("GET", "sys/internal/ui/mounts/team/pmp-dev/admin");

fn a_mount_of_version_2(path: &str) -> (u16, Value) {
    (200, json!({ "data": { "path": path, "type": "kv", "options": { "version": "2" } } }))
}

fn in_a_mount_with_a_slash(input: &mut Input) {
    as_it_asks(input);
    input.secret_name = input.secret_name.replace("/pmp-dev/", "/team/pmp-dev/");
}

#[tokio::test]
async fn where_a_path_may_be_taken_apart_in_several_ways_vault_says_how_and_all_is_asked_there() {
    const THERE: &str = "GET team/pmp-dev/data/admin";
    let read = (("GET", "team/pmp-dev/data/admin"), version_2(&values()));
    let answers = [(LOGIN, logged_in()), (WHICH_MOUNT, a_mount_of_version_2("team/pmp-dev/")), read];
    let Outcome { observation, requests, line } = observed(answers, in_a_mount_with_a_slash).await;
    assert_eq!(observation.read_path, "team/pmp-dev/data/admin");
    assert_eq!(observation.read.unwrap().status, Some(200));
    let told = observation.asked.unwrap();
    assert_eq!(
        (told.mount_path.as_deref(), told.engine.as_deref(), told.kv_version),
        (Some("team/pmp-dev"), Some("kv"), Some(2))
    );
    let requests_there: Vec<bool> = requests
        .iter()
        .filter(|request| format!("{} {}", request.method, request.path) == THERE)
        .map(|request| request.token.is_some())
        .collect();
    // Once without a token, and once with it.
    assert_eq!(requests_there, [false, true]);
    nothing_secret_is_in(&line);
}

#[tokio::test]
async fn where_the_first_part_is_the_mount_or_the_mount_is_named_no_other_way_is_tried() {
    let read = (("GET", "team/data/pmp-dev/admin"), version_2(&values()));
    let Outcome { observation, requests, .. } = observed([(LOGIN, logged_in()), read], in_a_mount_with_a_slash).await;
    assert_eq!(observation.read_path, "team/data/pmp-dev/admin");
    assert!(!asked(&requests).iter().any(|request| request.contains("team/pmp-dev")), "{requests:?}");

    let read = (("GET", "team/pmp-dev/data/admin"), version_2(&values()));
    let Outcome { observation, requests, .. } = observed([(LOGIN, logged_in()), read], |input| {
        in_a_mount_with_a_slash(input);
        input.mount = Some("team/pmp-dev".to_owned());
    })
    .await;
    assert_eq!(observation.read.unwrap().status, Some(200));
    assert!(!asked(&requests).iter().any(|request| request.contains("team/data")), "{requests:?}");
}

#[rstest]
#[case::vault_does_not_tell_it((403, json!({ "errors": ["preflight capability check returned 403"] })))]
#[case::it_tells_of_another_mount(a_mount_of_version_2("te/"))]
#[tokio::test]
async fn a_path_is_taken_apart_at_its_first_slash_where(#[case] said: (u16, Value)) {
    let answers = [(LOGIN, logged_in()), (WHICH_MOUNT, said)];
    let Outcome { observation, .. } = observed(answers, in_a_mount_with_a_slash).await;
    assert_eq!(observation.read_path, "team/data/pmp-dev/admin");
    assert_eq!(observation.read.unwrap().status, Some(403));
}

#[rstest]
#[case::one_that_takes_a_users_name_in_the_path(405, "unsupported operation", true)]
#[case::none(403, "permission denied", false)]
#[tokio::test]
async fn a_login_that_is_refused_as_if_nothing_were_there_tells_whether_there_is_a_method(
    #[case] status: u16,
    #[case] text: &str,
    #[case] there: bool,
) {
    let by_name = (("GET", "auth/userpass/login/pmp-vault-conformance"), (status, json!({ "errors": [text] })));
    let Outcome { observation, requests, .. } = observed([by_name], |input| {
        as_it_asks(input);
        input.auth_mount = "userpass".to_owned();
    })
    .await;
    let login = observation.login.unwrap();
    assert_eq!((login.empty_login_status, login.another_method), (Some(403), there));
    let last = asked(&requests).pop().unwrap();
    assert_eq!(last, "GET auth/userpass/login/pmp-vault-conformance");
}

#[tokio::test]
async fn on_a_customers_cluster_what_hides_vaults_health_does_not_hide_the_apps_way() {
    let portal = (("GET", "sys/health"), (200, json!("Please log in.")));
    let Outcome { observation, .. } = observed([portal, (LOGIN, logged_in()), (READ, version_2(&values()))], |input| {
        as_it_asks(input);
    })
    .await;
    let asked = observation.asked.unwrap();
    assert_eq!((asked.health.status, asked.health.transport), (None, Some(Transport::Garbled)));
    assert_eq!(observation.read.unwrap().status, Some(200));
}

#[tokio::test]
async fn a_tls_listener_is_asked_for_no_login_in_plain_http() {
    let health = (("GET", "sys/health"), (400, json!("Client sent an HTTP request to an HTTPS server.")));
    let Outcome { observation, requests, .. } = observed([health, (LOGIN, logged_in())], as_it_asks).await;
    let login = observation.login.unwrap().answer;
    assert_eq!((login.status, login.text.as_str()), (Some(400), PLAIN_TO_TLS));
    assert_eq!(asked(&requests), ["GET sys/health"]);
}

#[tokio::test]
async fn where_nothing_listens_login_and_read_say_so() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Outcome { observation, requests, .. } =
        observed([], |input| input.secret_name = format!("http://{closed}/pmp-dev/admin")).await;
    assert_eq!(observation.login.unwrap().answer.transport, Some(Transport::Refused));
    assert_eq!(observation.read.unwrap().transport, Some(Transport::Refused));
    assert!(requests.is_empty());
}
