//! Rows and columns.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::differences::{Difference, differences};
use crate::page::{CauseId, Stage};
use crate::report::json::{Report, Scenario};
use crate::report::overview::{counts, headline};
use crate::report::summary::Counts;
use crate::verdict::Verdict;
use crate::verdict::result::Known;

/// The version of [`Matrix`]'s shape: raised when a field goes or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Many runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Matrix {
    /// The version of this shape.
    pub schema_version: u32,
    /// One for each run, in the order in which they were given.
    pub columns: Vec<Column>,
    /// One for each scenario of any run, in the order of the first run that has it.
    pub rows: Vec<Row>,
    /// What ended or was said otherwise than in the first run.
    pub differences: Vec<Difference>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Column {
    /// What it is called; no two are called the same.
    pub name: String,
    /// Its id.
    pub run: String,
    /// Its start, UTC.
    pub started: String,
    /// In one sentence.
    pub sentence: String,
    /// In whose colour that is.
    pub verdict: Verdict,
    /// Its scenarios.
    pub counts: Counts,
    /// What it ran on, such as `vault` → `1.21.0`.
    pub facts: BTreeMap<String, String>,
    /// Why it proves nothing, or not enough, although no scenario says so.
    pub outside: Option<String>,
}

/// A scenario in all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Its id.
    pub id: String,
    /// One sentence for people.
    pub title: String,
    /// In each run, where it is in it.
    pub cells: Vec<Option<Cell>>,
}

/// A scenario in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Cell {
    /// What came of it.
    pub verdict: Verdict,
    /// Where the way stopped.
    pub stage: Option<Stage>,
    /// Why.
    pub cause: Option<CauseId>,
    /// In one sentence.
    pub reason: String,
    /// Of a known failure: who mends it, and until when.
    pub known: Option<Known>,
}

impl Cell {
    fn of(scenario: &Scenario) -> Self {
        Self {
            verdict: scenario.verdict,
            stage: scenario.observed.stage,
            cause: scenario.observed.cause.clone(),
            reason: scenario.reason.clone(),
            known: scenario.known.clone(),
        }
    }

    /// Whether somebody has to look at it.
    #[must_use]
    pub fn wrong(&self) -> bool {
        self.known.is_none() && matches!(self.verdict, Verdict::Nonconformant | Verdict::Inconclusive)
    }
}

impl Row {
    /// Whether somebody has to look at it in any run.
    #[must_use]
    pub fn wrong(&self) -> bool {
        self.cells.iter().flatten().any(Cell::wrong)
    }

    /// Whether the runs that have it disagree.
    #[must_use]
    pub fn differs(&self) -> bool {
        let ends: BTreeSet<_> = self.cells.iter().flatten().map(|cell| (cell.verdict.as_str(), cell.stage)).collect();
        ends.len() > 1
    }
}

/// Puts records into one matrix. Those without a name are called by what sets them apart from the others.
#[must_use]
pub fn merge(runs: &[(Option<String>, Report)]) -> Matrix {
    let facts: Vec<BTreeMap<String, String>> = runs.iter().map(|(_, report)| facts(report)).collect();
    let names: BTreeSet<&String> = facts.iter().flat_map(BTreeMap::keys).collect();
    let apart: Vec<&String> =
        names.into_iter().filter(|name| facts.iter().any(|of| of.get(*name) != facts[0].get(*name))).collect();
    let mut columns: Vec<Column> = Vec::new();
    for ((named, report), facts) in runs.iter().zip(&facts) {
        let own = apart.iter().filter_map(|name| Some(format!("{name} {}", facts.get(*name)?))).collect::<Vec<_>>();
        let own = if own.is_empty() { format!("{} UTC", report.run.started) } else { own.join(", ") };
        let name = named.clone().unwrap_or(own);
        let (verdict, sentence) = headline(report);
        let mut column = Column {
            name,
            run: report.run.id.clone(),
            started: report.run.started.clone(),
            sentence,
            verdict,
            counts: counts(report).0,
            facts: facts.clone(),
            outside: report.outside_scenarios.clone(),
        };
        if columns.iter().any(|other| other.name == column.name) {
            column.name = format!("{} ({}, {})", column.name, report.run.id, columns.len() + 1);
        }
        columns.push(column);
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for (at, (_, report)) in runs.iter().enumerate() {
        for scenario in &report.scenarios {
            let row = *place.entry(scenario.id.clone()).or_insert_with(|| {
                let cells = vec![None; runs.len()];
                rows.push(Row { id: scenario.id.clone(), title: scenario.title.clone(), cells });
                rows.len() - 1
            });
            rows[row].cells[at] = Some(Cell::of(scenario));
        }
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let differences = differences(runs.iter().map(|(_, report)| report).zip(names));
    Matrix { schema_version: SCHEMA_VERSION, columns, rows, differences }
}

fn facts(report: &Report) -> BTreeMap<String, String> {
    let mut facts = report.versions.clone();
    facts.insert("testbed".to_owned(), report.testbed.clone());
    facts.insert("page".to_owned(), report.run.key_revision.clone());
    facts
}
