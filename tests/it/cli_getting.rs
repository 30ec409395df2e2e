//! What a package of the program has beside it: a manual page of each command, and completions. Both are made of the
//! command line itself, so nothing that it has can be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use predicates::str::contains;
use rstest::rstest;

use crate::support::cli::{helps, program};
use crate::support::commands::NAME;

/// The long flags of a help's own list, which stand further to the left than what is said of them.
fn flags(help: &str) -> BTreeSet<&str> {
    let listed = help.lines().filter(|line| ["  -", "      --"].iter().any(|start| line.starts_with(start)));
    listed.filter_map(|line| line.split([',', ' ', '=', '[']).find(|word| word.starts_with("--"))).collect()
}

/// The pages in a folder, by name, without the marks of `roff`.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap().replace("\\-", "-");
    entries.flatten().map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path()))).collect()
}

#[test]
fn every_command_has_a_manual_page_with_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    let pages_folder = folder.path().join("share/man1");
    program(folder.path()).arg("man").arg(&pages_folder).assert().success().stdout(contains("share/man1"));
    let (pages, helps) = (pages(&pages_folder), helps());
    let page = |words: &str| format!("{}.1", format!("{NAME} {words}").trim().replace(' ', "-"));
    let wanted: BTreeSet<String> = helps.keys().map(|words| page(words)).collect();
    assert_eq!(pages.keys().cloned().collect::<BTreeSet<_>>(), wanted, "a command has a page, and a page its command");
    for (words, help) in &helps {
        let (file, text) = (page(words), &pages[&page(words)]);
        let name = file.trim_end_matches(".1");
        let head = format!(".TH {name} 1 ");
        assert!(text.lines().any(|line| line.starts_with(&head)), "{file} is of another command");
        assert!(text.contains(&format!("\"{NAME} {}\"", env!("CARGO_PKG_VERSION"))), "{file} names no version");
        let flags = flags(help);
        assert!(flags.contains("--help") && flags.contains("--state-dir"), "{words}: {flags:?}");
        for flag in flags {
            assert!(text.contains(flag), "{file} lacks {flag}");
        }
    }
    assert!(!pages.keys().any(|page| page.contains("probe")), "what runs in a pod is no command for people");
}

#[test]
fn a_folder_that_no_page_can_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    program(folder.path()).arg("man").arg(&file).assert().code(2).stderr(contains(file.display().to_string()));
}

#[rstest]
fn the_completions_of_each_shell_name_every_command_and_none_that_is_hidden(
    #[values("bash", "elvish", "fish", "powershell", "zsh")] shell: &str,
) {
    let state = tempfile::tempdir().unwrap();
    let output = program(state.path()).args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let script = String::from_utf8(output.stdout).unwrap();
    for word in helps().keys().flat_map(|words| words.split(' ')) {
        assert!(script.contains(word), "{shell}: {word}");
    }
    // Bash's has no descriptions; what it offers is asked below.
    for hidden in ["What runs in the pod", "Our stand-in for the operator"] {
        assert!(!script.contains(hidden), "{shell} offers what is hidden: {hidden}");
    }
}

/// What bash offers behind these words.
fn offered(script: &Path, words: &[&str]) -> Vec<String> {
    let typed = r#"
        . "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        function=$(complete -p "$1") && function=${function#*-F } && function=${function%% *}
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    let output = bash.args(["--norc", "-c", typed, "bash"]).arg(script).arg(NAME).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completion.bash");
    let output = program(folder.path()).args(["completions", "bash"]).output().unwrap();
    std::fs::write(&script, output.stdout).unwrap();
    for (words, help) in helps() {
        let typed: Vec<&str> = words.split_whitespace().chain(["--"]).collect();
        let offered = offered(&script, &typed);
        for flag in flags(&help) {
            assert!(offered.iter().any(|offer| offer == flag), "{words}: {flag} is not offered: {offered:?}");
        }
    }
    assert_eq!(offered(&script, &["rep"]), ["report"]);
    let commands = offered(&script, &[""]);
    assert!(commands.iter().any(|offer| offer == "doctor"), "{commands:?}");
    assert!(!commands.iter().any(|offer| offer == "probe" || offer == "operator"), "{commands:?}");
    assert_eq!(offered(&script, &["run", "--profile", ""]), ["core", "all"]);
}
