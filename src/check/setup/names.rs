//! How the Kubernetes auth method compares names.

/// Whether one of a role's patterns covers a name (`strutil.StrListContainsGlob`): an
/// asterisk stands for anything, also nothing, and no other sign has a meaning.
pub(super) fn covers(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern, name))
}

fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_stands_for_anything_and_other_signs_for_themselves() {
        for (pattern, name, covered) in [
            ("pmp", "pmp", true),
            ("pmp", "pmp-2", false),
            ("*", "anything", true),
            ("pmp-*", "pmp-", true),
            ("pmp-*", "pm", false),
            ("*-accessor", "pmp-accessor", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*b", "ab", false),
            ("p?p", "pmp", false),
            ("{a,b}", "a", false),
            (" pmp", "pmp", false),
        ] {
            assert_eq!(covers(&[pattern.to_owned()], name), covered, "{pattern} {name}");
        }
    }
}
