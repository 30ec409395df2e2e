//! Runs and checks at a terminal, looked at in their window.

use std::process::Command;

use crate::support::customer::Customer;
use crate::support::servers::documented_names;
use crate::support::testbed::{Reports, left_of, program};
use crate::support::window::Window;

const NINE: [&str; 2] = ["--scenario", "binding.*"];

/// For a user's terminal, whatever these tests run in.
fn at_a_terminal(mut command: Command) -> Command {
    command.env("TERM", "xterm-256color").env_remove("CI").env_remove("NO_COLOR").env_remove("RUST_LOG");
    command
}

/// How many scenarios the bar says are done, of so many.
fn done(text: &str) -> Option<(u32, u32)> {
    let row = text.lines().find(|row| row.contains(" done, "))?;
    let (done, of) = row.split(" done, ").next()?.rsplit(' ').next()?.split_once('/')?;
    Some((done.parse().ok()?, of.parse().ok()?))
}

fn without_debris(window: &Window) {
    let text = window.text();
    let braille = |c| ('\u{2801}'..='\u{28ff}').contains(&c);
    for debris in ["█", "░", " done, ", "^C", "panicked"] {
        assert!(!text.contains(debris) && !text.contains(braille), "`{debris}`?\n{text}");
    }
}

fn run_id(text: &str) -> String {
    text.split_whitespace().nth(1).unwrap().trim_end_matches(':').to_owned()
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_bar_of_a_run_moves_and_leaves_the_verdicts_alone() {
    let reports = Reports::new();
    let (mut window, mut running) = Window::with(60, 100, at_a_terminal(reports.command(&NINE)));
    window.until("the bar", |text| done(text).is_some());
    let first = done(&window.text());
    window.until("it moves", |text| done(text).is_none() || done(text) > first);
    assert_eq!(running.end(), Some(0), "{}", window.closed());
    let text = window.closed();
    without_debris(&window);
    let passed = text.lines().filter(|row| row.starts_with("PASS  ")).count();
    assert_eq!(passed, reports.json()["scenarios"].as_array().unwrap().len(), "{text}");
    assert!(window.bytes().contains("\u{1b}[32mPASS"), "{text}");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_ctrl_c_in_the_middle_of_a_run_cleans_up() {
    let reports = Reports::new();
    // Those that type commands have children, which are in the terminal's session too.
    let globs = ["--scenario", "binding.*", "--scenario", "literal.example-a"];
    let _names = documented_names();
    let (mut window, mut running) = Window::with(60, 40, at_a_terminal(reports.command(&globs)));
    window.until("the bar", |text| done(text).is_some());
    std::thread::sleep(std::time::Duration::from_millis(300));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    let text = window.closed();
    without_debris(&window);
    assert!(text.contains("The run was interrupted."), "{text}");
    assert!(!text.contains("FAIL"), "{text}");
    assert_eq!(left_of(&run_id(&text)), Vec::<String>::new());
    assert_eq!(reports.json()["exit-code"], 130);
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_pages_commands_are_typed_in_a_session_without_the_terminal() {
    let _names = documented_names();
    let reports = Reports::new();
    // `kubectl edit` asks for a terminal even where its input is none.
    let globs = ["--scenario", "literal.example-b-mended", "--timeout", "2m"];
    let (mut window, mut running) = Window::with(60, 100, at_a_terminal(reports.command(&globs)));
    assert_eq!(running.end(), Some(0), "{}", window.closed());
    window.closed();
    without_debris(&window);
    assert!(window.text().contains("literal.example-b-mended: reads all keys"), "{}", window.text());
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_second_ctrl_c_stops_a_run_and_cleanup_does_the_rest() {
    let reports = Reports::new();
    let (mut window, mut running) = Window::with(60, 100, at_a_terminal(reports.command(&NINE)));
    window.until("the bar", |text| done(text).is_some());
    std::thread::sleep(std::time::Duration::from_millis(500));
    window.press("\u{3}");
    window.until("it is heard", |text| text.contains("once more: stop at once"));
    window.press("\u{3}");
    let code = running.end();
    let text = window.closed();
    let run = run_id(&text);
    let cleanup = program().args(["cleanup", "--run-id", &run]).output().unwrap();
    assert!(cleanup.status.success(), "{}", String::from_utf8_lossy(&cleanup.stderr));
    assert_eq!(left_of(&run), Vec::<String>::new());
    assert_eq!(code, Some(130), "{text}");
    without_debris(&window);
    // Clean-up on a kept testbed takes less than a second, and may be done first.
    if !text.contains("The run was interrupted.") {
        assert!(text.contains("stopped at once"), "{text}");
        assert!(text.contains(&format!("`cleanup --run-id {run}` does all of it")), "{text}");
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_check_at_a_terminal_says_its_verdicts_and_leaves_nothing_when_it_is_interrupted() {
    let customer = Customer::with_app("window");
    let check = || at_a_terminal(customer.command(&["check"], &customer.flags(), &[]));
    let (mut window, mut running) = Window::with(60, 100, check());
    window.until("the step", |text| text.contains("probe as the app"));
    assert_eq!(running.end(), Some(0), "{}", window.closed());
    window.closed();
    without_debris(&window);
    assert_eq!(window.text().lines().filter(|row| row.starts_with("PASS  ")).count(), 4, "{}", window.text());

    let (mut window, mut running) = Window::with(60, 40, check());
    window.until("the step", |text| text.contains("probe as the app 0s"));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    window.closed();
    without_debris(&window);
    assert_eq!((customer.labelled(), customer.runs_left()), (Vec::new(), Vec::new()), "{}", window.text());
}
