//! What several commands need: what the terminal can show, runs and scenarios by name.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::say::complain;
use crate::event::Exit;
use crate::journal::{Hold, Runs};
use crate::report::detail::Detail;
use crate::scenario::load::Catalogue;
use crate::scenario::revisions::DEFAULT;
use crate::testbed::{self, Wanted};

/// Says what is wrong, and gives the exit code back.
pub(super) fn fail(exit: Exit, text: &str) -> Exit {
    complain!("error: {text}");
    exit
}

/// What has a case of its own in a JUnit report.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum JunitDetail {
    /// Each scenario
    Scenario,
    /// Each stage, command, step and check; keys count for the stage `keys`
    Stage,
    /// Each key as well
    Key,
}

impl From<JunitDetail> for Detail {
    fn from(detail: JunitDetail) -> Self {
        match detail {
            JunitDetail::Scenario => Self::Scenario,
            JunitDetail::Stage => Self::Stage,
            JunitDetail::Key => Self::Key,
        }
    }
}

/// Whether a terminal may be given colours: it has them, and nobody asked for none.
///
/// An empty `NO_COLOR` counts as unset: <https://no-color.org>.
pub(super) fn colours_wanted() -> bool {
    variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb")
}

/// Whether the standard error can show bars: it is a terminal whose cursor can
/// be moved, and not one that a CI only writes down.
pub(super) fn bars_wanted() -> bool {
    std::io::stderr().is_terminal() && variable("CI").is_none() && variable("TERM").is_some_and(|term| term != "dumb")
}

/// A variable of the environment, unless it is empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A run's id, which is also the name of its folder and part of many others.
pub(super) fn run_id(text: &str) -> Result<String, String> {
    let own = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if text.len() > 1 && text.starts_with('r') && text.bytes().all(own) {
        return Ok(text.to_owned());
    }
    Err("run ids look like rk3f9xa2b, and a run says its own first".to_owned())
}

/// Holds the testbed that a run with `--keep` left up, where one is named.
pub(super) fn hold(runs: &Runs, owner: Option<String>) -> Result<Option<(String, Arc<Hold>)>, crate::journal::Error> {
    let Some(owner) = owner else { return Ok(None) };
    let hold = Hold::on(runs, &owner)?;
    Ok(Some((owner, Arc::new(hold))))
}

/// What a testbed is to be made of: where one is used again, as it is.
pub(super) fn made_of(wanted: Wanted, runs: &Runs, reuse: Option<&(String, Arc<Hold>)>) -> Wanted {
    match reuse.and_then(|(owner, _)| testbed::kind_of(runs, owner)) {
        Some(kind) => wanted.of_kept(kind),
        None => wanted,
    }
}

/// Which revision of the page is meant, and where the scenarios are.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Tested {
    /// The revision of the page; `list --pages` shows all of them
    #[arg(long, value_name = "ID", default_value = DEFAULT)]
    page: String,
    /// Take the scenarios of this folder in place of the program's own, and revisions of the page beside them
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

impl Tested {
    /// The scenarios of that revision.
    ///
    /// # Errors
    /// The files are not sound, or there is no such revision; in words.
    pub(super) fn catalogue(&self) -> Result<Catalogue, String> {
        catalogue_on(self.scenarios.as_deref(), &self.page)
    }
}

/// The scenarios of a revision of the page.
pub(super) fn catalogue_on(folder: Option<&Path>, page: &str) -> Result<Catalogue, String> {
    catalogue(folder)?.on_page(page)
}

/// The scenarios of the default revision: the program's own, or those of a folder.
pub(super) fn catalogue(folder: Option<&Path>) -> Result<Catalogue, String> {
    match folder {
        Some(folder) => Catalogue::from_dir(folder),
        None => Catalogue::embedded(),
    }
    .map_err(|error| error.to_string())
}
