//! The metrics of real checks, as those see them who read them: promtool, the reference parser of OpenMetrics, a real
//! Pushgateway; the alerts and the dashboard on them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::customer::{Customer, LIMIT, VALUE};
use crate::support::testbed::eventually;

/// Where `scripts/check-metrics` puts what it calls.
fn tool(name: &str) -> PathBuf {
    let folder = std::env::var("PMP_CACHE").expect("PMP_CACHE is not set: . scripts/env.sh");
    let file = Path::new(&folder).join("metrics-tools").join(name);
    assert!(file.exists(), "{} is not there; scripts/check-metrics builds it", file.display());
    file
}

/// The value of the sample that begins so.
fn sample<'a>(metrics: &'a str, series: &str) -> Option<&'a str> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_metrics_of_checks_are_taken_by_those_who_read_them_and_answer_every_query_of_the_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    let customer = Customer::with_app("metrics");
    let file = |name: &str| folder.path().join(name);
    // The secret's version ends in ten days, the reviewer's token in a year.
    customer.admin.vault(
        "POST",
        &format!("{}/metadata/admin", customer.mount),
        json!({ "delete_version_after": "240h" }),
    );
    customer.store(json!({ "VCS.GitlabAdminPAT": format!("{VALUE}of-metrics") }));
    let reviewer_token = file("reviewer-token");
    std::fs::write(&reviewer_token, customer.reviewer_token()).unwrap();
    let check = |name: &str| {
        let metrics = file(name);
        let token = customer.token();
        let mut flags = customer.every_depth(&token);
        flags.push(format!("--reviewer-token-file={}", reviewer_token.display()));
        flags.push(format!("--metrics={}", metrics.display()));
        let ran = customer.run(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(ran.stdout.contains(&format!("Metrics: {}", metrics.display())), "{}", ran.said());
        let text = std::fs::read_to_string(&metrics).unwrap();
        let token = std::fs::read_to_string(&token).unwrap();
        for secret in [VALUE, token.trim(), &std::fs::read_to_string(&reviewer_token).unwrap()] {
            assert!(!text.contains(secret), "{}", ran.said());
        }
        (ran, metrics, text)
    };

    let (ran, green, text) = check("green.prom");
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    let app = format!("app_namespace=\"{}\",app=\"mxplatform\"", customer.namespace);
    let result = |text: &str, result: &str| {
        sample(text, &format!("pmp_vault_check_result{{{app},result=\"{result}\"}}")).map(str::to_owned)
    };
    assert_eq!(result(&text, "passed").as_deref(), Some("1.0"), "{text}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let days = |scenario: &str, case: &str| {
        let labels = format!("{app},scenario=\"{scenario}\",kind=\"check\",case=\"{case}\"");
        let ends = sample(&text, &format!("pmp_vault_check_expiration_timestamp_seconds{{{labels}}}"));
        let ends: f64 = ends.unwrap_or_else(|| panic!("{case}: {text}")).parse().unwrap();
        ((ends - now) / 86_400.0).round()
    };
    assert_eq!(days("existing.app", "secret-ends"), 10.0);
    assert_eq!(days("existing.set-up", "secret"), 10.0);
    assert_eq!(days("existing.set-up", "reviewer-token"), 365.0);
    assert!(days("existing.set-up", "auth-config") > 3000.0, "the authority of a kind cluster lasts ten years");
    for stage in ["pod", "login", "read", "boundary"] {
        let labels = format!("{app},scenario=\"existing.app\",kind=\"stage\",case=\"{stage}\"");
        let took = sample(&text, &format!("pmp_vault_check_stage_duration_seconds{{{labels}}}"));
        let took: f64 = took.unwrap_or_else(|| panic!("{stage}: {text}")).parse().unwrap();
        assert!(took < 60.0, "{stage}: {took}");
    }

    customer.write_role(json!({ "bound_service_account_namespaces": "another" }));
    let (ran, _, text) = check("red.prom");
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    assert_eq!(result(&text, "failed").as_deref(), Some("1.0"), "{text}");
    assert!(text.contains("cause=\"login.namespace-not-authorized\""), "{text}");

    // Two checks of one app say two things of one series; the other is that of an app beside it.
    let other = file("other.prom");
    std::fs::write(&other, text.replace("app=\"mxplatform\"", "app=\"other\"")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-metrics");
    let output = Command::new(script).args([&green, &other]).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

/// A Pushgateway of its own, which ends with this.
struct Pushgateway {
    child: Child,
    address: String,
}

impl Pushgateway {
    fn start(extra: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(tool("pushgateway"));
        command.arg(format!("--web.listen-address={free}")).args(extra).stdout(Stdio::null()).stderr(Stdio::null());
        let gateway = Self { child: command.spawn().unwrap(), address: format!("http://{free}") };
        eventually("the Pushgateway listens", LIMIT, || std::net::TcpStream::connect(free).is_ok());
        gateway
    }

    /// What Prometheus would scrape there.
    fn scraped(&self, extra: &[&str]) -> String {
        let output =
            Command::new("curl").args(["-sSf", &format!("{}/metrics", self.address)]).args(extra).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Pushgateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_real_pushgateway_keeps_the_last_check_of_an_app_and_nothing_of_the_one_before() {
    let customer = Customer::with_app("push");
    let gateway = Pushgateway::start(&[]);
    let push = format!("--push-metrics={}", gateway.address);
    let group =
        format!("app=\"mxplatform\",app_namespace=\"{}\",instance=\"\",job=\"pmp-vault-check\"", customer.namespace);
    let result = |result: &str| {
        let text = gateway.scraped(&[]);
        sample(&text, &format!("pmp_vault_check_result{{{group},result=\"{result}\"}}")).map(str::to_owned)
    };
    let ran = customer.run(&[&push]);
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    assert!(
        ran.stdout.contains(&format!("Metrics: {}/metrics/job/pmp-vault-check/", gateway.address)),
        "{}",
        ran.said()
    );
    assert_eq!(result("passed").as_deref(), Some("1"));

    customer.write_role(json!({ "bound_service_account_namespaces": "another" }));
    let ran = customer.run(&[&push]);
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    assert_eq!((result("passed").as_deref(), result("failed").as_deref()), (Some("0"), Some("1")));
    let failed = gateway.scraped(&[]);
    assert!(failed.contains("cause=\"login.namespace-not-authorized\""), "{failed}");

    customer.write_role(json!({}));
    assert_eq!(customer.run(&[&push]).code, Some(0));
    let mended = gateway.scraped(&[]);
    assert!(!mended.contains("cause=\"login.namespace-not-authorized\""), "{mended}");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_pushgateway_that_wants_to_know_who_pushes_is_told_by_a_file_and_what_passed_does_not_pass_without_it() {
    let customer = Customer::with_app("auth");
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("web.yaml");
    // The password `a-password-of-nobody`.
    let hash = "$2b$05$abcdefghijklmnopqrstuusSU7gLLzvAB9q6FMTIJ0rF01E95FUdC";
    std::fs::write(&users, json!({ "basic_auth_users": { "check": hash } }).to_string()).unwrap();
    let gateway = Pushgateway::start(&[&format!("--web.config.file={}", users.display())]);
    let push = format!("--push-metrics={}", gateway.address);

    let ran = customer.run(&[&push]);
    assert_eq!(ran.code, Some(3), "{}", ran.said());
    assert_eq!(ran.verdicts()[1], "conformant", "the check's own verdict stays: {}", ran.said());
    assert!(ran.stdout.contains("HTTP 401") && ran.stdout.contains("--push-authorization-file"), "{}", ran.said());

    let header = folder.path().join("header");
    std::fs::write(&header, "Basic Y2hlY2s6YS1wYXNzd29yZC1vZi1ub2JvZHk=\n").unwrap();
    let file = format!("--push-authorization-file={}", header.display());
    let ran = customer.run(&[&push, &file]);
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    assert!(!ran.said().contains("Y2hlY2s6"), "{}", ran.said());
    let scraped = gateway.scraped(&["--user", "check:a-password-of-nobody"]);
    assert!(scraped.contains("pmp_vault_check_result{"), "{scraped}");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn for_nagios_a_check_says_its_state_first() {
    let customer = Customer::with_app("nagios");
    let first = |code: i32| {
        let ran = customer.run(&["--exit-codes=nagios"]);
        assert_eq!(ran.code, Some(code), "{}", ran.said());
        ran.stdout.lines().next().unwrap_or_default().to_owned()
    };
    // Vault is asked over http here, which is always warned of.
    let warned = first(1);
    assert!(warned.starts_with("VAULT WARNING - The app can read its credentials"), "{warned}");
    assert!(warned.contains(" | time=") && warned.contains(" failed=0;;;0 "), "{warned}");
    customer.write_role(json!({ "bound_service_account_namespaces": "another" }));
    let failed = first(2);
    assert!(failed.starts_with("VAULT CRITICAL - The app cannot read its credentials: "), "{failed}");
    println!("{warned}\n{failed}");
}
