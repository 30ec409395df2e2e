//! What failed, on a terminal: the answer first, then what it rests on. Then what holds and should be mended, and what
//! has no verdict.

use std::fmt::Write as _;

use super::answer::{Answer, Answers, Said, failed};
use super::fold::WHOLE;
use super::paint::{Paint, word};
use super::rendered::Rendered;
use super::summary;
use super::text::{one_line, plain};
use crate::event::RunResult;
use crate::verdict::Verdict;
use crate::verdict::result::ScenarioResult;

/// How many cases with the same message are named; the files have all.
const CASES: usize = 6;

/// How many ids are listed where many scenarios share one reason.
const IDS: usize = 8;

/// Each scenario that failed.
pub(super) fn failures(text: &mut String, rendered: &Rendered, paint: Paint) {
    for (scenario, answer) in with(rendered, Verdict::Nonconformant) {
        let head = format!("{} {}", word(scenario.verdict), one_line(&scenario.id));
        let _ = writeln!(text, "\n{}: {}", paint.verdict(scenario.verdict, &head), one_line(&scenario.title));
        if let Some(answer) = answer {
            first(text, answer, "  ", paint);
            possible(text, scenario, answer);
        }
        evidence(text, scenario);
        if let Some(known) = &scenario.known {
            row(text, "known", &format!("until {}, owner {}: {}", known.expires, known.owner, known.why));
        }
        if let Some(answer) = answer {
            besides(text, answer);
        }
        if !scenario.page.is_empty() {
            row(text, "page", &scenario.page);
        }
    }
}

/// What holds and should be mended all the same.
pub(super) fn warnings(text: &mut String, result: &RunResult, answers: &Answers<'_>, paint: Paint) {
    let mut heading = true;
    for (scenario, case) in summary::warnings(&result.scenarios) {
        if std::mem::take(&mut heading) {
            let words = "Warnings: it works, and should be mended";
            let _ = writeln!(text, "\n{}", paint.verdict(Verdict::Inconclusive, words));
        }
        let line = format!("{}: {}: {}", scenario.id, case.subject, case.message);
        let _ = writeln!(text, "  {}", one_line(&line));
        if let Some(said) = answers.of_case(case) {
            let _ = writeln!(text, "    {}: {}", said.cause, todo(&said));
            commands(text, &said.commands, "      ");
        }
    }
}

/// By reason: where the testbed fails, every scenario has the same one.
pub(super) fn no_verdict(text: &mut String, rendered: &Rendered, paint: Paint) {
    type Unclear<'a> = (&'a ScenarioResult, Option<&'a Answer>);
    let mut reasons: Vec<(String, Vec<Unclear<'_>>)> = Vec::new();
    for unclear in with(rendered, Verdict::Inconclusive) {
        let reason = one_line(&unclear.0.reason);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, scenarios)) => scenarios.push(unclear),
            None => reasons.push((reason, vec![unclear])),
        }
    }
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.verdict(Verdict::Inconclusive, "No verdict could be reached"));
    for (reason, scenarios) in reasons {
        let _ = writeln!(text, "  {reason}");
        let _ = writeln!(text, "    {}", ids(scenarios.iter().map(|(scenario, _)| scenario.id.as_str())));
        if let Some(answer) = scenarios.iter().find_map(|(_, answer)| *answer) {
            first(text, answer, "    ", paint);
        }
        if let [(scenario, _)] = scenarios.as_slice() {
            let observed = &scenario.observed;
            if let Some(saw) = observed.client_saw().filter(|saw| one_line(saw) != reason) {
                let _ = writeln!(text, "    observed: {}", one_line(&saw));
            }
            if let Some(server) = &observed.server {
                let _ = writeln!(text, "    server log: {}", one_line(server));
            }
        }
    }
}

fn with(rendered: &Rendered, verdict: Verdict) -> impl Iterator<Item = (&ScenarioResult, Option<&Answer>)> {
    let answers = rendered.answers.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    rendered.result.scenarios.iter().zip(answers).filter(move |(scenario, _)| scenario.verdict == verdict)
}

/// Where lines under a row's text begin.
const UNDER: &str = "             ";

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<10} {}", one_line(value));
}

/// What is wrong, what to do, and what to type.
fn first(text: &mut String, answer: &Answer, indent: &str, paint: Paint) {
    let _ = writeln!(text, "{indent}{}", paint.heading(&one_line(&answer.what)));
    let _ = writeln!(text, "{indent}{}", one_line(&answer.todo));
    commands(text, &answer.commands, &format!("{indent}  "));
    if let Some(then) = &answer.then {
        let _ = writeln!(text, "{indent}{}", one_line(then));
    }
}

/// Each cause that it may be, and how they are told apart.
fn possible(text: &mut String, scenario: &ScenarioResult, answer: &Answer) {
    let observed = &scenario.observed;
    if let Some(line) = observed.server.as_ref().filter(|_| observed.unexplained) {
        row(text, "unknown", line);
    }
    let mut typed: Vec<&str> = Vec::new();
    for (number, said) in (1..).zip(&answer.one_of) {
        row(text, &format!("{number} of {}", answer.one_of.len()), &in_one_line(said));
        // The smallest step of each; several have the same one.
        if let Some(line) = said.commands.first().filter(|line| !typed.contains(&line.as_str())) {
            typed.push(line);
            commands(text, std::slice::from_ref(line), UNDER);
        }
    }
    for (number, how) in observed.tell_apart.iter().enumerate() {
        row(text, if number == 0 { "tell apart" } else { "or" }, how);
    }
}

/// What is wrong besides. What is to be typed stands there once.
fn besides(text: &mut String, answer: &Answer) {
    let mut typed = vec![&answer.commands];
    for said in &answer.besides {
        row(text, "besides", &in_one_line(said));
        if !typed.contains(&&said.commands) {
            typed.push(&said.commands);
            commands(text, &said.commands, UNDER);
        }
    }
}

fn evidence(text: &mut String, scenario: &ScenarioResult) {
    let observed = &scenario.observed;
    if let Some(stage) = observed.stage {
        row(text, "stage", stage.as_str());
    }
    if let Some(id) = &observed.cause {
        row(text, "cause", id.as_str());
    }
    row(text, "expected", &scenario.expected);
    row(text, "observed", &observed.phrase());
    row(text, "reason", &scenario.reason);
    if let Some(saw) = observed.client_saw() {
        row(text, "client saw", &saw);
    }
    if let Some(server) = observed.server.as_ref().filter(|_| !observed.unexplained) {
        row(text, "server log", server);
    }
    for (message, subjects) in failed_cases(scenario) {
        let mut cases = subjects[..subjects.len().min(CASES)].join(", ");
        if subjects.len() > CASES {
            let _ = write!(cases, " and {} more", subjects.len() - CASES);
        }
        if message != scenario.reason {
            let _ = write!(cases, ": {message}");
        }
        row(text, "failed", &cases);
    }
}

fn in_one_line(said: &Said) -> String {
    format!("{}: {} {}", said.cause, said.what, todo(said))
}

fn todo(said: &Said) -> String {
    let then = said.then.iter().map(|then| format!(" {then}"));
    one_line(&(said.todo.clone() + &then.collect::<String>()))
}

/// Each on a line of its own, to be copied.
fn commands(text: &mut String, lines: &[String], indent: &str) {
    for line in lines {
        let _ = writeln!(text, "{WHOLE}{indent}{}", plain(line));
    }
}

/// The failed cases by their message: most often all of a scenario's have the same.
fn failed_cases(scenario: &ScenarioResult) -> Vec<(&str, Vec<String>)> {
    let mut messages: Vec<(&str, Vec<String>)> = Vec::new();
    for case in failed(scenario) {
        let subject = case.subject.to_string();
        match messages.iter_mut().find(|(message, _)| *message == case.message) {
            Some((_, subjects)) => subjects.push(subject),
            None => messages.push((&case.message, vec![subject])),
        }
    }
    messages
}

fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<String> = ids.map(one_line).collect();
    let mut text = ids[..ids.len().min(IDS)].join(", ");
    if ids.len() > IDS {
        let _ = write!(text, " and {} more", ids.len() - IDS);
    }
    text
}
