//! The verdict of every check of a customer's cluster and Vault. Pure: what was
//! seen goes in, results for the reports come out. Every check, stage and key
//! has its case on every run.

use crate::check::app::{App, Source};
use crate::check::inspect::{Clues, Inspection};
use crate::check::target::Target;
use crate::check::{checks, setup};
use crate::page::{CauseCatalogue, CauseId, KeyCatalogue, Stage};
use crate::probe::observation::{Answer, KeyObservation, KeyState, Observation};
use crate::scenario::model::Evidence;
use crate::verdict::result::{Case, Observed, ScenarioResult, Subject, Timings};
use crate::verdict::sighting::{Seen, Sighting};
use crate::verdict::{Verdict, end, oracle};

/// The checks of the cluster and of Vault's configuration.
pub const SET_UP: &str = "existing.set-up";
/// The app's own way.
pub const APP: &str = "existing.app";
/// The read without any Vault token.
pub const WITHOUT_TOKEN: &str = "existing.without-token";
/// The login of a Service Account without rights.
pub const FRESH_ACCOUNT: &str = "existing.fresh-account";
/// The login from another namespace.
pub const OTHER_NAMESPACE: &str = "existing.other-namespace";

/// Every scenario of a check, in the order of the reports.
pub const ALL: [&str; 5] = [SET_UP, APP, WITHOUT_TOKEN, FRESH_ACCOUNT, OTHER_NAMESPACE];

/// What came of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The observation, or why there is none.
    pub seen: Seen,
    /// From the pod's creation to its observation, in milliseconds.
    pub observe_ms: u64,
}

impl Probed {
    /// There is no observation, and why.
    #[must_use]
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self { seen: Seen::Nothing(reason.into()), observe_ms: 0 }
    }

    fn observation(&self) -> Option<&Observation> {
        match &self.seen {
            Seen::Observed(observation) => Some(observation),
            _ => None,
        }
    }
}

/// Everything that was seen.
#[derive(Debug, Clone)]
pub struct Sighted {
    /// What the app has.
    pub app: App,
    /// With more rights than the app's.
    pub inspection: Inspection,
    /// The app's twin.
    pub twin: Probed,
    /// The Service Account without rights.
    pub fresh: Probed,
    /// The pod of another namespace, where one is named.
    pub other: Option<Probed>,
}

/// Judges.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// What was named.
    pub target: &'a Target,
    /// Every key has its case.
    pub keys: &'a KeyCatalogue,
    /// What a stop is named by.
    pub causes: &'a CauseCatalogue,
    /// Whether a warning counts as a failure.
    pub deny_warnings: bool,
    /// Unix time in seconds, against which a secret's age is counted.
    pub now: i64,
}

impl Judge<'_> {
    /// The results, in the order of [`ALL`].
    #[must_use]
    pub fn judge(self, sighted: &Sighted) -> Vec<ScenarioResult> {
        let clues = sighted.inspection.clues(self.target, &sighted.app.service_account);
        let observed = self.end(sighted, &clues);
        let mut results = vec![
            self.set_up(sighted, &observed),
            self.app(sighted, observed.clone()),
            self.without_token(&sighted.twin, &observed),
            self.fresh_account(&sighted.fresh, &observed, &clues),
            self.other_namespace(sighted.other.as_ref(), &observed, &clues),
        ];
        if self.deny_warnings {
            results.iter_mut().for_each(deny);
        }
        results
    }

    /// The results of a run that saw nothing, and why.
    #[must_use]
    pub fn nothing(self, reason: &str) -> Vec<ScenarioResult> {
        let app =
            App { service_account: "default".to_owned(), automount: None, source: Source::Flag, notes: Vec::new() };
        let nothing = || Probed::nothing(reason);
        let other = self.target.other_namespace.as_ref().map(|_| nothing());
        let inspection = Inspection::default();
        let mut results = self.judge(&Sighted { app, inspection, twin: nothing(), fresh: nothing(), other });
        for result in &mut results {
            for case in result.cases.iter_mut().filter(|case| case.verdict != Verdict::Skipped) {
                *case = Case::new(case.subject.clone(), Verdict::Inconclusive, reason);
            }
            settle(result);
        }
        results
    }

    /// Where the app's way ended, keys that nobody asked for left out of account.
    fn end(self, sighted: &Sighted, clues: &Clues) -> Observed {
        let twin = &sighted.twin;
        if let Some(reason) = twin.observation().and_then(|observation| oracle::not_reported(self.keys, observation)) {
            return Observed { text: reason, ..Observed::default() };
        }
        let mut sighting = Sighting::nothing("");
        sighting.seen = twin.seen.clone();
        if let Seen::Observed(observation) = &mut sighting.seen
            && let Some(secret) = &mut observation.secret
        {
            secret.keys.retain(|key| self.required(&key.name) || key.state != KeyState::Empty);
        }
        sighting.vault_log.clone_from(&clues.log);
        sighting.facts.clone_from(&clues.facts);
        let mut ruled_out = clues.ruled_out.clone();
        let mut rule_out = |ids: &[&str]| ruled_out.extend(ids.iter().map(|id| CauseId((*id).to_owned())));
        if let Some(asked) = twin.observation().and_then(|observation| observation.asked.as_ref()) {
            let status = |answer: &Option<Answer>| answer.as_ref().and_then(|answer| answer.status);
            if status(&asked.at_data_data) == Some(404) {
                rule_out(&["read.secret-at-data-data"]);
            }
            if status(&asked.mount) == Some(200) {
                rule_out(&["read.mount-missing"]);
            }
        }
        rule_out(self.by_the_fresh_account(sighted));
        sighting.ruled_out = Some(ruled_out);
        let mut observed = end::of(&sighting, self.causes, |key| self.required(key));
        if !observed.candidates.is_empty() {
            observed.tell_apart = self.tell_apart(&observed, clues);
        }
        observed
    }

    /// What the login of the fresh Service Account says of the app's. Vault
    /// looks at the token's form and at the client's address first, then at the
    /// name, and makes the TokenReview last.
    fn by_the_fresh_account(self, sighted: &Sighted) -> &'static [&'static str] {
        const BEFORE_THE_NAME: &[&str] = &["login.malformed-token", "login.cidr-mismatch"];
        const TOKEN_REVIEW: &[&str] = &[
            "login.app-may-not-review",
            "login.reviewer-may-not-review",
            "login.vault-may-not-review",
            "login.reviewer-unauthorized",
            "login.app-token-rejected",
            "login.api-server-certificate",
            "login.api-server-unreachable",
        ];
        let login = sighted.fresh.observation().and_then(|observation| observation.login.as_ref());
        let Some(answer) = login.map(|login| &login.answer).filter(|answer| answer.status == Some(403)) else {
            return &[];
        };
        if answer.text.contains("service account name not authorized") {
            return BEFORE_THE_NAME;
        }
        // A name that the role does not bind never gets as far as the TokenReview.
        match setup::binds(&sighted.inspection, "pmp-vault-conformance") {
            Some(false) if answer.text == "permission denied" => TOKEN_REVIEW,
            _ => &[],
        }
    }

    fn required(self, key: &str) -> bool {
        self.target.require.as_ref().is_some_and(|required| required.contains(key))
    }

    /// What is not at hand yet and would leave fewer causes.
    fn tell_apart(self, observed: &Observed, clues: &Clues) -> Vec<String> {
        let mut missing = Vec::new();
        let login = observed.stage == Some(Stage::Login);
        if !self.target.second_depth {
            missing.push(
                "a read-only Vault token with --vault-token-file (`print policy` prints what it needs)".to_owned(),
            );
        }
        if login && !self.target.diagnose_reviewer {
            missing.push(
                "--reviewer NAMESPACE/NAME --diagnose-reviewer (`print rbac` with them prints the ClusterRole)"
                    .to_owned(),
            );
        }
        if login && self.target.vault_log.is_none() {
            missing.push("a piece of Vault's log at level debug with --vault-log".to_owned());
        }
        missing.extend(clues.log_problem.iter().filter(|_| login).cloned());
        missing
    }

    fn set_up(self, sighted: &Sighted, observed: &Observed) -> ScenarioResult {
        let cases = setup::cases(self.target, sighted, observed);
        let expected = match sighted.inspection.vault {
            Some(_) => "custom resources, role, auth configuration, policy and mount are as the page says",
            None => "the custom resources are as the page says (Vault's side takes a Vault token)",
        };
        let title = "Cluster and Vault are set up as the page says";
        result(
            SET_UP,
            title,
            "#configure-k8s-auth",
            expected,
            cases,
            Observed { complete: true, ..Observed::default() },
        )
    }

    fn app(self, sighted: &Sighted, observed: Observed) -> ScenarioResult {
        let observation = sighted.twin.observation();
        let mut cases: Vec<Case> = Stage::ALL.into_iter().map(|stage| self.stage(stage, &observed)).collect();
        cases.extend(self.keys.keys.iter().map(|key| self.key(&key.name, observation, &observed)));
        cases.extend(checks::cases(self, observation, &observed));
        let expected = match &self.target.require {
            None => "reads what is stored".to_owned(),
            Some(crate::page::Reads::All) => "reads all keys".to_owned(),
            Some(crate::page::Reads::Keys(keys)) => {
                format!("reads {} of {} keys", keys.len(), self.keys.keys.len())
            }
        };
        let title = format!("The app as {} reads the credentials that it needs", sighted.app.service_account);
        let mut result = result(APP, &title, "#configure-pmp-credentials", &expected, cases, observed);
        result.timings =
            Timings { observe_ms: sighted.twin.observe_ms, total_ms: sighted.twin.observe_ms, ..Timings::default() };
        result
    }

    fn stage(self, stage: Stage, observed: &Observed) -> Case {
        let subject = Subject::Stage(stage);
        if !observed.complete {
            return Case::new(subject, Verdict::Inconclusive, observed.text.clone());
        }
        match observed.stage {
            None => Case::new(subject, Verdict::Conformant, ""),
            Some(stop) if stage < stop => Case::new(subject, Verdict::Conformant, ""),
            Some(stop) if stage > stop => {
                Case::new(subject, Verdict::Skipped, format!("not reached: the way stops at {stop}"))
            }
            Some(_) => {
                let (verdict, message) = stop(observed);
                Case { cause: observed.cause.clone(), ..Case::new(subject, verdict, message) }
            }
        }
    }

    fn key(self, name: &str, observation: Option<&Observation>, observed: &Observed) -> Case {
        let subject = Subject::Key(name.to_owned());
        let required = self.required(name);
        if !observed.complete {
            return Case::new(subject, Verdict::Inconclusive, observed.text.clone());
        }
        let found =
            observation.and_then(|o| o.secret.as_ref()).and_then(|s| s.keys.iter().find(|key| key.name == name));
        let Some(found) = found else {
            let stop = observed.stage.map_or("", Stage::as_str);
            return match required {
                true => {
                    let (verdict, _) = self::stop(observed);
                    let message = format!("not read: the way stops at {stop}");
                    Case { cause: observed.cause.clone(), ..Case::new(subject, verdict, message) }
                }
                false => Case::new(subject, Verdict::Skipped, format!("not reached: the way stops at {stop}")),
            };
        };
        Case { key_state: Some(found.state), ..key_case(subject, found, required) }
    }

    fn without_token(self, twin: &Probed, app: &Observed) -> ScenarioResult {
        let id = "read-without-token";
        let answer = twin
            .observation()
            .and_then(|observation| observation.asked.as_ref())
            .and_then(|asked| asked.read_without_token.as_ref());
        let case = match answer {
            _ if !app.complete => check(id, Verdict::Inconclusive, app.text.clone()),
            None => check(id, Verdict::Skipped, "Vault was not reached, so nothing was asked of it"),
            Some(Answer { status: Some(200), .. }) => {
                failed(id, "read.open-without-token", "the secret was given without a Vault token")
            }
            // Without the permitted twin everything may be refused.
            Some(Answer { status: Some(400 | 403), .. }) if !passed(app, Stage::Read) => check(
                id,
                Verdict::Inconclusive,
                "refused; the app itself could not read either, so that proves nothing",
            ),
            Some(Answer { status: Some(400 | 403), .. }) => check(id, Verdict::Conformant, ""),
            Some(answer) => check(id, Verdict::Inconclusive, format!("neither given nor refused: {}", words(answer))),
        };
        let title = "Vault does not give the secret without a token";
        let observed = Observed { complete: answer.is_some(), ..Observed::default() };
        let mut result =
            result(WITHOUT_TOKEN, title, "#create-vault-secret", "the read is refused", vec![case], observed);
        result.control = Some(APP.to_owned());
        result
    }

    fn fresh_account(self, fresh: &Probed, app: &Observed, clues: &Clues) -> ScenarioResult {
        let title = "A Service Account without rights is not let in";
        let right = "login.service-account-not-authorized";
        self.denied(FRESH_ACCOUNT, title, right, "login.fresh-account-accepted", Some(fresh), app, clues)
    }

    fn other_namespace(self, other: Option<&Probed>, app: &Observed, clues: &Clues) -> ScenarioResult {
        let title = "A pod of another namespace is not let in";
        let right = "login.namespace-not-authorized";
        self.denied(OTHER_NAMESPACE, title, right, "login.other-namespace-accepted", other, app, clues)
    }

    /// A login that must be refused, for the one cause that shows why.
    #[expect(clippy::too_many_arguments, reason = "two denials that differ in nothing but these")]
    fn denied(
        self,
        id: &str,
        title: &str,
        right: &str,
        accepted: &str,
        probed: Option<&Probed>,
        app: &Observed,
        clues: &Clues,
    ) -> ScenarioResult {
        let subject = Subject::Stage(Stage::Login);
        let expected = format!("stops at login: {right}");
        let Some(probed) = probed else {
            let case = Case::new(subject, Verdict::Skipped, "no --other-namespace is named");
            return result(id, title, "#configure-k8s-auth", &expected, vec![case], Observed::default());
        };
        let mut sighting = Sighting::nothing("");
        sighting.seen = probed.seen.clone();
        sighting.ruled_out = Some(clues.ruled_out.clone());
        let login = probed.observation().and_then(|observation| observation.login.as_ref());
        let mut observed = match login {
            Some(login) if login.answer.status == Some(200) => Observed { complete: true, ..Observed::default() },
            _ => end::of(&sighting, self.causes, |_| false),
        };
        let case = match (&observed.stage, &observed.cause) {
            _ if !observed.complete => Case::new(subject, Verdict::Inconclusive, observed.text.clone()),
            (None, _) => {
                observed.cause = Some(CauseId(accepted.to_owned()));
                let message = "the login succeeded; its token was revoked, and nothing was read with it";
                Case { cause: observed.cause.clone(), ..Case::new(subject, Verdict::Nonconformant, message) }
            }
            _ if !passed(app, Stage::Login) => Case::new(
                subject,
                Verdict::Inconclusive,
                "the app itself could not log in, so a refusal proves nothing",
            ),
            (_, Some(cause)) if cause.is_no_answer() => Case {
                cause: Some(cause.clone()),
                ..Case::new(
                    subject,
                    Verdict::Inconclusive,
                    format!("neither let in nor refused: {}", stop(&observed).1),
                )
            },
            (Some(Stage::Login), Some(cause)) if cause.as_str() == right => {
                Case { cause: Some(cause.clone()), ..Case::new(subject, Verdict::Conformant, "") }
            }
            (Some(Stage::Login), _) => Case {
                cause: observed.cause.clone(),
                ..Case::new(
                    subject,
                    Verdict::Nonconformant,
                    format!("refused, but not by the role: {}", stop(&observed).1),
                )
            },
            _ => Case::new(subject, Verdict::Inconclusive, stop(&observed).1),
        };
        let mut result = result(id, title, "#configure-k8s-auth", &expected, vec![case], observed);
        result.control = Some(APP.to_owned());
        result.timings = Timings { observe_ms: probed.observe_ms, total_ms: probed.observe_ms, ..Timings::default() };
        result
    }
}

/// Whether the way got past a stage.
pub(super) fn passed(observed: &Observed, stage: Stage) -> bool {
    observed.complete && observed.stage.is_none_or(|stop| stop > stage)
}

/// The verdict of the stage at which the way stops, and its message.
pub(super) fn stop(observed: &Observed) -> (Verdict, String) {
    let mut saw = match (observed.status, observed.text.as_str()) {
        (Some(status), "") => format!("HTTP {status}"),
        (Some(status), text) => format!("HTTP {status} `{text}`"),
        (None, text) => text.to_owned(),
    };
    if saw.is_empty() {
        saw = oracle::phrase(observed);
    }
    let names: Vec<&str> = observed.candidates.iter().map(CauseId::as_str).collect();
    let verdict = match (&observed.cause, names.as_slice()) {
        // The probe's pod, not the app's, is what an admission rule refused.
        (Some(cause), _) if cause.as_str() == "pod.admission-refused" => Verdict::Inconclusive,
        (Some(_), _) => Verdict::Nonconformant,
        (None, []) => {
            saw = format!("drift: no cause of the catalogue fits: {saw}");
            Verdict::Inconclusive
        }
        (None, names) => {
            saw = format!("{saw}; one of {}", names.join(", "));
            Verdict::Nonconformant
        }
    };
    (verdict, saw)
}

fn key_case(subject: Subject, found: &KeyObservation, required: bool) -> Case {
    let cause = |id: &str| Some(CauseId(id.to_owned()));
    match (found.state, required) {
        (KeyState::Present, _) => Case::new(subject, Verdict::Conformant, ""),
        (KeyState::Missing, false) => Case::new(subject, Verdict::Skipped, "not stored, and not required"),
        (KeyState::Missing, true) => Case {
            cause: cause("keys.missing"),
            ..Case::new(subject, Verdict::Nonconformant, "required, and not stored")
        },
        (KeyState::Empty, true) => {
            Case { cause: cause("keys.empty"), ..Case::new(subject, Verdict::Nonconformant, "required, and empty") }
        }
        (KeyState::Empty, false) => Case {
            cause: cause("keys.empty"),
            warning: true,
            ..Case::new(subject, Verdict::Conformant, "it is empty; only keys with a value need to be stored")
        },
        (KeyState::NotAString, _) => Case {
            cause: cause("keys.not-a-string"),
            ..Case::new(subject, Verdict::Nonconformant, "its value is not a string")
        },
    }
}

pub(super) fn check(id: &str, verdict: Verdict, message: impl Into<String>) -> Case {
    Case::new(Subject::Check(id.to_owned()), verdict, message)
}

pub(super) fn failed(id: &str, cause: &str, message: impl Into<String>) -> Case {
    Case { cause: Some(CauseId(cause.to_owned())), ..check(id, Verdict::Nonconformant, message) }
}

pub(super) fn warning(id: &str, cause: &str, message: impl Into<String>) -> Case {
    Case { cause: Some(CauseId(cause.to_owned())), warning: true, ..check(id, Verdict::Conformant, message) }
}

pub(super) fn words(answer: &Answer) -> String {
    match answer.status {
        Some(status) => format!("HTTP {status} {}", answer.text).trim().to_owned(),
        None => answer.text.clone(),
    }
}

fn result(id: &str, title: &str, page: &str, expected: &str, cases: Vec<Case>, observed: Observed) -> ScenarioResult {
    let mut result = ScenarioResult {
        id: id.to_owned(),
        title: title.to_owned(),
        page: page.to_owned(),
        verdict: Verdict::Skipped,
        reason: String::new(),
        expected: expected.to_owned(),
        observed,
        evidence: Evidence::Real,
        control: None,
        selected_as_control: false,
        cases,
        findings: Vec::new(),
        timings: Timings::default(),
    };
    settle(&mut result);
    result
}

/// A scenario is no better than its cases.
fn settle(result: &mut ScenarioResult) {
    let first = |verdict| result.cases.iter().find(|case| case.verdict == verdict);
    let order = [Verdict::Nonconformant, Verdict::Inconclusive, Verdict::Conformant, Verdict::Skipped];
    let decisive = order.into_iter().find_map(first);
    result.verdict = decisive.map_or(Verdict::Skipped, |case| case.verdict);
    result.reason = decisive.map(|case| case.message.clone()).unwrap_or_default();
}

/// Turns warnings into failures.
fn deny(result: &mut ScenarioResult) {
    for case in result.cases.iter_mut().filter(|case| case.warning) {
        case.verdict = Verdict::Nonconformant;
    }
    settle(result);
}
