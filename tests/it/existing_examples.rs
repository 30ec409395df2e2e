//! What a check of a customer's cluster says of single sights, each an example of a kind of report.

use pmp_vault_conformance::check::judge::{APP, Judge};
use pmp_vault_conformance::check::likeness::{Instead, Likeness, Token};
use pmp_vault_conformance::check::target::{NamedBy, Target};
use pmp_vault_conformance::page::Reads;
use pmp_vault_conformance::probe::observation::{Answer, Asked, Doubt, KeyObservation, KeyState, Login, Near, Secret};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::vault::transport::Transport;
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::result::{ScenarioResult, Subject};
use pmp_vault_conformance::verdict::sighting::Seen;

use crate::support::existing::*;

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
    let (all, near) = (keys().len(), keys().iter().filter(|key| key.starts_with("VCS.")).count());
    let told = format!(
        "{all} of {all} keys are missing; {near} of them: it lies inside another value, not at the top of the secret"
    );
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
    let subject = Subject::Check("vault-certificate".to_owned());
    assert_eq!(case(&app, &subject), (Verdict::Conformant, soon, cause));
    let told = app.cases.iter().find(|case| case.subject == subject).and_then(|case| case.ends.as_deref());
    assert_eq!(told, Some(ends));
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
fn where_the_apps_pod_has_what_no_pod_of_a_check_can_have_a_pass_says_so() {
    let subject = Subject::Check("app-twin".to_owned());
    for (apart, cause) in [(Vec::new(), None), (vec!["the node's network".to_owned()], Some("pod.not-as-app"))] {
        let mut sighted = all_is_well(|_, _| {});
        let pod = like("mxplatform-1", Token::Mounted { seconds: 3607 }, Instead::Nothing);
        sighted.app.like = Some(Likeness { apart, ..pod });
        let app = of(&judged(&some_target(), &sighted), APP).clone();
        assert_eq!(app.verdict, Verdict::Conformant, "{}", app.reason);
        assert_eq!(case(&app, &subject), (Verdict::Conformant, cause.is_some(), cause));
    }
}

/// What is said of the app where Vault refuses it, and a fresh Service Account, in these words.
fn refused(app: Answer, fresh: Answer) -> ScenarioResult {
    let mut sighted = all_is_well(|_, _| {});
    for (probed, answer) in [(&mut sighted.twin, app), (&mut sighted.fresh, fresh)] {
        let Seen::Observed(observation) = &mut probed.seen else { unreachable!("all is well") };
        observation.login = Some(Login {
            answer,
            lease_duration: None,
            policies: Vec::new(),
            empty_login_status: Some(400),
            another_method: false,
        });
    }
    of(&judged(&some_target(), &sighted), APP).clone()
}

#[rstest::rstest]
#[case::of_today(403)]
#[case::up_to_0_12(500)]
fn a_fresh_account_that_a_plugin_refuses_for_its_name_tells_that_the_app_got_further(#[case] status: u16) {
    let app = refused(answer(403, "permission denied"), answer(status, "service account name not authorized"));
    let may_be: Vec<&str> = app.observed.candidates.iter().map(|cause| cause.as_str()).collect();
    assert!(may_be.contains(&"login.reviewer-may-not-review"), "{may_be:?}");
    for earlier in ["login.malformed-token", "login.cidr-mismatch"] {
        assert!(!may_be.contains(&earlier), "{may_be:?}");
    }
}

#[test]
fn what_an_old_plugin_says_of_a_token_counts_though_it_looks_at_the_name_first() {
    let text = "1 error occurred:\n\t* failed to validate JWT: crypto/rsa: verification error\n\n";
    let app = refused(answer(500, text), answer(500, "service account name not authorized"));
    assert_eq!(app.observed.phrase(), "stops at login: login.malformed-token");
}

#[test]
fn a_required_key_under_the_name_of_another_revision_is_renamed_and_not_just_missing() {
    const OLD: &str = "ClusterSettings.GrafanaAPIKey";
    const NEW: &str = "serverClusterManager.GrafanaAPIKey";
    let catalogue = Catalogue::embedded().unwrap().on_page("35-keys").unwrap();
    let Catalogue { page, revisions, causes, .. } = &catalogue;
    let sighted = all_is_well(|secret, _| {
        secret.keys = page
            .keys
            .iter()
            .map(|key| KeyObservation { name: key.name.clone(), state: KeyState::Present, ..KeyObservation::default() })
            .collect();
        lies(secret, None, |name| name == NEW);
        (secret.unexpected, secret.of_others) = (1, vec![OLD.to_owned()]);
    });
    for (required, verdict, warning) in [(false, Verdict::Conformant, true), (true, Verdict::Nonconformant, false)] {
        let require = required.then(|| Reads::Keys([NEW.to_owned()].into()));
        let target = Target { require, ..some_target() };
        let results = Judge { target: &target, page, revisions, causes, now: NOW }.judge(&sighted);
        let app = of(&results, APP);
        assert_eq!(app.verdict, verdict, "{}", app.reason);
        assert_eq!(case(app, &Subject::Key(NEW.to_owned())), (verdict, warning, Some("keys.renamed")));
        assert_eq!(app.observed.cause.as_ref().map(|cause| cause.as_str()), required.then_some("keys.renamed"));
    }
}

#[rstest::rstest]
#[case::is_busy(429, Verdict::Nonconformant, &["login.vault-failing"])]
#[case::refuses_it(403, Verdict::Inconclusive, &[])]
fn that_another_token_is_let_in_explains_a_token_only_where_vault(
    #[case] status: u16,
    #[case] verdict: Verdict,
    #[case] told: &[&str],
) {
    let log = "x [DEBUG] auth.kubernetes.auth_kubernetes_1: login unauthorized: err=\"something that nobody knows\"";
    let target = Target { vault_log: Some(log.to_owned()), ..some_target() };
    let mut sighted = all_is_well(|_, _| {});
    let pod = |instead| like("mxplatform-1", Token::Mounted { seconds: 3607 }, instead);
    sighted.app.like = Some(pod(Instead::Nothing));
    sighted.app.other_ways = vec![pod(Instead::AnotherToken)];
    sighted.ways = vec![sighted.twin.clone()];
    let Seen::Observed(observation) = &mut sighted.twin.seen else { unreachable!("all is well") };
    let Some(login) = &mut observation.login else { unreachable!("all is well") };
    login.answer = answer(status, "permission denied");
    let app = of(&judged(&target, &sighted), APP).clone();
    assert_eq!(app.verdict, verdict);
    assert_eq!(app.reason.contains("more than one token"), told.is_empty(), "{}", app.reason);
    let may_be: Vec<&str> = app.observed.candidates.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(may_be, told);
}
