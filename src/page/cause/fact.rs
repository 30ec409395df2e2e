//! What is found out beside the texts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The TLS handshake with Vault failed, for none of the reasons below.
    VaultTlsFailed,
    /// No authority that is trusted signed Vault's certificate.
    VaultAuthorityUnknown,
    /// The time of Vault's certificate is over, or has not begun.
    VaultCertificateExpired,
    /// Vault's certificate is for other names than the one that is asked for.
    VaultCertificateName,
    /// What answers at Vault's address speaks no TLS.
    VaultWithoutTls,
    /// Vault, or what stands in front of it, wants a certificate of the client's.
    ClientCertificateWanted,
    /// The answer sends the client to another address.
    Redirected,
    /// The answer was 429 or 5xx, or the connection broke before it was whole.
    VaultFailing,
    /// What came is no answer of Vault's API: no JSON, another shape, a body
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
    /// The mount is of another engine than KV.
    OtherEngine,
    /// The role has a namespace selector, and Vault could not ask the API server for the namespace's labels.
    SelectorFailed,
    /// What was asked beside the login was answered as the Kubernetes method never answers.
    OtherAuthMethod,
    /// The Vault token has no policy but `default`.
    NoPolicy,
    /// A policy of the Vault token has a quote or white space in its name.
    PolicyNameOdd,
    /// Vault says that the Vault token may read the path, and refuses it all the same.
    ReadGranted,
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
    /// The Secret Name is an address of Vault's API or web interface, and the token may read the secret that was meant.
    SecretNameCopied,
    /// The entity that Vault knows the Service Account as is disabled.
    EntityDisabled,
    /// A key is missing.
    KeyMissing,
    /// A key is missing, and its value lies elsewhere in the secret.
    KeyMisplaced,
    /// A key is missing, and is stored under the name that another revision of the page has for it.
    KeyRenamed,
    /// Every key is missing.
    NoKey,
    /// A key's value is an empty string.
    KeyEmpty,
    /// A key's value is not a string.
    KeyNotAString,
    /// A key's value is not the one that was stored.
    KeyWrongValue,
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
    /// The auth configuration has a token reviewer's token.
    ReviewerSet,
    /// No reviewer is configured, and Vault may use its own pod's token (`disable_local_ca_jwt` is not true).
    LocalTokenUsed,
    /// `kubernetes_host` of the auth configuration is a loopback address.
    HostIsLoopback,
    /// `kubernetes_host` of the auth configuration says `http`.
    HostIsPlainHttp,
    /// `kubernetes_ca_cert` of the auth configuration is not the cluster's.
    ForeignCa,
    /// Vault has a token reviewer's token, and the API server says that the reviewer may not create TokenReviews.
    ReviewerLacksRight,
    /// Vault has a token reviewer's token, and the reviewer's Service Account is not there.
    ReviewerMissing,
    /// No reviewer is configured, Vault may not use its own token, and the app may not create TokenReviews.
    AppReviewsWithoutRight,
    /// The pod's address is outside the role's `token_bound_cidrs`. Nothing shows it; a role without them says that it is not so.
    BoundCidrs,
    /// Nothing is mounted where the secret should be.
    MountMissing,
    /// Vault is not initialized.
    NotInitialized,
    /// The server is OpenBao, and `permission denied` is all that it says: so it answers a token that it does not accept, where
    /// Vault says that the token is invalid.
    OpenBaoDeniesToken,
}

impl Fact {
    /// Whether the probe itself sees it. The others are found out with more
    /// rights than the app's, so without those they are unknown, not false.
    #[must_use]
    pub(super) fn seen_by_probe(self) -> bool {
        !matches!(
            self,
            Self::ReviewByApp
                | Self::ReviewByReviewer
                | Self::ReviewByVault
                | Self::SecretAtDataData
                | Self::PolicyMissing
                | Self::ReviewerSet
                | Self::LocalTokenUsed
                | Self::HostIsLoopback
                | Self::HostIsPlainHttp
                | Self::ForeignCa
                | Self::ReviewerLacksRight
                | Self::ReviewerMissing
                | Self::AppReviewsWithoutRight
                | Self::BoundCidrs
                | Self::MountMissing
                | Self::ReadGranted
                | Self::EntityDisabled
                | Self::OpenBaoDeniesToken
        )
    }
}
