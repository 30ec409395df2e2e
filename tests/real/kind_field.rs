//! Every situation of the corpus, made on a real Vault and a real cluster, and checked at three depths. What a check says
//! must be what the corpus says. `PMP_TEST_FIELD` names a part of the situations, by words of their names; `|` stands
//! between such names.

use std::time::Instant;

use crate::support::field::{Corpus, Situation};
use crate::support::servers::{Admin, vault_log_since};
use crate::support::situations::{Field, Place};

/// The situations that `PMP_TEST_FIELD` names, or all.
fn wanted(corpus: &Corpus) -> Vec<&Situation> {
    let names = std::env::var("PMP_TEST_FIELD").unwrap_or_default();
    corpus.situations().filter(|situation| names.split('|').any(|part| situation.name.contains(part))).collect()
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_situation_of_the_field_is_told_as_the_corpus_says() {
    let field = Field::new();
    let place = Place { name: String::new(), admin: Admin::of_the_testbed(), log: &vault_log_since };
    let wanted: Vec<_> = wanted(&field.corpus).into_iter().map(|situation| (situation, &place)).collect();
    let started = Instant::now();
    let found = field.differences(&wanted);
    println!("{} situations at three depths, in {} s", wanted.len(), started.elapsed().as_secs());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
