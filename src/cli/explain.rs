//! `explain`: a scenario or a cause, in words.

use super::list::outcome;
use super::say;
use super::shared::{Tested, fail};
use crate::event::Exit;
use crate::page::cause::Signature;
use crate::page::{Cause, CauseId, Names};
use crate::report::fold::WHOLE;
use crate::scenario::load::Catalogue;
use crate::scenario::model::{Evidence, Scenario};
use crate::scenario::near::near;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Id of a scenario, such as `binding.other-namespace`, or of a cause, such as `login.role-not-found`
    id: String,
    #[command(flatten)]
    tested: Tested,
}

/// Prints what there is to say of it.
pub fn explain(arguments: &Arguments) -> Exit {
    let catalogue = match arguments.tested.catalogue() {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(Exit::Usage, &error),
    };
    let id = &arguments.id;
    if let Some(scenario) = catalogue.get(id) {
        say::prose(format_args!("{}", about_scenario(scenario, &catalogue)));
    } else if let Some(cause) = catalogue.causes.get(&CauseId::new(id)) {
        say::prose(format_args!("{}", about_cause(cause, &catalogue)));
    } else {
        let ids = catalogue
            .scenarios
            .iter()
            .map(|s| s.id.as_str())
            .chain(catalogue.causes.causes.iter().map(|c| c.id.as_str()));
        let near = near(id, ids);
        let hint = if near.is_empty() { String::new() } else { format!(", did you mean {}?", near.join(", ")) };
        return fail(
            Exit::Usage,
            &format!("no scenario and no cause is called `{id}`{hint}; `list` shows the scenarios"),
        );
    }
    Exit::Passed
}

fn about_scenario(scenario: &Scenario, catalogue: &Catalogue) -> String {
    let mut text = format!("{}\n  {}\n\n", scenario.id, scenario.title);
    text.push_str(&format!("page:     {}\n", catalogue.page.at(&scenario.page)));
    text.push_str(&format!("must be:  {}\n", outcome(scenario, &catalogue.page)));
    let changes = scenario.configuration().differences(&scenario.base.configuration());
    let base = format!("{:?}", scenario.base).to_lowercase();
    let changed = serde_json::to_value(scenario.configuration()).unwrap_or_default();
    let fields: Vec<String> = changes.iter().map(|field| format!("{field}: {}", changed[field])).collect();
    match fields.is_empty() {
        true => text.push_str(&format!("applied:  the documented base `{base}` as it stands\n")),
        false => text.push_str(&format!("applied:  the documented base `{base}` with {}\n", fields.join(", "))),
    }
    if !scenario.expect.fails.is_empty() {
        let fails: Vec<&str> = scenario.expect.fails.iter().map(String::as_str).collect();
        text.push_str(&format!("fails:    {}\n", fails.join(", ")));
    }
    let configuration = scenario.configuration();
    let block = configuration.auth_method.block().and_then(|wanted| catalogue.blocks.get(wanted));
    if let Some((expected, block)) = scenario.expect.block.as_ref().zip(block) {
        let hold = block.steps.iter().map(|step| &*step.id).filter(|id| expected.contains(*id));
        let hold = hold.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("steps:    {}\n", if hold.is_empty() { "none holds" } else { &hold }));
    }
    if let Some(control) = &scenario.control {
        text.push_str(&format!("control:  {control} differs in one field and must pass in the same run\n"));
    }
    if scenario.evidence == Evidence::StandIn {
        text.push_str(
            "evidence: a stand-in of ours has a part in it, for software that is not public or not at hand\n",
        );
    }
    if let Some(block) = block {
        text.push_str("\nTyped into bash:\n");
        let typed = block.typed(configuration.fallback);
        text.extend(typed.lines().map(|line| format!("{WHOLE}{}\n", format!("  {line}").trim_end())));
    }
    if let Some(deviation) = &scenario.known_deviation {
        text.push_str(&format!(
            "\nThe page is wrong here (defect {}).\n  claims:   {}\n  happens:  {}\n  seen on:  {}\n",
            deviation.defect,
            deviation.claim,
            deviation.happens,
            deviation.seen_on.join("; ")
        ));
    }
    let cause = scenario.known_deviation.as_ref().map(|deviation| &deviation.cause).or(scenario.expect.cause.as_ref());
    if let Some(cause) = cause.and_then(|id| catalogue.causes.get(id)) {
        text.push('\n');
        text.push_str(&about_cause(cause, catalogue));
    }
    text
}

fn about_cause(cause: &Cause, catalogue: &Catalogue) -> String {
    let mut text = format!("{}\n  {}\n\n", cause.id, cause.title());
    let told = cause.told(&Names::default());
    text.push_str(&format!("means:    {}\nremedy:   {}\n", told.meaning, told.remedy));
    text.extend(told.commands.iter().map(|line| format!("{WHOLE}          {line}\n")));
    text.extend(cause.says_of.words().map(|what| format!("says of:  {what}\n")));
    for signature in &cause.signatures {
        text.push_str(&format!("seen as:  {}\n", seen_as(signature)));
    }
    text.extend(cause.kind_of.iter().map(|general| format!("kind of:  {general}\n")));
    text.extend(cause.stated_by.iter().map(|check| format!("stated by: {check}\n")));
    text.push_str(&format!("seen on:  {}\n", cause.seen_on.join("; ")));
    let scenarios: Vec<&str> = catalogue
        .scenarios
        .iter()
        .filter(|s| {
            s.expect.cause.as_ref() == Some(&cause.id)
                || s.known_deviation.as_ref().is_some_and(|d| d.cause == cause.id)
        })
        .map(|s| s.id.as_str())
        .collect();
    if !scenarios.is_empty() {
        text.push_str(&format!("tried by: {}\n", scenarios.join(", ")));
    }
    text
}

fn seen_as(signature: &Signature) -> String {
    let mut parts = Vec::new();
    parts.extend(signature.status.map(|status| format!("HTTP {status}")));
    parts.extend(signature.client.as_ref().map(|client| format!("the client sees `{client}`")));
    parts.extend(signature.log.as_ref().map(|log| format!("the server says `{log}`")));
    let found =
        [("found out", signature.fact), ("found out not to be", signature.unless), ("likelier with", signature.hint)];
    for (how, fact) in found.into_iter().filter_map(|(how, fact)| Some((how, fact?))) {
        let name = serde_json::to_value(fact).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        parts.push(format!("{how}: {name}"));
    }
    parts.join(", ")
}
