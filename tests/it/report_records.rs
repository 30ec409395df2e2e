//! What is drawn of JSON records: pages, summaries, differences, matrices; what is no record; failures that are known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pmp_vault_conformance::event::{Exit, RunKind, RunResult};
use pmp_vault_conformance::page::{CauseId, Stage};
use pmp_vault_conformance::redact::Redactor;
use pmp_vault_conformance::report::baseline::{Baseline, Entry};
use pmp_vault_conformance::report::detail::Detail;
use pmp_vault_conformance::report::diff::{Effect, FailOn, compare};
use pmp_vault_conformance::report::job_summary::Place;
use pmp_vault_conformance::report::json::Report;
use pmp_vault_conformance::report::{self, diff, html, job_summary, merge, record};
use pmp_vault_conformance::verdict::result::Known;
use pmp_vault_conformance::verdict::{Deny, Verdict};
use proptest::prelude::*;
use rstest::rstest;

use crate::support::cli::program;
use crate::support::junit::check_junit;
use crate::support::report as support;

fn record_of(result: &RunResult) -> Report {
    let rendered = report::render(result, &support::no_causes(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap();
    serde_json::from_str(&rendered.json).unwrap()
}

fn written(folder: &Path, name: &str, result: &RunResult) -> PathBuf {
    let rendered = report::render(result, &support::no_causes(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, rendered.json).unwrap();
    path
}

/// The tags of a page with their attributes, style and script left out.
fn tags(page: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with(['/', '!']) {
            continue;
        }
        let end = rest.find('>').unwrap();
        let (tag, behind) = (&rest[..end], &rest[end + 1..]);
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
        let mut attributes = BTreeMap::new();
        let mut inner = &tag[name.len()..];
        while let Some((key, value)) = inner.split_once("=\"") {
            let (value, behind) = value.split_once('"').unwrap();
            attributes.insert(key.split_whitespace().last().unwrap().to_owned(), value.to_owned());
            inner = behind;
        }
        rest = match name.as_str() {
            "style" | "script" => &behind[behind.find(&format!("</{name}>")).unwrap()..],
            _ => behind,
        };
        tags.push((name, attributes));
    }
    tags
}

const TAGS: [&str; 54] = [
    "html", "head", "meta", "title", "style", "body", "a", "header", "p", "h1", "h2", "h3", "span", "svg", "rect",
    "ul", "li", "b", "small", "dl", "div", "dt", "dd", "nav", "main", "section", "article", "pre", "code", "strong",
    "table", "thead", "tbody", "tr", "th", "td", "i", "polygon", "text", "form", "label", "input", "fieldset",
    "legend", "button", "output", "details", "summary", "ol", "line", "g", "script", "em", "br",
];

fn is_harmless(page: &str) {
    let tags = tags(page);
    let names: BTreeSet<&str> = tags.iter().map(|(name, _)| name.as_str()).collect();
    let unknown: Vec<&&str> = names.iter().filter(|name| !TAGS.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for name in ["script", "style"] {
        assert_eq!(tags.iter().filter(|(tag, _)| tag == name).count(), 1, "{name}");
    }
    for (name, attributes) in &tags {
        for (attribute, value) in attributes {
            assert!(!attribute.starts_with("on") && attribute != "style" && attribute != "src", "{name} {attribute}");
            let sound = ["#", "https://", "http://"].iter().any(|start| value.starts_with(start));
            assert!(attribute != "href" || sound, "{value}");
        }
    }
}

#[test]
fn a_page_counts_what_the_record_counts() {
    let report = record_of(&support::everything());
    let page = html::page(&report).unwrap();
    let tags = tags(&page);
    let having = |attribute: &str, value: &str| {
        tags.iter().filter(|(_, attributes)| attributes.get(attribute).is_some_and(|own| own == value)).count()
    };
    for (verdict, scenarios, cases) in [
        ("conformant", report.summary.scenarios.conformant, report.summary.cases.conformant),
        ("known-deviation", report.summary.scenarios.known_deviation, report.summary.cases.known_deviation),
        ("nonconformant", report.summary.scenarios.nonconformant, report.summary.cases.nonconformant),
        ("inconclusive", report.summary.scenarios.inconclusive, report.summary.cases.inconclusive),
        ("skipped", report.summary.scenarios.skipped, report.summary.cases.skipped),
    ] {
        assert!(scenarios > 0);
        assert_eq!(having("data-verdict", verdict), scenarios, "{verdict}");
        let count = tags.iter().find(|(_, attributes)| attributes.get("data-count").is_some_and(|own| own == verdict));
        let count = &count.unwrap().1;
        assert_eq!((&*count["data-scenarios"], &*count["data-cases"]), (&*scenarios.to_string(), &*cases.to_string()));
    }
    let stages: usize = report.scenarios.iter().map(|scenario| scenario.stages.len()).sum();
    let shown = tags.iter().filter(|(_, attributes)| attributes.contains_key("data-stage")).count();
    assert_eq!(shown, stages);
    assert_eq!(
        tags.iter().filter(|(_, attributes)| attributes.contains_key("data-chip")).count(),
        report.scenarios.len()
    );
    let keys: usize = report.scenarios.iter().map(|scenario| scenario.keys.len()).sum();
    let cells = page.split("<tbody>").find(|part| part.contains("data-row=")).unwrap().matches("<td").count();
    assert_eq!(cells, keys);
    is_harmless(&page);
}

#[test]
fn what_is_wrong_comes_first_with_what_to_do() {
    let mut report = record_of(&support::run());
    let failed = report.scenarios.iter_mut().find(|scenario| scenario.verdict == Verdict::Nonconformant).unwrap();
    let answer = failed.answer.as_mut().unwrap();
    (answer.what, answer.todo) = ("The role binds another account.".to_owned(), "Write the role anew.".to_owned());
    answer.commands = vec!["vault write auth/kubernetes/role/x".to_owned()];
    let page = html::page(&report).unwrap();
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let order = [
        "<h1>",
        "The role binds another account.",
        "Write the role anew.",
        "vault write auth",
        "id=\"findings\"",
        "id=\"matrix\"",
        "id=\"way\"",
        "id=\"keys\"",
        "id=\"timeline\"",
        "id=\"evidence\"",
    ];
    assert!(order.map(at).is_sorted(), "{:?}", order.map(at));
    let summary = job_summary::markdown(&report, Place::GithubComment.limit());
    insta::assert_snapshot!(summary);
}

#[test]
fn a_page_of_109_scenarios_and_30_keys_is_below_one_and_a_half_megabytes() {
    let mut result = support::run();
    let one = result.scenarios.remove(4);
    let key = one.cases.last().unwrap().clone();
    result.scenarios = (0..109)
        .map(|number| {
            let mut scenario = one.clone();
            scenario.id = format!("binding.a-scenario-with-a-name-{number}");
            scenario.cases.extend((3..30).map(|_| key.clone()));
            scenario
        })
        .collect();
    let size = html::page(&record_of(&result)).unwrap().len();
    assert!(size < 1_500_000, "{size}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn no_text_of_a_record_is_more_than_text_on_a_page(texts in proptest::collection::vec(hostile(), 1..8)) {
        let (result, _) = support::fill(&support::everything(), &texts);
        let report = record_of(&result);
        is_harmless(&html::page(&report).unwrap());
        let runs = [(None, report.clone()), (Some(texts[0].clone()), report.clone())];
        let merged = merge::merge(&runs);
        is_harmless(&html::matrix(&merged).unwrap());
        prop_assert!(job_summary::markdown(&report, 9000).len() <= 9000);
        for detail in [Detail::Scenario, Detail::Stage, Detail::Key] {
            check_junit(&merge::junit(&merged, &runs, detail).unwrap());
        }
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => support::any_text(),
        1 => Just("<script>alert(1)</script>".to_owned()),
        1 => Just("\"><img src=x onerror=alert(1)>".to_owned()),
        1 => Just("' onmouseover='alert(1)".to_owned()),
        1 => Just("\" onfocus=\"alert(1)\" autofocus=\"".to_owned()),
        1 => Just("javascript:alert(1)".to_owned()),
        1 => Just("</style></script><iframe>".to_owned()),
        1 => Just("{{ 7 * 7 }}{% raw %}".to_owned()),
    ]
}

#[test]
fn no_text_of_a_record_is_more_than_text_in_markdown() {
    let texts = ["<img src=x> | `a` @all #1".to_owned(), "![x](https://evil)\n# heading".to_owned()];
    let (result, _) = support::fill(&support::run(), &texts);
    let report = record_of(&result);
    let merged = merge::merge(&[(None, report.clone()), (None, report.clone())]);
    let compared = compare(&record_of(&support::run()), &report);
    for text in [
        job_summary::markdown(&report, 65_536),
        merge::markdown(&merged, merge::Shown::All, 65_536),
        diff::markdown(&compared, 65_536),
    ] {
        for line in text.lines() {
            assert!(!line.starts_with("# heading") && !line.trim_start().starts_with("<img"), "{line}");
            let prose = without_code(line);
            assert!(!prose.contains("![x]") && !prose.replace("\\<", "").contains("<img"), "{line}");
        }
    }
}

/// What stands between as many back quotes as it began with is text.
fn without_code(line: &str) -> String {
    let (mut prose, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        let row = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        prose.push_str(&rest[..at]);
        let inner = &rest[at + row..];
        let ends = |from: &usize| {
            let behind = &inner[*from..];
            behind.len() - behind.trim_start_matches('`').len() == row && !inner[..*from].ends_with('`')
        };
        if prose.ends_with('\\') {
            rest = inner;
            continue;
        }
        let end = (0..inner.len()).filter(|from| inner.is_char_boundary(*from)).find(ends).expect("code that ends");
        rest = &inner[end + row..];
    }
    prose + rest
}

#[rstest]
#[case::comment(Place::GithubComment)]
#[case::summary(Place::GithubSummary)]
#[case::gitlab(Place::Gitlab)]
fn a_summary_fits_in_its_place_and_says_what_it_left_out(#[case] place: Place) {
    let mut result = support::run();
    let one = result.scenarios.remove(4);
    result.scenarios = (0..5000)
        .map(|number| {
            let mut it = one.clone();
            it.id = format!("a.s{number}");
            it
        })
        .collect();
    let text = job_summary::markdown(&record_of(&result), place.limit());
    assert!(text.len() <= place.limit() && text.len() > place.limit() / 2, "{}", text.len());
    assert!(text.contains("more did not fit here"), "{}", &text[text.len() - 200..]);
}

#[rstest]
#[case::nothing_there(None, &["cannot read", "that `--json`"])]
#[case::empty(Some(" \n"), &["is empty", "run it again"])]
#[case::xml(Some("<testsuites/>"), &["is not JSON", "line 1", "not that of `--junit`"])]
#[case::cut_off(Some("{\"schema-version\": 1, \"run\": {"), &["is not JSON", "cut off"])]
#[case::of_something_else(Some("{\"a\": 1}"), &["no report of this program", "`schema-version`"])]
#[case::a_list(Some("[1]"), &["no report of this program"])]
#[case::newer(Some("{\"schema-version\": 7}"), &["schema-version 7", "reads 1", "take the program that wrote it"])]
#[case::not_whole(Some("{\"schema-version\": 1,\n \"run\": 3}"), &["not whole", "line 2", "get it again"])]
fn what_is_no_record_is_refused_with_what_where_and_how_to_mend_it(
    #[case] content: Option<&str>,
    #[case] says: &[&str],
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    if let Some(content) = content {
        std::fs::write(&path, content).unwrap();
    }
    let output = folder.path().join("page.html");
    let ended =
        program(folder.path()).args(["report", "html"]).arg(&path).arg("--output").arg(&output).output().unwrap();
    let error = String::from_utf8(ended.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ended.status.code(), Some(2), "{error}");
    for words in says {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert!(error.contains("record.json") && !output.exists());
}

#[test]
fn a_folder_is_no_record_and_a_token_in_one_does_not_get_out() {
    let folder = tempfile::tempdir().unwrap();
    let error = record::read(folder.path(), &Redactor::new()).unwrap_err();
    assert!(error.remedy().contains("the file in it"), "{error}");
    let mut result = support::run();
    result.problems = vec!["a problem".to_owned()];
    let path = written(folder.path(), "r.json", &result);
    let token = format!("hvs.{}", "A".repeat(40));
    let text = std::fs::read_to_string(&path).unwrap().replace("a problem", &token);
    std::fs::write(&path, text).unwrap();
    let report = record::read(&path, &Redactor::new()).unwrap();
    assert_eq!(report.problems, ["[redacted]"]);
}

#[test]
fn a_difference_says_what_became_worse_better_new_and_vanished_and_leaves_ids_of_runs_aside() {
    let mut base = support::run();
    let mut new = base.clone();
    new.facts.id = "r9zz".to_owned();
    new.facts.versions.insert("vault".to_owned(), "1.22.0".to_owned());
    let by_id = |id: &str| base.scenarios.iter().position(|scenario| scenario.id == id).unwrap();
    let (worse, better) = (by_id("operator.field-unset"), by_id("binding.custom-as-default"));
    new.scenarios[worse].verdict = Verdict::Nonconformant;
    new.scenarios[worse].cases[2].verdict = Verdict::Nonconformant;
    new.scenarios[worse].observed.stage = Some(Stage::Login);
    new.scenarios[better].verdict = Verdict::Conformant;
    let server = |run: &str| Some(format!("User {run}-x at 10.0.0.3:45123"));
    let (texts, reason) = (by_id("secret.kv-put-as-documented"), by_id("literal.example-a"));
    new.scenarios[texts].observed.server = server("r9zz");
    base.scenarios[texts].observed.server = server("r4k2");
    new.scenarios[reason].reason = "another reason".to_owned();
    let gone = new.scenarios.remove(0);
    new.scenarios.push(support::scenario("url.new", "New", Verdict::Conformant, ""));

    let compared = compare(&record_of(&base), &record_of(&new));
    let effects: Vec<_> = compared.scenarios.iter().map(|change| (change.scenario.as_str(), change.effect)).collect();
    assert_eq!(
        effects,
        [
            ("operator.field-unset", Effect::Worse),
            (&*gone.id, Effect::Worse),
            ("binding.custom-as-default", Effect::Better),
            ("literal.example-a", Effect::Changed),
            ("url.new", Effect::Changed),
        ]
    );
    assert_eq!(compared.facts.keys().collect::<Vec<_>>(), ["version of vault"]);
    insta::assert_snapshot!(diff::markdown(&compared, 65_536));
    assert!(FailOn::Worse.fails(&compared) && FailOn::Changed.fails(&compared) && !FailOn::Nothing.fails(&compared));
    let same = compare(&record_of(&base), &record_of(&base));
    assert!(same.scenarios.is_empty() && !FailOn::Changed.fails(&same));
}

#[test]
fn a_key_that_fails_or_a_warning_that_comes_makes_a_scenario_worse_whose_verdict_stays() {
    let base = record_of(&support::run());
    let mut new = base.clone();
    new.scenarios[0].keys[0].verdict = Verdict::Nonconformant;
    new.scenarios[1].keys[0].warning = true;
    let compared = compare(&base, &new);
    let worse: Vec<_> = compared.scenarios.iter().map(|change| (change.effect, change.cases.len())).collect();
    assert_eq!(worse, [(Effect::Worse, 1), (Effect::Worse, 1)]);
}

#[test]
fn the_command_line_draws_files_and_ends_with_1_where_something_became_worse() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let base = written(folder.path(), "base.json", &support::run_of(&[Verdict::Conformant]));
    let new = written(folder.path(), "new.json", &support::run_of(&[Verdict::Nonconformant]));
    let run = |arguments: &[&str]| program(folder.path()).current_dir(folder.path()).args(arguments).output().unwrap();
    let (base, new) = (base.to_str().unwrap(), new.to_str().unwrap());
    for (arguments, code) in [
        (vec!["report", "diff", base, new], 1),
        (vec!["report", "diff", base, new, "--fail-on", "nothing", "--json", "diff.json", "--markdown", "diff.md"], 0),
        (vec!["report", "diff", new, base], 0),
        (vec!["report", "diff", new, base, "--fail-on", "changed"], 1),
        (
            vec![
                "report",
                "merge",
                &format!("before={base}"),
                new,
                "--html",
                "m.html",
                "--markdown",
                "m.md",
                "--junit",
                "m.xml",
                "--json",
                "m.json",
                "--junit-detail",
                "stage",
            ],
            0,
        ),
        (vec!["report", "summary", new, "--for", "gitlab", "--output", "s.md"], 0),
        (vec!["report", "html", new, "--output", "p.html"], 0),
        (vec!["report", "html", new, "--output", "no/folder/p.html"], 2),
    ] {
        let ended = run(&arguments);
        assert_eq!(ended.status.code(), Some(code), "{arguments:?} {}", String::from_utf8_lossy(&ended.stderr));
    }
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let compared: serde_json::Value = serde_json::from_str(&read("diff.json")).unwrap();
    assert_eq!((&compared["worse"], &compared["schema-version"]), (&1.into(), &1.into()));
    assert!(read("diff.md").contains("1 scenario worse") && read("s.md").contains("✗"));
    assert!(read("m.md").contains("1 scenario in 2 runs: 1 needs a look") && read("m.md").contains("before"));
    assert!(read("m.md").contains("### Otherwise than in before"), "{}", read("m.md"));
    let merged: serde_json::Value = serde_json::from_str(&read("m.json")).unwrap();
    assert_eq!((&merged["schema-version"], merged["columns"].as_array().unwrap().len()), (&1.into(), 2));
    let junit = check_junit(&read("m.xml"));
    let cases: Vec<_> = junit.children.iter().flat_map(|suite| suite.named("testcase")).collect();
    assert_eq!((cases.len(), junit.count("failures")), (2 * Stage::ALL.len(), Stage::ALL.len()), "{}", read("m.xml"));
    assert!(cases.iter().all(|case| case.attributes["name"].contains(": stage ")), "{cases:?}");
    is_harmless(&read("m.html"));
    is_harmless(&read("p.html"));
    let said = run(&["report", "summary", new]);
    assert!(String::from_utf8(said.stdout).unwrap().starts_with("## ✗"));
}

#[test]
fn many_runs_are_one_matrix_whose_columns_are_called_by_what_sets_them_apart() {
    let run = |version: &str, verdicts: &[Verdict]| {
        let mut result = support::run_of(verdicts);
        result.facts.versions.insert("vault".to_owned(), version.to_owned());
        (None, record_of(&result))
    };
    let two = [Verdict::Conformant, Verdict::KnownDeviation];
    let merged = merge::merge(&[run("1.20.0", &two), run("1.21.0", &[Verdict::Inconclusive]), run("1.21.0", &two)]);
    let names: Vec<&str> = merged.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["vault 1.20.0", "vault 1.21.0", "vault 1.21.0 (r4k2, 3)"]);
    let rows: Vec<_> =
        merged.rows.iter().map(|row| (row.id.as_str(), row.wrong(), row.cells.iter().flatten().count())).collect();
    assert_eq!(rows, [("group.s0", true, 3), ("group.s1", false, 2)]);
}

#[test]
fn what_is_otherwise_than_in_the_first_run_is_said_once_for_all_that_agree_and_without_a_runs_own_names() {
    let run = |text: &str| {
        let mut result = support::run_of(&[Verdict::Conformant, Verdict::Conformant]);
        for scenario in &mut result.scenarios {
            scenario.observed.text = text.to_owned();
        }
        record_of(&result)
    };
    let [a, b, c, d] = ["no route to 127.3.4.5:6443", "no route to 127.0.0.9:6443", "no token", "no token"].map(run);
    let merged = merge::merge(&[a, b, c, d].map(|report| (None, report)));
    let found: Vec<_> = merged
        .differences
        .iter()
        .map(|it| (it.scenario.as_str(), it.what.as_str(), it.first.as_deref(), it.other.as_deref(), it.on.len()))
        .collect();
    let same = |scenario| (scenario, "observed.text", Some("no route to #:#"), Some("no token"), 2);
    assert_eq!(found, [same("group.s0"), same("group.s1")]);
    let text = merge::markdown(&merged, merge::Shown::Differing, 65_536);
    assert!(text.contains("2 scenarios alike in verdict and stage in every run"), "{text}");
    assert!(text.contains("| `group.s0`, `group.s1` | observed.text | `no route to #:#` | `no token` |"), "{text}");
    let alone = merge::merge(&[(None, record_of(&support::run_of(&[Verdict::Conformant])))]);
    assert!(alone.differences.is_empty());
}

#[test]
fn a_known_failure_fails_neither_the_run_nor_its_case_and_every_report_says_who_has_it() {
    let mut result = support::run_of(&[Verdict::Nonconformant, Verdict::Conformant]);
    let entry = |expires: &str| Entry {
        scenario: "group.s0".to_owned(),
        cause: None,
        owner: "team vault".to_owned(),
        expires: expires.to_owned(),
        why: "ticket 7".to_owned(),
    };
    let today = jiff::civil::date(2026, 11, 27);
    let notes = Baseline { known_failures: vec![entry("2026-11-26")] }.apply(&mut result.scenarios, today);
    assert_eq!(notes, ["the baseline let group.s0 pass until 2026-11-26 (owner: team vault)"]);
    let render = |result: &RunResult| {
        report::render(result, &support::no_causes(), &Redactor::new(), Deny::Nothing, Detail::Key).unwrap()
    };
    assert_eq!(render(&result).exit, Exit::Failed);
    let notes = Baseline { known_failures: vec![entry("2026-11-27")] }.apply(&mut result.scenarios, today);
    assert!(notes.is_empty());
    let known = Known { owner: "team vault".to_owned(), expires: "2026-11-27".to_owned(), why: "ticket 7".to_owned() };
    assert_eq!(result.scenarios[0].known, Some(known));
    let rendered = render(&result);
    assert_eq!(rendered.exit, Exit::Passed);
    assert!(
        rendered.junit.contains("failures=\"0\"") && rendered.junit.contains("known until 2026-11-27 (team vault)")
    );
    let report: Report = serde_json::from_str(&rendered.json).unwrap();
    assert_eq!((report.summary.scenarios.nonconformant, report.scenarios[0].verdict), (1, Verdict::Nonconformant));
    assert!(report.conclusion.contains("1 known failure left out"), "{}", report.conclusion);
    let page = html::page(&report).unwrap();
    assert!(page.contains("Known failures") && page.contains("until 2026-11-27, owner team vault: ticket 7"));
    assert!(page.contains("Nothing that was observed needs to be mended"));
    assert!(job_summary::markdown(&report, 65_536).contains("owner team vault"));
}

#[rstest]
#[case::not_there(None, "cannot read the baseline")]
#[case::a_field_too_many(
    "known-failures: [{scenario: auth.issuer, owner: a, expires: 2026-01-01, why: b, x: 1}]",
    "unknown field"
)]
#[case::no_owner("known-failures: [{scenario: auth.issuer, expires: 2026-01-01, why: b}]", "owner")]
#[case::no_day("known-failures: [{scenario: auth.issuer, owner: a, expires: soon, why: b}]", "expires is `soon`")]
#[case::empty("known-failures: [{scenario: auth.issuer, owner: ' ', expires: 2026-01-01, why: b}]", "empty owner")]
#[case::unknown(
    "known-failures: [{scenario: auth.nothing, owner: a, expires: 2026-01-01, why: b}]",
    "no scenario `auth.nothing`"
)]
fn a_baseline_that_is_not_as_it_should_be_is_refused_before_the_run(
    #[case] content: impl Into<Option<&'static str>>,
    #[case] says: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baseline.yaml");
    if let Some(content) = content.into() {
        std::fs::write(&path, content).unwrap();
    }
    let ended = program(folder.path()).args(["run", "--baseline"]).arg(&path).output().unwrap();
    let error = String::from_utf8(ended.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ended.status.code(), Some(2), "{error}");
    assert!(error.contains(says), "{error}");
}

#[test]
fn a_check_shows_its_answer_its_remedy_and_its_ledger() {
    let mut result = support::everything();
    result.facts.kind = RunKind::Customer;
    let mut report = record_of(&result);
    let warned = CauseId::new("login.http-without-tls");
    let scenario = &mut report.scenarios[0];
    scenario.to_mend = vec![
        serde_json::from_value(serde_json::json!({
            "cause": warned, "what": "There is no TLS.", "todo": "Use https.", "commands": ["kubectl edit x"]
        }))
        .unwrap(),
    ];
    let page = html::page(&report).unwrap();
    for text in
        ["It works, and should be mended", "There is no TLS.", "kubectl edit x", "/v1/sys/health", "id=\"ledger\""]
    {
        assert!(page.contains(text), "{text}");
    }
}
