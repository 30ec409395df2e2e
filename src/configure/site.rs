//! A scenario's place in a run: what all steps need, and how each object is made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt as _;
use kube::api::Api;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::{OnceCell, watch};

use super::mutation::{self, Mutation, Object};
use super::names::Names;
use crate::cluster::objects::Owner;
use crate::cluster::patience;
use crate::cluster::pod::Apps;
use crate::journal::{self, Item, Journal, Resource};
use crate::page::Page;
use crate::redact::Redactor;
use crate::scenario::self_test::Blow;
use crate::testbed::{self, ApiServer, Testbed, VaultSite};
use crate::verdict::sighting::EnableAgain;
use crate::wait::TimedOut;

/// A step that could not be done. It says nothing of the page.
#[derive(Debug, Error)]
pub enum Error {
    /// Vault refused, or did not answer.
    #[error(transparent)]
    Vault(#[from] crate::vault::Error),
    /// Vault's command line failed.
    #[error("`vault {command}` failed with exit code {code}: {output}")]
    VaultCli {
        /// The subcommand.
        command: &'static str,
        /// The exit code.
        code: i64,
        /// What it printed.
        output: String,
    },
    /// The API server refused, or did not answer.
    #[error("the API server does not {operation} {object}: {}", patience::why(.source))]
    Cluster {
        /// What was asked of it.
        operation: Operation,
        /// The object: its kind, namespace and name.
        object: String,
        /// Why.
        source: kube::Error,
    },
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The testbed fails, or a Vault of the scenario's own does not start.
    #[error(transparent)]
    Testbed(#[from] testbed::Error),
    /// The self-test broke an object beyond what can be written.
    #[error("the broken object is none any more: {0}")]
    Broken(String),
    /// Anything else.
    #[error("cannot {what}: {reason}")]
    Other {
        /// What.
        what: &'static str,
        /// Why not.
        reason: String,
    },
}

/// What the API server is asked to do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Make it.
    Create,
    /// Give it.
    Read,
    /// Change some of its fields.
    Patch,
    /// Remove it.
    Delete,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Patch => "patch",
            Self::Delete => "delete",
        })
    }
}

/// The API server's refusal of what was asked of it.
pub fn cluster<K>(operation: Operation, api: &Api<K>, name: &str) -> impl FnOnce(kube::Error) -> Error + use<K>
where
    K: kube::Resource<DynamicType: Default>,
{
    let kind = K::kind(&K::DynamicType::default()).into_owned();
    let object = match api.namespace() {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    };
    move |source| Error::Cluster { operation, object, source }
}

/// The API server's refusal of a token for a Service Account.
pub fn token_of(accounts: &Api<ServiceAccount>, name: &str) -> impl FnOnce(kube::Error) -> Error + use<> {
    let object = format!("a token of ServiceAccount {}/{name}", accounts.namespace().unwrap_or_default());
    move |source| Error::Cluster { operation: Operation::Create, object, source }
}

/// What all scenarios of a run share.
pub struct Run<'a> {
    /// The testbed.
    pub testbed: &'a Testbed,
    /// What is created is noted here first.
    pub journal: &'a Journal,
    /// The catalogue of keys.
    pub page: &'a Page,
    /// The run's key for fingerprints.
    pub hmac_key: String,
    /// Learns each canary and token.
    pub redactor: Redactor,
    /// What the cluster makes of the apps.
    pub apps: Apps,
    /// The documented token reviewer, made once.
    pub reviewer: Arc<OnceCell<ReviewerToken>>,
    /// Whether a pod can run Vault: its image comes while scenarios are at work.
    pub pods_can_run_vault: watch::Receiver<bool>,
}

/// A token reviewer's Service Account and token.
#[derive(Debug, Clone)]
pub struct ReviewerToken {
    /// The Service Account's name, in the namespace of reviewers.
    pub account: String,
    /// `token_reviewer_jwt`.
    pub token: SecretString,
}

/// One scenario's place in a run.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The run.
    pub run: &'a Run<'a>,
    /// What the objects are called.
    pub names: &'a Names,
    /// Whose they are.
    pub owner: &'a Owner,
    /// The Vault that the scenario uses.
    pub vault: &'a VaultSite,
    /// The API server, as that Vault is told of it.
    pub api_server: &'a ApiServer,
    /// What the self-test puts in the way; nothing in an ordinary run.
    pub bent: &'a Bent,
}

/// What the self-test puts in the way of a scenario.
#[derive(Debug, Clone, Default)]
pub struct Bent {
    /// The one field that is broken.
    pub mutation: Option<Mutation>,
    /// What is merged into the `Runtime` (JSON merge patch, RFC 7386): an operator that does not do as it is told.
    pub runtime: Option<serde_json::Value>,
    /// Another way for the app to Vault.
    pub vault: Option<VaultDetour>,
    /// Another way for Vault to the API server.
    pub api_server: Option<ApiServer>,
    /// Whether what is to happen while the app lives does not.
    pub without_event: bool,
    /// What becomes of Vault when everything is configured, before the app starts.
    pub before_app: Option<Blow>,
}

impl Site<'_> {
    /// Strikes the Vault of this scenario.
    ///
    /// # Errors
    /// It withstands: Vault refuses, or is none of the testbed's own.
    pub async fn strike(self, blow: Blow) -> Result<(), Error> {
        match blow {
            Blow::Seal => self.vault.admin.seal().await?,
            Blow::StepDown => self.vault.admin.step_down().await?,
            Blow::Kill => self.vault.kill().await?,
        }
        Ok(())
    }
}

/// Where the app finds a Vault that something stands in front of.
#[derive(Debug, Clone)]
pub struct VaultDetour {
    /// `HOST:PORT` as a pod sees it.
    pub host: String,
    /// Its certificate authority, where it speaks TLS.
    pub ca: Option<String>,
}

impl Site<'_> {
    /// A Kubernetes object, or a request body, as it is to be made.
    ///
    /// # Errors
    /// The self-test broke it beyond what can be written.
    pub fn bend<K: Serialize + DeserializeOwned>(self, object: Object, made: K) -> Result<K, Error> {
        mutation::bend(self.bent.mutation.as_ref(), object, made).map_err(|error| Error::Broken(error.to_string()))
    }
}

/// What came of the steps.
#[derive(Debug, Default)]
pub struct Stored {
    /// For each key with a usable value: the fingerprint that the probe must give.
    pub fingerprints: BTreeMap<String, String>,
    /// The second `secrets enable`.
    pub enable_again: Option<EnableAgain>,
}

/// Creates a Kubernetes object, noted in the journal before and after where
/// its namespace does not go with the scenario anyway.
///
/// # Errors
/// The API server refuses.
pub async fn create<K>(run: &Run<'_>, api: &Api<K>, resource: Option<Resource>, object: &K) -> Result<K, Error>
where
    K: kube::Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    K::DynamicType: Default,
{
    let name = object.name_any();
    let entry = match resource {
        Some(resource) => {
            let namespace = object.namespace();
            Some(run.journal.creating(Item::Object { resource, namespace, name: name.clone(), typed: false })?)
        }
        None => None,
    };
    let made = match patience::create(api, object).await {
        Ok(made) => made,
        Err(source) => {
            // What was refused is not there, so there is nothing to remove. What failed may be.
            if let (Some(entry), kube::Error::Api(status)) = (&entry, &source)
                && status.code < 500
            {
                run.journal.refused(entry)?;
            }
            return Err(cluster(Operation::Create, api, &name)(source));
        }
    };
    if let (Some(entry), Some(uid)) = (&entry, made.meta().uid.clone()) {
        run.journal.created(entry, uid)?;
    }
    Ok(made)
}

/// Notes something of Vault in the journal, then makes it.
///
/// # Errors
/// Vault refuses.
pub async fn create_in_vault<T>(
    site: Site<'_>,
    path: String,
    make: impl Future<Output = Result<T, crate::vault::Error>>,
) -> Result<T, Error> {
    // A Vault of the scenario's own goes as a whole.
    let entry = match site.names.shared_vault {
        true => Some(site.run.journal.creating(Item::Vault { path })?),
        false => None,
    };
    let made = make.await?;
    if let Some(entry) = &entry {
        site.run.journal.created(entry, "vault")?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use kube::core::Status;
    use rstest::rstest;

    use super::*;
    use crate::cluster::api_server::{ApiServer, Scenario};

    #[rstest]
    #[case(Operation::Create, "create")]
    #[case(Operation::Read, "read")]
    #[case(Operation::Patch, "patch")]
    #[case(Operation::Delete, "delete")]
    #[tokio::test]
    async fn a_refusal_says_what_was_asked_of_which_object_and_why_not(
        #[case] operation: Operation,
        #[case] asked: &str,
    ) {
        let kube = ApiServer::playing(Scenario::Observed).client();
        let refusal = || kube::Error::Api(Box::new(Status::failure("not now", "Forbidden").with_code(403)));
        let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), "app");
        let said = cluster(operation, &accounts, "default")(refusal()).to_string();
        assert_eq!(said, format!("the API server does not {asked} ServiceAccount app/default: not now"));
        let said = cluster(operation, &Api::<Namespace>::all(kube), "app")(refusal()).to_string();
        assert_eq!(said, format!("the API server does not {asked} Namespace app: not now"));
        let said = token_of(&accounts, "reviewer")(refusal()).to_string();
        assert_eq!(said, "the API server does not create a token of ServiceAccount app/reviewer: not now");
    }
}
