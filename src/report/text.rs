//! What is done to texts of others (Vault's, Kubernetes', a client's) before
//! they go into a report.

use serde_json::Value;

use crate::redact::Redactor;

/// The text without ANSI sequences, without control characters other than line
/// breaks and tabs, and without those that turn the direction of what follows,
/// so that nobody's message can steer a terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.peek() {
                // A control sequence: parameters, then one final letter.
                Some('[') => {
                    characters.next();
                    while characters.next_if(|c| matches!(c, ' '..='?')).is_some() {}
                    characters.next_if(|c| matches!(c, '@'..='~'));
                }
                // An operating system command: until BEL, or ESC and a backslash.
                Some(']') => {
                    while characters.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
                    if characters.next_if_eq(&'\u{1b}').is_some() {
                        characters.next_if_eq(&'\\');
                    }
                }
                _ => {}
            },
            '\n' | '\t' => clean.push(character),
            '\r' => {
                if characters.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            _ if character.is_control() => {}
            _ => clean.push(character),
        }
    }
    clean
}

/// [`plain`], and on one line: every run of white space is one space.
#[must_use]
pub fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// [`plain`], without what XML 1.0 forbids and without the end of a CDATA section.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut clean = plain(text);
    clean.retain(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'));
    clean.replace("]]>", "]] >")
}

/// [`one_line`] of [`xml`], for an attribute.
#[must_use]
pub fn xml_line(text: &str) -> String {
    one_line(&xml(text))
}

/// For what must be the same in every run and readable by every parser: ASCII
/// and at most so many characters. Never blank, because no schema allows that.
#[must_use]
pub fn identity(text: &str, longest: usize) -> String {
    let text: String =
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).take(longest).collect();
    if text.trim().is_empty() { "_".to_owned() } else { text }
}

/// Cleans every text of a value, names of fields included. Control characters go first: they could hide a token, and their escapes in
/// JSON could be taken for a part of one.
pub fn clean_strings(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(string) => *string = redactor.clean(&plain(string)).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(|value| clean_strings(value, redactor)),
        Value::Object(fields) => {
            for (name, mut value) in std::mem::take(fields) {
                clean_strings(&mut value, redactor);
                fields.insert(redactor.clean(&plain(&name)).into_owned(), value);
            }
        }
        _ => {}
    }
}
