//! The programs that a shell was promised. What is typed says something of the page only while each of them can be started:
//! one that is gone is the harness's lack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::configure::Error;
use crate::process::is_program;

/// Programs by the name that is typed, each with the file behind it.
pub struct Promised(BTreeMap<&'static str, PathBuf>);

impl Promised {
    /// Promises these.
    pub const fn new(programs: BTreeMap<&'static str, PathBuf>) -> Self {
        Self(programs)
    }

    /// Whether what a shell said after a command, with its exit code, is the command's own word. bash has 127 for a program
    /// that is not there and 126 for one that it cannot start, and names it; a name that was not promised is whoever typed it's.
    ///
    /// # Errors
    /// A promised program could not be started, or is not there any more.
    pub fn kept(&self, code: i32, said: &str) -> Result<(), Error> {
        let names = |name: &str| said.split(": ").any(|part| Path::new(part).file_name().is_some_and(|it| it == name));
        let unstarted = |name: &str| matches!(code, 126 | 127) && names(name);
        // Within a pipe or a substitution, an exit code is another command's.
        let lost = self.0.iter().find(|(name, file)| unstarted(name) || !is_program(file));
        let Some((name, file)) = lost else { return Ok(()) };
        let file = file.display();
        let seen = if unstarted(name) { format!("the shell says `{said}`") } else { "the file is gone".to_owned() };
        let mend = "put it back, or get it anew as `doctor` says, and run the scenario again";
        Err(Error::Other {
            what: "type the page's commands",
            reason: format!("{name} ({file}) was there before and cannot be started any more: {seen}; {mend}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    fn promised(folder: &Path) -> Promised {
        let file = folder.join("vault-1.21");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        Promised::new(BTreeMap::from([("vault", file)]))
    }

    #[rstest]
    #[case::it_is_not_found(127, "bash: line 7: vault: command not found")]
    #[case::it_was_started_before(127, "bash: line 7: /x/bin/vault: No such file or directory")]
    #[case::it_is_being_written(126, "block.sh: line 7: /x/bin/vault: Text file busy")]
    fn a_promised_program_that_the_shell_cannot_start_is_named_with_its_file_and_what_to_do(
        #[case] code: i32,
        #[case] said: &str,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let error = promised(folder.path()).kept(code, said).unwrap_err().to_string();
        assert!(error.contains("/vault-1.21) was there before") && error.contains(said), "{error}");
        assert!(error.ends_with("and run the scenario again"), "{error}");
    }

    #[rstest]
    #[case::it_ran_and_failed(2, "Error writing data: vault: permission denied")]
    #[case::it_was_not_promised(127, "bash: line 7: jq: command not found")]
    #[case::the_page_has_a_wrong_name(127, "bash: line 7: vault-secrets: command not found")]
    #[case::all_is_well(0, "Success! Data written to: vault")]
    fn what_a_command_says_itself_is_left_to_the_verdict(#[case] code: i32, #[case] said: &str) {
        let folder = tempfile::tempdir().unwrap();
        promised(folder.path()).kept(code, said).unwrap();
    }

    #[test]
    fn a_program_that_has_vanished_is_noticed_whatever_the_last_command_said() {
        let folder = tempfile::tempdir().unwrap();
        let promised = promised(folder.path());
        let file = folder.path().join("vault-1.21");
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(promised.kept(0, "").is_err());
        std::fs::remove_file(file).unwrap();
        let error = promised.kept(0, "").unwrap_err().to_string();
        assert!(error.contains("the file is gone"), "{error}");
    }
}
