//! Wrong use ends with exit code 2 and says what would be right, before
//! anything is started; and what needs no testbed works without one.

use std::path::Path;
use std::process::{Output, Stdio};

use assert_cmd::assert::Assert;
use pmp_vault_conformance::event::Exit;
use pmp_vault_conformance::scenario::load::Catalogue;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};
use rstest::rstest;

use crate::support::cli::{left_in, program};

fn ask(arguments: &[&str]) -> Assert {
    let state = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let assert = program(state.path()).args(arguments).assert();
    assert_eq!(left_in(state.path()), Vec::<String>::new());
    assert
}

fn printed(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap_or_else(|error| panic!("{error}"));
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{error}")).flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            std::fs::copy(&path, &to).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// A copy of the program's own scenarios.
fn scenarios() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"), folder.path());
    folder
}

// Help.

#[test]
fn the_help_names_every_command_and_every_exit_code() {
    let help = printed(&ask(&["--help"]).success());
    for word in ["run", "check", "list", "explain", "doctor", "images", "cleanup"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let codes = help.split_once("Exit codes: ").unwrap_or_else(|| panic!("{help}")).1.replace('\n', " ");
    for exit in Exit::ALL {
        let said = format!("{} {}", exit.code(), exit.meaning());
        assert!(codes.contains(&said), "{said}: {help}");
    }
    assert!(!help.contains("probe "), "what runs in the pod is no command for people: {help}");
}

#[rstest]
#[case::readme(include_str!("../../README.md"))]
#[case::reports(include_str!("../../docs/reports.md"))]
#[case::customers(include_str!("../../docs/customers.md"))]
fn the_docs_say_when_each_exit_code_comes(#[case] text: &str) {
    let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    for exit in Exit::ALL {
        let code = exit.code().to_string();
        assert!(rows.iter().any(|row| row.split(", ").any(|said| said == code)), "{code} has no row: {rows:?}");
    }
}

#[test]
fn the_help_of_run_has_every_documented_flag() {
    let help = printed(&ask(&["run", "--help"]).success());
    for flag in [
        "--scenario",
        "--profile",
        "--jobs",
        "--keep",
        "--reuse",
        "--deny",
        "--junit",
        "--json",
        "--vault-image",
        "--node-image",
        "--probe-image",
        "--scenarios",
        "--page",
        "--findings",
        "--timeout",
        "--state-dir",
    ] {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}

#[rstest]
#[case("check")]
#[case("list")]
#[case("explain")]
#[case("page")]
#[case("doctor")]
#[case("images")]
#[case("cleanup")]
fn each_command_has_its_help(#[case] command: &str) {
    ask(&[command, "--help"]).success().stdout(contains("Usage:"));
}

#[test]
fn the_version_is_the_packages() {
    let version = concat!("pmp-vault-conformance ", env!("CARGO_PKG_VERSION"), "\n");
    ask(&["--version"]).success().stdout(version);
}

// Wrong use.

#[rstest]
#[case::no_command(&[], "Usage:")]
#[case::an_unknown_command(&["rum"], "run")]
#[case::an_unknown_flag(&["run", "--juint", "x"], "--junit")]
#[case::both_a_profile_and_scenarios(&["run", "--profile", "all", "--scenario", "x"], "cannot be used with")]
#[case::an_image_for_an_export(&["images", "--vault-image", "x", "export", "f"], "cannot be used with")]
#[case::a_detail_of_no_junit(&["run", "--junit-detail", "stage"], "--junit <FILE>")]
#[case::an_unknown_detail(&["report", "merge", "x", "--junit", "y", "--junit-detail", "case"], "scenario, stage, key")]
#[case::an_unknown_profile(&["run", "--profile", "most"], "[possible values: core, all]")]
#[case::an_unknown_verdict_to_deny(&["run", "--deny", "everything"], "known-deviation")]
#[case::no_jobs(&["run", "--jobs", "0"], "1..=200")]
#[case::jobs_that_are_no_number(&["run", "--jobs", "many"], "--jobs")]
#[case::a_time_limit_without_a_unit(&["run", "--timeout", "20"], "--timeout")]
#[case::both_keep_and_reuse(&["run", "--keep", "--reuse", "rabc"], "cannot be used with")]
#[case::both_a_run_and_all_kept_ones(&["cleanup", "--kept", "--run-id", "rabc"], "cannot be used with")]
#[case::a_revision_with_a_slip(&["run", "--page", "35-key"], "35-keys")]
#[case::a_revision_with_a_slip_in_a_list(&["list", "--page", "sed"], "did you mean seed")]
#[case::a_revision_to_compare_with_nothing(&["page", "diff", "seed"], "<AFTER>")]
#[case::a_revision_that_is_not_there(&["page", "diff", "seed", "nothing"], "they are 25-keys")]
#[case::scenarios_of_a_list_of_revisions(&["list", "--pages", "--scenario", "x"], "cannot be used with")]
#[case::two_reports_in_one_file(&["run", "--json", "x", "--findings", "x"], "give each its own")]
#[case::an_operator_on_a_testbed_that_is_there(&["run", "--operator-manifests", "x", "--reuse", "rabc"], "cannot be used with")]
#[case::an_operator_of_no_folder(&["run", "--operator-manifests", "/no/such"], "cannot read /no/such")]
#[case::an_operator_without_definitions(&["run", "--operator-manifests", "scenarios/url"], "is no object of Kubernetes")]
#[case::nothing_to_explain(&["explain"], "<ID>")]
#[case::no_file_to_export_to(&["images", "export"], "<FILE>")]
fn wrong_use_is_exit_code_2_with_a_hint_at_what_is_right(#[case] arguments: &[&str], #[case] hint: &str) {
    ask(arguments).code(2).stdout(is_empty()).stderr(contains(hint));
}

#[rstest]
#[case::of_another_form("no-such-run")]
#[case::that_is_empty("")]
#[case::that_climbs("../..")]
#[case::with_a_climb_in_it("r/../../x")]
#[case::in_upper_case("RABC")]
fn a_run_id_is_refused_before_anything_is_looked_for(#[case] id: &str) {
    for arguments in [["cleanup", "--run-id", id], ["run", "--reuse", id]] {
        ask(&arguments).code(2).stdout(is_empty()).stderr(contains("run ids look like rk3f9xa2b"));
    }
}

#[test]
fn a_run_that_nobody_knows_cannot_be_reused() {
    ask(&["run", "--reuse", "rk3f9xa2b"]).code(2).stdout(is_empty()).stderr(contains("no run rk3f9xa2b is known"));
}

// Selection.

#[rstest]
#[case::a_name_with_a_slip("service-account.custm", "service-account.custom")]
#[case::a_group_with_a_slip("bindings.other-namespace", "binding.other-namespace")]
#[case::nothing_like_any("zzz", "`list` shows all of them")]
#[case::no_pattern("binding.[", "is not a pattern")]
fn a_pattern_that_matches_no_scenario_is_exit_code_2_with_offers(#[case] pattern: &str, #[case] offer: &str) {
    for command in ["run", "list"] {
        ask(&[command, "--scenario", pattern])
            .code(2)
            .stdout(is_empty())
            .stderr(contains(offer).and(contains(pattern)));
    }
}

// Reports that cannot be written.

#[rstest]
#[case::in_a_folder_that_is_not_there("nowhere/report", "mkdir -p")]
#[case::that_is_a_folder(".", "give the path of a file in it")]
#[case::below_a_file("file/report", "not a folder")]
fn a_report(#[case] path: &str, #[case] remedy: &str) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(folder.path().join("file"), "kept").unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join(path).display().to_string();
    for flag in ["--junit", "--json"] {
        // No word of a run: it did not start.
        ask(&["run", flag, &path]).code(2).stdout(is_empty()).stderr(contains(remedy).and(contains(&*path)));
    }
    assert_eq!(std::fs::read_dir(folder.path()).map(Iterator::count).ok(), Some(1));
}

// Scenario files.

#[rstest]
#[case::of_a_file_with_an_unknown_field("title:", "titel:", "unknown field")]
#[case::of_a_file_with_an_unknown_cause("cause: login.", "cause: login.un", "login.un")]
#[case::of_a_file_with_an_unknown_control("control: ", "control: un", "service-account.custom")]
#[case::of_a_file_that_is_no_yaml("expect:", "expect: [", "")]
fn file_line_and_remedy(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let folder = scenarios();
    let file = folder.path().join("binding/other-namespace.yaml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}"));
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap_or_else(|error| panic!("{error}"));
    let own = folder.path().display().to_string();
    let place = predicates::str::is_match(r"binding/other-namespace\.yaml:\d+: ").unwrap_or_else(|e| panic!("{e}"));
    for command in [&["run"][..], &["list"], &["explain", "binding.other-namespace"]] {
        let mut arguments = command.to_vec();
        arguments.extend(["--scenarios", &own]);
        ask(&arguments).code(2).stdout(is_empty()).stderr(place.clone().and(contains("remedy: ")).and(contains(says)));
    }
}

#[test]
fn a_folder_that_is_not_there_or_holds_no_scenario_is_exit_code_2() {
    ask(&["list", "--scenarios", "/nonexistent"]).code(2).stderr(contains("/nonexistent"));
    let empty = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = empty.path().display().to_string();
    ask(&["list", "--scenarios", &path]).code(2).stderr(contains("there is no scenario file"));
}

#[test]
fn the_scenarios_of_a_folder_replace_the_programs_own() {
    let folder = scenarios();
    let removed = folder.path().join("binding/other-namespace.yaml");
    std::fs::remove_file(removed).unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().display().to_string();
    let listed = printed(&ask(&["list", "--scenarios", &path]).success());
    assert!(!listed.contains("binding.other-namespace"), "{listed}");
    assert_eq!(listed.lines().count() + 1, printed(&ask(&["list"]).success()).lines().count());
}

// What needs no testbed.

#[test]
fn the_list_has_one_line_a_scenario_with_what_must_follow() {
    let listed = printed(&ask(&["list"]).success());
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(ids, catalogue.scenarios.iter().map(|scenario| scenario.id.as_str()).collect::<Vec<_>>());
    assert!(listed.lines().all(|line| line.contains("reads ") || line.contains("stops at ")), "{listed}");
}

#[test]
fn the_revisions_are_listed_with_the_one_that_is_meant_marked_and_compared_line_by_line() {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    let listed = printed(&ask(&["list", "--pages", "--page", "35-keys"]).success());
    assert_eq!(listed.lines().count(), catalogue.revisions.0.len(), "{listed}");
    let marked: Vec<&str> = listed.lines().filter(|line| line.starts_with('*')).collect();
    assert!(matches!(marked[..], [line] if line.contains("35-keys")), "{listed}");
    let compared = printed(&ask(&["page", "diff", "seed", "35-keys"]).success());
    assert!(
        compared.contains("~ key ClusterSettings.GrafanaAPIKey → serverClusterManager.GrafanaAPIKey"),
        "{compared}"
    );
    ask(&["page", "diff", "seed", "30-keys"]).success().stdout(contains("have the same keys"));
}

#[test]
fn a_scenario_is_explained_by_the_revision_that_is_meant() {
    let of = |page: &str| printed(&ask(&["explain", "secret.page-example", "--page", page]).success());
    let count = |page: &str| of(page).lines().find(|line| line.starts_with("must be:")).map(str::to_owned);
    assert_ne!(count("seed"), count("25-keys"));
}

#[test]
fn the_list_of_a_pattern_leaves_out_the_controls_that_were_not_asked_for() {
    let listed = printed(&ask(&["list", "--scenario", "binding.other-namespace"]).success());
    assert_eq!(listed.lines().count(), 1, "{listed}");
    assert!(listed.contains("stops at login: login.namespace-not-authorized"), "{listed}");
}

#[test]
fn every_scenario_and_every_cause_can_be_explained() {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    for scenario in &catalogue.scenarios {
        let text = printed(&ask(&["explain", &scenario.id]).success());
        assert!(text.starts_with(&scenario.id) && text.contains(&scenario.title), "{text}");
        assert!(text.contains(&scenario.page) && text.contains("must be:"), "{text}");
        for part in [scenario.control.as_deref(), scenario.expect.cause.as_ref().map(|cause| cause.as_str())] {
            assert!(part.is_none_or(|part| text.contains(part)), "{part:?}: {text}");
        }
        if let Some(deviation) = &scenario.known_deviation {
            assert!(text.contains(&deviation.defect) && text.contains(deviation.cause.as_str()), "{text}");
        }
    }
    for cause in &catalogue.causes.causes {
        let text = printed(&ask(&["explain", cause.id.as_str()]).success());
        assert!(text.starts_with(cause.id.as_str()) && text.contains(&cause.title()), "{text}");
        assert!(text.contains("means:") && text.contains("remedy:"), "{text}");
        let stated = cause.stated_by.as_ref().is_some_and(|by| text.contains(&format!("stated by: {by}")));
        assert!(stated != text.contains("seen as:"), "{text}");
        assert!(cause.says_of.words().is_none_or(|what| text.contains(&format!("says of:  {what}"))), "{text}");
    }
}

#[rstest]
#[case::of_a_scenario("binding.other-namespce", "binding.other-namespace")]
#[case::of_a_cause("login.role-not-foud", "login.role-not-found")]
#[case::of_nothing("zzz", "`list` shows the scenarios")]
fn an_id_with_a_slip_is_exit_code_2_with_offers(#[case] id: &str, #[case] offer: &str) {
    ask(&["explain", id]).code(2).stdout(is_empty()).stderr(contains(offer));
}

// Nobody listens.

/// Runs the program with its output given to something that does not take it.
fn into(out: Stdio, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pmp-vault-conformance"));
    command.args(arguments).stdout(out).stderr(Stdio::piped()).output().unwrap_or_else(|error| panic!("{error}"))
}

#[rstest]
#[case(&["list"])]
#[case(&["explain", "service-account.custom"])]
#[case(&["print", "policy", "--namespace=app", "--secret-name=http://127.0.0.1:1/pmp-dev/admin"])]
#[case(&["self-test", "--list"])]
fn a_reader_who_has_read_enough_is_no_error_and_a_full_disk_is_one(#[case] arguments: &[&str]) {
    let (reader, writer) = std::io::pipe().unwrap_or_else(|error| panic!("{error}"));
    drop(reader);
    let closed = into(Stdio::from(writer), arguments);
    assert_eq!((closed.status.code(), closed.stderr.as_slice()), (Some(0), b"".as_slice()));

    let full = std::fs::File::options().write(true).open("/dev/full").unwrap_or_else(|error| panic!("{error}"));
    let full = into(Stdio::from(full), arguments);
    let said = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(3), "{said}");
    assert!(said.starts_with("error: not all could be written to the standard output: No space left"), "{said}");
}
