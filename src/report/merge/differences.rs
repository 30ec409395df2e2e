//! What ended or was said otherwise than in the first run, once for all runs that agree on it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::diff::{Change, Pair, Presence, compare, lasting};
use crate::report::json::Report;

/// One fact of a scenario that differs from the first run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The scenario's id.
    pub scenario: String,
    /// Which fact: `verdict`, `stage`, `cause`, a text by its field in the record, or a case by its name in JUnit.
    pub what: String,
    /// What it is in the first run, `#` for what no two runs have alike; none where it is not there.
    pub first: Option<String>,
    /// What it is in the others.
    pub other: Option<String>,
    /// The names of the others.
    pub on: Vec<String>,
}

/// In the order of the runs, and of the scenarios in them.
pub fn differences<'a>(runs: impl Iterator<Item = (&'a Report, &'a str)>) -> Vec<Difference> {
    let mut runs = runs;
    let mut found: Vec<Difference> = Vec::new();
    let Some((first, _)) = runs.next() else { return found };
    for (report, name) in runs {
        for change in compare(first, report).scenarios {
            for (what, Pair { base, new }) in facts(&change, &first.run.id, &report.run.id) {
                let of = |it: &&mut Difference| {
                    it.scenario == change.scenario && it.what == what && it.first == base && it.other == new
                };
                match found.iter_mut().find(of) {
                    Some(known) => known.on.push(name.to_owned()),
                    None => found.push(Difference {
                        scenario: change.scenario.clone(),
                        what,
                        first: base,
                        other: new,
                        on: vec![name.to_owned()],
                    }),
                }
            }
        }
    }
    found
}

fn facts(change: &Change, first: &str, other: &str) -> Vec<(String, Pair<Option<String>>)> {
    let verdict = |pair: &Pair<Option<crate::verdict::Verdict>>| Pair {
        base: pair.base.map(|it| it.to_string()),
        new: pair.new.map(|it| it.to_string()),
    };
    let mut facts = vec![("verdict".to_owned(), verdict(&change.verdict))];
    // What is not in one of them differs in everything.
    if change.presence == Presence::Both {
        let of = |it: &Pair<Option<_>>| Pair {
            base: it.base.map(|it: crate::page::Stage| it.to_string()),
            new: it.new.map(|it| it.to_string()),
        };
        facts.push(("stage".to_owned(), of(&change.stage)));
        let of = |it: &Option<crate::page::CauseId>| it.as_ref().map(ToString::to_string);
        facts.push(("cause".to_owned(), Pair { base: of(&change.cause.base), new: of(&change.cause.new) }));
        facts.extend(change.texts.iter().map(|(field, texts)| {
            let [base, new] = [(&texts.base, first), (&texts.new, other)]
                .map(|(text, run)| Some(lasting(text, run)).filter(|text| !text.is_empty()));
            (field.clone(), Pair { base, new })
        }));
    }
    facts.retain(|(_, pair)| pair.base != pair.new);
    // A case whose verdict is the same has got, or lost, a warning.
    facts.extend(change.cases.iter().map(|(name, pair)| match pair.base == pair.new {
        true => (name.clone(), Pair { base: None, new: Some("a warning came or went".to_owned()) }),
        false => (name.clone(), verdict(pair)),
    }));
    facts
}
