//! Day two: what happens while an app lives, and what it then sees.
//!
//! The app has logged in and read. Then the event; from then on it is looked at with the Vault token that it kept, and
//! with a new login. At last what mends it, where something has to be mended.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::CauseId;

/// What happens while the app lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DayTwo {
    /// Nothing: the app is looked at once.
    Nothing,
    /// The token reviewer's token reaches its end.
    ReviewerTokenEnds,
    /// The token reviewer's Service Account is deleted and made anew under its name.
    ReviewerMadeAnew,
    /// The app's Service Account is deleted and made anew under its name.
    AppAccountMadeAnew,
    /// The app's Vault token reaches the role's `ttl`, here a few seconds.
    VaultTokenEnds,
    /// The same, and the app renews its token in time.
    VaultTokenRenewed,
    /// The same, and the token reaches the role's `token_max_ttl`.
    VaultTokenReachesMax,
    /// A second put gives every key another value.
    SecretPutAgain,
    /// A second put stores none of the keys, and the version before is put back (`vault kv rollback`).
    SecretRolledBack,
    /// The secret's latest version is deleted, and undeleted.
    SecretDeleted,
    /// The policy is written again, and no longer says `read`.
    PolicyNarrowed,
    /// The role is written again, and binds another Service Account.
    RoleBoundToAnother,
    /// Vault is sealed.
    VaultSealed,
    /// Vault's process ends and starts again, with what it has on its disk.
    VaultRestarted,
    /// The active one of Vault's three nodes ends, and the app asks another.
    VaultFailsOver,
    /// The API server signs tokens with another key and takes those of the key before it as well; once the token reviewer
    /// and the app have tokens of the other key, the key before it goes.
    SigningKeyRotated,
    /// The API server signs tokens with another key, and takes none of the key before it.
    SigningKeyReplaced,
    /// The same, and the token reviewer has a token of the other key.
    SigningKeyReplacedForReviewer,
    /// Another authority has signed the API server's certificate.
    AuthorityRenewed,
}

/// The role's times in place of the documented `ttl`, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleTimes {
    /// `ttl`.
    pub ttl: u64,
    /// `token_max_ttl`; none: Vault's own.
    pub max: Option<u64>,
}

/// Long enough for a few requests on a busy machine, short enough to wait for.
const SHORT_TTL: u64 = 8;

impl DayTwo {
    /// Short times of the role, where they are what ends; `left_out`: as they are where it is not to happen.
    #[must_use]
    pub const fn role_times(self, left_out: bool) -> Option<RoleTimes> {
        match (self, left_out) {
            (Self::VaultTokenEnds, false) | (Self::VaultTokenRenewed, _) | (Self::VaultTokenReachesMax, true) => {
                Some(RoleTimes { ttl: SHORT_TTL, max: None })
            }
            (Self::VaultTokenReachesMax, false) => Some(RoleTimes { ttl: SHORT_TTL, max: Some(2 * SHORT_TTL) }),
            _ => None,
        }
    }

    /// How often the app renews its Vault token, where it does; `left_out`: where that is not to happen.
    #[must_use]
    pub const fn renews_every(self, left_out: bool) -> Option<Duration> {
        match (self, left_out) {
            (Self::VaultTokenRenewed, false) | (Self::VaultTokenReachesMax, _) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether it strikes a Vault, which the scenario must then have for itself.
    #[must_use]
    pub const fn strikes_vault(self) -> bool {
        matches!(self, Self::VaultSealed | Self::VaultRestarted | Self::VaultFailsOver)
    }

    /// Whether it strikes an API server, which the scenario must then have for itself.
    #[must_use]
    pub const fn strikes_api_server(self) -> bool {
        matches!(
            self,
            Self::SigningKeyRotated
                | Self::SigningKeyReplaced
                | Self::SigningKeyReplacedForReviewer
                | Self::AuthorityRenewed
        )
    }

    /// Whether a server ends and starts anew with what it has stored.
    #[must_use]
    pub const fn restarts_a_server(self) -> bool {
        self.strikes_api_server() || matches!(self, Self::VaultRestarted | Self::VaultFailsOver)
    }

    /// Whether the token reviewer must be one of the scenario's own.
    #[must_use]
    pub const fn concerns_reviewer(self) -> bool {
        self.strikes_api_server() || matches!(self, Self::ReviewerTokenEnds | Self::ReviewerMadeAnew)
    }
}

/// What the app sees once it has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Meanwhile {
    /// With the Vault token that it had.
    pub kept_token: Sees,
    /// With a new login.
    pub new_login: Sees,
    /// That is so no sooner than so many seconds after the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// That is so within so many seconds after the event.
    pub within: u64,
    /// Whether it reads with the Vault token that it had once it is mended.
    pub kept_token_mended: bool,
}

/// What an app sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sees {
    /// Every key, with the value that is then stored.
    Reads,
    /// A stop for this cause, whose first word is its stage.
    StopsFor(CauseId),
}

/// Something that happens and of which the page says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotDocumented {
    /// What happens, in sentences.
    pub happens: String,
    /// After how long, in words.
    pub after: String,
    /// What mends it, in sentences; or why nothing has to be mended.
    pub mends: String,
    /// The versions on which it was seen, such as `vault 1.21.0, kubernetes 1.37.2`.
    pub seen_on: Vec<String>,
}
