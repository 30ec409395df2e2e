//! The revisions of the page: what each lists, what a scenario is by each, and what is refused.

use std::collections::BTreeSet;
use std::path::Path;

use pmp_vault_conformance::page::{Page, Reads, Stage};
use pmp_vault_conformance::scenario::load::Catalogue;
use pmp_vault_conformance::scenario::revisions::{DEFAULT, difference};
use pmp_vault_conformance::verdict::Verdict;
use pmp_vault_conformance::verdict::oracle::{Oracle, skipped};
use rstest::rstest;

use crate::support::scenarios::{PERMITTED, embedded, load};

/// A revision of somebody's own, with these lines at its end.
fn of_ones_own(rest: &str) -> String {
    format!(
        "id: ours\ntitle: T\nurl: https://x/\ncommands-of: 30-keys\nanchors: {{secret: '#naming-convention', keys: '#b', auth: '#c', \
         kubernetes: '#d', credentials: '#e'}}\n{rest}\n"
    )
}

#[test]
fn a_revision_is_what_its_name_says() {
    for page in embedded().revisions.pages() {
        if let Some(number) = page.id.strip_suffix("-keys") {
            assert_eq!(page.keys.len().to_string(), number, "{}", page.id);
        }
    }
    assert_eq!(embedded().page.id, DEFAULT);
}

#[test]
fn what_is_read_of_the_pages_example_is_what_each_revision_lists_of_it() {
    for id in embedded().revisions.0.into_keys() {
        let catalogue = embedded().on_page(&id).unwrap();
        let page = &catalogue.page;
        let listed: BTreeSet<String> =
            page.keys.iter().filter(|key| key.in_example).map(|key| key.name.clone()).collect();
        let scenario = catalogue.get("secret.page-example").unwrap();
        assert_eq!(scenario.expect.reads, Some(Reads::Example(listed)), "{id}");
        assert_eq!(scenario.on_page.unlisted, page.example_also_stores, "{id}");
        let others = catalogue.scenarios.iter().filter(|scenario| scenario.id != "secret.page-example");
        assert!(others.into_iter().all(|scenario| scenario.on_page.unlisted.is_empty()), "{id}");
        assert!(catalogue.scenarios.iter().all(|scenario| scenario.on_page.lacks.is_none()), "{id}");
    }
}

#[test]
fn keys_in_the_form_of_a_sibling_page_are_missing_where_their_names_have_a_group() {
    for id in embedded().revisions.0.into_keys() {
        let catalogue = embedded().on_page(&id).unwrap();
        let names = catalogue.page.keys.iter().map(|key| key.name.clone());
        let grouped: BTreeSet<String> = names.filter(|name| name.contains('.')).collect();
        let groups: BTreeSet<&str> = grouped.iter().filter_map(|name| name.split('.').next()).collect();
        for (scenario, moved) in [("secret.nested-by-group", groups.len()), ("secret.keys-with-hyphens", grouped.len())]
        {
            let scenario = catalogue.get(scenario).unwrap();
            assert_eq!(scenario.expect.keys, Some(Reads::Grouped(grouped.clone())), "{id}");
            assert_eq!(scenario.on_page.moved, moved, "{id}");
        }
        let others = catalogue.scenarios.iter().filter(|scenario| scenario.expect.stops_at != Some(Stage::Keys));
        assert!(others.into_iter().all(|scenario| scenario.on_page.moved == 0), "{id}");
    }
}

#[test]
fn another_revision_changes_neither_the_scenarios_nor_their_order() {
    let ids = |catalogue: &Catalogue| -> Vec<String> {
        catalogue.scenarios.iter().map(|scenario| scenario.id.clone()).collect()
    };
    let default = embedded();
    for id in default.revisions.0.keys() {
        let there = embedded().on_page(id).unwrap();
        assert_eq!(ids(&there), ids(&default));
        assert_eq!(there.on_page(DEFAULT).unwrap(), default, "and back");
    }
}

#[test]
fn two_revisions_differ_in_what_was_added_removed_and_renamed() {
    let revisions = embedded().revisions;
    let compared = |a: &str, b: &str| difference(revisions.get(a).unwrap(), revisions.get(b).unwrap());
    let newest = compared("seed", "35-keys");
    for line in [
        "~ key ClusterSettings.GrafanaAPIKey → serverClusterManager.GrafanaAPIKey",
        "- key ClusterSettings.KubernetesAdminPassword",
        "+ key ClusterManager.OCIRegistryAWSSK",
        "+ key AnthropicApiKey",
        "~ example ClusterManager.KubernetesApiToken is stored, and not listed",
    ] {
        assert!(newest.iter().any(|found| found == line), "{line} is not in {newest:?}");
    }
    let back = compared("35-keys", "seed");
    assert!(back.contains(&"~ key serverClusterManager.GrafanaAPIKey → ClusterSettings.GrafanaAPIKey".to_owned()));
    assert_eq!(compared("seed", "30-keys"), [""; 0]);
    assert_eq!(compared("25-keys", "25-keys"), [""; 0]);
}

#[test]
fn an_unknown_revision_is_told_with_those_that_there_are() {
    let error = embedded().on_page("35-key").unwrap_err();
    assert!(
        error.contains("`35-key`") && error.contains("did you mean 35-keys") && error.contains("25-keys"),
        "{error}"
    );
}

#[test]
fn a_revision_that_is_added_by_a_file_alone_is_there_beside_the_others() {
    let page = of_ones_own("keys:\n  - {name: A.B, group: G, in-example: true}\n  - {name: C.D, group: G}");
    let one = "id: g.one\ntitle: T\npage: '#naming-convention'\nprofile: all\nbase: custom\nchange: {stored: one-empty}\n\
               control: g.permitted\nexpect: {stops-at: keys, cause: keys.empty, keys: [Email.SMTPPassword]}\n";
    let files = [("g/permitted.yaml", PERMITTED), ("g/one.yaml", one), ("pages/ours/page.yaml", &page)];
    let catalogue = load(&files).unwrap_or_else(|error| panic!("{error}")).on_page("ours").unwrap();
    let keys: Vec<&str> = catalogue.page.keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(keys, ["A.B", "C.D"]);
    assert_eq!(catalogue.revisions.0.len(), embedded().revisions.0.len() + 1);
    // What needs a key that it lacks is skipped, and says so.
    let oracle = Oracle { page: &catalogue.page, causes: &catalogue.causes };
    let result = skipped(catalogue.get("g.one").unwrap(), oracle).unwrap();
    assert_eq!(result.verdict, Verdict::Skipped);
    assert_eq!(result.reason, "revision ours of the page has no key Email.SMTPPassword");
    assert!(result.cases.iter().all(|case| case.verdict == Verdict::Skipped));
    assert_eq!(skipped(catalogue.get("g.permitted").unwrap(), oracle), None);
}

#[rstest]
#[case::a_key_twice("keys: [{name: K, group: G}, {name: K, group: G}]", "listed twice")]
#[case::a_key_without_a_name("keys: [{name: '', group: G}]", "no name")]
#[case::no_key("keys: []", "has no key")]
#[case::a_former_name_that_nobody_has(
    "keys: [{name: K, group: G, formerly: [L]}]",
    "`L` is no key of another revision"
)]
#[case::a_former_name_that_it_lists_itself(
    "keys: [{name: K, group: G, formerly: [Email.SMTPPassword]}, {name: Email.SMTPPassword, group: G}]",
    "`Email.SMTPPassword` is no key of another revision"
)]
#[case::an_unlisted_key_that_is_listed("example-also-stores: [K]\nkeys: [{name: K, group: G}]", "key `K` is listed")]
fn a_revision_is_refused_with(#[case] rest: &str, #[case] message: &str) {
    let page = of_ones_own(rest);
    let error = load(&[("g/permitted.yaml", PERMITTED), ("pages/ours/page.yaml", &page)]).unwrap_err().to_string();
    assert!(error.contains("pages/ours/page.yaml:") && error.contains(message), "{error}");
}

const A_COMMAND: &str = "commands:\n  - id: 01-a\n    page: '#naming-convention'\n    examples: [a]\n    run: ls\n    claim: c\n    effect: \
                         auth-mount-exists\n";

#[rstest]
#[case::another_name("pages/ours/page.yaml", |page: &str| page.replace("id: ours", "id: theirs"), "does not agree with the folder")]
#[case::commands_of_nobody("pages/ours/page.yaml", |page: &str| page.replace("30-keys", "seed"), "`seed` has no commands of its own")]
#[case::no_commands("pages/ours/page.yaml", |page: &str| page.replace("commands-of: 30-keys\n", ""), "has no commands")]
#[case::no_anchor("pages/ours/page.yaml", |page: &str| page.replace("'#b'", "b"), "`b` is no anchor")]
#[case::another_file("pages/ours/other.yaml", str::to_owned, "no file of a revision")]
#[case::commands_without_a_page("pages/ours/commands.yaml", |_: &str| A_COMMAND.to_owned(), "revision `ours` that is not there")]
#[case::a_command_that_is_mended_without_a_defect(
    "pages/30-keys/commands.yaml", |_: &str| format!("{A_COMMAND}    mended: ls\n"), "no defect"
)]
fn a_file_of_a_revision_is_refused_with(
    #[case] file: &str,
    #[case] change: impl Fn(&str) -> String,
    #[case] message: &str,
) {
    let text = change(&of_ones_own("keys: [{name: K, group: G}]"));
    let error = load(&[("g/permitted.yaml", PERMITTED), (file, &text)]).unwrap_err().to_string();
    assert!(error.contains(file) && error.contains(message), "{error}");
}

#[test]
fn nothing_in_the_program_knows_an_anchor_or_the_address_of_a_page() {
    let revisions = embedded().revisions;
    let never: BTreeSet<&str> =
        revisions.pages().flat_map(|page: &Page| page.anchors.all().into_iter().chain([page.url.as_str()])).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&source) {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in &never {
                assert!(!line.contains(word), "{}: {line}", file.display());
            }
        }
    }
}

/// Every Rust file below a folder.
fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}
