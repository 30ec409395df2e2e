//! What policies grant on a path, as Vault decides it (`vault/acl.go`): the one pattern
//! that fits best counts, with what all policies say of that very pattern; `deny` beats all.

use std::cmp::Ordering;

use serde_json::Value;

use super::hcl;

/// What one policy says of one pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The policy's name.
    pub policy: String,
    /// The pattern of paths below `/v1/`.
    pub pattern: String,
    /// What it grants.
    pub capabilities: Vec<String>,
    /// Whether a request must want its answer wrapped (`min_wrapping_ttl` above nothing).
    pub wants_wrapping: bool,
    /// Parameters without which a request is refused.
    pub required_parameters: Vec<String>,
}

/// The rules of a policy; none where its text cannot be read.
#[must_use]
pub fn rules(policy: &str, text: &str) -> Option<Vec<Rule>> {
    let mut found = Vec::new();
    for entry in hcl::entries(text)? {
        match entry.keys.as_slice() {
            [key, pattern] if key == "path" => found.push(rule(policy, pattern, &entry.value)),
            // `path = { "a/b" = { … } }`.
            [key] if key == "path" => {
                found.extend(entry.value.as_object()?.iter().map(|(pattern, value)| rule(policy, pattern, value)));
            }
            _ => {}
        }
    }
    Some(found)
}

fn rule(policy: &str, pattern: &str, value: &Value) -> Rule {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut capabilities = words(&value["capabilities"]);
    // The form before capabilities, which Vault still takes.
    match value["policy"].as_str() {
        Some("read") => capabilities.extend(["read".to_owned(), "list".to_owned()]),
        Some("write" | "sudo") => {
            capabilities.extend(["create", "read", "update", "delete", "list"].map(str::to_owned));
        }
        Some("deny") => capabilities.push("deny".to_owned()),
        _ => {}
    }
    Rule {
        policy: policy.to_owned(),
        pattern: pattern.trim_start_matches('/').to_owned(),
        capabilities,
        wants_wrapping: !is_nothing(&value["min_wrapping_ttl"]),
        required_parameters: words(&value["required_parameters"]),
    }
}

/// Whether a duration is none: absent, 0 or "0s".
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim_end_matches(|c: char| !c.is_ascii_digit()).chars().all(|c| c == '0'),
        _ => false,
    }
}

/// Whether a pattern covers a path: `*` at its end stands for anything, also nothing, and `+` for one segment.
#[must_use]
pub fn covers(pattern: &str, path: &str) -> bool {
    let (exact, open) = match pattern.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (pattern, false),
    };
    if !exact.split('/').any(|segment| segment == "+") {
        return if open { path.starts_with(exact) } else { path == exact };
    }
    let wanted: Vec<&str> = exact.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    if given.len() < wanted.len() || (!open && given.len() != wanted.len()) {
        return false;
    }
    let last = wanted.len() - 1;
    wanted.iter().enumerate().all(|(at, segment)| match *segment {
        "+" => !given[at].is_empty(),
        segment if open && at == last => given[at..].join("/").starts_with(segment),
        segment => given[at] == segment,
    })
}

/// Whether a pattern covers more than one path.
#[must_use]
pub fn is_open(pattern: &str) -> bool {
    pattern.ends_with('*') || pattern.split('/').any(|segment| segment == "+")
}

/// Which of two patterns that both cover a path Vault takes: the greater one.
fn rank(a: &str, b: &str) -> Ordering {
    let wild = |pattern: &str| {
        let glob = pattern.ends_with('*').then(|| pattern.len() - 1);
        let plus = pattern.split('/').scan(0, |at, segment| {
            let start = *at;
            *at += segment.len() + 1;
            Some((start, segment))
        });
        let plus = plus.filter(|(_, segment)| *segment == "+").map(|(start, _)| start).min();
        plus.into_iter().chain(glob).min().unwrap_or(usize::MAX)
    };
    let plusses = |pattern: &str| pattern.split('/').filter(|segment| *segment == "+").count();
    wild(a)
        .cmp(&wild(b))
        .then_with(|| b.ends_with('*').cmp(&a.ends_with('*')))
        .then_with(|| plusses(b).cmp(&plusses(a)))
        .then_with(|| a.len().cmp(&b.len()))
        .then_with(|| a.cmp(b))
}

/// The rules that decide on a path: those of the one pattern that fits best; empty where none fits.
#[must_use]
pub fn deciding<'a>(rules: &'a [Rule], path: &str) -> Vec<&'a Rule> {
    let fitting: Vec<&Rule> = rules.iter().filter(|rule| covers(&rule.pattern, path)).collect();
    let Some(best) = fitting.iter().map(|rule| rule.pattern.as_str()).max_by(|a, b| rank(a, b)) else {
        return Vec::new();
    };
    fitting.into_iter().filter(|rule| rule.pattern == best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_cover_what_vault_documents() {
        for (pattern, path, covered) in [
            ("a/data/b", "a/data/b", true),
            ("a/data/b", "a/data/b/c", false),
            ("a/data/*", "a/data/b/c", true),
            ("a/data/*", "a/data/", true),
            ("a/data/b*", "a/data/bc", true),
            ("a/*/b", "a/x/b", false),
            ("+/data/b", "a/data/b", true),
            ("a/+/b", "a/x/y/b", false),
            ("a/+", "a/", false),
            ("a/+/+", "a/data/b", true),
            ("a/+/b*", "a/data/bc/d", true),
            ("+/+/*", "a/data/b", true),
            ("*", "a/data/b", true),
            ("a+/b", "ax/b", false),
        ] {
            assert_eq!(covers(pattern, path), covered, "{pattern} {path}");
        }
    }

    #[test]
    fn the_pattern_that_fits_best_decides_alone() {
        let text = r#"
            path "a/*" { capabilities = ["deny"] }
            path "a/+/b" { capabilities = ["read", "list"] }
            path "a/data/*" { capabilities = ["update"] }"#;
        let rules = rules("p", text).unwrap();
        let pattern = |path: &str| deciding(&rules, path).first().map(|rule| rule.pattern.clone()).unwrap_or_default();
        assert_eq!(pattern("a/data/b"), "a/data/*");
        assert_eq!(pattern("a/x/b"), "a/+/b");
        assert_eq!(pattern("a/x"), "a/*");
        assert_eq!(pattern("b"), "");
    }

    #[test]
    fn old_forms_and_what_a_request_must_bring_are_read() {
        let text = r#"path "a" { policy = "read" } path "b" { capabilities = ["read"] min_wrapping_ttl = "10s" }
            path "c" { capabilities = ["read"] min_wrapping_ttl = "0s" required_parameters = ["version"] }"#;
        let rules = rules("p", text).unwrap();
        assert_eq!(rules[0].capabilities, ["read", "list"]);
        assert_eq!((rules[1].wants_wrapping, rules[2].wants_wrapping), (true, false));
        assert_eq!(rules[2].required_parameters, ["version"]);
    }

    proptest! {
        #[test]
        fn a_pattern_made_wider_covers_no_less(path in "[a-c]{1,2}(/[a-c]{1,2}){0,3}", at in 0..4usize, cut in 0..12usize) {
            let segments: Vec<&str> = path.split('/').collect();
            let plus: Vec<&str> =
                segments.iter().enumerate().map(|(n, segment)| if n == at { "+" } else { segment }).collect();
            let prefix = &path[..cut.min(path.len())];
            prop_assert!(covers(&path, &path));
            prop_assert!(covers(&plus.join("/"), &path));
            let open = format!("{prefix}*");
            prop_assert!(covers(&open, &path));
        }

        #[test]
        fn what_decides_covers_the_path_and_nothing_exact_is_passed_over(
            patterns in proptest::collection::vec(r"[ab+](/[ab+]){0,2}\*?", 1..6),
            path in "[ab](/[ab]){0,2}",
        ) {
            let rules: Vec<Rule> = patterns.iter().map(|pattern| rule("p", pattern, &Value::Null)).collect();
            let deciding = deciding(&rules, &path);
            prop_assert!(deciding.iter().all(|rule| covers(&rule.pattern, &path)));
            prop_assert_eq!(deciding.is_empty(), !patterns.iter().any(|pattern| covers(pattern, &path)));
            if patterns.contains(&path) {
                prop_assert!(deciding.iter().all(|rule| rule.pattern == path));
            }
        }
    }
}
