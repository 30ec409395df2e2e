//! What the docs and the help show is what the program does: each command line in them is run as it stands, here or in
//! `tests/real/kind_docs_commands.rs`, or `tests/shown-commands.yaml` says why it is not.

use crate::support::cli::{NO_ENGINE, helps};
use crate::support::commands::{
    Entry, NAME, Shell, Shown, Where, files, in_files, in_markdown, repository, run_in, table, unmatched,
};

/// The command lines of a help text.
fn in_help(words: &str, help: &str) -> Vec<Shown> {
    // The forms of a command are no command lines.
    let mut form = false;
    let lines = (1..).zip(help.lines().map(str::trim)).filter(|(_, line)| {
        form = line.starts_with("Usage:") || form && !line.is_empty();
        !form
    });
    let command = |line: &str| {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        line.starts_with(&format!("{NAME} ")).then(|| line.to_owned())
    };
    lines
        .filter_map(|(number, line)| {
            let place = format!("{NAME} {words} --help");
            Some(Shown { place, number, block: 0, text: command(line)?, prints: Vec::new() })
        })
        .collect()
}

fn everywhere() -> Vec<Shown> {
    let helps = helps();
    assert!(helps.len() > 12, "{:?}", helps.keys());
    in_files().into_iter().chain(helps.iter().flat_map(|(words, help)| in_help(words, help))).collect()
}

/// Pieces of code in running text and in help: `run --keep`.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_command_line_that_is_shown_is_run_or_it_is_said_why_not() {
    let unmatched = unmatched(&everywhere(), &table());
    assert!(unmatched.is_empty(), "{}", unmatched.join("\n"));
}

#[test]
fn what_needs_no_server_ends_and_prints_as_it_is_shown() {
    let (shown, table) = (everywhere(), table());
    let blocks = run_in(Where::Here, &shown, &table);
    assert!(!blocks.is_empty());
    for block in blocks {
        Shell::new().types(&block, &[("DOCKER_HOST", NO_ENGINE.to_owned())]);
    }
}

#[test]
fn what_is_not_run_here_is_understood_by_the_program() {
    let (shown, table) = (everywhere(), table());
    let elsewhere = |shown: &&Shown| !table.iter().any(|e| e.line == shown.line() && e.run == Some(Where::Here));
    for shown in shown.iter().filter(elsewhere) {
        let line = shown.line();
        // What stands behind a pipe is another program's.
        let own = line.split(" | ").next().unwrap_or_default();
        // That script gives its arguments to `run`.
        let own = own.replace("scripts/run ", &format!("{NAME} run "));
        if own.starts_with(&format!("{NAME} ")) {
            // Behind the arguments, it makes the program do nothing else than look at them.
            let asked = Shell::new().bash(&format!("{own} --help")).env("run", "rk3f9xa2b").output().unwrap();
            assert!(asked.status.success(), "{}\n{}", shown.at(), String::from_utf8_lossy(&asked.stderr));
        }
    }
}

#[test]
fn every_flag_that_is_named_with_its_command_is_one_of_it() {
    let helps = helps();
    let texts =
        files().into_iter().map(|file| (file.clone(), std::fs::read_to_string(repository().join(file)).unwrap()));
    let texts = texts.chain(helps.iter().map(|(words, help)| (format!("{NAME} {words} --help"), help.clone())));
    let mut named = 0;
    for (place, text) in texts {
        for span in spans(&text) {
            let span = span.strip_prefix(NAME).unwrap_or(span);
            let own = span.split(['|', ';']).next().unwrap_or_default();
            let words: Vec<&str> = own.split_whitespace().collect();
            let command = (1..=words.len().min(2)).rev().map(|count| words[..count].join(" "));
            let Some(help) = command.into_iter().find_map(|command| helps.get(&command)) else { continue };
            for word in words.iter().map(|word| word.trim_start_matches('[')).filter(|word| word.starts_with("--")) {
                let flag = word.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or_default();
                let known = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == flag);
                assert!(known, "{place}: `{span}`: there is no {flag}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn a_line_that_is_new_or_gone_is_named_with_its_place() {
    let text = "Type\n\n    $ scripts/new \\\n      --twice   # often\n    done\n\nor\n\n```yaml\nscript: scripts/ci\n```\n\
                ```text\nno command\n```\n\n    pmp-vault-conformance list\n\n    a second\n";
    let shown = in_markdown("docs/a.md", text);
    let lines: Vec<String> = shown.iter().map(Shown::at).collect();
    let listed = ["scripts/new --twice", "scripts/ci", "pmp-vault-conformance list", "a second"];
    let numbers = [3, 10, 16, 18];
    let expected: Vec<String> = listed.iter().zip(numbers).map(|(line, n)| format!("docs/a.md:{n}: {line}")).collect();
    assert_eq!(lines, expected);
    assert_eq!(shown[0].prints, ["done"]);

    let entry = |line: &str, run, not_run: Option<&str>| Entry {
        line: line.to_owned(),
        run,
        exit: 0,
        not_run: not_run.map(str::to_owned),
        prints_other: None,
    };
    let mut table: Vec<Entry> = listed[1..].iter().map(|line| entry(line, Some(Where::Here), None)).collect();
    table.push(entry("scripts/old", None, Some("it is long")));
    table[0].not_run = Some("it is both".to_owned());
    assert_eq!(
        unmatched(&shown, &table),
        [
            "docs/a.md:3: scripts/new --twice: is not in tests/shown-commands.yaml",
            "tests/shown-commands.yaml: nothing shows `scripts/old` any more",
            "tests/shown-commands.yaml: `scripts/ci` is either run or not run",
        ]
    );
}
