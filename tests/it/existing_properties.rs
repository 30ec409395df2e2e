//! Whatever a check of a customer's cluster and Vault sees: it says something of
//! everything, and what a pass promises holds.
//!
//! What a pass implies is written here once more, from the documentation, and
//! not drawn from the judge.

use std::collections::{BTreeMap, BTreeSet};

use pmp_vault_conformance::check::app::{App, Source};
use pmp_vault_conformance::check::inspect::{Account, Found};
use pmp_vault_conformance::check::judge::{ALL, APP, FRESH_ACCOUNT, Judge, OTHER_NAMESPACE, SET_UP, WITHOUT_TOKEN};
use pmp_vault_conformance::check::likeness::Token;
use pmp_vault_conformance::check::sighted::{Probed, Sighted};
use pmp_vault_conformance::check::target::{NamedBy, Target};
use pmp_vault_conformance::page::Stage;
use pmp_vault_conformance::probe::observation::{Answer, Doubt, KeyObservation, KeyState, Login, Near, TokenState};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::result::{Case, ScenarioResult, Subject};
use pmp_vault_conformance::verdict::sighting::Seen;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::existing::*;

/// What is checked around the app's way and of the set-up, as docs/customers.md has it.
const AROUND: [&str; 26] = [
    "vault-name",
    "vault-tcp",
    "vault-tls",
    "vault-health",
    "vault-version",
    "vault-certificate",
    "vault-authority",
    "vault-namespace",
    "auth-method",
    "secret-name",
    "kv-version-2",
    "secret-age",
    "secret-ends",
    "only-documented-keys",
    "page-revision",
    "token-lifetime",
    "token-revoked",
    "capabilities",
    "no-list",
    "no-write",
    "no-patch",
    "no-delete",
    "no-sibling",
    "app-twin",
    "app-token",
    "other-pods",
];
const SET_UPS: [&str; 14] = [
    "custom-resources",
    "app-pod",
    "service-account",
    "reviewer",
    "reviewer-token",
    "next-pod",
    "role",
    "role-binding",
    "role-lifetime",
    "auth-config",
    "policy",
    "mount",
    "secret",
    "check-token",
];

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
    fn a_pod_whose_token_is_of_an_account_that_is_gone_is_never_passed_over(
        target in target(), token in select(vec![Token::Mounted { seconds: 3607 }, Token::Own { audience: None, seconds: 3600, sub_path: false }]),
        age in 40..2800i64, since in 1..2800i64,
    ) {
        let mut sighted = all_is_well(|_, _| {});
        let target = Target { require: None, ..target };
        sighted.app = with_pods(App::new("pmp-secret-accessor", None, Source::Pod("mxplatform-0".to_owned())), Some((token, age, 0, 0)));
        sighted.inspection.cluster.account = Some(Account { made: ago(since), uid: "u".to_owned(), automount: None });
        let app = of(&judged(&target, &sighted), APP).clone();
        let made_since = since < age;
        prop_assert_eq!(app.verdict == Verdict::Nonconformant, made_since, "{:?}", app.cases);
    }

    #[test]
    fn a_reviewer_whose_token_vault_is_not_known_to_have_is_never_the_one_cause(
        target in target(), sighted in sighted(), set in any::<Option<bool>>(),
    ) {
        let mut sighted = sighted;
        let Seen::Observed(observation) = &mut sighted.twin.seen else { return Ok(()) };
        observation.token = TokenState::Present;
        observation.login = Some(Login {
            answer: answer(403, "permission denied"),
            lease_duration: None,
            policies: Vec::new(),
            empty_login_status: Some(400),
            another_method: false,
        });
        if let Some(vault) = &mut sighted.inspection.vault {
            vault.config = Found::There(json!({ "kubernetes_host": "https://10.0.0.1:6443", "token_reviewer_jwt_set": set }));
        }
        let has_one = sighted.inspection.vault.is_some() && set == Some(true);
        let app = of(&judged(&target, &sighted), APP).clone();
        let of_the_reviewer = ["login.reviewer-may-not-review", "login.reviewer-unauthorized"];
        let blamed = app.observed.cause.as_ref().is_some_and(|cause| of_the_reviewer.contains(&cause.as_str()));
        prop_assert!(!blamed || has_one, "{:?}", app.observed);
    }

    #[test]
    fn where_vault_lets_another_token_of_the_pod_in_the_first_is_no_accusation(target in target(), sighted in sighted()) {
        let results = judged(&target, &sighted);
        let app = of(&results, APP);
        let let_in = sighted.app.like.is_some() && sighted.ways.iter().any(|probed| status(login(probed)) == Some(200));
        let stopped = matches!(app.observed.stage, Some(Stage::Token | Stage::Login));
        // A Vault that failed refused no token, and what answers with 204 is none.
        let no_refusal = |answer: &Answer| unusable(answer) || answer.status.is_some_and(|status| status < 400);
        if let_in && stopped && !login(&sighted.twin).is_some_and(no_refusal) && !logged_in(&sighted.twin) {
            let accused = |case: &&Case| matches!(case.subject, Subject::Stage(_) | Subject::Key(_)) && case.verdict == Verdict::Nonconformant;
            prop_assert_eq!(app.cases.iter().find(accused), None);
        }
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
        let app = of(&results, APP);
        // What is seen of other pods, and of a running pod's token, needs no answer of the twin.
        let by_others = ["app-token", "other-pods"].map(|id| Subject::Check(id.to_owned()));
        for case in app.cases.iter().filter(|case| !by_others.contains(&case.subject)) {
            let nothing = matches!(case.verdict, Verdict::Inconclusive | Verdict::Skipped);
            prop_assert!(nothing || case.subject == Subject::Check("app-twin".to_owned()), "{:?}", case);
        }
        prop_assert!(app.verdict != Verdict::Conformant);
        for id in [WITHOUT_TOKEN, FRESH_ACCOUNT, OTHER_NAMESPACE] {
            prop_assert!(of(&results, id).verdict != Verdict::Conformant, "{}", id);
        }
        // What could not be asked is not what there is no reason to ask.
        prop_assert_eq!(of(&results, WITHOUT_TOKEN).verdict, Verdict::Inconclusive);
        let Catalogue { page, revisions, causes, .. } = catalogue();
        let nothing = Judge { target: &target, page, revisions, causes, now: NOW }.nothing(&reason);
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
        let by_another_way = explained && sighted.ways.iter().any(|probed| status(login(probed)) == Some(200));
        prop_assert!(!told.is_empty() || says_nothing || by_another_way, "no cause is named: {:?}", app.observed);
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
