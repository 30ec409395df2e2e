//! One scenario: configure, start the app, observe, find out why, judge.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::literal::{self, Turns};
use crate::cluster::objects::{Owner, user_name};
use crate::cluster::pod::{self, Outcome};
use crate::configure::names::{Names, SECRET};
use crate::configure::{self, Bent, Error, Run, Site, app, auth, secrets, vault_pod};
use crate::page::cause::Fact;
use crate::probe::observation::Observation;
use crate::scenario::command::CommandCatalogue;
use crate::scenario::configuration::{Configuration, Literal, VaultPlace};
use crate::scenario::model::Scenario;
use crate::testbed::{VaultSite, vault};
use crate::verdict::Verdict;
use crate::verdict::oracle::Oracle;
use crate::verdict::result::{ScenarioResult, Timings};
use crate::verdict::sighting::{Seen, Sighting};

/// How long Vault's log may take to say why it refused.
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// What one scenario needs beside the run.
pub struct Way<'a> {
    /// The run.
    pub run: &'a Run<'a>,
    /// The verdict.
    pub oracle: Oracle<'a>,
    /// The page's commands.
    pub commands: &'a CommandCatalogue,
    /// The literal scenarios have the page's own names in the cluster, so they take turns.
    pub turns: &'a Turns,
    /// How long one scenario may take, without waiting for its turn.
    pub limit: Duration,
}

impl Way<'_> {
    /// Goes the way of one scenario to its verdict. It never fails: what could
    /// not be done is an inconclusive verdict with its reason.
    pub async fn go(&self, scenario: &Scenario) -> ScenarioResult {
        let (mut timings, started) = (Timings::default(), Instant::now());
        let sighting = self.sight(scenario, &Bent::default(), &mut timings).await;
        let sighting = sighting.unwrap_or_else(|error| Sighting::nothing(error.to_string()));
        self.judge(scenario, &sighting, timings, started)
    }

    /// The verdict. Where the API server was gone for a moment since `started`,
    /// Vault's TokenReviews, pods and Service Accounts were too: what went wrong
    /// then says nothing of the page.
    pub fn judge(
        &self,
        scenario: &Scenario,
        sighting: &Sighting,
        timings: Timings,
        started: Instant,
    ) -> ScenarioResult {
        let result = self.oracle.judge(scenario, sighting, timings);
        if result.verdict != Verdict::Nonconformant || !self.run.testbed.outages.any_since(started) {
            return result;
        }
        let reason = format!("the API server was gone meanwhile; else {}", result.reason);
        self.oracle.judge(scenario, &Sighting::nothing(reason), timings)
    }

    /// Everything that is seen of one scenario, with what the self-test puts in its way.
    ///
    /// # Errors
    /// A step of the configuration could not be done.
    pub async fn sight(&self, scenario: &Scenario, bent: &Bent, timings: &mut Timings) -> Result<Sighting, Error> {
        let configuration = scenario.configuration();
        let clock = Clock::start();
        let sighting = tokio::select! {
            // Where both are over, as after a moment without a processor, the one that can say why.
            biased;
            observed = self.observe(scenario, &configuration, bent, &clock, timings) => observed,
            () = clock.reaches(self.limit) => {
                Ok(Sighting::nothing(format!("not done within {} s", self.limit.as_secs())))
            }
        };
        timings.total_ms = clock.millis();
        sighting
    }

    async fn observe(
        &self,
        scenario: &Scenario,
        configuration: &Configuration,
        bent: &Bent,
        clock: &Clock,
        timings: &mut Timings,
    ) -> Result<Sighting, Error> {
        let owner = Owner { run: self.run.journal.run.clone(), scenario: scenario.id.clone() };
        let typed = configuration.literal != Literal::No;
        // A Vault that is struck is one scenario's own.
        let shared_vault = configuration.vault == VaultPlace::Outside && !typed && bent.before_app.is_none();
        let names = if typed {
            Names::documented(&owner.run, &scenario.id)
        } else {
            Names::new(&owner.run, &scenario.id, shared_vault)
        };
        let api_server = bent.api_server.as_ref().unwrap_or(&self.run.testbed.api_server);
        let own_vault;
        let vault = match configuration.vault {
            VaultPlace::Outside if !typed => &self.run.testbed.vault,
            VaultPlace::Outside => {
                own_vault = self.start_vault(&names, 8200).await?;
                &own_vault
            }
            VaultPlace::OutsideOnPort80 => {
                own_vault = self.start_vault(&names, 80).await?;
                &own_vault
            }
            VaultPlace::Pod => {
                // A Vault in the cluster lives in the app's namespace.
                let elsewhere = Site {
                    run: self.run,
                    names: &names,
                    owner: &owner,
                    vault: &self.run.testbed.vault,
                    api_server,
                    bent,
                };
                app::prepare(elsewhere, configuration).await?;
                let may_review = configuration.vault_may_review;
                own_vault = vault_pod::start(self.run, &names, &owner, may_review, self.limit).await?;
                &own_vault
            }
        };
        let site = Site { run: self.run, names: &names, owner: &owner, vault, api_server, bent };
        if typed {
            let literal =
                literal::Typing { site, scenario, configuration, commands: self.commands, limit: self.limit, clock };
            return literal.observe(self.turns, timings).await;
        }
        let prepare = async {
            match configuration.vault {
                VaultPlace::Pod => Ok(()),
                _ => app::prepare(site, configuration).await,
            }
        };
        let (stored, (accessor, reviewer), ()) =
            tokio::try_join!(secrets::apply(site, configuration), auth::apply(site, configuration), prepare)?;
        if let Some(blow) = bent.before_app {
            site.strike(blow).await?;
        }
        app::start(site, configuration, 1).await?;
        timings.configure_ms = clock.millis();

        let started = Instant::now();
        let mut sighting = look(site, &scenario.id, clock.left_of(self.limit)).await;
        timings.observe_ms = millis(started);
        sighting.fingerprints = stored.fingerprints;
        sighting.enable_again = stored.enable_again;
        let (_, account) = app::service_account(configuration);
        find_out(site, account, accessor.as_deref(), reviewer.as_deref(), &mut sighting).await?;
        Ok(sighting)
    }

    async fn start_vault(&self, names: &Names, port: u16) -> Result<VaultSite, Error> {
        start_vault(self.run, names, port, false, self.limit).await
    }
}

/// Starts a Vault for one scenario alone.
///
/// # Errors
/// It does not start within the time limit.
pub async fn start_vault(
    run: &Run<'_>,
    names: &Names,
    port: u16,
    cluster: bool,
    limit: Duration,
) -> Result<VaultSite, Error> {
    let testbed = run.testbed;
    let (image, network, name) = (&testbed.vault_image, &testbed.network, names.own_vault());
    let wanted = vault::Wanted { network, image, name: &name, port, cluster, limit };
    let site = vault::start(&testbed.engine, run.journal, wanted).await?;
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
) -> Result<(), configure::Error> {
    let Seen::Observed(observation) = &sighting.seen else { return Ok(()) };
    let mut facts = BTreeSet::new();
    if let (Some(login), Some(accessor)) = (&observation.login, accessor)
        && login.answer.status == Some(403)
        && login.answer.text == "permission denied"
    {
        let line = site.vault.log.refusal(accessor, LOG_LIMIT).await;
        let namespace = &site.names.namespace;
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
                facts.insert(fact);
            }
        }
        sighting.vault_log = line;
    }
    if let Some(read) = &observation.read
        && observation.read_with_token
        && (read.status != Some(200) || observation.secret.as_ref().is_none_or(|secret| !secret.version_2_shape))
    {
        facts.extend(about_read(site, observation, read.status).await?);
    }
    sighting.facts = facts;
    Ok(())
}

async fn about_read(
    site: Site<'_>,
    observation: &Observation,
    status: Option<u16>,
) -> Result<BTreeSet<Fact>, crate::vault::Error> {
    let admin = &site.vault.admin;
    let mount = &site.names.kv_mount;
    let mut facts = BTreeSet::new();
    if admin.kv_version(mount).await? == Some(1) {
        facts.insert(Fact::KvVersion1);
    }
    if status == Some(404) && admin.is_there(&format!("{mount}/data/data/{SECRET}")).await? {
        facts.insert(Fact::SecretAtDataData);
    }
    if status == Some(403) {
        for policy in observation.login.iter().flat_map(|login| &login.policies) {
            if !admin.policy_exists(policy).await? {
                facts.insert(Fact::PolicyMissing);
            }
        }
        if observation.read_path.ends_with('/') {
            facts.insert(Fact::TrailingSlash);
        }
    }
    Ok(facts)
}

/// Whole milliseconds since then.
pub fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
