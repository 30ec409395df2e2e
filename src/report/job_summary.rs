//! A record as Markdown for the page of a CI's job, or for a comment at a merge request: what is wrong first.

use std::collections::BTreeMap;

use super::answer::{Answer, Said};
use super::json::{Report, Scenario};
use super::markdown::{Limited, block, code, escaped};
use super::overview::{counts, headline, mark};
use super::paint::plural;
use crate::event::RunKind;
use crate::verdict::Verdict;
use crate::verdict::result::FindingKind;

/// Where the Markdown goes, which says how much of it may be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// A comment on GitHub: 65,536 characters. What fits there fits everywhere.
    #[default]
    GithubComment,
    /// The summary of a job or of a step on GitHub: 1 MiB.
    GithubSummary,
    /// A comment on GitLab: 1,000,000 characters.
    Gitlab,
}

impl Place {
    /// In bytes, which are never fewer than the characters.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::GithubComment => 65_536,
            Self::GithubSummary => 1 << 20,
            Self::Gitlab => 1_000_000,
        }
    }
}

/// The record, of at most so many bytes.
#[must_use]
pub fn markdown(report: &Report, limit: usize) -> String {
    let mut text = Limited::new(limit);
    let (verdict, sentence) = headline(report);
    text.push(&format!("## {} {}\n\n{}\n", mark(verdict), escaped(&sentence), facts(report)));
    text.push(&numbers(report));
    if let Some(outside) = &report.outside_scenarios {
        text.push(&format!("\n**This proves nothing, or not enough:** {}\n", escaped(outside)));
    }
    let of = |verdict: Verdict| report.scenarios.iter().filter(move |scenario| scenario.verdict == verdict);
    section(&mut text, "Wrong", of(Verdict::Nonconformant).filter(|it| it.known.is_none()).map(failure));
    section(&mut text, "Without a verdict", without_verdict(report));
    section(&mut text, "Known failures", of(Verdict::Nonconformant).filter_map(known));
    section(&mut text, "It works, and should be mended", report.scenarios.iter().flat_map(to_mend));
    section(
        &mut text,
        "Findings about the page",
        report.defects.iter().filter(|found| found.kind == FindingKind::Defect).map(|defect| {
            let scenarios = plural(defect.scenarios.len(), "scenario");
            let (claim, happens) = (escaped(&defect.claim), escaped(&defect.happens));
            format!(
                "- {} ({scenarios}, [page](<{}>)): the page says: {claim} What happens: {happens}\n",
                code(&defect.defect),
                link(&defect.page)
            )
        }),
    );
    let silent = report.defects.iter().filter(|found| found.kind == FindingKind::NotDocumented);
    section(
        &mut text,
        "What happens and the page does not say",
        silent.map(|found| format!("- {}: {}\n", code(&found.scenarios.join(", ")), escaped(&found.happens))),
    );
    section(&mut text, "Problems", report.problems.iter().map(|problem| format!("- {}\n", escaped(problem))));
    text.end()
}

/// Only what is sure to be one.
fn link(address: &str) -> String {
    let sound = address.starts_with("https://") && !address.contains(['<', '>', '\n', ' ', '\\']);
    if sound { address.to_owned() } else { String::new() }
}

fn section(text: &mut Limited, title: &str, pieces: impl Iterator<Item = String>) {
    for (number, piece) in pieces.enumerate() {
        let heading = if number == 0 { format!("\n### {title}\n\n") } else { String::new() };
        text.push(&(heading + &piece));
    }
}

fn facts(report: &Report) -> String {
    let versions = report.versions.iter().map(|(what, version)| format!("{} {}", escaped(what), escaped(version)));
    let on = versions.chain([format!("testbed {}", escaped(&report.testbed))]).collect::<Vec<_>>().join(", ");
    let run = &report.run;
    format!(
        "Run {} ({}), {} UTC, exit code {}; {on}.",
        code(&run.id),
        escaped(&run.profile),
        escaped(&run.started),
        report.exit_code
    )
}

fn numbers(report: &Report) -> String {
    let row = |name: &str, counts: &super::summary::Counts| {
        let cells: String =
            super::overview::ALL.map(|verdict| format!(" {} |", super::overview::count(counts, verdict))).concat();
        format!("| {name} | {} |{cells}\n", counts.total)
    };
    let head: String = super::overview::ALL.map(|verdict| format!(" {} |", verdict.as_str())).concat();
    let (scenarios, cases) = counts(report);
    let what = if report.run.kind == RunKind::Page { "scenarios" } else { "groups" };
    format!("\n| | all |{head}\n|---|--:|{}\n{}{}", "--:|".repeat(5), row(what, &scenarios), row("cases", &cases))
}

fn failure(scenario: &Scenario) -> String {
    let mut text = format!("- ✗ {}: {}\n", code(&scenario.id), escaped(&scenario.title));
    if let Some(answer) = &scenario.answer {
        text.push_str(&answered(answer));
    }
    let observed = scenario.observed.phrase();
    text.push_str(&format!("  - expected: {}\n  - observed: {}\n", escaped(&scenario.expected), escaped(&observed)));
    for (name, seen) in
        [("client saw", scenario.observed.client_saw()), ("server said", scenario.observed.server.clone())]
    {
        if let Some(seen) = seen {
            text.push_str(&format!("  - {name}: {}\n", code(&seen)));
        }
    }
    text
}

fn answered(answer: &Answer) -> String {
    let mut text = format!("  - **{}**\n  - {}\n", escaped(&answer.what), escaped(&answer.todo));
    text.push_str(&commands(&answer.commands));
    text.extend(answer.then.iter().map(|then| format!("  - {}\n", escaped(then))));
    text.extend(answer.one_of.iter().map(|one| format!("  - may be {}\n", said(one))));
    text.extend(answer.besides.iter().map(|one| format!("  - besides: {}\n", said(one))));
    text
}

fn said(said: &Said) -> String {
    format!("{}: {} {}", code(said.cause.as_str()), escaped(&said.what), escaped(&said.todo))
}

fn commands(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    // A line of a block may hold line breaks itself.
    let indented = block(lines).lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!("\n{indented}\n")
}

fn without_verdict(report: &Report) -> impl Iterator<Item = String> {
    let mut reasons: BTreeMap<&str, Vec<&Scenario>> = BTreeMap::new();
    for scenario in report.scenarios.iter().filter(|scenario| scenario.verdict == Verdict::Inconclusive) {
        reasons.entry(&scenario.reason).or_default().push(scenario);
    }
    reasons.into_iter().map(|(reason, scenarios)| {
        let ids: Vec<String> = scenarios.iter().take(8).map(|scenario| code(&scenario.id)).collect();
        let more = if scenarios.len() > 8 { format!(" and {} more", scenarios.len() - 8) } else { String::new() };
        let answer = scenarios.iter().find_map(|scenario| scenario.answer.as_ref()).map(answered).unwrap_or_default();
        format!("- ? {}{more}: {}\n{answer}", ids.join(", "), escaped(reason))
    })
}

fn known(scenario: &Scenario) -> Option<String> {
    let known = scenario.known.as_ref()?;
    let (owner, expires, why) = (escaped(&known.owner), escaped(&known.expires), escaped(&known.why));
    Some(format!("- {} until {expires}, owner {owner}: {why} ({})\n", code(&scenario.id), escaped(&scenario.reason)))
}

fn to_mend(scenario: &Scenario) -> impl Iterator<Item = String> {
    scenario.to_mend.iter().map(|one| format!("- {}\n{}", said(one), commands(&one.commands)))
}
