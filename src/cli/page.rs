//! `page`: what is known of the page's revisions.

use std::path::PathBuf;

use clap::Subcommand;

use super::say::say;
use super::shared::{catalogue, fail};
use crate::event::Exit;
use crate::scenario::revisions::difference;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what was added (+), removed (-) or changed (~) from one revision to another: keys, commands, sections
    Diff {
        /// The revision before; `list --pages` shows all of them
        before: String,
        /// The revision after
        after: String,
        /// Take revisions of this folder beside the program's own
        #[arg(long, value_name = "DIR")]
        scenarios: Option<PathBuf>,
    },
}

/// Prints it; nothing but a sentence where they are alike.
pub fn page(arguments: &Arguments) -> Exit {
    let What::Diff { before, after, scenarios } = &arguments.what;
    let compared = catalogue(scenarios.as_deref()).and_then(|catalogue| {
        let revisions = catalogue.revisions;
        Ok(difference(revisions.get(before)?, revisions.get(after)?))
    });
    match compared {
        Ok(lines) if lines.is_empty() => say!("{before} and {after} have the same keys, sections and commands"),
        Ok(lines) => lines.iter().for_each(|line| say!("{line}")),
        Err(error) => return fail(Exit::Usage, &error),
    }
    Exit::Passed
}
