//! An obstacle in a scenario's way: the proxies, the Vault, the node that it
//! takes, which stay while this is held.

use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::Api;
use serde_json::json;

use super::proxy::vault::Behind;
use super::proxy::{self, Proxy, api_server};
use super::trial::Obstacle;
use crate::cluster::objects::Owner;
use crate::cluster::pod::Apps;
use crate::cluster::{RUN_LABEL, SCENARIO_LABEL};
use crate::configure::names::Names;
use crate::configure::{self, Bent, Run, VaultDetour};
use crate::journal::Resource;
use crate::run::look::start_vault;
use crate::run::way::Way;
use crate::scenario::self_test::{Act, Endpoint, Fault, Lie, Rule, Tls};
use crate::testbed::{Keeps, Testbed, VaultSite};
use crate::vault::client::{Client as Vault, Roots};
use crate::verdict::sighting::{Seen, Sighting};

/// What is in a scenario's way.
#[derive(Default)]
pub struct Placed {
    /// What the way itself is told of it.
    pub bent: Bent,
    /// The testbed as the harness then has it, where that is another.
    testbed: Option<Testbed>,
    limit: Option<Duration>,
    proxies: Vec<Proxy>,
    /// How often a proxy must have done something.
    wanted: usize,
}

impl Placed {
    /// Places an obstacle.
    ///
    /// # Errors
    /// It cannot be placed; in words.
    pub async fn new(way: &Way<'_>, scenario: &str, obstacle: &Obstacle) -> Result<Self, String> {
        let mut placed = Self::default();
        match obstacle {
            Obstacle::Mutant(mutation) => placed.bent.mutation = Some(mutation.clone()),
            Obstacle::Lie(lie) => placed.lie(way, scenario, lie).await?,
            Obstacle::Fault(fault) => placed.fault(way, scenario, fault).await?,
            Obstacle::LeftOut => placed.bent.without_event = true,
        }
        Ok(placed)
    }

    async fn lie(&mut self, way: &Way<'_>, scenario: &str, lie: &Lie) -> Result<(), String> {
        let testbed = way.run.testbed;
        self.bent.runtime.clone_from(&lie.runtime);
        if !lie.vault.is_empty() {
            self.in_front_of_vault(way, scenario, &testbed.vault, &lie.vault, None).await?;
        }
        if lie.token_review_says_yes {
            let proxy = api_server::says_yes(gateway(testbed).await?).await?;
            let mut api_server = testbed.api_server.clone();
            api_server.address = format!("https://{}", proxy.address);
            api_server.ca = proxy.ca.clone().unwrap_or_default();
            self.bent.api_server = Some(api_server);
            self.proxies.push(proxy);
        }
        Ok(())
    }

    async fn fault(&mut self, way: &Way<'_>, scenario: &str, fault: &Fault) -> Result<(), String> {
        let run = way.run;
        let names = Names::new(&run.journal.run, scenario, true);
        let mut testbed = run.testbed.clone();
        self.limit = fault.limit.map(Duration::from_secs);
        self.wanted = least(&fault.vault) + least(&fault.api_server);
        self.bent.before_app = fault.before_app;
        if fault.before_app.is_some() {
            testbed.vault = start_vault(run, &names, 8200, Keeps::InMemoryOfCluster, way.limit)
                .await
                .map_err(|error| error.to_string())?;
        }
        if !fault.vault.is_empty() || fault.tls.is_some() {
            self.in_front_of_vault(way, scenario, &testbed.vault.clone(), &fault.vault, fault.tls).await?;
        }
        if fault.meets_configuration()
            && let Some(proxy) = self.proxies.last()
        {
            let root_token = testbed.vault.root_token.clone();
            testbed.vault.admin = Vault::new(&format!("http://{}", proxy.address), Some(root_token), &Roots::Public)
                .map_err(|error| error.to_string())?;
        }
        if let Some(host) = &fault.vault_at {
            self.bent.vault = Some(VaultDetour { host: host.clone(), ca: None });
        }
        if let Some(image) = &fault.image {
            testbed.probe.clone_from(image);
        }
        if fault.node_not_ready {
            self.bent.runtime = Some(on_node_without_kubelet(run, scenario, &names.global).await?);
        }
        if !fault.api_server.is_empty() {
            let (proxy, client) =
                api_server::start(testbed.kube.clone(), &run.journal.run, fault.api_server.clone()).await?;
            testbed.kube = client;
            self.proxies.push(proxy);
        }
        let another = fault.meets_configuration()
            || fault.before_app.is_some()
            || fault.image.is_some()
            || !fault.api_server.is_empty();
        self.testbed = another.then_some(testbed);
        Ok(())
    }

    async fn in_front_of_vault(
        &mut self,
        way: &Way<'_>,
        scenario: &str,
        vault: &VaultSite,
        rules: &[Rule<Endpoint, Act>],
        tls: Option<Tls>,
    ) -> Result<(), String> {
        let testbed = way.run.testbed;
        let names = Names::new(&way.run.journal.run, scenario, true);
        let behind = Behind {
            address: vault.admin.address().to_owned(),
            root_token: vault.root_token.clone(),
            policy: names.policy,
            pods: Some(Api::<Pod>::namespaced(testbed.kube.clone(), &names.namespace)),
        };
        let proxy = proxy::vault::start(gateway(testbed).await?, behind, rules.to_vec(), tls).await?;
        self.bent.vault = Some(VaultDetour { host: proxy.address.to_string(), ca: proxy.ca.clone() });
        self.proxies.push(proxy);
        Ok(())
    }

    /// The testbed for the clean-up: the API server as the harness has it, and
    /// the Vault that all scenarios share; one of the scenario's own goes as a whole.
    pub fn for_clean_up(&self, way: &Way<'_>) -> Testbed {
        let mut testbed = self.testbed.as_ref().unwrap_or(way.run.testbed).clone();
        testbed.vault = way.run.testbed.vault.clone();
        testbed
    }

    /// Goes the way with the testbed as the harness has it.
    pub async fn way<T>(&self, way: &Way<'_>, scenario: &str, go: impl AsyncFnOnce(&Way<'_>) -> T) -> T {
        let run = way.run;
        let limit = self.limit.unwrap_or(way.limit);
        let Some(testbed) = &self.testbed else {
            return go(&Way { run, limit, ..*way }).await;
        };
        let ours = format!("{RUN_LABEL}={},{SCENARIO_LABEL}={scenario}", run.journal.run);
        let run = Run {
            testbed,
            journal: run.journal,
            page: run.page,
            hmac_key: run.hmac_key.clone(),
            redactor: run.redactor.clone(),
            apps: Apps::watch(&testbed.kube, &ours, run.apps.refusals.clone()),
            reviewer: run.reviewer.clone(),
            pods_can_run_vault: run.pods_can_run_vault.clone(),
        };
        go(&Way { run: &run, limit, ..*way }).await
    }

    /// Why a scenario did not meet its fault, where it did not: then it says
    /// nothing, however it ended.
    pub fn not_met(&self, obstacle: &Obstacle, sighting: &Sighting, left: usize) -> Option<String> {
        let Obstacle::Fault(fault) = obstacle else { return None };
        // Where only the app meets it, there must be an app.
        let by_the_app = fault.api_server.is_empty()
            && fault.image.is_none()
            && fault.limit.is_none()
            && !fault.meets_configuration();
        if let (true, Seen::Nothing(reason) | Seen::NotAdmitted(reason)) = (by_the_app, &sighting.seen) {
            return Some(format!("the probe met no fault: {reason}"));
        }
        let followed: usize = self.proxies.iter().map(|proxy| proxy.followed.load(Ordering::Relaxed)).sum();
        if followed < self.wanted {
            let wanted = self.wanted;
            return Some(format!("the proxy followed its rules {followed} times, and should have {wanted} times"));
        }
        (left > 0).then(|| format!("{left} things were not removed"))
    }
}

/// How often rules must have been followed: those without an end once.
fn least<E, A>(rules: &[Rule<E, A>]) -> usize {
    rules.iter().map(|rule| rule.times.unwrap_or(1) as usize).sum()
}

async fn gateway(testbed: &Testbed) -> Result<std::net::IpAddr, String> {
    testbed.harness_address().await.map_err(|error| error.to_string())
}

/// Makes a node that no kubelet serves, as Kubernetes has one that is not
/// ready: by its condition and by the taint for it. Gives what sends the app's
/// pod there.
async fn on_node_without_kubelet(run: &Run<'_>, scenario: &str, name: &str) -> Result<serde_json::Value, String> {
    let owner = Owner { run: run.journal.run.clone(), scenario: scenario.to_owned() };
    let room = json!({ "cpu": "4", "memory": "8Gi", "pods": "110" });
    let node = json!({
        "metadata": owner.meta(name, None),
        "spec": { "taints": [{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }] },
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{ "type": "Ready", "status": "False", "reason": "KubeletNotReady" }],
        },
    });
    let mut node: Node = serde_json::from_value(node).map_err(|error| error.to_string())?;
    node.metadata.labels.get_or_insert_default().insert("kubernetes.io/hostname".to_owned(), name.to_owned());
    let nodes = Api::<Node>::all(run.testbed.kube.clone());
    configure::site::create(run, &nodes, Some(Resource::Node), &node).await.map_err(|error| error.to_string())?;
    Ok(json!({ "spec": { "template": { "spec": { "nodeSelector": { "kubernetes.io/hostname": name } } } } }))
}
