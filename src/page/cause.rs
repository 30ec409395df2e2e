//! The catalogue of causes: why a way ends where it ends, how that is seen,
//! and what to do. One file (`scenarios/catalogue/causes.yaml`) feeds `explain`,
//! JSON, JUnit's `type` and the docs.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stage::Stage;

/// A cause's identity, `STAGE.NAME`. Never reused for another meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CauseId(pub String);

impl CauseId {
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

    /// Whether it says that Vault gave no usable answer, so that nothing was refused.
    #[must_use]
    pub fn is_no_answer(&self) -> bool {
        let (stage, name) = self.0.split_once('.').unwrap_or_default();
        matches!((stage, name), ("login" | "read" | "boundary", "vault-failing" | "not-vault"))
    }
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something found out beside the text that the client saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// No token file in the pod.
    TokenAbsent,
    /// The token file is there and cannot be read.
    TokenUnreadable,
    /// The connection to Vault was refused.
    VaultRefused,
    /// Vault did not answer in time.
    VaultTimeout,
    /// Vault's name did not resolve.
    VaultNameNotFound,
    /// The TLS handshake with Vault failed.
    VaultTlsFailed,
    /// The answer was 429 or 5xx, or the connection broke before it was whole.
    VaultFailing,
    /// What came is no answer of Vault's API: no JSON, another shape, a redirect, a body
    /// that is cut off or does not end.
    NotVault,
    /// An empty login request got 403, so nothing is mounted there (400 where a method is).
    AuthMountMissing,
    /// The account that the API server refused the TokenReview is the app's own.
    ReviewByApp,
    /// The account that the API server refused the TokenReview is the token reviewer.
    ReviewByReviewer,
    /// The account that the API server refused the TokenReview is Vault's own pod's.
    ReviewByVault,
    /// The mount is a KV engine of version 1.
    #[serde(rename = "kv-version-1")]
    KvVersion1,
    /// The answer is not of KV version 2's shape: no `data.data`, no `data.metadata`.
    #[serde(rename = "not-version-2-shape")]
    NotVersion2Shape,
    /// The secret is there, one `data/` too deep.
    SecretAtDataData,
    /// The answer names a deletion time.
    SecretDeleted,
    /// The answer says that the version is destroyed.
    VersionDestroyed,
    /// A policy that the Vault token carries does not exist.
    PolicyMissing,
    /// The path asked for ends with a slash.
    TrailingSlash,
    /// A key is missing.
    KeyMissing,
    /// A key's value is an empty string.
    KeyEmpty,
    /// A key's value is not a string.
    KeyNotAString,
    /// A key's value is not the one that was stored.
    KeyWrongValue,
    /// The secret holds a key that the catalogue does not name.
    KeyUnexpected,
    /// The Vault token may list.
    ListAllowed,
    /// The Vault token may write the secret.
    WriteAllowed,
    /// The Vault token may delete the secret.
    DeleteAllowed,
    /// The Vault token may read a sibling secret.
    SiblingAllowed,
    /// The revoked Vault token still works.
    TokenSurvivesRevocation,
    /// The Vault token's lease is not the role's `ttl`.
    LeaseNotTtl,
    /// The Vault token may patch the secret.
    PatchAllowed,
    /// Vault took nine seconds or more to refuse the login: it waited for the API server.
    LoginTookLong,
    /// `kubernetes_host` of the auth configuration is a loopback address.
    HostIsLoopback,
    /// `kubernetes_ca_cert` of the auth configuration is not the cluster's.
    ForeignCa,
    /// The API server says that the token reviewer may not create TokenReviews.
    ReviewerLacksRight,
    /// The token reviewer's Service Account is not there.
    ReviewerMissing,
    /// No reviewer is configured, Vault may not use its own token, and the app may not create TokenReviews.
    AppReviewsWithoutRight,
    /// The role has `token_bound_cidrs`, and nothing else explains the refusal.
    BoundCidrs,
    /// Nothing is mounted where the secret should be.
    MountMissing,
    /// Vault is not initialized.
    NotInitialized,
    /// Vault is older than 1.9.
    VaultTooOld,
    /// The Secret Name URL is `http`.
    PlainHttp,
    /// The role binds every Service Account or every namespace.
    RoleWildcard,
    /// The app runs as `default`, and the role binds it.
    DefaultBound,
    /// A Service Account without any right was let in.
    FreshAccountAccepted,
    /// The app's Service Account name was let in from another namespace.
    OtherNamespaceAccepted,
    /// The secret was given without a Vault token.
    ReadWithoutToken,
    /// The secret's version is more than a year old.
    VersionOld,
    /// The Vault token given for the check may do more than the check needs.
    CheckTokenTooStrong,
    /// `runtimeAutomountServiceAccountToken` is not `true`.
    OperatorAutomountOff,
    /// The running pod is not as its custom resources say.
    NotAsRuntime,
}

impl Fact {
    /// Whether the probe itself sees it. The others are found out with more
    /// rights than the app's, so without those they are unknown, not false.
    #[must_use]
    fn seen_by_probe(self) -> bool {
        !matches!(
            self,
            Self::ReviewByApp
                | Self::ReviewByReviewer
                | Self::ReviewByVault
                | Self::SecretAtDataData
                | Self::PolicyMissing
                | Self::HostIsLoopback
                | Self::ForeignCa
                | Self::ReviewerLacksRight
                | Self::ReviewerMissing
                | Self::AppReviewsWithoutRight
                | Self::BoundCidrs
                | Self::MountMissing
        )
    }
}

/// How a cause is seen. Every given condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signature {
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the text that the client saw contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What the line of Vault's log (of the API server's message at stage `pod`) contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// What else was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<Fact>,
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
    /// How it is seen. Any one of these is enough.
    pub signatures: Vec<Signature>,
    /// The versions on which these texts were seen.
    pub seen_on: Vec<String>,
}

/// What is known of the end of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clues<'a> {
    /// Where it ended.
    pub stage: Stage,
    /// The HTTP status that the client saw.
    pub status: Option<u16>,
    /// The text that the client saw.
    pub client: &'a str,
    /// The line of Vault's log that belongs to it, or the API server's message.
    pub log: Option<&'a str>,
    /// What else was found out.
    pub facts: &'a BTreeSet<Fact>,
}

/// What Vault tells the client where it tells its log more. Any other text
/// says all that there is to say.
const OPAQUE: &str = "permission denied";

impl Signature {
    /// How many conditions there are, where all of them hold.
    fn holds(&self, clues: &Clues<'_>) -> Option<usize> {
        let conditions = [
            self.status.map(|status| clues.status == Some(status)),
            self.client.as_deref().map(|text| clues.client.contains(text)),
            self.log.as_deref().map(|text| clues.log.is_some_and(|line| line.contains(text))),
            self.fact.map(|fact| clues.facts.contains(&fact)),
        ];
        let given: Vec<bool> = conditions.into_iter().flatten().collect();
        (!given.is_empty() && given.iter().all(|holds| *holds)).then_some(given.len())
    }

    /// How many conditions there are, where none is known not to hold: the log
    /// may not be at hand, and some facts take rights to find out.
    fn may_hold(&self, clues: &Clues<'_>) -> Option<usize> {
        let conditions = [
            self.status.map(|status| clues.status == Some(status)),
            self.client.as_deref().map(|text| clues.client.contains(text)),
            self.log.as_deref().map(|text| clues.log.map_or(clues.client == OPAQUE, |line| line.contains(text))),
            self.fact.map(|fact| clues.facts.contains(&fact) || !fact.seen_by_probe()),
        ];
        let given: Vec<bool> = conditions.into_iter().flatten().collect();
        (!given.is_empty() && given.iter().all(|may| *may)).then_some(given.len())
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
