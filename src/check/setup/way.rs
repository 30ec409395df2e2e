//! What is only compared never fails what the app's own way passes.

use crate::check::case::{check, failed, warning};
use crate::check::inspect::Found;
use crate::page::cause::ids;
use crate::page::{CauseId, Stage};
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Observed};

/// What Vault tells the client where it tells its log more.
const OPAQUE: &str = "permission denied";

/// The app's own way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a>(pub(super) &'a Observed);

impl Way<'_> {
    /// Whether the app got past that stage.
    pub(super) fn works(self, stage: Stage) -> bool {
        self.0.passed(stage)
    }

    /// Whether Vault asked for the TokenReview, and nothing is left of that cause: the login works, or what was
    /// refused without an explanation is known to be for another one.
    pub(super) fn reviewed_but_for(self, cause: &CauseId) -> bool {
        let Self(observed) = self;
        let unexplained = observed.stage == Some(Stage::Login) && observed.text == OPAQUE && !observed.unexplained;
        let left = || observed.cause.iter().chain(&observed.candidates);
        self.works(Stage::Login) || (unexplained && left().next().is_some() && left().all(|id| id != cause))
    }

    /// Whether Vault let the app's token at the secret's path, whatever lies there: it
    /// looks at policies first, and says 404 only to a token that may read.
    pub(super) fn may_read(self) -> bool {
        self.works(Stage::Read) || (self.0.stage == Some(Stage::Read) && self.0.status == Some(404))
    }

    /// Whether it is known that the Secret Name's path is not that of the secret that was meant.
    pub(super) fn names_another_path(self) -> bool {
        [ids::read::SECRET_NAME_COPIED, ids::read::TRAILING_SLASH].iter().any(|id| self.0.cause.as_ref() == Some(id))
    }

    /// The cause for which the secret that was read lacks what the app needs.
    pub(super) fn lacks_keys(self) -> Option<CauseId> {
        self.0.cause.clone().filter(|_| self.0.stage == Some(Stage::Keys))
    }

    /// A difference from what the app needs at that stage.
    pub(super) fn differs(self, id: &str, stage: Stage, cause: CauseId, text: impl Into<String>) -> Case {
        weigh(id, self.works(stage), stage, cause, text.into())
    }

    /// A difference in what lets the app at the secret's path.
    pub(super) fn differs_in_rights(self, id: &str, cause: CauseId, text: impl Into<String>) -> Case {
        weigh(id, self.may_read(), Stage::Read, cause, text.into())
    }
}

fn weigh(id: &str, works: bool, stage: Stage, cause: CauseId, text: String) -> Case {
    if works {
        warning(id, cause, format!("{text}; the app's own {stage} works all the same"))
    } else {
        failed(id, cause, text)
    }
}

/// What the answer was, where it is neither there nor missing.
pub(super) fn unknown(id: &str, what: &str, found: &Found) -> Case {
    match found {
        Found::Unknown(text) => check(id, Verdict::Inconclusive, format!("{what} cannot be read: {text}")),
        Found::Missing(text) => check(id, Verdict::Inconclusive, format!("{what} is not there: {text}")),
        Found::There(_) => check(id, Verdict::Conformant, ""),
    }
}
