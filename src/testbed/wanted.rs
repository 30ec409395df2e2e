//! The flags of a testbed, and what they come down to on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};

use super::error::Error;
use super::local::binaries::KUBECTL;
use super::server::Server;
use super::terms::{Exported, Need, Origin};
use super::which::Which;
use super::{kind, local};
use crate::cluster::manifests::Manifests;

/// The flags.
#[derive(Debug, Clone, clap::Args)]
struct Flags {
    /// What the testbed is made of
    #[arg(long, value_enum, default_value_t = Which::Kind)]
    testbed: Which,
    /// The server that keeps the secrets
    #[arg(long, value_enum, value_name = "SERVER", default_value_t = Server::Vault)]
    server: Server,
    #[command(flatten)]
    kind: kind::images::Images,
    #[command(flatten)]
    local: local::binaries::Programs,
}

/// What a testbed is to be made of.
#[derive(Debug, Clone)]
pub struct Wanted {
    testbed: Which,
    pub(super) server: Server,
    pub(super) kind: kind::images::Images,
    pub(super) local: local::binaries::Programs,
    /// The operator that is to be there, in place of our stand-in.
    operator: Option<Arc<Manifests>>,
}

impl Args for Wanted {
    fn augment_args(command: clap::Command) -> clap::Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Flags::augment_args_for_update(command)
    }
}

/// A flag of one kind of testbed is refused with the other: clap itself knows conflicts of flags, not of their values.
impl FromArgMatches for Wanted {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Flags { testbed, server, kind, local } = Flags::from_arg_matches(matches)?;
        let without_effect: &[&str] = match testbed {
            Which::Kind => &["bin_dir"],
            Which::Local => &["vault_image", "node_image", "probe_image"],
        };
        let typed = |flag: &&&str| matches.value_source(flag) == Some(ValueSource::CommandLine);
        if let Some(flag) = without_effect.iter().find(typed) {
            let (flag, testbed) = (flag.replace('_', "-"), testbed.name());
            let text = format!(
                "the argument '--{flag}' cannot be used with '--testbed {testbed}'\n\nFor more information, try '--help'.\n"
            );
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        Ok(Self { testbed, server, kind, local, operator: None })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Wanted {
    /// The arguments that mean nothing where there is a testbed already.
    pub const OF_A_NEW_ONE: [&str; 5] =
        ["testbed", "server", "bin_dir", kind::images::OF_A_NEW_ONE[0], kind::images::OF_A_NEW_ONE[1]];

    /// The same of the kind that a kept testbed is.
    #[must_use]
    pub fn of_kept(mut self, which: Which) -> Self {
        self.testbed = which;
        self
    }

    /// The same with an API server that gives no token a longer life, as hosted clusters have it.
    #[must_use]
    pub fn with_longest_token(mut self, longest: Option<Duration>) -> Self {
        self.kind.longest_token = longest;
        self
    }

    /// The longest life of a token, where the API server is to have a limit.
    #[must_use]
    pub fn longest_token(&self) -> Option<Duration> {
        self.kind.longest_token
    }

    /// The server that keeps the secrets.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// The same with the operator of these manifests, where there are some, in place of our stand-in.
    #[must_use]
    pub fn with_operator(mut self, operator: Option<Manifests>) -> Self {
        self.operator = operator.map(Arc::new);
        self
    }

    /// The operator's manifests, where it is not our stand-in.
    #[must_use]
    pub fn operator(&self) -> Option<&Manifests> {
        self.operator.as_deref()
    }

    /// Which kind of testbed is wanted.
    #[must_use]
    pub const fn which(&self) -> Which {
        self.testbed
    }

    /// What a pod is to name to run the probe, where the flags say it.
    #[must_use]
    pub fn probe(&self) -> Option<&str> {
        self.kind.probe_image.as_deref()
    }

    /// The programs that such a testbed has beside those on the PATH, by name.
    #[must_use]
    pub fn programs(&self) -> BTreeMap<String, PathBuf> {
        match self.which() {
            Which::Kind => BTreeMap::new(),
            Which::Local => {
                let named = |name: &str| Some((name.to_owned(), self.local.find(name)?.path));
                [self.server.program(), KUBECTL].into_iter().filter_map(named).collect()
            }
        }
    }

    /// What such a testbed needs on this machine, with what is there of it.
    pub async fn needs(&self) -> Vec<Need> {
        match self.which() {
            Which::Kind => kind::needs::needs(&self.kind, self.server).await,
            Which::Local => local::needs::needs(&self.local, self.server),
        }
    }

    /// Where its parts come from.
    pub async fn origins(&self) -> Vec<Origin> {
        match self.which() {
            Which::Kind => kind::needs::origins(&self.kind, self.server).await,
            Which::Local => local::needs::origins(&self.local, self.server),
        }
    }
}

/// Writes this program to a file as what a pod can run, for places without a registry.
///
/// # Errors
/// This program cannot run alone, or the file cannot be written.
pub async fn export_probe(archive: PathBuf) -> Result<Exported, Error> {
    Ok(kind::needs::export_probe(archive).await?)
}
