//! The page's commands, typed into the real `vault` and `kubectl`, in the
//! page's order and with its own names, against a Vault of their own.
//!
//! After each command its effect is checked through the APIs, because several
//! of them end with success and do something else.

mod block;
mod desk;
mod effect;
mod kubeconfig;
mod made;
mod promised;
mod reader;
mod session;
mod told;

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::clock::Clock;
use super::look::{find_out, look};
use crate::cluster::RUN_LABEL;
use crate::cluster::mendix::{OPERATOR_CONFIGURATION, OperatorConfiguration, RUNTIME, Runtime, deployment_name};
use crate::cluster::patience::why;
use crate::configure::names::{REVIEWER, REVIEWER_BINDING, SIBLING};
use crate::configure::site::{Operation, cluster};
use crate::configure::{Error, Site, app, auth};
use crate::event::millis;
use crate::probe::stages::fingerprint;
use crate::random::random;
use crate::scenario::block::{Block, CLUSTER_PLACEHOLDER};
use crate::scenario::command::{Command, CommandCatalogue, Effect, Example, KEYS_PLACEHOLDER};
use crate::scenario::configuration::{AccountName, Configuration, Literal, RuntimeAccount, Switch};
use crate::scenario::model::Scenario;
use crate::verdict::result::Timings;
use crate::verdict::sighting::{CommandOutcome, Sighting};
use crate::wait::{self, Look};
pub use block::type_it as type_block;
pub use desk::{missing_tools, tools};
use made::Reviewer;
use session::Session;

/// The documented names exist once in a cluster, so the literal scenarios of a
/// run share them. What a scenario does in its own Vault takes no turn.
#[derive(Default)]
pub struct Turns {
    /// The namespace, which the run has to itself once it is taken.
    namespace: OnceCell<()>,
    /// The token reviewer.
    reviewer: Mutex<()>,
    /// The app. Whoever needs both takes the reviewer first.
    app: Mutex<()>,
}

/// The names that a scenario has for itself.
#[derive(Default)]
struct Held<'a> {
    reviewer: Option<MutexGuard<'a, ()>>,
    app: Option<MutexGuard<'a, ()>>,
}

/// One literal scenario.
#[derive(Clone, Copy)]
pub struct Typing<'a> {
    /// Where it is.
    pub site: Site<'a>,
    /// Which it is.
    pub scenario: &'a Scenario,
    /// What it lays down.
    pub configuration: &'a Configuration,
    /// The page's commands.
    pub commands: &'a CommandCatalogue,
    /// The block that is typed in place of those that it holds.
    pub block: Option<&'a Block>,
    /// How long a wait may take.
    pub limit: Duration,
    /// Stands still while it waits for its turn.
    pub clock: &'a Clock,
}

impl Typing<'_> {
    /// Types the commands, starts the app, and sees what it can read.
    ///
    /// # Errors
    /// The tools are not there, or a server does not answer.
    pub async fn observe(self, turns: &Turns, timings: &mut Timings) -> Result<Sighting, Error> {
        let site = self.site;
        turns.namespace.get_or_try_init(|| take_namespace(site, self.configuration, self.limit)).await?;
        let mut held = Held::default();
        let done = self.type_and_look(turns, &mut held, timings).await;
        // The next literal scenario needs the same names, whatever came of this one.
        take_away(site, &held).await?;
        done
    }

    async fn type_and_look<'a>(
        self,
        turns: &'a Turns,
        held: &mut Held<'a>,
        timings: &mut Timings,
    ) -> Result<Sighting, Error> {
        let (commands, fingerprints) = self.type_all(turns, held).await?;
        self.take_app(turns, held).await?;
        timings.configure_ms = self.clock.millis();
        let started = Instant::now();
        let seen = start_and_look(self.site, self.scenario, self.example(), self.clock.left_of(self.limit)).await;
        timings.observe_ms = millis(started);
        Ok(Sighting { commands, fingerprints, ..seen? })
    }

    fn example(&self) -> Example {
        Example::from(self.scenario.base)
    }

    /// Waits until the reviewer's names are free.
    async fn take_reviewer<'a>(&self, turns: &'a Turns, held: &mut Held<'a>) {
        if held.reviewer.is_none() {
            held.reviewer = Some(self.clock.wait(turns.reviewer.lock()).await);
        }
    }

    /// Waits until the app's names are free, and makes PMP as it is before a
    /// reader opens the page: the operator's setting unset, the Runtime without
    /// a Service Account of its own, the app not started.
    async fn take_app<'a>(&self, turns: &'a Turns, held: &mut Held<'a>) -> Result<(), Error> {
        if held.app.is_some() {
            return Ok(());
        }
        let mut typed = self.commands.typed(self.example(), self.configuration.literal);
        if typed.any(|(command, _)| command.effect == Effect::ReviewerExists) {
            self.take_reviewer(turns, held).await;
        }
        held.app = Some(self.clock.wait(turns.app.lock()).await);
        // A scenario whose time was over had no chance to do so.
        free_app(self.site).await?;
        let before = Configuration {
            operator_automount: Switch::Unset,
            runtime_service_account: RuntimeAccount::Unset,
            ..self.configuration.clone()
        };
        app::start(self.site, &before, 0).await
    }
}

/// Makes the documented namespace. On a kept testbed it is also the lock
/// between runs: who made it has all documented names until it is gone again.
async fn take_namespace(site: Site<'_>, configuration: &Configuration, limit: Duration) -> Result<(), Error> {
    let kube = &site.run.testbed.kube;
    let namespaces = Api::<Namespace>::all(kube.clone());
    let name = &site.names.namespace;
    let subject = format!("turn for namespace {name}");
    let there = wait::until(&subject, limit, Duration::from_millis(300), || async {
        match namespaces.get_opt(name).await {
            Ok(None) => Look::Done(false),
            Ok(Some(found)) if found.labels().get(RUN_LABEL) == Some(&site.owner.run) => Look::Done(true),
            Ok(Some(_)) => Look::NotYet("it belongs to another run".to_owned()),
            Err(error) => Look::NotYet(why(&error)),
        }
    })
    .await?;
    if !there {
        let bare = Configuration { create_service_account: false, ..configuration.clone() };
        app::prepare(site, &bare).await?;
    }
    Ok(())
}

type Typed = (Vec<CommandOutcome>, std::collections::BTreeMap<String, String>);

impl Typing<'_> {
    async fn type_all<'a>(&self, turns: &'a Turns, held: &mut Held<'a>) -> Result<Typed, Error> {
        let (site, literal, example) = (self.site, self.configuration.literal, self.example());
        let stand_in = self.block.and_then(|block| block::stand_in(block.distribution));
        let access = reader::access(site, self.configuration.reader).await?;
        let mut session = Session::start(site, &self.scenario.id, stand_in.as_slice(), &access).await?;
        // A reader who mends the page's example stores all that the page lists.
        let page = site.run.page;
        let listed = page.keys.iter().map(|key| key.name.as_str());
        let keys: Vec<&str> =
            if literal == Literal::Mended { listed.collect() } else { page.example().into_iter().collect() };
        let mut fingerprints = std::collections::BTreeMap::new();
        let mut list = Vec::new();
        for key in keys {
            let value = format!("canary-{}", random(24));
            site.run.redactor.add(&SecretString::from(value.clone()));
            let print = fingerprint(&site.run.hmac_key, key, &value);
            fingerprints.extend(print.map(|print| (key.to_owned(), print)));
            list.push(format!("{key}=\"{value}\""));
        }
        let list = list.join(" ");
        let mut outcomes = Vec::new();
        for command in self.commands.commands.iter().filter(|command| command.examples.contains(&example)) {
            if let Some(block) = self.block.filter(|_| command.in_block) {
                // The first of them stands for all.
                if outcomes.iter().all(|outcome: &CommandOutcome| outcome.id != block_id(block)) {
                    self.take_reviewer(turns, held).await;
                    outcomes.push(self.type_whole(&mut session, block, command).await?);
                }
                continue;
            }
            let Some(text) = command.typed(example, literal) else {
                outcomes.push(not_typed(command, literal));
                continue;
            };
            match command.effect {
                Effect::ReviewerExists => self.take_reviewer(turns, held).await,
                Effect::OperatorAutomountOn | Effect::ServiceAccountExists | Effect::RuntimeNamesServiceAccount => {
                    self.take_app(turns, held).await?;
                }
                _ => {}
            }
            let text = text.replace(KEYS_PLACEHOLDER, &list);
            let reviewer = command.effect == Effect::ReviewerExists;
            let coming = reviewer.then(|| Reviewer::coming(site, REVIEWER, REVIEWER_BINDING)).transpose()?;
            let (code, output) = session.run(&text, command.edit.as_ref()).await?;
            if let Some(coming) = coming {
                coming.came(site).await?;
            }
            let (effect_holds, seen) = effect::holds(site, &mut session, command, example).await?;
            let defect = command.defect.clone().filter(|_| literal == Literal::AsWritten);
            outcomes.push(CommandOutcome {
                id: command.id.clone(),
                not_typed: None,
                succeeded: code == 0,
                effect_holds,
                text: if code == 0 {
                    format!("exit code 0, but {seen}")
                } else {
                    format!("exit code {code}: {output}")
                },
                defect,
                claim: command.claim.clone(),
                page: command.page.clone(),
            });
        }
        session.end().await;
        // Not the page's: what the boundary is tested with.
        let sibling = json!({ "data": { "not-for-the-app": random(24) } });
        site.vault.admin.write_kv(&format!("{}/data/{SIBLING}", site.names.kv_mount), &sibling).await?;
        Ok((outcomes, fingerprints))
    }
}

/// As its case is called.
fn block_id(block: &Block) -> String {
    format!("block-{}", block.distribution)
}

impl Typing<'_> {
    /// Types a whole block, in place of the commands of which this is the first.
    async fn type_whole(&self, session: &mut Session, block: &Block, first: &Command) -> Result<CommandOutcome, Error> {
        let cluster = kubeconfig::cluster(&self.site.run.testbed.kubeconfig_for_commands()?)?;
        let text = block.typed(self.configuration.fallback).replace(CLUSTER_PLACEHOLDER, &cluster);
        let coming = Reviewer::coming(self.site, REVIEWER, REVIEWER_BINDING)?;
        let (code, output) = session.run(&text, None).await?;
        coming.came(self.site).await?;
        Ok(CommandOutcome {
            id: block_id(block),
            not_typed: None,
            succeeded: code == 0,
            // Only the app's own login can tell.
            effect_holds: None,
            text: format!("exit code {code}: {output}"),
            defect: None,
            claim: format!("The block for {} configures the auth method.", block.distribution),
            page: first.page.clone(),
        })
    }
}

fn not_typed(command: &Command, literal: Literal) -> CommandOutcome {
    let reason = match literal {
        Literal::Mended => "method 2 is taken in its place, because method 1 alone does not let Vault review tokens",
        _ => "the page keeps method 2 for clusters that name no issuer, and this one names one",
    };
    CommandOutcome {
        id: command.id.clone(),
        not_typed: Some(format!("not typed: {reason}")),
        succeeded: false,
        effect_holds: None,
        text: String::new(),
        defect: None,
        claim: command.claim.clone(),
        page: command.page.clone(),
    }
}

/// Starts the app, which is what the last section of the page comes down to.
async fn start_and_look(
    site: Site<'_>,
    scenario: &Scenario,
    example: Example,
    limit: Duration,
) -> Result<Sighting, Error> {
    app::scale(site, 1).await?;
    let mut sighting = look(site, &scenario.id, limit).await;
    let account = match example {
        Example::A => AccountName::PmpSecretAccessor,
        Example::B => AccountName::Default,
    };
    let accessor = site.vault.admin.auth_accessor(&site.names.auth_mount).await.ok();
    find_out(site, account.as_str(), accessor.as_deref(), Some(REVIEWER), &mut sighting).await?;
    Ok(sighting)
}

/// Takes away what has the page's own names, but for the namespace. The app's
/// pod may end later: no name is its own, and it carries its scenario's label.
async fn take_away(site: Site<'_>, held: &Held<'_>) -> Result<(), Error> {
    let kube = &site.run.testbed.kube;
    if held.app.is_some() {
        free_app(site).await?;
    }
    if held.reviewer.is_some() {
        delete(&Api::<ServiceAccount>::namespaced(kube.clone(), auth::REVIEWER_NAMESPACE), REVIEWER).await?;
        delete(&Api::<ClusterRoleBinding>::all(kube.clone()), REVIEWER_BINDING).await?;
    }
    Ok(())
}

/// The same for the app's names.
async fn free_app(site: Site<'_>) -> Result<(), Error> {
    let kube = &site.run.testbed.kube;
    let namespace = &site.names.namespace;
    delete(&Api::<Runtime>::namespaced(kube.clone(), namespace), RUNTIME).await?;
    delete(&Api::<OperatorConfiguration>::namespaced(kube.clone(), namespace), OPERATOR_CONFIGURATION).await?;
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), namespace);
    delete(&accounts, AccountName::PmpSecretAccessor.as_str()).await?;
    // After the Runtime, so that the stand-in operator does not make it again.
    delete(&Api::<Deployment>::namespaced(kube.clone(), namespace), &deployment_name(RUNTIME)).await
}

async fn delete<K>(api: &Api<K>, name: &str) -> Result<(), Error>
where
    K: kube::Resource + Clone + std::fmt::Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    match api.delete(name, &DeleteParams::background()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(source) => Err(cluster(Operation::Delete, api, name)(source)),
    }
}
