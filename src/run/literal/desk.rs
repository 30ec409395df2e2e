//! What a reader of the page has before the first command is typed: tools, a home folder, a kubeconfig, access to Vault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use super::promised::Promised;
use crate::configure::{Error, Site};
use crate::process::is_program;
use crate::testbed::Server;

/// What a reader has installed, and what gives the session to them.
#[must_use]
pub const fn tools(server: Server) -> [&'static str; 7] {
    ["bash", server.program(), "kubectl", "jq", "base64", "setpriv", "setsid"]
}

/// One that cannot be done, with the reason that the machine gives.
pub fn other(what: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::Other { what, reason: error.to_string() }
}

/// Where a program is to be: among the testbed's own, which may have gone since, or on the PATH.
fn place(tool: &str, own: &Programs) -> Option<PathBuf> {
    if let Some(own) = own.get(tool) {
        return Some(own.clone());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| is_program(file))
}

/// Programs that a testbed has beside those on the PATH, by name.
type Programs = BTreeMap<String, PathBuf>;

/// The tools that neither the testbed has nor are on the PATH.
#[must_use]
pub fn missing_tools(server: Server, own: &Programs) -> Vec<&'static str> {
    let is_there = |tool: &&str| place(tool, own).is_some_and(|file| is_program(&file));
    tools(server).into_iter().filter(|tool| !is_there(tool)).collect()
}

/// What is missing, in words: where it was, or that the PATH has none.
fn lacking(missing: &[&str], own: &Programs) -> String {
    let one = |tool: &&str| match own.get(*tool) {
        Some(file) => format!("{} is gone", file.display()),
        None => format!("{tool} is not on the PATH"),
    };
    missing.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A program of ours: its name and its text.
pub type Program = (&'static str, &'static str);

/// A folder of its own for what is typed in one scenario.
pub struct Desk {
    /// The home folder.
    pub home: PathBuf,
    server: Server,
    own: Programs,
}

impl Desk {
    /// Makes the folder. Nothing of the user's own `~/.kube` or `~/.vault-token` is read or written.
    ///
    /// # Errors
    /// A tool is missing, or the folder cannot be made.
    pub fn set(site: Site<'_>, scenario: &str) -> Result<Self, Error> {
        let server = site.run.testbed.server();
        let own = site.run.testbed.programs();
        let missing = missing_tools(server, &own);
        if !missing.is_empty() {
            return Err(Error::Other {
                what: "type the page's commands",
                reason: format!("{}; `doctor` says how to get them", lacking(&missing, &own)),
            });
        }
        let home = site.run.journal.folder().join(scenario);
        std::fs::create_dir_all(&home).map_err(other("make a folder for the page's commands"))?;
        Ok(Self { home, server, own })
    }

    /// Writes the kubeconfig that its shells have.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn kubeconfig(&self, text: &str) -> Result<(), Error> {
        std::fs::write(self.home.join("kubeconfig"), text).map_err(other("write a kubeconfig"))
    }

    /// A bash with this token of the scenario's Vault and with the kubeconfig.
    ///
    /// It has a session of its own, without the terminal of the harness. A Ctrl-C there
    /// is the harness's to handle: a command that it ended would be a finding about
    /// the page. And `kubectl edit` asks for the terminal, if there is one, even
    /// where its input is a pipe; in the background it would be stopped there for ever.
    /// Whatever ends the harness ends it too, so that nothing is typed any more then.
    #[must_use]
    pub fn bash(&self, site: Site<'_>, token: &SecretString, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "setsid", "bash", "--noprofile", "--norc"])
            .args(arguments)
            .current_dir(&self.home)
            .env("HOME", &self.home)
            // What `kubectl edit` writes down meanwhile goes with the run, also where it is killed.
            .env("TMPDIR", &self.home)
            .env("KUBECONFIG", self.home.join("kubeconfig"))
            .envs(self.server.client_settings(site.vault.admin.address(), token.expose_secret()))
            // `kubectl` and `vault` are written in Go and end within a second: to collect garbage before takes
            // a fifth of their processor time.
            .env("GOGC", "off")
            .env_remove("VAULT_NAMESPACE")
            .env_remove("BAO_NAMESPACE")
            .kill_on_drop(true);
        command
    }

    /// What of these tools a shell is promised: all that are there. The server's has the name `vault`.
    #[must_use]
    pub fn promised(&self, tools: &[&'static str]) -> Promised {
        let named = |tool: &&'static str| Some((*tool, place(self.program(tool), &self.own)?));
        Promised::new(tools.iter().filter_map(named).collect())
    }

    fn program<'a>(&self, tool: &'a str) -> &'a str {
        if tool == "vault" { self.server.program() } else { tool }
    }

    /// Makes a folder that holds these of the machine's tools and these programs of ours, and nothing else.
    ///
    /// The page types `vault`. Who has another server has that name for its program, as an alias does it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn programs(&self, tools: &[&str], ours: &[Program]) -> Result<PathBuf, Error> {
        let folder = self.home.join("bin");
        std::fs::create_dir_all(&folder).map_err(other("make a folder of programs"))?;
        for (tool, file) in tools.iter().filter_map(|tool| Some((tool, place(self.program(tool), &self.own)?))) {
            std::os::unix::fs::symlink(file, folder.join(tool)).map_err(other("link a program"))?;
        }
        for (name, text) in ours {
            write_program(&folder.join(name), text).map_err(other("write a program"))?;
        }
        Ok(folder)
    }
}

fn write_program(file: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(file, text)?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
}
