//! The testbed's cluster and Vault, asked as their administrator.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use pmp_vault_conformance::vault::client::{Client, Roots};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::testbed::{self, kubectl, owner, program, record};

/// The probe's image, which is in the node.
pub fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let output = program().args(["images", "export"]).arg(folder.path().join("probe.tar")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let reference = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned();
        let loaded = testbed::matrix()["images"]["probe"].to_string();
        if !loaded.contains(&reference) {
            // The program is newer than the testbed: a run loads it.
            let output = testbed::Reports::new().run(&["--scenario", "service-account.custom"]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        reference
    })
}

/// The documented keys.
pub fn keys() -> Vec<String> {
    let catalogue = pmp_vault_conformance::scenario::load::Catalogue::embedded().unwrap();
    catalogue.page.keys.iter().map(|key| key.name.clone()).collect()
}

pub fn kubeconfig() -> PathBuf {
    testbed::folder(&owner()).join("kubeconfig")
}

pub fn context() -> String {
    testbed::kubectl(&["config", "current-context"]).trim().to_owned()
}

/// `kubectl apply`.
pub fn apply(objects: &[Value]) {
    apply_text(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string());
}

/// `kubectl apply` of a text.
pub fn apply_text(text: &str) {
    kubectl_with(&["apply", "-f", "-"], text);
}

/// What `kubectl` prints that reads a text.
pub fn kubectl_with(arguments: &[&str], text: &str) -> String {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig()).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every object of a namespace but events, by kind and name, without what
/// Kubernetes itself keeps changing.
pub fn objects(namespace: &str) -> BTreeMap<String, Value> {
    static TYPES: OnceLock<String> = OnceLock::new();
    let types = TYPES.get_or_init(|| {
        let all = kubectl(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]);
        all.lines().filter(|name| !name.starts_with("events")).collect::<Vec<_>>().join(",")
    });
    let list: Value = serde_json::from_str(&kubectl(&["get", types, "-n", namespace, "-o", "json"])).unwrap();
    let mut found = BTreeMap::new();
    for object in list["items"].as_array().unwrap() {
        let mut object = object.clone();
        object.as_object_mut().unwrap().remove("status");
        if object["kind"] == "Pod" {
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
        }
        let name = format!("{namespace} {} {}", object["kind"], object["metadata"]["name"]);
        found.insert(name, object);
    }
    found
}

/// A Vault, asked as its administrator: the testbed's, or one that a test has for itself.
#[derive(Clone)]
pub struct Admin {
    /// Where the harness asks.
    pub address: String,
    /// Where pods ask.
    pub url: String,
    pub token: SecretString,
    /// What the Kubernetes auth method is called there.
    pub method: String,
}

impl Admin {
    pub fn of_the_testbed() -> Self {
        let record = record();
        let text = |name: &str| record[name].as_str().unwrap().to_owned();
        Self {
            address: text("vault-address"),
            url: format!("http://{}:8200", text("vault-pod-host")),
            token: text("root-token").into(),
            method: "kubernetes".to_owned(),
        }
    }

    /// Asks it; `body` null for none.
    pub fn try_vault(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let client = Client::new(&self.address, Some(self.token.clone()), &Roots::Public).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = Some(body).filter(|body| !body.is_null());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = runtime.block_on(client.send(method, path, body.as_ref())).unwrap();
        (reply.status, reply.body)
    }

    /// The same, and it must succeed. While a test beside takes its audit device away, Vault may fail what is just
    /// asked.
    pub fn vault(&self, method: &str, path: &str, body: Value) -> Value {
        let mut tries = 0;
        let (status, answer) = loop {
            let (status, answer) = self.try_vault(method, path, body.clone());
            tries += 1;
            if status != 500 || answer["errors"][0] != "internal error" || tries == 5 {
                break (status, answer);
            }
            std::thread::sleep(Duration::from_millis(500));
        };
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }
}

/// Asks the testbed's Vault.
pub fn try_vault(method: &str, path: &str, body: Value) -> (u16, Value) {
    Admin::of_the_testbed().try_vault(method, path, body)
}

/// The same, and it must succeed.
pub fn vault(method: &str, path: &str, body: Value) -> Value {
    Admin::of_the_testbed().vault(method, path, body)
}

/// What Vault logged since then, such as `2026-01-01T00:00:00Z`.
pub fn vault_log_since(time: &str) -> String {
    let container = testbed::made_of()["vault-container"].as_str().unwrap().to_owned();
    let output = Command::new("docker").args(["logs", "--since", time, &container]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// Held by what fills the machine: two such tests never run at once, others may run beside one.
pub fn filling_the_machine() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held by who uses the documented names, which are there once in a cluster.
pub fn documented_names() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something with each of these on a few threads, and gives what came of it in order.
pub fn on_threads<T: Sync, R: Send>(threads: usize, items: &[T], each: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let _one = filling_the_machine();
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, R>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { return };
                    let result = each(number, item);
                    results.lock().unwrap().insert(number, result);
                }
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

/// YAML documents, such as those of `print rbac`.
pub fn documents(yaml: &str) -> Vec<Value> {
    yaml.split("---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}
