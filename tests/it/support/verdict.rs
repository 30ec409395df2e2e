//! Sightings as servers give them, for the tests of verdicts.
//!
//! The texts are those that were observed on Vault 1.21.0 and Kubernetes
//! 1.37.2, and are written here once more, not taken from the catalogue: a
//! signature that no longer fits what servers say must fail a test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pmp_vault_conformance::page::cause::Fact;
use pmp_vault_conformance::page::{CauseId, Reads, Stage};
use pmp_vault_conformance::probe::observation::{
    Answer, Boundary, KeyObservation, KeyState, Login, Observation, SCHEMA, Secret, TokenState,
};
use pmp_vault_conformance::scenario::day_two::Sees;
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::model::{Expect, KnownDeviation, Scenario};
use pmp_vault_conformance::vault::transport::{Handshake, Transport};
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::oracle::Oracle;
use pmp_vault_conformance::verdict::result::{Case, ScenarioResult, Subject, Timings};
use pmp_vault_conformance::verdict::sighting::{
    CommandOutcome, EnableAgain, Later, Lived, Seen, Sighting, StepOutcome,
};

/// The program's own scenarios.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")));
    &CATALOGUE
}

/// The names of the catalogue's keys.
pub fn keys() -> Vec<&'static str> {
    catalogue().page.keys.iter().map(|key| key.name.as_str()).collect()
}

/// The verdict, without any control.
pub fn judge(scenario: &Scenario, sighting: &Sighting) -> ScenarioResult {
    let catalogue = catalogue();
    Oracle { page: &catalogue.page, causes: &catalogue.causes }.judge(scenario, sighting, Timings::default())
}

// What a scenario lays down.

pub fn reads_all() -> Expect {
    Expect { reads: Some(Reads::All), ..Expect::default() }
}

pub fn reads_only(keys: &[&str]) -> Expect {
    Expect { reads: Some(Reads::Keys(keys.iter().map(|key| (*key).to_owned()).collect())), ..Expect::default() }
}

pub fn stops(cause: &str) -> Expect {
    let cause = CauseId::new(cause);
    Expect { stops_at: cause.stage(), cause: Some(cause), ..Expect::default() }
}

pub fn stops_for_keys(cause: &str, keys: &[&str]) -> Expect {
    Expect { keys: Some(Reads::Keys(keys.iter().map(|key| (*key).to_owned()).collect())), ..stops(cause) }
}

pub fn scenario(expect: Expect) -> Scenario {
    let documented = catalogue().get("service-account.custom").unwrap_or_else(|| panic!("the plainest scenario"));
    Scenario { id: "group.name".to_owned(), expect, known_deviation: None, control: None, ..documented.clone() }
}

/// The page claims that all keys are read, and this happens.
pub fn deviating(cause: &str) -> Scenario {
    let cause = CauseId::new(cause);
    let deviation = KnownDeviation {
        defect: "the-defect".to_owned(),
        claim: "all is well".to_owned(),
        happens: "it is not".to_owned(),
        stops_at: cause.stage().unwrap_or_else(|| panic!("{cause} names no stage")),
        cause,
        seen_on: vec!["vault 1.21.0".to_owned()],
    };
    Scenario { known_deviation: Some(deviation), ..scenario(reads_all()) }
}

// What a probe says.

pub fn answer(status: u16, text: &str) -> Answer {
    Answer { status: Some(status), text: text.to_owned(), transport: None }
}

pub fn no_answer(transport: Transport) -> Answer {
    Answer { status: None, text: "the network's own words".to_owned(), transport: Some(transport) }
}

pub const TOKEN_ENDED: &str = "2 errors occurred: * permission denied * invalid token";

pub const DENIED: &str = "1 error occurred: * permission denied";

/// The fingerprint of the value that was stored under a key.
pub fn print_of(key: &str) -> String {
    format!("print of {key}")
}

/// Every boundary holds.
pub fn boundary() -> Boundary {
    let refused = answer(403, DENIED);
    Boundary {
        list: refused.clone(),
        write: refused.clone(),
        delete: refused.clone(),
        sibling: refused,
        revoke: answer(204, ""),
        after_revocation: answer(403, "permission denied; invalid token"),
    }
}

/// The whole way, with these keys in the secret.
pub fn way(state: impl Fn(&str) -> KeyState) -> Observation {
    let found = |name: &&str| KeyObservation {
        name: (*name).to_owned(),
        state: state(name),
        hmac: (state(name) == KeyState::Present).then(|| print_of(name)),
        ..KeyObservation::default()
    };
    Observation {
        schema: SCHEMA,
        run: "r1".to_owned(),
        scenario: "group.name".to_owned(),
        token: TokenState::Present,
        login: Some(Login {
            answer: answer(200, ""),
            lease_duration: Some(86_400),
            policies: vec!["default".to_owned(), "pmp-secret-access".to_owned()],
            empty_login_status: None,
            another_method: false,
        }),
        read_path: "pmp-dev/data/admin".to_owned(),
        read: Some(answer(200, "")),
        read_with_token: true,
        secret: Some(Secret { version_2_shape: true, keys: keys().iter().map(found).collect(), ..Secret::default() }),
        boundary: Some(boundary()),
        asked: None,
        millis: 12,
    }
}

pub fn whole_way() -> Observation {
    way(|_| KeyState::Present)
}

/// One key in another state than all others.
pub fn way_but(key: &str, state: KeyState) -> Observation {
    way(|name| if name == key { state } else { KeyState::Present })
}

/// The read ended otherwise, so there was no boundary to try.
pub fn read_ended(read: Answer) -> Observation {
    Observation { read: Some(read), secret: None, boundary: None, ..whole_way() }
}

/// A 404 with metadata: the version was there once.
pub fn read_gone(deleted: bool, destroyed: bool) -> Observation {
    let secret = Secret { version_2_shape: true, deleted, destroyed, ..Secret::default() };
    Observation { secret: Some(secret), ..read_ended(answer(404, "")) }
}

/// The login was refused; the secret is asked for without a token, and refused.
pub fn login_ended(login: Answer) -> Observation {
    let read = match login.transport {
        Some(transport) => no_answer(transport),
        None => answer(403, "permission denied"),
    };
    let empty_login_status = (login.status == Some(403)).then_some(400);
    Observation {
        login: Some(Login {
            answer: login,
            lease_duration: None,
            policies: Vec::new(),
            empty_login_status,
            another_method: false,
        }),
        read_with_token: false,
        ..read_ended(read)
    }
}

/// No login, because there was nothing to log in with.
pub fn token_was(token: TokenState) -> Observation {
    Observation { token, login: None, ..login_ended(answer(403, "permission denied")) }
}

// What the harness makes of it.

pub fn sighting(observation: Observation) -> Sighting {
    // Only what was stored as a usable string has a fingerprint.
    let unusable = |name: &str| {
        let found = observation.secret.iter().flat_map(|secret| &secret.keys).find(|key| key.name == name);
        found.is_some_and(|key| key.state != KeyState::Present)
    };
    let fingerprints = keys().into_iter().filter(|key| !unusable(key)).map(|key| (key.to_owned(), print_of(key)));
    let fingerprints = fingerprints.collect();
    Sighting { seen: Seen::Observed(Box::new(observation)), fingerprints, ..Sighting::nothing("") }
}

pub fn not_admitted(message: &str) -> Sighting {
    Sighting { seen: Seen::NotAdmitted(message.to_owned()), ..Sighting::nothing("") }
}

pub fn with_facts(facts: &[Fact], sighting: Sighting) -> Sighting {
    Sighting { facts: facts.iter().copied().collect(), ..sighting }
}

/// A refused TokenReview: the client sees no reason, Vault's log has it.
pub fn review_ended(log: Option<&str>, facts: &[Fact]) -> Sighting {
    let seen = sighting(login_ended(answer(403, "permission denied")));
    Sighting { vault_log: log.map(str::to_owned), ..with_facts(facts, seen) }
}

/// What servers say for a cause; every cause that a scenario lays down is here.
pub fn sighting_of(cause: &str, concerned: impl Fn(&str) -> bool) -> Sighting {
    const MAY_NOT: &str = r#"lookup failed: tokenreviews.authentication.k8s.io is forbidden: User "system:serviceaccount:ns:sa" cannot create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope"#;
    const ELSEWHERE: &str = "redirects to http://127.0.0.2:8200";
    let keys_are = |state| sighting(way(|name| if concerned(name) { state } else { KeyState::Present }));
    let logged_out = |status, text| sighting(login_ended(answer(status, text)));
    match cause {
        "pod.service-account-not-found" => not_admitted(
            r#"pods "mxplatform-5d4c-" is forbidden: error looking up service account ns/x: serviceaccount "x" not found"#,
        ),
        "token.not-mounted" => sighting(token_was(TokenState::Absent)),
        "login.vault-unreachable" => sighting(login_ended(no_answer(Transport::Refused))),
        "login.vault-sealed" => logged_out(503, "Vault is sealed"),
        "login.redirected" => logged_out(307, ELSEWHERE),
        "read.redirected" => sighting(read_ended(answer(307, ELSEWHERE))),
        "read.vault-failing" => sighting(read_ended(answer(503, "Vault is sealed"))),
        "login.vault-without-tls" => sighting(login_ended(no_answer(Transport::Tls(Handshake::NoTls)))),
        "login.auth-mount-missing" => {
            let mut observation = login_ended(answer(403, "permission denied"));
            if let Some(login) = &mut observation.login {
                login.empty_login_status = Some(403);
            }
            sighting(observation)
        }
        "login.role-not-found" => logged_out(400, r#"invalid role name "pmp-secret-accessor-role""#),
        "login.not-configured" => logged_out(500, "could not load backend configuration"),
        "login.audience-mismatch" => {
            logged_out(403, "invalid audience (aud) claim: audience claim does not match any expected audience")
        }
        "login.token-expired" => logged_out(403, "invalid expiration time (exp) claim: token is expired"),
        "login.service-account-not-authorized" => logged_out(403, "service account name not authorized"),
        "login.namespace-not-authorized" => logged_out(403, "namespace not authorized"),
        "login.app-may-not-review" => review_ended(Some(MAY_NOT), &[Fact::ReviewByApp]),
        "login.reviewer-may-not-review" => review_ended(Some(MAY_NOT), &[Fact::ReviewByReviewer]),
        "login.vault-may-not-review" => review_ended(Some(MAY_NOT), &[Fact::ReviewByVault]),
        "login.reviewer-unauthorized" => review_ended(
            Some(
                "lookup failed: service account unauthorized; this could mean it has been deleted or recreated with a new token",
            ),
            &[Fact::ReviewerSet],
        ),
        "login.app-token-rejected" => review_ended(
            Some("lookup failed: [invalid bearer token, service account UID (7a9c) does not match claim (26a8)]"),
            &[Fact::ReviewerSet],
        ),
        "login.api-server-certificate" => review_ended(
            Some(
                r#"Post "https://10.0.0.1:6443/apis/authentication.k8s.io/v1/tokenreviews": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
            ),
            &[],
        ),
        "login.api-server-refused" => review_ended(
            Some(
                r#"Post "https://10.0.0.1:1/apis/authentication.k8s.io/v1/tokenreviews": dial tcp 10.0.0.1:1: connect: connection refused"#,
            ),
            &[],
        ),
        "read.policy-denies" => sighting(read_ended(answer(403, DENIED))),
        "read.vault-token-not-accepted" => sighting(read_ended(answer(403, TOKEN_ENDED))),
        "read.policy-missing" => with_facts(&[Fact::PolicyMissing], sighting(read_ended(answer(403, DENIED)))),
        "read.trailing-slash" => with_facts(&[Fact::TrailingSlash], sighting(read_ended(answer(403, DENIED)))),
        "read.secret-at-data-data" => with_facts(&[Fact::SecretAtDataData], sighting(read_ended(answer(404, "")))),
        "read.kv-version-1" => with_facts(&[Fact::KvVersion1], sighting(read_ended(answer(404, "")))),
        "read.other-engine" => with_facts(&[Fact::OtherEngine], sighting(read_ended(answer(404, "")))),
        "read.not-version-2-shape" => {
            let observation = Observation { secret: Some(Secret::default()), ..read_ended(answer(200, "")) };
            with_facts(&[Fact::KvVersion1], sighting(observation))
        }
        "read.secret-deleted" => sighting(read_gone(true, false)),
        "read.version-destroyed" => sighting(read_gone(false, true)),
        "keys.missing" => keys_are(KeyState::Missing),
        "keys.empty" => keys_are(KeyState::Empty),
        "keys.not-a-string" => keys_are(KeyState::NotAString),
        other => panic!("nobody wrote down what servers say for {other}"),
    }
}

/// What is seen where exactly that happens which the scenario file says: the
/// page's claim or, where the page is wrong, the recorded deviation.
pub fn exactly_as_recorded(scenario: &Scenario) -> Sighting {
    let expect = &scenario.expect;
    let concerned = |key: &str| expect.keys.as_ref().is_none_or(|keys| keys.contains(key));
    let cause = scenario.known_deviation.as_ref().map(|deviation| &deviation.cause).or(expect.cause.as_ref());
    let mut sighting = match (cause, &expect.reads) {
        (Some(cause), _) => sighting_of(cause.as_str(), concerned),
        (None, Some(reads)) => {
            sighting(way(|key| if reads.contains(key) { KeyState::Present } else { KeyState::Missing }))
        }
        (None, None) => panic!("{} expects nothing", scenario.id),
    };
    if let Seen::Observed(observation) = &mut sighting.seen
        && let Some(secret) = &mut observation.secret
    {
        secret.unexpected = expect.unexpected + scenario.on_page.moved;
    }
    let text = "path is already in use at pmp-dev/".to_owned();
    sighting.enable_again = expect.enable_again_refused.then_some(EnableAgain { refused: true, text });
    sighting.steps = steps_of(scenario);
    sighting.lived = lived_of(scenario);
    if let (Some(times), Seen::Observed(observation)) =
        (scenario.configuration().day_two.role_times(false), &mut sighting.seen)
    {
        observation.login.iter_mut().for_each(|login| login.lease_duration = Some(times.ttl));
    }
    sighting.commands = expect.fails.iter().map(|id| typed(id, false, Some(false), None)).collect();
    sighting
}

/// What an app sees that lives on, as the scenario expects it.
fn lived_of(scenario: &Scenario) -> Option<Box<Lived>> {
    let meanwhile = scenario.expect.meanwhile.as_ref()?;
    let millis = |seconds: u64| i64::try_from(seconds * 1000).unwrap_or_else(|_| panic!("too long"));
    let (from, to) = (millis(meanwhile.not_before.unwrap_or(0)), millis(meanwhile.within));
    let later = |sees: &Sees| match sees {
        Sees::Reads => Later { seen: sighting(whole_way()), change_ms: None, looked_ms: to },
        Sees::StopsFor(cause) => {
            Later { seen: sighting_of(cause.as_str(), |_| true), change_ms: Some((from, from)), looked_ms: to }
        }
    };
    let kept = if meanwhile.kept_token_mended { whole_way() } else { read_ended(answer(403, TOKEN_ENDED)) };
    Some(Box::new(Lived {
        before: sighting(whole_way()),
        kept_token: later(&meanwhile.kept_token),
        new_login: later(&meanwhile.new_login),
        kept_token_mended: Some(sighting(kept)),
    }))
}

/// The steps of the scenario's block, as it expects them.
fn steps_of(scenario: &Scenario) -> Vec<StepOutcome> {
    let block = scenario.configuration().auth_method.block().and_then(|wanted| catalogue().blocks.get(wanted));
    let Some((block, expected)) = block.zip(scenario.expect.block.as_ref()) else { return Vec::new() };
    let ids = block.steps.iter().map(|step| &step.id);
    ids.map(|id| step(id, expected.contains(id))).collect()
}

pub fn step(id: &str, held: bool) -> StepOutcome {
    StepOutcome { id: id.to_owned(), held, text: "what was seen of it".to_owned() }
}

// What a command did.

pub fn typed(id: &str, succeeded: bool, effect_holds: Option<bool>, defect: Option<&str>) -> CommandOutcome {
    CommandOutcome {
        id: id.to_owned(),
        not_typed: None,
        succeeded,
        effect_holds,
        text: "what was seen of it".to_owned(),
        defect: defect.map(str::to_owned),
        claim: "what the page says of it".to_owned(),
        page: "#create-vault-secret".to_owned(),
    }
}

// What came of it.

pub fn case<'a>(result: &'a ScenarioResult, subject: &Subject) -> &'a Case {
    let mut found = result.cases.iter().filter(|case| case.subject == *subject);
    match (found.next(), found.next()) {
        (Some(case), None) => case,
        (found, _) => panic!("{subject:?} has {} case", if found.is_some() { "more than one" } else { "no" }),
    }
}

pub fn stage_verdict(result: &ScenarioResult, stage: Stage) -> Verdict {
    case(result, &Subject::Stage(stage)).verdict
}

pub fn key_verdict(result: &ScenarioResult, key: &str) -> Verdict {
    case(result, &Subject::Key(key.to_owned())).verdict
}

/// The stages and keys by what came of them.
pub fn subjects_with(result: &ScenarioResult, verdict: Verdict) -> BTreeSet<String> {
    let name = |subject: &Subject| match subject {
        Subject::Stage(stage) => stage.to_string(),
        Subject::Key(name) | Subject::Command(name) | Subject::Step(name) | Subject::Check(name) => name.clone(),
    };
    result.cases.iter().filter(|case| case.verdict == verdict).map(|case| name(&case.subject)).collect()
}

/// How many keys have which verdict.
pub fn key_verdicts(result: &ScenarioResult) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for case in result.cases.iter().filter(|case| matches!(case.subject, Subject::Key(_))) {
        *counts.entry(case.verdict.as_str()).or_default() += 1;
    }
    counts
}
