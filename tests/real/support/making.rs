//! Makes a situation of the corpus: the stand-in servers, the steps through APIs, the flags, and what its names are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::check::Running;
use super::customer::{ACCOUNT, Customer, ROLE};
use super::field::{App, Object, Patch, Request, Situation, Step, filled, filled_json};
use super::servers::{Admin, apply, context, image, kubeconfig, kubectl_with};
use super::stand_in::StandIn;
use super::testbed::{eventually, kubectl, record};

/// A situation that is made. What it made beside the customer goes with it.
pub struct Made<'a> {
    situation: &'a Situation,
    pub customer: Customer,
    servers: BTreeMap<String, StandIn>,
    kept: Mutex<BTreeMap<String, String>>,
    gateway: IpAddr,
    in_vault: Mutex<Vec<String>>,
    in_the_cluster: Mutex<Vec<Value>>,
}

/// Where Vault keeps what a situation may make of its own; the same path removes it.
const OF_ITS_OWN: [&str; 7] = [
    "sys/mounts/",
    "sys/auth/",
    "sys/policies/acl/",
    "sys/policies/password/",
    "sys/quotas/",
    "identity/group/name/",
    "identity/entity/name/",
];

impl<'a> Made<'a> {
    pub fn new(runtime: &Runtime, gateway: IpAddr, number: usize, situation: &'a Situation, admin: Admin) -> Self {
        let start = |server| runtime.block_on(StandIn::start(gateway, server));
        let servers = situation.servers.iter().map(|(name, server)| (name.clone(), start(server))).collect();
        let made = Self {
            situation,
            customer: Customer::new_in(&format!("field{number}"), admin),
            servers,
            kept: Mutex::default(),
            gateway,
            in_vault: Mutex::default(),
            in_the_cluster: Mutex::default(),
        };
        for (name, content) in &situation.files {
            std::fs::write(made.file(name), made.fill(content)).unwrap();
        }
        situation.make.iter().for_each(|step| made.step(step));
        made
    }

    fn file(&self, name: &str) -> String {
        self.customer.state.path().join(format!("field-{name}")).display().to_string()
    }

    /// What a placeholder stands for.
    fn value(&self, name: &str) -> Option<String> {
        let customer = &self.customer;
        let record = record();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let server = &record["api-server"];
        Some(match name {
            "name" => customer.name.clone(),
            "mount" => customer.mount.clone(),
            "auth" => customer.auth.clone(),
            "accessor" => customer.accessor(),
            "policy" => customer.policy.clone(),
            "role" => ROLE.to_owned(),
            "namespace" => customer.namespace.clone(),
            "other" => customer.other.clone(),
            "account" => ACCOUNT.to_owned(),
            "reviewer" => customer.reviewer.clone(),
            "reviewer-token" => customer.reviewer_token(),
            "vault-host" => text(&record["vault-pod-host"])?,
            "image" => image().to_owned(),
            "vault-port" => "8200".to_owned(),
            "api-server" => text(&server["address"])?,
            "api-server-host" => text(&server["address"])?.split_once("//")?.1.to_owned(),
            "closed-address" => text(&server["closed-address"])?,
            "no-route" => self.nobody(),
            "issuer" => text(&server["issuer"])?,
            "api-server-ca" => text(&server["ca"])?,
            "foreign-ca" => {
                rcgen::generate_simple_self_signed(vec!["elsewhere.example".to_owned()]).unwrap().cert.pem()
            }
            _ => match name.split('.').collect::<Vec<_>>()[..] {
                ["server", name, "url"] => self.servers.get(name)?.url.clone(),
                ["server", name, "host"] => self.servers.get(name)?.url.split_once("//")?.1.to_owned(),
                ["server", name, "ca"] => self.servers.get(name)?.ca.clone(),
                ["file", name] => self.file(name),
                ["kept", name] => self.kept.lock().unwrap().get(name)?.clone(),
                _ => return None,
            },
        })
    }

    /// An address of the testbed's own network that no machine has.
    fn nobody(&self) -> String {
        match self.gateway {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.253")
            }
            IpAddr::V6(address) => panic!("the gateway {address} is none of IPv4"),
        }
    }

    /// A text with its placeholders filled in.
    pub fn fill(&self, text: &str) -> String {
        filled(text, &|name| self.value(name))
    }

    fn json(&self, json: &Value) -> Value {
        filled_json(json, &|name| self.value(name))
    }

    fn step(&self, step: &Step) {
        match step {
            Step::Role(changes) => {
                // Vault keeps what a write leaves out.
                self.customer.admin.try_vault(
                    "DELETE",
                    &format!("auth/{}/role/{ROLE}", self.customer.auth),
                    Value::Null,
                );
                self.customer.write_role(self.json(changes));
            }
            Step::Config(changes) => self.customer.configure(self.json(changes)),
            Step::Policy(text) => self.customer.write_policy(&self.fill(text)),
            Step::Secret(data) => self.customer.store(self.json(data)),
            Step::Vault(request) => self.ask_vault(request),
            Step::Kubernetes(request) => self.ask_kubernetes(request),
            Step::Apply(manifest) => {
                let manifest = self.json(manifest);
                apply(std::slice::from_ref(&manifest));
                let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or_default();
                if ![&*self.customer.namespace, &*self.customer.other].contains(&namespace) {
                    self.in_the_cluster.lock().unwrap().push(manifest);
                }
            }
            Step::Delete(Object { object, namespace }) => {
                kubectl(&["delete", &self.fill(object), "-n", &self.namespace(namespace.as_deref())]);
            }
            Step::Patch(Patch { object, namespace, with }) => {
                let (object, with) = (self.fill(object), self.json(with).to_string());
                let namespace = self.namespace(namespace.as_deref());
                kubectl(&["patch", &object, "-n", &namespace, "--type=merge", "-p", &with]);
            }
            Step::App(App { pod, container, beside, made_by }) => {
                let beside: Vec<Value> = beside.iter().map(|container| self.json(container)).collect();
                let pod = self.customer.pod(&self.json(pod), &self.json(container), &beside);
                match made_by {
                    Some(kind) => self.customer.start_controller(kind, &pod),
                    None => self.customer.start(&pod),
                }
            }
            Step::Wait(seconds) => std::thread::sleep(Duration::from_secs(*seconds)),
        }
    }

    fn namespace(&self, named: Option<&str>) -> String {
        named.map_or_else(|| self.customer.namespace.clone(), |name| self.fill(name))
    }

    fn ask_vault(&self, request: &Request) {
        let (path, body) = (self.fill(&request.path), self.json(&request.body));
        if request.method != "DELETE" && OF_ITS_OWN.iter().any(|start| path.starts_with(start)) {
            self.in_vault.lock().unwrap().push(path.clone());
        }
        // A new mount of KV version 2 is not ready at once.
        let last = Mutex::new(Value::Null);
        eventually(&format!("{} {path} succeeds", request.method), Duration::from_secs(10), || {
            let (status, answer) = self.customer.admin.try_vault(&request.method, &path, body.clone());
            let done = status < 300;
            if !done {
                println!("{} {path}: {status} {answer}", request.method);
            }
            *last.lock().unwrap() = answer;
            done
        });
        self.keep(request, &last.into_inner().unwrap());
    }

    fn ask_kubernetes(&self, request: &Request) {
        let (path, body) = (self.fill(&request.path), self.json(&request.body).to_string());
        let answer = match request.method.as_str() {
            "GET" => kubectl(&["get", "--raw", &path]),
            "DELETE" => kubectl(&["delete", "--raw", &path]),
            "POST" => kubectl_with(&["create", "--raw", &path, "-f", "-"], &body),
            "PUT" => kubectl_with(&["replace", "--raw", &path, "-f", "-"], &body),
            other => panic!("{other} is no method of a step"),
        };
        self.keep(request, &serde_json::from_str(&answer).unwrap_or_default());
    }

    fn keep(&self, request: &Request, answer: &Value) {
        for (name, pointer) in &request.keep {
            let value = answer.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in {answer}"));
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.kept.lock().unwrap().insert(name.clone(), text);
        }
    }

    /// The flags of its check: the customer's own, but for those that the situation has, and these.
    pub fn flags(&self) -> (Vec<String>, Vec<String>) {
        let own: Vec<String> = self.situation.flags.iter().map(|flag| self.fill(flag)).collect();
        let has = |name: &str| own.iter().any(|flag| flag.split('=').next() == Some(name));
        let mut flags = match &self.situation.secret_name {
            Some(url) => self.customer.flags_with(&kubeconfig(), &context(), &self.fill(url)),
            None => self.customer.flags(),
        };
        flags.retain(|flag| !has(flag.split('=').next().unwrap_or_default()));
        if has("--vault-addr") {
            flags.retain(|flag| !flag.starts_with("--secret-name="));
        }
        (flags, own)
    }

    /// Starts a check of it.
    pub fn spawn(&self, flags: &[String], extra: &[&str]) -> Running {
        let value = |text: &String| self.fill(text);
        let environment: Vec<(String, String)> =
            self.situation.environment.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        self.customer.spawn_in(&environment, flags, extra)
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        for path in self.in_vault.get_mut().unwrap().iter().rev() {
            self.customer.admin.try_vault("DELETE", path, Value::Null);
        }
        let objects = std::mem::take(self.in_the_cluster.get_mut().unwrap());
        if !objects.is_empty() && !std::thread::panicking() {
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string();
            kubectl_with(&["delete", "--ignore-not-found", "--wait=false", "-f", "-"], &list);
        }
    }
}
