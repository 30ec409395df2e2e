//! A check of one's own cluster that cannot start says what is missing, asks no
//! server before, and takes no token that it was not given.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::cli::{left_in, program};

pub const SECRET_NAME: &str = "--secret-name=http://127.0.0.1:1/pmp-dev/admin";

pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")) }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{error}"));
        path
    }

    /// A kubeconfig with one context, `customer`.
    pub fn kubeconfig(&self, server: &str) -> String {
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "customer",
            "clusters": [{ "name": "c", "cluster": { "server": server } }],
            "users": [{ "name": "u", "user": {} }],
            "contexts": [{ "name": "customer", "context": { "cluster": "c", "user": "u" } }],
        });
        format!("--kubeconfig={}", self.file("kubeconfig", &text.to_string()).display())
    }

    pub fn state(&self) -> &Path {
        self.folder.path()
    }

    pub fn program(&self) -> Command {
        let mut command = program(self.state());
        for name in ["VAULT_TOKEN", "VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT", "KUBERNETES_SERVICE_HOST"] {
            command.env_remove(name);
        }
        command.env("KUBECONFIG", self.folder.path().join("none"));
        command
    }

    /// `check` with these flags; nothing is left of it.
    pub fn check(&self, flags: &[&str]) -> Assert {
        let assert = self.program().arg("check").args(flags).assert();
        assert_eq!(left_in(self.state()), Vec::<String>::new());
        assert
    }
}

#[rstest]
#[case::no_context(&["--namespace=app", SECRET_NAME, "--probe-image=i"], "--context is missing")]
#[case::no_namespace(&["--context=customer", SECRET_NAME, "--probe-image=i"], "--namespace <NAME>")]
#[case::no_secret_name(&["--context=customer", "--namespace=app", "--probe-image=i"], "--secret-name <URL>")]
#[case::no_probe_image(&["--context=customer", "--namespace=app", SECRET_NAME], "--probe-image <REF>")]
fn what_is_missing_is_named(#[case] flags: &[&str], #[case] hint: &str) {
    Place::new().check(flags).code(2).stdout(is_empty()).stderr(contains(hint));
}

#[rstest]
#[case::of_the_environment(&[], Some("--vault-namespace=team"))]
#[case::of_a_flag(&["--vault-namespace=other"], Some("--vault-namespace=other"))]
#[case::that_a_flag_takes_away(&["--vault-namespace="], None)]
fn the_namespace_of_vault_is_that(#[case] flags: &[&str], #[case] told: Option<&str>) {
    let place = Place::new();
    let job = ["print", "job", "--namespace=app", SECRET_NAME, "--probe-image=i"];
    let printed = place.program().env("VAULT_NAMESPACE", "team").args(job).args(flags).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let line = printed.lines().find(|line| line.contains("--vault-namespace"));
    assert_eq!(line.map(|line| line.trim().trim_start_matches("- ")), told);
}

#[rstest]
#[case::a_key_with_a_slip(&["--require=VCS.GitlabAdminPatt"], "did you mean VCS.GitlabAdminPAT")]
#[case::a_key_like_no_other(&["--require=zzz"], "`zzz`, which is no key of the page")]
#[case::no_url(&["--vault-addr=vault"], "http://ADDRESS:8200/MOUNT/NAME")]
#[case::a_url_of_another_scheme(&["--vault-addr=ftp://vault"], "neither http nor https")]
#[case::a_reviewer_without_its_namespace(&["--reviewer=vault-reviewer"], "NAMESPACE/NAME")]
#[case::a_question_about_no_reviewer(&["--diagnose-reviewer"], "--reviewer")]
#[case::a_toleration_of_no_effect(&["--toleration=dedicated:Never"], "NoSchedule")]
#[case::a_toleration_without_a_key(&["--toleration==x"], "KEY[=VALUE][:EFFECT]")]
#[case::a_label_that_is_no_pair(&["--label=mesh"], "KEY=VALUE")]
#[case::the_apps_namespace_as_the_other(&["--other-namespace=app"], "--other-namespace is the app's own")]
#[case::a_token_file_that_is_not_there(&["--vault-token-file=/no/such/token"], "--vault-token-file: cannot read")]
#[case::two_tokens(&["--vault-token-file=x", "--vault-token-from-env"], "cannot be used with")]
#[case::a_token_that_is_not_set(&["--vault-token-from-env"], "VAULT_TOKEN is not set")]
#[case::a_reviewers_token_that_is_not_there(&["--reviewer-token-file=/no/such/token"], "--reviewer-token-file: cannot read")]
#[case::a_reviewers_token_that_is_none(&["--reviewer-token-file=/dev/null"], "holds no JWT")]
#[case::a_time_of_no_unit(&["--ends-within=30"], "--ends-within")]
#[case::an_address_with_a_path(&["--vault-addr=http://vault/kv"], "has a path")]
#[case::a_log_that_is_not_there(&["--vault-log=/no/such/log"], "--vault-log: cannot read")]
#[case::authorities_that_are_not_there(&["--ca-file=/no/such/ca"], "--ca-file: cannot read")]
#[case::a_testbed_to_keep(&["--keep"], "`run`, which has this flag")]
#[case::a_testbed_to_use_again(&["--reuse=rk3f9xa2b"], "`run`, which has this flag")]
#[case::a_scenario(&["--scenario=binding.*"], "`run`, which has this flag")]
#[case::how_many_at_once(&["--jobs=3"], "`run`, which has this flag")]
#[case::a_profile(&["--profile=all"], "`run`, which has this flag")]
#[case::what_only_a_run_can_deny(&["--deny=known-deviation"], "[possible values: warning]")]
#[case::a_policy_that_nobody_would_read(&["--policy=other"], "--vault-token-file")]
#[case::a_way_to_vault_that_nobody_would_go(&["--vault-via=http://127.0.0.1:1"], "--vault-token-file")]
#[case::parts_of_a_secret_name_that_is_whole(&["--mount=kv"], "cannot be used with")]
#[case::reports_of_a_dry_run(&["--dry-run", "--json=x"], "cannot be used with")]
#[case::a_time_limit_of_a_dry_run(&["--dry-run", "--timeout=5m"], "cannot be used with")]
#[case::metrics_of_a_dry_run(&["--dry-run", "--metrics=x"], "cannot be used with")]
#[case::a_plugin_s_dry_run(&["--dry-run", "--sonobuoy=x"], "cannot be used with")]
#[case::a_plugin_with_a_report_elsewhere(&["--sonobuoy=x", "--junit=y"], "cannot be used with")]
#[case::a_folder_of_results_that_is_not_there(&["--sonobuoy=/no/such"], "cannot write the report /no/such/")]
#[case::a_push_of_a_dry_run(&["--dry-run", "--push-metrics=http://127.0.0.1:1"], "cannot be used with")]
#[case::a_file_for_two_reports(&["--json=x", "--metrics=x"], "names the file of another report")]
#[case::a_pushgateway_that_is_no_url(&["--push-metrics=pushgateway"], "is no URL")]
#[case::credentials_in_the_command_line(&["--push-metrics=http://me:you@127.0.0.1:1"], "--push-authorization-file")]
#[case::a_header_for_nobody(&["--push-authorization-file=x"], "--push-metrics")]
#[case::a_header_that_is_not_there(&["--push-metrics=http://127.0.0.1:1", "--push-authorization-file=/no/such"], "cannot read /no/such")]
#[case::exit_codes_of_another(&["--exit-codes=icinga"], "[possible values: own, nagios]")]
fn wrong_use_is_exit_code_2_with_what_is_right(#[case] flags: &[&str], #[case] hint: &str) {
    let mut all = vec!["--context=customer", "--namespace=app", "--probe-image=i"];
    if !flags.iter().any(|flag| flag.starts_with("--vault-addr")) {
        all.push(SECRET_NAME);
    }
    all.extend(flags);
    Place::new().check(&all).code(2).stdout(is_empty()).stderr(contains(hint));
}

#[test]
fn a_secret_name_and_its_parts_exclude_each_other() {
    let flags =
        ["--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, "--vault-addr=http://127.0.0.1:1"];
    Place::new().check(&flags).code(2).stderr(contains("cannot be used with"));
}

#[rstest]
#[case::empty("")]
#[case::blank(" \n")]
#[case::two_words("one two")]
fn a_token_file_without_a_token_is_refused_and_its_content_never_said(#[case] content: &str) {
    let place = Place::new();
    let token = format!("--vault-token-file={}", place.file("token", content).display());
    let flags = ["--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, &token];
    place
        .check(&flags)
        .code(2)
        .stdout(is_empty())
        .stderr(contains("the Vault token given is empty or not one word").and(contains("one two").not()));
}

#[rstest]
#[case::a_cluster(&["run", "--context=x", "--namespace=y", "--secret-name=z"], "looked at by `check`")]
#[case::a_cluster_in_two_words(&["run", "--context", "x"], "looked at by `check`")]
#[case::a_dry_run(&["run", "--dry-run"], "looked at by `check`")]
#[case::an_image_of_vault_where_there_is_one(&["run", "--reuse=rk3f9xa2b", "--vault-image=v"], "cannot be used with")]
#[case::an_image_of_the_node_that_is_up(&["self-test", "--reuse=rk3f9xa2b", "--node-image=n"], "cannot be used with")]
#[case::what_a_check_can_deny(&["run", "--deny=warning"], "[possible values: known-deviation]")]
#[case::a_cluster_of_the_doctor(&["doctor", "--context=x"], "`doctor check`")]
fn a_flag_of_a_check_is_never_taken_for_one_of_a_run(#[case] arguments: &[&str], #[case] hint: &str) {
    Place::new().program().args(arguments).assert().code(2).stdout(is_empty()).stderr(contains(hint));
}

#[rstest]
#[case::a_token_of_the_environment("--vault-token-from-env")]
#[case::a_token_in_a_file("--vault-token-file=x")]
#[case::a_piece_of_a_log("--vault-log=x")]
#[case::a_cluster("--context=customer")]
#[case::a_report("--junit=x")]
#[case::metrics("--metrics=x")]
#[case::credentials("--push-authorization-file=x")]
fn a_job_has_nothing_of_this_machine(#[case] flag: &str, #[values("job", "cronjob")] what: &str) {
    let flags = ["print", what, "--namespace=app", SECRET_NAME, "--probe-image=i", flag];
    Place::new().program().args(flags).assert().code(2).stderr(contains("a Job has no token and no file"));
}

#[rstest]
#[case::of_the_doctor(&["doctor", "check"])]
#[case::of_the_rights(&["print", "rbac"])]
fn a_policy_that_nobody_would_read_is_wrong_use(#[case] command: &[&str]) {
    let flags = ["--namespace=app", SECRET_NAME, "--policy=other"];
    Place::new().program().args(command).args(flags).assert().code(2).stderr(contains("--vault-token-file"));
}

#[test]
fn the_rights_are_printed_with_the_flags_of_the_check() {
    let flags = ["--context=customer", "--namespace=app", SECRET_NAME, "--probe-image=i", "--vault-log=x"];
    Place::new().program().args(["print", "rbac"]).args(flags).assert().code(0).stdout(contains("kind: Role"));
}

#[rstest]
#[case::a_toleration("--toleration=dedicated=apps:NoSchedule", "/tolerations/0", json!({
    "key": "dedicated", "operator": "Equal", "value": "apps", "effect": "NoSchedule" }))]
#[case::a_node_selector("--node-selector=pool=apps", "/nodeSelector", json!({ "pool": "apps" }))]
#[case::a_pull_secret("--image-pull-secret=registry", "/imagePullSecrets/0/name", json!("registry"))]
#[case::a_limit("--limit=ephemeral-storage=64Mi", "/containers/0/resources/limits/ephemeral-storage", json!("64Mi"))]
fn what_the_cluster_asks_of_pods_the_job_has_itself_and_hands_on(
    #[case] flag: &str,
    #[case] place: &str,
    #[case] written: Value,
) {
    let flags = ["print", "job", "--namespace=app", SECRET_NAME, "--probe-image=i", flag];
    let printed = Place::new().program().args(flags).assert().success().get_output().stdout.clone();
    let printed = String::from_utf8(printed).unwrap();
    let job: Value = serde_saphyr::from_str(printed.split("---\n").last().unwrap()).unwrap();
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod.pointer(place), Some(&written), "{printed}");
    let handed_on = pod["containers"][0]["args"].as_array().unwrap();
    assert!(handed_on.contains(&json!(flag)), "{printed}");
}

/// The last object that `print` prints with these flags.
pub fn printed(what: &str, flags: &[&str]) -> Value {
    let command = ["print", what, "--namespace=app", SECRET_NAME, "--probe-image=i"];
    let printed = Place::new().program().args(command).args(flags).assert().success().get_output().stdout.clone();
    let printed = String::from_utf8(printed).unwrap();
    serde_saphyr::from_str(printed.split("---\n").last().unwrap()).unwrap()
}

#[rstest]
#[case::by_itself(&[], "17 5 * * *", false)]
#[case::as_it_is_told(&["--schedule=*/30 * * * MON-FRI"], "*/30 * * * MON-FRI", false)]
#[case::in_a_word(&["--schedule=@hourly", "--suspend"], "@hourly", true)]
fn a_cronjob_runs_the_job(#[case] flags: &[&str], #[case] schedule: &str, #[case] suspended: bool) {
    let cronjob = printed("cronjob", flags);
    let spec = &cronjob["spec"];
    assert_eq!((&cronjob["kind"], &spec["schedule"]), (&json!("CronJob"), &json!(schedule)));
    assert_eq!((&spec["suspend"], &spec["concurrencyPolicy"]), (&json!(suspended), &json!("Forbid")));
    let template = &spec["jobTemplate"]["spec"]["template"];
    assert_eq!(template, &printed("job", &[])["spec"]["template"]);
}

#[rstest]
#[case("hourly")]
#[case("* * * *")]
#[case("17 5 * * * *")]
#[case("17 5 * * $(x)")]
fn a_schedule_that_is_none_is_wrong_use(#[case] schedule: &str) {
    let flags = ["print", "cronjob", "--namespace=app", SECRET_NAME, "--probe-image=i", "--schedule", schedule];
    Place::new().program().args(flags).assert().code(2).stderr(contains("it has five fields"));
}

#[rstest]
fn where_metrics_go_is_handed_on_to_the_job(#[values("job", "cronjob")] what: &str) {
    let flag = "--push-metrics=http://pushgateway.example:9091";
    let object = printed(what, &[flag]);
    let arguments = object.pointer("/spec/template/spec/containers/0/args");
    let arguments = arguments.or(object.pointer("/spec/jobTemplate/spec/template/spec/containers/0/args")).unwrap();
    assert!(arguments.as_array().unwrap().contains(&json!(flag)), "{arguments}");
}

/// A Pushgateway that answers so, and what it was sent: each request as one text.
fn pushgateway(runtime: &tokio::runtime::Runtime, status: StatusCode) -> (std::net::SocketAddr, Sent) {
    let sent = Sent::default();
    let take = move |State(sent): State<Sent>, request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
        let text = format!("{} {} {:?}\n{}", parts.method, parts.uri, parts.headers, String::from_utf8_lossy(&body));
        sent.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        status
    };
    (serve(runtime, axum::Router::new().fallback(take).with_state(sent.clone())), sent)
}

#[rstest]
#[case::that_takes_them(StatusCode::OK)]
#[case::that_does_not(StatusCode::BAD_REQUEST)]
fn metrics_are_pushed_at_the_end_of_a_check_and_it_is_told_where_they_are_not_taken(#[case] status: StatusCode) {
    let (runtime, place) = (runtime(), Place::new());
    let (address, sent) = pushgateway(&runtime, status);
    let config = place.kubeconfig("http://127.0.0.1:1");
    let metrics = place.state().join("check.prom");
    let header = place.file("header", "Bearer a-token-of-nobody");
    let flags = [
        format!("--push-metrics=http://{address}"),
        format!("--push-authorization-file={}", header.display()),
        format!("--metrics={}", metrics.display()),
    ];
    let output = place
        .program()
        .args(["check", "--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, &config])
        .args(flags)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(!said.contains("a-token-of-nobody"), "{said}");
    let told = said.contains("the metrics could not be pushed to") && said.contains("HTTP 400");
    assert_eq!(told, status != StatusCode::OK, "{said}");

    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let [request] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(request.starts_with("PUT /metrics/job/pmp-vault-check/app_namespace/app/app/mxplatform "), "{request}");
    assert!(request.contains("Bearer a-token-of-nobody"), "{request}");
    let body = request.split_once('\n').unwrap().1;
    assert_eq!(body, std::fs::read_to_string(&metrics).unwrap(), "what is pushed is what is written");
    assert!(body.contains("result=\"inconclusive\"} 1.0\n") && body.ends_with("# EOF\n"), "{body}");
}

#[rstest]
#[case::that_cannot_begin(&["--context=nobody"], "no context `nobody`")]
#[case::of_no_cluster(&["--context=customer"], "the cluster cannot be asked")]
#[case::that_is_refused(&["--context=customer", "--require=zzz"], "`zzz`, which is no key of the page")]
#[case::with_a_flag_that_nobody_knows(&["--context=customer", "--bogus"], "--bogus")]
fn for_nagios_what_is_not_known_is_unknown_in_the_first_line(
    #[case] flags: &[&str],
    #[case] says: &str,
    #[values(&["--exit-codes=nagios"], &["--exit-codes", "nagios"])] codes: &[&str],
) {
    let place = Place::new();
    let config = place.kubeconfig("http://127.0.0.1:1");
    let all = [&["--namespace=app", "--probe-image=i", SECRET_NAME, &config], flags, codes].concat();
    let output = place.check(&all).code(3).get_output().stdout.clone();
    let output = String::from_utf8(output).unwrap();
    let first = output.lines().next().unwrap();
    assert!(first.starts_with("VAULT UNKNOWN - "), "{output}");
    assert!(output.contains(says), "{output}");
}

#[test]
fn a_context_that_is_not_there_is_answered_with_those_that_are() {
    let place = Place::new();
    let config = place.kubeconfig("https://127.0.0.1:1");
    let flags = ["--context=custmer", "--namespace=app", "--probe-image=i", SECRET_NAME, &config];
    place.check(&flags).code(3).stdout(contains("no context `custmer`; it has customer"));
}

#[test]
fn a_kubeconfig_that_is_not_there_is_no_verdict() {
    let place = Place::new();
    let flags = ["--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, "--kubeconfig=/no/such/file"];
    place.check(&flags).code(3).stdout(contains("cannot use the kubeconfig").and(contains("--kubeconfig")));
}

#[test]
fn a_cluster_that_does_not_answer_is_no_verdict_and_reported() {
    let place = Place::new();
    let config = place.kubeconfig("http://127.0.0.1:1");
    let report = place.state().join("report.json");
    let json = format!("--json={}", report.display());
    let flags = ["--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, &config, &json];
    place.check(&flags).code(3).stdout(contains("the cluster cannot be asked"));
    let report = std::fs::read_to_string(report).unwrap_or_else(|error| panic!("{error}"));
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report["exit-code"], 3);
    let scenarios = report["scenarios"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(scenarios.len(), 5);
    assert!(
        scenarios.iter().all(|scenario| ["inconclusive", "skipped"].map(Value::from).contains(&scenario["verdict"]))
    );
    place.program().args(["doctor", "check"]).args(&flags[..5]).assert().code(3).stdout(contains("MISSING  cluster"));
}

/// Everything that a server was sent: method, path, headers and body as one text a request.
type Sent = Arc<Mutex<Vec<String>>>;

/// API server and Vault in one, which grants every right to ask and nothing else.
async fn answer(State(sent): State<Sent>, request: Request) -> (StatusCode, Json<Value>) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let text = format!("{} {} {:?} {}", parts.method, parts.uri, parts.headers, String::from_utf8_lossy(&body));
    sent.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    match parts.uri.path() {
        "/version" => {
            let fields = ["major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion"];
            let mut version: serde_json::Map<String, Value> =
                fields.iter().chain(&["compiler", "platform"]).map(|name| ((*name).to_owned(), json!("1"))).collect();
            version.insert("gitVersion".to_owned(), json!("v1.30.0"));
            (StatusCode::OK, Json(Value::Object(version)))
        }
        path if path.ends_with("/selfsubjectaccessreviews") => {
            let mut review: Value = serde_json::from_slice(&body).unwrap_or_default();
            review["status"] = json!({ "allowed": true });
            (StatusCode::CREATED, Json(review))
        }
        _ => (
            StatusCode::FORBIDDEN,
            Json(json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": "no", "reason": "Forbidden", "code": 403, "errors": ["permission denied"] })),
        ),
    }
}

/// Serves for as long as the runtime lives.
fn serve(runtime: &tokio::runtime::Runtime, app: axum::Router) -> std::net::SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
    runtime.spawn(async move { axum::serve(listener, app).await });
    address
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a check against such a server with a token in the environment; gives what was sent.
fn sent(flags: &[&str]) -> Vec<String> {
    let (runtime, sent) = (runtime(), Sent::default());
    let address = serve(&runtime, axum::Router::new().fallback(answer).with_state(sent.clone()));

    let place = Place::new();
    let config = place.kubeconfig(&format!("http://{address}"));
    let name = format!("--secret-name=http://{address}/pmp-dev/admin");
    let output = place
        .program()
        .args(["check", "--context=customer", "--namespace=app", "--probe-image=i", &config, &name])
        .args(flags)
        .envs([("VAULT_TOKEN", "an-ambient-token"), ("VAULT_ADDR", "http://127.0.0.1:1"), ("NO_PROXY", "*")])
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(!text.contains("an-ambient-token"), "{text}");
    let requests = sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(requests.len() > 5, "{requests:?}");
    requests
}

#[test]
fn a_token_in_the_environment_is_not_used_unasked() {
    let requests = sent(&[]);
    assert!(requests.iter().all(|request| !request.contains("an-ambient-token")), "{requests:?}");
    assert!(requests.iter().all(|request| !request.contains("/v1/sys/")), "Vault is not asked: {requests:?}");
}

#[test]
fn a_token_in_the_environment_is_used_where_that_is_asked_for_and_goes_to_vault_alone() {
    let requests = sent(&["--vault-token-from-env"]);
    let (with, without): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.contains("an-ambient-token"));
    assert!(!with.is_empty() && with.iter().all(|request| request.contains(" /v1/")), "{with:?}");
    assert!(without.iter().all(|request| !request.contains(" /v1/")), "{without:?}");
}

const PAGE: &str = "<html><body>Please log in.</body></html>";
const GATEWAY: &str = r#"{"message":"no Route matched with those values"}"#;

#[rstest]
#[case::a_load_balancer_without_vault(503, "", "Vault, or what stands in front of it, fails", "503")]
#[case::a_gateway_that_fails_on_a_page(502, PAGE, "Vault, or what stands in front of it, fails", "502")]
#[case::a_rate_limit(429, "", "Vault, or what stands in front of it, fails", "429")]
#[case::a_login_page(200, PAGE, "what answers is not Vault", "no JSON")]
#[case::a_redirect(308, "", "what answers is not Vault", "308")]
#[case::a_gateway_that_knows_no_such_path(404, GATEWAY, "what answers is not Vault", "no `errors`")]
#[case::another_service(200, "{}", "what answers is not Vault", "no `data`")]
fn where_a_vault_token_should_be_used_and_vault_does_not_answer_it_is_told_what_does(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] what: &str,
    #[case] seen: &str,
) {
    let runtime = runtime();
    let status = StatusCode::from_u16(status).unwrap_or_else(|error| panic!("{error}"));
    let front = serve(&runtime, axum::Router::new().fallback(move || async move { (status, body) }));
    let cluster = serve(&runtime, axum::Router::new().fallback(answer).with_state(Sent::default()));
    let place = Place::new();
    let token = format!("--vault-token-file={}", place.file("token", "a-token-of-nobody").display());
    let config = place.kubeconfig(&format!("http://{cluster}"));
    let via = format!("--vault-via=http://{front}");
    let flags = ["--context=customer", "--namespace=app", "--probe-image=i", SECRET_NAME, &config, &token, &via];
    let address = format!("http://{front}/v1/");
    let told = || contains(what).and(contains(seen)).and(contains(&*address)).and(contains("a-token-of-nobody").not());
    place.check(&flags).code(3).stdout(told().and(contains("nothing was created")));
    let doctor = place.program().args(["doctor", "check"]).args(flags).assert();
    doctor.code(3).stdout(told().and(contains("MISSING  Vault: ")).and(contains("`vault status`")));
}
