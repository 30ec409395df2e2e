//! What is seen of one scenario's app, and what the servers say beside it.

use std::time::Duration;

use crate::cluster::objects::user_name;
use crate::cluster::pod::{self, Outcome};
use crate::configure::names::Names;
use crate::configure::{Error, Run, Site, app, auth, vault_pod};
use crate::page::cause::{Fact, Facts};
use crate::probe::observation::Observation;
use crate::scenario::configuration::Configuration;
use crate::testbed::{Keeps, Server, VaultSite, VaultWanted};
use crate::vault::client::fails;
use crate::verdict::sighting::{Seen, Sighting};

/// How long Vault's log may take to say why it refused.
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// How long a rollout may take until the pod that ran is on its way out.
pub(super) const ROLLOUT_LIMIT: Duration = Duration::from_secs(60);

/// Starts a Vault for one scenario alone.
///
/// # Errors
/// It does not start within the time limit.
pub async fn start_vault(
    run: &Run<'_>,
    names: &Names,
    port: u16,
    keeps: Keeps,
    limit: Duration,
) -> Result<VaultSite, Error> {
    let wanted = VaultWanted { of: Some(&names.global), port, keeps, limit };
    let site = run.testbed.start_vault(run.journal, wanted).await?;
    run.redactor.add(&site.root_token);
    Ok(site)
}

/// Waits for what the app's pod says.
pub async fn look(site: Site<'_>, scenario: &str, limit: Duration) -> Sighting {
    let run = site.run;
    let mut sighting = Sighting::nothing("");
    let outcome = pod::observe(&run.apps, &site.names.namespace, &run.journal.run, scenario, limit).await;
    sighting.seen = match outcome {
        Ok(Outcome::Observed(observation)) => Seen::Observed(observation),
        Ok(Outcome::NotAdmitted(message)) => Seen::NotAdmitted(message),
        Err(error) => Seen::Nothing(error.to_string()),
    };
    sighting
}

/// Waits until the app runs and has said what it sees, edits what is to be edited then, and waits until the pod that ran
/// is on its way out.
///
/// # Errors
/// The app does not come up as it was before, the API server refuses the edit, or nothing comes of it.
pub async fn edit(
    site: Site<'_>,
    scenario: &str,
    configuration: &Configuration,
    left: impl Fn() -> Duration,
) -> Result<(), Error> {
    let (apps, namespace) = (&site.run.apps, &site.names.namespace);
    match look(site, scenario, left()).await.seen {
        Seen::Observed(_) => {}
        Seen::NotAdmitted(reason) | Seen::Nothing(reason) => {
            return Err(Error::Other { what: "see the app before it is edited", reason });
        }
    }
    let before = apps.pod(namespace, scenario);
    app::edit(site, configuration).await?;
    Ok(apps.replaced(namespace, scenario, before.as_deref(), left().min(ROLLOUT_LIMIT)).await?)
}

/// Asks the servers what the client alone cannot see.
///
/// # Errors
/// Vault does not answer.
pub async fn find_out(
    site: Site<'_>,
    account: &str,
    accessor: Option<&str>,
    reviewer: Option<&str>,
    sighting: &mut Sighting,
) -> Result<(), Error> {
    let Seen::Observed(observation) = &sighting.seen else { return Ok(()) };
    let mut facts = Facts::default();
    if let (Some(login), Some(accessor)) = (&observation.login, accessor)
        && login.answer.status == Some(403)
        && login.answer.text == "permission denied"
    {
        let line = site.vault.log.refusal(accessor, LOG_LIMIT).await;
        let namespace = &site.names.namespace;
        facts.note(Fact::ReviewerSet, Some(reviewer.is_some()));
        let users = [
            (Fact::ReviewByApp, Some(user_name(namespace, account))),
            (Fact::ReviewByReviewer, reviewer.map(|name| user_name(auth::REVIEWER_NAMESPACE, name))),
            (Fact::ReviewByVault, Some(user_name(namespace, vault_pod::NAME))),
        ];
        for (fact, user) in users {
            // The API server's own answer stands in the line as JSON, so its quotes are escaped.
            let names = |user: &String, line: &String| {
                line.contains(&format!("\"{user}\"")) || line.contains(&format!("\"{user}\\\""))
            };
            if user.as_ref().zip(line.as_ref()).is_some_and(|(user, line)| names(user, line)) {
                facts.see(fact);
            }
        }
        sighting.vault_log = line;
    }
    if let Some(read) = &observation.read
        && observation.read_with_token
        // A Vault that fails says nothing of its mounts either.
        && !read.status.is_some_and(fails)
        && (read.status != Some(200) || observation.secret.as_ref().is_none_or(|secret| !secret.version_2_shape))
    {
        facts.extend(&about_read(site, observation, read.status).await?);
        let bare = read.status == Some(403) && read.text == "permission denied";
        facts.note(Fact::OpenBaoDeniesToken, Some(bare && site.run.testbed.server() == Server::OpenBao));
    }
    sighting.facts = facts;
    Ok(())
}

async fn about_read(
    site: Site<'_>,
    observation: &Observation,
    status: Option<u16>,
) -> Result<Facts, crate::vault::Error> {
    let admin = &site.vault.admin;
    let (mount, secret) = (&site.names.kv_mount, site.names.secret);
    let mut facts = Facts::default();
    if admin.kv_version(mount).await? == Some(1) {
        facts.see(Fact::KvVersion1);
    }
    if admin.engine(mount).await?.is_some_and(|engine| !matches!(&*engine, "kv" | "generic")) {
        facts.see(Fact::OtherEngine);
    }
    if status == Some(404) && admin.is_there(&format!("{mount}/data/data/{secret}")).await? {
        facts.see(Fact::SecretAtDataData);
    }
    if status == Some(403) {
        for policy in observation.login.iter().flat_map(|login| &login.policies) {
            if !admin.policy_exists(policy).await? {
                facts.see(Fact::PolicyMissing);
            }
        }
        if observation.read_path.ends_with('/') {
            facts.see(Fact::TrailingSlash);
        }
    }
    Ok(facts)
}
