//! The matrix as Markdown: what is wrong or differs; what is alike everywhere is counted.

use super::differences::Difference;
use super::matrix::{Cell, Column, Matrix, Row};
use crate::report::markdown::{Limited, code, escaped};
use crate::report::overview::mark;
use crate::report::paint::plural;

/// Which scenarios have a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Every one.
    All,
    /// Those that somebody has to look at, and those that differ.
    Differing,
}

/// The matrix, of at most so many bytes.
#[must_use]
pub fn markdown(matrix: &Matrix, shown: Shown, limit: usize) -> String {
    let mut text = Limited::new(limit);
    let wrong = matrix.rows.iter().filter(|row| row.wrong()).count();
    let (scenarios, runs) = (plural(matrix.rows.len(), "scenario"), plural(matrix.columns.len(), "run"));
    text.push(&format!(
        "## {scenarios} in {runs}: {}\n\n",
        match wrong {
            0 => "none needs a look".to_owned(),
            1 => "1 needs a look".to_owned(),
            wrong => format!("{wrong} need a look"),
        }
    ));
    for Column { name, run, started, sentence, verdict, outside, .. } in &matrix.columns {
        let outside = outside.iter().map(|why| format!(" **{}**", escaped(why))).collect::<String>();
        let (name, sentence) = (escaped(name), escaped(sentence));
        text.push(&format!(
            "- {} **{name}** (run {}, {} UTC): {sentence}{outside}\n",
            mark(*verdict),
            code(run),
            escaped(started)
        ));
    }
    let head: String = matrix.columns.iter().map(|column| format!(" {} |", escaped(&column.name))).collect();
    let table = format!("| scenario |{head}\n|---|{}\n", "---|".repeat(matrix.columns.len()));
    let kind = |row: &&Row| if row.wrong() { 0 } else { 2 - u8::from(row.differs()) };
    for (title, wanted) in [("What needs a look", 0), ("What differs", 1), ("What is alike", 2)] {
        let rows = matrix.rows.iter().filter(|row| kind(row) == wanted);
        if wanted == 2 && shown == Shown::Differing {
            text.push(&format!(
                "\n{} alike in verdict and stage in every run that has them.\n",
                plural(rows.count(), "scenario")
            ));
            continue;
        }
        for (number, row) in rows.enumerate() {
            let heading = if number == 0 { format!("\n### {title}\n\n{table}") } else { String::new() };
            let cells: String =
                row.cells.iter().map(|cell| format!(" {} |", cell.as_ref().map_or("".to_owned(), words))).collect();
            text.push(&format!("{heading}| {} |{cells}\n", code(&row.id)));
        }
    }
    if let [Column { name, .. }, _, ..] = matrix.columns.as_slice() {
        text.push(&differences(&matrix.differences, &escaped(name)));
    }
    text.end()
}

/// Rows of the same facts are written once, with all their scenarios.
fn differences(differences: &[Difference], first: &str) -> String {
    if differences.is_empty() {
        return format!("\nNothing that was observed or said is otherwise than in {first}.\n");
    }
    let mut rows: Vec<(&Difference, Vec<&str>)> = Vec::new();
    for it in differences {
        let alike = |(of, _): &&mut (&Difference, Vec<&str>)| {
            (&of.what, &of.first, &of.other, &of.on) == (&it.what, &it.first, &it.other, &it.on)
        };
        match rows.iter_mut().find(alike) {
            Some((_, scenarios)) => scenarios.push(&it.scenario),
            None => rows.push((it, vec![&it.scenario])),
        }
    }
    let value = |it: &Option<String>| it.as_deref().map_or("—".to_owned(), code);
    let row = |(of, scenarios): (&Difference, Vec<&str>)| {
        let scenarios: Vec<String> = scenarios.into_iter().map(code).collect();
        format!(
            "| {} | {} | {} | {} | {} |\n",
            scenarios.join(", "),
            escaped(&of.what),
            value(&of.first),
            value(&of.other),
            of.on.iter().map(|name| escaped(name)).collect::<Vec<_>>().join(", ")
        )
    };
    let rows: String = rows.into_iter().map(row).collect();
    format!(
        "\n### Otherwise than in {first}\n\n| scenario | what | {first} | other | in |\n|---|---|---|---|---|\n{rows}"
    )
}

fn words(cell: &Cell) -> String {
    let stage = cell.stage.map_or(String::new(), |stage| format!(", stops at {stage}"));
    let known = if cell.known.is_some() { " (known)" } else { "" };
    format!("{} {}{stage}{known}", mark(cell.verdict), cell.verdict)
}
