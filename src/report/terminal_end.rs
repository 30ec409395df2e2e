//! What a terminal says at a run's end: failures with their remedies, a table
//! by group, the findings about the page, and the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::fold::WHOLE;
use super::link::PAGE;
use super::paint::{Paint, plural, seconds, word};
use super::render::Rendered;
use super::summary::{self, Counts};
use super::text::{one_line, plain};
use crate::event::{Exit, RunKind, RunResult, rows};
use crate::page::cause::Told;
use crate::page::{CauseCatalogue, CauseId, Names};
use crate::scenario::model::Evidence;
use crate::verdict::Verdict;
use crate::verdict::result::ScenarioResult;

/// How many cases with the same message are named; the files have all.
const CASES: usize = 6;

/// How many trials without a verdict are named: where the testbed fails, all are.
const UNCLEAR: usize = 20;

/// How much is said of a fault that ends without a cause; its own line has all of it.
const REASON: usize = 100;

/// How many ids are listed where many scenarios share one reason.
const IDS: usize = 8;

/// Everything, ready to be written, for a window of so many columns or for none.
pub(super) fn text(
    rendered: &Rendered,
    catalogue: &CauseCatalogue,
    written: &[(&str, &Path)],
    paint: Paint,
    columns: Option<usize>,
) -> String {
    let result = &rendered.result;
    let mut text = String::new();
    let names = result.facts.names.clone().unwrap_or_default();
    for scenario in with(result, Verdict::Nonconformant) {
        failure(&mut text, scenario, catalogue, &names, paint);
    }
    warnings(&mut text, result, catalogue, &names, paint);
    no_verdict(&mut text, result, paint);
    problems(&mut text, result, paint);
    findings(&mut text, result, paint);
    stand_ins(&mut text, result, paint);
    groups(&mut text, result, paint, columns);
    scores(&mut text, result, paint);
    verdict(&mut text, rendered, paint);
    for (kind, path) in written {
        let _ = writeln!(text, "{kind}: {}", path.display());
    }
    text
}

fn with(result: &RunResult, verdict: Verdict) -> impl Iterator<Item = &ScenarioResult> {
    result.scenarios.iter().filter(move |scenario| scenario.verdict == verdict)
}

fn failure(text: &mut String, scenario: &ScenarioResult, catalogue: &CauseCatalogue, names: &Names, paint: Paint) {
    let observed = &scenario.observed;
    let head = format!("{} {}", word(scenario.verdict), one_line(&scenario.id));
    let _ = writeln!(text, "\n{}: {}", paint.verdict(scenario.verdict, &head), one_line(&scenario.title));
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10} {}", one_line(value));
    };
    if let Some(stage) = observed.stage {
        row("stage", stage.as_str());
    }
    let cause = observed.cause.as_ref().and_then(|id| catalogue.get(id));
    if let Some(id) = &observed.cause {
        row("cause", &cause.map_or_else(|| id.to_string(), |cause| format!("{id}: {}", cause.title)));
    }
    row("expected", &scenario.expected);
    row("observed", &observed.phrase());
    row("reason", &scenario.reason);
    if let Some(saw) = observed.client_saw() {
        row("client saw", &saw);
    }
    if let Some(server) = &observed.server {
        row("server log", server);
    }
    for (message, subjects) in failed_cases(scenario) {
        let mut cases = subjects[..subjects.len().min(CASES)].join(", ");
        if subjects.len() > CASES {
            let _ = write!(cases, " and {} more", subjects.len() - CASES);
        }
        if message != scenario.reason {
            let _ = write!(cases, ": {message}");
        }
        row("failed", &cases);
    }
    if let Some(cause) = cause {
        let told = cause.told(names);
        row("remedy", &told.remedy);
        commands(text, &told, "             ");
    }
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10} {}", one_line(value));
    };
    for id in &observed.candidates {
        let Some(cause) = catalogue.get(id) else { continue };
        row("one of", &format!("{id}: {}. Remedy: {}", cause.title, cause.told(names).remedy));
    }
    if !observed.tell_apart.is_empty() {
        row("tell apart", &format!("with {}", observed.tell_apart.join("; or with ")));
    }
    for id in other_causes(scenario) {
        let Some(cause) = catalogue.get(id) else { continue };
        row("and", &format!("{id}: {}. Remedy: {}", cause.title, cause.told(names).remedy));
    }
    row("page", &format!("{PAGE}{}", scenario.page));
}

/// The causes of failed cases that are not the one at which the way stops.
fn other_causes(scenario: &ScenarioResult) -> Vec<&CauseId> {
    let mut causes: Vec<&CauseId> = Vec::new();
    for case in scenario.cases.iter().filter(|case| case.verdict == Verdict::Nonconformant) {
        if let Some(id) = case.cause.as_ref().filter(|id| scenario.observed.cause.as_ref() != Some(id))
            && !causes.contains(&id)
        {
            causes.push(id);
        }
    }
    causes
}

/// Each on a line of its own, to be copied.
fn commands(text: &mut String, told: &Told, indent: &str) {
    for line in &told.commands {
        let _ = writeln!(text, "{WHOLE}{indent}{}", plain(line));
    }
}

fn warnings(text: &mut String, result: &RunResult, catalogue: &CauseCatalogue, names: &Names, paint: Paint) {
    let mut heading = true;
    for (scenario, case) in summary::warnings(&result.scenarios) {
        if std::mem::take(&mut heading) {
            let _ = writeln!(
                text,
                "\n{}",
                paint.verdict(Verdict::Inconclusive, "Warnings: it works, and should be mended")
            );
        }
        let line = format!("{}: {}: {}", scenario.id, case.subject, case.message);
        let _ = writeln!(text, "  {}", one_line(&line));
        if let Some((id, cause)) = case.cause.as_ref().and_then(|id| Some((id, catalogue.get(id)?))) {
            let told = cause.told(names);
            let _ = writeln!(text, "    {id}: {}", one_line(&told.remedy));
            commands(text, &told, "      ");
        }
    }
}

/// The failed cases by their message: most often all of a scenario's have the same.
fn failed_cases(scenario: &ScenarioResult) -> Vec<(&str, Vec<String>)> {
    let mut messages: Vec<(&str, Vec<String>)> = Vec::new();
    for case in scenario.cases.iter().filter(|case| case.verdict == Verdict::Nonconformant) {
        let subject = case.subject.to_string();
        match messages.iter_mut().find(|(message, _)| *message == case.message) {
            Some((_, subjects)) => subjects.push(subject),
            None => messages.push((&case.message, vec![subject])),
        }
    }
    messages
}

/// By reason: where the testbed fails, every scenario has the same one.
fn no_verdict(text: &mut String, result: &RunResult, paint: Paint) {
    let mut reasons: Vec<(String, Vec<&ScenarioResult>)> = Vec::new();
    for scenario in with(result, Verdict::Inconclusive) {
        let reason = one_line(&scenario.reason);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => reasons.push((reason, vec![scenario])),
        }
    }
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.verdict(Verdict::Inconclusive, "No verdict could be reached"));
    for (reason, scenarios) in reasons {
        let _ = writeln!(text, "  {reason}");
        let _ = writeln!(text, "    {}", ids(scenarios.iter().map(|scenario| scenario.id.as_str())));
        if let [scenario] = scenarios.as_slice() {
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

fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<String> = ids.map(one_line).collect();
    let mut text = ids[..ids.len().min(IDS)].join(", ");
    if ids.len() > IDS {
        let _ = write!(text, " and {} more", ids.len() - IDS);
    }
    text
}

/// Those that no scenario gave as its reason above.
fn problems(text: &mut String, result: &RunResult, paint: Paint) {
    let said = |problem: &&String| with(result, Verdict::Inconclusive).any(|it| it.reason.contains(problem.as_str()));
    let problems: Vec<&String> = result.problems.iter().filter(|problem| !said(problem)).collect();
    if problems.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.heading("Problems"));
    for problem in problems {
        let _ = writeln!(text, "  {}", one_line(problem));
    }
}

fn findings(text: &mut String, result: &RunResult, paint: Paint) {
    let defects = summary::defects(&result.scenarios);
    if defects.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.heading("What the page says and what happens"));
    for defect in defects {
        let _ = writeln!(text, "  {}", one_line(&defect.defect));
        let _ = writeln!(text, "    claims   {}", one_line(&defect.claim));
        let _ = writeln!(text, "    happens  {}", one_line(&defect.happens));
        let _ = writeln!(text, "    seen in  {}", one_line(&defect.scenarios.join(", ")));
        let _ = writeln!(text, "    page     {}", one_line(&defect.page));
    }
}

fn stand_ins(text: &mut String, result: &RunResult, paint: Paint) {
    let by_one = |it: &&ScenarioResult| it.evidence == Evidence::StandIn && it.verdict != Verdict::Inconclusive;
    let decided = result.scenarios.iter().filter(by_one);
    let decided: Vec<&str> = decided.map(|scenario| scenario.id.as_str()).collect();
    if decided.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.heading("Decided by a stand-in, not by the real thing"));
    for stand_in in &result.facts.stand_ins {
        let _ = writeln!(text, "  {}", one_line(stand_in));
    }
    let _ = writeln!(text, "  scenarios: {}", one_line(&decided.join(", ")));
}

fn groups(text: &mut String, result: &RunResult, paint: Paint, columns: Option<usize>) {
    if result.scenarios.is_empty() {
        return;
    }
    let mut groups: BTreeMap<String, Vec<Verdict>> = BTreeMap::new();
    for scenario in &result.scenarios {
        groups.entry(one_line(scenario.group())).or_default().push(scenario.verdict);
    }
    let width = groups.keys().map(|group| group.chars().count()).max().unwrap_or_default().max("group".len());
    let head = format!(
        "{:<width$}  {:>10}  {:>9}  {:>13}  {:>12}  {:>7}",
        "group", "conformant", "deviation", "nonconformant", "inconclusive", "skipped"
    );
    // A table that does not fit is no table; the words say the same.
    let fits = columns.is_none_or(|columns| head.chars().count() <= columns);
    let _ = writeln!(text, "\n{}", paint.heading(if fits { &head } else { "group" }));
    for (group, verdicts) in groups {
        let counts: Counts = verdicts.into_iter().collect();
        if !fits {
            let _ = writeln!(text, "{group}  {}", counts.sentence());
            continue;
        }
        let _ = writeln!(
            text,
            "{group:<width$}  {:>10}  {:>9}  {:>13}  {:>12}  {:>7}",
            counts.conformant, counts.known_deviation, counts.nonconformant, counts.inconclusive, counts.skipped
        );
    }
}

fn scores(text: &mut String, result: &RunResult, paint: Paint) {
    if result.scores.is_empty() {
        return;
    }
    if !result.faults.is_empty() {
        let _ = writeln!(text, "\n{}", paint.heading("Faults, and how the scenario ended"));
        let width = result.faults.iter().map(|row| row.fault.len()).max().unwrap_or_default();
        for row in &result.faults {
            let verdict = row.verdict.map_or_else(|| "no verdict".to_owned(), |verdict| verdict.to_string());
            let took = seconds(Duration::from_millis(row.total_ms));
            let cause = match &row.cause {
                Some(cause) => cause.to_string(),
                None if row.verdict == Some(Verdict::Conformant) => "-".to_owned(),
                None => one_line(&row.reason).chars().take(REASON).collect(),
            };
            let _ = writeln!(text, "  {:<width$}  {verdict:<13} {took:>8}  {cause}", row.fault);
        }
    }
    let _ = writeln!(text, "\n{}", paint.heading("What the harness noticed of what was broken on purpose"));
    for score in &result.scores {
        let _ = writeln!(text, "  {}", one_line(&score.sentence()));
        for survivor in &score.survivors {
            let _ = writeln!(text, "    survived  {}", one_line(survivor));
        }
        for unclear in score.unclear.iter().take(UNCLEAR) {
            let _ = writeln!(text, "    unclear   {}", one_line(unclear));
        }
        if score.unclear.len() > UNCLEAR {
            let _ = writeln!(text, "    unclear   and {} more", score.unclear.len() - UNCLEAR);
        }
    }
}

fn verdict(text: &mut String, rendered: &Rendered, paint: Paint) {
    let result = &rendered.result;
    let counts = Counts::of_scenarios(&result.scenarios);
    let time = result.timings.get("total").map(|total| format!(" in {}", seconds(Duration::from_millis(*total))));
    let _ = writeln!(text, "\n{}{}", counts.sentence(), time.unwrap_or_default());
    if !result.stability.is_empty() {
        let _ = writeln!(text, "{}", one_line(&rows::sentence(&result.stability)));
    }
    let (verdict, sentence) = sentence(rendered, &counts);
    let _ = writeln!(text, "{} (exit code {})", paint.verdict(verdict, &sentence), rendered.exit.code());
}

fn sentence(rendered: &Rendered, counts: &Counts) -> (Verdict, String) {
    let result = &rendered.result;
    match (rendered.exit, result.facts.kind) {
        (Exit::Interrupted, _) => (Verdict::Inconclusive, "The run was interrupted.".to_owned()),
        (Exit::Terminated, _) => (Verdict::Inconclusive, "The run was terminated.".to_owned()),
        (Exit::Passed, RunKind::SelfTest) => {
            (Verdict::Conformant, "Everything that was broken on purpose was noticed.".to_owned())
        }
        (Exit::Failed, RunKind::SelfTest) => {
            let missed: usize = result.scores.iter().map(|score| score.survivors.len()).sum();
            (Verdict::Nonconformant, format!("{} on purpose went unnoticed.", plural(missed, "breakage")))
        }
        (Exit::Passed, RunKind::Page | RunKind::Customer) if counts.known_deviation == 0 => {
            (Verdict::Conformant, "Everything that was observed is as the page says.".to_owned())
        }
        (Exit::Passed, RunKind::Page | RunKind::Customer) => {
            let defects = plural(summary::defects(&result.scenarios).len(), "known defect");
            (Verdict::Conformant, format!("Everything that was observed is as the page says, but for {defects} of it."))
        }
        (Exit::Failed, RunKind::Customer) => (
            Verdict::Nonconformant,
            format!("What was observed is not as it should be in {}.", plural(counts.nonconformant, "check")),
        ),
        (Exit::Failed, RunKind::Page) if counts.nonconformant == 0 => {
            (Verdict::Nonconformant, "The page does not hold: known deviations are denied.".to_owned())
        }
        (Exit::Failed, RunKind::Page) => (
            Verdict::Nonconformant,
            format!("What was observed is not as recorded in {}.", plural(counts.nonconformant, "scenario")),
        ),
        (Exit::Usage | Exit::Inconclusive, _) => {
            let reason = match (summary::without_proof(result), counts.inconclusive) {
                (Some(reason), _) => reason.to_owned(),
                (None, 0) => "see the problems above".to_owned(),
                (None, count) => format!("{} without a verdict", plural(count, "scenario")),
            };
            (Verdict::Inconclusive, format!("No verdict on the page: {reason}."))
        }
    }
}
