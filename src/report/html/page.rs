//! The page of one record.

use askama::Template;

use super::cards::{self, Card};
use super::frame::Frame;
use super::grid::{Grid, grid};
use super::tables::{Table, tables};
use super::timeline::{Timeline, timeline};
use super::way::{Flow, Group, flow, groups};
use super::word::{Shown, anchor, link, plural, seconds};
use crate::event::RunKind;
use crate::ledger::Server;
use crate::report::json::Report;
use crate::report::overview::{ALL, count, counts, headline};
use crate::verdict::result::FindingKind;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    frame: Frame,
    kind: &'static str,
    headline: Shown,
    sentence: String,
    report: &'a Report,
    /// Of the scenarios and of their cases: the verdict and how often it was given.
    counts: Vec<(Shown, usize, usize)>,
    /// A part of the bar for each verdict that was given: place, width.
    bar: Vec<(Shown, usize, usize)>,
    facts: Vec<(String, String)>,
    wrong: Vec<Card>,
    known: Vec<Card>,
    to_mend: Vec<Card>,
    tables: Vec<Table>,
    flow: Option<Flow>,
    groups: Vec<Group>,
    grid: Grid,
    timeline: Option<Timeline>,
    defects: Vec<DefectOf<'a>>,
    ledger: Vec<LedgerRow>,
    evidence: Vec<(String, String)>,
}

struct DefectOf<'a> {
    id: &'a str,
    /// Or something that the page says nothing of.
    is_defect: bool,
    claim: &'a str,
    happens: &'a str,
    page: Option<String>,
    scenarios: Vec<(String, String)>,
}

/// Requests that are alike but for their answers stand together.
struct LedgerRow {
    to: &'static str,
    by: String,
    method: String,
    path: String,
    statuses: String,
}

/// Draws the page.
///
/// # Errors
/// Only where the template library refuses; no text that a record holds leads to it.
pub fn page(report: &Report) -> Result<String, askama::Error> {
    let (verdict, sentence) = headline(report);
    let kind = match report.run.kind {
        RunKind::Page => "Does the documentation hold?",
        RunKind::Customer => "Check of a cluster and a Vault",
        RunKind::SelfTest => "Is what is broken on purpose noticed?",
    };
    let (scenarios, cases) = counts(report);
    let numbers = ALL.map(|verdict| (Shown::of(verdict), count(&scenarios, verdict), count(&cases, verdict)));
    let title = format!("{}: {} {} UTC", kind, report.run.id, report.run.started);
    Page {
        frame: Frame::new(title),
        kind,
        headline: Shown::of(verdict),
        sentence,
        bar: bar(&numbers, scenarios.total),
        counts: numbers.to_vec(),
        facts: facts(report),
        wrong: cards::wrong(report),
        known: cards::known(report),
        to_mend: cards::to_mend(report),
        tables: tables(report),
        flow: flow(report),
        groups: groups(report),
        grid: grid(report),
        timeline: timeline(report),
        defects: defects(report),
        ledger: ledger(report),
        evidence: evidence(report),
        report,
    }
    .render()
}

fn bar(counts: &[(Shown, usize, usize)], total: usize) -> Vec<(Shown, usize, usize)> {
    let mut from = 0;
    let mut parts = Vec::new();
    for (shown, scenarios, _) in counts.iter().filter(|(_, scenarios, _)| *scenarios > 0) {
        let width = (scenarios * 1000 / total.max(1)).max(4);
        parts.push((*shown, from, width));
        from += width;
    }
    parts
}

fn facts(report: &Report) -> Vec<(String, String)> {
    let run = &report.run;
    let versions: Vec<String> = report.versions.iter().map(|(what, version)| format!("{what} {version}")).collect();
    let mut facts = vec![
        ("run".to_owned(), run.id.clone()),
        ("started".to_owned(), format!("{} UTC", run.started.replace('T', " "))),
        ("on".to_owned(), versions.join(", ")),
        ("took".to_owned(), report.timings.get("total").map(|total| seconds(*total)).unwrap_or_default()),
        ("exit code".to_owned(), report.exit_code.to_string()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn evidence(report: &Report) -> Vec<(String, String)> {
    let run = &report.run;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut rows = vec![
        pair("program", &run.harness),
        pair("profile", &run.profile),
        pair("revision of the page", &run.key_revision),
        pair("testbed", &report.testbed),
    ];
    rows.extend(run.reused.iter().map(|run| pair("testbed of run", run)));
    rows.extend(report.versions.iter().map(|(name, version)| (format!("version of {name}"), version.clone())));
    rows.extend(report.images.iter().map(|(name, image)| (format!("image of {name}"), image.clone())));
    rows.extend(run.stand_ins.iter().map(|what| pair("decided by a stand-in", what)));
    rows.extend(report.timings.iter().map(|(phase, time)| (format!("time of {phase}"), seconds(*time))));
    rows.extend(report.scores.iter().map(|score| ("score".to_owned(), score.sentence())));
    rows.extend(report.faults.iter().map(|fault| {
        let verdict = fault.verdict.map_or("no end", |verdict| verdict.as_str());
        (format!("fault {}", fault.fault), format!("{}: {verdict}: {}", fault.title, fault.reason))
    }));
    rows.extend(report.stability.iter().map(|figure| {
        let ends: Vec<String> = figure.ends.iter().map(|(end, times)| format!("{times} times {end}")).collect();
        (
            format!("stability of {}", figure.scenario),
            format!("{} of {} alike: {}", figure.same, plural(figure.rounds, "round"), ends.join("; ")),
        )
    }));
    rows
}

fn defects(report: &Report) -> Vec<DefectOf<'_>> {
    let defects = report.defects.iter().map(|defect| DefectOf {
        id: &defect.defect,
        is_defect: defect.kind == FindingKind::Defect,
        claim: &defect.claim,
        happens: &defect.happens,
        page: link(&defect.page),
        scenarios: defect.scenarios.iter().map(|id| (id.clone(), anchor(id))).collect(),
    });
    defects.collect()
}

fn ledger(report: &Report) -> Vec<LedgerRow> {
    let mut rows: Vec<(LedgerRow, Vec<(String, usize)>)> = Vec::new();
    for request in &report.ledger {
        let to = match request.to {
            Server::ApiServer => "API server",
            Server::Vault => "Vault",
        };
        let status = request.status.map_or("no answer".to_owned(), |status| status.to_string());
        let like = |row: &LedgerRow| {
            row.to == to && row.by == request.by && row.method == request.method && row.path == request.path
        };
        let row = rows.iter().position(|(row, _)| like(row)).unwrap_or_else(|| {
            let (by, method, path) = (request.by.clone(), request.method.clone(), request.path.clone());
            rows.push((LedgerRow { to, by, method, path, statuses: String::new() }, Vec::new()));
            rows.len() - 1
        });
        match rows[row].1.iter_mut().find(|(known, _)| *known == status) {
            Some((_, times)) => *times += 1,
            None => rows[row].1.push((status, 1)),
        }
    }
    let words = |(status, times): (String, usize)| if times > 1 { format!("{status} × {times}") } else { status };
    rows.into_iter()
        .map(|(row, statuses)| LedgerRow {
            statuses: statuses.into_iter().map(words).collect::<Vec<_>>().join(", "),
            ..row
        })
        .collect()
}
