//! What people see who sit at a terminal: bars that come, move and go without
//! leaving anything, colours where they are wanted, words that are whole, and a
//! Ctrl-C that is heard. The program runs in a pseudo-terminal, and what is
//! looked at is the window.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_vault_conformance::event::{Event, RunResult};
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::bars::Bars;
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::render;
use pmp_vault_conformance::report::terminal::Terminal;
use pmp_vault_conformance::verdict::Deny;
use rstest::rstest;
use rustix::process::Signal;

use crate::support::engine::Engine;
use crate::support::window::Window;
use crate::support::{cli, report};

/// What bars are made of, and nothing else is.
fn has_bars(text: &str) -> bool {
    text.contains(['█', '░']) || text.contains(" done, ") || text.contains(|c| ('\u{2801}'..='\u{28ff}').contains(&c))
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Shows a whole run; `during` is called with what was done so far.
fn show(mut terminal: Terminal, result: &RunResult, mut during: impl FnMut(&str)) {
    let step = || "start Vault".to_owned();
    let took = Duration::from_millis(2340);
    terminal.handle(&Event::RunStarted { run: result.facts.id.clone(), scenarios: result.scenarios.len() });
    terminal.handle(&Event::StepStarted { step: step() });
    terminal.handle(&Event::StepStarted { step: "create the kind cluster".to_owned() });
    during("steps go on");
    terminal.handle(&Event::StepFinished { step: step(), took });
    terminal.handle(&Event::TestbedReady { facts: Box::new(result.facts.clone()) });
    for scenario in &result.scenarios {
        terminal.handle(&Event::ScenarioStarted { id: scenario.id.clone(), evidence: scenario.evidence });
    }
    terminal.handle(&Event::StepFailed { step: "create the kind cluster".to_owned(), took });
    during("scenarios go on");
    for scenario in &result.scenarios {
        terminal.handle(&Event::ScenarioFinished { result: Box::new(scenario.clone()) });
        during("one is done");
    }
    terminal.handle(&Event::RunFinished { result: Box::new(result.clone()) });
    let rendered = render(result, &report::no_causes(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap();
    terminal.finish(&rendered, &[("JUnit", Path::new("junit.xml"))]);
}

fn terminal(out: impl Write + Send + 'static, columns: u16) -> Terminal {
    let terminal = Terminal::to(Box::new(out), report::no_causes(), Redactor::new(), true);
    terminal.folded(move || Some(usize::from(columns)))
}

/// The rows that a window of so many columns shows of what is written without bars.
fn without_bars(result: &RunResult, columns: u16) -> Vec<String> {
    let (mut window, mut file) = Window::new(24, columns);
    let buffer = Buffer::default();
    show(terminal(buffer.clone(), columns), result, |_| ());
    let bytes = buffer.0.lock().unwrap().clone();
    for line in String::from_utf8(bytes).unwrap().split_inclusive('\n').filter(|line| !line.ends_with(" …\n")) {
        file.write_all(line.as_bytes()).unwrap();
    }
    drop(file);
    window.closed();
    window.rows()
}

fn bars_on(file: &File) -> Bars {
    let bars = Bars::default();
    bars.show(file.try_clone().unwrap());
    bars
}

#[rstest]
#[case::of_100_columns(50, 100)]
#[case::of_40_columns(50, 40)]
#[case::in_which_it_scrolls(6, 100)]
fn bars_come_move_and_go_and_the_window_shows_what_it_would_without_them(#[case] rows: u16, #[case] columns: u16) {
    let result = report::run();
    let (mut window, file) = Window::new(rows, columns);
    let shown = terminal(file.try_clone().unwrap(), columns).with_bars(bars_on(&file));
    drop(file);
    let (mut steps, mut done) = (0, 0);
    show(shown, &result, |what| match what {
        "steps go on" => {
            window.until("both steps", |text| text.contains("start Vault 0s") && text.contains("kind cluster 0s"));
            let before = window.text();
            window.until("they move", |text| text != before);
            steps += 1;
        }
        "scenarios go on" => window.until("the bar", |text| text.contains("0/8 done, 0s") && !text.contains(" left")),
        _ => {
            done += 1;
            if done < 8 {
                window.until("it moves", |text| text.contains(&format!("{done}/8 done, ")));
            }
        }
    });
    window.closed();
    assert_eq!((steps, done), (1, 8));
    assert!(!has_bars(&window.text()), "{}", window.text());
    assert_eq!(window.rows(), without_bars(&result, columns));
}

#[test]
fn at_40_columns_no_word_is_broken_and_nothing_is_missing() {
    let text = |columns| without_bars(&report::run(), columns).join("\n");
    let (wide, narrow) = (text(1000), text(40));
    let words = |text: &str| -> Vec<String> {
        // The table becomes sentences.
        text.split("\ngroup").next().unwrap().split_whitespace().map(str::to_owned).collect()
    };
    let of = |text: &str| words(text).concat();
    assert_eq!(of(&narrow), of(&wide));
    // Only what is longer than the window is broken.
    let long: usize = words(&wide).iter().filter(|word| word.chars().count() > 30).count();
    assert!(words(&narrow).len() <= words(&wide).len() + 2 * long, "{narrow}");
    assert!(narrow.contains("binding  0 conformant"), "{narrow}");
}

#[test]
fn a_window_may_change_its_size_while_there_are_bars() {
    let result = report::run();
    let (mut window, file) = Window::new(30, 100);
    let shown = terminal(file.try_clone().unwrap(), 40).with_bars(bars_on(&file));
    drop(file);
    let mut sizes = [(30, 40), (30, 60), (12, 40), (30, 100)].into_iter().cycle();
    show(shown, &result, |_| {
        std::thread::sleep(Duration::from_millis(120));
        let (rows, columns) = sizes.next().unwrap();
        window.resize(rows, columns);
        std::thread::sleep(Duration::from_millis(250));
    });
    window.closed();
    assert!(!has_bars(&window.text()), "{}", window.text());
    // vt100 pulls rows back from above when a window grows, so only the order is the same.
    let rows = window.rows();
    for row in without_bars(&result, 40).iter().rev().take(10) {
        assert!(rows.contains(row), "`{row}` is not in\n{}", window.text());
    }
}

#[test]
fn what_others_write_has_rows_of_its_own() {
    let (mut window, file) = Window::new(40, 100);
    let bars = bars_on(&file);
    let mut shown = terminal(file.try_clone().unwrap(), 100).with_bars(bars.clone());
    shown.handle(&Event::RunStarted { run: "r1".to_owned(), scenarios: 2 });
    shown.handle(&Event::StepStarted { step: "start Vault".to_owned() });
    for number in 0..10 {
        bars.aside(|| writeln!(&file, "a line of the log, {number}").unwrap());
        std::thread::sleep(Duration::from_millis(30));
    }
    // On a busy machine more than a second went by.
    window.until("bars stay", |text| (0..60).any(|seconds| text.contains(&format!("start Vault {seconds}s"))));
    // A run that is given up says nothing more.
    drop(shown);
    drop((file, bars));
    let mut expected = vec!["run r1: 2 scenarios".to_owned()];
    expected.extend((0..10).map(|number| format!("a line of the log, {number}")));
    window.closed();
    assert_eq!(window.rows(), expected);
}

#[test]
fn a_terminal_that_is_gone_ends_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let shown = terminal(full.try_clone().unwrap(), 100).with_bars(bars_on(&full));
    show(shown, &report::run(), |_| std::thread::sleep(Duration::from_millis(120)));
}

/// The program in a window, with the settings of a user who has none.
fn command(state: &Path, arguments: &[&str]) -> Command {
    let program = cli::program(state);
    let mut command = Command::new(program.get_program());
    command.args(arguments).env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("COLUMNS");
    for (name, value) in program.get_envs().filter(|(name, _)| *name != "COLUMNS") {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[rstest]
#[case::without_a_command(&[], 2)]
#[case::help(&["help"], 0)]
#[case::help_of_one(&["run", "--help"], 0)]
#[case::version(&["--version"], 0)]
#[case::no_such_flag(&["run", "--no-such-flag"], 2)]
#[case::list(&["list"], 0)]
#[case::explain_a_scenario(&["explain", "binding.other-namespace"], 0)]
#[case::explain_a_cause(&["explain", "login.role-not-found"], 0)]
#[case::explain_what_is_not_there(&["explain", "binding.other-namespac"], 2)]
#[case::doctor(&["doctor"], 3)]
#[case::images(&["images"], 0)]
#[case::print(&["print", "rbac", "--namespace", "app", "--secret-name", "http://vault.example:8200/pmp-dev/admin"], 0)]
#[case::cleanup(&["cleanup"], 0)]
#[case::cleanup_without_an_engine(&["cleanup", "--run-id", "rk3f9xa2b"], 3)]
#[case::self_test_list(&["self-test", "--list"], 0)]
#[case::self_test(&["self-test", "--only", "role/*"], 3)]
#[case::run(&["run"], 3)]
#[case::run_one(&["run", "--scenario", "service-account.custom"], 3)]
#[case::no_such_scenario(&["run", "--scenario", "no-such"], 2)]
#[case::a_check_without_flags(&["check"], 2)]
fn every_command_ends_as_it_does_in_a_pipe(#[case] arguments: &[&str], #[case] code: i32) {
    let folder = folder();
    for columns in [100, 40] {
        let (mut window, mut running) = Window::with(40, columns, command(folder.path(), arguments));
        assert_eq!((running.end(), window.closed().contains("panicked")), (Some(code), false), "{}", window.text());
        assert!(!window.text().is_empty() && !has_bars(&window.text()), "{}", window.text());
        let in_a_pipe = command(folder.path(), arguments).output().unwrap();
        assert_eq!(in_a_pipe.status.code(), Some(code));
        // The same, but for where lines end; a run has an id of its own, and help is wrapped by clap.
        let said = String::from_utf8([in_a_pipe.stdout, in_a_pipe.stderr].concat()).unwrap();
        if !["run", "self-test", "help"].contains(arguments.first().unwrap_or(&"help")) {
            let squeezed = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(squeezed(&window.text()), squeezed(&said), "{}", window.text());
        }
    }
}

#[test]
fn a_check_of_a_cluster_that_does_not_answer_has_no_verdict() {
    let folder = folder();
    let kubeconfig = folder.path().join("kubeconfig");
    // It takes the connection and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let kubeconfig = kubeconfig.display().to_string();
    let arguments = [
        &["check", "--context", "c", "--kubeconfig", &kubeconfig, "--namespace", "app"][..],
        &["--secret-name", "http://vault.example:8200/pmp-dev/admin", "--probe-image", "probe:1", "--timeout", "2s"],
    ];
    let (mut window, mut running) = Window::with(40, 100, command(folder.path(), &arguments.concat()));
    window.until("the step", |text| text.contains("reach the cluster 0s"));
    assert_eq!(running.end(), Some(3), "{}", window.closed());
    assert!(!has_bars(&window.closed()) && window.text().contains("(exit code 3)"), "{}", window.text());
}

#[rstest]
#[case::a_terminal("TERM", "xterm", true)]
#[case::nobody_wants_them("NO_COLOR", "1", false)]
#[case::empty_means_unset("NO_COLOR", "", true)]
#[case::a_dumb_terminal("TERM", "dumb", false)]
fn there_are_colours_where_they_are_wanted(#[case] name: &str, #[case] value: &str, #[case] wanted: bool) {
    let folder = folder();
    for arguments in [&["run"][..], &["--help"]] {
        let mut command = command(folder.path(), arguments);
        command.env(name, value);
        let (mut window, mut running) = Window::with(40, 100, command);
        running.end();
        window.closed();
        // Bars move the cursor; colours are the sequences that end in `m`.
        let bytes = window.bytes();
        let coloured = bytes
            .split("\u{1b}[")
            .skip(1)
            .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
        assert_eq!(coloured, wanted, "{arguments:?}: {bytes:?}");
        assert!(value != "dumb" || !bytes.contains('\u{1b}'), "{arguments:?}: {bytes:?}");
    }
}

/// A run that hangs in its first steps, in a window.
fn hanging(folder: &Path, engine: &Engine, set: &[(&str, &str)]) -> Command {
    let mut command = command(folder, &["run", "--scenario", "service-account.custom"]);
    command.env("DOCKER_HOST", engine.address()).env("PATH", engine.path()).envs(set.iter().copied());
    command
}

#[rstest]
#[case::a_dumb_terminal("TERM", "dumb")]
#[case::a_ci("CI", "true")]
fn there_are_lines_in_place_of_bars_on(#[case] name: &str, #[case] value: &str) {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let (mut window, mut running) = Window::with(40, 100, hanging(folder.path(), &engine, &[(name, value)]));
    window.until("the step", |text| text.contains("create the kind cluster …"));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    window.closed();
    assert!(!has_bars(&window.text()) && !window.bytes().contains("\u{1b}[2K"), "{:?}", window.bytes());
}

/// Nothing of the bars, nor of what the terminal says of a key, is left.
fn without_debris(window: &Window) {
    let text = window.text();
    assert!(!has_bars(&text) && !text.contains("^C") && !text.contains("panicked"), "{text}");
}

#[test]
fn a_ctrl_c_in_the_middle_cleans_up_and_says_what_was_interrupted() {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let (mut window, mut running) = Window::with(40, 40, hanging(folder.path(), &engine, &[("RUST_LOG", "debug")]));
    window.until("two steps", |text| text.contains("create the kind cluster 1s") && text.contains("start Vault"));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    let text = window.closed();
    without_debris(&window);
    for part in ["ending: removing what the run made;", "create the kind cluster: not done after", "clean up: "] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(text.contains("The run was interrupted. (exit code 130)"), "{text}");
    assert_eq!(cli::left_in(folder.path()), Vec::<String>::new());
}

#[rstest]
#[case::terminated(Signal::TERM)]
#[case::a_closed_window(Signal::HUP)]
fn a_run_that_is_ended_from_outside_cleans_up(#[case] signal: Signal) {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let (mut window, mut running) = Window::with(40, 100, hanging(folder.path(), &engine, &[]));
    window.until("a step", |text| text.contains("create the kind cluster 0s"));
    running.tell(signal);
    assert_eq!(running.end(), Some(143), "{}", window.closed());
    assert!(window.closed().contains("The run was terminated. (exit code 143)"), "{}", window.text());
    assert_eq!(cli::left_in(folder.path()), Vec::<String>::new());
}

#[test]
fn a_run_under_nohup_goes_on_when_the_window_is_closed() {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let program = hanging(folder.path(), &engine, &[]);
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => deaf.env(name, value),
            None => deaf.env_remove(name),
        };
    }
    let (mut window, mut running) = Window::with(40, 100, deaf);
    window.until("a step", |text| text.contains("create the kind cluster 0s"));
    running.tell(Signal::HUP);
    window.until("it goes on", |text| text.contains("create the kind cluster 2s"));
    running.tell(Signal::TERM);
    assert_eq!(running.end(), Some(143), "{}", window.closed());
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_says_what_to_do_by_hand() {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let (mut window, mut running) = Window::with(40, 100, hanging(folder.path(), &engine, &[]));
    window.until("two steps", |text| text.contains("create the kind cluster 0s") && text.contains("start Vault"));
    engine.get_stuck();
    window.press("\u{3}");
    window.until("it cleans up", |text| text.contains("once more: stop at once") && text.contains("clean up 0s"));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    let text = window.closed();
    without_debris(&window);
    let (_, left) = text.split_once("may be left of run ").unwrap_or_else(|| panic!("{text}"));
    let run = left.split(':').next().unwrap().to_owned();
    for part in [
        "stopped at once; no report was written",
        "\n  docker network rm pvc-",
        &format!("\n`cleanup --run-id {run}` does all of it"),
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert_eq!(cli::left_in(folder.path()), vec![run], "the journal stays");
}

#[test]
fn results_may_go_elsewhere_while_bars_are_on_the_terminal() {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let results = folder.path().join("results");
    let out = File::create(&results).unwrap();
    let (mut window, mut running) = Window::beside(40, 100, hanging(folder.path(), &engine, &[]), out);
    window.until("a step", |text| text.contains("create the kind cluster 0s"));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    window.closed();
    without_debris(&window);
    assert!(window.text().starts_with("ending: ") && window.rows().len() <= 2, "{}", window.text());
    let results = std::fs::read_to_string(results).unwrap();
    assert!(results.contains("The run was interrupted.") && !results.contains('\u{1b}'), "{results}");
}

#[rstest]
#[case::at_once(false)]
#[case::after_a_line(true)]
fn a_reader_of_the_results_may_stop_early(#[case] reads: bool) {
    let folder = folder();
    let engine = Engine::start(folder.path());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let out = File::from(std::os::fd::OwnedFd::from(writer));
    let (mut window, mut running) = Window::beside(40, 100, hanging(folder.path(), &engine, &[]), out);
    if reads {
        let mut first = [0; 4];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"run ");
    }
    drop(reader);
    window.until("a step", |text| text.contains("create the kind cluster 0s"));
    window.press("\u{3}");
    assert_eq!(running.end(), Some(130), "{}", window.closed());
    window.closed();
    without_debris(&window);
    assert_eq!(cli::left_in(folder.path()), Vec::<String>::new());
}
