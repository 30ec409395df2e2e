//! `list`: the scenarios.

use super::say::say;
use super::shared::{Tested, fail};
use crate::event::Exit;
use crate::page::Page;
use crate::scenario::load::Catalogue;
use crate::scenario::model::{Profile, Scenario};
use crate::verdict::question::Expected;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    tested: Tested,
    /// List the revisions of the page in place of the scenarios
    #[arg(long, conflicts_with = "globs")]
    pages: bool,
    /// Only ids that match, such as `binding.*`
    #[arg(long = "scenario", value_name = "GLOB")]
    globs: Vec<String>,
}

/// Prints one line a scenario.
pub fn list(arguments: &Arguments) -> Exit {
    let catalogue = match arguments.tested.catalogue() {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(Exit::Usage, &error),
    };
    if arguments.pages {
        pages(&catalogue);
        return Exit::Passed;
    }
    let planned = match crate::scenario::select::select(&catalogue, &arguments.globs, Profile::All) {
        Ok(planned) => planned,
        Err(error) => return fail(Exit::Usage, &error.to_string()),
    };
    let width = planned.iter().map(|planned| planned.scenario.id.len()).max().unwrap_or(0);
    for planned in planned.iter().filter(|planned| !planned.selected_as_control) {
        let scenario = &planned.scenario;
        let profile = match scenario.profile {
            Profile::Core => "core",
            Profile::All => "all",
        };
        say!("{:width$}  {profile:4}  {}", scenario.id, outcome(scenario, &catalogue.page));
    }
    Exit::Passed
}

/// One line a revision, the one that is meant marked.
fn pages(catalogue: &Catalogue) {
    let width = catalogue.revisions.pages().map(|page| page.id.len()).max().unwrap_or(0);
    for page in catalogue.revisions.pages() {
        let mark = if page.id == catalogue.page.id { '*' } else { ' ' };
        let commands = page.commands_of.as_ref().map_or(String::new(), |other| format!(", commands of {other}"));
        say!("{mark} {:width$}  {} keys{commands}: {}", page.id, page.keys.len(), page.title);
    }
}

/// What must follow, in a phrase.
pub fn outcome(scenario: &Scenario, page: &Page) -> String {
    let expected = Expected::of(&scenario.expect).phrase(page);
    match &scenario.known_deviation {
        Some(deviation) => {
            format!("the page says: {expected}; known deviation: stops at {}: {}", deviation.stops_at, deviation.cause)
        }
        None => expected,
    }
}
