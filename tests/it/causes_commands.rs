//! What the catalogue gives to be typed: it is what a shell takes, whatever a customer's things are called, and it
//! neither shows a secret nor has one as an argument.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pmp_vault_conformance::page::{Cause, Names};
use pmp_vault_conformance::scenario::load::Catalogue;

/// The programs that commands call, each of which notes here what it was given.
const STUBS: &str = "for program in vault kubectl kubeadm curl openssl jq base64 date; do \
    eval \"$program() { printf '%s\\\\0' $program \\\"\\$@\\\" >> \\\"\\$NOTES\\\"; }\"; done\n";

/// What only the reader knows.
const READERS_WORDS: [&str; 6] = ["HOST", "PORT", "KEY", "N", "NAME", "NAMESPACE"];

fn causes() -> Vec<Cause> {
    Catalogue::embedded().unwrap_or_else(|error| panic!("{error}")).causes.causes
}

/// Names of which each is made of what its placeholder is called.
fn names(name: impl Fn(&str) -> String) -> Names {
    let fields = Names::PLACEHOLDERS.map(|placeholder| (placeholder.to_owned(), name(placeholder).into()));
    serde_json::from_value(serde_json::Value::Object(fields.into_iter().collect())).unwrap()
}

fn ordinary() -> Names {
    names(|placeholder| format!("my-{placeholder}"))
}

/// The placeholders of a line.
fn used(line: &str) -> Vec<&'static str> {
    Names::PLACEHOLDERS.into_iter().filter(|placeholder| line.contains(&format!("{{{placeholder}}}"))).collect()
}

/// Runs a line where every program is a stub, and gives what they were given.
fn typed(line: &str, folder: &Path) -> Vec<String> {
    let notes = folder.join("notes");
    let _ = std::fs::remove_file(&notes);
    let script = format!("{STUBS}{line}\n");
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script]).current_dir(folder).env("NOTES", &notes);
    let mut bash = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _ = bash.stdin.take().unwrap().write_all(b"x\n");
    assert!(bash.wait().unwrap().success(), "{line}");
    let notes = std::fs::read(&notes).unwrap_or_default();
    String::from_utf8(notes).unwrap().split('\0').map(str::to_owned).collect()
}

#[test]
fn every_command_is_what_bash_takes_and_has_no_placeholder_left() {
    for cause in causes() {
        for line in cause.told(&ordinary()).commands {
            let bash = Command::new("bash").args(["-n", "-c", &line]).output().unwrap();
            assert!(bash.status.success() && bash.stderr.is_empty(), "{}: {line}", cause.id);
            let braces = Names::PLACEHOLDERS.iter().any(|placeholder| line.contains(&format!("{{{placeholder}")));
            assert!(!braces && !line.contains(['<', '\n']) || line.contains("</dev/null"), "{}: {line}", cause.id);
        }
    }
}

#[test]
fn whatever_things_are_called_a_command_is_given_their_names_and_nothing_else_happens() {
    let odd = |placeholder: &str| {
        format!("{placeholder} it's \"x\" $(touch done) `touch done`; touch done & touch done | #\\ *?{{}}$HOME")
    };
    let names = names(odd);
    let folder = tempfile::tempdir().unwrap();
    let mut given = 0;
    for cause in causes() {
        for (line, filled) in cause.commands.iter().zip(cause.told(&names).commands) {
            let arguments = typed(&filled, folder.path());
            assert!(!folder.path().join("done").exists(), "{}: {filled}", cause.id);
            for placeholder in used(line).into_iter().filter(|_| !line.starts_with('#')) {
                let whole = arguments.iter().any(|argument| argument.contains(&odd(placeholder)));
                assert!(whole, "{}: {{{placeholder}}} of {filled}: {arguments:?}", cause.id);
                given += 1;
            }
        }
    }
    assert!(given > 100, "{given}");
}

#[test]
fn the_words_that_are_left_are_those_that_only_the_reader_knows() {
    for cause in causes() {
        for line in cause.told(&ordinary()).commands.iter().filter(|line| !line.starts_with('#')) {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase())) {
                assert!(READERS_WORDS.contains(&word), "{}: {word} in {line}", cause.id);
            }
        }
    }
}

#[test]
fn nothing_that_is_typed_shows_a_secret_or_has_one_as_an_argument() {
    for cause in causes() {
        let remedy = cause.remedy.split('`').skip(1).step_by(2).map(str::to_owned);
        for line in remedy.chain(cause.commands.iter().cloned()) {
            assert!(harmless(&line), "{}: {line}", cause.id);
        }
    }
    for line in [
        "vault kv get pmp-dev/admin",
        "vault kv put pmp-dev/admin KEY=\"VALUE\"",
        "vault write auth/kubernetes/config token_reviewer_jwt=\"$JWT\"",
        "kubectl create token vault-reviewer",
        "vault operator init",
    ] {
        assert!(!harmless(line), "{line}");
    }
}

fn harmless(line: &str) -> bool {
    let goes_on =
        |word: &str, end: &str| line.match_indices(word).all(|(at, _)| line[at + word.len()..].starts_with(end));
    let shown = |word: &str| line.contains(word) && !line.contains(" | ") && !line.contains(" > ");
    let printed = ["vault kv get ", "kubectl create token ", "vault token create ", "vault operator init"];
    goes_on("KEY=", "-") && goes_on("token_reviewer_jwt=", "-") && !printed.into_iter().any(shown)
}
