//! What the docs show is typed on real servers as it stands. The names that it has are those of a customer who is set
//! up for it: a context, an address of Vault that the app's pods know, an image in their registry.

use std::process::Command;

use kube::api::ObjectMeta;
use pmp_vault_conformance::cluster::pod_spec::{PodTemplate, Size};
use serde_json::{Value, json};

use crate::support::commands::{Shell, Where, in_files, run_in, table};
use crate::support::customer::{Customer, LIMIT};
use crate::support::servers::{apply, context, documented_names, filling_the_machine, image, kubeconfig, vault};
use crate::support::testbed::{eventually, kubectl, matrix, record};

/// The names in the docs that are not the page's.
const CONTEXT: &str = "production";
const VAULT: &str = "vault.example";
const IMAGE: &str = "registry.example/pmp-vault-probe:0.1.0";

fn ran(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.into_owned()
}

/// The images of the testbed, as a user's own variables.
fn images() -> [(&'static str, String); 2] {
    let image = |kind: &str| matrix()["images"][kind].as_str().unwrap().split(' ').next().unwrap().to_owned();
    [("vault", image("vault")), ("node", image("node"))]
}

/// What the customer has beside what the page says. All of it goes with the value.
struct Names {
    node: String,
}

impl Names {
    /// Vault's address goes into the pods' hosts file, because the testbed has no name service.
    fn given_to(customer: &Customer) -> Self {
        let address = record()["vault-pod-host"].as_str().unwrap().to_owned();
        let alias = format!(r#"[Object.spec.hostAliases{{ip: "{address}", hostnames: ["{VAULT}"]}}]"#);
        let patch = format!(r#"[JSONPatch{{op: "add", path: "/spec/hostAliases", value: {alias}}}]"#);
        let group = "admissionregistration.k8s.io/v1";
        apply(&[
            json!({ "apiVersion": group, "kind": "MutatingAdmissionPolicy", "metadata": { "name": VAULT }, "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": customer.namespace } },
                    "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                        "operations": ["CREATE"] }],
                },
                "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": patch } }],
            } }),
            json!({ "apiVersion": group, "kind": "MutatingAdmissionPolicyBinding", "metadata": { "name": VAULT },
                "spec": { "policyName": VAULT } }),
        ]);
        let node = kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);
        let names = Self { node };
        names.images(&["tag", image(), IMAGE]);
        let asked = customer.state.path().join("asked.json");
        let metadata = ObjectMeta { name: Some("asked".to_owned()), ..ObjectMeta::default() };
        let pod = PodTemplate::new("asked", "none", Size::Probe).pod(metadata);
        std::fs::write(&asked, json!(pod).to_string()).unwrap();
        let asked =
            ["create", "-f", asked.to_str().unwrap(), "-n", &customer.namespace, "--dry-run=server", "-o", "json"];
        eventually("pods know Vault by its name", LIMIT, || {
            serde_json::from_str::<Value>(&kubectl(&asked)).unwrap()["spec"]["hostAliases"] != Value::Null
        });
        names
    }

    /// The node's own images.
    fn images(&self, arguments: &[&str]) {
        ran("docker", &[&["exec", &self.node, "ctr", "--namespace", "k8s.io", "images"], arguments].concat());
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.images(&["remove", IMAGE]);
        kubectl(&["delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", VAULT]);
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_the_docs_show_for_a_cluster_and_a_vault_of_ones_own_does_what_they_say() {
    let _names = documented_names();
    let customer = Customer::documented();
    let _others = Names::given_to(&customer);
    let shell = Shell::new();
    let config = shell.path("kubeconfig").display().to_string();
    std::fs::copy(kubeconfig(), &config).unwrap();
    ran("kubectl", &["--kubeconfig", &config, "config", "rename-context", &context(), CONTEXT]);
    std::fs::write(shell.path("report.json"), matrix().to_string()).unwrap();
    let env = [
        ("KUBECONFIG", config),
        ("VAULT_ADDR", record()["vault-address"].as_str().unwrap().to_owned()),
        ("VAULT_TOKEN", record()["root-token"].as_str().unwrap().to_owned()),
    ];
    let env = [env.as_slice(), &images()].concat();
    let (shown, table) = (in_files(), table());
    for block in run_in(Where::OnTheTestbed, &shown, &table) {
        if block[0].0.text.contains("secrets list") {
            // Of the version that these lines upgrade.
            vault("DELETE", &format!("sys/mounts/{}", customer.mount), Value::Null);
            vault("POST", &format!("sys/mounts/{}", customer.mount), json!({ "type": "kv" }));
        }
        if block[0].0.text.contains("conformance check ") {
            // Commands of findings have put one key in the place of all.
            customer.store_all();
        }
        println!("{}", block[0].0.at());
        shell.types(&block, &env);
    }
    assert_eq!(customer.labelled(), Vec::<String>::new());
}

/// Removes what a line left where it failed.
struct Own(Shell);

impl Drop for Own {
    fn drop(&mut self) {
        let left = self.0.bash("pmp-vault-conformance cleanup --kept").output();
        println!("cleanup --kept: {left:?}");
    }
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn what_the_docs_show_with_a_testbed_of_its_own_runs_and_leaves_nothing() {
    let _one = filling_the_machine();
    let (shown, table) = (in_files(), table());
    for block in run_in(Where::OnItsOwnTestbed, &shown, &table) {
        println!("{}", block[0].0.at());
        let own = Own(Shell::new());
        own.0.types(&block, &images());
        let left = std::fs::read_dir(own.0.path("state/runs")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{}", block[0].0.at());
    }
}
