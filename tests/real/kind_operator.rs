//! An operator of somebody's own in place of our stand-in: manifests that are installed, in a pod that reaches the API
//! server, whose Deployments carry no label of ours.

use std::path::Path;

use pmp_vault_conformance::cluster::mendix::custom_resource_definitions;
use serde_json::json;

use crate::support::servers::filling_the_machine;
use crate::support::testbed::{Reports, program, scenario};

/// What the operator decides, what it lets a pod have, and what only our stand-in can be told.
const SCENARIOS: [(&str, &str, &str); 4] = [
    ("service-account.operator-automount-unset", "conformant", "operator-manifests"),
    ("runtime.operator-switched-on", "conformant", "operator-manifests"),
    ("service-account.custom", "conformant", "real"),
    ("service-account.pod-on-account-off", "skipped", "real"),
];

/// The manifests of an operator: its program is in the probe's image.
fn manifests(folder: &Path, image: &str) {
    // Without the MendixApp: what an operator makes of one is not ours to begin, so none of ours may be asked for.
    let definitions = custom_resource_definitions().unwrap().into_iter().filter(|it| it.spec.names.kind != "MendixApp");
    let definitions = json!({ "apiVersion": "v1", "kind": "List", "items": definitions.collect::<Vec<_>>() });
    let labels = json!({ "name": "operator" });
    let container = json!({ "name": "operator", "image": image, "args": ["operator"] });
    let operator = [
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "operator" }, "spec": {
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": {
                "serviceAccountName": "operator", "containers": [container],
            } },
        } }),
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "operator" } }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "operator" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": "operator", "namespace": "mendix-operator" }] }),
    ];
    let operator: Vec<String> = operator.iter().map(ToString::to_string).collect();
    std::fs::write(folder.join("crds.json"), definitions.to_string()).unwrap();
    std::fs::write(folder.join("operator.yaml"), operator.join("\n---\n")).unwrap();
}

/// `run` with the manifests in this folder.
fn run(folder: &Path, reports: &Reports) -> (Option<i32>, String) {
    let mut run = program();
    run.args(["run", "--operator-manifests"]).arg(folder).arg("--json").arg(reports.path("report.json"));
    run.args(SCENARIOS.iter().flat_map(|(id, ..)| ["--scenario", *id]));
    let output = run.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn the_operator_of_somebodys_manifests_decides_what_our_stand_in_would_have_and_the_report_says_so() {
    let _turn = filling_the_machine();
    let (folder, reports) = (tempfile::tempdir().unwrap(), Reports::new());
    let exported = program().args(["images", "export"]).arg(reports.path("probe.tar")).output().unwrap();
    let said = String::from_utf8(exported.stdout).unwrap();
    manifests(folder.path(), said.lines().next().unwrap());
    let (code, screen) = run(folder.path(), &reports);
    assert_eq!(code, Some(0), "{screen}");

    let report = reports.json();
    for (id, verdict, evidence) in SCENARIOS {
        let seen = scenario(&report, id);
        assert_eq!(seen["verdict"], verdict, "{id}: {screen}");
        assert_eq!(seen["evidence"], evidence, "{id}: {screen}");
    }
    let from = report["images"]["operator"].as_str().unwrap();
    assert!(from.contains(folder.path().to_str().unwrap()), "{from}");
    assert!(!report["run"]["stand-ins"].to_string().contains("Operator"), "{}", report["run"]);
    assert!(screen.contains("[operator-manifests]"), "{screen}");
}

#[test]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
fn an_operator_that_cannot_run_ends_the_run_with_what_its_pod_waits_for() {
    let _turn = filling_the_machine();
    let (folder, reports) = (tempfile::tempdir().unwrap(), Reports::new());
    manifests(folder.path(), "localhost/no-such-operator:1");
    let (code, screen) = run(folder.path(), &reports);
    assert_eq!(code, Some(3), "{screen}");
    assert!(screen.contains("does not run: ImagePullBackOff"), "{screen}");
}
