//! Why a check cannot go on, or cannot do one thing. It says nothing of what is checked.

use thiserror::Error;

use crate::cluster::{connect, patience};
use crate::journal;
use crate::vault::client::Error as VaultError;

/// What could not be done, and why.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no client for the cluster.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// The API server does not say its version.
    #[error("the cluster cannot be asked: {}", connect::why(.0))]
    NoAnswer(#[source] kube::Error),
    /// The caller may not do everything that a check does.
    #[error(
        "your user lacks rights, so nothing was created: {}; `print rbac` prints the Role that grants them",
        .0.join("; ")
    )]
    LacksRights(Vec<String>),
    /// Whether the caller may do something is not known.
    #[error("the API server does not say whether you may {right}: {}", patience::why(.source))]
    RightUnknown {
        /// The right, in words.
        right: String,
        /// Why not.
        source: kube::Error,
    },
    /// The Vault token may not read everything that a check with one reads.
    #[error(
        "the Vault token lacks rights, so nothing was created: {}; `print policy` prints the policy that grants them",
        .0.join("; ")
    )]
    TokenLacksRights(Vec<String>),
    /// What the Vault token may do is not known.
    #[error("{}, so nothing was created: {source}", .source.trouble().unwrap_or("the Vault token cannot be used"))]
    TokenUnknown {
        /// What Vault answers, or that it does not.
        source: VaultError,
    },
    /// There is no client for Vault.
    #[error(transparent)]
    Vault(VaultError),
    /// The API server does not give an object.
    #[error("cannot read {object}: {}", patience::why(.source))]
    NotRead {
        /// Its kind, namespace and name.
        object: String,
        /// Why not.
        source: kube::Error,
    },
    /// The API server does not list the app's pods.
    #[error("cannot list pods in namespace {namespace}: {}", patience::why(.source))]
    NotListed {
        /// The app's namespace.
        namespace: String,
        /// Why not.
        source: kube::Error,
    },
    /// Nothing tells which Service Account the app has.
    #[error(
        "namespace {namespace}, if there is one, has neither a running pod with {selector} nor Runtime {runtime}: name the \
         Runtime with --runtime (`kubectl get runtimes.privatecloud.mendix.com --namespace {namespace}` lists those there \
         are), find the app's pod with --app-selector, or name the Service Account that it will have with --service-account"
    )]
    NoApp {
        /// Where it was looked for.
        namespace: String,
        /// By which labels.
        selector: String,
        /// By which name.
        runtime: String,
    },
    /// The flags make no pod.
    #[error("the probe's pod cannot be made of these flags: {0}")]
    Pod(#[source] serde_json::Error),
    /// An object cannot be written as YAML.
    #[error("an object cannot be written: {0}")]
    Unwritten(#[from] serde_saphyr::ser::Error),
    /// The API server does not create an object.
    #[error("{object} cannot be created: {}", patience::why(.source))]
    NotCreated {
        /// Its kind, namespace and name.
        object: String,
        /// Why not.
        source: kube::Error,
    },
    /// A Service Account goes when the check is over that made it, maybe while this one's pod needs it.
    #[error(
        "Service Account {account} cannot be used: check {run} has made it for itself; try again when that is over"
    )]
    OfAnotherCheck {
        /// Its namespace and name.
        account: String,
        /// The check's run id.
        run: String,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Error {
    pub(super) fn not_read(object: String) -> impl FnOnce(kube::Error) -> Self {
        |source| Self::NotRead { object, source }
    }

    pub(super) fn not_created(object: String) -> impl FnOnce(kube::Error) -> Self {
        |source| Self::NotCreated { object, source }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use rstest::rstest;

    use super::*;

    fn refusal() -> kube::Error {
        kube::Error::Api(Box::new(Status::failure("not for you", "Forbidden").with_code(403)))
    }

    #[rstest]
    #[case::a_read(Error::not_read("Runtime app/mx".to_owned())(refusal()), "cannot read Runtime app/mx: not for you")]
    #[case::a_creation(Error::not_created("pod app/p".to_owned())(refusal()), "pod app/p cannot be created: not for you")]
    #[case::a_list(
        Error::NotListed { namespace: "app".to_owned(), source: refusal() },
        "cannot list pods in namespace app: not for you"
    )]
    #[case::a_question(
        Error::RightUnknown { right: "get pods in app".to_owned(), source: refusal() },
        "the API server does not say whether you may get pods in app: not for you"
    )]
    fn a_refusal_says_what_was_done_to_what_and_the_servers_own_words(#[case] error: Error, #[case] said: &str) {
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn what_is_lacking_comes_with_the_command_that_prints_it() {
        let said = Error::LacksRights(vec!["get pods".to_owned(), "list pods".to_owned()]).to_string();
        assert!(said.contains("nothing was created: get pods; list pods; `print rbac`"), "{said}");
        let said = Error::TokenLacksRights(vec!["read on a/b".to_owned()]).to_string();
        assert!(said.contains("nothing was created: read on a/b; `print policy`"), "{said}");
    }

    #[test]
    fn a_vault_token_that_cannot_be_asked_about_is_told_from_a_vault_that_fails() {
        let answer = |status| VaultError::Status {
            method: reqwest::Method::POST,
            url: "http://v:8200/v1/sys/capabilities-self".to_owned(),
            status,
            text: "said".to_owned(),
        };
        let said = |status| Error::TokenUnknown { source: answer(status) }.to_string();
        assert!(said(403).starts_with("the Vault token cannot be used, so nothing was created: "), "{}", said(403));
        assert!(said(503).starts_with("Vault, or what stands in front of it, fails, so nothing was"), "{}", said(503));
    }
}
