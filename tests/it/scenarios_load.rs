//! The scenarios that the harness carries are sound, and files that are not
//! sound are refused with file, line and remedy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pmp_vault_conformance::scenario::command::{Example, KEYS_PLACEHOLDER};
use pmp_vault_conformance::scenario::configuration::Literal;
use pmp_vault_conformance::scenario::load::{Catalogue, GROUPS, Problem};
use pmp_vault_conformance::scenario::model::Profile;
use rstest::rstest;

use crate::support::scenarios::{PERMITTED, embedded, load};

#[rstest]
fn every_file_loads_and_is_embedded(#[files("scenarios/**/*.yaml")] path: PathBuf) {
    let catalogue = embedded();
    let name = path.file_stem().unwrap().to_str().unwrap();
    let group = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let revision = path.parent().unwrap().parent().unwrap().ends_with("pages");
    if group == "catalogue" {
        assert!(["causes", "defects", "self-test"].contains(&name));
    } else if revision {
        assert!(catalogue.revisions.get(group).is_ok() && ["page", "commands", "blocks"].contains(&name));
    } else {
        assert!(GROUPS.contains(&group));
        let scenario = catalogue.get(&format!("{group}.{name}"));
        assert!(scenario.is_some(), "not embedded; touch src/scenario/load.rs so that it is built again");
    }
}

#[test]
fn a_folder_gives_the_same_as_what_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    assert_eq!(Catalogue::from_dir(&folder).unwrap_or_else(|error| panic!("{error}")), embedded());
}

#[test]
fn groups_stand_in_their_order_and_names_in_theirs() {
    let catalogue = embedded();
    let ids: Vec<_> = catalogue.scenarios.iter().map(|s| (s.group(), s.name())).collect();
    let mut sorted = ids.clone();
    sorted.sort_by_key(|(group, name)| (GROUPS.iter().position(|known| known == group).unwrap(), *name));
    assert_eq!(ids, sorted);
}

#[test]
fn the_core_profile_is_service_accounts_bindings_and_both_auth_methods() {
    let catalogue = embedded();
    let core = catalogue.scenarios.iter().filter(|scenario| scenario.profile == Profile::Core);
    let groups: Vec<_> = core.map(|scenario| scenario.group()).collect();
    let count = |wanted| groups.iter().filter(|group| **group == wanted).count();
    assert_eq!([count("service-account"), count("binding"), count("auth"), groups.len()], [7, 4, 3, 14]);
}

#[test]
fn every_combination_of_pod_and_service_account_automount_has_its_scenario() {
    let catalogue = embedded();
    for pod in ["on", "off", "unset"] {
        for account in ["on", "off", "unset"] {
            let scenario = catalogue.get(&format!("service-account.pod-{pod}-account-{account}")).unwrap();
            let mounted = pod == "on" || (pod == "unset" && account != "off");
            assert_eq!(scenario.expect.reads.is_some(), mounted, "{}", scenario.id);
        }
    }
}

#[test]
fn what_is_edited_while_the_app_runs_is_one_field_that_becomes_another() {
    let catalogue = embedded();
    let edited: Vec<_> = catalogue
        .scenarios
        .iter()
        .filter_map(|scenario| {
            let after = scenario.configuration();
            after.before_the_edit().map(|before| (scenario.name(), before.differences(&after).join(" ")))
        })
        .collect();
    let edited: Vec<(&str, &str)> = edited.iter().map(|(name, field)| (*name, field.as_str())).collect();
    let account = "runtime-service-account";
    let expected = [
        ("edited-back", account),
        ("edited-to-custom", account),
        ("edited-to-missing-account", account),
        ("operator-switched-on", "operator-automount"),
    ];
    assert_eq!(edited, expected);
}

#[test]
fn every_defect_of_a_command_is_the_known_deviation_of_a_scenario() {
    let catalogue = embedded();
    let known: BTreeSet<_> = catalogue
        .scenarios
        .iter()
        .filter_map(|scenario| scenario.known_deviation.as_ref())
        .map(|deviation| deviation.defect.as_str())
        .collect();
    for command in &catalogue.commands.commands {
        assert!(command.defect.as_deref().is_none_or(|defect| known.contains(defect)), "{}", command.id);
    }
}

#[test]
fn a_mended_run_types_method_2_in_place_of_method_1() {
    let commands = embedded().commands;
    let typed = |example, literal| -> Vec<String> {
        commands.typed(example, literal).map(|(command, _)| command.id[..3].trim_end_matches('-').to_owned()).collect()
    };
    let written = ["01", "02", "03", "04", "05", "06", "07", "11", "12a", "13", "14", "15"];
    assert_eq!(typed(Example::A, Literal::AsWritten), written);
    let mended = ["01", "02", "03", "04", "05", "08", "09", "10", "11", "12b", "13"];
    assert_eq!(typed(Example::B, Literal::Mended), mended);
    assert_eq!(typed(Example::A, Literal::No), [""; 0]);
}

#[test]
fn the_put_is_typed_with_the_harness_s_keys_as_written_and_mended() {
    let commands = embedded().commands;
    let put = commands.get("02-kv-put").unwrap();
    let written = put.typed(Example::A, Literal::AsWritten).unwrap();
    let mended = put.typed(Example::A, Literal::Mended).unwrap();
    assert_eq!(written.replace("/data/", "/"), mended);
    assert!(mended.contains(KEYS_PLACEHOLDER));
}

fn problems(files: &[(&str, &str)]) -> Vec<Problem> {
    load(files).expect_err("it must be refused").problems
}

/// A file whose first five lines are sound, with these lines after them.
fn scenario(rest: &str) -> String {
    format!("id: g.x\ntitle: X\npage: '#naming-convention'\nprofile: core\nbase: custom\n{rest}\n")
}

#[test]
fn a_folder_without_a_catalogue_takes_the_embedded_one() {
    let catalogue = load(&[("g/permitted.yaml", PERMITTED)]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(catalogue.scenarios.len(), 1);
    assert_eq!(catalogue.page, embedded().page);
}

#[test]
fn an_expectation_without_any_key_is_sound() {
    assert!(load(&[("g/x.yaml", &scenario("expect: {reads: []}"))]).is_ok());
}

#[test]
fn a_denial_with_a_control_that_differs_in_one_field_is_sound() {
    let denial = scenario(
        "change: {operator-automount: off}
control: g.permitted
expect: {stops-at: token, cause: token.not-mounted}",
    );
    assert!(load(&[("g/permitted.yaml", PERMITTED), ("g/x.yaml", &denial)]).is_ok());
}

#[rstest]
#[case::an_unknown_field("expect: {reads: all}\ncolour: red", 7, "unknown field `colour`", "scenarios/schema")]
#[case::an_unknown_field_to_change(
    "change:\n  colour: red\nexpect: {reads: all}",
    7,
    "unknown field `colour`",
    "scenarios/schema"
)]
#[case::a_field_twice("expect: {reads: all}\nbase: default", 7, "duplicate", "scenarios/schema")]
#[case::a_word_for_true("change:\n  enable-again: yes\nexpect: {reads: all}", 7, "boolean", "scenarios/schema")]
#[case::evidence_of_an_operator(
    "expect: {reads: all}\nevidence: operator-manifests",
    7,
    "known when a run has one",
    "evidence: stand-in"
)]
#[case::an_event_that_nobody_looks_at(
    "change: {day-two: policy-narrowed}\nexpect: {reads: all}",
    6,
    "nothing says what it sees",
    "Add `meanwhile`"
)]
#[case::a_look_at_no_event(
    "expect:\n  reads: all\n  meanwhile: {kept-token: reads, new-login: reads, within: 9, kept-token-mended: true}",
    8,
    "nothing happens while the app lives",
    "day-two: EVENT"
)]
#[case::an_event_beside_another_change(
    "change: {day-two: policy-narrowed, role-audience: true}\nexpect:\n  reads: all\n  meanwhile: {kept-token: reads, new-login: reads, within: 9, kept-token-mended: true}",
    6,
    "something else is changed as well",
    "Let the event alone differ"
)]
#[case::an_app_that_reads_some_keys_only_and_lives_on(
    "change: {day-two: policy-narrowed}\nexpect:\n  reads: []\n  meanwhile: {kept-token: reads, new-login: reads, within: 9, kept-token-mended: true}",
    9,
    "does not read all keys before and after",
    "reads: all"
)]
#[case::an_event_that_is_seen_no_sooner_than_late(
    "change: {day-two: policy-narrowed}\nexpect:\n  reads: all\n  meanwhile: {kept-token: reads, new-login: reads, not-before: 9, within: 9, kept-token-mended: true}",
    9,
    "it is not before `within`",
    "seconds after the event"
)]
#[case::an_app_that_lives_on_and_stops_at_its_boundary(
    "change: {day-two: policy-narrowed}\nexpect:\n  reads: all\n  meanwhile: {kept-token: {stops-for: boundary.list-allowed}, new-login: reads, within: 9, kept-token-mended: true}",
    9,
    "no cause of login, read or keys",
    "stops nowhere else"
)]
#[case::broken_yaml("expect: {reads: all", 6, "unclosed bracket", "scenarios/schema")]
#[case::reads_and_stops_at(
    "expect:\n  reads: all\n  stops-at: login\n  cause: login.role-not-found\nknown-deviation: {defect: d, claim: c, happens: h, stops-at: read, cause: read.secret-not-found, seen-on: []}",
    6,
    "both there",
    "Keep `reads`"
)]
#[case::neither_reads_nor_stops_at("expect:\n  unexpected: 1", 6, "neither", "Add `reads: all`")]
#[case::stops_at_without_a_cause(
    "control: g.permitted\nchange: {role: missing}\nexpect:\n  stops-at: login",
    9,
    "has no `cause`",
    "cause: login."
)]
#[case::a_cause_without_stops_at(
    "expect:\n  reads: all\n  cause: login.role-not-found",
    8,
    "without `stops-at`",
    "remove the cause"
)]
#[case::a_cause_of_another_stage(
    "control: g.permitted\nchange: {role: missing}\nexpect:\n  stops-at: login\n  cause: read.policy-denies",
    10,
    "not of stage login",
    "login."
)]
#[case::an_unknown_cause(
    "control: g.permitted\nchange: {role: missing}\nexpect:\n  stops-at: login\n  cause: login.role-not-fond",
    10,
    "not in the catalogue",
    "Did you mean login.role-not-found"
)]
#[case::an_unknown_key(
    "expect:\n  reads:\n    - Email.SMTPPassword\n    - Email.SmtpPasswort",
    9,
    "`Email.SmtpPasswort`",
    "Did you mean Email.SMTPPassword"
)]
#[case::a_key_twice(
    "expect:\n  reads:\n    - Email.SMTPPassword\n    - Email.SMTPPassword",
    8,
    "listed twice",
    "scenarios/schema"
)]
#[case::keys_at_another_stage(
    "control: g.permitted\nchange: {role: missing}\nexpect:\n  stops-at: login\n  cause: login.role-not-found\n  keys: all",
    11,
    "without `stops-at: keys`",
    "Remove it"
)]
#[case::stops_at_keys_without_keys(
    "control: g.permitted\nchange: {stored: nested}\nexpect:\n  stops-at: keys\n  cause: keys.not-a-string",
    9,
    "has no `keys`",
    "keys: all"
)]
#[case::nothing_enabled_again(
    "expect:\n  reads: all\n  enable-again-refused: true",
    8,
    "nothing is enabled again",
    "enable-again: true"
)]
#[case::a_block_without_its_steps(
    "change: {auth-method: generic-block}\nexpect:\n  reads: all",
    7,
    "nothing says what comes of its steps",
    "Add `block: [STEP…]`"
)]
#[case::steps_without_a_block("expect:\n  reads: all\n  block: [issuer]", 8, "no block is typed", "auth-method")]
#[case::an_unknown_step(
    "change: {auth-method: generic-block}\nexpect:\n  reads: all\n  block:\n    - isuer",
    10,
    "no step of a block",
    "Did you mean issuer"
)]
#[case::how_a_block_is_typed_where_none_is(
    "change:\n  jq: false\nexpect: {reads: all}",
    7,
    "`jq` is how a block is typed by itself",
    "Name a block"
)]
#[case::failing_commands_where_none_is_typed(
    "expect:\n  reads: all\n  fails: [02-kv-put]",
    8,
    "none of the page's commands is typed",
    "Add `literal`"
)]
#[case::an_unknown_command(
    "change: {literal: mended}\nexpect:\n  reads: all\n  fails:\n    - 02-kv-putt",
    10,
    "no command of the page",
    "Did you mean 02-kv-put"
)]
#[case::a_denial_without_a_control(
    "change: {role: missing}\nexpect:\n  stops-at: login\n  cause: login.role-not-found",
    8,
    "no control",
    "Add `control: ID`"
)]
#[case::an_unknown_control(
    "control: g.permited\nchange: {role: missing}\nexpect: {stops-at: login, cause: login.role-not-found}",
    6,
    "does not exist",
    "Did you mean g.permitted"
)]
#[case::a_control_that_differs_in_two_fields(
    "control: g.permitted\nchange: {role: missing, policy: missing}\nexpect: {stops-at: login, cause: login.role-not-found}",
    6,
    "in policy, role, not in one field",
    "differs in one field"
)]
#[case::a_control_that_differs_in_nothing(
    "control: g.permitted\nexpect: {stops-at: login, cause: login.role-not-found}",
    6,
    "in no field",
    "differs in one field"
)]
#[case::a_permitted_scenario_with_a_control(
    "control: g.permitted\nchange: {role: missing}\nexpect: {reads: all}",
    6,
    "permitted scenario has a control",
    "Remove it"
)]
#[case::a_deviation_beside_a_denial(
    "control: g.permitted\nchange: {role: missing}\nexpect: {stops-at: login, cause: login.role-not-found}\nknown-deviation: {defect: d, claim: c, happens: h, stops-at: read, cause: read.secret-not-found, seen-on: [x]}",
    9,
    "beside an expected denial",
    "use `reads`"
)]
#[case::a_deviation_with_an_unknown_cause(
    "expect: {reads: all}\nknown-deviation:\n  defect: d\n  claim: c\n  happens: h\n  stops-at: read\n  cause: read.nothing\n  seen-on: [x]",
    12,
    "not in the catalogue",
    "catalogue/causes.yaml"
)]
#[case::a_deviation_that_nobody_saw(
    "expect: {reads: all}\nknown-deviation:\n  defect: d\n  claim: c\n  happens: h\n  stops-at: read\n  cause: read.secret-not-found\n  seen-on: []",
    13,
    "seen on no version",
    "Name the versions"
)]
fn a_scenario_is_refused_with(#[case] rest: &str, #[case] line: usize, #[case] message: &str, #[case] remedy: &str) {
    let found = problems(&[("g/permitted.yaml", PERMITTED), ("g/x.yaml", &scenario(rest))]);
    let problem = &found[0];
    let shown = problem.to_string();
    assert!(problem.file.ends_with("g/x.yaml"), "{shown}");
    assert_eq!(problem.line, Some(line), "{shown}");
    assert!(shown.contains(&format!("g/x.yaml:{line}: ")), "{shown}");
    assert!(problem.message.contains(message), "{shown}");
    assert!(problem.remedy.contains(remedy), "{shown}");
    assert!(!problem.message.contains('\n'), "{shown}");
}

#[rstest]
#[case::an_anchor_that_the_page_lacks(
    "id: g.x\ntitle: X\npage: '#naming'\nprofile: core\nbase: custom\nexpect: {reads: all}\n",
    3,
    "not an anchor",
    "#naming-convention"
)]
#[case::an_id_that_is_not_its_path(
    "id: g.y\ntitle: X\npage: '#naming-convention'\nprofile: core\nbase: custom\nexpect: {reads: all}\n",
    1,
    "does not agree",
    "id: g.x"
)]
#[case::an_empty_file("", 1, "", "scenarios/schema")]
fn a_file_is_refused_with(#[case] text: &str, #[case] line: usize, #[case] message: &str, #[case] remedy: &str) {
    let found = problems(&[("g/x.yaml", text)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].line, Some(line), "{}", found[0]);
    assert!(found[0].message.contains(message) && found[0].remedy.contains(remedy), "{}", found[0]);
}

#[test]
fn an_id_that_two_files_have_is_refused_in_both() {
    let found = problems(&[("g/permitted.yaml", PERMITTED), ("g/other.yaml", PERMITTED)]);
    let twins: Vec<_> = found.iter().filter(|problem| problem.message.contains("is also that of")).collect();
    assert_eq!(twins.len(), 2, "{found:?}");
    assert!(twins.iter().all(|problem| problem.line == Some(1)));
}

#[test]
fn a_control_that_is_a_denial_itself_is_refused() {
    let denial = |id: &str, control: &str, change: &str| {
        scenario(&format!(
            "change: {{{change}}}\ncontrol: {control}\nexpect: {{stops-at: login, cause: login.role-not-found}}"
        ))
        .replace("g.x", id)
    };
    let first = denial("g.first", "g.permitted", "role: missing");
    let second = denial("g.second", "g.first", "role: missing, policy: missing");
    let found = problems(&[("g/permitted.yaml", PERMITTED), ("g/first.yaml", &first), ("g/second.yaml", &second)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].file.ends_with("g/second.yaml") && found[0].line == Some(7), "{}", found[0]);
    assert!(found[0].message.contains("not permitted itself"), "{}", found[0]);
}

#[test]
fn a_denial_whose_control_does_not_parse_is_not_reported_too() {
    let denial = scenario(
        "change: {role: missing}\ncontrol: g.permitted\nexpect: {stops-at: login, cause: login.role-not-found}",
    );
    let found = problems(&[("g/permitted.yaml", "id: ["), ("g/x.yaml", &denial)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].file.ends_with("g/permitted.yaml"));
}

#[rstest]
#[case::a_cause_twice(
    "causes",
    "causes:\n  - &c {id: pod.a, title: t, meaning: m, remedy: r, signatures: [{status: 1}], seen-on: []}\n  - *c\n",
    3,
    "there twice"
)]
#[case::a_cause_without_a_stage(
    "causes",
    "causes:\n  - {id: nowhere.a, title: t, meaning: m, remedy: r, signatures: [{status: 1}], seen-on: []}\n",
    2,
    "names no stage"
)]
#[case::a_cause_that_nothing_shows(
    "causes",
    "causes:\n  - id: pod.a\n    title: t\n    meaning: m\n    remedy: r\n    seen-on: []\n    signatures: [{}]\n",
    7,
    "never be seen"
)]
#[case::a_cause_that_nothing_names(
    "causes",
    "causes:\n  - id: pod.a\n    title: t\n    meaning: m\n    remedy: r\n    seen-on: []\n",
    2,
    "neither signatures nor `stated-by`"
)]
#[case::a_cause_that_is_seen_and_stated(
    "causes",
    "causes:\n  - id: pod.a\n    title: t\n    meaning: m\n    remedy: r\n    seen-on: []\n    signatures: [{status: 1}]\n    stated-by: s\n",
    8,
    "both signatures and `stated-by`"
)]
fn a_catalogue_is_refused_with(#[case] name: &str, #[case] text: &str, #[case] line: usize, #[case] message: &str) {
    let found = problems(&[("g/permitted.yaml", PERMITTED), (&format!("catalogue/{name}.yaml"), text)]);
    let problem = &found[0];
    assert!(problem.file.ends_with(&format!("catalogue/{name}.yaml")), "{problem}");
    assert!(problem.message.contains(message), "{problem}");
    assert_eq!(problem.line, Some(line), "{problem}");
    assert!(!problem.remedy.is_empty());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let found = problems(&[
        ("g/a.yaml", "id: ["),
        ("g/b.yml", PERMITTED),
        ("g/deep/c.yaml", PERMITTED),
        ("stray.yaml", PERMITTED),
        ("g/x.yaml", &scenario("control: g.nowhere\nexpect: {stops-at: token, cause: token.nothing}")),
    ]);
    let files: Vec<_> = found.iter().map(|problem| problem.file.rsplit('/').next().unwrap()).collect();
    assert_eq!(files, ["a.yaml", "b.yml", "c.yaml", "x.yaml", "x.yaml", "stray.yaml"], "{found:?}");
    assert!(found.iter().all(|problem| problem.line.is_some() && !problem.remedy.is_empty()));
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("g")).unwrap();
    std::fs::write(folder.path().join("g/x.yaml"), b"id: g.x\ntitle: \xff\n").unwrap();
    let found = Catalogue::from_dir(folder.path()).expect_err("it must be refused").problems;
    assert_eq!(found[0].line, Some(2), "{}", found[0]);
}

#[rstest]
#[case::is_not_there("nowhere", "cannot be read")]
#[case::is_empty("", "no scenario file")]
fn a_folder_is_refused_that(#[case] name: &str, #[case] message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = Catalogue::from_dir(&folder.path().join(name)).expect_err("it must be refused");
    assert!(error.to_string().contains(message), "{error}");
}
