//! What is wrong and what to do, first on the page.

use super::word::{Shown, anchor, link};
use crate::report::answer::{Answer, Said};
use crate::report::json::{Report, Scenario};
use crate::verdict::Verdict;

/// Something that needs somebody.
pub struct Card {
    /// In whose colours.
    pub shown: Shown,
    /// The scenarios of which this is said, with their places on the page.
    pub scenarios: Vec<(String, String)>,
    /// In words: which scenario, or why several have no verdict.
    pub title: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub todo: String,
    /// What to type, line by line.
    pub commands: Vec<String>,
    /// What else there is to do.
    pub then: Option<String>,
    /// What was expected and what was seen, by name.
    pub rows: Vec<(&'static str, String)>,
    /// Where the cause is not certain, each that it may be; and what is wrong besides.
    pub more: Vec<(&'static str, Said)>,
    /// The place of the page whose claim it is.
    pub page: Option<String>,
}

impl Card {
    fn new(verdict: Verdict, title: &str, scenarios: &[&Scenario]) -> Self {
        Self {
            shown: Shown::of(verdict),
            scenarios: scenarios.iter().map(|it| (it.id.clone(), anchor(&it.id))).collect(),
            title: title.to_owned(),
            what: String::new(),
            todo: String::new(),
            commands: Vec::new(),
            then: None,
            rows: Vec::new(),
            more: Vec::new(),
            page: None,
        }
    }

    fn answered(mut self, answer: Option<&Answer>) -> Self {
        let Some(answer) = answer else { return self };
        let Answer { cause: _, what, todo, then, commands, one_of, besides } = answer.clone();
        (self.what, self.todo, self.then, self.commands) = (what, todo, then, commands);
        self.more = one_of.into_iter().map(|said| ("may be", said)).collect();
        self.more.extend(besides.into_iter().map(|said| ("besides", said)));
        self
    }
}

/// What failed, one card each; what has no verdict, one card a reason.
pub fn wrong(report: &Report) -> Vec<Card> {
    let of = |verdict| report.scenarios.iter().filter(move |it| it.verdict == verdict && it.known.is_none());
    let mut cards: Vec<Card> = of(Verdict::Nonconformant).map(failure).collect();
    let mut reasons: Vec<(&str, Vec<&Scenario>)> = Vec::new();
    for scenario in of(Verdict::Inconclusive) {
        match reasons.iter_mut().find(|(reason, _)| *reason == scenario.reason) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => reasons.push((&scenario.reason, vec![scenario])),
        }
    }
    cards.extend(reasons.into_iter().map(|(reason, scenarios)| {
        let title = match scenarios.as_slice() {
            [one] => one.title.clone(),
            several => format!("{} scenarios without a verdict", several.len()),
        };
        let answer = scenarios.iter().find_map(|scenario| scenario.answer.as_ref());
        let mut card = Card::new(Verdict::Inconclusive, &title, &scenarios).answered(answer);
        if card.what.is_empty() {
            card.what = reason.to_owned();
        } else {
            card.rows.push(("reason", reason.to_owned()));
        }
        if let [one] = scenarios.as_slice() {
            card.rows.extend(seen(one));
        }
        card
    }));
    cards
}

/// Failures that are known.
pub fn known(report: &Report) -> Vec<Card> {
    let known = report.scenarios.iter().filter_map(|scenario| Some((scenario, scenario.known.as_ref()?)));
    known
        .map(|(scenario, known)| {
            let mut card = failure(scenario);
            card.rows.insert(0, ("known", format!("until {}, owner {}: {}", known.expires, known.owner, known.why)));
            card
        })
        .collect()
}

/// What holds and should be mended all the same.
pub fn to_mend(report: &Report) -> Vec<Card> {
    let warned = report.scenarios.iter().flat_map(|scenario| scenario.to_mend.iter().map(move |said| (scenario, said)));
    warned
        .map(|(scenario, said)| {
            let Said { cause, what, todo, then, commands } = said.clone();
            let mut card = Card::new(Verdict::Inconclusive, &scenario.title, &[scenario]);
            (card.shown.mark, card.shown.meaning) = ("!", "works, and should be mended");
            (card.what, card.todo, card.then, card.commands) = (what, todo, then, commands);
            card.rows.push(("cause", cause.to_string()));
            card
        })
        .collect()
}

fn failure(scenario: &Scenario) -> Card {
    let mut card = Card::new(Verdict::Nonconformant, &scenario.title, &[scenario]).answered(scenario.answer.as_ref());
    if card.what.is_empty() {
        card.what.clone_from(&scenario.reason);
    }
    card.rows.push(("expected", scenario.expected.clone()));
    card.rows.push(("observed", scenario.observed.phrase()));
    card.rows.extend(seen(scenario));
    card.page = link(&scenario.page);
    card
}

/// What the client saw, what the server says of it, and what would tell causes apart.
pub fn seen(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let observed = &scenario.observed;
    let mut rows: Vec<(&'static str, String)> =
        observed.client_saw().map(|saw| ("client saw", saw)).into_iter().collect();
    rows.extend(observed.server.iter().map(|said| ("server said", said.clone())));
    rows.extend(observed.tell_apart.iter().map(|how| ("tell apart", how.clone())));
    rows
}
