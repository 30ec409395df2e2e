//! What a testbed of containers needs on this machine, and where its images come from.

use std::path::PathBuf;

use super::super::server::Server;
use super::super::terms::{Exported, Need, Origin};
use super::docker::{self, Engine};
use super::error::Error;
use super::images::{self, Images};
use super::probe_image;

/// Everything that it needs, with what is there of it.
pub async fn needs(images: &Images, server: Server) -> Vec<Need> {
    let engine = Engine::connect().await;
    let mut needs = vec![
        Need {
            what: "container engine",
            found: match &engine {
                Ok(engine) => engine.version().await.map_err(|error| error.to_string()),
                Err(docker::Error::NoEngine(reason)) => Err(reason.clone()),
                Err(error) => Err(error.to_string()),
            },
            needed: true,
            remedy: "`scripts/engine start` installs and starts one (Debian, as root), or install Docker Engine",
        },
        Need {
            what: "docker command line",
            found: version("docker", &["--version"]).await,
            needed: true,
            remedy: "`scripts/engine start` installs it; kind needs it",
        },
        Need {
            what: "kind",
            found: version("kind", &["version"]).await,
            needed: true,
            remedy: "`scripts/images` installs kind 0.33.0, or put it on the PATH",
        },
    ];
    if let Ok(engine) = &engine {
        for (what, reference) in [("image of Vault", &images.of(server)), ("node image", &images.node_image)] {
            let found = match engine.image_identity(reference).await {
                Ok(Some(identity)) => Ok(identity),
                Ok(None) => Err(format!("{reference} is not here; a run tries to pull it")),
                Err(error) => Err(error.to_string()),
            };
            needs.push(Need { what, found, needed: false, remedy: "`scripts/images` pulls or builds both images" });
        }
    }
    if images.probe_image.is_none() {
        needs.push(Need {
            what: "probe",
            found: can_be_the_probe(),
            needed: true,
            remedy: "`scripts/build` builds a static program, as `cargo install` does in a shell with `. scripts/env.sh`; \
                     --probe-image names an image of it",
        });
    }
    needs
}

/// Whether this program can be the probe.
fn can_be_the_probe() -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let made = probe_image::export(&folder.path().join("probe.tar")).map_err(|error| error.to_string());
    made.map(|_| "this program, static".to_owned())
}

async fn version(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = tokio::process::Command::new(program).args(arguments).output().await;
    let output = output.map_err(|error| format!("{program} cannot be started: {error}"))?;
    let first = |text: &[u8]| String::from_utf8_lossy(text).lines().next().unwrap_or_default().trim().to_owned();
    if !output.status.success() {
        return Err(format!("{program} is there and fails ({}): {}", output.status, first(&output.stderr)));
    }
    Ok(first(&output.stdout))
}

/// Where its images come from.
pub async fn origins(images: &Images, server: Server) -> Vec<Origin> {
    let engine = Engine::connect().await;
    let mut origins = Vec::new();
    for (part, reference, variable) in [
        (server.name(), &images.of(server), format!("--vault-image or {}", images::variable(server))),
        ("node", &images.node_image, "--node-image or PMP_NODE_IMAGE".to_owned()),
    ] {
        let state = match &engine {
            Ok(engine) => match engine.image_identity(reference).await {
                Ok(Some(identity)) => format!("here: {identity}"),
                Ok(None) => "not here: a run pulls it, or `scripts/images` builds one".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        origins.push(Origin { part, taken: reference.clone(), notes: vec![state, format!("replaced by {variable}")] });
    }
    let (taken, note) = match &images.probe_image {
        Some(reference) => (reference.as_str(), "named by --probe-image or PMP_PROBE_IMAGE"),
        None => ("made of this program and loaded by the run", "replaced by --probe-image or PMP_PROBE_IMAGE"),
    };
    origins.push(Origin { part: "probe", taken: taken.to_owned(), notes: vec![note.to_owned()] });
    origins
}

/// Writes the probe's image as an OCI archive.
///
/// # Errors
/// This program cannot be the probe, or the file cannot be written.
pub async fn export_probe(archive: PathBuf) -> Result<Exported, Error> {
    let made = tokio::task::spawn_blocking(move || probe_image::export(&archive)).await;
    Ok(made.map_err(|error| Error::Other { what: "make the probe's image", reason: error.to_string() })??)
}
