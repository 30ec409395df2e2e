//! What differs between two records.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::alike::lasting;
use crate::page::{CauseId, Stage};
use crate::report::json::{Report, Scenario};
use crate::report::subjects::subjects;
use crate::verdict::Verdict;

/// The version of [`Diff`]'s shape: raised when a field goes or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// What differs between two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Diff {
    /// The version of this shape.
    pub schema_version: u32,
    /// The run before.
    pub base: Of,
    /// The run after.
    pub new: Of,
    /// How many scenarios became worse, better, or else changed; new and vanished ones included.
    pub worse: usize,
    /// See `worse`.
    pub better: usize,
    /// See `worse`.
    pub changed: usize,
    /// What each is called that has another version, image, revision of the page, program or testbed now.
    pub facts: BTreeMap<String, Pair<Option<String>>>,
    /// The scenarios that differ, the worse ones first.
    pub scenarios: Vec<Change>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Of {
    /// Its id.
    pub run: String,
    /// Its start, UTC.
    pub started: String,
    /// What it selected.
    pub profile: String,
    /// What it ended with.
    pub exit_code: u8,
    /// How many scenarios it has.
    pub scenarios: usize,
}

/// Before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pair<T> {
    /// Before.
    pub base: T,
    /// After.
    pub new: T,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Less is as it should be, or less is known.
    Worse,
    /// It passes now, and did not.
    Better,
    /// It is otherwise, and neither.
    Changed,
}

/// Whether a scenario is in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// In both.
    Both,
    /// In the new one alone.
    New,
    /// In the base alone.
    Vanished,
}

/// One scenario that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Its id.
    pub scenario: String,
    /// One sentence for people.
    pub title: String,
    /// What its difference means.
    pub effect: Effect,
    /// Whether it is in both.
    pub presence: Presence,
    /// Its verdicts.
    pub verdict: Pair<Option<Verdict>>,
    /// Where the way stopped.
    pub stage: Pair<Option<Stage>>,
    /// Why it stopped there.
    pub cause: Pair<Option<CauseId>>,
    /// Texts that say something else now, by the field of the record that has them. What no two runs have alike counts for nothing.
    pub texts: BTreeMap<String, Pair<String>>,
    /// Stages, keys, commands, steps and checks with another verdict, by their names in JUnit.
    pub cases: BTreeMap<String, Pair<Option<Verdict>>>,
}

/// For which difference the comparison fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailOn {
    /// For what became worse.
    #[default]
    Worse,
    /// For anything.
    Changed,
    /// For nothing.
    Nothing,
}

impl FailOn {
    /// Whether it fails for that.
    #[must_use]
    pub fn fails(self, diff: &Diff) -> bool {
        match self {
            Self::Worse => diff.worse > 0,
            Self::Changed => !diff.scenarios.is_empty() || !diff.facts.is_empty(),
            Self::Nothing => false,
        }
    }
}

/// Compares the record of a run with that of a later one.
#[must_use]
pub fn compare(base: &Report, new: &Report) -> Diff {
    let before: BTreeMap<&str, &Scenario> = base.scenarios.iter().map(|it| (it.id.as_str(), it)).collect();
    let after: BTreeSet<&str> = new.scenarios.iter().map(|it| it.id.as_str()).collect();
    let mut scenarios: Vec<Change> = new
        .scenarios
        .iter()
        .filter_map(|it| change((before.get(it.id.as_str()).copied(), Some(it)), base, new))
        .collect();
    let gone = base.scenarios.iter().filter(|it| !after.contains(it.id.as_str()));
    scenarios.extend(gone.filter_map(|it| change((Some(it), None), base, new)));
    scenarios.sort_by_key(|change| change.effect);
    let count = |effect| scenarios.iter().filter(|change| change.effect == effect).count();
    Diff {
        schema_version: SCHEMA_VERSION,
        base: Of::new(base),
        new: Of::new(new),
        worse: count(Effect::Worse),
        better: count(Effect::Better),
        changed: count(Effect::Changed),
        facts: facts(base, new),
        scenarios,
    }
}

impl Of {
    fn new(report: &Report) -> Self {
        Self {
            run: report.run.id.clone(),
            started: report.run.started.clone(),
            profile: report.run.profile.clone(),
            exit_code: report.exit_code,
            scenarios: report.scenarios.len(),
        }
    }
}

fn facts(base: &Report, new: &Report) -> BTreeMap<String, Pair<Option<String>>> {
    let of = |report: &Report| {
        let Report { run, testbed, versions, images, .. } = report;
        let mut facts = BTreeMap::from([
            ("program".to_owned(), run.harness.clone()),
            ("profile".to_owned(), run.profile.clone()),
            ("page".to_owned(), run.key_revision.clone()),
            ("testbed".to_owned(), testbed.clone()),
        ]);
        facts.extend(versions.iter().map(|(name, version)| (format!("version of {name}"), version.clone())));
        facts.extend(images.iter().map(|(name, image)| (format!("image of {name}"), image.clone())));
        facts
    };
    let (base, new) = (of(base), of(new));
    let names: BTreeSet<&String> = base.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| base.get(*name) != new.get(*name))
        .map(|name| (name.clone(), Pair { base: base.get(name).cloned(), new: new.get(name).cloned() }))
        .collect()
}

/// How much is known to be as it should be: the lower, the better.
fn rank(verdict: Verdict, warning: bool) -> u8 {
    match verdict {
        Verdict::Conformant => u8::from(warning),
        Verdict::KnownDeviation => 2,
        Verdict::Skipped => 3,
        Verdict::Inconclusive => 4,
        Verdict::Nonconformant => 5,
    }
}

fn effect(base: (Verdict, bool), new: (Verdict, bool)) -> Effect {
    let (before, after) = (rank(base.0, base.1), rank(new.0, new.1));
    match after.cmp(&before) {
        std::cmp::Ordering::Greater => Effect::Worse,
        std::cmp::Ordering::Less if new.0.passes() => Effect::Better,
        _ => Effect::Changed,
    }
}

type Both<'a> = (Option<&'a Scenario>, Option<&'a Scenario>);

fn change((before, after): Both<'_>, base: &Report, new: &Report) -> Option<Change> {
    let scenario = after.or(before)?;
    let (presence, mut meaning) = match (before, after) {
        (Some(before), Some(after)) => (
            Presence::Both,
            (before.verdict != after.verdict).then(|| effect((before.verdict, false), (after.verdict, false))),
        ),
        // What was never seen before fails now, or what passed is not looked at any more.
        (None, _) => (
            Presence::New,
            Some(match scenario.verdict {
                Verdict::Nonconformant | Verdict::Inconclusive => Effect::Worse,
                _ => Effect::Changed,
            }),
        ),
        (_, None) => {
            (Presence::Vanished, Some(if scenario.verdict.passes() { Effect::Worse } else { Effect::Changed }))
        }
    };
    let of = |it: Option<&Scenario>| it.map(|it| it.verdict);
    let stop = |it: Option<&Scenario>| it.and_then(|it| it.observed.stage);
    let cause = |it: Option<&Scenario>| it.and_then(|it| it.observed.cause.clone());
    let mut change = Change {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        effect: Effect::Changed,
        presence,
        verdict: Pair { base: of(before), new: of(after) },
        stage: Pair { base: stop(before), new: stop(after) },
        cause: Pair { base: cause(before), new: cause(after) },
        texts: BTreeMap::new(),
        cases: BTreeMap::new(),
    };
    if let (Some(before), Some(after)) = (before, after) {
        change.texts = texts((before, &base.run.id), (after, &new.run.id));
        let (was, is) = (verdicts(before), verdicts(after));
        for name in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let (was, is) = (was.get(name).copied(), is.get(name).copied());
            if was == is {
                continue;
            }
            change.cases.insert(name.clone(), Pair { base: was.map(|it| it.0), new: is.map(|it| it.0) });
            let of_case = match (was, is) {
                (Some(was), Some(is)) => effect(was, is),
                (None, Some((Verdict::Nonconformant | Verdict::Inconclusive, _))) => Effect::Worse,
                _ => Effect::Changed,
            };
            // The verdict of the whole goes first; what is worse in it goes before what is better.
            meaning = match (meaning, before.verdict == after.verdict) {
                (Some(known), true) => Some(known.min(of_case)),
                (None, _) => Some(of_case),
                (known, false) => known,
            };
        }
        if change.stage.base != change.stage.new || change.cause.base != change.cause.new || !change.texts.is_empty() {
            meaning.get_or_insert(Effect::Changed);
        }
    }
    change.effect = meaning?;
    Some(change)
}

fn verdicts(scenario: &Scenario) -> BTreeMap<String, (Verdict, bool)> {
    subjects(scenario).map(|case| (case.name(), (case.verdict, case.warning))).collect()
}

fn texts((base, run_base): (&Scenario, &str), (new, run_new): (&Scenario, &str)) -> BTreeMap<String, Pair<String>> {
    let of = |it: &Scenario| {
        [
            ("title", it.title.clone()),
            ("reason", it.reason.clone()),
            ("expected", it.expected.clone()),
            ("evidence", it.evidence.name().to_owned()),
            ("observed.text", it.observed.text.clone()),
            ("observed.server", it.observed.server.clone().unwrap_or_default()),
            ("answer.what", it.answer.as_ref().map(|answer| answer.what.clone()).unwrap_or_default()),
        ]
    };
    of(base)
        .into_iter()
        .zip(of(new))
        .filter(|((_, base), (_, new))| lasting(base, run_base) != lasting(new, run_new))
        .map(|((name, base), (_, new))| (name.to_owned(), Pair { base, new }))
        .collect()
}
