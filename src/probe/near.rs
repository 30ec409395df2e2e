//! Keys that are missing and not far: for each key of the page where its value
//! lies instead, told by the page's names alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::doubt::invisible;
use super::observation::Near;

/// A secret's values lie at most so deep, and are at most so many, or they are none.
const DEEPEST: usize = 8;
const MOST: usize = 2000;

/// A slip of so many letters, in a name at least so long.
const SLIP: usize = 2;
const SLIPPERY: usize = 8;

/// A text that is not empty, and the names that lead to it.
struct Place {
    path: Vec<String>,
    /// Whether the path leads through a text that holds more than a value.
    in_text: bool,
}

/// Where the values of those of `keys` lie that `values` does not have.
#[must_use]
pub fn misses<'k>(keys: &'k [String], values: &Map<String, Value>) -> BTreeMap<&'k str, Near> {
    let missing: Vec<&String> = keys.iter().filter(|key| !values.contains_key(*key)).collect();
    let mut found = BTreeMap::new();
    if missing.is_empty() {
        return found;
    }
    let mut places = Vec::new();
    for (name, value) in values.iter().filter(|(name, _)| !keys.contains(name)) {
        walk(name, value, &mut Place { path: Vec::new(), in_text: false }, &mut places);
    }
    for key in missing {
        let near = places.iter().filter_map(|place| at(keys, key, place)).min();
        found.extend(near.map(|near| (key.as_str(), near)));
    }
    found
}

fn walk(name: &str, value: &Value, above: &mut Place, places: &mut Vec<Place>) {
    if above.path.len() >= DEEPEST || places.len() >= MOST {
        return;
    }
    above.path.push(name.to_owned());
    inside(value, above, places);
    above.path.pop();
}

fn inside(value: &Value, here: &mut Place, places: &mut Vec<Place>) {
    match value {
        Value::Object(values) => values.iter().for_each(|(name, value)| walk(name, value, here, places)),
        Value::Array(values) => values.iter().for_each(|value| {
            if places.len() < MOST {
                inside(value, here, places);
            }
        }),
        Value::String(text) if !text.is_empty() => {
            places.push(Place { path: here.path.clone(), in_text: here.in_text });
            let mut within = Place { path: here.path.clone(), in_text: true };
            match serde_json::from_str::<Value>(text) {
                Ok(parsed @ (Value::Object(_) | Value::Array(_))) if within.path.len() < DEEPEST => {
                    inside(&parsed, &mut within, places);
                }
                _ => text.lines().for_each(|line| lines(line, &mut within, places)),
            }
        }
        _ => {}
    }
}

/// `NAME=VALUE` and `NAME: VALUE`.
fn lines(line: &str, within: &mut Place, places: &mut Vec<Place>) {
    let Some((name, value)) = line.split_once(['=', ':']) else { return };
    if !value.trim().is_empty() && places.len() < MOST {
        let mut path = within.path.clone();
        path.push(name.trim().to_owned());
        places.push(Place { path, in_text: true });
    }
}

/// How a place is the key's, where it is.
fn at(keys: &[String], key: &str, place: &Place) -> Option<Near> {
    let path = &place.path;
    let mut best: Option<Near> = None;
    for from in 0..path.len() {
        for to in from + 1..=path.len() {
            let alike = alike(key, &path[from..to].join("."));
            let near = match (alike, place.in_text) {
                (None, _) => continue,
                (Some(_), true) => Near::Text,
                (Some(_), _) if to - from > 1 => Near::Group,
                (Some(Alike::But(near)), _) if path.len() == 1 => near,
                (Some(_), _) => Near::Level,
            };
            best = Some(best.map_or(near, |best| best.min(near)));
        }
    }
    best.or_else(|| remotely(keys, key, place))
}

/// How a name is the key's.
enum Alike {
    Wholly,
    But(Near),
}

fn alike(key: &str, name: &str) -> Option<Alike> {
    let bare: String = name.chars().filter(|c| !surplus(*c)).collect();
    if name == key {
        Some(Alike::Wholly)
    } else if bare == key {
        Some(Alike::But(Near::Surplus))
    } else if bare.to_lowercase() == key.to_lowercase() {
        Some(Alike::But(Near::Case))
    } else if letters(name) == letters(key) {
        Some(Alike::But(Near::Separator))
    } else {
        None
    }
}

/// What is alike in part only counts where it cannot be another key's.
fn remotely(keys: &[String], key: &str, place: &Place) -> Option<Near> {
    let name = place.path.last()?;
    let last = |key: &str| letters(key.rsplit('.').next().unwrap_or(key));
    let (stored, whole) = (letters(name), letters(key));
    let sole = |fits: &dyn Fn(&str) -> bool| fits(key) && keys.iter().filter(|other| fits(other)).count() == 1;
    if sole(&|other| last(other) == stored) {
        return Some(if place.in_text { Near::Text } else { Near::WithoutGroup });
    }
    if place.in_text {
        return None;
    }
    if stored.len() > whole.len() && (stored.starts_with(&whole) || stored.ends_with(&whole)) {
        return Some(Near::Longer);
    }
    let distance = |other: &str| strsim::damerau_levenshtein(&letters(other), &stored);
    let mine = distance(key);
    let nearest = || keys.iter().filter(|other| distance(other) <= mine).count() == 1;
    (whole.len() >= SLIPPERY && stored.len().abs_diff(whole.len()) <= SLIP && mine <= SLIP && nearest())
        .then_some(Near::Spelling)
}

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn surplus(c: char) -> bool {
    c.is_whitespace() || c.is_control() || invisible(c) || "\"'`“”‘’".contains(c)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const KEYS: [&str; 6] = [
        "VCS.GitlabAdminPAT",
        "VCS.GithubAdminPAT",
        "BuildPackage.FileBasicAuthPassword",
        "MDAStorage.FileBasicAuthPassword",
        "Email.SMTPPassword",
        "AmazonBedrockApiKey",
    ];

    fn found(values: &Value) -> Vec<(String, Near)> {
        let keys = KEYS.map(str::to_owned);
        let values = values.as_object().cloned().unwrap_or_default();
        misses(&keys, &values).into_iter().map(|(key, near)| (key.to_owned(), near)).collect()
    }

    #[rstest]
    #[case::one_level_too_deep(json!({ "data": { "VCS.GitlabAdminPAT": "x" } }), Near::Level)]
    #[case::under_another_name(json!({ "production": { "a": { "VCS.GitlabAdminPAT": "x" } } }), Near::Level)]
    #[case::in_a_list(json!({ "all": [{ "VCS.GitlabAdminPAT": "x" }] }), Near::Level)]
    #[case::deeper_and_in_another_case(json!({ "data": { "vcs.gitlabadminpat": "x" } }), Near::Level)]
    #[case::by_group(json!({ "VCS": { "GitlabAdminPAT": "x" } }), Near::Group)]
    #[case::by_group_and_deeper(json!({ "data": { "vcs": { "gitlabAdminPAT": "x" } } }), Near::Group)]
    #[case::in_another_case(json!({ "vcs.GitLabAdminPat": "x" }), Near::Case)]
    #[case::with_hyphens(json!({ "VCS-GitlabAdminPAT": "x" }), Near::Separator)]
    #[case::with_underscores_in_capitals(json!({ "VCS_GITLAB_ADMIN_PAT": "x" }), Near::Separator)]
    #[case::with_a_slash(json!({ "vcs/GitlabAdminPAT": "x" }), Near::Separator)]
    #[case::with_white_space(json!({ " VCS.GitlabAdminPAT ": "x" }), Near::Surplus)]
    #[case::in_quotes(json!({ "\"VCS.GitlabAdminPAT\"": "x" }), Near::Surplus)]
    #[case::with_what_nobody_sees(json!({ "VCS.\u{200b}GitlabAdminPAT": "x" }), Near::Surplus)]
    #[case::in_json(json!({ "value": "{\"VCS.GitlabAdminPAT\": \"x\"}" }), Near::Text)]
    #[case::in_json_by_group(json!({ "VCS": "{\"GitlabAdminPAT\": \"x\"}" }), Near::Text)]
    #[case::in_lines(json!({ "env": "A=1\nVCS.GitlabAdminPAT=x\n" }), Near::Text)]
    #[case::in_yaml(json!({ "file": "VCS.GitlabAdminPAT: x" }), Near::Text)]
    #[case::in_yaml_by_group(json!({ "file": "VCS:\n  GitlabAdminPAT: x\n" }), Near::Text)]
    #[case::without_its_group(json!({ "GitlabAdminPAT": "x" }), Near::WithoutGroup)]
    #[case::with_more_before_it(json!({ "pmp.VCS.GitlabAdminPAT": "x" }), Near::Longer)]
    #[case::with_more_behind_it(json!({ "VCS.GitlabAdminPAT.value": "x" }), Near::Longer)]
    #[case::misspelt(json!({ "VCS.GitlabAdmnPAT": "x" }), Near::Spelling)]
    fn a_key_is_found_where(#[case] values: Value, #[case] near: Near) {
        assert_eq!(found(&values), [("VCS.GitlabAdminPAT".to_owned(), near)]);
    }

    #[rstest]
    #[case::nothing(json!({}))]
    #[case::something_else(json!({ "X": "1", "admin": "2" }))]
    #[case::an_empty_one_which_need_not_be_stored(json!({ "VCS": { "GitlabAdminPAT": "" } }))]
    #[case::a_last_part_that_two_keys_have(json!({ "FileBasicAuthPassword": "x" }))]
    #[case::a_slip_that_may_be_two_keys(json!({ "VCS.GitXXbAdminPAT": "x" }))]
    #[case::a_value_with_the_name(json!({ "X": "VCS.GitlabAdminPAT" }))]
    #[case::keys_that_are_there(json!({ "VCS.GitlabAdminPAT": "x", "VCS.GithubAdminPAT": 5 }))]
    fn nothing_is_made_up_of(#[case] values: Value) {
        assert_eq!(found(&values), []);
    }

    #[test]
    fn a_secret_that_is_deep_or_wide_is_looked_at_in_bounds() {
        let mut deep = json!("x");
        for _ in 0..100 {
            deep = json!({ "data": deep });
        }
        assert_eq!(found(&deep), []);
        let wide: Map<String, Value> = (0..5000).map(|n| (format!("k{n}"), json!({ "a": "x", "b": ["y"] }))).collect();
        assert_eq!(found(&Value::Object(wide)), []);
    }
}
