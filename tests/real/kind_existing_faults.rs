//! Where Vault, or what stands in front of it, fails a customer for good, the
//! check says what fails, and blames neither the role nor the policy nor the
//! secret. What passes after a few tries costs nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use axum::Router;
use axum::http::StatusCode;
use pmp_vault_conformance::journal::Runs;
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::self_test::{Act, Endpoint, Failure, Rule, Tls};
use pmp_vault_conformance::selftest::proxy::Proxy;
use pmp_vault_conformance::selftest::proxy::vault::{self, Behind};
use pmp_vault_conformance::testbed::still_there;
use secrecy::SecretString;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::support::check::Ran;
use crate::support::customer::{ALL, APP, Customer};
use crate::support::servers::{context, kubeconfig, on_threads};
use crate::support::testbed::{owner, record, state};

/// What the Secret Name URL leads to.
#[derive(Clone)]
enum Front {
    /// A proxy that fails by these rules, and passes everything else on.
    Rules(Vec<Rule<Endpoint, Act>>),
    /// A proxy whose TLS fails.
    Tls(Tls),
    /// A proxy with TLS, asked in plain HTTP.
    PlainToTls,
    /// Something that has this one answer to every request.
    Always(u16, &'static str),
    /// Nothing: the name does not resolve.
    Nowhere,
}

struct Fault {
    name: String,
    front: Front,
    /// The one cause that the check must name; none where it must pass.
    cause: Option<String>,
}

const LOGIN: Endpoint = Endpoint::Login;
const READ: Endpoint = Endpoint::Read;

const PAGE: &str = "<html><body>Please log in.</body></html>";

/// What a gateway says of a path that it does not know.
const NO_ROUTE: &str = r#"{"message":"no Route matched with those values"}"#;

fn answer(status: u16) -> Failure {
    Failure::Answer { status, body: None }
}

fn lasting_failures() -> Vec<(&'static str, Failure, &'static str)> {
    // With the cause, but for its stage.
    vec![
        ("429", answer(429), "vault-failing"),
        ("500", answer(500), "vault-failing"),
        ("502", answer(502), "vault-failing"),
        ("503 without body", answer(503), "vault-failing"),
        ("reset in the middle", Failure::Reset, "vault-failing"),
        ("truncated", Failure::Truncate, "not-vault"),
        ("a page in HTML", Failure::Html, "not-vault"),
        ("a redirect to itself", Failure::Redirect, "redirected"),
        ("a body without end", Failure::Huge, "not-vault"),
        ("403 without body", answer(403), "not-vault"),
        ("404 of a gateway", Failure::Answer { status: 404, body: serde_json::from_str(NO_ROUTE).ok() }, "not-vault"),
    ]
}

fn table() -> Vec<Fault> {
    let lasting = |on, failure| Front::Rules(vec![Rule { on, does: Act::Fails(failure), times: None }]);
    let passing = |on, failure, times| Front::Rules(vec![Rule { on, does: Act::Fails(failure), times: Some(times) }]);
    let row = |name: &str, front, cause: Option<&str>| Fault {
        name: name.to_owned(),
        front,
        cause: cause.map(str::to_owned),
    };
    let sealed = || Failure::Answer { status: 503, body: Some(json!({ "errors": ["Vault is sealed"] })) };
    let no_active_node = || Failure::Answer {
        status: 500,
        body: Some(json!({ "errors": ["local node not active but active cluster node not found"] })),
    };
    let mut table = Vec::new();
    for (name, act, cause) in lasting_failures() {
        for (stage, on) in [("login", LOGIN), ("read", READ)] {
            table.push(row(&format!("{stage}: {name}"), lasting(on, act.clone()), Some(&format!("{stage}.{cause}"))));
        }
    }
    table.extend([
        row("login: 503 sealed", lasting(LOGIN, sealed()), Some("login.vault-sealed")),
        row("login: no active node", lasting(LOGIN, no_active_node()), Some("login.vault-not-active")),
        row("read: 503 sealed", lasting(READ, sealed()), Some("read.vault-failing")),
        row("revocation: 503", lasting(Endpoint::Revoke, answer(503)), Some("boundary.vault-failing")),
        row("everything: 503 without body", Front::Always(503, ""), Some("login.vault-failing")),
        row("everything: 502 in HTML", Front::Always(502, PAGE), Some("login.vault-failing")),
        row("everything: a page in HTML", Front::Always(200, PAGE), Some("login.not-vault")),
        row("everything: a redirect", Front::Always(308, PAGE), Some("login.not-vault")),
        row("everything: 404 of a gateway", Front::Always(404, NO_ROUTE), Some("login.not-vault")),
        row("everything: JSON of something else", Front::Always(200, "{}"), Some("login.not-vault")),
        row("TLS: expired", Front::Tls(Tls::Expired), Some("login.vault-certificate-expired")),
        row("TLS: another name", Front::Tls(Tls::OtherName), Some("login.vault-certificate-name")),
        row("TLS: untrusted", Front::Tls(Tls::Untrusted), Some("login.vault-authority-unknown")),
        row("TLS: asked in plain HTTP", Front::PlainToTls, Some("login.plain-http-to-tls")),
        row("a name that does not resolve", Front::Nowhere, Some("login.vault-unreachable")),
        // What passes.
        row("nothing wrong, with TLS", Front::Tls(Tls::Sound), None),
        row("login: 503 twice", passing(LOGIN, answer(503), 2), None),
        row("login: 429 once", passing(LOGIN, answer(429), 1), None),
        row("login: reset once", passing(LOGIN, Failure::Reset, 1), None),
        row("read: 503 twice", passing(READ, answer(503), 2), None),
        row("read: 429 once", passing(READ, answer(429), 1), None),
        row("read: reset once", passing(READ, Failure::Reset, 1), None),
        row("revocation: reset once", passing(Endpoint::Revoke, Failure::Reset, 1), None),
        row("revocation: 503 twice", passing(Endpoint::Revoke, answer(503), 2), None),
    ]);
    table
}

/// What stands in front of Vault while it is held.
struct Standing {
    url: String,
    ca: Option<String>,
    proxy: Option<Proxy>,
}

fn gateway(runtime: &Runtime) -> IpAddr {
    let runs = Runs::new(Some(&state()));
    let testbed = runtime.block_on(still_there(&runs, &owner())).unwrap().unwrap();
    runtime.block_on(testbed.harness_address()).unwrap()
}

/// A server on the gateway that has one answer to everything.
async fn always(gateway: IpAddr, status: u16, body: &'static str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((gateway, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    let router = Router::new().fallback(move || async move { (status, body) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn stand(runtime: &Runtime, gateway: IpAddr, customer: &Customer, front: &Front) -> Standing {
    let through = |rules: &[Rule<Endpoint, Act>], tls| {
        let record = record();
        let behind = Behind {
            address: record["vault-address"].as_str().unwrap().to_owned(),
            root_token: SecretString::from(record["root-token"].as_str().unwrap()),
            policy: customer.policy.clone(),
            pods: None,
        };
        runtime.block_on(vault::start(gateway, behind, rules.to_vec(), tls)).unwrap()
    };
    let path = format!("{}/admin", customer.mount);
    match front {
        Front::Rules(rules) => {
            let proxy = through(rules, None);
            Standing { url: format!("http://{}/{path}", proxy.address), ca: None, proxy: Some(proxy) }
        }
        Front::Tls(tls) => {
            let proxy = through(&[], Some(*tls));
            let url = format!("https://{}/{path}", proxy.address);
            Standing { url, ca: proxy.ca.clone(), proxy: Some(proxy) }
        }
        Front::PlainToTls => {
            let proxy = through(&[], Some(Tls::Sound));
            Standing { url: format!("http://{}/{path}", proxy.address), ca: None, proxy: Some(proxy) }
        }
        Front::Always(status, body) => {
            let address = runtime.block_on(always(gateway, *status, body));
            Standing { url: format!("http://{address}/{path}"), ca: None, proxy: None }
        }
        Front::Nowhere => {
            let url = format!("http://no-such-vault.default.svc.cluster.local:8200/{path}");
            Standing { url, ca: None, proxy: None }
        }
    }
}

/// What is not as it must be, in words.
fn differences(fault: &Fault, standing: &Standing, ran: &Ran) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            found.push(format!("{}: {what}", fault.name));
        }
    };
    let named: BTreeSet<String> = fault.cause.iter().cloned().collect();
    let mut causes = ran.causes();
    // Most of what stands in front listens without TLS, which every check warns of.
    causes.remove("login.http-without-tls");
    must(ran.code == Some(i32::from(fault.cause.is_some())), format!("exit code {:?}", ran.code));
    must(ran.way() == named, format!("the app's way: {:?}, must be {named:?}", ran.way()));
    must(causes == named, format!("all causes: {causes:?}, must be {named:?}"));
    must(ran.report["problems"] == json!([]), format!("problems {}", ran.report["problems"]));
    if let Some(cause) = &fault.cause {
        must(ran.stdout.contains(cause), "the cause is not said".to_owned());
        let scenarios = ran.report["scenarios"].as_array().cloned().unwrap_or_default();
        let answer = scenarios.iter().find(|scenario| scenario["id"] == APP).map(|app| app["answer"].clone());
        let said = |field: &str| answer.as_ref().and_then(|answer| answer[field].as_str()).unwrap_or("no answer");
        for said in ["what", "todo"].map(said) {
            must(ran.stdout.contains(&format!("\n  {said}\n")), format!("`{said}` is not said"));
        }
        must(ran.verdict(APP) == "nonconformant", format!("the app's verdict is {}", ran.verdict(APP)));
        let passed: Vec<&str> = ALL[2..].iter().copied().filter(|id| ran.verdict(id) == "conformant").collect();
        let way_was_gone = cause.starts_with("boundary.");
        let logged_in = !cause.starts_with("login.");
        let may = |id: &str| way_was_gone || (logged_in && id != ALL[2]);
        must(passed.iter().all(|id| may(id)), format!("without a permitted twin these pass: {passed:?}"));
    }
    if let (Front::Rules(rules), Some(proxy)) = (&fault.front, &standing.proxy) {
        let wanted: u32 = rules.iter().map(|rule| rule.times.unwrap_or(1)).sum();
        let followed = proxy.followed.load(Ordering::Relaxed);
        must(followed >= wanted as usize, format!("the fault was met {followed} times, must be {wanted}"));
    }
    if !found.is_empty() {
        found.push(ran.said());
    }
    found
}

fn check(runtime: &Runtime, gateway: IpAddr, customer: &Customer, number: usize, fault: &Fault) -> Vec<String> {
    let standing = stand(runtime, gateway, customer, &fault.front);
    let mut extra = Vec::new();
    if let Some(ca) = &standing.ca {
        let file = customer.state.path().join(format!("ca-{number}.pem"));
        std::fs::write(&file, ca).unwrap();
        extra.push(format!("--ca-file={}", file.display()));
    }
    let flags = customer.flags_with(&kubeconfig(), &context(), &standing.url);
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let ran = customer.spawn(&flags, &extra, "").end();
    println!("{} | {:?} {:?} | {:?}", fault.name, ran.code, ran.way(), ran.causes());
    differences(fault, &standing, &ran)
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_fails_for_good_is_named_and_what_passes_costs_nothing() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let gateway = gateway(&runtime);
    let customer = Customer::new("faults");
    let found = on_threads(16, &table(), |number, fault| check(&runtime, gateway, &customer, number, fault)).concat();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_lasting_fault_of_the_table_has_a_cause_of_its_own_with_a_remedy() {
    let catalogue = Catalogue::embedded().unwrap();
    let (lasting, passing): (Vec<Fault>, Vec<Fault>) = table().into_iter().partition(|fault| fault.cause.is_some());
    assert!(lasting.len() >= 20 && passing.len() >= 6);
    for fault in lasting {
        let cause = catalogue.causes.causes.iter().find(|cause| fault.cause.as_deref() == Some(cause.id.as_str()));
        let cause = cause.unwrap_or_else(|| panic!("{}: its cause is in no catalogue", fault.name));
        assert!(cause.remedy.len() > 20 && cause.meaning.len() > 20, "{}", cause.id);
    }
}
