//! A difference for people, as Markdown.

use super::compare::{Change, Diff, Effect, Pair, Presence};
use crate::report::markdown::{Limited, code, escaped};
use crate::report::paint::plural;

/// How long a text may be before its end is left out.
const LONGEST: usize = 300;

/// The difference, of at most so many characters.
#[must_use]
pub fn markdown(diff: &Diff, limit: usize) -> String {
    let Diff { base, new, worse, better, changed, .. } = diff;
    let mut text = Limited::new(limit);
    text.push(&format!(
        "## {}\n\nFrom run {} ({} UTC, {}, exit code {}) to run {} ({} UTC, {}, exit code {}): \
         {worse} worse, {better} better, {changed} otherwise changed.\n",
        headline(diff),
        code(&base.run),
        escaped(&base.started),
        plural(base.scenarios, "scenario"),
        base.exit_code,
        code(&new.run),
        escaped(&new.started),
        plural(new.scenarios, "scenario"),
        new.exit_code,
    ));
    if !diff.facts.is_empty() {
        let value = |value: &Option<String>| value.as_deref().map_or("—".to_owned(), code);
        let row = |(name, pair): (&String, &Pair<Option<String>>)| {
            format!("| {} | {} | {} |\n", escaped(name), value(&pair.base), value(&pair.new))
        };
        let rows: String = diff.facts.iter().map(row).collect();
        text.push(&format!("\n### What it ran on\n\n| | before | after |\n|---|---|---|\n{rows}"));
    }
    for (effect, title) in
        [(Effect::Worse, "Worse"), (Effect::Better, "Better"), (Effect::Changed, "Otherwise changed")]
    {
        let changes = diff.scenarios.iter().filter(|change| change.effect == effect);
        for (number, change) in changes.enumerate() {
            let heading = if number == 0 { format!("\n### {title}\n\n") } else { String::new() };
            text.push(&(heading + &item(change)));
        }
    }
    text.end()
}

fn headline(diff: &Diff) -> String {
    match (diff.worse, diff.scenarios.is_empty()) {
        (0, true) => "Nothing changed".to_owned(),
        (0, false) => "Nothing became worse".to_owned(),
        (worse, _) => format!("{} worse", plural(worse, "scenario")),
    }
}

fn item(change: &Change) -> String {
    let verdict = |pair: &Pair<Option<crate::verdict::Verdict>>| {
        let word = |it: Option<crate::verdict::Verdict>| it.map_or("—", |it| it.as_str());
        format!("{} → {}", word(pair.base), word(pair.new))
    };
    let what = match change.presence {
        Presence::Both if change.verdict.base == change.verdict.new => {
            change.verdict.new.map_or("", |it| it.as_str()).to_owned()
        }
        Presence::Both => format!("**{}**", verdict(&change.verdict)),
        Presence::New => format!("new: **{}**", change.verdict.new.map_or("", |it| it.as_str())),
        Presence::Vanished => format!("vanished; it was {}", change.verdict.base.map_or("", |it| it.as_str())),
    };
    let mut text = format!("- {} ({}): {what}\n", code(&change.scenario), escaped(&change.title));
    let word = |it: Option<&str>| it.map_or("none".to_owned(), code);
    let (stage, cause) = (&change.stage, &change.cause);
    if change.presence == Presence::Both {
        if stage.base != stage.new {
            let [base, new] = [stage.base, stage.new].map(|it| word(it.map(|it| it.as_str())));
            text.push_str(&format!("  - stops at: {base} → {new}\n"));
        }
        if cause.base != cause.new {
            let [base, new] = [&cause.base, &cause.new].map(|it| word(it.as_ref().map(|it| it.as_str())));
            text.push_str(&format!("  - cause: {base} → {new}\n"));
        }
        for (field, pair) in &change.texts {
            let short = |text: &str| match text.chars().take(LONGEST).collect::<String>() {
                none if none.trim().is_empty() => "nothing".to_owned(),
                short if short.len() < text.len() => code(&(short + "…")),
                whole => code(&whole),
            };
            text.push_str(&format!("  - {field}: {} → {}\n", short(&pair.base), short(&pair.new)));
        }
        text.push_str(&cases(change, verdict));
    }
    text
}

/// The cases by what became of them: most often all of a scenario's changed alike.
fn cases(change: &Change, words: impl Fn(&Pair<Option<crate::verdict::Verdict>>) -> String) -> String {
    let mut kinds: Vec<(String, Vec<&String>)> = Vec::new();
    for (name, pair) in &change.cases {
        let kind = match pair.base == pair.new {
            true => "a warning came or went".to_owned(),
            false => words(pair),
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, names)) => names.push(name),
            None => kinds.push((kind, vec![name])),
        }
    }
    kinds
        .into_iter()
        .map(|(kind, names)| {
            let shown: Vec<String> = names.iter().take(6).map(|name| code(name)).collect();
            let more = if names.len() > 6 { format!(" and {} more", names.len() - 6) } else { String::new() };
            format!("  - {kind}: {}{more}\n", shown.join(", "))
        })
        .collect()
}
