//! A check of a customer's cluster and Vault, from its rights to its clean-up.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};

use crate::check::app::App;
use crate::check::error::Error;
use crate::check::inspect::Inspection;
use crate::check::judge::{ALL, Judge};
use crate::check::probe::probe;
use crate::check::rights::{Right, Rule};
use crate::check::sighted::{Probed, Sighted};
use crate::check::target::Target;
use crate::check::{app, inspect, judge, names, plan, rights, vault};
use crate::cleanup;
use crate::cluster::{RUN_LABEL, connect, patience};
use crate::event::{Event, Events, RunFacts, RunKind, RunResult, millis, step};
use crate::journal::{Item, Journal, Resource};
use crate::ledger::{Ledger, Server};
use crate::lifecycle::{After, Job, Sweep};
use crate::scenario::load::Catalogue;
use crate::vault::Client as Vault;
use crate::verdict::sighting::Seen;

/// Whom a check asks.
struct Site {
    kube: Client,
    vault: Option<Vault>,
}

/// A check from its start to its end.
pub struct Check<'a> {
    target: &'a Target,
    catalogue: &'a Catalogue,
    events: &'a Events,
    ledger: Ledger,
    kube: Option<Client>,
}

impl<'a> Check<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(target: &'a Target, catalogue: &'a Catalogue, events: &'a Events) -> Self {
        Self { target, catalogue, events, ledger: Ledger::default(), kube: None }
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            target: self.target,
            page: &self.catalogue.page,
            revisions: &self.catalogue.revisions,
            causes: &self.catalogue.causes,
            now: jiff::Timestamp::now().as_second(),
        }
    }

    /// Whom it asks. From here on there may be something to clean up.
    async fn site(&mut self, journal: &Journal) -> Result<Site, Error> {
        let kube = connect::cluster(&self.target.cluster, &self.ledger).await?;
        let vault = match &self.target.vault {
            Some(access) => Some(vault::client(self.target, access, &self.ledger).map_err(Error::Vault)?),
            None => None,
        };
        journal.on_cluster(&self.target.cluster)?;
        self.kube = Some(kube.clone());
        Ok(Site { kube, vault })
    }

    async fn check(&self, site: &Site, journal: &Journal, result: &mut RunResult) -> Result<(), Error> {
        let version = step(self.events, "reach the cluster", site.kube.apiserver_version()).await;
        let version = version.map_err(Error::NoAnswer)?;
        result.facts.versions.insert("kubernetes".to_owned(), version.git_version);
        let rules = rights::rules(self.target);
        let missing = step(self.events, "ask for rights", missing_rights(&site.kube, &rules)).await?;
        if !missing.is_empty() {
            return Err(Error::LacksRights(missing));
        }
        if let (Some(vault), Some(access)) = (&site.vault, &self.target.vault) {
            let rights =
                step(self.events, "ask what the Vault token may do", inspect::token_rights(vault, self.target, access));
            let (missing, excess) = rights.await.map_err(|source| Error::TokenUnknown { source })?;
            if !missing.is_empty() {
                return Err(Error::TokenLacksRights(missing));
            }
            if !excess.is_empty() {
                let text = format!("the Vault token may do more than the check needs: {}", excess.join("; "));
                let _ = self.events.send(Event::Notice { text });
            }
        }
        // The probe is told where the mount ends, where that can be asked before.
        let mount = match &site.vault {
            Some(vault) if !self.target.secret.elsewhere.is_empty() => inspect::mount(vault, self.target).await.1,
            _ => None,
        };
        let target = self.target.with_mount(mount.as_deref());
        let app = step(self.events, "read what the app has", app::find(&site.kube, &target)).await?;
        result.facts.names = Some(names::seen(&target, &app, &Inspection::default()));
        let _ = self.events.send(Event::TestbedReady { facts: Box::new(result.facts.clone()) });
        for id in ALL {
            let _ = self.events.send(Event::ScenarioStarted { id: id.to_owned(), evidence: Default::default() });
        }
        let sighted = self.look(&target, site, journal, app).await?;
        let target = target.with_mount(sighted.mount());
        let names = names::seen(&target, &sighted.app, &sighted.inspection);
        result.facts.names = Some(names::meant(names, &target, sighted.twin.observation()));
        for probed in sighted.probes() {
            if let Seen::Observed(observation) = &probed.seen
                && let Some(asked) = &observation.asked
            {
                result.ledger.extend(asked.requests.iter().filter(|request| request.to == Server::Vault).cloned());
                if let Some(version) = &asked.version {
                    result.facts.versions.insert("vault".to_owned(), version.clone());
                }
            }
        }
        result.scenarios = Judge { target: &target, ..self.judge() }.judge(&sighted);
        for scenario in &result.scenarios {
            let _ = self.events.send(Event::ScenarioFinished { result: Box::new(scenario.clone()) });
        }
        Ok(())
    }

    /// Starts the probes and, beside them, asks what more rights can tell.
    async fn look(&self, target: &Target, site: &Site, journal: &Journal, app: App) -> Result<Sighted, Error> {
        let planned = plan::objects(target, &journal.run, self.catalogue, &app)?;
        let Site { kube, vault } = site;
        let inspection = async {
            let cluster = inspect::cluster_side(kube, target, &app.service_account).await;
            let vault = match (vault, &target.vault) {
                (Some(vault), Some(access)) => Some(inspect::vault_side(vault, target, access).await),
                _ => None,
            };
            Inspection { vault, cluster }
        };
        let with_account = |account: Option<ServiceAccount>, scenario: &'static str, pod| async move {
            if let Some(account) = account
                && let Err(error) = create_account(kube, journal, &account).await
            {
                return Probed::nothing(error.to_string());
            }
            probe(kube, journal, scenario, &pod).await
        };
        let other = async {
            match planned.other {
                Some((account, pod)) => Some(with_account(account, judge::OTHER_NAMESPACE, pod).await),
                None => None,
            }
        };
        let (account, pod) = planned.fresh;
        let twin = step(self.events, "probe as the app", async {
            let twin = probe(kube, journal, judge::APP, &planned.twin).await;
            // Which of them the app takes is not known; where the likeliest does, no other is tried.
            let ways = match twin.let_in() {
                true => Vec::new(),
                false => join_all(planned.ways.iter().map(|pod| probe(kube, journal, judge::APP, pod))).await,
            };
            Ok::<_, Error>((twin, ways))
        });
        let kinds = join_all(planned.kinds.iter().map(|pod| probe(kube, journal, judge::APP, pod)));
        let fresh = with_account(Some(account), judge::FRESH_ACCOUNT, pod);
        let (inspection, twin, fresh, other, kinds) = tokio::join!(inspection, twin, fresh, other, kinds);
        let (twin, ways) = twin?;
        Ok(Sighted { app, inspection, twin, fresh, other, kinds, ways })
    }
}

impl Job for Check<'_> {
    fn planned(&self) -> usize {
        ALL.len()
    }

    fn facts(&self) -> RunFacts {
        RunFacts {
            kind: RunKind::Customer,
            profile: "existing".to_owned(),
            key_revision: self.catalogue.page.id.clone(),
            testbed: "existing".to_owned(),
            images: BTreeMap::from([("probe".to_owned(), self.target.probe_image.clone())]),
            stand_ins: vec!["the Mendix app: the probe takes its Secret Name URL apart".to_owned()],
            names: Some(names::told(self.target)),
            ..RunFacts::default()
        }
    }

    fn sweep(&self) -> Sweep {
        Sweep::Leave
    }

    async fn work(&mut self, journal: &Journal, result: &mut RunResult) -> Result<(), String> {
        let started = Instant::now();
        let site = self.site(journal).await.map_err(|error| error.to_string())?;
        self.check(&site, journal, result).await.map_err(|error| error.to_string())?;
        result.timings.insert("scenarios".to_owned(), millis(started));
        Ok(())
    }

    async fn clean_up(&mut self, journal: &Journal) -> Result<After, String> {
        // Without a client nothing was made.
        if let Some(kube) = &self.kube {
            cleanup::clean_cluster(journal, kube).await.map_err(|error| error.to_string())?;
        }
        Ok(After::Gone)
    }

    fn complete(&mut self, result: &mut RunResult) {
        result.ledger.extend(self.ledger.requests());
        let broken = rights::broken(self.target, &result.ledger);
        if !broken.is_empty() {
            result.failed(format!("requests that were not promised: {}", broken.join("; ")));
        }
        if result.scenarios.is_empty() {
            let reason = result.problems.first().map_or("the run was interrupted", String::as_str);
            result.scenarios = self.judge().nothing(reason);
        }
    }
}

/// Makes a Service Account, unless its namespace has one of that name: then
/// that one is used, and neither changed nor removed.
async fn create_account(kube: &Client, journal: &Journal, account: &ServiceAccount) -> Result<(), Error> {
    let namespace = account.metadata.namespace.clone().unwrap_or_default();
    let name = account.metadata.name.clone().unwrap_or_default();
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), &namespace);
    let what = format!("Service Account {namespace}/{name}");
    let there = accounts.get_metadata_opt(&name).await.map_err(Error::not_read(what.clone()))?;
    if let Some(there) = there {
        return match there.labels().get(RUN_LABEL) {
            Some(run) => Err(Error::OfAnotherCheck { account: format!("{namespace}/{name}"), run: run.clone() }),
            None => Ok(()),
        };
    }
    let item = Item::Object {
        resource: Resource::ServiceAccount,
        namespace: Some(namespace.clone()),
        name: name.clone(),
        typed: false,
    };
    let entry = journal.creating(item)?;
    let made = patience::create(&accounts, account).await.map_err(Error::not_created(what))?;
    Ok(journal.created(&entry, made.metadata.uid.unwrap_or_default())?)
}

/// The rights that the caller lacks, in words. Asks, creates nothing.
///
/// # Errors
/// The API server does not answer the question.
pub async fn missing_rights(kube: &Client, rules: &[Rule]) -> Result<Vec<String>, Error> {
    let reviews = Api::<SelfSubjectAccessReview>::all(kube.clone());
    let ask = |right: Right<'_>| {
        let (reviews, question, words) = (reviews.clone(), right.question(), right.to_string());
        async move {
            let answer = reviews.create(&PostParams::default(), &question).await;
            let answer = answer.map_err(|source| Error::RightUnknown { right: words.clone(), source })?;
            Ok::<_, Error>((!answer.status.is_some_and(|status| status.allowed)).then_some(words))
        }
    };
    let answers: Vec<Option<String>> = futures::future::try_join_all(rights::each(rules).map(ask)).await?;
    Ok(answers.into_iter().flatten().collect())
}
