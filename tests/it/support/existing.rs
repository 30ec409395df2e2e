//! Checks of a customer's cluster: anything that a customer could name and that probes and servers could say, and a check in
//! which all is well.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pmp_vault_conformance::check::anew::Started;
use pmp_vault_conformance::check::app::{App, Source};
use pmp_vault_conformance::check::inspect::{Account, ClusterSide, Found, Inspection, VaultSide};
use pmp_vault_conformance::check::judge::{APP, Judge};
use pmp_vault_conformance::check::likeness::{Instead, Likeness, Token};
use pmp_vault_conformance::check::reviewer_token::ReviewerToken;
use pmp_vault_conformance::check::sighted::{Probed, Sighted};
use pmp_vault_conformance::check::target::{AccountRef, NamedBy, Target};
use pmp_vault_conformance::cluster::connect::ClusterChoice;
use pmp_vault_conformance::cluster::inherited::Inherited;
use pmp_vault_conformance::cluster::pod_spec::PodOptions;
use pmp_vault_conformance::event::RunResult;
use pmp_vault_conformance::page::Reads;
use pmp_vault_conformance::probe::input::SecretName;
use pmp_vault_conformance::probe::observation::{
    Answer, Asked, Doubt, KeyObservation, KeyState, Login, Near, Observation, SCHEMA, Secret, TokenState,
};
use pmp_vault_conformance::report::summary;
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::vault::transport::{Handshake, Transport};
use pmp_vault_conformance::verdict::Deny;
use pmp_vault_conformance::verdict::result::ScenarioResult;
use pmp_vault_conformance::verdict::sighting::Seen;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

pub const DENIED: &str = "1 error occurred: * permission denied";
pub const PATH: &str = "pmp-dev/data/admin";
pub const NOW: i64 = 1_800_000_000;

pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")));
    &CATALOGUE
}

pub fn keys() -> Vec<&'static str> {
    catalogue().page.keys.iter().map(|key| key.name.as_str()).collect()
}

// Anything that a customer could name, and that probes and servers could say.

pub fn target() -> BoxedStrategy<Target> {
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
                token_file: Some("/token".to_owned()),
                not_from_app: std::collections::BTreeSet::new(),
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
                    uid: None,
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

pub fn text() -> BoxedStrategy<String> {
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

pub fn answer(status: u16, text: &str) -> Answer {
    Answer { status: Some(status), text: text.to_owned(), transport: None }
}

pub fn any_answer() -> BoxedStrategy<Answer> {
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
pub fn mostly(right: Answer) -> BoxedStrategy<Answer> {
    prop_oneof![12 => Just(right), 1 => any_answer()].boxed()
}

pub fn there<T: std::fmt::Debug + Clone + 'static>(
    inner: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    proptest::option::weighted(0.95, inner).boxed()
}

pub fn secret() -> BoxedStrategy<Secret> {
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
            of_others: catalogue().revisions.keys_beside(&catalogue().page).into_iter().take(unexpected).collect(),
            unexpected,
        })
        .boxed()
}

pub fn asked() -> BoxedStrategy<Asked> {
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

pub fn observation(login: Answer) -> BoxedStrategy<Observation> {
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

pub fn probed(login: Answer) -> BoxedStrategy<Probed> {
    let refused = select(vec!["exceeded quota", "error looking up service account a/b: not found", "something else"]);
    let seen = prop_oneof![
        20 => observation(login).prop_map(|observation| Seen::Observed(Box::new(observation))),
        1 => refused.prop_map(|text| Seen::NotAdmitted(text.to_owned())),
        1 => Just(Seen::Nothing("the pod never ran".to_owned())),
    ];
    seen.prop_map(|seen| Probed { seen, observe_ms: 1, made: None }).boxed()
}

pub fn found(right: Value) -> BoxedStrategy<Found> {
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

pub fn inspection() -> BoxedStrategy<Inspection> {
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
    let made = proptest::option::of(select(AGES.to_vec()));
    let cluster =
        (any::<[Option<bool>; 3]>(), made).prop_map(|([reviewer_there, reviewer_may, app_may], made)| ClusterSide {
            reviewer_there,
            reviewer_may,
            app_may,
            root_ca: None,
            account: made.map(|age| Account { made: ago(age), uid: "u".to_owned(), automount: None }),
            reviewer: None,
        });
    (proptest::option::of(vault), cluster).prop_map(|(vault, cluster)| Inspection { vault, cluster }).boxed()
}

pub fn sighted() -> BoxedStrategy<Sighted> {
    let source = select(vec![Source::Pod("mxplatform-0".to_owned()), Source::Runtime, Source::Flag]);
    let app = (select(vec!["pmp-secret-accessor", "default"]), any::<Option<bool>>(), source, pods())
        .prop_map(|(account, automount, source, pods)| with_pods(App::new(account, automount, source), pods));
    let fresh = probed(answer(403, "service account name not authorized"));
    let other = there(probed(answer(403, "namespace not authorized")));
    let more = proptest::collection::vec(probed(answer(200, "")), 4);
    (app, inspection(), probed(answer(200, "")), fresh, other, more)
        .prop_map(|(app, inspection, twin, fresh, other, mut more)| {
            let ways = more.split_off(2).into_iter().take(app.other_ways.len()).collect();
            more.truncate(app.other_kinds.len());
            Sighted { app, inspection, twin, fresh, other, kinds: more, ways }
        })
        .boxed()
}

/// A running pod's token, when it was given, and how many other tokens and other kinds of pods there are.
pub type Pods = Option<(Token, i64, usize, usize)>;

pub fn pods() -> BoxedStrategy<Pods> {
    let token = select(vec![
        Token::Mounted { seconds: 3607 },
        Token::Own { audience: None, seconds: 600, sub_path: false },
        Token::Own { audience: None, seconds: 600, sub_path: true },
        Token::OfSecret,
        Token::Foreign("csi spiffe".to_owned()),
        Token::None,
    ]);
    proptest::option::of((token, select(AGES.to_vec()), 0..3usize, 0..3usize)).boxed()
}

/// How long ago something may have been made, in seconds.
pub const AGES: [i64; 5] = [5, 400, 2000, 4000, 500_000];

pub fn like(pod: &str, token: Token, instead: Instead) -> Likeness {
    Likeness {
        pod: pod.to_owned(),
        service_account: "pmp-secret-accessor".to_owned(),
        field: None,
        instead,
        token,
        token_file: "/token".to_owned(),
        inherited: Inherited::default(),
        authorities: Vec::new(),
        taken: Vec::new(),
        left: Vec::new(),
        apart: Vec::new(),
        beside: Vec::new(),
    }
}

pub fn ago(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(NOW - seconds).unwrap_or_default()
}

pub fn with_pods(app: App, pods: Pods) -> App {
    let Some((token, age, ways, kinds)) = pods else { return app };
    let more = |count: usize, instead| {
        (0..count).map(|number| like(&format!("mxplatform-{number}"), token.clone(), instead)).collect()
    };
    App {
        other_ways: more(ways, Instead::AnotherToken),
        other_kinds: more(kinds, Instead::Nothing),
        started: Some(Started { first: ago(age), container: Some(ago(age)) }),
        like: Some(like("mxplatform-0", token, Instead::Nothing)),
        ..app
    }
}

pub fn judged(target: &Target, sighted: &Sighted) -> Vec<ScenarioResult> {
    let Catalogue { page, revisions, causes, .. } = catalogue();
    Judge { target, page, revisions, causes, now: NOW }.judge(sighted)
}

pub fn exit_code(scenarios: &[ScenarioResult]) -> u8 {
    summary::exit(&RunResult { scenarios: scenarios.to_vec(), ..RunResult::default() }, Deny::Nothing, 0).code()
}

pub fn of<'a>(results: &'a [ScenarioResult], id: &str) -> &'a ScenarioResult {
    results.iter().find(|result| result.id == id).unwrap_or_else(|| panic!("{id} has no result"))
}

pub fn seen(probed: &Probed) -> Option<&Observation> {
    match &probed.seen {
        Seen::Observed(observation) => Some(observation),
        _ => None,
    }
}

pub fn status(answer: Option<&Answer>) -> Option<u16> {
    answer.and_then(|answer| answer.status)
}

pub fn login(probed: &Probed) -> Option<&Answer> {
    seen(probed).and_then(|observation| observation.login.as_ref()).map(|login| &login.answer)
}

pub fn logged_in(probed: &Probed) -> bool {
    status(login(probed)) == Some(200) && seen(probed).is_some_and(|o| o.token == TokenState::Present)
}

pub fn has_read(probed: &Probed) -> bool {
    logged_in(probed)
        && seen(probed).is_some_and(|o| {
            o.read_with_token
                && status(o.read.as_ref()) == Some(200)
                && o.secret.as_ref().is_some_and(|secret| secret.version_2_shape)
        })
}

/// No answer of Vault's: it fails, or something else answers, or nothing does.
pub fn unusable(answer: &Answer) -> bool {
    answer.status.is_none_or(|status| status == 429 || status >= 500 || (300..400).contains(&status))
}

/// Everything in order, but what `change` changes.
pub fn all_is_well(change: impl FnOnce(&mut Secret, &mut Asked)) -> Sighted {
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
    let probed = |observation| Probed { seen: Seen::Observed(Box::new(observation)), observe_ms: 1, made: None };
    let refused = observation(answer(403, "service account name not authorized"), None, None);
    Sighted {
        app: App::new("pmp-secret-accessor", None, Source::Runtime),
        inspection: Inspection::default(),
        twin: probed(observation(answer(200, ""), Some(secret), Some(asked))),
        fresh: probed(refused),
        other: None,
        kinds: Vec::new(),
        ways: Vec::new(),
    }
}

pub fn some_target() -> Target {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    target().new_tree(&mut runner).unwrap_or_else(|reason| panic!("{reason}")).current()
}
