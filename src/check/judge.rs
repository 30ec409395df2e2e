//! The questions that a customer's target asks, and the checks beside them.
//! Pure: what was seen goes in, results for the reports come out. Every check,
//! stage and key has its case on every run.

use crate::check::app::{App, Source};
use crate::check::case::{check, failed, words};
use crate::check::clues::Clues;
use crate::check::inspect::Inspection;
use crate::check::sighted::{Probed, Sighted};
use crate::check::target::Target;
use crate::check::{checks, pods, setup};
use crate::page::cause::{CauseCatalogue, CauseId, Fact, Step, ids};
use crate::page::{Page, Stage};
use crate::probe::observation::Answer;
use crate::probe::stages::WRAPPED;
use crate::scenario::revisions::Revisions;
use crate::verdict::oracle::Oracle;
use crate::verdict::question::{Expected, Question, Servers};
use crate::verdict::result::{Case, Observed, ScenarioResult, Subject};
use crate::verdict::sighting::Sighting;
use crate::verdict::{Verdict, control};

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

/// A login that must be refused, for the one cause that shows why.
struct Denial<'a> {
    id: &'a str,
    title: &'a str,
    cause: CauseId,
    /// What it is called where it is not refused.
    accepted: CauseId,
}

const FRESH: Denial<'_> = Denial {
    id: FRESH_ACCOUNT,
    title: "A Service Account without rights is not let in",
    cause: ids::login::SERVICE_ACCOUNT_NOT_AUTHORIZED,
    accepted: ids::login::FRESH_ACCOUNT_ACCEPTED,
};
const ELSEWHERE: Denial<'_> = Denial {
    id: OTHER_NAMESPACE,
    title: "A pod of another namespace is not let in",
    cause: ids::login::NAMESPACE_NOT_AUTHORIZED,
    accepted: ids::login::OTHER_NAMESPACE_ACCEPTED,
};

/// Judges.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// What was named.
    pub target: &'a Target,
    /// Every key has its case.
    pub page: &'a Page,
    /// Every revision of the page.
    pub revisions: &'a Revisions,
    /// What a stop is named by.
    pub causes: &'a CauseCatalogue,
    /// Unix time in seconds, against which a secret's age is counted.
    pub now: i64,
}

impl Judge<'_> {
    /// The results, in the order of [`ALL`].
    #[must_use]
    pub fn judge(self, sighted: &Sighted) -> Vec<ScenarioResult> {
        let clues = sighted.inspection.clues(self.target, &sighted.app.service_account);
        let app = self.app(sighted, &clues);
        let way = &app.observed;
        let set_up = self.set_up(sighted, way);
        let without_token = self.without_token(&sighted.twin, way);
        let fresh = self.denied(&FRESH, Some(&sighted.fresh), way, &clues);
        let other = self.denied(&ELSEWHERE, sighted.other.as_ref(), way, &clues);
        vec![set_up, app, without_token, fresh, other]
    }

    /// The results of a run that saw nothing, and why.
    #[must_use]
    pub fn nothing(self, reason: &str) -> Vec<ScenarioResult> {
        let app = App::new("default", None, Source::Flag);
        let nothing = || Probed::nothing(reason);
        let other = self.target.other_namespace.as_ref().map(|_| nothing());
        let inspection = Inspection::default();
        let (kinds, ways) = (Vec::new(), Vec::new());
        let mut results =
            self.judge(&Sighted { app, inspection, twin: nothing(), fresh: nothing(), other, kinds, ways });
        for result in &mut results {
            for case in result.cases.iter_mut().filter(|case| case.verdict != Verdict::Skipped) {
                *case = Case::new(case.subject.clone(), Verdict::Inconclusive, reason);
            }
            result.settle();
        }
        results
    }

    fn oracle(&self) -> Oracle<'_> {
        Oracle { page: self.page, causes: self.causes }
    }

    /// The app's own way, and what lies around it.
    fn app(self, sighted: &Sighted, clues: &Clues) -> ScenarioResult {
        let title = format!("The app as {} reads the credentials that it needs", sighted.app.service_account);
        let expected = Expected::ReadsAtLeast(self.target.require.as_ref());
        let question = || Question {
            servers: Servers::Customers,
            ..Question::new(APP, &title, &self.page.anchors.credentials, expected)
        };
        let sighting = self.sighting(sighted, clues);
        let mut result = self.oracle().judge(question(), &sighting, sighted.twin.timings());
        timed(&mut result, &sighted.twin);
        if !result.observed.candidates.is_empty() {
            result.observed.tell_apart = self.tell_apart(&result.observed, clues);
        }
        result.cases.extend(checks::cases(
            self.target,
            self.page,
            self.revisions,
            self.now,
            sighted.twin.observation(),
            &result.observed,
        ));
        let like = sighted.app.like.as_ref();
        let nothing = like.and_then(|like| pods::says_nothing(self.target, like, &result.observed));
        if let Some(reason) = nothing.or_else(|| pods::another_way(sighted, &result.observed)) {
            no_verdict(&mut result, &reason);
        }
        let kinds = sighted.app.other_kinds.iter().zip(&sighted.kinds).map(|(like, probed)| {
            let sighting = Sighting { seen: probed.seen.clone(), ..sighting.clone() };
            let mut result = self.oracle().judge(question(), &sighting, probed.timings());
            if let Some(reason) = pods::says_nothing(self.target, like, &result.observed) {
                no_verdict(&mut result, &reason);
            }
            result
        });
        result.cases.extend(pods::cases(sighted, &kinds.collect::<Vec<_>>(), self.now));
        result.settle();
        result
    }

    /// What the app's twin saw, with everything that speaks for and against causes.
    fn sighting(self, sighted: &Sighted, clues: &Clues) -> Sighting {
        let mut facts = clues.facts.clone();
        if let Some(asked) = sighted.twin.observation().and_then(|observation| observation.asked.as_ref()) {
            let status = |answer: &Option<Answer>| answer.as_ref().and_then(|answer| answer.status);
            if status(&asked.at_data_data) == Some(404) {
                facts.deny(Fact::SecretAtDataData);
            }
            if status(&asked.mount) == Some(200) {
                facts.deny(Fact::MountMissing);
            }
        }
        let mut ruled_out = clues.ruled_out.clone();
        ruled_out.extend(by_the_fresh_account(sighted).map(|step| self.causes.of_step(step)).unwrap_or_default());
        Sighting {
            seen: sighted.twin.seen.clone(),
            vault_log: clues.log.clone(),
            facts,
            ruled_out: Some(ruled_out),
            ..Sighting::nothing("")
        }
    }

    /// What is not at hand yet and would leave fewer causes.
    fn tell_apart(self, observed: &Observed, clues: &Clues) -> Vec<String> {
        let mut missing = Vec::new();
        let login = observed.stage == Some(Stage::Login);
        if !self.target.second_depth {
            missing.push(
                "add `--vault-token-file FILE`: a read-only Vault token with the policy that `print policy` prints"
                    .to_owned(),
            );
        }
        if login && !self.target.diagnose_reviewer {
            missing.push(
                "add `--reviewer NAMESPACE/NAME --diagnose-reviewer`: `print rbac` with them prints the ClusterRole"
                    .to_owned(),
            );
        }
        if login && self.target.vault_log.is_none() {
            missing.push("add `--vault-log FILE`: a piece of Vault's log at level debug from then".to_owned());
        }
        missing
            .extend(clues.log_problem.iter().filter(|_| login).map(|problem| format!("mend `--vault-log`: {problem}")));
        missing
    }

    fn set_up(self, sighted: &Sighted, way: &Observed) -> ScenarioResult {
        let cases = setup::cases(self.target, sighted, way, self.now);
        let expected = match sighted.inspection.vault {
            Some(_) => "custom resources, role, auth configuration, policy and mount are as the page says",
            None => "the custom resources are as the page says (Vault's side takes a Vault token)",
        };
        let title = "Cluster and Vault are set up as the page says";
        ScenarioResult {
            page: self.page.at(&self.page.anchors.auth),
            ..ScenarioResult::of_checks(SET_UP, title, expected, cases)
        }
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
            Some(Answer { status: Some(200), text, .. }) if text != WRAPPED => {
                failed(id, ids::read::OPEN_WITHOUT_TOKEN, "the secret was given without a Vault token")
            }
            Some(Answer { status: Some(400 | 403), .. }) => check(id, Verdict::Conformant, ""),
            Some(answer) => check(id, Verdict::Inconclusive, format!("neither given nor refused: {}", words(answer))),
        };
        let title = "Vault does not give the secret without a token";
        let mut result = ScenarioResult {
            page: self.page.at(&self.page.anchors.secret),
            observed: Observed { complete: answer.is_some(), ..Observed::default() },
            control: Some(APP.to_owned()),
            ..ScenarioResult::of_checks(WITHOUT_TOKEN, title, "the read is refused", vec![case])
        };
        control::unless_past(Stage::Read, app, &mut result);
        result
    }

    fn denied(self, denial: &Denial<'_>, probed: Option<&Probed>, way: &Observed, clues: &Clues) -> ScenarioResult {
        let question = Question {
            servers: Servers::Customers,
            control: Some(APP),
            only: Some(Stage::Login),
            ..Question::new(
                denial.id,
                denial.title,
                &self.page.anchors.auth,
                Expected::Stops(Stage::Login, &denial.cause),
            )
        };
        let Some(probed) = probed else {
            let subject = Subject::Stage(Stage::Login);
            let case = Case::new(subject, Verdict::Skipped, "no --other-namespace is named");
            return ScenarioResult {
                page: question.page.to_owned(),
                observed: Observed::default(),
                ..ScenarioResult::of_checks(denial.id, denial.title, &question.expected.phrase(self.page), vec![case])
            };
        };
        let sighting =
            Sighting { seen: probed.seen.clone(), ruled_out: Some(clues.ruled_out.clone()), ..Sighting::nothing("") };
        let mut result = self.oracle().judge(question, &sighting, probed.timings());
        timed(&mut result, probed);
        if result.observed.passed(Stage::Login) {
            result.observed.cause = Some(denial.accepted.clone());
            result.reason = "the login succeeded; its token was revoked, and nothing was read with it".to_owned();
            for case in &mut result.cases {
                case.cause.clone_from(&result.observed.cause);
                case.message.clone_from(&result.reason);
            }
        }
        control::unless_past(Stage::Login, way, &mut result);
        result
    }
}

/// Notes how long each stage took.
fn timed(result: &mut ScenarioResult, probed: &Probed) {
    for case in &mut result.cases {
        if let Subject::Stage(stage) = case.subject {
            case.took_ms = probed.stage_millis(stage);
        }
    }
}

/// What failed so far did so for a reason that says nothing of the app.
fn no_verdict(result: &mut ScenarioResult, reason: &str) {
    reason.clone_into(&mut result.reason);
    for case in result.cases.iter_mut().filter(|case| case.verdict == Verdict::Nonconformant) {
        case.verdict = Verdict::Inconclusive;
        case.cause = None;
        reason.clone_into(&mut case.message);
    }
    result.verdict = Verdict::Inconclusive;
    let stop = &mut result.observed;
    (stop.cause, stop.candidates, stop.tell_apart) = (None, Vec::new(), Vec::new());
}

/// The step at which the app's login cannot have been refused, as that of the fresh Service Account says. Vault
/// looks at the token's form and at the client's address first, then at the
/// name, and makes the TokenReview last. Plugins up to 0.12 refuse the name with 500, and a token's form in words.
fn by_the_fresh_account(sighted: &Sighted) -> Option<Step> {
    let login = sighted.fresh.observation().and_then(|observation| observation.login.as_ref())?;
    let answer = Some(&login.answer).filter(|answer| matches!(answer.status, Some(403 | 500)))?;
    if answer.text.contains("service account name not authorized") {
        return Some(Step::BeforeTheName);
    }
    // A name that the role does not bind never gets as far as the TokenReview.
    let unbound = setup::binds(&sighted.inspection, "pmp-vault-conformance") == Some(false);
    (unbound && answer.text == "permission denied").then_some(Step::TokenReview)
}
