//! `doctor`: what is missing on this machine, and how to get it.

use clap::Subcommand;

use super::access::Access;
use super::say::say;
use super::shared::fail;
use super::target::Arguments as TargetArguments;
use crate::check::inspect::token_rights;
use crate::check::run::missing_rights;
use crate::check::{rights, vault};
use crate::cluster::connect;
use crate::event::Exit;
use crate::journal::Runs;
use crate::ledger::Ledger;
use crate::run::literal;
use crate::testbed::{self, Need};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    of: Option<Of>,
    #[command(flatten)]
    made_of: testbed::Wanted,
}

#[derive(Debug, Subcommand)]
enum Of {
    /// Ask for each right that `check` needs, with the same flags
    Check(Box<CheckArguments>),
}

#[derive(Debug, clap::Args)]
struct CheckArguments {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    target: TargetArguments,
}

/// One thing that a run needs.
struct Check {
    what: String,
    found: Result<String, String>,
    /// Whether no run starts without it.
    needed: bool,
    remedy: &'static str,
}

impl Check {
    /// Something without which no run starts.
    fn needed(what: impl Into<String>, found: Result<String, String>, remedy: &'static str) -> Self {
        Self { what: what.into(), found, needed: true, remedy }
    }
}

/// Prints one line a check; exit code 3 where a run could not start.
pub async fn doctor(arguments: &Arguments, runs: &Runs) -> Exit {
    let mut checks = match &arguments.of {
        None => for_run(&arguments.made_of).await,
        Some(Of::Check(check)) => match for_check(check).await {
            Ok(checks) => checks,
            Err(error) => return fail(Exit::Usage, &error),
        },
    };
    let found = runs.list().map(|runs| format!("runs that left something there: {}", runs.len()));
    let found = found.map_err(|error| error.to_string());
    checks.push(Check::needed("state folder", found, "name another folder with --state-dir"));
    let (mut fine, mut by_script) = (true, false);
    for check in checks {
        match check.found {
            Ok(found) => say!("ok       {}: {found}", check.what),
            Err(reason) => {
                fine &= !check.needed;
                by_script |= check.remedy.contains("`scripts/");
                let word = if check.needed { "MISSING" } else { "absent" };
                say!("{word:8} {}: {reason}\n         {}", check.what, check.remedy);
            }
        }
    }
    if by_script {
        say!(
            "`scripts/` is a folder of the program's source; docs/images.md, in a release too, says how to do without"
        );
    }
    if fine {
        say!("{} can start", if arguments.of.is_some() { "a check" } else { "a run" });
        Exit::Passed
    } else {
        say!("no run can start before what is MISSING is there");
        Exit::Inconclusive
    }
}

/// What a check of a cluster and a Vault of one's own needs: every single right
/// is asked for, and nothing is created.
async fn for_check(arguments: &CheckArguments) -> Result<Vec<Check>, String> {
    const RBAC: &str = "`print rbac` with the same flags prints the Role that grants it";
    const VAULT: &str =
        "ask the same address with `vault status`; --vault-via names the way to Vault from this machine";
    const POLICY: &str = "`print policy` with the same flags prints the policy that grants it";
    let catalogue = super::shared::catalogue_on(None, &arguments.target.page)?;
    let target = arguments.target.target(&catalogue.page, &arguments.access)?;
    let mut checks = vec![Check::needed(
        "probe",
        arguments.target.probe_image.clone().ok_or("--probe-image is missing".to_owned()),
        "`images export` writes this program as an image; bring it into a registry that your nodes can pull from",
    )];
    let ledger = Ledger::default();
    let kube = connect::cluster(&target.cluster, &ledger).await;
    let version = match &kube {
        Ok(kube) => {
            kube.apiserver_version().await.map(|version| version.git_version).map_err(|error| connect::why(&error))
        }
        Err(error) => Err(error.to_string()),
    };
    let reached = version.is_ok();
    checks.push(Check::needed("cluster", version, "see `kubectl --context NAME version`"));
    if let Some(kube) = kube.as_ref().ok().filter(|_| reached) {
        let rules = rights::rules(&target);
        let missing = missing_rights(kube, &rules).await.map_err(|error| error.to_string())?;
        for right in rights::each(&rules).map(|right| right.to_string()) {
            let found =
                if missing.contains(&right) { Err("your user may not".to_owned()) } else { Ok("granted".to_owned()) };
            checks.push(Check::needed(right, found, RBAC));
        }
    }
    if let Some(access) = &target.vault {
        let vault = vault::client(&target, access, &ledger).map_err(|error| error.to_string())?;
        match token_rights(&vault, &target, access).await {
            Err(error) => checks.push(match error.trouble() {
                Some(trouble) => Check::needed("Vault", Err(format!("{trouble}: {error}")), VAULT),
                None => {
                    Check::needed("Vault token", Err(error.to_string()), "look the token up with `vault token lookup`")
                }
            }),
            Ok((missing, excess)) => {
                for path in rights::vault_paths(&target, &access.policies) {
                    let right = format!("read on {path}");
                    let found = if missing.contains(&right) {
                        Err("the Vault token may not".to_owned())
                    } else {
                        Ok("granted".to_owned())
                    };
                    checks.push(Check::needed(right, found, POLICY));
                }
                checks.push(Check {
                    what: "Vault token can do no more".to_owned(),
                    found: if excess.is_empty() {
                        Ok("it only reads what is needed".to_owned())
                    } else {
                        Err(excess.join("; "))
                    },
                    needed: false,
                    remedy: "the check only reads; `print policy` prints the least policy for it",
                });
            }
        }
    }
    Ok(checks)
}

/// What a run on a testbed of its own needs.
async fn for_run(testbed: &testbed::Wanted) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for Need { what, found, needed, remedy } in testbed.needs().await {
        checks.push(Check { what: what.to_owned(), found, needed, remedy });
    }
    let missing = literal::missing_tools(testbed.server(), &testbed.programs());
    checks.push(Check {
        what: "tools of the literal scenarios".to_owned(),
        found: if missing.is_empty() {
            Ok(literal::tools(testbed.server()).join(", "))
        } else {
            Err(format!("missing: {}", missing.join(", ")))
        },
        needed: false,
        remedy: "`scripts/setup` installs vault, kubectl and jq; only the scenarios `literal.*` need them",
    });
    checks
}
