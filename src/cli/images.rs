//! `images`: which images a run would use, where they come from, and the
//! probe's image as an archive for places without a registry.

use std::path::PathBuf;

use clap::Subcommand;

use super::say::say;
use super::shared::fail;
use crate::event::Exit;
use crate::testbed::{self, export_probe};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    testbed: testbed::Wanted,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the probe's image as an OCI archive
    Export {
        /// The archive, such as `probe.tar`
        #[arg(value_name = "FILE")]
        archive: PathBuf,
    },
}

/// Lists, or exports.
pub async fn images(arguments: Arguments) -> Exit {
    match arguments.command {
        Some(Command::Export { archive }) => export(archive).await,
        None => list(&arguments.testbed).await,
    }
}

async fn export(archive: PathBuf) -> Exit {
    match export_probe(archive.clone()).await {
        Ok(made) => {
            say!("{}\n{}\nwritten to {}", made.reference, made.digest, archive.display());
            Exit::Passed
        }
        Err(error) => fail(Exit::Inconclusive, &error.to_string()),
    }
}

async fn list(testbed: &testbed::Wanted) -> Exit {
    for origin in testbed.origins().await {
        say!("{:6} {}", origin.part, origin.taken);
        for note in origin.notes {
            say!("       {note}");
        }
    }
    Exit::Passed
}
