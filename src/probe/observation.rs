//! What the probe prints: one line of JSON behind a marker, so that a reader
//! of the pod's log can tell it from anything else, and a cut-off one from a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::Request;
use crate::vault::transport::Transport;

/// The word before the JSON on the observation's line.
pub const MARKER: &str = "PMP-VAULT-OBSERVATION";

/// The version of [`Observation`]'s shape.
pub const SCHEMA: u32 = 6;

/// Everything that the probe saw, in the order of the stages. It holds no
/// token and no value; a value's HMAC only where the harness gave a key for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Observation {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The run that started the probe.
    pub run: String,
    /// The scenario that it serves.
    pub scenario: String,
    /// The Service Account's token.
    pub token: TokenState,
    /// The login. Absent where there was no token.
    pub login: Option<Login>,
    /// The API path of the central secret, as the Secret Name URL gives it, and Vault where it says how far the mount goes.
    pub read_path: String,
    /// The read of the central secret: with the Vault token, or without one after a denial.
    pub read: Option<Answer>,
    /// Whether that read carried a Vault token.
    pub read_with_token: bool,
    /// The shape and state of the secret, where the read gave one.
    pub secret: Option<Secret>,
    /// What the Vault token can do beside reading.
    pub boundary: Option<Boundary>,
    /// What was asked on a customer's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Milliseconds from the probe's start to the end of its last step.
    pub millis: u64,
}

/// What the probe asks on a customer's cluster beside the way itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asked {
    /// `GET sys/health`.
    pub health: Answer,
    /// `version` of it.
    pub version: Option<String>,
    /// `initialized` of it.
    pub initialized: Option<bool>,
    /// When the certificate ends that was shown with it (RFC 3339); none without TLS.
    pub certificate_ends: Option<String>,
    /// The read of the secret without any token.
    pub read_without_token: Option<Answer>,
    /// How long the login took.
    pub login_millis: Option<u64>,
    /// How long the read took, from the first try to the answer that counts.
    pub read_millis: Option<u64>,
    /// How long it took to ask what else the token may do, and to revoke it.
    pub boundary_millis: Option<u64>,
    /// `auth.token_type` of the login.
    pub token_type: Option<String>,
    /// `auth.num_uses` of the login; none where the token has no limit of uses.
    pub token_uses: Option<u64>,
    /// `GET sys/internal/ui/mounts/PATH`, which any token with rights in the mount may ask.
    pub mount: Option<Answer>,
    /// The mount's path without a slash at its end, where that said it.
    pub mount_path: Option<String>,
    /// The mount's engine, such as `kv`, where that said it.
    pub engine: Option<String>,
    /// The mount's KV version, where that said it.
    pub kv_version: Option<u8>,
    /// After a 404: `GET MOUNT/metadata/data/NAME`.
    pub at_data_data: Option<Answer>,
    /// `metadata.created_time` of the secret's version.
    pub created: Option<String>,
    /// `POST sys/capabilities-self`.
    pub capabilities: Option<Answer>,
    /// What it said, by path below `/v1/`.
    pub allowed: BTreeMap<String, Vec<String>>,
    /// The API path that was meant where the Secret Name is an address of Vault's API or web interface and the token may
    /// read that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<String>,
    /// `POST auth/token/revoke-self`.
    pub revoke: Option<Answer>,
    /// `GET auth/token/lookup-self` after that.
    pub after_revocation: Option<Answer>,
    /// How many certificates were found where the app has authorities mounted.
    pub mounted_authorities: usize,
    /// Every request that the probe made.
    pub requests: Vec<Request>,
}

/// The Service Account's token, as the pod sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// Mounted and not empty.
    Present,
    /// No such file.
    Absent,
    /// There, and not readable, empty or not text.
    Unreadable,
}

/// One HTTP exchange with Vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Vault's `errors`, joined with `; `. Never a body.
    pub text: String,
    /// Why there was no answer.
    pub transport: Option<Transport>,
}

impl Answer {
    /// Whether Vault, or the way to it, refused: a 4xx status, or no connection at all.
    /// A server that is busy (429) refuses nothing.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.status.is_some_and(|status| (400..500).contains(&status) && status != 429)
            || matches!(self.transport, Some(Transport::Refused | Transport::Tls(_) | Transport::NameNotFound))
    }
}

/// `POST auth/MOUNT/login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Login {
    /// The exchange.
    pub answer: Answer,
    /// `auth.lease_duration` in seconds.
    pub lease_duration: Option<u64>,
    /// `auth.token_policies`.
    pub policies: Vec<String>,
    /// After a bare `permission denied`: the status of an empty login request,
    /// which tells a missing auth mount (403) from one that is there (400).
    pub empty_login_status: Option<u16>,
    /// After a refusal that says nothing of the method: whether what else was asked there was answered as the Kubernetes
    /// method never answers.
    pub another_method: bool,
}

impl Login {
    /// A login that gave nothing yet.
    #[must_use]
    pub fn of(answer: Answer) -> Self {
        Self { answer, lease_duration: None, policies: Vec::new(), empty_login_status: None, another_method: false }
    }
}

/// What the read gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Secret {
    /// Whether the answer has KV version 2's `data.data` or `data.metadata`.
    pub version_2_shape: bool,
    /// `data.metadata.deletion_time` is set, and no values came.
    pub deleted: bool,
    /// `data.metadata.deletion_time` where the values still came: the version ends then (RFC 3339).
    pub ends: Option<String>,
    /// `data.metadata.destroyed` is true.
    pub destroyed: bool,
    /// One entry for each key asked for, in that order; empty where there is no secret.
    pub keys: Vec<KeyObservation>,
    /// How many keys there are beside those asked for. Never their names.
    pub unexpected: usize,
    /// Those of them that are named in [`Ask::keys_of_others`](super::input::Ask::keys_of_others), with a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_others: Vec<String>,
}

/// One key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyObservation {
    /// The key's name.
    pub name: String,
    /// What is there.
    pub state: KeyState,
    /// On a customer's cluster, with a key that is missing: where it lies instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Near>,
    /// On a customer's cluster, with a key that is there: why its value cannot be what was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// HMAC-SHA256 of the value under the run's own key, in hex. Only on the
    /// harness's own testbeds, where values are random and worthless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<String>,
}

/// What is found under a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// A string that is not empty.
    Present,
    /// An empty string.
    Empty,
    /// A number, an object, anything but a string.
    NotAString,
    /// Nothing.
    #[default]
    Missing,
}

/// Where the value of a missing key lies instead: a kind, never a name of the
/// customer's. In the order in which they are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Near {
    /// White space, quotes or invisible characters stand in the name.
    Surplus,
    /// The name has another case.
    Case,
    /// The name has other separators than dots, or none.
    Separator,
    /// The name stands inside another value.
    Level,
    /// Group and name are nested: `{"VCS": {"GitlabAdminPAT": …}}`.
    Group,
    /// The name stands in a text that is another value: JSON, or lines of `NAME=VALUE`.
    Text,
    /// The name stands there without its group.
    WithoutGroup,
    /// A longer name begins or ends with it.
    Longer,
    /// The name differs in a letter or two.
    Spelling,
}

impl Near {
    /// Goes on after "it is not stored under this name; ".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Surplus => "white space, quotes or invisible characters stand in the stored name",
            Self::Case => "it is there in another case",
            Self::Separator => "it is there with other separators than dots",
            Self::Level => "it lies inside another value, not at the top of the secret",
            Self::Group => "its group and its name are nested in each other",
            Self::Text => "it stands in a text (JSON, or lines of NAME=VALUE) that is stored as one value",
            Self::WithoutGroup => "it is there without its group",
            Self::Longer => "a longer name with it is there",
            Self::Spelling => "a name that differs in a letter or two is there",
        }
    }
}

/// Why a value cannot be what was meant. Told as a kind; nothing else of the
/// value leaves the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// A placeholder, such as the page's own `YOUR_…`.
    Placeholder,
    /// What a shell or a template should have replaced: `$NAME`, `$(…)`, `@file`, `{{ … }}`.
    Unexpanded,
    /// A word for nothing, such as `null`.
    Nothing,
    /// Quotes stand around it.
    Quoted,
    /// White space or a line break stands at an end.
    Space,
    /// A line break, a control character or an invisible one stands in it.
    Control,
}

impl Doubt {
    /// Goes on after "its value ".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Placeholder => "is a placeholder",
            Self::Unexpanded => "holds what a shell, a template or another tool should have replaced",
            Self::Nothing => "is a word for nothing, such as null",
            Self::Quoted => "has quotes around it",
            Self::Space => "begins or ends with white space or a line break",
            Self::Control => "has a line break, a control character or an invisible one in it",
        }
    }
}

/// What the Vault token can do beside reading the secret. Each must be refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Boundary {
    /// `LIST MOUNT/metadata/`.
    pub list: Answer,
    /// `POST MOUNT/data/NAME`.
    pub write: Answer,
    /// `DELETE MOUNT/data/NAME`.
    pub delete: Answer,
    /// `GET MOUNT/data/SIBLING`.
    pub sibling: Answer,
    /// `POST auth/token/revoke-self`, which must succeed.
    pub revoke: Answer,
    /// The read once more, with the revoked token.
    pub after_revocation: Answer,
}
