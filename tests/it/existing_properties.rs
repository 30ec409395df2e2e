//! Whatever a check of a customer's cluster and Vault sees: it says something of
//! everything, and what a pass promises holds.
//!
//! What a pass implies is written here once more, from the documentation, and
//! not drawn from the judge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pmp_vault_conformance::check::app::{App, Source};
use pmp_vault_conformance::check::inspect::{ClusterSide, Found, Inspection, VaultSide};
use pmp_vault_conformance::check::judge::{ALL, APP, FRESH_ACCOUNT, Judge, OTHER_NAMESPACE, SET_UP, WITHOUT_TOKEN};
use pmp_vault_conformance::check::reviewer_token::ReviewerToken;
use pmp_vault_conformance::check::sighted::{Probed, Sighted};
use pmp_vault_conformance::check::target::{AccountRef, NamedBy, Target};
use pmp_vault_conformance::cluster::connect::ClusterChoice;
use pmp_vault_conformance::cluster::pod_spec::PodOptions;
use pmp_vault_conformance::event::RunResult;
use pmp_vault_conformance::page::{Reads, Stage};
use pmp_vault_conformance::probe::input::SecretName;
use pmp_vault_conformance::probe::observation::{
    Answer, Asked, Doubt, KeyObservation, KeyState, Login, Near, Observation, SCHEMA, Secret, TokenState,
};
use pmp_vault_conformance::report::summary;
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::vault::transport::{Handshake, Transport};
use pmp_vault_conformance::verdict::result::{ScenarioResult, Subject};
use pmp_vault_conformance::verdict::sighting::Seen;
use pmp_vault_conformance::verdict::{Deny, Verdict};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const PATH: &str = "pmp-dev/data/admin";
const NOW: i64 = 1_800_000_000;

/// What is checked around the app's way and of the set-up, as docs/customers.md has it.
const AROUND: [&str; 21] = [
    "vault-name",
    "vault-tcp",
    "vault-tls",
    "vault-health",
    "vault-version",
    "vault-certificate",
    "vault-authority",
    "vault-namespace",
    "auth-method",
    "kv-version-2",
    "secret-age",
    "secret-ends",
    "only-documented-keys",
    "token-lifetime",
    "token-revoked",
    "capabilities",
    "no-list",
    "no-write",
    "no-patch",
    "no-delete",
    "no-sibling",
];
const SET_UPS: [&str; 13] = [
    "custom-resources",
    "app-pod",
    "service-account",
    "reviewer",
    "reviewer-token",
    "role",
    "role-binding",
    "role-lifetime",
    "auth-config",
    "policy",
    "mount",
    "secret",
    "check-token",
];

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")));
    &CATALOGUE
}

fn keys() -> Vec<&'static str> {
    catalogue().keys.keys.iter().map(|key| key.name.as_str()).collect()
}

// Anything that a customer could name, and that probes and servers could say.

fn target() -> BoxedStrategy<Target> {
    let require = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Reads::All)),
        1 => subsequence(keys(), 0..4).prop_map(|keys| Some(Reads::Keys(keys.into_iter().map(str::to_owned).collect()))),
    ];
    let log = prop_oneof![
        4 => Just(None),
        1 => Just(Some("x [DEBUG] auth.kubernetes.auth_kubernetes_1: login unauthorized: err=\"connection refused\"".to_owned())),
        1 => ".{0,40}".prop_map(Some),
    ];
    (require, log, any::<[bool; 4]>(), select(vec!["http", "https"]))
        .prop_map(|(require, vault_log, [other, reviewer, diagnose, depth], scheme)| {
            let secret_name = format!("{scheme}://vault.example:8200/pmp-dev/admin");
            Target {
                cluster: ClusterChoice::default(),
                namespace: "feature-test".to_owned(),
                operator_namespace: "feature-test".to_owned(),
                runtime: "mxplatform".to_owned(),
                app_selector: "app=mxplatform".to_owned(),
                service_account: None,
                secret: SecretName::parse(&secret_name).unwrap_or_else(|error| panic!("{error}")),
                secret_name,
                mount: None,
                auth_mount: "kubernetes".to_owned(),
                role: "pmp-secret-accessor-role".to_owned(),
                token_file: "/token".to_owned(),
                require,
                vault_namespace: None,
                vault_namespace_from: NamedBy::Flag,
                ca: None,
                second_depth: depth,
                vault: None,
                reviewer: reviewer
                    .then(|| AccountRef { namespace: "default".to_owned(), name: "vault-reviewer".to_owned() }),
                diagnose_reviewer: reviewer && diagnose,
                // One that has ended.
                reviewer_token: (reviewer && depth).then(|| ReviewerToken {
                    namespace: "default".to_owned(),
                    account: "vault-reviewer".to_owned(),
                    ends: jiff::Timestamp::from_second(NOW - 1).ok(),
                    issuer: None,
                    audiences: Vec::new(),
                }),
                ends_within: std::time::Duration::from_secs(30 * 24 * 3600),
                vault_log,
                other_namespace: other.then(|| "elsewhere".to_owned()),
                probe_image: String::new(),
                pod: PodOptions::default(),
                owner: "somebody".to_owned(),
            }
        })
        .boxed()
}

fn text() -> BoxedStrategy<String> {
    let known = [
        "",
        "permission denied",
        "1 error occurred: * permission denied",
        "2 errors occurred: * permission denied * invalid token",
        "service account name not authorized",
        "namespace not authorized",
        "could not load backend configuration",
        "invalid role name \"x\"",
        "Vault is sealed",
        "no handler for route",
    ];
    prop_oneof![9 => select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,40}"].boxed()
}

fn answer(status: u16, text: &str) -> Answer {
    Answer { status: Some(status), text: text.to_owned(), transport: None }
}

fn any_answer() -> BoxedStrategy<Answer> {
    let statuses = vec![200, 204, 307, 308, 400, 403, 404, 405, 429, 472, 473, 500, 501, 502, 503, 504];
    let mut kinds = vec![Transport::Refused, Transport::Timeout, Transport::NameNotFound];
    kinds.extend([Transport::Garbled, Transport::Other]);
    kinds.extend(
        [Handshake::Authority, Handshake::Expired, Handshake::Name, Handshake::NoTls, Handshake::ClientCertificate]
            .map(Transport::Tls),
    );
    kinds.push(Transport::Tls(Handshake::Other));
    prop_oneof![
        8 => (select(statuses), text()).prop_map(|(status, text)| answer(status, &text)),
        3 => select(kinds).prop_map(|kind| Answer { transport: Some(kind), text: "no answer".to_owned(), status: None }),
        1 => Just(Answer::default()),
    ]
    .boxed()
}

/// Mostly what is right.
fn mostly(right: Answer) -> BoxedStrategy<Answer> {
    prop_oneof![12 => Just(right), 1 => any_answer()].boxed()
}

fn there<T: std::fmt::Debug + Clone + 'static>(inner: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    proptest::option::weighted(0.95, inner).boxed()
}

fn secret() -> BoxedStrategy<Secret> {
    let state = || select(vec![KeyState::Present, KeyState::Missing, KeyState::Empty, KeyState::NotAString]);
    let all = keys().len();
    let states = prop_oneof![
        5 => Just(vec![KeyState::Present; all]),
        1 => Just(vec![KeyState::Missing; all]),
        1 => proptest::collection::vec(state(), 0..=all),
        2 => (0..all, state()).prop_map(move |(at, state)| {
            let mut states = vec![KeyState::Present; all];
            states[at] = state;
            states
        }),
    ];
    let rarely = || proptest::bool::weighted(0.05);
    let near = proptest::option::weighted(0.2, select(vec![Near::Case, Near::Level, Near::Group, Near::Text]));
    let doubt = proptest::option::weighted(0.1, select(vec![Doubt::Space, Doubt::Placeholder]));
    let ends = proptest::option::weighted(0.1, Just("2027-01-20T00:00:00Z".to_owned()));
    (states, (rarely(), rarely(), rarely()), 0..2usize, near, doubt, ends)
        .prop_map(|(states, (another_shape, deleted, destroyed), unexpected, near, doubt, ends)| Secret {
            version_2_shape: !another_shape,
            deleted,
            destroyed,
            ends,
            keys: keys()
                .into_iter()
                .zip(states)
                .map(|(name, state)| KeyObservation {
                    name: name.to_owned(),
                    state,
                    near: near.filter(|_| state == KeyState::Missing),
                    doubt: doubt.filter(|_| state == KeyState::Present),
                    hmac: None,
                })
                .collect(),
            unexpected,
        })
        .boxed()
}

fn asked() -> BoxedStrategy<Asked> {
    let allowed = prop_oneof![
        6 => Just(vec!["read"]),
        1 => Just(Vec::new()),
        1 => subsequence(vec!["create", "read", "update", "patch", "delete", "list", "sudo", "root", "deny"], 0..4),
    ];
    let paths = select(vec![PATH, "pmp-dev/metadata/", "pmp-dev/destroy/admin", "pmp-dev/data/sibling"]);
    let allowed = (paths, allowed).prop_map(|(path, allowed)| {
        let mut all = BTreeMap::from([(PATH.to_owned(), vec!["read".to_owned()])]);
        all.insert(
            path.to_owned(),
            allowed.into_iter().filter(|c| path == PATH || *c != "read").map(str::to_owned).collect(),
        );
        all
    });
    let versions = select(vec!["1.21.0", "1.9.0", "1.8.9", "1.21.0+ent", "x"]).prop_map(str::to_owned);
    let created = select(vec!["2026-01-02T03:04:05Z", "2020-01-02T03:04:05Z", "never"]).prop_map(str::to_owned);
    let dead = "2 errors occurred: * permission denied * invalid token";
    let way =
        (mostly(answer(200, "")), there(versions), there(Just(true)), there(mostly(answer(403, "permission denied"))));
    let token = (there(mostly(answer(200, ""))), there(mostly(answer(204, ""))), there(mostly(answer(403, dead))));
    let rest = (there(mostly(answer(200, ""))), there(select(vec![2, 2, 2, 2, 1])), proptest::option::of(any_answer()));
    let kind = (select(vec!["service", "service", "batch"]), proptest::option::weighted(0.1, 1..4u64));
    (way, token, rest, there(created), allowed, 0..20_000u64, kind)
        .prop_map(|(way, token, rest, created, allowed, millis, (kind, token_uses))| Asked {
            token_type: Some(kind.to_owned()),
            token_uses,
            health: way.0,
            version: way.1,
            initialized: way.2,
            read_without_token: way.3,
            capabilities: token.0,
            revoke: token.1,
            after_revocation: token.2,
            mount: rest.0,
            kv_version: rest.1,
            at_data_data: rest.2,
            created,
            allowed,
            login_millis: Some(millis),
            ..Asked::default()
        })
        .boxed()
}

fn observation(login: Answer) -> BoxedStrategy<Observation> {
    let token =
        prop_oneof![18 => Just(TokenState::Present), 1 => Just(TokenState::Absent), 1 => Just(TokenState::Unreadable)];
    let login = (mostly(login), there(Just(86_400)), proptest::option::of(select(vec![400, 403]))).prop_map(
        |(answer, lease_duration, empty_login_status)| Login {
            answer,
            lease_duration,
            policies: Vec::new(),
            empty_login_status,
            another_method: false,
        },
    );
    (token, there(login), there(mostly(answer(200, ""))), there(Just(())), there(secret()), there(asked()))
        .prop_map(|(token, login, read, with_token, secret, asked)| Observation {
            schema: SCHEMA,
            run: "r1".to_owned(),
            scenario: APP.to_owned(),
            token,
            login,
            read_path: PATH.to_owned(),
            read,
            read_with_token: with_token.is_some(),
            secret,
            boundary: None,
            asked,
            millis: 1,
        })
        .boxed()
}

fn probed(login: Answer) -> BoxedStrategy<Probed> {
    let refused = select(vec!["exceeded quota", "error looking up service account a/b: not found", "something else"]);
    let seen = prop_oneof![
        20 => observation(login).prop_map(|observation| Seen::Observed(Box::new(observation))),
        1 => refused.prop_map(|text| Seen::NotAdmitted(text.to_owned())),
        1 => Just(Seen::Nothing("the pod never ran".to_owned())),
    ];
    seen.prop_map(|seen| Probed { seen, observe_ms: 1 }).boxed()
}

fn found(right: Value) -> BoxedStrategy<Found> {
    let odd =
        select(vec![json!({}), json!(null), json!([1]), json!({ "type": "pki" }), json!({ "token_policies": 5 })]);
    prop_oneof![
        10 => Just(Found::There(right)),
        1 => text().prop_map(Found::Missing),
        1 => text().prop_map(Found::Unknown),
        1 => odd.prop_map(Found::There),
    ]
    .boxed()
}

fn inspection() -> BoxedStrategy<Inspection> {
    let role = json!({ "bound_service_account_names": ["pmp-secret-accessor"], "token_ttl": 86_400,
        "bound_service_account_namespaces": ["feature-test"], "token_policies": ["pmp-secret-access"] });
    let config = json!({ "kubernetes_host": "https://10.0.0.1:6443", "token_reviewer_jwt_set": true });
    let policies = [
        format!("path \"{PATH}\" {{ capabilities = [\"read\"] }}"),
        format!("path \"{PATH}\" {{ capabilities = [\"deny\"] }}"),
        "path \"pmp-dev/+/*\" { capabilities = [\"read\"] min_wrapping_ttl = \"1s\" }".to_owned(),
        "path \"{{identity.entity.id}}\" {}".to_owned(),
        "no policy".to_owned(),
        String::new(),
    ];
    let policy = select(policies.to_vec()).prop_flat_map(|text| found(json!({ "policy": text })));
    let mount = json!({ "type": "kv", "options": { "version": "2" } });
    let times = vec!["", "2020-01-01T00:00:00Z", "2060-01-01T00:00:00Z", "never"];
    let metadata = (select(times), proptest::bool::weighted(0.1)).prop_flat_map(|(time, destroyed)| {
        found(json!({ "current_version": 1, "versions": { "1": { "deletion_time": time, "destroyed": destroyed } } }))
    });
    let side = (
        found(role),
        found(config),
        policy,
        found(mount),
        metadata,
        prop_oneof![8 => Just(Found::Missing(String::new())), 1 => found(json!({}))],
    );
    let vault = side.prop_map(|(role, config, policy, mount, secret, stray)| VaultSide {
        role,
        config,
        policies: BTreeMap::from([("pmp-secret-access".to_owned(), policy)]),
        mount,
        mount_path: None,
        secret,
        stray,
        accessor: Some("auth_kubernetes_1".to_owned()),
        method: Some("kubernetes".to_owned()),
        too_strong: Vec::new(),
    });
    let cluster = any::<[Option<bool>; 3]>().prop_map(|[reviewer_there, reviewer_may, app_may]| ClusterSide {
        reviewer_there,
        reviewer_may,
        app_may,
        root_ca: None,
    });
    (proptest::option::of(vault), cluster).prop_map(|(vault, cluster)| Inspection { vault, cluster }).boxed()
}

fn sighted() -> BoxedStrategy<Sighted> {
    let source = select(vec![Source::Pod("mxplatform-0".to_owned()), Source::Runtime, Source::Flag]);
    let app = (select(vec!["pmp-secret-accessor", "default"]), any::<Option<bool>>(), source).prop_map(
        |(account, automount, source)| App {
            service_account: account.to_owned(),
            automount,
            source,
            notes: Vec::new(),
        },
    );
    let fresh = probed(answer(403, "service account name not authorized"));
    let other = there(probed(answer(403, "namespace not authorized")));
    (app, inspection(), probed(answer(200, "")), fresh, other)
        .prop_map(|(app, inspection, twin, fresh, other)| Sighted { app, inspection, twin, fresh, other })
        .boxed()
}

// What follows.

fn judged(target: &Target, sighted: &Sighted) -> Vec<ScenarioResult> {
    let Catalogue { keys, causes, .. } = catalogue();
    Judge { target, keys, causes, now: NOW }.judge(sighted)
}

fn exit_code(scenarios: &[ScenarioResult]) -> u8 {
    summary::exit(&RunResult { scenarios: scenarios.to_vec(), ..RunResult::default() }, Deny::Nothing, 0).code()
}

fn of<'a>(results: &'a [ScenarioResult], id: &str) -> &'a ScenarioResult {
    results.iter().find(|result| result.id == id).unwrap_or_else(|| panic!("{id} has no result"))
}

fn seen(probed: &Probed) -> Option<&Observation> {
    match &probed.seen {
        Seen::Observed(observation) => Some(observation),
        _ => None,
    }
}

fn status(answer: Option<&Answer>) -> Option<u16> {
    answer.and_then(|answer| answer.status)
}

fn login(probed: &Probed) -> Option<&Answer> {
    seen(probed).and_then(|observation| observation.login.as_ref()).map(|login| &login.answer)
}

fn logged_in(probed: &Probed) -> bool {
    status(login(probed)) == Some(200) && seen(probed).is_some_and(|o| o.token == TokenState::Present)
}

fn has_read(probed: &Probed) -> bool {
    logged_in(probed)
        && seen(probed).is_some_and(|o| {
            o.read_with_token
                && status(o.read.as_ref()) == Some(200)
                && o.secret.as_ref().is_some_and(|secret| secret.version_2_shape)
        })
}

/// No answer of Vault's: it fails, or something else answers, or nothing does.
fn unusable(answer: &Answer) -> bool {
    answer.status.is_none_or(|status| status == 429 || status >= 500 || (300..400).contains(&status))
}

/// Why the app's pass would be wrong.
fn wrongly_passed(target: &Target, twin: &Probed) -> Option<String> {
    let wrong = |holds: bool, why: &str| (!holds).then(|| why.to_owned());
    let Some(observation) = seen(twin) else { return Some("no pod said anything".to_owned()) };
    let Some(asked) = &observation.asked else { return Some("nothing was asked beside the way".to_owned()) };
    let Some(secret) = &observation.secret else { return Some("no secret came".to_owned()) };
    let required = |name: &str| target.require.as_ref().is_some_and(|required| required.contains(name));
    let key = |key: &KeyObservation| match key.state {
        KeyState::Present => true,
        KeyState::NotAString => false,
        KeyState::Empty | KeyState::Missing => !required(&key.name),
    };
    let named: Vec<&str> = secret.keys.iter().map(|key| key.name.as_str()).collect();
    let excess = ["create", "update", "patch", "delete", "list", "sudo", "root"];
    let more = asked.allowed.values().flatten().any(|capability| excess.contains(&capability.as_str()));
    let revoked = asked.revoke.as_ref().is_some_and(|revoke| match revoke.status {
        Some(200 | 204) => true,
        Some(403) => revoke.text.contains("invalid token"),
        _ => false,
    });
    // What its role does not let be revoked is not the app's fault, and warned of.
    let revocable = asked.token_type.as_deref() != Some("batch") && status(asked.revoke.as_ref()) != Some(403);
    wrong(has_read(twin), "the secret was not read")
        .or(wrong(named == keys(), "not every key was looked at"))
        .or(wrong(secret.keys.iter().all(key), "a key is not as it must be"))
        .or(wrong(secret.keys.iter().any(|key| key.state == KeyState::Present), "no key was read"))
        .or(wrong(!more, "the token may do more"))
        .or(wrong(asked.revoke.is_none() || revoked || !revocable, "the token was not revoked"))
        .or(wrong(
            asked.revoke.is_none() || !revocable || matches!(status(asked.after_revocation.as_ref()), Some(400 | 403)),
            "the token was not seen to be dead",
        ))
        .or(wrong(asked.kv_version != Some(1), "the mount is KV version 1"))
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_check_stage_and_key_has_its_one_case_and_says_why(target in target(), sighted in sighted()) {
        let results = judged(&target, &sighted);
        prop_assert_eq!(results.iter().map(|result| &*result.id).collect::<Vec<_>>(), ALL);
        let checks = |ids: &[&str]| ids.iter().map(|id| Subject::Check((*id).to_owned())).collect::<Vec<_>>();
        let mut app: Vec<Subject> = Stage::ALL.into_iter().map(Subject::Stage).collect();
        app.extend(keys().into_iter().map(|name| Subject::Key(name.to_owned())));
        app.extend(checks(&AROUND));
        let login = vec![Subject::Stage(Stage::Login)];
        for (id, expected) in [
            (SET_UP, checks(&SET_UPS)),
            (APP, app),
            (WITHOUT_TOKEN, checks(&["read-without-token"])),
            (FRESH_ACCOUNT, login.clone()),
            (OTHER_NAMESPACE, login),
        ] {
            let result = of(&results, id);
            prop_assert_eq!(result.cases.iter().map(|case| case.subject.clone()).collect::<Vec<_>>(), expected);
            for case in &result.cases {
                prop_assert!(!case.message.is_empty() || case.verdict == Verdict::Conformant, "{:?}", case);
                if let Some(cause) = &case.cause {
                    prop_assert!(catalogue().causes.get(cause).is_some(), "{} is in no catalogue", cause);
                }
            }
        }
    }

    #[test]
    fn what_the_app_reads_no_comparison_fails(
        target in target(),
        health in any_answer(),
        initialized in any::<Option<bool>>(),
        mount in there(any_answer()),
        versions in there(select(vec!["1.21.0", "1.8.0", "1.21.0+ent", "2.3.1", "odd"])),
        times in proptest::collection::vec(there(select(vec!["2020-01-01T00:00:00Z", "2027-01-16T00:00:00Z", "never"])), 3),
        key in (0..keys().len(), select(vec![Near::Case, Near::Level, Near::Text]), select(vec![Doubt::Space, Doubt::Quoted])),
        revocation in select(vec![(204, "", 403, ""), (400, "batch tokens cannot be revoked", 200, "batch"), (403, DENIED, 403, "")]),
        may_ask in any::<bool>(),
        namespace in there(Just(NamedBy::Environment)),
    ) {
        let target = Target {
            require: None,
            vault_namespace: namespace.map(|_| "team".to_owned()),
            vault_namespace_from: namespace.unwrap_or_default(),
            ..target
        };
        let time = |at: usize| times[at].map(str::to_owned);
        let sighted = all_is_well(|secret, asked| {
            (asked.health, asked.initialized, asked.mount) = (health, initialized, mount);
            asked.version = versions.map(str::to_owned);
            (asked.created, asked.certificate_ends, secret.ends) = (time(0), time(1), time(2));
            let (at, near, doubt) = key;
            secret.keys.iter_mut().for_each(|key| key.doubt = Some(doubt));
            (secret.keys[at].state, secret.keys[at].near, secret.keys[at].doubt) = (KeyState::Missing, Some(near), None);
            let (revoke, text, after, kind) = revocation;
            asked.revoke = Some(answer(revoke, text));
            asked.after_revocation = Some(answer(after, ""));
            asked.token_type = Some(kind.to_owned());
            if !may_ask {
                asked.capabilities = Some(answer(403, DENIED));
                asked.allowed.clear();
            }
        });
        let app = of(&judged(&target, &sighted), APP).clone();
        prop_assert_eq!(app.verdict, Verdict::Conformant, "{}", app.reason);
        let mut warned = app.cases.iter().filter(|case| case.warning);
        prop_assert!(warned.all(|case| case.cause.is_some() && !case.message.is_empty()));
    }

    #[test]
    fn a_scenario_is_as_good_as_its_cases(target in target(), sighted in sighted()) {
        for result in judged(&target, &sighted) {
            let has = |verdict| result.cases.iter().any(|case| case.verdict == verdict);
            let expected = match (has(Verdict::Nonconformant), has(Verdict::Inconclusive), has(Verdict::Conformant)) {
                (true, ..) => Verdict::Nonconformant,
                (_, true, _) => Verdict::Inconclusive,
                (_, _, true) => Verdict::Conformant,
                _ => Verdict::Skipped,
            };
            prop_assert_eq!(result.verdict, expected);
        }
    }

    #[test]
    fn a_check_that_passes_saw_all_that_it_promises(target in target(), sighted in sighted()) {
        let results = judged(&target, &sighted);
        if of(&results, APP).verdict == Verdict::Conformant {
            prop_assert_eq!(wrongly_passed(&target, &sighted.twin), None);
        }
        if exit_code(&results) == 0 {
            prop_assert_eq!(wrongly_passed(&target, &sighted.twin), None);
            prop_assert_eq!(of(&results, APP).verdict, Verdict::Conformant);
            prop_assert_eq!(of(&results, FRESH_ACCOUNT).verdict, Verdict::Conformant);
        }
    }

    #[test]
    fn what_the_apps_own_way_passes_no_comparison_fails(target in target(), sighted in sighted()) {
        let results = judged(&target, &sighted);
        let failed = |ids: &[&str]| -> Vec<String> {
            let wrong = |subject: &Subject| matches!(subject, Subject::Check(id) if ids.contains(&id.as_str()));
            let cases = of(&results, SET_UP).cases.iter().filter(|case| case.verdict == Verdict::Nonconformant);
            cases.filter(|case| wrong(&case.subject)).map(|case| format!("{case:?}")).collect()
        };
        if logged_in(&sighted.twin) && of(&results, APP).observed.passed(Stage::Login) {
            prop_assert_eq!(failed(&["reviewer", "role", "role-binding", "role-lifetime", "auth-config"]), Vec::<String>::new());
        }
        if has_read(&sighted.twin) && of(&results, APP).observed.passed(Stage::Read) {
            prop_assert_eq!(failed(&["policy", "mount", "secret"]), Vec::<String>::new());
        }
    }

    #[test]
    fn a_refusal_passes_only_for_its_own_cause_and_beside_an_app_that_was_let_in(
        target in target(),
        sighted in sighted(),
    ) {
        let results = judged(&target, &sighted);
        let passes = |id| of(&results, id).verdict == Verdict::Conformant;
        for (id, probed, words) in [
            (FRESH_ACCOUNT, Some(&sighted.fresh), "service account name not authorized"),
            (OTHER_NAMESPACE, sighted.other.as_ref(), "namespace not authorized"),
        ] {
            if passes(id) {
                prop_assert!(logged_in(&sighted.twin));
                let answer = probed.and_then(login);
                // Plugins up to 0.12 refuse with 500, in the same words.
                prop_assert!(matches!(status(answer), Some(403 | 500)));
                prop_assert!(answer.is_some_and(|answer| answer.text.contains(words)));
            }
        }
        if passes(WITHOUT_TOKEN) {
            let asked = seen(&sighted.twin).and_then(|observation| observation.asked.as_ref());
            let answer = asked.and_then(|asked| asked.read_without_token.as_ref());
            prop_assert!(matches!(status(answer), Some(400 | 403)) && has_read(&sighted.twin));
        }
    }

    #[test]
    fn where_the_apps_pod_said_nothing_nothing_passes(target in target(), sighted in sighted(), reason in "[a-z ]{1,20}") {
        let sighted = Sighted { twin: Probed::nothing(&*reason), ..sighted };
        let results = judged(&target, &sighted);
        prop_assert!(exit_code(&results) != 0);
        prop_assert_eq!(of(&results, APP).verdict, Verdict::Inconclusive);
        for id in [WITHOUT_TOKEN, FRESH_ACCOUNT, OTHER_NAMESPACE] {
            prop_assert!(of(&results, id).verdict != Verdict::Conformant, "{}", id);
        }
        let Catalogue { keys, causes, .. } = catalogue();
        let nothing = Judge { target: &target, keys, causes, now: NOW }.nothing(&reason);
        prop_assert_eq!(exit_code(&nothing), 3);
        let passed = |result: &ScenarioResult| result.cases.iter().any(|case| case.verdict == Verdict::Conformant);
        prop_assert!(!nothing.iter().any(passed));
    }

    #[test]
    fn a_vault_that_gives_no_usable_answer_is_never_a_pass_and_never_the_set_ups_fault(
        target in target(),
        sighted in sighted(),
        answer in any_answer().prop_filter("usable", unusable),
        at_read in any::<bool>(),
    ) {
        let mut sighted = sighted;
        let Seen::Observed(observation) = &mut sighted.twin.seen else { return Ok(()) };
        observation.token = TokenState::Present;
        observation.login.get_or_insert_with(|| Login {
            answer: Answer::default(),
            lease_duration: None,
            policies: Vec::new(),
            empty_login_status: None,
 another_method: false,
        }).answer = if at_read { Answer { status: Some(200), ..Answer::default() } } else { answer.clone() };
        observation.read = Some(answer.clone());
        observation.read_with_token = true;
        // Where Vault explains a 5xx, that may name the set-up.
        let explained = !answer.text.is_empty() && answer.status.is_some_and(|status| status >= 500);
        let results = judged(&target, &sighted);
        prop_assert!(exit_code(&results) != 0);
        let app = of(&results, APP);
        prop_assert!(app.verdict != Verdict::Conformant);
        let told: BTreeSet<&str> =
            app.observed.cause.iter().chain(&app.observed.candidates).map(|cause| cause.as_str()).collect();
        let says_nothing = answer.status.is_none() && answer.transport.is_none();
        prop_assert!(!told.is_empty() || says_nothing, "no cause is named: {:?}", app.observed);
        for cause in told {
            let vaults = [
                "vault-failing", "not-vault", "vault-unreachable", "vault-tls", "vault-sealed", "vault-not-initialized",
                "vault-authority-unknown", "vault-certificate-expired", "vault-certificate-name", "vault-without-tls",
                "client-certificate-wanted", "redirected", "rate-limited", "vault-internal-error",
            ];
            let name = cause.split_once('.').map_or(cause, |(_, name)| name);
            prop_assert!(vaults.contains(&name) || explained, "{} is blamed for {:?}", cause, answer);
        }
    }
}

/// Everything in order, but what `change` changes.
fn all_is_well(change: impl FnOnce(&mut Secret, &mut Asked)) -> Sighted {
    let key =
        |name: &str| KeyObservation { name: name.to_owned(), state: KeyState::Present, ..KeyObservation::default() };
    let mut secret = Secret { version_2_shape: true, keys: keys().into_iter().map(key).collect(), ..Secret::default() };
    let mut asked = Asked {
        health: answer(200, ""),
        version: Some("1.21.0".to_owned()),
        initialized: Some(true),
        read_without_token: Some(answer(403, "permission denied")),
        token_type: Some("service".to_owned()),
        mount: Some(answer(200, "")),
        kv_version: Some(2),
        capabilities: Some(answer(200, "")),
        allowed: BTreeMap::from([(PATH.to_owned(), vec!["read".to_owned()])]),
        revoke: Some(answer(204, "")),
        after_revocation: Some(answer(403, "permission denied")),
        ..Asked::default()
    };
    change(&mut secret, &mut asked);
    let observation = |login: Answer, secret, asked| Observation {
        schema: SCHEMA,
        run: "r1".to_owned(),
        scenario: APP.to_owned(),
        token: TokenState::Present,
        login: Some(Login {
            lease_duration: (login.status == Some(200)).then_some(86_400),
            answer: login,
            policies: Vec::new(),
            empty_login_status: None,
            another_method: false,
        }),
        read_path: PATH.to_owned(),
        read: Some(answer(200, "")),
        read_with_token: true,
        secret,
        boundary: None,
        asked,
        millis: 1,
    };
    let probed = |observation| Probed { seen: Seen::Observed(Box::new(observation)), observe_ms: 1 };
    let refused = observation(answer(403, "service account name not authorized"), None, None);
    Sighted {
        app: App {
            service_account: "pmp-secret-accessor".to_owned(),
            automount: None,
            source: Source::Runtime,
            notes: Vec::new(),
        },
        inspection: Inspection::default(),
        twin: probed(observation(answer(200, ""), Some(secret), Some(asked))),
        fresh: probed(refused),
        other: None,
    }
}

fn some_target() -> Target {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    target().new_tree(&mut runner).unwrap_or_else(|reason| panic!("{reason}")).current()
}

/// The app's result, for a target that needs these keys.
fn app_with(require: Option<Reads>, change: impl FnOnce(&mut Secret, &mut Asked)) -> ScenarioResult {
    of(&judged(&Target { require, ..some_target() }, &all_is_well(change)), APP).clone()
}

fn case<'a>(result: &'a ScenarioResult, subject: &Subject) -> (Verdict, bool, Option<&'a str>) {
    let case = result.cases.iter().find(|case| case.subject == *subject).unwrap_or_else(|| panic!("{subject}"));
    (case.verdict, case.warning, case.cause.as_ref().map(|cause| cause.as_str()))
}

const ANY_KEY: &str = "VCS.GitlabAdminPAT";

fn lies(secret: &mut Secret, near: Option<Near>, which: impl Fn(&str) -> bool) {
    for key in secret.keys.iter_mut().filter(|key| which(&key.name)) {
        (key.state, key.near) = (KeyState::Missing, near);
    }
}

#[rstest::rstest]
#[case::required_or_not(None, KeyState::Missing, "keys.none")]
#[case::all_of_them(Some(Reads::All), KeyState::Missing, "keys.none")]
#[case::and_all_that_is_there_is_empty(None, KeyState::Empty, "keys.empty")]
fn a_secret_of_which_nothing_is_read_is_no_pass(
    #[case] require: Option<Reads>,
    #[case] state: KeyState,
    #[case] cause: &str,
) {
    let app = app_with(require, |secret, _| secret.keys.iter_mut().for_each(|key| key.state = state));
    assert_eq!(app.verdict, Verdict::Nonconformant);
    assert_eq!(app.observed.phrase(), format!("stops at keys: {cause}"));
}

#[test]
fn where_nothing_is_read_it_is_told_where_the_keys_lie() {
    let app = app_with(None, |secret, _| lies(secret, Some(Near::Level), |name| name.starts_with("VCS.")));
    assert_eq!(app.verdict, Verdict::Conformant, "{}", app.reason);
    let app = app_with(None, |secret, _| {
        lies(secret, None, |_| true);
        lies(secret, Some(Near::Level), |name| name.starts_with("VCS."));
    });
    assert_eq!(app.observed.phrase(), "stops at keys: keys.none");
    let told = "30 of 30 keys are missing; 9 of them: it lies inside another value, not at the top of the secret";
    assert_eq!(app.observed.text, told);
    let key = case(&app, &Subject::Key(ANY_KEY.to_owned()));
    assert_eq!(key, (Verdict::Nonconformant, false, Some("keys.misplaced")));
}

#[test]
fn a_key_that_lies_elsewhere_is_a_warning_and_a_failure_where_it_is_required() {
    let elsewhere = |secret: &mut Secret, _: &mut Asked| lies(secret, Some(Near::Case), |name| name == ANY_KEY);
    let subject = Subject::Key(ANY_KEY.to_owned());
    let app = app_with(None, elsewhere);
    assert_eq!(app.verdict, Verdict::Conformant);
    assert_eq!(case(&app, &subject), (Verdict::Conformant, true, Some("keys.misplaced")));
    let app = app_with(Some(Reads::All), elsewhere);
    assert_eq!(app.observed.phrase(), "stops at keys: keys.misplaced");
    assert_eq!(case(&app, &subject), (Verdict::Nonconformant, false, Some("keys.misplaced")));
}

#[test]
fn a_doubtful_value_is_read_and_warned_of() {
    for require in [None, Some(Reads::All)] {
        let app = app_with(require, |secret, _| secret.keys[3].doubt = Some(Doubt::Space));
        assert_eq!(app.verdict, Verdict::Conformant);
        let subject = Subject::Key(keys()[3].to_owned());
        assert_eq!(case(&app, &subject), (Verdict::Conformant, true, Some("keys.doubtful-value")));
    }
}

#[test]
fn a_version_that_ends_by_itself_is_read_and_warned_of() {
    let app = app_with(None, |secret, _| secret.ends = Some("2027-01-20T00:00:00Z".to_owned()));
    assert_eq!(app.verdict, Verdict::Conformant);
    let subject = Subject::Check("secret-ends".to_owned());
    assert_eq!(case(&app, &subject), (Verdict::Conformant, true, Some("read.version-ends")));
}

#[rstest::rstest]
#[case::batch("batch", 400, "batch tokens cannot be revoked", 200, "boundary.batch-token")]
#[case::without_default("service", 403, DENIED, 403, "boundary.token-may-not-revoke-itself")]
fn a_token_that_its_role_does_not_let_be_revoked_passes_with_a_warning(
    #[case] kind: &str,
    #[case] revoke: u16,
    #[case] text: &str,
    #[case] after: u16,
    #[case] cause: &str,
) {
    let app = app_with(None, |_, asked| {
        asked.token_type = Some(kind.to_owned());
        asked.revoke = Some(answer(revoke, text));
        asked.after_revocation = Some(answer(after, ""));
    });
    assert_eq!((app.verdict, app.observed.stage), (Verdict::Conformant, None));
    let subject = Subject::Check("token-revoked".to_owned());
    assert_eq!(case(&app, &subject), (Verdict::Conformant, true, Some(cause)));
}

const DENIED: &str = "1 error occurred: * permission denied";

#[rstest::rstest]
#[case::that_nobody_named(None, "1.21.0+ent", NamedBy::Environment, (Verdict::Conformant, false, None))]
#[case::that_a_flag_named(Some("ns"), "1.21.0+ent", NamedBy::Flag, (Verdict::Conformant, false, None))]
#[case::that_vault_ignores(Some("ns"), "1.21.0", NamedBy::Environment, (Verdict::Conformant, false, None))]
#[case::of_the_environment(
    Some("ns"),
    "1.21.0+ent",
    NamedBy::Environment,
    (Verdict::Conformant, true, Some("login.namespace-from-environment"))
)]
fn a_namespace_is_shown_and_warned_of(
    #[case] name: Option<&str>,
    #[case] version: &str,
    #[case] from: NamedBy,
    #[case] expected: (Verdict, bool, Option<&str>),
) {
    let target =
        Target { vault_namespace: name.map(str::to_owned), vault_namespace_from: from, require: None, ..some_target() };
    let sighted = all_is_well(|_, asked| asked.version = Some(version.to_owned()));
    let app = of(&judged(&target, &sighted), APP).clone();
    assert_eq!(app.verdict, Verdict::Conformant);
    assert_eq!(case(&app, &Subject::Check("vault-namespace".to_owned())), expected);
}

#[rstest::rstest]
#[case::that_a_gateway_hides(answer(403, ""), None, "login.health-not-told")]
#[case::that_breaks_off(
    Answer { status: None, text: "reset".to_owned(), transport: Some(Transport::Other) },
    None,
    "login.health-not-told"
)]
#[case::of_a_sealed_node_beside_others(answer(503, ""), Some(true), "login.vault-sealed")]
fn a_health_fails_nothing_that_the_app_passes(
    #[case] health: Answer,
    #[case] initialized: Option<bool>,
    #[case] cause: &str,
) {
    let app = app_with(None, |_, asked| (asked.health, asked.initialized) = (health, initialized));
    assert_eq!(app.verdict, Verdict::Conformant, "{}", app.reason);
    let found = case(&app, &Subject::Check("vault-health".to_owned()));
    assert_eq!(found, (Verdict::Conformant, true, Some(cause)));
    assert_eq!(case(&app, &Subject::Check("vault-tcp".to_owned())).0, Verdict::Conformant);
}

#[rstest::rstest]
#[case::in_a_week("2027-01-22T08:00:00Z", true)]
#[case::in_a_year("2028-01-15T08:00:00Z", false)]
fn a_certificate_that_ends_soon_is_warned_of(#[case] ends: &str, #[case] soon: bool) {
    let app = app_with(None, |_, asked| asked.certificate_ends = Some(ends.to_owned()));
    assert_eq!(app.verdict, Verdict::Conformant);
    let cause = soon.then_some("login.vault-certificate-ends");
    assert_eq!(case(&app, &Subject::Check("vault-certificate".to_owned())), (Verdict::Conformant, soon, cause));
}

#[rstest::rstest]
#[case::on_enterprise(None, "1.21.0+ent")]
#[case::where_one_was_named(Some("ns"), "1.21.0+ent.hsm")]
fn a_mount_that_is_not_there_may_be_in_another_namespace(#[case] name: Option<&str>, #[case] version: &str) {
    let target = Target { vault_namespace: name.map(str::to_owned), ..some_target() };
    let mut sighted = all_is_well(|_, asked| asked.version = Some(version.to_owned()));
    if let Seen::Observed(observation) = &mut sighted.twin.seen {
        observation.login = Some(Login {
            answer: answer(403, "permission denied"),
            lease_duration: None,
            policies: Vec::new(),
            empty_login_status: Some(403),
            another_method: false,
        });
    }
    let app = of(&judged(&target, &sighted), APP).clone();
    assert_eq!(app.observed.phrase(), "stops at login: login.auth-mount-missing");
    let (_, warning, cause) = case(&app, &Subject::Check("vault-namespace".to_owned()));
    assert_eq!((warning, cause), (true, Some("login.namespace-may-differ")));
}

#[rstest::rstest]
#[case::may_not_ask(403, DENIED, None, "boundary.token-may-not-ask")]
#[case::is_used_up(403, "2 errors occurred: * permission denied * invalid token", Some(2), "boundary.token-used-up")]
fn what_a_token_may_do_is_not_known_where_it(
    #[case] status: u16,
    #[case] text: &str,
    #[case] uses: Option<u64>,
    #[case] cause: &str,
) {
    let app = app_with(None, |_, asked| {
        asked.token_uses = uses;
        asked.capabilities = Some(answer(status, text));
        asked.allowed.clear();
    });
    assert_eq!(app.verdict, Verdict::Conformant, "{}", app.reason);
    let of = |id: &str| case(&app, &Subject::Check(id.to_owned()));
    assert_eq!(of("capabilities"), (Verdict::Conformant, true, Some(cause)));
    assert_eq!(of("no-write"), (Verdict::Skipped, false, None));
}

#[test]
fn the_generated_checks_pass_and_fail_and_have_no_verdict() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeMap::new();
    for _ in 0..2000 {
        let Ok(tree) = (target(), sighted()).new_tree(&mut runner) else { panic!("the strategy gives nothing") };
        let (target, sighted) = tree.current();
        *reached.entry(exit_code(&judged(&target, &sighted))).or_insert(0) += 1;
    }
    for code in [0, 1, 3] {
        assert!(reached.get(&code).is_some_and(|count| *count > 20), "{reached:?}");
    }
}
