//! `list`: the scenarios.

use std::path::PathBuf;

use super::say::say;
use super::shared::{catalogue, fail};
use crate::event::Exit;
use crate::scenario::model::{Profile, Scenario};
use crate::verdict::question::Expected;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// List the scenarios of this folder in place of the program's own
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Only ids that match, such as `binding.*`
    #[arg(long = "scenario", value_name = "GLOB")]
    globs: Vec<String>,
}

/// Prints one line a scenario.
pub fn list(arguments: &Arguments) -> Exit {
    let catalogue = match catalogue(arguments.scenarios.as_ref()) {
        Ok(catalogue) => catalogue,
        Err(error) => return fail(Exit::Usage, &error.to_string()),
    };
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
        say!("{:width$}  {profile:4}  {}", scenario.id, outcome(scenario, &catalogue.keys));
    }
    Exit::Passed
}

/// What must follow, in a phrase.
pub fn outcome(scenario: &Scenario, keys: &crate::page::KeyCatalogue) -> String {
    let expected = Expected::of(&scenario.expect).phrase(keys);
    match &scenario.known_deviation {
        Some(deviation) => {
            format!("the page says: {expected}; known deviation: stops at {}: {}", deviation.stops_at, deviation.cause)
        }
        None => expected,
    }
}
