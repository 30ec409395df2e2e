//! The matrix as Markdown: what is wrong or differs; what is alike everywhere is counted.

use super::matrix::{Cell, Column, Matrix, Row};
use crate::report::markdown::{Limited, code, escaped};
use crate::report::overview::mark;
use crate::report::paint::plural;

/// The matrix, of at most so many bytes.
#[must_use]
pub fn markdown(matrix: &Matrix, limit: usize) -> String {
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
    for (title, shown) in [("What needs a look", 0), ("What differs", 1), ("What is alike", 2)] {
        let kind = |row: &&Row| if row.wrong() { 0 } else { 2 - u8::from(row.differs()) };
        for (number, row) in matrix.rows.iter().filter(|row| kind(row) == shown).enumerate() {
            let heading = if number == 0 { format!("\n### {title}\n\n{table}") } else { String::new() };
            let cells: String =
                row.cells.iter().map(|cell| format!(" {} |", cell.as_ref().map_or("".to_owned(), words))).collect();
            text.push(&format!("{heading}| {} |{cells}\n", code(&row.id)));
        }
    }
    text.end()
}

fn words(cell: &Cell) -> String {
    let stage = cell.stage.map_or(String::new(), |stage| format!(", stops at {stage}"));
    let known = if cell.known.is_some() { " (known)" } else { "" };
    format!("{} {}{stage}{known}", mark(cell.verdict), cell.verdict)
}
