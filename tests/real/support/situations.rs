//! Situations of the corpus, each made on real servers and checked at three depths: with nothing, with a read-only Vault
//! token and the reviewer, with Vault's log besides. What a check says must be what the corpus says.

use std::collections::BTreeSet;
use std::net::IpAddr;

use pmp_vault_conformance::journal::Runs;
use pmp_vault_conformance::testbed::still_there;
use tokio::runtime::Runtime;

use super::check::Ran;
use super::customer::VALUE;
use super::field::{Corpus, Says, Situation};
use super::making::Made;
use super::servers::{Admin, on_threads};
use super::testbed::{owner, state};

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
    let problems = ran.report["problems"].to_string();
    match &must.problem {
        Some(problem) if problems.contains(&made.fill(problem)) => {}
        problem => compare("problems", problems, problem.as_ref().map_or("[]".to_owned(), |text| made.fill(text))),
    }
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

/// A Vault that a situation is made in.
pub struct Place<'a> {
    /// What stands before the situation's name; nothing for the testbed's.
    pub name: String,
    pub admin: Admin,
    /// What it logged since then.
    pub log: &'a (dyn Fn(&str) -> String + Sync),
}

/// The corpus, and what its situations are made with.
pub struct Field {
    pub corpus: Corpus,
    runtime: Runtime,
    gateway: IpAddr,
}

impl Field {
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let runs = Runs::new(Some(&state()));
        let testbed = runtime.block_on(still_there(&runs, &owner())).unwrap().unwrap();
        let gateway = runtime.block_on(testbed.harness_address()).unwrap();
        Self { corpus: Corpus::load(), runtime, gateway }
    }

    /// Makes and checks each on a few threads; gives what is not as it must be.
    pub fn differences(&self, wanted: &[(&Situation, &Place<'_>)]) -> Vec<String> {
        assert!(!wanted.is_empty());
        let found = on_threads(8, wanted, |number, (situation, place)| {
            // One that cannot be made is told beside the others.
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.check(number, situation, place)));
            tried.unwrap_or_else(|_| {
                vec![format!("{}{}: it cannot be made, or its check does not end", place.name, situation.name)]
            })
        });
        found.concat()
    }

    /// Makes a situation, and checks it at every depth; gives what is not as it must be.
    fn check(&self, number: usize, situation: &Situation, place: &Place<'_>) -> Vec<String> {
        let since = jiff::Timestamp::now().to_string();
        let made = Made::new(&self.runtime, self.gateway, number, situation, place.admin.clone());
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
                    std::fs::write(&file, (place.log)(&since)).unwrap();
                    extra.push(format!("--vault-log={}", file.display()));
                }
                _ => {}
            }
            let arguments: Vec<&str> = extra.iter().map(String::as_str).collect();
            let ran = made.spawn(&flags, &arguments).end();
            let said = Said::of(&ran);
            let differs = differences(must, &self.corpus, &made, &ran);
            let mark = if differs.is_empty() { "ok" } else { "WRONG" };
            println!(
                "{mark} | {}{} | {depth} | {} | way: {} | fails: {} | warns: {}",
                place.name,
                situation.name,
                ran.code.unwrap_or(-1),
                names(&said.way),
                names(&said.fails),
                names(&said.warns)
            );
            if !differs.is_empty() {
                found.extend(
                    differs.iter().map(|difference| format!("{}{}, {depth}: {difference}", place.name, situation.name)),
                );
                found.push(ran.said());
            }
        }
        found
    }
}
