//! The page of many records.

use askama::Template;

use super::frame::Frame;
use super::word::{Shown, plural};
use crate::report::merge::{Matrix, Row};
use crate::report::overview::{ALL, count};
use crate::verdict::Verdict;

#[derive(Template)]
#[template(path = "matrix.html")]
struct Page<'a> {
    frame: Frame,
    headline: Shown,
    sentence: String,
    columns: Vec<ColumnOf<'a>>,
    /// What needs a look, what differs, what is alike: title, and rows.
    parts: Vec<(&'static str, Vec<RowOf<'a>>)>,
}

struct ColumnOf<'a> {
    name: &'a str,
    run: &'a str,
    started: &'a str,
    sentence: &'a str,
    shown: Shown,
    outside: Option<&'a str>,
    counts: Vec<(Shown, usize)>,
    facts: Vec<(&'a str, &'a str)>,
}

struct RowOf<'a> {
    id: &'a str,
    title: &'a str,
    class: &'static str,
    cells: Vec<Option<CellOf<'a>>>,
}

struct CellOf<'a> {
    shown: Shown,
    stage: &'static str,
    cause: &'a str,
    reason: &'a str,
    known: bool,
}

/// Draws the page.
///
/// # Errors
/// Only where the template library refuses; no text that a record holds leads to it.
pub fn matrix(matrix: &Matrix) -> Result<String, askama::Error> {
    let columns = matrix.columns.iter().map(|column| ColumnOf {
        name: &column.name,
        run: &column.run,
        started: &column.started,
        sentence: &column.sentence,
        shown: Shown::of(column.verdict),
        outside: column.outside.as_deref(),
        counts: ALL.map(|verdict| (Shown::of(verdict), count(&column.counts, verdict))).to_vec(),
        facts: column.facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
    });
    let wrong = matrix.rows.iter().filter(|row| row.wrong()).count();
    let look = match wrong {
        0 => "none needs a look".to_owned(),
        1 => "1 needs a look".to_owned(),
        wrong => format!("{wrong} need a look"),
    };
    let sentence =
        format!("{} in {}: {look}", plural(matrix.rows.len(), "scenario"), plural(matrix.columns.len(), "run"));
    let rows = |kind: fn(&Row) -> bool| matrix.rows.iter().filter(move |row| kind(row)).map(row).collect::<Vec<_>>();
    let mut parts = vec![
        ("What needs a look", rows(Row::wrong)),
        ("What differs", rows(|row| !row.wrong() && row.differs())),
        ("What is alike in all runs", rows(|row| !row.wrong() && !row.differs())),
    ];
    parts.retain(|(_, rows)| !rows.is_empty());
    let worst = matrix.columns.iter().map(|column| column.verdict);
    let worst = ALL.into_iter().find(|verdict| worst.clone().any(|it| it == *verdict)).unwrap_or(Verdict::Skipped);
    Page {
        frame: Frame::new(sentence.clone()),
        headline: Shown::of(worst),
        sentence,
        columns: columns.collect(),
        parts,
    }
    .render()
}

fn row(row: &Row) -> RowOf<'_> {
    let verdicts = row.cells.iter().flatten().map(|cell| cell.verdict);
    let worst = ALL.into_iter().find(|verdict| verdicts.clone().any(|it| it == *verdict));
    RowOf {
        id: &row.id,
        title: &row.title,
        class: worst.map_or("skipped", Verdict::as_str),
        cells: row
            .cells
            .iter()
            .map(|it| {
                let it = it.as_ref()?;
                Some(CellOf {
                    shown: Shown::of(it.verdict),
                    stage: it.stage.map_or("", |stage| stage.as_str()),
                    cause: it.cause.as_ref().map_or("", |cause| cause.as_str()),
                    reason: &it.reason,
                    known: it.known.is_some(),
                })
            })
            .collect(),
    }
}
