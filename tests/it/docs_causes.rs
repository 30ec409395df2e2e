//! `docs/causes.md` is drawn from the catalogue of causes, so the two cannot differ.
//! `UPDATE_DOCS=1 cargo test --test it docs_causes` writes it anew.

use std::path::Path;

use pmp_vault_conformance::page::cause::{Fact, Signature};
use pmp_vault_conformance::page::{Cause, Names, Stage};
use pmp_vault_conformance::scenario::load::Catalogue;
use serde_json::Value;

const HEAD: &str = "\
# Causes

<!-- Drawn from scenarios/catalogue/causes.yaml. Do not edit: UPDATE_DOCS=1 cargo test --test it docs_causes writes it. -->

A cause says why an app's way to its credentials ends where it ends. Its id is `STAGE.NAME`. The same id stands in
scenario files, in JSON, in JUnit's `type` and in `explain`. An id is never used again for another meaning.

A cause is told from what the client saw, from the server's own message, and from facts that the harness asked for
afterwards. Every condition of one line under \"Seen as\" must hold. Of several causes that fit, the one with the most
conditions is taken; where two have equally many, or none fits, no cause is named, because a cause is never guessed.
A cause that no end of a way shows is stated by a check, and has a line \"Stated by\" in place of \"Seen as\".
Names such as `pmp-dev` and `pmp-secret-accessor` are those of the documented example.
";

/// What it takes to pass a stage.
fn passed(stage: Stage) -> &'static str {
    match stage {
        Stage::Pod => "Passed when the app's pod was admitted and runs.",
        Stage::Token => "Passed when the pod has its Service Account's token.",
        Stage::Login => "Passed when Vault gave a token for it.",
        Stage::Read => "Passed when the secret was read and has the shape of KV version 2.",
        Stage::Keys => "Passed when every expected key holds the value that was stored.",
        Stage::Boundary => "Passed when the Vault token can do nothing else, and is dead once revoked.",
    }
}

fn page(catalogue: &Catalogue) -> String {
    let facts = schemars::schema_for!(Fact).to_value();
    let mut text = HEAD.to_owned();
    for stage in Stage::ALL {
        text.push_str(&format!("\n## Stage {stage}\n\n{}\n", passed(stage)));
        for cause in catalogue.causes.causes.iter().filter(|cause| cause.id.stage() == Some(stage)) {
            text.push_str(&section(cause, stage, catalogue, &facts));
        }
    }
    text
}

fn section(cause: &Cause, stage: Stage, catalogue: &Catalogue, facts: &Value) -> String {
    let told = cause.told(&Names::default());
    let mut text = format!("\n### {}\n\n{}. {}\n\nRemedy: {}\n\n", cause.id, cause.title(), told.meaning, told.remedy);
    // `causes_commands` tries them, so nothing here says that they are run.
    if !told.commands.is_empty() {
        text.push_str(&format!("```text\n{}\n```\n\n", told.commands.join("\n")));
    }
    text.extend(cause.says_of.words().map(|what| format!("Says something of {what}.\n\n")));
    match &cause.stated_by {
        Some(check) => text.push_str(&format!("Stated by {check}.\n")),
        None => text.push_str("Seen as:\n\n"),
    }
    for signature in &cause.signatures {
        text.push_str(&format!("- {}\n", seen_as(signature, stage, facts)));
    }
    let recorded = match cause.seen_on.is_empty() {
        true => "Recorded on no version yet.".to_owned(),
        false => format!("Recorded on {}.", cause.seen_on.join("; ")),
    };
    let scenarios: Vec<String> = catalogue
        .scenarios
        .iter()
        .filter(|scenario| {
            let deviation = scenario.known_deviation.as_ref().map(|deviation| &deviation.cause);
            deviation.or(scenario.expect.cause.as_ref()) == Some(&cause.id)
        })
        .map(|scenario| format!("`{}`", scenario.id))
        .collect();
    let shown = match scenarios.is_empty() {
        true => "No scenario shows it.".to_owned(),
        false => format!("Shown by {}.", scenarios.join(", ")),
    };
    text.push_str(&format!("\n{recorded} {shown}\n"));
    text
}

fn seen_as(signature: &Signature, stage: Stage, facts: &Value) -> String {
    let server = if stage == Stage::Pod { "the API server's message" } else { "Vault's log" };
    let mut parts = Vec::new();
    parts.extend(signature.status.map(|status| format!("HTTP {status}")));
    parts.extend(signature.client.as_ref().map(|text| format!("the client's text has `{text}`")));
    parts.extend(signature.log.as_ref().map(|text| format!("{server} has `{text}`")));
    parts.extend(signature.log_lacks.as_ref().map(|text| format!("{server} lacks `{text}`")));
    parts.extend(signature.fact.map(|fact| about(fact, facts)));
    parts.extend(signature.unless.map(|fact| format!("not {}", about(fact, facts))));
    parts.extend(signature.hint.map(|fact| format!("likelier with {}", about(fact, facts))));
    parts.join("; ")
}

/// A fact by its name and what it means.
fn about(fact: Fact, facts: &Value) -> String {
    let name = serde_json::to_value(fact).unwrap_or_default();
    let variants = facts["oneOf"].as_array().into_iter().flatten();
    let meaning =
        variants.filter(|variant| variant["const"] == name).find_map(|variant| variant["description"].as_str());
    format!("fact `{}`: {}", name.as_str().unwrap_or_default(), meaning.unwrap_or_default())
}

#[test]
fn the_page_of_causes_is_that_of_the_catalogue() {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let text = page(&catalogue);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/causes.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{} has drifted; run this test with UPDATE_DOCS=1", path.display());
}

#[test]
fn every_fact_of_the_page_says_what_it_means() {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let facts = schemars::schema_for!(Fact).to_value();
    let signatures = catalogue.causes.causes.iter().flat_map(|cause| &cause.signatures);
    for fact in signatures.flat_map(|s| [s.fact, s.unless, s.hint].into_iter().flatten()) {
        assert!(about(fact, &facts).ends_with('.'), "{fact:?}");
    }
}
