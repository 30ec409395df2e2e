//! The corpus of set-ups from the field is sound.

use std::collections::{BTreeMap, BTreeSet};

use pmp_vault_conformance::scenario::load::Catalogue;
use serde_json::{Value, json};

use crate::support::field::{Corpus, PLACEHOLDERS, Situation, Step, filled, placeholders};

fn causes() -> BTreeSet<String> {
    let catalogue = Catalogue::embedded().unwrap_or_else(|error| panic!("{error}"));
    catalogue.causes.causes.iter().map(|cause| cause.id.as_str().to_owned()).collect()
}

/// Every cause that a situation names at any depth.
fn named(corpus: &Corpus, situation: &Situation) -> BTreeSet<String> {
    let says = situation.depths().into_iter().map(|(_, says)| says);
    says.flat_map(|says| corpus.way(says).into_iter().chain(says.fails.clone()).chain(says.warns.clone())).collect()
}

/// Every text of a situation that may have placeholders.
fn texts(situation: &Situation) -> Vec<String> {
    let request = |request: &crate::support::field::Request| vec![request.path.clone(), request.body.to_string()];
    let step = |step: &Step| match step {
        Step::Role(json) | Step::Config(json) | Step::Secret(json) | Step::Apply(json) => vec![json.to_string()],
        Step::Policy(text) => vec![text.clone()],
        Step::Vault(asked) | Step::Kubernetes(asked) => request(asked),
        Step::Delete(object) => vec![object.object.clone(), object.namespace.clone().unwrap_or_default()],
        Step::Patch(patch) => {
            vec![patch.object.clone(), patch.namespace.clone().unwrap_or_default(), patch.with.to_string()]
        }
        Step::App(app) => {
            [vec![app.pod.to_string(), app.container.to_string()], app.beside.iter().map(Value::to_string).collect()]
                .concat()
        }
        Step::Wait(seconds) => vec![seconds.to_string()],
    };
    let mut texts: Vec<String> = situation.make.iter().flat_map(step).collect();
    texts.extend(situation.secret_name.clone());
    texts.extend(situation.flags.iter().chain(situation.files.values()).chain(situation.environment.values()).cloned());
    for (_, says) in situation.depths() {
        texts.extend(says.shows.iter().chain(&says.never).cloned());
    }
    texts
}

#[test]
fn every_situation_has_a_name_of_its_own_and_says_where_it_was_seen() {
    let corpus = Corpus::load();
    let mut seen = BTreeSet::new();
    for situation in corpus.situations() {
        assert!(seen.insert(&situation.name), "two situations are called {}", situation.name);
        assert!(situation.seen_at.len() > 10, "{}", situation.name);
        assert!(situation.link.as_ref().is_none_or(|link| link.starts_with("https://")), "{}", situation.name);
        let changes =
            situation.make.len() + situation.flags.len() + situation.servers.len() + situation.environment.len();
        assert!(changes > 0 || situation.secret_name.is_some(), "{} is as the page says", situation.name);
    }
}

#[test]
fn every_cause_and_every_placeholder_of_the_corpus_is_known() {
    let (corpus, causes) = (Corpus::load(), causes());
    let situations = corpus.with_old_plugins();
    for situation in &situations {
        let unknown: Vec<String> = named(&corpus, situation).difference(&causes).cloned().collect();
        assert!(unknown.is_empty(), "{}: {unknown:?} is in no catalogue", situation.name);
        let known = |name: &str| match name.split('.').collect::<Vec<_>>()[..] {
            ["server", of, "url" | "host" | "ca"] => situation.servers.contains_key(of),
            ["file", of] => situation.files.contains_key(of),
            ["kept", of] => situation.make.iter().any(
                |step| matches!(step, Step::Vault(asked) | Step::Kubernetes(asked) if asked.keep.contains_key(of)),
            ),
            _ => PLACEHOLDERS.contains(&name),
        };
        for text in texts(situation) {
            for name in placeholders(&text) {
                assert!(known(name), "{}: {{{name}}} stands for nothing", situation.name);
            }
        }
    }
    for (group, members) in &corpus.groups {
        assert!(!group.contains('.') && members.iter().all(|id| causes.contains(id)), "{group}");
        let used = situations.iter().any(|s| s.depths().iter().any(|(_, says)| says.way.contains(group)));
        assert!(used, "no situation has {group}");
    }
}

#[test]
fn a_depth_that_says_what_the_one_before_says_is_left_out() {
    for situation in Corpus::load().with_old_plugins() {
        let says = &situation.says;
        assert!(says.token.as_ref() != Some(&says.nothing), "{}: token", situation.name);
        let before = says.token.as_ref().unwrap_or(&says.nothing);
        assert!(says.log.as_ref() != Some(before), "{}: log", situation.name);
    }
}

#[test]
fn a_placeholder_is_filled_in_and_the_braces_of_a_policy_stay() {
    let text = r#"path "{mount}/data/{{identity.entity.aliases.{accessor}.name}}" { capabilities = ["read"] }"#;
    assert_eq!(placeholders(text), ["mount", "accessor"]);
    let values = BTreeMap::from([("mount", "kv"), ("accessor", "a1")]);
    let value = |name: &str| values.get(name).map(|value| (*value).to_owned());
    let filled = filled(text, &value);
    assert_eq!(filled, r#"path "kv/data/{{identity.entity.aliases.a1.name}}" { capabilities = ["read"] }"#);
    let json = crate::support::field::filled_json(&json!({ "a": ["{mount}", 1] }), &value);
    assert_eq!(json, json!({ "a": ["kv", 1] }));
}
