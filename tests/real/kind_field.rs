//! Every situation of the corpus, made on a real Vault and a real cluster, and checked at three depths: with nothing,
//! with a read-only Vault token and the reviewer, with Vault's log besides. What a check says must be what the corpus
//! says. `PMP_TEST_FIELD` names a part of the situations, by words of their names; `|` stands between such names.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use pmp_vault_conformance::journal::Runs;
use pmp_vault_conformance::testbed::still_there;
use tokio::runtime::Runtime;

use crate::support::check::Ran;
use crate::support::customer::VALUE;
use crate::support::field::{Corpus, Says, Situation};
use crate::support::making::Made;
use crate::support::servers::{on_threads, vault_log_since};
use crate::support::testbed::{owner, state};

/// Of every check: the testbed's Vault listens without TLS.
const PLAIN_HTTP: &str = "login.http-without-tls";

fn names(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// What a check said, by what an entry of the corpus has.
struct Said {
    way: BTreeSet<String>,
    fails: BTreeSet<String>,
    warns: BTreeSet<String>,
}

impl Said {
    fn of(ran: &Ran) -> Self {
        let (way, mut fails, mut warns) = (ran.way(), ran.fails(), ran.warns());
        warns.remove(PLAIN_HTTP);
        if way.len() == 1 {
            fails.retain(|id| !way.contains(id));
            warns.retain(|id| !way.contains(id));
        }
        Self { way, fails, warns }
    }
}

/// What is not as it must be, in words.
fn differences(must: &Says, corpus: &Corpus, made: &Made<'_>, ran: &Ran) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is: String, must: String| {
        if is != must {
            found.push(format!("{what}: {is}, must be {must}"));
        }
    };
    let said = Said::of(ran);
    compare("exit code", format!("{:?}", ran.code), format!("{:?}", Some(must.code())));
    compare("the app's way", names(&said.way), names(&corpus.way(must)));
    compare("fails", names(&said.fails), names(&must.fails));
    compare("warns", names(&said.warns), names(&must.warns));
    compare("problems", ran.report["problems"].to_string(), "[]".to_owned());
    // What is wrapped at a terminal is not here: the screen is a file.
    for text in must.shows.iter().map(|text| made.fill(text)) {
        if !ran.stdout.contains(&text) {
            found.push(format!("not on the screen: {text}"));
        }
    }
    let never = must.never.iter().map(|text| made.fill(text)).chain([VALUE.to_owned()]);
    for text in never {
        if ran.files.iter().chain([&ran.stdout, &ran.stderr]).any(|output| output.contains(&text)) {
            found.push(format!("must be nowhere: {text}"));
        }
    }
    found
}

fn check(runtime: &Runtime, gateway: IpAddr, corpus: &Corpus, number: usize, situation: &Situation) -> Vec<String> {
    let since = jiff::Timestamp::now().to_string();
    let made = Made::new(runtime, gateway, number, situation);
    let customer = &made.customer;
    let (flags, mut extra) = made.flags();
    let mut found = Vec::new();
    for (depth, must) in situation.depths() {
        match depth {
            "token" => {
                let all = [flags.clone(), extra.clone()].concat();
                let token = customer.token_with("field", &customer.printed_for(&all, "policy", &[]));
                let every = customer.every_depth(&token);
                let reviewer = extra.iter().any(|flag| flag.starts_with("--reviewer="));
                extra.extend(every.into_iter().filter(|flag| !(reviewer && flag.starts_with("--reviewer="))));
            }
            "log" => {
                let file = customer.state.path().join("vault.log");
                std::fs::write(&file, vault_log_since(&since)).unwrap();
                extra.push(format!("--vault-log={}", file.display()));
            }
            _ => {}
        }
        let arguments: Vec<&str> = extra.iter().map(String::as_str).collect();
        let ran = made.spawn(&flags, &arguments).end();
        let said = Said::of(&ran);
        let differs = differences(must, corpus, &made, &ran);
        let mark = if differs.is_empty() { "ok" } else { "WRONG" };
        println!(
            "{mark} | {} | {depth} | {} | way: {} | fails: {} | warns: {}",
            situation.name,
            ran.code.unwrap_or(-1),
            names(&said.way),
            names(&said.fails),
            names(&said.warns)
        );
        if !differs.is_empty() {
            found.extend(differs.iter().map(|difference| format!("{}, {depth}: {difference}", situation.name)));
            found.push(ran.said());
        }
    }
    found
}

/// The situations that `PMP_TEST_FIELD` names, or all.
fn wanted(corpus: &Corpus) -> Vec<&Situation> {
    let names = std::env::var("PMP_TEST_FIELD").unwrap_or_default();
    corpus.situations().filter(|situation| names.split('|').any(|part| situation.name.contains(part))).collect()
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn every_situation_of_the_field_is_told_as_the_corpus_says() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let runs = Runs::new(Some(&state()));
    let testbed = runtime.block_on(still_there(&runs, &owner())).unwrap().unwrap();
    let gateway = runtime.block_on(testbed.harness_address()).unwrap();
    let corpus = Corpus::load();
    let wanted = wanted(&corpus);
    assert!(!wanted.is_empty());
    let started = Instant::now();
    let found = on_threads(8, &wanted, |number, situation| {
        // One that cannot be made is told beside the others.
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&runtime, gateway, &corpus, number, situation)
        }));
        tried.unwrap_or_else(|_| vec![format!("{}: it cannot be made, or its check does not end", situation.name)])
    })
    .concat();
    println!("{} situations at three depths, in {} s", wanted.len(), started.elapsed().as_secs());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
