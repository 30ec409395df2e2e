//! What a cause is called.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::stage::Stage;

/// A cause's identity, `STAGE.NAME`. Never reused for another meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CauseId(Cow<'static, str>);

impl CauseId {
    /// One that was read or typed. The program's own are in [`super::ids`].
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(Cow::Owned(id.into()))
    }

    /// One of the catalogue that the program carries with it.
    pub(super) const fn known(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stage that the identity names, where it names one.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        let (stage, _) = self.0.split_once('.')?;
        Stage::ALL.into_iter().find(|candidate| candidate.as_str() == stage)
    }
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
