//! One block of the page, typed into bash as a whole: comments, guards and all.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use super::desk::{Desk, Program, other};
use super::kubeconfig;
use super::made::Reviewer;
use super::reader::{self, BINDING_HOLDS};
use super::session::COMMAND_LIMIT;
use super::told::{self, Told};
use crate::cluster::objects;
use crate::configure::names::{REVIEWER, REVIEWER_BINDING};
use crate::configure::{Error, Site, auth};
use crate::process::Group;
use crate::random::random;
use crate::scenario::block::{Block, CLUSTER_PLACEHOLDER, Distribution, Shown};
use crate::scenario::configuration::{Configuration, Kubeconfig, Shell};
use crate::verdict::sighting::StepOutcome;

/// What stands in for the command line of a cloud, or of OpenShift: programs that answer what the blocks ask, from the
/// testbed's cluster, and refuse everything else.
pub fn stand_in(distribution: Distribution) -> Option<Program> {
    match distribution {
        Distribution::Generic => None,
        Distribution::Openshift => Some(("oc", include_str!("../../../scripts/stand-ins/oc"))),
        Distribution::Eks => Some(("aws", include_str!("../../../scripts/stand-ins/aws"))),
        Distribution::Aks => Some(("az", include_str!("../../../scripts/stand-ins/az"))),
    }
}

/// The auth mount, as the blocks name it.
const DOCUMENTED_MOUNT: &str = "auth/kubernetes/";

/// Types the block, and says what became of its steps.
///
/// # Errors
/// The tools are not there, or a server does not answer.
pub async fn type_it(
    site: Site<'_>,
    scenario: &str,
    block: &Block,
    configuration: &Configuration,
) -> Result<Vec<StepOutcome>, Error> {
    let mut user = String::new();
    if configuration.kubeconfig == Kubeconfig::OrdinaryUser {
        user = reader::user(site, objects::reader_role).await?;
    }
    let whole = site.run.testbed.kubeconfig_for_commands()?;
    let desk = Desk::set(site, scenario)?;
    let written = kubeconfig::write(configuration.kubeconfig, &whole, &desk.home, &user)?;
    desk.kubeconfig(&written.text)?;

    // Names that exist once in a Vault or a cluster are the scenario's own here, so that no other waits for them.
    let reviewer = site.names.reviewer();
    let mount = format!("auth/{}/", site.names.auth_mount);
    let text = block.typed(configuration.fallback).replace(CLUSTER_PLACEHOLDER, &written.cluster);
    let text = text.replace(REVIEWER, &reviewer).replace(DOCUMENTED_MOUNT, &mount);
    let coming = Reviewer::coming(site, &reviewer, &REVIEWER_BINDING.replace(REVIEWER, &reviewer))?;
    let told = type_text(site, &desk, block, configuration, &text).await?;

    let may_review = coming.came(site).await?
        && auth::comes_to_review(site.run, auth::REVIEWER_NAMESPACE, &reviewer, BINDING_HOLDS).await?;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    Ok(block
        .steps
        .iter()
        .map(|step| {
            let (held, text) = told.shows(&step.shown, may_review, now);
            StepOutcome { id: step.id.clone(), held, text }
        })
        .collect())
}

async fn type_text(
    site: Site<'_>,
    desk: &Desk,
    block: &Block,
    configuration: &Configuration,
    text: &str,
) -> Result<Told, Error> {
    let mut tools = vec!["setpriv", "setsid", "bash", "sh", "vault", "kubectl", "base64", "sed"];
    tools.extend(configuration.jq.then_some("jq"));
    let ours = stand_in(block.distribution);
    let promised = desk.promised(&tools);
    let programs = desk.programs(&tools, ours.as_slice())?;
    let mark = random(16);
    let named = block.steps.iter().filter_map(|step| match &step.shown {
        Shown::Variable(name) | Shown::Lasts { variable: name, .. } => Some(name.as_str()),
        Shown::Ran(_) | Shown::Reviewer | Shown::ShellStays => None,
    });
    let text = format!("{}{text}\n{}", told::traps(&mark, &named.collect()), told::end(&mark));
    let interactive = configuration.shell == Shell::Interactive;
    let script = desk.home.join("block.sh").display().to_string();
    if !interactive {
        std::fs::write(&script, &text).map_err(other("write a block of the page"))?;
    }
    let mut child = desk
        .bash(site, &site.vault.root_token, &[if interactive { "-i" } else { &script }])
        .env("PATH", &programs)
        .env("STAND_IN_ISSUER", if configuration.cloud_issuer { "named" } else { "none" })
        .stdin(if interactive { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(other("start bash"))?;
    let group = Group::of(&child);
    if let Some(mut input) = child.stdin.take() {
        // A guard ends the shell before it has read everything.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let Ok(done) = tokio::time::timeout(COMMAND_LIMIT, child.wait_with_output()).await else {
        return Err(Error::Other {
            what: "type a block of the page",
            reason: format!("not done within {} s", COMMAND_LIMIT.as_secs()),
        });
    };
    let done = done.map_err(other("type a block of the page"))?;
    group.ended();
    // What is told of it has the documented name again.
    let mount = format!("auth/{}/", site.names.auth_mount);
    let said = String::from_utf8_lossy(&done.stdout).replace(&mount, DOCUMENTED_MOUNT);
    let told = Told::read(&said, &mark, done.status.code());
    for (code, said) in told.ended() {
        promised.kept(code, said)?;
    }
    if !told.began() {
        let code = done.status.code().map_or("none".to_owned(), |code| code.to_string());
        return Err(Error::Other { what: "start bash", reason: format!("it ran nothing; exit code {code}") });
    }
    Ok(told)
}
