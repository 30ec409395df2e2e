//! A run with every verdict in it, for the tests of the reports.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pmp_vault_conformance::event::{Ending, RunFacts, RunKind, RunResult, Score, Span, SpanKind, Stability};
use pmp_vault_conformance::ledger::{Request, Server};
use pmp_vault_conformance::page::{CauseCatalogue, CauseId, Page, Stage};
use pmp_vault_conformance::probe::observation::KeyState;
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::model::Evidence;
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::result::{Case, Finding, FindingKind, Observed, ScenarioResult, Subject, Timings};
use proptest::prelude::*;
use serde_json::Value;

/// The address of a section of the page.
fn at(anchor: &str) -> String {
    // Read once: a fixture asks for it a dozen times, and a property makes hundreds of fixtures.
    static PAGE: LazyLock<Page> =
        LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")).page);
    PAGE.at(anchor)
}

/// The keys of the fixture's catalogue.
pub const KEYS: [&str; 3] = ["VCS.GitlabAdminPAT", "VCS.GithubAdminPAT", "MDAStorage.AwsSecretAccessKey"];

pub fn cause(id: &str) -> CauseId {
    CauseId::new(id)
}

/// A catalogue in which nothing stands.
pub fn no_causes() -> CauseCatalogue {
    CauseCatalogue { causes: Vec::new() }
}

/// Every stage and every key, with one verdict and one message.
pub fn cases(verdict: Verdict, message: &str) -> Vec<Case> {
    let stages = Stage::ALL.into_iter().map(Subject::Stage);
    let keys = KEYS.into_iter().map(|key| Subject::Key(key.to_owned()));
    let case = |subject: Subject| Case {
        key_state: matches!((&subject, verdict), (Subject::Key(_), Verdict::Conformant)).then_some(KeyState::Present),
        warning: false,
        ends: None,
        took_ms: None,
        subject,
        verdict,
        message: message.to_owned(),
        cause: None,
    };
    stages.chain(keys).map(case).collect()
}

pub fn scenario(id: &str, title: &str, verdict: Verdict, reason: &str) -> ScenarioResult {
    ScenarioResult {
        id: id.to_owned(),
        title: title.to_owned(),
        page: at("#configure-k8s-auth"),
        verdict,
        reason: reason.to_owned(),
        known: None,
        expected: "reads all keys".to_owned(),
        observed: Observed { complete: true, ..Observed::default() },
        evidence: Evidence::Real,
        control: None,
        selected_as_control: false,
        settings: BTreeMap::from([("base".to_owned(), "custom".to_owned())]),
        cases: cases(verdict, if verdict == Verdict::Conformant { "" } else { reason }),
        findings: Vec::new(),
        timings: Timings { configure_ms: 200, observe_ms: 1000, total_ms: 1234 },
    }
}

fn stopped(stage: Stage, id: Option<&str>, status: Option<u16>, text: &str, server: Option<&str>) -> Observed {
    Observed {
        stage: Some(stage),
        cause: id.map(cause),
        status,
        text: text.to_owned(),
        server: server.map(str::to_owned),
        complete: true,
        ..Observed::default()
    }
}

fn denial() -> ScenarioResult {
    let mut denial = scenario(
        "service-account.custom-automount-off",
        "A custom Service Account whose token is not mounted",
        Verdict::Conformant,
        "as the page says",
    );
    denial.expected = "stops at token: token.not-mounted".to_owned();
    denial.observed = stopped(Stage::Token, Some("token.not-mounted"), None, "no token file", None);
    denial.control = Some("service-account.custom-automount-on".to_owned());
    denial
}

fn deviation(id: &str, command: bool) -> ScenarioResult {
    let reason = "the page's path holds `data/` twice";
    let mut deviation = scenario(id, "The secret, put as the page says", Verdict::KnownDeviation, reason);
    deviation.page = at("#create-vault-secret");
    deviation.observed =
        stopped(Stage::Read, Some("read.not-found"), Some(404), "no handler", Some("path=pmp-dev/data/admin"));
    for case in &mut deviation.cases[..3] {
        case.verdict = Verdict::Conformant;
        case.message = String::new();
    }
    deviation.findings.push(Finding {
        kind: FindingKind::Defect,
        defect: "kv-put-path".to_owned(),
        claim: "`kv put` needs `/data/` in its path".to_owned(),
        happens: "the secret lands at pmp-dev/data/data/admin".to_owned(),
        page: at("#create-vault-secret"),
    });
    if command {
        for (id, verdict) in [("enable-kv", Verdict::Conformant), ("kv-put", Verdict::KnownDeviation)] {
            deviation.cases.push(Case {
                subject: Subject::Command(id.to_owned()),
                verdict,
                message: if verdict == Verdict::Conformant { String::new() } else { reason.to_owned() },
                cause: None,
                key_state: None,
                ends: None,
                took_ms: None,
                warning: false,
            });
        }
    }
    deviation
}

fn failure() -> ScenarioResult {
    let mut failure = scenario(
        "binding.custom-as-default",
        "The role binds the default Service Account, the app runs with it",
        Verdict::Nonconformant,
        "the way stops at login, and all keys were expected",
    );
    let id = "login.service-account-not-authorized";
    failure.observed = stopped(
        Stage::Login,
        Some(id),
        Some(403),
        "service account name not authorized",
        Some("[DEBUG] auth.kubernetes.abc: login unauthorized <&> \"quoted\""),
    );
    for case in &mut failure.cases[..2] {
        case.verdict = Verdict::Conformant;
        case.message = String::new();
    }
    for case in &mut failure.cases[2..] {
        case.cause = Some(cause(id));
    }
    failure
}

fn inconclusive() -> ScenarioResult {
    let mut inconclusive = scenario(
        "binding.wrong-namespace",
        "The role binds another namespace",
        Verdict::Inconclusive,
        "no line of Vault's log came within 5 s",
    );
    inconclusive.observed = Observed { text: "no observation".to_owned(), ..Observed::default() };
    inconclusive
}

fn skipped() -> ScenarioResult {
    let mut skipped =
        scenario("url.port-80", "The URL without a port", Verdict::Skipped, "this testbed has no Vault on port 80");
    skipped.observed = Observed::default();
    skipped.timings = Timings::default();
    skipped
}

fn stand_in() -> ScenarioResult {
    let mut operator =
        scenario("operator.field-unset", "The operator's field is left unset", Verdict::Conformant, "as the page says");
    operator.evidence = Evidence::StandIn;
    operator.selected_as_control = true;
    operator.cases.push(Case {
        subject: Subject::Step("enable-again".to_owned()),
        verdict: Verdict::Conformant,
        message: String::new(),
        cause: None,
        key_state: None,
        ends: None,
        took_ms: None,
        warning: false,
    });
    operator
}

fn span(kind: SpanKind, name: &str, from_ms: u64, to_ms: u64, done: bool) -> Span {
    Span { kind, name: name.to_owned(), from_ms, to_ms, done }
}

/// Every verdict, every kind of case.
pub fn run() -> RunResult {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    RunResult {
        facts: RunFacts {
            kind: RunKind::Page,
            id: "r4k2".to_owned(),
            harness: "0.1.0".to_owned(),
            started: "2026-01-02T03:04:05".to_owned(),
            profile: "all".to_owned(),
            key_revision: "full-30".to_owned(),
            testbed: "kind".to_owned(),
            reused: None,
            versions: pairs(&[("vault", "1.21.0"), ("kubernetes", "v1.37.2")]),
            images: pairs(&[("vault", "hashicorp/vault:1.21.0@sha256:0123"), ("node", "kindest/node:v1.37.0")]),
            stand_ins: vec!["the Mendix Operator, which is not public".to_owned()],
            names: None,
        },
        scenarios: vec![
            scenario(
                "service-account.custom-automount-on",
                "A custom Service Account whose token is mounted",
                Verdict::Conformant,
                "as the page says",
            ),
            denial(),
            deviation("secret.kv-put-as-documented", false),
            deviation("literal.example-a", true),
            failure(),
            inconclusive(),
            skipped(),
            stand_in(),
        ],
        ending: Ending::Complete,
        problems: Vec::new(),
        timings: BTreeMap::from([("testbed".to_owned(), 20_000), ("total".to_owned(), 45_600)]),
        timeline: vec![
            span(SpanKind::Step, "start Vault", 0, 4_000, true),
            span(SpanKind::Step, "start the API server", 100, 9_000, true),
            span(SpanKind::Scenario, "service-account.custom-automount-on", 9_100, 10_400, true),
            span(SpanKind::Scenario, "binding.wrong-namespace", 9_200, 15_000, false),
        ],
        ledger: Vec::new(),
        scores: Vec::new(),
        faults: Vec::new(),
        stability: Vec::new(),
    }
}

/// The same with everything that only some runs have.
pub fn everything() -> RunResult {
    let mut result = run();
    result.facts.kind = RunKind::SelfTest;
    result.facts.reused = Some("r0aa".to_owned());
    result.problems = vec!["a problem".to_owned(), "another".to_owned()];
    result.ledger.push(Request {
        to: Server::Vault,
        by: "existing.app".to_owned(),
        method: "GET".to_owned(),
        path: "/v1/sys/health".to_owned(),
        status: Some(200),
    });
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    result.scores.push(Score {
        kind: "faults".to_owned(),
        total: 3,
        noticed: 1,
        survivors: ids(&["fault/one"]),
        unclear: ids(&["fault/two: no verdict"]),
        ..Score::default()
    });
    result.stability.push(Stability {
        scenario: "group.s1".to_owned(),
        rounds: 3,
        same: 2,
        ends: BTreeMap::from([("conformant".to_owned(), 2), ("inconclusive: why".to_owned(), 1)]),
    });
    for scenario in &mut result.scenarios {
        scenario.observed.candidates = vec![cause("login.one"), cause("login.another")];
        scenario.observed.tell_apart = ids(&["a log", "a token"]);
        let check = Subject::Check("vault-tls".to_owned());
        let warned = Case {
            cause: Some(cause("login.http-without-tls")),
            warning: true,
            ..Case::new(check, Verdict::Conformant, "mend it")
        };
        scenario.cases.push(warned);
    }
    result
}

/// What nobody should be able to steer a report or a terminal with.
pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        2 => "[ -~]{0,40}",
        1 => Just("]]>".to_owned()),
        1 => Just("]]]]>>".to_owned()),
        1 => Just("]\u{0}]\u{1b}[0m>".to_owned()),
        1 => Just("\u{1b}[31mred\u{1b}[0m \u{fffe}\u{ffff}\u{1b}]8;;x\u{7}".to_owned()),
        1 => Just("<![CDATA[ & \r\n \" ' </testcase><testcase>".to_owned()),
        1 => Just("\u{e}yJaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned()),
        1 => Just("one\ntwo\r\n\tthree\rfour\u{2028}five\u{85}six\u{b}seven".to_owned()),
        1 => Just("\u{202e}txet \u{2066}siht\u{2069} \u{9b}2J \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{7f}".to_owned()),
        1 => Just("&#0; &#x1b; &amp;lt; %s {} \\u0000".to_owned()),
        1 => "[a-z]{3}".prop_map(|piece| piece.repeat(1500)),
    ]
}

/// Puts a text into each place of a result that takes any, names of maps
/// included, and gives how many there are. What is one of few words stays.
pub fn fill(result: &RunResult, texts: &[String]) -> (RunResult, usize) {
    let mut next = texts.iter().cycle().cloned();
    let mut value = serde_json::to_value(result).unwrap_or_default();
    let filled = fill_value(&mut value, &mut || next.next().unwrap_or_default());
    (serde_json::from_value(value).unwrap_or_else(|error| panic!("a word was taken for text: {error}")), filled)
}

fn fill_value(value: &mut Value, next: &mut impl FnMut() -> String) -> usize {
    const WORDS: [&str; 6] = ["verdict", "stage", "key-state", "ending", "evidence", "to"];
    const NAMED_BY_PEOPLE: [&str; 3] = ["versions", "images", "ends"];
    match value {
        Value::String(text) => {
            *text = next();
            1
        }
        Value::Array(values) => values.iter_mut().map(|value| fill_value(value, next)).sum(),
        Value::Object(fields) => {
            let a_word = |name: &str, of_a_stage: bool, of_a_score: bool| match name {
                "kind" => !of_a_score,
                "name" => of_a_stage,
                name => WORDS.contains(&name),
            };
            let of_a_stage = fields.get("kind").is_some_and(|kind| kind == "stage");
            let of_a_score = fields.contains_key("survivors");
            let mut filled = 0;
            for (name, value) in fields.iter_mut() {
                if NAMED_BY_PEOPLE.contains(&name.as_str())
                    && let Value::Object(named) = value
                {
                    for (_, mut value) in std::mem::take(named) {
                        filled += 1 + fill_value(&mut value, next);
                        named.insert(next(), value);
                    }
                } else if !a_word(name, of_a_stage, of_a_score) {
                    filled += fill_value(value, next);
                }
            }
            filled
        }
        _ => 0,
    }
}

/// A run of these verdicts only.
pub fn run_of(verdicts: &[Verdict]) -> RunResult {
    let scenarios = verdicts.iter().enumerate();
    RunResult {
        scenarios: scenarios.map(|(n, v)| scenario(&format!("group.s{n}"), "A scenario", *v, "a reason")).collect(),
        ..run()
    }
}
