//! The answer to what failed, before its evidence: one sentence what is wrong, one what to do, and what to type. The
//! terminal, JUnit and JSON say the same one. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary;
use super::text::one_line;
use crate::event::RunResult;
use crate::page::cause::SaysOf;
use crate::page::{Cause, CauseCatalogue, CauseId, Names, Stage};
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Observed, ScenarioResult, Subject};

/// What is said of a scenario that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The cause, where one is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseId>,
    /// What is wrong, one sentence.
    pub what: String,
    /// What to do first, one sentence.
    pub todo: String,
    /// What else there is to do or to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// How: lines that can be pasted into a shell, the smallest step first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Where the cause is not certain: each that it may be, the likelier first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Said>,
    /// What is wrong besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Said>,
}

/// What is said of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Said {
    /// Which.
    pub cause: CauseId,
    /// What is wrong, one sentence.
    pub what: String,
    /// What to do first, one sentence.
    pub todo: String,
    /// What else there is to do or to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// How: lines that can be pasted into a shell, the smallest step first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// Who answers: the catalogue, in the names of the run.
#[derive(Debug)]
pub struct Answers<'a> {
    causes: &'a CauseCatalogue,
    /// Those of the customer; on a testbed of ours, things have the documented ones as far as they can.
    names: Option<Names>,
}

impl<'a> Answers<'a> {
    /// For a run.
    #[must_use]
    pub fn new(causes: &'a CauseCatalogue, result: &RunResult) -> Self {
        Self { causes, names: result.facts.names.clone() }
    }

    /// What there is to say of the cause of a case, if it has one that the catalogue has.
    #[must_use]
    pub fn of_case(&self, case: &Case) -> Option<Said> {
        self.said(case.cause.as_ref()?, key(case))
    }

    /// What there is to say of a cause, if the catalogue has it; of this one key, or of any.
    fn said(&self, id: &CauseId, key: Option<&str>) -> Option<Said> {
        let cause = self.causes.get(id)?;
        let documented = Names::default();
        let names = self.names.as_ref().unwrap_or(&documented);
        let (first, rest) = first_sentence(&cause.remedy);
        Some(Said {
            cause: id.clone(),
            what: sentence(&self.title(cause)),
            todo: of_key(&sentence(&names.fill(first)), key),
            then: (!rest.is_empty()).then(|| of_key(&names.fill(rest), key)),
            commands: cause.told(names).commands.iter().map(|line| of_key(line, key)).collect(),
        })
    }

    /// What there is to say of each cause for which something holds and should be mended, in the order of its cases.
    #[must_use]
    pub fn of_warnings(&self, scenario: &ScenarioResult) -> Vec<Said> {
        let mut all: Vec<Said> = Vec::new();
        let warned = || summary::warnings(std::slice::from_ref(scenario)).map(|(_, case)| case);
        for id in warned().filter_map(|case| case.cause.as_ref()) {
            if all.iter().all(|said| said.cause != *id) {
                all.extend(self.said(id, one_key(warned(), id)));
            }
        }
        all
    }

    fn title(&self, cause: &Cause) -> String {
        self.names.as_ref().map_or_else(|| cause.title(), |names| names.title(&cause.title))
    }

    /// The answer to a scenario that failed, or that has no verdict because of something that can be mended.
    #[must_use]
    pub fn of(&self, scenario: &ScenarioResult) -> Option<Answer> {
        let observed = &scenario.observed;
        match scenario.verdict {
            Verdict::Nonconformant => {}
            // Only what the catalogue says of the probe itself: else what stopped the way may be what was to stop it.
            Verdict::Inconclusive
                if observed.cause.as_ref().is_some_and(|id| self.causes.says_of(id) == SaysOf::Probe) => {}
            _ => return None,
        }
        let mut answer = self.main(scenario);
        let known: Vec<CauseId> = observed.cause.iter().chain(&observed.candidates).cloned().collect();
        let mut besides: Vec<Said> = Vec::new();
        for case in failed(scenario) {
            let Some(id) = case.cause.as_ref().filter(|id| !known.contains(id)) else { continue };
            if besides.iter().all(|said| said.cause != *id) {
                besides.extend(self.said(id, one_key(failed(scenario), id)));
            }
        }
        besides.retain(|said| said.what != answer.what);
        answer.besides = besides;
        Some(answer)
    }

    fn main(&self, scenario: &ScenarioResult) -> Answer {
        let observed = &scenario.observed;
        let said = |id: &CauseId| self.said(id, one_key(failed(scenario), id));
        if let Some(said) = observed.cause.as_ref().and_then(said) {
            let what = format!("{}{}{}.", said.what.trim_end_matches('.'), which(observed), follows(scenario));
            return Answer { what, ..Answer::from(said) };
        }
        if let Some(stage) = observed.stage {
            return self.uncertain(stage, observed);
        }
        let first = failed(scenario).find_map(|case| said(case.cause.as_ref()?));
        first.map_or_else(|| without_cause(&scenario.reason), Answer::from)
    }

    /// A stop whose cause is not certain.
    fn uncertain(&self, stage: Stage, observed: &Observed) -> Answer {
        let one_of: Vec<Said> = observed.candidates.iter().filter_map(|id| self.said(id, None)).collect();
        let so = stops(stage);
        let several = match one_of.len() {
            0 => "and no cause that is known explains why".to_owned(),
            1 => "and there is one cause that may be it".to_owned(),
            count => format!("for one of {count} causes"),
        };
        let what = match (observed.unexplained, &observed.cause) {
            (true, _) => format!("{so}, and Vault's log says why in words that no known cause has."),
            (false, Some(id)) => format!("{so}, for {id}, which the catalogue does not have."),
            (false, None) => format!("{so}, {several}."),
        };
        let todo = match (observed.unexplained, observed.tell_apart.is_empty(), one_of.is_empty()) {
            (true, _, true) => "Read that line of the log.",
            (true, _, false) => "Read that line of the log first, and only then go through what else it may be.",
            (false, _, true) => "Read what the client saw and what the server says of it.",
            (false, true, false) => "Go through them in this order.",
            (false, false, false) => {
                "Go through them in this order, or let the check see more, so that fewer are left."
            }
        };
        Answer { one_of, ..Answer::new(what, todo.to_owned()) }
    }
}

impl Answer {
    fn new(what: String, todo: String) -> Self {
        Self { cause: None, what, todo, then: None, commands: Vec::new(), one_of: Vec::new(), besides: Vec::new() }
    }

    /// What is wrong, without what follows for the app and without a full stop.
    #[must_use]
    pub fn bare(&self) -> &str {
        let what = self.what.trim_end_matches('.');
        Stage::ALL.into_iter().find_map(|stage| what.strip_suffix(consequence(stage))).unwrap_or(what)
    }

    /// What is wrong, as far as it is a case's own: what its cause says, or where the way stops that the case is a part of.
    #[must_use]
    pub fn of_case(&self, case: &Case, observed: &Observed) -> Option<&str> {
        match &case.cause {
            Some(id) if self.cause.as_ref() != Some(id) => {
                self.besides.iter().find(|said| said.cause == *id).map(|said| &*said.what)
            }
            Some(_) => Some(&self.what),
            None => {
                let on_the_way = matches!(case.subject, Subject::Stage(_) | Subject::Key(_));
                (on_the_way && observed.stage.is_some()).then_some(&*self.what)
            }
        }
    }
}

impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        let Said { cause, what, todo, then, commands } = said;
        Self { cause: Some(cause), then, commands, ..Self::new(what, todo) }
    }
}

/// The cases that failed.
pub fn failed(scenario: &ScenarioResult) -> impl Iterator<Item = &Case> {
    scenario.cases.iter().filter(|case| case.verdict == Verdict::Nonconformant)
}

fn key(case: &Case) -> Option<&str> {
    match &case.subject {
        Subject::Key(name) => Some(name),
        _ => None,
    }
}

/// The key of those cases that have the cause, where it is one alone.
fn one_key<'a>(cases: impl Iterator<Item = &'a Case>, id: &CauseId) -> Option<&'a str> {
    let mut keys = cases.filter(|case| case.cause.as_ref() == Some(id)).filter_map(key);
    keys.next().filter(|_| keys.next().is_none())
}

/// With the key's name in the place of the catalogue's word for one.
fn of_key(text: &str, key: Option<&str>) -> String {
    match key.and_then(|key| shlex::try_quote(key).ok()) {
        Some(key) => text.replace(" KEY=", &format!(" {key}=")),
        None => text.to_owned(),
    }
}

/// Which keys, where the way stops at them.
fn which(observed: &Observed) -> String {
    match observed.stage {
        Some(Stage::Keys) if !observed.text.is_empty() => format!(" ({})", one_line(&observed.text)),
        _ => String::new(),
    }
}

/// What follows from a cause for the app. What is asked in another's place, or not at all, says nothing of the app.
fn follows(scenario: &ScenarioResult) -> &'static str {
    let of_the_app = scenario.control.is_none() && scenario.verdict == Verdict::Nonconformant;
    scenario.observed.stage.filter(|_| of_the_app).map_or("", consequence)
}

fn consequence(stage: Stage) -> &'static str {
    match stage {
        Stage::Pod => ", so the pod does not start",
        Stage::Token => ", so the app has nothing to log in with",
        Stage::Login => ", so the app cannot log in to Vault",
        Stage::Read => ", so the app cannot read its secret",
        Stage::Keys => ", so the app does not get what it needs",
        Stage::Boundary => "; the app can read its credentials all the same",
    }
}

/// Where the way stops, in words.
fn stops(stage: Stage) -> &'static str {
    match stage {
        Stage::Pod => "The pod does not start",
        Stage::Token => "The app has nothing to log in with",
        Stage::Login => "The app cannot log in to Vault",
        Stage::Read => "The app cannot read its secret",
        Stage::Keys => "The app does not get what it needs from its secret",
        Stage::Boundary => "The app can read its credentials, and its Vault token is not as it should be",
    }
}

/// What no cause explains is told by what was seen.
fn without_cause(reason: &str) -> Answer {
    let todo = "Compare what was expected with what was observed.";
    let mut what = one_line(reason);
    if let Some(first) = what.get(..1).map(str::to_uppercase) {
        what.replace_range(..1, &first);
    }
    Answer::new(sentence(&what), todo.to_owned())
}

/// With a full stop, on one line.
fn sentence(text: &str) -> String {
    let text = one_line(text);
    let text = text.trim_end_matches('.');
    format!("{}.", if text.is_empty() { "Nothing is known of it" } else { text })
}

/// The first sentence of a text of the catalogue, and what follows. What stands in backquotes ends none.
fn first_sentence(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        quoted ^= character == '`';
        let begins = |rest: &str| rest.starts_with(char::is_whitespace);
        if character == '.' && !quoted && begins(&text[at + 1..]) {
            return (&text[..=at], text[at + 1..].trim());
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_with_its_full_stop_outside_of_what_is_typed() {
        assert_eq!(first_sentence("Run `a. b` on 1.9. Then c."), ("Run `a. b` on 1.9.", "Then c."));
        assert_eq!(first_sentence("One"), ("One", ""));
    }

    #[test]
    fn what_is_to_be_typed_has_the_name_of_the_one_key_that_it_is_about() {
        let missing = |name: &str| Case {
            cause: Some(crate::page::cause::ids::keys::MISSING),
            ..Case::new(Subject::Key(name.to_owned()), Verdict::Nonconformant, "it is not there")
        };
        let causes = crate::scenario::load::Catalogue::embedded().unwrap().causes;
        let answers = Answers::new(&causes, &RunResult::default());
        let typed = |names: &[&str]| {
            let cases = names.iter().map(|name| missing(name)).collect();
            let answer = answers.of(&ScenarioResult::of_checks("a.b", "", "", cases)).unwrap();
            answer.commands.join("\n") + &answer.todo
        };
        let one = typed(&["VCS.GitlabAdminPAT"]);
        assert_eq!(one.matches(" VCS.GitlabAdminPAT=-").count(), 2, "{one}");
        assert!(!one.contains("KEY"), "{one}");
        assert_eq!(typed(&["VCS.GitlabAdminPAT", "Email.SMTPPassword"]).matches(" KEY=-").count(), 2);
    }

    #[test]
    fn what_is_said_is_a_sentence_whatever_it_was() {
        for (text, said) in [("a\n b.", "a b."), ("", "Nothing is known of it."), ("…", "….")] {
            assert_eq!(sentence(text), said);
        }
        assert_eq!(without_cause("3 keys").what, "3 keys.");
        assert_eq!(without_cause("expected x").what, "Expected x.");
        assert_eq!(without_cause("über").what, "über.");
    }
}
