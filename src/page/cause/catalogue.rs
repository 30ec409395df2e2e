//! Every cause: what it means, what to do, how it is known, and which one the clues show.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::CauseId;
use super::signature::{Clues, Signature};
use crate::page::names::Names;
use crate::page::stage::Stage;

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

/// A step of Vault's own way through a login that it may refuse with a bare `permission denied`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Before it compares the Service Account's name: it looks at the client's address and the token's form.
    BeforeTheName,
    /// The TokenReview, which it asks the API server for when everything else fits.
    TokenReview,
}

/// One cause of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cause {
    /// `STAGE.NAME`.
    pub id: CauseId,
    /// A phrase for people, without a full stop. A placeholder in it stands behind what it names, and the phrase reads
    /// well without it.
    pub title: String,
    /// What it means: one or two sentences. Here, in `title`, in `remedy` and in `commands`, `{mount}`, `{secret}`,
    /// `{auth}`, `{role}`, `{policy}`, `{namespace}`, `{account}`, `{operator-namespace}`, `{runtime}`, `{app-selector}`,
    /// `{address}`, `{server}`, `{reviewer}`, `{reviewer-namespace}` and `{token-file}` stand for the names there; any other brace is
    /// doubled.
    pub meaning: String,
    /// What to do about it: one or two sentences.
    pub remedy: String,
    /// How it is done: lines that can be pasted into a shell, the smallest step first. No placeholder stands in quotes;
    /// a word in capitals is one that only the reader knows. No line shows a secret, or has one as an argument.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What it says something of.
    #[serde(default, skip_serializing_if = "SaysOf::is_page")]
    pub says_of: SaysOf,
    /// The cause that this one is a kind of: it stands for all its kinds where nothing tells them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind_of: Option<CauseId>,
    /// The step of a login at which Vault refuses for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// How it is seen at the end of a way. Any one of these is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// Where no end of a way shows it: what states it, and from what. Goes on after "stated by".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_by: Option<String>,
    /// The versions on which it was seen.
    pub seen_on: Vec<String>,
}

/// What is said of a cause where things have certain names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What is wrong, without a full stop.
    pub title: String,
    /// What it means.
    pub meaning: String,
    /// What to do about it.
    pub remedy: String,
    /// How, each a line for a shell.
    pub commands: Vec<String>,
}

impl Cause {
    /// Its title where nothing has a name.
    #[must_use]
    pub fn title(&self) -> String {
        Names::unnamed(&self.title)
    }

    /// What is said of it with these names.
    #[must_use]
    pub fn told(&self, names: &Names) -> Told {
        Told {
            title: names.title(&self.title),
            meaning: names.fill(&self.meaning),
            remedy: names.fill(&self.remedy),
            commands: self.commands.iter().map(|line| names.command(line)).collect(),
        }
    }
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

    /// Those of the step.
    #[must_use]
    pub fn of_step(&self, step: Step) -> Vec<CauseId> {
        self.causes.iter().filter(|cause| cause.step == Some(step)).map(|cause| cause.id.clone()).collect()
    }

    /// What the evidence leaves of that stage's causes, `ruled_out` left aside.
    ///
    /// Vault's own words count before everything that was only concluded. A line that
    /// no signature of a possible cause knows explains nothing: then none is named alone.
    #[must_use]
    pub fn left(&self, clues: &Clues<'_>, ruled_out: &BTreeSet<CauseId>) -> Left<'_> {
        let possible = |cause: &&Cause| cause.id.stage() == Some(clues.stage) && !ruled_out.contains(&cause.id);
        let pool = |clues: &Clues<'_>| -> Vec<(&Cause, &Signature)> {
            let of_causes = self.causes.iter().filter(possible);
            let all = of_causes.flat_map(|cause| cause.signatures.iter().map(move |signature| (cause, signature)));
            all.filter(|(_, signature)| signature.may_hold(clues)).collect()
        };
        let told: Vec<_> = pool(clues).into_iter().filter(|(_, signature)| signature.tells(clues)).collect();
        let unexplained = clues.stage == Stage::Login && clues.line().is_some() && told.is_empty();
        if unexplained {
            let clues = Clues { log: None, ..*clues };
            return Left { causes: self.folded(best(pool(&clues), &clues), ruled_out), unexplained };
        }
        let told = if told.is_empty() { pool(clues) } else { told };
        Left { causes: self.folded(best(told, clues), ruled_out), unexplained }
    }

    /// With its general cause in the place of each that nothing but that shows, hinted ones first.
    fn folded<'a>(&'a self, fitting: Vec<Fitting<'a>>, ruled_out: &BTreeSet<CauseId>) -> Vec<&'a Cause> {
        let general = |cause: &'a Cause| cause.kind_of.as_ref().and_then(|general| self.get(general));
        let mut causes: Vec<&Cause> = Vec::new();
        // A general cause says nothing beside the kind of it that was seen.
        let seen_kind_of = |id: &CauseId| fitting.iter().any(|fit| fit.shown && fit.cause.kind_of.as_ref() == Some(id));
        for fit in &fitting {
            let cause = match general(fit.cause) {
                Some(general) if !fit.shown && !ruled_out.contains(&general.id) => general,
                None if seen_kind_of(&fit.cause.id) => continue,
                _ => fit.cause,
            };
            if causes.iter().all(|known| known.id != cause.id) {
                causes.push(cause);
            }
        }
        let hinted = |cause: &&Cause| {
            let of_it = |fit: &Fitting<'_>| fit.cause.id == cause.id || fit.cause.kind_of.as_ref() == Some(&cause.id);
            fitting.iter().any(|fit| fit.hinted && of_it(fit))
        };
        causes.sort_by_key(|cause| !hinted(cause));
        causes
    }
}

/// What the evidence leaves of a stage's causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left<'a> {
    /// One where it is enough, several where something that would tell them apart is not at hand.
    pub causes: Vec<&'a Cause>,
    /// Vault's log says something that none of them explains, so not even a single one is certain.
    pub unexplained: bool,
}

/// A cause whose signature fits.
struct Fitting<'a> {
    cause: &'a Cause,
    /// All of its conditions were seen.
    shown: bool,
    /// What makes it likelier was.
    hinted: bool,
}

/// The most particular of the signatures that were seen to hold, and those that would say the same and more; where none
/// was seen to hold, all that may.
fn best<'a>(pool: Vec<(&'a Cause, &'a Signature)>, clues: &Clues<'_>) -> Vec<Fitting<'a>> {
    let most = pool.iter().filter_map(|(_, signature)| signature.holds(clues)).max();
    let best = |signature: &Signature| most.is_some() && signature.holds(clues) == most;
    let seen: Vec<&Signature> = pool.iter().map(|(_, signature)| *signature).filter(|one| best(one)).collect();
    // How many conditions it has says nothing of a signature that speaks of something else than what was seen.
    let joins = |signature: &Signature| {
        signature.holds(clues).is_none() && (seen.is_empty() || seen.iter().any(|shown| signature.refines(shown)))
    };
    pool.iter()
        .filter(|(_, signature)| best(signature) || joins(signature))
        .map(|(cause, signature)| Fitting { cause, shown: best(signature), hinted: signature.hinted(clues) })
        .collect()
}
