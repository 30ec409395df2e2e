//! Every cause: what it means, what to do, how it is known, and which one the clues show.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::CauseId;
use super::signature::{Clues, Signature};

/// What a cause says something of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SaysOf {
    /// What the page documents: the app, Vault and the cluster as they are configured.
    #[default]
    Page,
    /// The pod that asks in the app's place, and nothing of the app.
    Probe,
    /// Vault itself, which cannot be used: on a testbed of ours that is no verdict, on a customer's it is what was
    /// looked for.
    Testbed,
    /// What fails, or answers in Vault's place: nothing was granted or refused.
    NoAnswer,
}

impl SaysOf {
    /// What goes on after "says something of", where it is not the page.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Page => None,
            Self::Probe => Some("the probe's own pod, and nothing of the app"),
            Self::Testbed => Some("Vault itself: no verdict on a testbed of ours, a finding on a customer's"),
            Self::NoAnswer => Some("what fails, or answers in Vault's place: nothing was granted or refused"),
        }
    }

    fn is_page(&self) -> bool {
        *self == Self::Page
    }
}

/// One cause of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cause {
    /// `STAGE.NAME`.
    pub id: CauseId,
    /// A phrase for people, without a full stop.
    pub title: String,
    /// What it means: one or two sentences.
    pub meaning: String,
    /// What to do about it: one or two sentences, with the command where there is one.
    pub remedy: String,
    /// What it says something of.
    #[serde(default, skip_serializing_if = "SaysOf::is_page")]
    pub says_of: SaysOf,
    /// How it is seen at the end of a way. Any one of these is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// Where no end of a way shows it: what states it, and from what. Goes on after "stated by".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_by: Option<String>,
    /// The versions on which it was seen.
    pub seen_on: Vec<String>,
}

/// Every cause (`scenarios/catalogue/causes.yaml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CauseCatalogue {
    /// By stage.
    pub causes: Vec<Cause>,
}

impl CauseCatalogue {
    /// The cause with this identity.
    #[must_use]
    pub fn get(&self, id: &CauseId) -> Option<&Cause> {
        self.causes.iter().find(|cause| cause.id == *id)
    }

    /// What it says something of; of the page, where the catalogue does not have it.
    #[must_use]
    pub fn says_of(&self, id: &CauseId) -> SaysOf {
        self.get(id).map(|cause| cause.says_of).unwrap_or_default()
    }

    /// The one cause of that stage whose signature holds. Where several hold,
    /// the one with most conditions; none where nothing holds or where two
    /// causes hold equally, because a cause is never guessed.
    #[must_use]
    pub fn identify(&self, clues: &Clues<'_>) -> Option<&Cause> {
        let mut best: Option<(usize, &Cause)> = None;
        let mut tie = false;
        for cause in self.causes.iter().filter(|cause| cause.id.stage() == Some(clues.stage)) {
            let Some(conditions) = cause.signatures.iter().filter_map(|s| s.holds(clues)).max() else { continue };
            match best {
                Some((most, _)) if conditions < most => {}
                Some((most, _)) if conditions == most => tie = true,
                _ => {
                    best = Some((conditions, cause));
                    tie = false;
                }
            }
        }
        best.filter(|_| !tie).map(|(_, cause)| cause)
    }

    /// The causes of that stage which the evidence allows, `ruled_out` left
    /// aside: one where it is enough, several where something that would tell
    /// them apart is not at hand. Where a line of Vault's log is at hand, it
    /// counts before everything that was only concluded.
    #[must_use]
    pub fn candidates(&self, clues: &Clues<'_>, ruled_out: &BTreeSet<CauseId>) -> Vec<&Cause> {
        let possible = |cause: &&Cause| cause.id.stage() == Some(clues.stage) && !ruled_out.contains(&cause.id);
        let mut pool: Vec<(&Cause, &Signature)> = self
            .causes
            .iter()
            .filter(possible)
            .flat_map(|cause| cause.signatures.iter().map(move |signature| (cause, signature)))
            .filter(|(_, signature)| signature.may_hold(clues).is_some())
            .collect();
        if clues.log.is_some() && pool.iter().any(|(_, signature)| signature.log.is_some()) {
            pool.retain(|(_, signature)| signature.log.is_some());
        }
        let best = pool.iter().filter_map(|(_, signature)| signature.holds(clues)).max().unwrap_or(0);
        let mut causes: Vec<&Cause> = Vec::new();
        for (cause, signature) in pool {
            let fits = match signature.holds(clues) {
                Some(conditions) => conditions == best,
                None => signature.may_hold(clues).is_some_and(|conditions| conditions > best),
            };
            if fits && !causes.iter().any(|known| known.id == cause.id) {
                causes.push(cause);
            }
        }
        causes
    }
}
