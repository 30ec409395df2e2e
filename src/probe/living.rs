//! An app that lives on: round after round it reads with the Vault token that it kept, and with a new login. Each round is
//! a line of its log, because what the app sees may be otherwise from one to the next, and since when is the question.
//! Only on the harness's own testbeds.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::input::{Input, Living, SecretName};
use super::observation::{Observation, SCHEMA};
use super::stages::{log_in, service_account_token};
use super::{trust, way};
use crate::vault::client::Client;

/// The word before the JSON on a round's line.
pub const MARKER: &str = "PMP-VAULT-ROUND";

/// One round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Round {
    /// When it began, in milliseconds of Unix time.
    pub began: i64,
    /// When the Vault token that is kept was granted, in milliseconds of Unix time.
    pub granted: i64,
    /// What is seen with that token; its login is the one that gave it.
    pub kept: Since,
    /// What is seen with a new login.
    pub anew: Since,
}

/// What is seen, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Since {
    /// When it was seen first, without a round in between that saw anything else, in milliseconds of Unix time.
    pub since: i64,
    /// When the last look began that saw something else, in milliseconds of Unix time; none where none did. What changed
    /// did so between the two.
    pub until: Option<i64>,
    /// When the last look began, in milliseconds of Unix time.
    pub looked: i64,
    /// What. The boundary is there only with a new login, and asked of the first of those that see the same.
    pub observation: Observation,
}

/// Lives on. It ends only where it cannot.
///
/// # Errors
/// The input cannot be used, or `say` cannot say a line.
pub async fn on(input: &Input, living: Living, say: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
    let secret_name = SecretName::parse(&input.secret_name)?;
    let (roots, _) = trust::roots(input);
    let vault = Client::new(&secret_name.address, None, &roots).map_err(|e| e.to_string())?;
    let (token, jwt) = service_account_token(&input.token_file);
    let (login, granted) = match jwt {
        Some(jwt) => {
            let (login, granted) = log_in(&vault, input, &jwt).await;
            (Some(login), granted)
        }
        None => (None, super::stages::Granted::default()),
    };
    let (kept, read_with_token) = (granted.token.clone(), granted.token.is_some());
    let (kept, granted) = (vault.with_token(kept), now());
    let rounds = async {
        let mut before = None::<Round>;
        loop {
            let began = now();
            let path = format!("{}/data/{}", secret_name.mount, secret_name.name);
            let (read, secret) = way::read(&kept, &path, input).await;
            let observation = Observation {
                schema: SCHEMA,
                run: input.run.clone(),
                scenario: input.scenario.clone(),
                token,
                login: login.clone(),
                read_path: path,
                read: Some(read),
                read_with_token,
                secret,
                boundary: None,
                asked: None,
                millis: 0,
            };
            let seen_kept = Since::after(before.as_ref().map(|round| &round.kept), began, observation);
            let anew = anew(input, before.as_ref().map(|round| &round.anew)).await?;
            let round = Round { began, granted, kept: seen_kept, anew };
            say(&format!("{MARKER} {}", serde_json::to_string(&round).map_err(|e| e.to_string())?))?;
            before = Some(round);
            tokio::time::sleep(Duration::from_millis(living.rests_ms)).await;
        }
    };
    tokio::select! {
        ended = rounds => ended,
        () = renew(&kept, living.renews_ms) => Ok(()),
    }
}

/// Renews a Vault token again and again, however long the rounds take; never ends.
async fn renew(kept: &Client, every_ms: Option<u64>) {
    let Some(every) = every_ms.map(Duration::from_millis) else { return std::future::pending().await };
    loop {
        tokio::time::sleep(every).await;
        // Whether that did any good, the read tells.
        let _ = kept.send_patiently(Method::POST, "auth/token/renew-self", None).await;
    }
}

/// The way with a new login. What its token can do beside reading is asked where it sees something new: it costs as much
/// as all the rest.
async fn anew(input: &Input, before: Option<&Since>) -> Result<Since, String> {
    let without_boundary = Input { sibling: None, ..input.clone() };
    let began = now();
    let seen = Since::after(before, began, way::observe(&without_boundary).await?);
    if before.is_some_and(|before| before.since == seen.since) {
        return Ok(seen);
    }
    Ok(Since { observation: Observation { millis: 0, ..way::observe(input).await? }, ..seen })
}

impl Since {
    /// What a look sees, after what was seen before.
    fn after(before: Option<&Self>, looked: i64, mut observation: Observation) -> Self {
        observation.millis = 0;
        match before {
            Some(before) if before.is_like(&observation) => Self { looked, ..before.clone() },
            _ => Self { since: now(), until: before.map(|before| before.looked), looked, observation },
        }
    }

    /// Whether that is the same, the boundary left aside.
    fn is_like(&self, other: &Observation) -> bool {
        let mut own = self.observation.clone();
        own.boundary.clone_from(&other.boundary);
        own == *other
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The last whole round in a log; none where there is none yet.
///
/// # Errors
/// It is malformed, or of another run or scenario.
pub fn last_round(log: &str, run: &str, scenario: &str) -> Result<Option<Round>, String> {
    let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let Some(json) = whole.filter_map(|line| line.strip_prefix(MARKER)).next_back() else { return Ok(None) };
    let round: Round = serde_json::from_str(json.trim()).map_err(|error| format!("a round is malformed: {error}"))?;
    for observation in [&round.kept.observation, &round.anew.observation] {
        if observation.schema != SCHEMA || observation.run != run || observation.scenario != scenario {
            return Err(format!("a round belongs to run {} and scenario {}", observation.run, observation.scenario));
        }
    }
    Ok(Some(round))
}
