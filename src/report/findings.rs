//! What a documentation team can act on, as Markdown: where the page does not hold, what happens, and the smallest
//! change that would make it true.

use super::markdown::escaped;
use super::summary::of_kind;
use crate::event::{Ending, RunResult};
use crate::scenario::load::Catalogue;
use crate::verdict::Verdict;
use crate::verdict::result::{FindingKind, ScenarioResult};

/// The findings of a run whose result holds no secret any more.
#[must_use]
pub fn markdown(result: &RunResult, catalogue: &Catalogue) -> String {
    let (page, facts) = (&catalogue.page, &result.facts);
    let versions: Vec<String> = facts.versions.iter().map(|(what, version)| format!("{what} {version}")).collect();
    let versions = if versions.is_empty() { "no server".to_owned() } else { versions.join(", ") };
    let mut text = format!(
        "# Findings about the page\n\nRevision `{}`: <{}>\n\nRun {} of {}, profile {}, started {} UTC, on {versions}.\n",
        page.id, page.url, facts.id, facts.harness, facts.profile, facts.started
    );
    if result.ending != Ending::Complete {
        text.push_str("\n**The run did not come to its end, so this is not all.**\n");
    }
    let mut defects = of_kind(&result.scenarios, FindingKind::Defect);
    // As a reader meets them; what nobody recorded comes last.
    let place = |id: &str| catalogue.defects.defects.iter().position(|known| known.id == id);
    defects.sort_by_key(|found| place(&found.defect).unwrap_or(usize::MAX));
    for (number, found) in defects.iter().enumerate() {
        let known = catalogue.defects.get(&found.defect);
        let title = known.map_or("A claim that does not hold", |known| &known.title);
        let prove: Vec<String> = found.scenarios.iter().map(|id| format!("`{id}`")).collect();
        text.push_str(&format!("\n## {}. {title}\n\n", number + 1));
        let mut row = |what: &str, said: &str| text.push_str(&format!("- **{what}:** {said}\n"));
        row("Defect", &format!("`{}`", found.defect));
        row("Place", &format!("<{}>", found.page));
        row("The page says", &escaped(&found.claim));
        row("What happens", &escaped(&found.happens));
        if let Some(known) = known {
            row("Smallest change of the page", &known.change);
            row("Until then", &known.instead);
        }
        let seen_on = seen_on(catalogue, &found.defect);
        if !seen_on.is_empty() {
            row("Recorded on", &seen_on.join("; "));
        }
        row("Proved by", &format!("{}; again with `run --page {} --scenario ID`", prove.join(", "), page.id));
    }
    if defects.is_empty() {
        text.push_str("\nNo claim of the page was seen not to hold.\n");
    }
    let silent: Vec<String> = of_kind(&result.scenarios, FindingKind::NotDocumented)
        .iter()
        .map(|found| {
            let prove: Vec<String> = found.scenarios.iter().map(|id| format!("`{id}`")).collect();
            format!("- <{}>: {} Proved by {}\n", found.page, escaped(&found.happens), prove.join(", "))
        })
        .collect();
    if !silent.is_empty() {
        text.push_str(&format!("\n## What happens and the page does not say\n\n{}", silent.concat()));
    }
    let of = |verdict: Verdict| result.scenarios.iter().filter(move |scenario| scenario.verdict == verdict);
    rows(&mut text, "Not as documented, and not recorded", of(Verdict::Nonconformant));
    rows(&mut text, "Without a verdict", of(Verdict::Inconclusive));
    text
}

/// The servers on which scenarios record it.
fn seen_on<'a>(catalogue: &'a Catalogue, defect: &str) -> Vec<&'a str> {
    let deviations = catalogue.scenarios.iter().filter_map(|scenario| scenario.known_deviation.as_ref());
    let servers = deviations.filter(|deviation| deviation.defect == defect).flat_map(|deviation| &deviation.seen_on);
    let mut seen: Vec<&str> = Vec::new();
    for server in servers {
        if !seen.contains(&server.as_str()) {
            seen.push(server);
        }
    }
    seen
}

fn rows<'a>(text: &mut String, title: &str, scenarios: impl Iterator<Item = &'a ScenarioResult>) {
    let rows: Vec<String> = scenarios
        .map(|scenario| {
            let (title, reason) = (escaped(&scenario.title), escaped(&scenario.reason));
            format!("- `{}` ({title}), <{}>: {reason}\n", scenario.id, scenario.page)
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&format!("\n## {title}\n\n{}", rows.concat()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunFacts;
    use crate::verdict::result::Finding;

    fn meets(id: &str, verdict: Verdict, defects: &[&str]) -> ScenarioResult {
        let finding = |defect: &&str| Finding {
            kind: FindingKind::Defect,
            defect: (*defect).to_owned(),
            claim: "It holds.".to_owned(),
            happens: "It does not: `x`".to_owned(),
            page: "https://page/#a".to_owned(),
        };
        ScenarioResult {
            page: "https://page/#b".to_owned(),
            verdict,
            reason: "a server said <b>".to_owned(),
            findings: defects.iter().map(finding).collect(),
            ..ScenarioResult::of_checks(id, "A title", "", Vec::new())
        }
    }

    #[test]
    fn each_defect_has_its_place_its_change_and_its_proof_and_what_nobody_recorded_stands_apart() {
        let catalogue = Catalogue::embedded().unwrap();
        let scenarios = vec![
            meets("a.one", Verdict::KnownDeviation, &["issuer-alone-cannot-review"]),
            meets(
                "a.two",
                Verdict::KnownDeviation,
                &["kv-put-inserts-data", "issuer-alone-cannot-review", "of-ones-own"],
            ),
            meets("a.three", Verdict::Nonconformant, &[]),
            meets("a.four", Verdict::Inconclusive, &[]),
            meets("a.five", Verdict::Conformant, &[]),
        ];
        let facts = RunFacts { id: "r1".to_owned(), harness: "0.1.0".to_owned(), ..RunFacts::default() };
        insta::assert_snapshot!(markdown(&RunResult { facts, scenarios, ..RunResult::default() }, &catalogue));
    }

    #[test]
    fn a_run_that_was_cut_off_or_met_nothing_says_so() {
        let catalogue = Catalogue::embedded().unwrap();
        let text = markdown(&RunResult { ending: Ending::Interrupted, ..RunResult::default() }, &catalogue);
        assert!(text.contains("did not come to its end") && text.contains("No claim of the page was seen"), "{text}");
    }
}
