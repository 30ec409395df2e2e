//! Everything that was seen of one scenario.

use std::collections::{BTreeMap, BTreeSet};

use crate::page::cause::{CauseId, Facts};
use crate::probe::observation::Observation;

/// What came of the app's pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The probe said what it saw.
    Observed(Box<Observation>),
    /// The API server admitted no pod, and said why.
    NotAdmitted(String),
    /// Nothing was observed, and this is why.
    Nothing(String),
}

/// One command of the page, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome {
    /// Its id in the catalogue of commands.
    pub id: String,
    /// Why it was not typed, where the page says so.
    pub not_typed: Option<String>,
    /// Whether it ended with exit code 0.
    pub succeeded: bool,
    /// Whether what the page says of it holds afterwards; none where only the
    /// app's own login can tell.
    pub effect_holds: Option<bool>,
    /// What was seen, one sentence.
    pub text: String,
    /// The defect recorded for it, where it was typed as the page has it.
    pub defect: Option<String>,
    /// What the page claims of it.
    pub claim: String,
    /// The page's anchor.
    pub page: String,
}

/// What became of one step of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// Its id in the block.
    pub id: String,
    /// Whether it came to what it is there for.
    pub held: bool,
    /// What was seen, one sentence.
    pub text: String,
}

/// What became of a second `vault secrets enable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnableAgain {
    /// Whether Vault refused it.
    pub refused: bool,
    /// What Vault said.
    pub text: String,
}

/// What was seen of an app that lives on, beside its way once it is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lived {
    /// Its way before the event.
    pub before: Sighting,
    /// Once it had happened: with the Vault token that it had.
    pub kept_token: Later,
    /// With a new login.
    pub new_login: Later,
    /// Once it was mended: with the Vault token that it had, where it still had one.
    pub kept_token_mended: Option<Sighting>,
}

/// Something that was seen after the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// What.
    pub seen: Sighting,
    /// Between how many and how many milliseconds after the event it began to be so: what was before was seen last at the
    /// one, and it was seen first at the other. None where it was so before the event as well.
    pub change_ms: Option<(i64, i64)>,
    /// How many milliseconds after the event it was looked at.
    pub looked_ms: i64,
}

/// Everything that was seen of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What came of the app's pod.
    pub seen: Seen,
    /// The line of Vault's log that tells why the login was refused.
    pub vault_log: Option<String>,
    /// What the harness found out beside it: seen, and seen not to be.
    pub facts: Facts,
    /// For each key that was stored with a usable value: the fingerprint that the probe must give.
    pub fingerprints: BTreeMap<String, String>,
    /// The second `secrets enable`, where the scenario has one.
    pub enable_again: Option<EnableAgain>,
    /// The page's commands, where they were typed.
    pub commands: Vec<CommandOutcome>,
    /// The steps of a block, where one was typed.
    pub steps: Vec<StepOutcome>,
    /// What was seen before, where something happened while the app lived.
    pub lived: Option<Box<Lived>>,
    /// On a customer's cluster, where not everything can be found out: the
    /// causes that what could be found out rules out.
    pub ruled_out: Option<BTreeSet<CauseId>>,
}

impl Sighting {
    /// Nothing was observed.
    #[must_use]
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self {
            seen: Seen::Nothing(reason.into()),
            vault_log: None,
            facts: Facts::default(),
            fingerprints: BTreeMap::new(),
            enable_again: None,
            commands: Vec::new(),
            steps: Vec::new(),
            lived: None,
            ruled_out: None,
        }
    }
}
