//! `man`: a manual page of each command, from the same flags as its help.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;

use super::say::say;
use super::shared::fail;
use crate::event::Exit;

/// What stands in the foot of each page.
const SOURCE: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder for the pages, such as `man1`; made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes the pages of section 1, `pmp-vault-conformance-COMMAND.1`.
pub fn man(arguments: &Arguments, command: Command) -> Exit {
    let folder = &arguments.folder;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    match std::fs::create_dir_all(folder).and_then(|()| pages(&command, folder)) {
        Ok(()) => {
            say!("written to {}", folder.display());
            Exit::Passed
        }
        Err(error) => fail(Exit::Usage, &format!("cannot write manual pages to {}: {error}", folder.display())),
    }
}

/// The page of a command, and those of what it has below it.
fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, folder)?;
    }
    Man::new(command.clone()).source(SOURCE).manual("User Commands").generate_to(folder)?;
    Ok(())
}
