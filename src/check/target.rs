//! What the customer named: where the app is, how it reaches Vault, and what
//! it needs there.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;

use crate::check::likeness::Part;
use crate::check::reviewer_token::ReviewerToken;
use crate::cluster::connect::ClusterChoice;
use crate::cluster::pod_spec::PodOptions;
use crate::page::Reads;
use crate::probe::input::SecretName;

/// A Service Account somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A Vault token for the second depth, with which roles, policies and mounts
/// are read and nothing is written.
#[derive(Debug, Clone)]
pub struct VaultAccess {
    /// The token.
    pub token: SecretString,
    /// Where the harness reaches Vault, such as `https://vault.example:8200`.
    pub address: String,
    /// The policies that the role should name.
    pub policies: Vec<String>,
}

/// Who named something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NamedBy {
    /// Whoever typed the command.
    #[default]
    Flag,
    /// A variable of the environment, which the app need not have.
    Environment,
}

/// Everything that a check is told.
#[derive(Debug, Clone)]
pub struct Target {
    /// The cluster.
    pub cluster: ClusterChoice,
    /// The app's namespace.
    pub namespace: String,
    /// The namespace of `OperatorConfiguration`.
    pub operator_namespace: String,
    /// The `Runtime`'s name.
    pub runtime: String,
    /// A label selector that finds the app's pods.
    pub app_selector: String,
    /// The Service Account to take, whatever the app has.
    pub service_account: Option<String>,
    /// The Secret Name URL of the admin panel.
    pub secret_name: String,
    /// The same, taken apart.
    pub secret: SecretName,
    /// The KV mount, where it was named apart from the URL.
    pub mount: Option<String>,
    /// The auth mount's path.
    pub auth_mount: String,
    /// The role.
    pub role: String,
    /// The token's file in the pod, where it was named; else the app's pod tells.
    pub token_file: Option<String>,
    /// What the probe's pods do not take over from the app's.
    pub not_from_app: BTreeSet<Part>,
    /// Which keys must be there; none: what is there is reported.
    pub require: Option<Reads>,
    /// Vault Enterprise's namespace.
    pub vault_namespace: Option<String>,
    /// Who named it.
    pub vault_namespace_from: NamedBy,
    /// Certificate authorities for Vault, in PEM.
    pub ca: Option<String>,
    /// Whether a Vault token is given, or will be.
    pub second_depth: bool,
    /// The second depth's token; none as long as only flags are known.
    pub vault: Option<VaultAccess>,
    /// The token reviewer's Service Account.
    pub reviewer: Option<AccountRef>,
    /// Whether `reviewer` may be looked at through SubjectAccessReviews.
    pub diagnose_reviewer: bool,
    /// What its token says of itself, where that was given.
    pub reviewer_token: Option<ReviewerToken>,
    /// What ends within this time should be made anew now.
    pub ends_within: Duration,
    /// A piece of Vault's log or audit log.
    pub vault_log: Option<String>,
    /// A namespace from which the login must be refused.
    pub other_namespace: Option<String>,
    /// The image of the program, which is also the probe's, as a pod names it.
    pub probe_image: String,
    /// What the cluster asks of the pods.
    pub pod: PodOptions,
    /// Who is named as the owner of what is created.
    pub owner: String,
}

impl Target {
    /// The API path of the secret below `/v1/`.
    #[must_use]
    pub fn data_path(&self) -> String {
        format!("{}/data/{}", self.secret.mount, self.secret.name)
    }

    /// The same target where it was found how far the mount goes; as it was where that is not one of the ways to take the
    /// Secret Name apart.
    #[must_use]
    pub fn with_mount(&self, mount: Option<&str>) -> Self {
        match mount.and_then(|mount| self.secret.with_mount(mount).ok()) {
            Some(secret) => Self { mount: Some(secret.mount.clone()), secret, ..self.clone() },
            None => self.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The documented names on some cluster.
    pub(crate) fn target() -> Target {
        let secret_name = "http://vault.example:8200/pmp-dev/admin".to_owned();
        Target {
            cluster: ClusterChoice { kubeconfig: None, context: Some("customer".to_owned()) },
            namespace: "feature-test".to_owned(),
            operator_namespace: "feature-test".to_owned(),
            runtime: "mxplatform".to_owned(),
            app_selector: "app=mxplatform".to_owned(),
            service_account: None,
            secret: SecretName::parse(&secret_name).unwrap(),
            secret_name,
            mount: None,
            auth_mount: "kubernetes".to_owned(),
            role: "pmp-secret-accessor-role".to_owned(),
            token_file: None,
            not_from_app: BTreeSet::new(),
            require: None,
            vault_namespace: None,
            vault_namespace_from: NamedBy::Flag,
            ca: None,
            second_depth: false,
            vault: None,
            reviewer: None,
            diagnose_reviewer: false,
            reviewer_token: None,
            ends_within: Duration::from_secs(30 * 24 * 3600),
            vault_log: None,
            other_namespace: None,
            probe_image: "probe:1".to_owned(),
            pod: PodOptions::default(),
            owner: "somebody".to_owned(),
        }
    }
}
