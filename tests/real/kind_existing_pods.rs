//! The probe's pods have the app's labels, and nothing that goes by labels takes one for a pod of the app: no Service, no
//! ReplicaSet, no PodDisruptionBudget.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::customer::{self, Customer};
use crate::support::servers::{apply, kubeconfig};
use crate::support::testbed::{eventually, kubectl};

/// Every state of some objects, for as long as this lives.
struct Watch {
    child: Child,
    states: tempfile::NamedTempFile,
}

impl Watch {
    fn start(namespace: &str, what: &str) -> Self {
        let states = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(kubeconfig())
            .args(["get", what, "-n", namespace, "--watch", "-o", "json"])
            .stdout(File::create(states.path()).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let watch = Self { child, states };
        eventually(&format!("{what} are watched"), customer::LIMIT, || !watch.so_far().is_empty());
        watch
    }

    fn so_far(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.states.path()).unwrap();
        // The last may be half written.
        serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The app as a Deployment, with a Service and a disruption budget that go by its labels.
fn deploy(customer: &Customer) {
    let labels = json!({ "app": "mxplatform", "component": "mendix-app" });
    let pod = customer.pod(&json!({ "metadata": { "labels": labels } }), &Value::Null, &[]);
    let metadata = |name: &str| json!({ "name": name, "namespace": customer.namespace });
    let selector = json!({ "matchLabels": labels });
    apply(&[
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata("mxplatform"),
            "spec": { "selector": labels, "ports": [{ "port": 8080 }] } }),
        json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata("mxplatform"),
            "spec": { "minAvailable": "50%", "selector": selector } }),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("mxplatform-master"),
            "spec": { "replicas": 1, "selector": selector,
                "template": { "metadata": { "labels": pod["metadata"]["labels"] }, "spec": pod["spec"] } } }),
    ]);
    let namespace = &customer.namespace;
    eventually("the Deployment is available, and all know it", customer::LIMIT, || {
        let get = |what: &str, path: &str| kubectl(&["get", what, "-n", namespace, "-o", &format!("jsonpath={path}")]);
        get("deployment/mxplatform-master", "{.status.availableReplicas}") == "1"
            && get("endpointslices", "{.items[*].endpoints[*].conditions.ready}") == "true"
            && get("pdb/mxplatform", "{.status.currentHealthy}") == "1"
    });
}

/// Different values of a field, in all states.
fn values(states: &[Value], pointer: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for value in states.iter().filter_map(|state| state.pointer(pointer)) {
        if !found.contains(value) {
            found.push(value.clone());
        }
    }
    found
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn a_probe_with_the_apps_labels_is_no_pod_of_the_app_to_whatever_goes_by_labels() {
    let customer = Customer::new("labels");
    deploy(&customer);
    let namespace = &customer.namespace;
    let app = kubectl(&["get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}"]);
    let watched = ["pods", "endpointslices", "pdb", "replicasets"].map(|what| Watch::start(namespace, what));
    let ran = customer.run(&[]);
    // What the deletion of the probe's pods brings is still to be seen.
    eventually("the probe's pods are gone", customer::LIMIT, || customer.labelled().is_empty());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let [pods, slices, budgets, sets] = watched.each_ref().map(Watch::so_far);

    assert_eq!(ran.code, Some(0), "{}", ran.said());
    let probes: Vec<&Value> =
        pods.iter().filter(|pod| pod.pointer("/metadata/labels/pmp-vault-conformance~1run").is_some()).collect();
    assert!(probes.len() >= 2, "{probes:?}");
    for pod in probes {
        assert_eq!(pod.pointer("/metadata/labels/app"), Some(&json!("mxplatform")), "{pod}");
        assert_eq!(pod.pointer("/metadata/ownerReferences"), None, "adopted: {pod}");
    }

    let endpoints = || slices.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    let of_a_probe = |endpoint: &Value| endpoint["targetRef"]["name"] != json!(app);
    let ready = endpoints().filter(|endpoint| endpoint["conditions"]["ready"] == json!(true));
    assert_eq!(ready.filter(|endpoint| of_a_probe(endpoint)).collect::<Vec<_>>(), Vec::<&Value>::new());
    assert!(endpoints().any(of_a_probe), "the Service never saw that the probe has its labels: nothing was tried");

    assert_eq!(values(&sets, "/status/replicas"), [json!(1)]);
    assert_eq!(values(&budgets, "/status/disruptionsAllowed"), values(&budgets[..1], "/status/disruptionsAllowed"));
    assert_eq!(values(&budgets, "/status/expectedPods"), [json!(1)]);
    let uids = values(
        &pods.iter().filter(|pod| pod["metadata"]["name"] == json!(app)).cloned().collect::<Vec<_>>(),
        "/metadata/uid",
    );
    assert_eq!(uids.len(), 1, "the app's pod is the same all the while");
}
