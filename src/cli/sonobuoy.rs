//! What Sonobuoy expects of a plugin: reports in a folder, and at every end a file `done` there that names them. Without it
//! Sonobuoy would wait, for hours where nobody told it otherwise.

use std::path::{Path, PathBuf};

use super::say::complain;
use super::shared::catalogue;
use crate::check::sonobuoy::{JUNIT, RECORD};
use crate::event::{RunFacts, RunKind, RunResult};
use crate::lifecycle::new_id;
use crate::redact::Redactor;
use crate::report::detail::Detail;
use crate::report::{self, file};
use crate::verdict::Deny;

/// What Sonobuoy waits for.
const DONE: &str = "done";

/// The folder of results. `done` is in it once this value is gone, and reports are there, too.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
}

impl Results {
    /// That of `check --sonobuoy`, as it may stand on a command line that is wrong elsewhere. What is there of a check
    /// before goes, so that nobody takes it for this one's.
    #[must_use]
    pub fn of_command_line() -> Option<Self> {
        let folder = named(std::env::args_os().map(|one| one.to_string_lossy().into_owned()))?;
        for name in [DONE, JUNIT, RECORD] {
            // What cannot be removed cannot be written either, which is told then.
            let _ = std::fs::remove_file(folder.join(name));
        }
        Some(Self { folder })
    }

    /// Where the JUnit report goes.
    pub fn junit(folder: &Path) -> PathBuf {
        folder.join(JUNIT)
    }

    /// Where the JSON report goes.
    pub fn record(folder: &Path) -> PathBuf {
        folder.join(RECORD)
    }

    /// The reports of a check that wrote none.
    fn without_reports(&self) -> Result<(), String> {
        let facts = RunFacts {
            id: new_id(),
            kind: RunKind::Customer,
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            profile: "existing".to_owned(),
            testbed: "existing".to_owned(),
            ..RunFacts::default()
        };
        let mut result = RunResult { facts, ..RunResult::default() };
        result.failed("the check ended without a report; the log of its container says why");
        let causes = catalogue(None)?.causes;
        let rendered = report::render(&result, &causes, &Redactor::new(), Deny::Nothing, Detail::Stage)
            .map_err(|error| error.to_string())?;
        for (path, text) in [(Self::junit(&self.folder), rendered.junit), (Self::record(&self.folder), rendered.json)] {
            file::write(&path, &text).map_err(|error| format!("{error}; {}", error.remedy()))?;
        }
        Ok(())
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        if !Self::junit(&self.folder).exists() {
            self.without_reports().unwrap_or_else(|error| complain!("{error}"));
        }
        // The whole folder, which Sonobuoy's own container packs.
        if let Err(error) = file::write(&self.folder.join(DONE), &self.folder.display().to_string()) {
            complain!("{error}; {}", error.remedy());
        }
    }
}

/// The folder that the flag names, behind the command that has it.
fn named(arguments: impl Iterator<Item = String>) -> Option<PathBuf> {
    let mut flags = arguments.skip_while(|one| one != "check");
    while let Some(one) = flags.next() {
        match one.strip_prefix("--sonobuoy") {
            Some("") => return flags.next().map(PathBuf::from),
            Some(rest) => return rest.strip_prefix('=').map(PathBuf::from),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["pmp", "check", "--sonobuoy=/results", "--wrong"], Some("/results"))]
    #[case(&["pmp", "--state-dir", "x", "check", "--sonobuoy", "/results"], Some("/results"))]
    #[case(&["pmp", "check", "--sonobuoy"], None)]
    #[case(&["pmp", "check"], None)]
    #[case(&["pmp", "run", "--sonobuoy=/results"], None)]
    fn the_folder_is_found_on_every_command_line(#[case] arguments: &[&str], #[case] folder: Option<&str>) {
        assert_eq!(named(arguments.iter().map(|one| (*one).to_owned())), folder.map(PathBuf::from));
    }
}
