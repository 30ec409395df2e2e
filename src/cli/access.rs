//! The flags of the way from this machine to a customer's cluster and Vault, with what is read there.
//! A Job of the cluster has none of them.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::check::reviewer_token::ReviewerToken;
use crate::check::target::{AccountRef, VaultAccess};
use crate::cluster::connect::ClusterChoice;
use crate::probe::input::SecretName;

/// The group of flags that give a Vault token.
pub const VAULT_TOKEN: &str = "vault_token";

/// The variable that `--vault-token-from-env` reads; never read unasked.
const TOKEN_VARIABLE: &str = "VAULT_TOKEN";

#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Your own cluster, app and Vault")]
pub struct Access {
    /// The kubeconfig [default: as kubectl finds it]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Its context; needed unless this runs in the cluster itself
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Read the role, the auth configuration, the policy and the mount with the Vault token in this file
    #[arg(long, value_name = "FILE", group = VAULT_TOKEN)]
    vault_token_file: Option<PathBuf>,
    /// The same with the token in VAULT_TOKEN, which is not looked at otherwise
    #[arg(long, group = VAULT_TOKEN)]
    vault_token_from_env: bool,
    /// Where this machine reaches Vault [default: the Secret Name's address]
    #[arg(long, value_name = "URL", requires = VAULT_TOKEN)]
    vault_via: Option<String>,
    /// A policy of the role, may be given more than once
    #[arg(long = "policy", value_name = "NAME", default_value = "pmp-secret-access")]
    policies: Vec<String>,
    /// The token reviewer's token, read for its end, issuer, audience and account only: never sent, never printed
    #[arg(long, value_name = "FILE")]
    reviewer_token_file: Option<PathBuf>,
    /// A piece of Vault's log (level debug) or audit log, to read the cause of a refused login from
    #[arg(long, value_name = "FILE")]
    vault_log: Option<PathBuf>,
}

impl Access {
    /// Which cluster.
    ///
    /// # Errors
    /// No context is named outside a cluster.
    pub fn cluster(&self) -> Result<ClusterChoice, String> {
        let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() && self.kubeconfig.is_none();
        if self.context.is_none() && !in_cluster {
            return Err("--context is missing: name the context of your kubeconfig, so that no other cluster is \
                        touched (`kubectl config get-contexts` lists them)"
                .to_owned());
        }
        Ok(ClusterChoice { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() })
    }

    /// Whether a Vault token is given.
    pub const fn has_vault_token(&self) -> bool {
        self.vault_token_file.is_some() || self.vault_token_from_env
    }

    /// The policies of the role, as named.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// The piece of Vault's log that is given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn vault_log(&self) -> Result<Option<String>, String> {
        self.vault_log.as_deref().map(|path| read("--vault-log", path)).transpose()
    }

    /// What the token reviewer's token says of itself, where it is given.
    ///
    /// # Errors
    /// The file cannot be read, holds no Service Account's token, or that of another account than the reviewer's.
    pub fn reviewer_token(&self, reviewer: Option<&AccountRef>) -> Result<Option<ReviewerToken>, String> {
        const FLAG: &str = "--reviewer-token-file";
        let Some(path) = &self.reviewer_token_file else { return Ok(None) };
        let token =
            ReviewerToken::parse(&read(FLAG, path)?).map_err(|error| format!("{FLAG}: {} {error}", path.display()))?;
        let of = |account: &AccountRef| account.namespace == token.namespace && account.name == token.account;
        match reviewer.filter(|reviewer| !of(reviewer)) {
            Some(named) => Err(format!(
                "{FLAG}: {} holds a token of {}/{}, and --reviewer names {}/{}",
                path.display(),
                token.namespace,
                token.account,
                named.namespace,
                named.name
            )),
            None => Ok(Some(token)),
        }
    }

    /// What Vault is asked with, where a token is given.
    ///
    /// # Errors
    /// There is no token where the flags say.
    pub fn vault(&self, secret: &SecretName) -> Result<Option<VaultAccess>, String> {
        let text = match (&self.vault_token_file, self.vault_token_from_env) {
            (Some(path), _) => read("--vault-token-file", path)?,
            (None, true) => std::env::var(TOKEN_VARIABLE)
                .map_err(|_| format!("--vault-token-from-env: {TOKEN_VARIABLE} is not set or not text"))?,
            (None, false) => return Ok(None),
        };
        let token = text.trim();
        // Its content is never named, not even where it is no token.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "the Vault token given is empty or not one word of ASCII; `vault token create` prints one".to_owned()
            );
        }
        Ok(Some(VaultAccess {
            token: SecretString::from(token),
            address: self.vault_via.clone().unwrap_or_else(|| secret.address.clone()),
            policies: self.policies.clone(),
        }))
    }
}

/// The content of a file that a flag names.
pub fn read(flag: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{flag}: cannot read {}: {error}", path.display()))
}
