//! The built program, as a user starts it, with nothing of this machine's settings.

use std::collections::BTreeMap;
use std::path::Path;

use assert_cmd::Command;

/// No engine is ever there.
pub const NO_ENGINE: &str = "unix:///nonexistent.sock";

/// The program, with a state folder of its own.
pub fn program(state: &Path) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!();
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PMP_") || name.starts_with("DOCKER_")) {
            command.env_remove(name);
        }
    }
    command
        .env("PMP_STATE_DIR", state)
        .env("DOCKER_HOST", NO_ENGINE)
        .env("COLUMNS", "100")
        .env_remove("RUST_LOG")
        .env_remove("CI")
        .timeout(std::time::Duration::from_secs(60));
    command
}

/// The names of what runs left in the state folder.
pub fn left_in(state: &Path) -> Vec<String> {
    match std::fs::read_dir(state.join("runs")) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect(),
        Err(_) => Vec::new(),
    }
}

/// Each command of the program by its words, with its help.
pub fn helps() -> BTreeMap<String, String> {
    fn collect(words: &str, helps: &mut BTreeMap<String, String>) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pmp-vault-conformance"));
        let output = command.args(words.split_whitespace()).arg("--help").env("COLUMNS", "100").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default().to_owned();
        helps.insert(words.to_owned(), help);
        for line in listed.lines().take_while(|line| !line.is_empty()) {
            let name = line.strip_prefix("  ").and_then(|line| line.split_whitespace().next());
            let of_its_own = !line.starts_with("   ");
            if let Some(name) = name.filter(|name| of_its_own && *name != "help") {
                collect(format!("{words} {name}").trim(), helps);
            }
        }
    }
    let mut helps = BTreeMap::new();
    collect("", &mut helps);
    helps
}
