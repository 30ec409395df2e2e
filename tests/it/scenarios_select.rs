//! A run takes what was named or what its profile has, and the controls of that.

use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::model::Profile;
use pmp_vault_conformance::scenario::select::{Planned, SelectError, select};

fn plan(globs: &[&str], profile: Profile) -> Result<Vec<Planned>, SelectError> {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let globs: Vec<String> = globs.iter().map(ToString::to_string).collect();
    select(&catalogue, &globs, profile)
}

fn ids(planned: &[Planned]) -> Vec<(&str, bool)> {
    planned.iter().map(|planned| (&*planned.scenario.id, planned.selected_as_control)).collect()
}

#[test]
fn a_denial_brings_its_control_marked_so() {
    let planned = plan(&["binding.other-namespace"], Profile::Core).unwrap();
    assert_eq!(ids(&planned), [("service-account.custom", true), ("binding.other-namespace", false)]);
}

#[test]
fn a_control_that_is_named_too_is_not_marked() {
    let planned = plan(&["binding.other-namespace", "service-account.custom"], Profile::Core).unwrap();
    assert_eq!(ids(&planned), [("service-account.custom", false), ("binding.other-namespace", false)]);
}

#[test]
fn what_is_named_is_taken_whatever_the_profile() {
    let planned = plan(&["url.*"], Profile::Core).unwrap();
    assert_eq!(planned.len(), 6);
    assert!(planned.iter().all(|planned| planned.scenario.group() == "url" && !planned.selected_as_control));
}

#[test]
fn without_names_the_profile_decides() {
    let core = plan(&[], Profile::Core).unwrap();
    assert_eq!(core.len(), 14);
    assert!(core.iter().all(|planned| planned.scenario.profile == Profile::Core && !planned.selected_as_control));
    let all = plan(&[], Profile::All).unwrap();
    assert_eq!(all.len(), Catalogue::embedded().unwrap().scenarios.len());
}

#[test]
fn a_name_that_matches_nothing_is_answered_with_near_ones() {
    let error = plan(&["service-account.custm"], Profile::All).unwrap_err().to_string();
    assert!(
        error.contains("`service-account.custm`") && error.contains("did you mean service-account.custom"),
        "{error}"
    );
    let error = plan(&["binding"], Profile::All).unwrap_err().to_string();
    assert!(error.contains("did you mean binding.*?"), "{error}");
    let error = plan(&["binding.*", "moon"], Profile::All).unwrap_err().to_string();
    assert_eq!(error, "no scenario matches `moon`; `list` shows all of them");
}

#[test]
fn a_pattern_that_is_none_says_what_is_wrong() {
    let error = plan(&["auth.[a"], Profile::All).unwrap_err().to_string();
    assert!(error.starts_with("`auth.[a` is not a pattern"), "{error}");
}

#[test]
fn an_empty_profile_is_an_error() {
    let mut catalogue = Catalogue::embedded().unwrap();
    catalogue.scenarios.retain(|scenario| scenario.profile == Profile::All);
    assert!(matches!(select(&catalogue, &[], Profile::Core), Err(SelectError::Empty)));
}
