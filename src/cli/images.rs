//! `images`: which images a run would use, where they come from, and the
//! probe's image as an archive for places without a registry.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::say::say;
use super::shared::{INCONCLUSIVE, fail};
use crate::testbed::docker::Engine;
use crate::testbed::images::Images;
use crate::testbed::probe_image;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    images: Images,
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
pub async fn images(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Some(Command::Export { archive }) => export(archive).await,
        None => list(&arguments.images).await,
    }
}

async fn export(archive: PathBuf) -> ExitCode {
    let path = archive.clone();
    match tokio::task::spawn_blocking(move || probe_image::export(&path)).await {
        Ok(Ok(made)) => {
            say!("{}\n{}\nwritten to {}", made.reference, made.digest, archive.display());
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(INCONCLUSIVE, &error.to_string()),
        Err(error) => fail(INCONCLUSIVE, &error.to_string()),
    }
}

async fn list(images: &Images) -> ExitCode {
    let engine = Engine::connect().await;
    for (name, reference, variable) in [
        ("vault", &images.vault_image, "--vault-image or PMP_VAULT_IMAGE"),
        ("node", &images.node_image, "--node-image or PMP_NODE_IMAGE"),
    ] {
        let state = match &engine {
            Ok(engine) => match engine.image_identity(reference).await {
                Ok(Some(identity)) => format!("here: {identity}"),
                Ok(None) => "not here: a run pulls it, or `scripts/images` builds one".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        say!("{name:6} {reference}\n       {state}\n       replaced by {variable}");
    }
    match &images.probe_image {
        Some(reference) => say!("probe  {reference}\n       named by --probe-image or PMP_PROBE_IMAGE"),
        None => say!(
            "probe  made of this program and loaded by the run\n       replaced by --probe-image or PMP_PROBE_IMAGE"
        ),
    }
    ExitCode::SUCCESS
}
