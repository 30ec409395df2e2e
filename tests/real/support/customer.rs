//! A customer: an app's namespace on the testbed's cluster, and a secret, a
//! policy, an auth mount and a role of its own in the testbed's Vault, set up as
//! the page says. Tests break it, check it, and hold what the check did against
//! what it promised. All of it goes with the value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::check::{Ran, Running};
use super::servers::{Admin, apply, context, image, keys, kubeconfig, objects};
use super::testbed::{eventually, kubectl, program, record};

/// The app's Service Account.
pub const ACCOUNT: &str = "pmp-secret-accessor";
/// The role that the app logs in with.
pub const ROLE: &str = "pmp-secret-accessor-role";
/// The app's pod.
pub const POD: &str = "mxplatform-0";
/// What each stored value begins with.
pub const VALUE: &str = "stored-value-";

/// The five scenarios of a check.
pub const SET_UP: &str = "existing.set-up";
pub const APP: &str = "existing.app";
pub const WITHOUT_TOKEN: &str = "existing.without-token";
pub const FRESH: &str = "existing.fresh-account";
pub const OTHER: &str = "existing.other-namespace";
pub const ALL: [&str; 5] = [SET_UP, APP, WITHOUT_TOKEN, FRESH, OTHER];

/// How long anything here may take.
pub const LIMIT: Duration = Duration::from_secs(90);

/// The customer's names.
pub struct Customer {
    pub name: String,
    pub namespace: String,
    pub other: String,
    pub mount: String,
    pub auth: String,
    pub policy: String,
    /// In namespace `default`.
    pub reviewer: String,
    /// The state folder of this customer's checks.
    pub state: TempDir,
    /// Its Vault.
    pub admin: Admin,
    tokens: Mutex<Vec<String>>,
    policies: Mutex<BTreeSet<String>>,
}

impl Customer {
    /// Set up as the page says, for an app that does not run yet.
    pub fn new(label: &str) -> Self {
        Self::new_in(label, Admin::of_the_testbed())
    }

    /// The same in another Vault.
    pub fn new_in(label: &str, admin: Admin) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("c{}-{}-{label}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let customer = Self {
            namespace: format!("{name}-app"),
            other: format!("{name}-other"),
            mount: format!("pmp-dev-{name}"),
            auth: format!("kubernetes-{name}"),
            policy: format!("pmp-secret-access-{name}"),
            reviewer: format!("vault-reviewer-{name}"),
            state: tempfile::tempdir().unwrap(),
            admin,
            tokens: Mutex::default(),
            policies: Mutex::default(),
            name,
        };
        customer.set_up();
        customer
    }

    /// With the names of the page, which only one can have at a time: see `documented_names`.
    pub fn documented() -> Self {
        let customer = Self {
            name: "documented".to_owned(),
            namespace: "feature-test".to_owned(),
            other: "feature-test-other".to_owned(),
            mount: "pmp-dev".to_owned(),
            auth: "kubernetes".to_owned(),
            policy: "pmp-secret-access".to_owned(),
            reviewer: "vault-reviewer".to_owned(),
            state: tempfile::tempdir().unwrap(),
            admin: Admin::of_the_testbed(),
            tokens: Mutex::default(),
            policies: Mutex::default(),
        };
        // Those of a run before may be on their way out.
        eventually("the documented namespace is free", LIMIT, || {
            kubectl(&["get", "namespace", &customer.namespace, "--ignore-not-found"]).is_empty()
        });
        customer.set_up();
        customer.start_app(ACCOUNT);
        customer
    }

    fn set_up(&self) {
        self.in_the_cluster();
        self.in_vault();
    }

    /// The same, with the app's pod running.
    pub fn with_app(label: &str) -> Self {
        let customer = Self::new(label);
        customer.start_app(ACCOUNT);
        customer
    }

    fn in_the_cluster(&self) {
        let rbac = "rbac.authorization.k8s.io";
        let mendix = "privatecloud.mendix.com/v1alpha1";
        let namespace = |name: &str| {
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata":
                { "name": name, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } })
        };
        let account = |namespace: &str, name: &str| json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } });
        apply(&[
            namespace(&self.namespace),
            namespace(&self.other),
            account(&self.namespace, ACCOUNT),
            account("default", &self.reviewer),
            json!({ "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
                "metadata": { "name": self.reviewer },
                "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": "system:auth-delegator" },
                "subjects": [{ "kind": "ServiceAccount", "name": self.reviewer, "namespace": "default" }] }),
            json!({ "apiVersion": mendix, "kind": "OperatorConfiguration",
                "metadata": { "name": "mendix-operator-configuration", "namespace": self.namespace },
                "spec": { "runtimeAutomountServiceAccountToken": true } }),
            json!({ "apiVersion": mendix, "kind": "Runtime",
                "metadata": { "name": "mxplatform", "namespace": self.namespace },
                "spec": { "template": { "spec": { "serviceAccountName": ACCOUNT } } } }),
        ]);
    }

    fn in_vault(&self) {
        self.admin.vault(
            "POST",
            &format!("sys/mounts/{}", self.mount),
            json!({ "type": "kv", "options": { "version": "2" } }),
        );
        self.store_all();
        self.admin.vault("POST", &format!("sys/auth/{}", self.auth), json!({ "type": self.admin.method }));
        self.configure(json!({}));
        self.write_policy(&format!("path \"{}/data/admin\" {{ capabilities = [\"read\"] }}", self.mount));
        self.write_role(json!({}));
    }

    /// The app's pod, as the page says but for its account.
    pub fn start_app(&self, account: &str) {
        self.start_pod(&json!({ "spec": { "serviceAccountName": account } }), &Value::Null, &[]);
    }

    /// The app's pod: the probe as a stand-in, which asks nobody for anything and stays up. Merge patches say what
    /// differs from one as the page says: of the pod, of its container, and of each further container.
    pub fn pod(&self, pod: &Value, container: &Value, beside: &[Value]) -> Value {
        let input = json!({ "run": "app", "scenario": "app", "secret-name": "http://127.0.0.1:1/pmp-dev/admin",
            "keys": [], "auth-mount": "none", "role": "none", "token-file": "/none", "stay-up": true });
        let mut first = json!({
            "name": "app", "image": image(), "imagePullPolicy": "IfNotPresent", "args": ["probe"],
            "env": [{ "name": "PMP_VAULT_PROBE_INPUT", "value": input.to_string() }],
            "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
        });
        let further = beside.iter().map(|changes| patched(first.clone(), changes)).collect::<Vec<_>>();
        first = patched(first, container);
        let containers = [vec![first], further].concat();
        let documented = json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": POD, "namespace": self.namespace, "labels": { "app": "mxplatform" } },
        "spec": {
            "serviceAccountName": ACCOUNT,
            "automountServiceAccountToken": true,
            "terminationGracePeriodSeconds": 1,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": containers,
        } });
        patched(documented, pod)
    }

    /// Starts such a pod, and waits until it runs.
    pub fn start_pod(&self, pod: &Value, container: &Value, beside: &[Value]) {
        self.start(&self.pod(pod, container, beside));
    }

    /// Starts a controller of `apps/v1` with that pod as its template, and waits until the pod runs.
    pub fn start_controller(&self, kind: &str, pod: &Value) {
        let labels = &pod["metadata"]["labels"];
        let mut spec = json!({ "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod["spec"] } });
        if kind == "StatefulSet" {
            spec["serviceName"] = json!("mxplatform");
        }
        let metadata = json!({ "name": "mxplatform-master", "namespace": self.namespace });
        apply(&[json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec })]);
        let selector =
            labels.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
        let selector = selector.collect::<Vec<_>>().join(",");
        eventually("the app's pod runs", LIMIT, || {
            let ready = "jsonpath={.items[*].status.containerStatuses[*].ready}";
            kubectl(&["get", "pods", "-l", &selector, "-n", &self.namespace, "-o", ready]).contains("true")
        });
    }

    /// Starts a pod, and waits until it runs.
    pub fn start(&self, pod: &Value) {
        apply(std::slice::from_ref(pod));
        let name = pod["metadata"]["name"].as_str().unwrap();
        eventually("the app's pod runs", LIMIT, || {
            let ready = "jsonpath={.status.containerStatuses[*].ready}";
            let ready = kubectl(&["get", "pod", name, "-n", &self.namespace, "-o", ready]);
            !ready.is_empty() && !ready.contains("false")
        });
    }

    /// The running pod's identity.
    pub fn app_uid(&self) -> String {
        kubectl(&["get", "pod", POD, "-n", &self.namespace, "-o", "jsonpath={.metadata.uid}"])
    }

    /// Stores every key of the page.
    pub fn store_all(&self) {
        let values: BTreeMap<String, String> =
            keys().iter().map(|key| (key.clone(), format!("{VALUE}{}-{key}", self.name))).collect();
        self.store(json!(values));
    }

    /// Stores the secret's next version.
    pub fn store(&self, data: Value) {
        let path = format!("{}/data/admin", self.mount);
        // A new mount of version 2 is not ready at once.
        eventually("the secret is stored", LIMIT, || {
            self.admin.try_vault("POST", &path, json!({ "data": data })).0 < 300
        });
    }

    /// Writes the auth configuration of method 2, with these fields changed; null leaves one out.
    pub fn configure(&self, changes: Value) {
        let server = &record()["api-server"];
        let body = json!({ "token_reviewer_jwt": self.reviewer_token(), "kubernetes_host": server["address"],
            "kubernetes_ca_cert": server["ca"] });
        self.admin.vault("POST", &format!("auth/{}/config", self.auth), changed(body, changes));
    }

    /// A new token of the reviewer.
    pub fn reviewer_token(&self) -> String {
        let token = kubectl(&["create", "token", &self.reviewer, "--duration=8760h", "-n", "default"]);
        token.trim().to_owned()
    }

    /// The name of the auth mount in Vault's log.
    pub fn accessor(&self) -> String {
        let mounts = self.admin.vault("GET", "sys/auth", Value::Null);
        mounts["data"][format!("{}/", self.auth)]["accessor"].as_str().unwrap().to_owned()
    }

    /// Writes the documented role, with these fields changed.
    pub fn write_role(&self, changes: Value) {
        let body = json!({ "bound_service_account_names": ACCOUNT, "bound_service_account_namespaces": self.namespace,
            "policies": self.policy, "ttl": "24h" });
        self.admin.vault("POST", &format!("auth/{}/role/{ROLE}", self.auth), changed(body, changes));
    }

    /// Writes the app's policy.
    pub fn write_policy(&self, text: &str) {
        self.admin.vault("PUT", &format!("sys/policies/acl/{}", self.policy), json!({ "policy": text }));
    }

    /// The secret's current version and when it was last changed, as Vault notes them.
    pub fn version(&self) -> (Value, Value) {
        let metadata = self.admin.vault("GET", &format!("{}/metadata/admin", self.mount), Value::Null);
        (metadata["data"]["current_version"].clone(), metadata["data"]["updated_time"].clone())
    }

    /// The file of a token that has exactly this policy.
    pub fn token_with(&self, label: &str, policy: &str) -> PathBuf {
        let name = format!("check-{label}-{}", self.name);
        self.admin.vault("PUT", &format!("sys/policies/acl/{name}"), json!({ "policy": policy }));
        let made = self.admin.vault("POST", "auth/token/create", json!({ "policies": [name], "ttl": "1h" }));
        let token = made["auth"]["client_token"].as_str().unwrap().to_owned();
        let file = self.state.path().join(format!("token-{label}"));
        std::fs::write(&file, format!("{token}\n")).unwrap();
        self.tokens.lock().unwrap().push(token);
        self.policies.lock().unwrap().insert(name);
        file
    }

    /// The file of a token that has exactly the printed policy.
    pub fn token(&self) -> PathBuf {
        self.token_with("least", &self.printed("policy", &[]))
    }

    /// What `print` prints.
    pub fn printed(&self, what: &str, extra: &[&str]) -> String {
        self.printed_for(&self.flags(), what, extra)
    }

    /// The same for other flags than the customer's.
    pub fn printed_for(&self, flags: &[String], what: &str, extra: &[&str]) -> String {
        let mut command = self.program();
        let with_a_token: &[&str] = match what {
            // What the policy is for is told without the token that it is for.
            "policy" => &["--vault-via="],
            // A Job or plugin goes nowhere from this machine.
            "job" | "cronjob" | "sonobuoy-plugin" => &["--policy=", "--vault-via=", "--kubeconfig=", "--context="],
            _ => &["--policy=", "--vault-via="],
        };
        command.args(["print", what]).args(used(flags, extra, with_a_token)).args(extra);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn program(&self) -> Command {
        let mut command = program();
        command.env("PMP_STATE_DIR", self.state.path()).env_remove("RUST_LOG").stdin(Stdio::null());
        for name in ["VAULT_TOKEN", "VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT", "KUBECONFIG"] {
            command.env_remove(name);
        }
        command
    }

    /// Where the app, its cluster and its Vault are.
    pub fn flags(&self) -> Vec<String> {
        let url = format!("{}/{}/admin", self.admin.url, self.mount);
        self.flags_with(&kubeconfig(), &context(), &url)
    }

    /// The same by another kubeconfig and with another Secret Name.
    pub fn flags_with(&self, kubeconfig: &Path, context: &str, secret_name: &str) -> Vec<String> {
        let flags = [
            ("kubeconfig", kubeconfig.to_str().unwrap()),
            ("context", context),
            ("namespace", &self.namespace),
            ("secret-name", secret_name),
            ("auth-mount", &self.auth),
            ("policy", &self.policy),
            ("vault-via", &self.admin.address),
        ];
        flags.iter().map(|(flag, value)| format!("--{flag}={value}")).collect()
    }

    /// `doctor check` or `check` with these flags, those left out that go with a Vault token only.
    pub fn command(&self, what: &[&str], flags: &[String], extra: &[&str]) -> Command {
        let mut command = self.program();
        let flags = used(flags, extra, &["--policy=", "--vault-via="]);
        command.args(what).args(["--probe-image", image()]).args(flags).args(extra);
        command
    }

    /// Starts a check.
    pub fn spawn(&self, flags: &[String], extra: &[&str], log: &str) -> Running {
        let log = Some(("RUST_LOG".to_owned(), log.to_owned())).filter(|(_, log)| !log.is_empty());
        self.spawn_in(log.as_slice(), flags, extra)
    }

    /// The same with these variables in its environment.
    pub fn spawn_in(&self, environment: &[(String, String)], flags: &[String], extra: &[&str]) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let mut command = self.command(&["check"], flags, extra);
        let report = |name: &str| folder.path().join(name);
        command.arg("--json").arg(report("report.json")).arg("--junit").arg(report("junit.xml"));
        command.stdout(std::fs::File::create(report("stdout")).unwrap());
        command.stderr(std::fs::File::create(report("stderr")).unwrap());
        command.envs(environment.iter().cloned());
        Running::new(command.spawn().unwrap(), folder)
    }

    /// A whole check.
    pub fn run(&self, extra: &[&str]) -> Ran {
        self.spawn(&self.flags(), extra, "").end()
    }

    /// The flags that let a check see everything.
    pub fn every_depth(&self, token: &Path) -> Vec<String> {
        vec![
            format!("--vault-token-file={}", token.display()),
            format!("--reviewer=default/{}", self.reviewer),
            "--diagnose-reviewer".to_owned(),
        ]
    }

    /// What carries a run's label in both namespaces.
    pub fn labelled(&self) -> Vec<String> {
        let list = |namespace: &str| {
            kubectl(&["get", "pods,serviceaccounts", "-n", namespace, "-l", "pmp-vault-conformance/run", "-o", "name"])
        };
        [list(&self.namespace), list(&self.other)].concat().lines().map(str::to_owned).collect()
    }

    /// Every object of both namespaces but events.
    pub fn objects(&self) -> BTreeMap<String, Value> {
        let mut all = objects(&self.namespace);
        all.extend(objects(&self.other));
        all
    }

    /// The ids of runs that left something in the state folder.
    pub fn runs_left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.state.path().join("runs"));
        let names = entries.into_iter().flatten().flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Customer {
    fn drop(&mut self) {
        let gone = |arguments: &[&str]| {
            let config = kubeconfig();
            let _ = Command::new("kubectl").arg("--kubeconfig").arg(config).args(arguments).output();
        };
        gone(&["delete", "namespace", &self.namespace, &self.other, "--wait=false", "--ignore-not-found"]);
        gone(&["delete", "clusterrolebinding", &self.reviewer, "--ignore-not-found"]);
        gone(&["delete", "serviceaccount", &self.reviewer, "-n", "default", "--ignore-not-found"]);
        for token in self.tokens.lock().unwrap().iter() {
            self.admin.try_vault("POST", "auth/token/revoke", json!({ "token": token }));
        }
        for name in self.policies.lock().unwrap().iter().chain([&self.policy]) {
            self.admin.try_vault("DELETE", &format!("sys/policies/acl/{name}"), Value::Null);
        }
        self.admin.try_vault("DELETE", &format!("sys/auth/{}", self.auth), Value::Null);
        self.admin.try_vault("DELETE", &format!("sys/mounts/{}", self.mount), Value::Null);
    }
}

/// The flags, without those that go with a Vault token only where none is given.
fn used<'a>(flags: &'a [String], extra: &[&str], with_a_token: &[&str]) -> impl Iterator<Item = &'a String> {
    let token = extra.iter().copied().chain(flags.iter().map(String::as_str)).any(|f| f.starts_with("--vault-token"));
    flags.iter().filter(move |flag| token || !with_a_token.iter().any(|start| flag.starts_with(start)))
}

fn changed(mut body: Value, changes: Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    body
}

fn patched(mut object: Value, changes: &Value) -> Value {
    if !changes.is_null() {
        json_patch::merge(&mut object, changes);
    }
    object
}
