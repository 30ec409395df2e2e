//! `doctor`: what is missing on this machine, and how to get it.

use std::process::ExitCode;

use super::INCONCLUSIVE;
use crate::journal::Runs;
use crate::run::literal;
use crate::testbed::docker::{self, Engine};
use crate::testbed::images::Images;
use crate::testbed::probe_image;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    images: Images,
}

/// One thing that a run needs.
struct Check {
    what: &'static str,
    found: Result<String, String>,
    /// Whether no run starts without it.
    needed: bool,
    remedy: &'static str,
}

/// Prints one line a check; exit code 3 where a run could not start.
pub async fn doctor(arguments: &Arguments, runs: &Runs) -> ExitCode {
    let mut checks = Vec::new();
    let engine = Engine::connect().await;
    checks.push(Check {
        what: "container engine",
        found: match &engine {
            Ok(engine) => engine.version().await.map_err(|error| error.to_string()),
            Err(docker::Error::NoEngine(reason)) => Err(reason.clone()),
            Err(error) => Err(error.to_string()),
        },
        needed: true,
        remedy: "`scripts/engine start` installs and starts one (Debian, as root), or install Docker Engine",
    });
    checks.push(Check {
        what: "docker command line",
        found: version("docker", &["--version"]).await,
        needed: true,
        remedy: "`scripts/engine start` installs it; kind needs it",
    });
    checks.push(Check {
        what: "kind",
        found: version("kind", &["version"]).await,
        needed: true,
        remedy: "`scripts/images` installs kind 0.33.0, or put it on the PATH",
    });
    if let Ok(engine) = &engine {
        for (what, reference) in
            [("image of Vault", &arguments.images.vault_image), ("node image", &arguments.images.node_image)]
        {
            checks.push(Check {
                what,
                found: match engine.image_identity(reference).await {
                    Ok(Some(identity)) => Ok(identity),
                    Ok(None) => Err(format!("{reference} is not here; a run tries to pull it")),
                    Err(error) => Err(error.to_string()),
                },
                needed: false,
                remedy: "`scripts/images` pulls or builds both images",
            });
        }
    }
    if arguments.images.probe_image.is_none() {
        checks.push(probe());
    }
    let missing = literal::missing_tools();
    checks.push(Check {
        what: "tools of the literal scenarios",
        found: if missing.is_empty() {
            Ok("vault, kubectl, jq, bash, base64".to_owned())
        } else {
            Err(format!("missing: {}", missing.join(", ")))
        },
        needed: false,
        remedy: "`scripts/setup` installs vault, kubectl and jq; only the scenarios `literal.*` need them",
    });
    checks.push(Check {
        what: "state folder",
        found: runs
            .list()
            .map(|runs| format!("runs that left something there: {}", runs.len()))
            .map_err(|error| error.to_string()),
        needed: true,
        remedy: "name another folder with --state-dir",
    });
    let mut fine = true;
    for check in checks {
        match check.found {
            Ok(found) => println!("ok       {}: {found}", check.what),
            Err(reason) => {
                fine &= !check.needed;
                let word = if check.needed { "MISSING" } else { "not here" };
                println!("{word:8} {}: {reason}\n         {}", check.what, check.remedy);
            }
        }
    }
    if fine {
        println!("a run can start");
        ExitCode::SUCCESS
    } else {
        ExitCode::from(INCONCLUSIVE)
    }
}

/// Whether this program can be the probe.
fn probe() -> Check {
    let found = match tempfile::tempdir() {
        Ok(folder) => probe_image::export(&folder.path().join("probe.tar"))
            .map(|_| "this program, static".to_owned())
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Check {
        what: "probe",
        found,
        needed: true,
        remedy: "`scripts/build` builds a static program; --probe-image names an image of it",
    }
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
