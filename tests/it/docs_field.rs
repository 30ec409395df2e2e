//! `docs/field.md` is drawn from the corpus, so the two cannot differ.
//! `UPDATE_DOCS=1 cargo test --test it docs_field` writes it anew.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::field::{Corpus, Says, Situation};

const HEAD: &str = "\
# Set-ups from the field

<!-- Drawn from tests/field/. Do not edit: UPDATE_DOCS=1 cargo test --test it docs_field writes it. -->

Set-ups that platform teams really have, after public reports, and what a check must say of each at three depths:

- **nothing**: with the app's own way only;
- **token**: with a read-only Vault token (`--vault-token-file`), `--reviewer` and `--diagnose-reviewer`;
- **log**: with a piece of Vault's log besides (`--vault-log`).

Each is made through the APIs of a real Vault and a real cluster, in a set-up that is otherwise as the page says, and is
checked at all three depths: `scripts/test --kind` runs `tests/real/kind_field.rs`. That the testbed's Vault listens
without TLS is warned of every time, and left out here.

## A new report is one entry

It goes into a file of `tests/field/`, and takes no Rust. `PMP_TEST_FIELD='a part of its name'` runs it alone.

```yaml
- name: reviewer deleted                        # a piece of a sentence, its own
  seen-at: a clean-up of namespace default      # what kind of report it comes from; `link:` where it is public
  make:                                         # in this order; the documented set-up is there before
    - delete: { object: \"serviceaccount/{reviewer}\", namespace: default }
  says:
    nothing: { way: [token-review] }            # where the app's way stops: one cause, or all that it may be
    token: { way: [login.reviewer-unauthorized] }   # a depth that says what the one before says is left out
```

| step | what it does |
|---|---|
| `role: {…}` | writes the role with these fields changed; null leaves one out |
| `config: {…}` | the same for the auth method's configuration of method 2 |
| `policy: text` | writes the app's policy |
| `secret: {…}` | stores the secret's next version |
| `vault: {method, path, body, keep}` | a request to Vault's API, by its administrator; `keep: {name: /json/pointer}` |
| `kubernetes: {method, path, body, keep}` | the same to the API server |
| `apply: {…}`, `delete: {object, namespace}`, `patch: {object, namespace, with}` | as kubectl does it |
| `app: {pod, container, beside, made-by}` | starts a pod of the app (without it there is none): merge patches of the pod, of its container, and of more containers; `made-by` names the kind of a controller that makes it, such as StatefulSet |
| `wait: seconds` | for caches: the API server keeps a verdict on a token for about ten seconds |

Beside `make` it may have `secret-name`, `flags`, `environment`, `files` (`{file.NAME}` is the path) and `servers`: what
stands in for the API server or Vault, or in front of them, with a `certificate` (`none`, `own`, `expired`, `other-name`,
`self-signed`, `wants-clients`), `answers` (by `method`, `path`, `times`: `status`, `headers`, `body` or `text`) and what
becomes of everything else: `otherwise: api-server` or `vault` passes it on, `tunnel` passes on the API server's TLS, too;
`reset`, `close`, `silence`, `html`, `json`, `not-found`, `unauthorized`. Its address is `{server.NAME.url}`, its authority `{server.NAME.ca}`.

What must be said: `way`, `fails` and `warns` beside it, `code` where it is not 1 for what fails and 0 else, `problem`
for what ends it before anything is checked, `shows` and `never`: what the screen must have, and what nothing may have. Plugins of the auth method up to 0.14 do not tell whether a
reviewer is configured; `of-old-plugins` is what must be said there in the place of `says` (`tests/real/kind_old_plugin.rs`).

Names of the customer and of the testbed stand in braces: ";

fn causes(ids: &BTreeSet<String>) -> String {
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

/// What is said, in the words of a cell.
fn cell(says: &Says) -> String {
    let named: Vec<String> = says.way.iter().map(|name| format!("`{name}`")).collect();
    let mut parts = Vec::new();
    parts.push(match (&named[..], says.code()) {
        ([], 0) => "passes".to_owned(),
        ([], 1) => "the app's way is passed".to_owned(),
        ([], code) => format!("exit code {code}"),
        ([one], _) if one.contains('.') => format!("stops: {one}"),
        (several, _) => format!("stops, one of: {}", several.join(", ")),
    });
    if !says.fails.is_empty() {
        parts.push(format!("fails {}", causes(&says.fails)));
    }
    if !says.warns.is_empty() {
        parts.push(format!("warns of {}", causes(&says.warns)));
    }
    parts.join("; ")
}

fn row(situation: &Situation) -> String {
    let seen = match &situation.link {
        Some(link) => format!("[{}]({link})", situation.seen_at),
        None => situation.seen_at.clone(),
    };
    let [nothing, token, log] = situation.depths().map(|(_, says)| says);
    let again = |says: &Says, before: &Says| if says == before { "the same".to_owned() } else { cell(says) };
    let cells = [situation.name.clone(), seen, cell(nothing), again(token, nothing), again(log, token)];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn page(corpus: &Corpus) -> String {
    let mut text = HEAD.to_owned();
    let names = crate::support::field::PLACEHOLDERS.iter().filter(|name| !name.ends_with('.'));
    text.push_str(&names.map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(" "));
    text.push_str(".\n\n## Groups\n\nWhat nothing tells apart at a depth.\n\n");
    for (group, members) in &corpus.groups {
        let members: BTreeSet<String> = members.iter().cloned().collect();
        text.push_str(&format!("- `{group}`: {}\n", causes(&members)));
    }
    let count = corpus.situations().count();
    text.push_str(&format!("\n{count} situations.\n"));
    for theme in &corpus.themes {
        text.push_str(&format!(
            "\n## {}\n\n| set-up | seen at | nothing | token | log |\n|---|---|---|---|---|\n",
            theme.theme
        ));
        for situation in &theme.situations {
            text.push_str(&row(situation));
            text.extend(situation.on_an_old_plugin().iter().map(row));
        }
    }
    text
}

#[test]
fn the_page_of_set_ups_is_that_of_the_corpus() {
    let text = page(&Corpus::load());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/field.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{} has drifted; run this test with UPDATE_DOCS=1", path.display());
}
