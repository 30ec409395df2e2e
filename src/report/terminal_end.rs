//! What a terminal says at a run's end: failures with their remedies, a table
//! by group, the findings about the page, and the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::answer::Answers;
use super::paint::{Paint, seconds};
use super::rendered::Rendered;
use super::summary::{self, Counts};
use super::text::one_line;
use super::{conclusion, failure};
use crate::event::{RunResult, rows};
use crate::page::CauseCatalogue;
use crate::scenario::model::Evidence;
use crate::verdict::Verdict;
use crate::verdict::result::{FindingKind, ScenarioResult};

/// How many trials without a verdict are named: where the testbed fails, all are.
const UNCLEAR: usize = 20;

/// How much is said of a fault that ends without a cause; its own line has all of it.
const REASON: usize = 100;

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
    failure::failures(&mut text, rendered, paint);
    failure::warnings(&mut text, result, &Answers::new(catalogue, result), paint);
    failure::no_verdict(&mut text, rendered, paint);
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

/// Those that no scenario gave as its reason above.
fn problems(text: &mut String, result: &RunResult, paint: Paint) {
    let unclear = || result.scenarios.iter().filter(|scenario| scenario.verdict == Verdict::Inconclusive);
    let said = |problem: &&String| unclear().any(|scenario| scenario.reason.contains(problem.as_str()));
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
    not_documented(text, result, paint);
    let defects = summary::of_kind(&result.scenarios, FindingKind::Defect);
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

/// One line each: `explain` says more of the scenario.
fn not_documented(text: &mut String, result: &RunResult, paint: Paint) {
    let found = summary::of_kind(&result.scenarios, FindingKind::NotDocumented);
    if found.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.heading("What happens and the page does not say"));
    for finding in found {
        let _ = writeln!(text, "  {}", one_line(&finding.scenarios.join(", ")));
        let _ = writeln!(text, "    {}", one_line(&finding.happens));
    }
}

fn stand_ins(text: &mut String, result: &RunResult, paint: Paint) {
    let by_one = |it: &&ScenarioResult| it.evidence == Evidence::StandIn && it.verdict != Verdict::Inconclusive;
    let decided = result.scenarios.iter().filter(by_one);
    let decided: Vec<&str> = decided.map(|scenario| scenario.id.as_str()).collect();
    let by_kubelet = result.scenarios.iter().filter(|it| it.evidence == Evidence::StandInKubelet).count();
    if decided.is_empty() && by_kubelet == 0 {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.heading("Decided by a stand-in, not by the real thing"));
    for stand_in in &result.facts.stand_ins {
        let _ = writeln!(text, "  {}", one_line(stand_in));
    }
    if !decided.is_empty() {
        let _ = writeln!(text, "  scenarios: {}", one_line(&decided.join(", ")));
    }
    if by_kubelet > 0 {
        let _ = writeln!(text, "  only the kubelet was one: {by_kubelet} scenarios");
    }
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
    let (verdict, sentence) = conclusion::sentence(rendered, &counts);
    let _ = writeln!(text, "{} (exit code {})", paint.verdict(verdict, &sentence), rendered.exit.code());
}
