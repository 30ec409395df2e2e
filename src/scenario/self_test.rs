//! What the self-test knows beforehand (`scenarios/catalogue/self-test.yaml`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::page::{CauseId, Stage};

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SelfTestCatalogue {
    /// Fields of documented objects that change nothing.
    pub no_effect: Vec<NoEffect>,
    /// Servers that do not do what they say.
    pub lies: Vec<Lie>,
    /// Servers that fail.
    pub faults: Vec<Fault>,
}

/// A server that lies. The scenario must be nonconformant, at that stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lie {
    /// Its id, such as `vault.any-namespace`; never reused.
    pub id: String,
    /// What the server does, one sentence.
    pub title: String,
    /// The scenario that must notice it.
    pub scenario: String,
    /// Where.
    pub stage: Stage,
    /// How Vault lies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vault: Vec<Rule<Endpoint, Act>>,
    /// Whether the API server's TokenReview says yes to every token.
    #[serde(default)]
    pub token_review_says_yes: bool,
    /// What an operator that does not do as it is told makes of the `Runtime`: a JSON merge patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Value>,
}

/// A server that fails. It must never be a pass that was not earned, and never nonconformant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fault {
    /// Its id, such as `vault.login-503`; never reused.
    pub id: String,
    /// What happens, one sentence.
    pub title: String,
    /// The scenario in whose way it is.
    pub scenario: String,
    /// What must come of it.
    pub ends: Ends,
    /// With `inconclusive`: the cause that must be named. Either this or `says`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseId>,
    /// With `inconclusive`: what the reason must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// How Vault fails, or what stands in front of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vault: Vec<Rule<Endpoint, Act>>,
    /// How its TLS fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Where the app looks for Vault, in place of its address: `HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_at: Option<String>,
    /// What becomes of a real Vault, which the scenario then has for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_app: Option<Blow>,
    /// How the API server fails the harness.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_server: Vec<Rule<ApiEndpoint, ApiAct>>,
    /// The image that the app's pod asks for, in place of the probe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whether the app's pod asks for a node that never gets ready.
    #[serde(default)]
    pub node_not_ready: bool,
    /// The scenario's time limit in seconds; the run's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Whether it takes so long that only `--long` tries it.
    #[serde(default)]
    pub long: bool,
}

impl Fault {
    /// Whether the harness's own requests to Vault meet it.
    #[must_use]
    pub fn meets_configuration(&self) -> bool {
        self.vault.iter().any(|rule| rule.on == Endpoint::Configure)
    }
}

/// What becomes of a Vault that was sound when it was configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blow {
    /// It is sealed (`PUT sys/seal`).
    Seal,
    /// It is killed, with SIGKILL.
    Kill,
    /// It steps down (`PUT sys/step-down`), and is a standby without an active node for about ten seconds.
    StepDown,
}

/// What must come of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// It passes: the scenario ends as if nothing had happened.
    Conformant,
    /// It lasts: no verdict.
    Inconclusive,
}

/// What is wrong with a TLS listener in front of Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Nothing.
    Sound,
    /// Its certificate has expired.
    Expired,
    /// Its certificate is for another name.
    OtherName,
    /// Nobody that the client trusts signed its certificate.
    Untrusted,
}

/// What a proxy does at one of its endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule<E, A> {
    /// Which.
    pub on: E,
    /// What.
    pub does: A,
    /// How often; always where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// The requests to Vault: a probe's, and the harness's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `POST auth/MOUNT/login`.
    Login,
    /// `GET MOUNT/data/admin`.
    Read,
    /// `LIST MOUNT/metadata/`.
    List,
    /// `POST MOUNT/data/admin`.
    Write,
    /// `DELETE MOUNT/data/admin`.
    Delete,
    /// `GET MOUNT/data/sibling`.
    Sibling,
    /// `POST auth/token/revoke-self`.
    Revoke,
    /// Anything else, all of it the harness's own: it then goes through the proxy as well.
    Configure,
}

/// The requests of the harness to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApiEndpoint {
    /// An object is made.
    Create,
    /// One is changed.
    Change,
    /// One is deleted, by the clean-up.
    Delete,
    /// One is read.
    Get,
    /// Several are read: how a watch starts.
    List,
    /// Several are watched.
    Watch,
    /// A pod's log is read.
    Log,
    /// `SubjectAccessReview`: whether a binding holds yet.
    Review,
}

/// What is done with a request to Vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// A refused login is let in, with a token of the documented policy.
    LogIn,
    /// It is done with all rights.
    AsRoot,
    /// It is passed on, and this is merged into the answer (RFC 7386).
    Merge(Value),
    /// Two keys of the secret have each other's value.
    SwapValues,
    /// Every value is an older one.
    StaleValues,
    /// A key of the secret is left out.
    DropKey,
    /// The secret has a key more.
    AddKey,
    /// The pod that asks is evicted before it is answered.
    Evict,
    /// It fails.
    #[serde(untagged)]
    Fails(Failure),
}

/// What is done with a request to the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ApiAct {
    /// The answer comes twice, one after the other.
    Twice,
    /// The answer is that of another run.
    OfAnotherRun,
    /// It fails.
    #[serde(untagged)]
    Fails(Failure),
}

/// How any server fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Failure {
    /// It is not passed on, and this is answered.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body; where absent, nothing of Vault's, and a `Status` of the API server's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
    },
    /// The answer starts after so many seconds.
    SlowStart(u64),
    /// The answer's second half comes after so many seconds.
    SlowBody(u64),
    /// It is passed on, and the connection ends in the middle of the answer.
    Reset,
    /// The answer is half of what it should be, and says that it is whole.
    Truncate,
    /// An HTML page comes in its place.
    Html,
    /// A body of a thousand megabytes.
    Huge,
    /// A redirect to itself.
    Redirect,
}

/// Broken fields that change nothing of what an app can observe, and the
/// scenario that proves it. One that gains effect fails the self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NoEffect {
    /// Which mutants: a pattern such as `issuer-config/issuer *`.
    pub mutants: String,
    /// The scenario that ends as if nothing were broken.
    pub proved_by: String,
    /// Why it changes nothing, one sentence.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::Catalogue;

    #[test]
    fn every_fault_that_lasts_must_end_for_a_reason_that_can_be_checked() {
        let catalogue = Catalogue::embedded().unwrap();
        for fault in &catalogue.self_test.faults {
            let reasons = usize::from(fault.cause.is_some()) + usize::from(fault.says.is_some());
            assert_eq!(reasons, usize::from(fault.ends == Ends::Inconclusive), "{}", fault.id);
            assert!(fault.cause.as_ref().is_none_or(|cause| catalogue.causes.get(cause).is_some()), "{}", fault.id);
            assert!(catalogue.get(&fault.scenario).is_some(), "{}", fault.id);
        }
    }
}
