//! One scenario: configure, start the app, observe, find out why, judge.

use std::time::{Duration, Instant};

use super::clock::Clock;
use super::day_two::Life;
use super::literal::{self, Turns};
use super::look::{edit, find_out, look, start_vault};
use crate::cluster::objects::Owner;
use crate::configure::names::Names;
use crate::configure::{Bent, Error, Run, Site, app, auth, secrets, vault_pod};
use crate::event::{Events, millis};
use crate::scenario::block::BlockCatalogue;
use crate::scenario::command::CommandCatalogue;
use crate::scenario::configuration::{Configuration, Literal, VaultPlace};
use crate::scenario::day_two::DayTwo;
use crate::scenario::model::Scenario;
use crate::testbed::Keeps;
use crate::verdict::Verdict;
use crate::verdict::oracle::Oracle;
use crate::verdict::result::{ScenarioResult, Timings};
use crate::verdict::sighting::Sighting;

/// What one scenario needs beside the run.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// The run.
    pub run: &'a Run<'a>,
    /// Where events go.
    pub events: &'a Events,
    /// The verdict.
    pub oracle: Oracle<'a>,
    /// The page's commands.
    pub commands: &'a CommandCatalogue,
    /// Its blocks.
    pub blocks: &'a BlockCatalogue,
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
        let block = configuration.auth_method.block().and_then(|wanted| self.blocks.get(wanted));
        // A Vault that is struck is one scenario's own.
        let own = typed || configuration.day_two.strikes_vault();
        let shared_vault = configuration.vault == VaultPlace::Outside && !own && bent.before_app.is_none();
        let names = if typed {
            Names::documented(&owner.run, &scenario.id)
        } else {
            Names::new(&owner.run, &scenario.id, shared_vault).of(configuration)
        };
        let own_api_server;
        let api_server = if configuration.day_two.strikes_api_server() {
            let (testbed, journal) = (self.run.testbed, self.run.journal);
            own_api_server = testbed.start_api_server(journal, &names.global, clock.left_of(self.limit)).await?;
            &own_api_server
        } else {
            bent.api_server.as_ref().unwrap_or(&self.run.testbed.api_server)
        };
        let own_vault;
        let vault = match configuration.vault {
            VaultPlace::Outside if !own => &self.run.testbed.vault,
            VaultPlace::Outside => {
                own_vault = match configuration.day_two {
                    DayTwo::VaultFailsOver => {
                        let (testbed, journal) = (self.run.testbed, self.run.journal);
                        let site = testbed.start_vault_of_nodes(journal, &names.global, self.limit).await?;
                        self.run.redactor.add(&site.root_token);
                        site
                    }
                    DayTwo::VaultRestarted => start_vault(self.run, &names, 8200, Keeps::OnDisk, self.limit).await?,
                    _ => start_vault(self.run, &names, 8200, Keeps::InMemory, self.limit).await?,
                };
                &own_vault
            }
            VaultPlace::OutsideOnPort80 => {
                own_vault = start_vault(self.run, &names, 80, Keeps::InMemory, self.limit).await?;
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
            let (commands, limit) = (self.commands, self.limit);
            let literal = literal::Typing { site, scenario, configuration, commands, block, limit, clock };
            return literal.observe(self.turns, timings).await;
        }
        let prepare = async {
            match configuration.vault {
                VaultPlace::Pod => Ok(()),
                _ => app::prepare(site, configuration).await,
            }
        };
        let (stored, (accessor, mut reviewer), ()) =
            tokio::try_join!(secrets::apply(site, configuration), auth::apply(site, configuration), prepare)?;
        let mut steps = Vec::new();
        if let Some(block) = block {
            steps = literal::type_block(site, &scenario.id, block, configuration).await?;
            reviewer = site.vault.admin.has_reviewer(&names.auth_mount).await?.then(|| names.reviewer());
        }
        if let Some(blow) = bent.before_app {
            site.strike(blow).await?;
        }
        let before = configuration.before_the_edit();
        app::start(site, before.as_ref().unwrap_or(configuration), 1).await?;
        timings.configure_ms = clock.millis();

        let started = Instant::now();
        if before.is_some() {
            edit(site, &scenario.id, configuration, || clock.left_of(self.limit)).await?;
        }
        let (_, account) = app::service_account(&names, configuration);
        let (accessor, reviewer) = (accessor.as_deref(), reviewer.as_deref());
        if let Some(meanwhile) = &scenario.expect.meanwhile {
            let (oracle, stored) = (self.oracle, stored.fingerprints);
            let life = Life { site, scenario, configuration, oracle, stored, account, accessor, reviewer };
            let sighting = life.live(meanwhile, || clock.left_of(self.limit)).await?;
            timings.observe_ms = millis(started);
            // As long as it lives it logs in, on a machine where others still start.
            if let Err(error) = app::scale(site, 0).await {
                tracing::debug!(%error, "the app lives on");
            }
            return Ok(sighting);
        }
        let mut sighting = look(site, &scenario.id, clock.left_of(self.limit)).await;
        timings.observe_ms = millis(started);
        sighting.fingerprints = stored.fingerprints;
        sighting.enable_again = stored.enable_again;
        sighting.steps = steps;
        find_out(site, account, accessor, reviewer, &mut sighting).await?;
        Ok(sighting)
    }
}
