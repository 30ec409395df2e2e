//! As much of HCL 1 and JSON as policies are written in.

use serde_json::{Map, Value};

/// One entry of a body: `key "label" … = value`, or the same with a block.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key and its labels.
    pub keys: Vec<String>,
    /// What stands behind them; a block as an object, the last of equal keys counting.
    pub value: Value,
}

/// The entries of a text, in their order; none where it is neither HCL 1 nor JSON.
#[must_use]
pub fn entries(text: &str) -> Option<Vec<Entry>> {
    if let Ok(json) = serde_json::from_str::<Map<String, Value>>(text) {
        return Some(json.into_iter().flat_map(|(key, value)| of_json(&key, value)).collect());
    }
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        found.push(entry(&mut rest)?);
    }
    Some(found)
}

/// In JSON a block's label is a key below its own.
fn of_json(key: &str, value: Value) -> Vec<Entry> {
    let all = match value {
        Value::Array(all) if all.iter().all(Value::is_object) => all,
        value => vec![value],
    };
    let mut found = Vec::new();
    for value in all {
        match value {
            Value::Object(labels) if labels.values().all(Value::is_object) => {
                found.extend(
                    labels.into_iter().map(|(label, value)| Entry { keys: vec![key.to_owned(), label], value }),
                );
            }
            value => found.push(Entry { keys: vec![key.to_owned()], value }),
        }
    }
    found
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A string, a name, a number.
    Word {
        text: String,
        quoted: bool,
    },
    Sign(char),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() || first == '\u{feff}' {
            rest = &rest[first.len_utf8()..];
        } else if first == '#' || rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else if first == '"' {
            let end = closing_quote(rest)?;
            let text = serde_json::from_str(&rest[..=end]).ok()?;
            found.push(Token::Word { text, quoted: true });
            rest = &rest[end + 1..];
        } else if "{}[]=,:".contains(first) {
            found.push(Token::Sign(first));
            rest = &rest[1..];
        } else if first.is_alphanumeric() || "-_.".contains(first) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && !"-_.".contains(c)).unwrap_or(rest.len());
            found.push(Token::Word { text: rest[..end].to_owned(), quoted: false });
            rest = &rest[end..];
        } else {
            return None;
        }
    }
    Some(found)
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

fn entry(rest: &mut &[Token]) -> Option<Entry> {
    let mut keys = Vec::new();
    while let [Token::Word { text, .. }, tail @ ..] = rest {
        keys.push(text.clone());
        *rest = tail;
    }
    if keys.is_empty() {
        return None;
    }
    match rest {
        [Token::Sign('=' | ':'), tail @ ..] => *rest = tail,
        [Token::Sign('{'), ..] => {}
        _ => return None,
    }
    let value = value(rest)?;
    if let [Token::Sign(','), tail @ ..] = rest {
        *rest = tail;
    }
    Some(Entry { keys, value })
}

fn value(rest: &mut &[Token]) -> Option<Value> {
    match rest {
        [Token::Word { text, quoted }, tail @ ..] => {
            *rest = tail;
            let bare = (!quoted).then(|| serde_json::from_str(text).ok()).flatten();
            Some(bare.unwrap_or_else(|| Value::String(text.clone())))
        }
        [Token::Sign('['), tail @ ..] => {
            *rest = tail;
            let mut all = Vec::new();
            loop {
                match rest {
                    [Token::Sign(']'), tail @ ..] => {
                        *rest = tail;
                        return Some(Value::Array(all));
                    }
                    [Token::Sign(','), tail @ ..] => *rest = tail,
                    _ => all.push(value(rest)?),
                }
            }
        }
        [Token::Sign('{'), tail @ ..] => {
            *rest = tail;
            let mut object = Map::new();
            loop {
                if let [Token::Sign('}'), tail @ ..] = rest {
                    *rest = tail;
                    return Some(Value::Object(object));
                }
                let Entry { keys, value } = entry(rest)?;
                object.insert(keys.join(" "), value);
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Option<Vec<(String, Value)>> {
        entries(text).map(|all| all.into_iter().map(|entry| (entry.keys.join(" "), entry.value)).collect())
    }

    #[test]
    fn a_policy_is_read_with_comments_lists_and_blocks() {
        let text = "# one\n// two\n/* three\n */ path \"a/+/b*\" {\n capabilities = [\"read\", \"list\",]\n \
                    allowed_parameters = { \"*\" = [] }\n min_wrapping_ttl = 10 max_wrapping_ttl = \"1h\" }\nname = \"x\"";
        let rule = json!({ "capabilities": ["read", "list"], "allowed_parameters": { "*": [] },
            "min_wrapping_ttl": 10, "max_wrapping_ttl": "1h" });
        assert_eq!(read(text).unwrap(), [("path a/+/b*".to_owned(), rule), ("name".to_owned(), json!("x"))]);
    }

    #[test]
    fn a_policy_in_json_reads_the_same() {
        let rule = json!({ "capabilities": ["read"] });
        for text in [
            r#"{"path": {"a/b": {"capabilities": ["read"]}}}"#,
            r#"{"path": [{"a/b": {"capabilities": ["read"]}}]}"#,
            "path \"a/b\" {capabilities=[\"read\"]}",
            "path = { \"a/b\" = { capabilities = [\"read\"] } }",
        ] {
            let found = read(text).unwrap();
            let nested = json!({ "a/b": rule.clone() });
            assert!(
                found == [("path a/b".to_owned(), rule.clone())] || found == [("path".to_owned(), nested)],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_hcl_is_not_read() {
        for text in ["path", "path \"x", "path \"x\" {", "{{{", "a = [", "= 3", "path \"x\" { capabilities = [read }"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(""), Some(Vec::new()));
    }
}
