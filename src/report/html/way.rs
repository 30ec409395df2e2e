//! The way: where the scenarios' ways end as a picture, and each scenario with its stages and its evidence.

use super::cards::seen;
use super::word::{Shown, anchor, ends, link, seconds};
use crate::page::Stage;
use crate::probe::observation::KeyState;
use crate::report::json::{Report, Scenario};
use crate::report::overview::ALL;
use crate::report::subjects::{CaseOf, subjects};
use crate::scenario::model::Evidence;
use crate::verdict::Verdict;

/// Where the ways end, as a picture: a band that gets thinner at each stage at which some stop.
pub struct Flow {
    /// In words.
    pub words: String,
    /// One for each stage.
    pub stages: Vec<FlowStage>,
    /// How many go all the way.
    pub through: usize,
    /// The place of the band's end, and half of its height there.
    pub end: (usize, usize),
}

/// One stage of the picture.
pub struct FlowStage {
    /// Its word.
    pub name: &'static str,
    /// The band before it and behind it, as a polygon's points.
    pub band: String,
    /// Its place.
    pub x: usize,
    /// How many stop there, by verdict: class, mark, count, and its place.
    pub stops: Vec<(Shown, usize, usize)>,
}

const WIDTH: usize = 150;
const HALF: usize = 40;

/// Nothing where no scenario has a way.
pub fn flow(report: &Report) -> Option<Flow> {
    let ways: Vec<&Scenario> =
        report.scenarios.iter().filter(|it| it.stages.len() == Stage::ALL.len() && it.observed.complete).collect();
    let all = ways.len();
    if all < 2 {
        return None;
    }
    let half = |count: usize| (count * HALF / all).max(usize::from(count > 0));
    let mut left = all;
    let mut words = Vec::new();
    let mut stages = Vec::new();
    for (at, stage) in Stage::ALL.into_iter().enumerate() {
        let here = |verdict: Verdict| {
            ways.iter().filter(|it| it.observed.stage == Some(stage) && it.verdict == verdict).count()
        };
        let stops: Vec<(Verdict, usize)> =
            ALL.map(|verdict| (verdict, here(verdict))).into_iter().filter(|(_, n)| *n > 0).collect();
        let gone: usize = stops.iter().map(|(_, count)| count).sum();
        let (x, before, after) = (at * WIDTH, half(left), half(left - gone));
        left -= gone;
        if gone > 0 {
            words.push(format!("{gone} stop at {stage}"));
        }
        let middle = HALF + 30;
        let points = [
            (x, middle - before),
            (x + WIDTH / 2, middle - before),
            (x + WIDTH * 3 / 4, middle - after),
            (x + WIDTH, middle - after),
            (x + WIDTH, middle + after),
            (x + WIDTH * 3 / 4, middle + after),
            (x + WIDTH / 2, middle + before),
            (x, middle + before),
        ];
        let band = points.map(|(x, y)| format!("{x},{y}")).join(" ");
        let stops =
            (0..).zip(stops).map(|(row, (verdict, count))| (Shown::of(verdict), count, row * 24 + 2 * HALF + 54));
        stages.push(FlowStage { name: stage.as_str(), band, x, stops: stops.collect() });
    }
    words.push(format!("{left} go all the way"));
    let end = (Stage::ALL.len() * WIDTH, half(left));
    Some(Flow { words: format!("Of {all} ways: {}.", words.join(", ")), stages, through: left, end })
}

/// One scenario.
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its place on the page.
    pub anchor: String,
    /// One sentence for people.
    pub title: String,
    /// What came of it.
    pub shown: Shown,
    /// Whether it is unfolded from the start.
    pub open: bool,
    /// Whether its failure is known.
    pub known: bool,
    /// Where its way ended.
    pub ends: String,
    /// Its stages, in order: word, verdict, message.
    pub stages: Vec<(&'static str, Shown, String)>,
    /// What was set up.
    pub settings: Vec<(String, String)>,
    /// Why, and what it rests on, by name.
    pub rows: Vec<(&'static str, String)>,
    /// Its control, with its place on the page.
    pub control: Option<(String, String)>,
    /// Where it does not rest on real servers alone: on what.
    pub stand_in: Option<&'static str>,
    /// The place of the page whose claim it tests.
    pub page: Option<String>,
    /// Keys that are as they should be: read, and not read.
    pub keys: Option<(usize, usize)>,
    /// Cases with something to say, keys by their message: names, verdict, message, cause.
    pub cases: Vec<Line>,
    /// What it says of the page: defect, and what happens.
    pub findings: Vec<(String, String)>,
    /// How long it took.
    pub took: String,
}

/// Cases with the same message.
pub struct Line {
    /// Their names.
    pub names: String,
    /// What came of them.
    pub shown: Shown,
    /// Why.
    pub message: String,
    /// The cause, where one is known.
    pub cause: String,
}

/// Scenarios of one group of ids.
pub struct Group {
    /// The part of their ids before the point.
    pub name: String,
    /// The scenarios.
    pub entries: Vec<Entry>,
}

/// All scenarios by their groups, each in its order.
pub fn groups(report: &Report) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for scenario in &report.scenarios {
        let name = scenario.id.split_once('.').map_or("", |(group, _)| group);
        let entry = entry(scenario);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.entries.push(entry),
            None => groups.push(Group { name: name.to_owned(), entries: vec![entry] }),
        }
    }
    groups
}

fn entry(scenario: &Scenario) -> Entry {
    let mut rows = vec![("verdict", format!("{}: {}", scenario.verdict, scenario.reason))];
    if let Some(known) = &scenario.known {
        rows.push(("known", format!("until {}, owner {}: {}", known.expires, known.owner, known.why)));
    }
    rows.push(("expected", scenario.expected.clone()));
    rows.push(("observed", scenario.observed.phrase()));
    rows.extend(seen(scenario));
    let fine = |read: bool| {
        let mut keys = scenario.keys.iter().filter(|key| key.verdict == Verdict::Conformant);
        keys.by_ref().filter(|key| (key.state == Some(KeyState::Present)) == read).count()
    };
    let timings = &scenario.timings;
    let part = |what: &str, time: u64| if time > 0 { format!(", {what} {}", seconds(time)) } else { String::new() };
    Entry {
        anchor: anchor(&scenario.id),
        shown: Shown::of(scenario.verdict),
        open: scenario.known.is_none() && scenario.verdict == Verdict::Nonconformant,
        known: scenario.known.is_some(),
        ends: ends(scenario),
        stages: scenario
            .stages
            .iter()
            .map(|case| (case.stage.as_str(), Shown::of(case.verdict), case.message.clone()))
            .collect(),
        settings: scenario.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        rows,
        control: scenario.control.as_ref().map(|control| (control.clone(), anchor(control))),
        stand_in: (scenario.evidence != Evidence::Real).then(|| scenario.evidence.name()),
        page: link(&scenario.page),
        keys: (!scenario.keys.is_empty()).then(|| (fine(true), fine(false))),
        cases: lines(scenario),
        findings: scenario.findings.iter().map(|it| (it.defect.clone(), it.happens.clone())).collect(),
        took: match timings.total_ms {
            0 => String::new(),
            total => format!(
                "{}{}{}",
                seconds(total),
                part("to configure", timings.configure_ms),
                part("to observe", timings.observe_ms)
            ),
        },
        id: scenario.id.clone(),
        title: scenario.title.clone(),
    }
}

/// Stages are shown by themselves; a key that is as it should be says nothing.
fn lines(scenario: &Scenario) -> Vec<Line> {
    let silent = |case: &CaseOf<'_>| case.kind == "key" && case.verdict == Verdict::Conformant && !case.warning;
    let mut lines: Vec<(CaseOf<'_>, Vec<String>)> = Vec::new();
    for case in subjects(scenario).filter(|case| case.kind != "stage" && !silent(case)) {
        let like = |known: &CaseOf<'_>| {
            known.kind == "key" && case.kind == "key" && known.message == case.message && known.verdict == case.verdict
        };
        match lines.iter_mut().find(|(known, _)| like(known)) {
            Some((_, names)) => names.push(case.id.to_owned()),
            None => lines.push((case, vec![case.name()])),
        }
    }
    let line = |(case, names): (CaseOf<'_>, Vec<String>)| Line {
        names: names.join(", "),
        shown: if case.warning { Shown { mark: "!", ..Shown::of(case.verdict) } } else { Shown::of(case.verdict) },
        message: case.message.to_owned(),
        cause: case.cause.map(ToString::to_string).unwrap_or_default(),
    };
    lines.into_iter().map(line).collect()
}
