//! Which scenarios a run takes, with the controls that their denials need.

use std::collections::BTreeSet;

use globset::Glob;
use thiserror::Error;

use super::load::Catalogue;
use super::model::{Profile, Scenario};
use super::near::near;

/// A scenario that a run takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The scenario.
    pub scenario: Scenario,
    /// Whether it was not selected itself, only needed as a control.
    pub selected_as_control: bool,
}

/// Nothing can be selected that way.
#[derive(Debug, Error)]
pub enum SelectError {
    /// A pattern is not one.
    #[error("`{glob}` is not a pattern for scenarios: {reason}; write it as in `service-account.*`")]
    Glob {
        /// The pattern.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern matches no scenario.
    #[error("no scenario matches `{glob}`{}; `list` shows all of them", did_you_mean(.near))]
    NoMatch {
        /// The pattern.
        glob: String,
        /// What may have been meant.
        near: Vec<String>,
    },
    /// The profile has no scenario.
    #[error("the profile has no scenario; name scenarios with --scenario, or take --profile all")]
    Empty,
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!(", did you mean {}?", near.join(", ")) }
}

/// The scenarios whose id a pattern matches or, without patterns, those of the
/// profile; then the controls that they need. In the catalogue's order.
///
/// # Errors
/// Where a pattern is none or matches nothing, and where nothing is selected.
pub fn select(catalogue: &Catalogue, globs: &[String], profile: Profile) -> Result<Vec<Planned>, SelectError> {
    let mut selected: BTreeSet<&str> = BTreeSet::new();
    for glob in globs {
        let matcher = Glob::new(glob)
            .map_err(|error| SelectError::Glob { glob: glob.clone(), reason: error.kind().to_string() })?
            .compile_matcher();
        let ids = catalogue.scenarios.iter().map(|scenario| &*scenario.id);
        let matching: Vec<&str> = ids.filter(|id| matcher.is_match(id)).collect();
        if matching.is_empty() {
            return Err(SelectError::NoMatch { glob: glob.clone(), near: offers(catalogue, glob) });
        }
        selected.extend(matching);
    }
    if globs.is_empty() {
        selected.extend(catalogue.scenarios.iter().filter(|s| s.profile <= profile).map(|s| &*s.id));
    }
    if selected.is_empty() {
        return Err(SelectError::Empty);
    }
    let chosen = catalogue.scenarios.iter().filter(|scenario| selected.contains(&*scenario.id));
    let controls: BTreeSet<&str> = chosen.filter_map(|scenario| scenario.control.as_deref()).collect();
    Ok(catalogue
        .scenarios
        .iter()
        .filter_map(|scenario| {
            let itself = selected.contains(&*scenario.id);
            (itself || controls.contains(&*scenario.id))
                .then(|| Planned { scenario: scenario.clone(), selected_as_control: !itself })
        })
        .collect())
}

/// What a pattern that matches nothing may have meant: a whole group, or near ids.
fn offers(catalogue: &Catalogue, glob: &str) -> Vec<String> {
    let word: String = glob.chars().filter(|c| !"*?[]{}!".contains(*c)).collect();
    let word = word.replace('/', ".");
    if catalogue.scenarios.iter().any(|scenario| scenario.group() == word.trim_end_matches('.')) {
        return vec![format!("{}.*", word.trim_end_matches('.'))];
    }
    near(&word, catalogue.scenarios.iter().map(|scenario| &*scenario.id))
}
