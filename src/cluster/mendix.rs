//! `OperatorConfiguration`, `MendixApp` and `Runtime` of the Mendix Operator: custom
//! resources with the fields that the page names, everything else preserved,
//! and the Deployment that an operator makes of them.
//!
//! The real operator is not public. What is decided here is marked
//! `evidence: stand-in` in every report; where the real operator's manifests
//! are at hand, [`deployment`], [`mendix_app`] and the controller around them fall away.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::objects::Owner;
use super::pod_spec::{PodOptions, PodTemplate, Size};

/// The name of the `OperatorConfiguration` that the page edits.
pub const OPERATOR_CONFIGURATION: &str = "mendix-operator-configuration";

/// The name of the `Runtime` that the page edits.
pub const RUNTIME: &str = "mxplatform";

/// Overrides the pod's automount past the operator: `true`, `false` or `unset`.
/// Ours alone, to reach combinations that no operator setting reaches.
pub const POD_AUTOMOUNT_ANNOTATION: &str = "pmp-vault-conformance/pod-automount";

/// The operator's settings for a namespace.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "privatecloud.mendix.com",
    version = "v1alpha1",
    kind = "OperatorConfiguration",
    plural = "operatorconfigurations",
    namespaced,
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct OperatorConfigurationSpec {
    /// Whether the app's pods mount their Service Account's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_automount_service_account_token: Option<bool>,
}

/// An app's environment, of which an operator makes its `Runtime` and all the rest. The page says nothing of it, and nothing
/// here depends on its fields.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "privatecloud.mendix.com",
    version = "v1alpha1",
    kind = "MendixApp",
    plural = "mendixapps",
    namespaced,
    schema = "disabled"
)]
pub struct MendixAppSpec {}

/// An app.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "privatecloud.mendix.com",
    version = "v1alpha1",
    kind = "Runtime",
    plural = "runtimes",
    namespaced,
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeSpec {
    /// The app's pod; the page sets `template.spec.serviceAccountName`.
    #[serde(default)]
    pub template: Value,
    /// How many pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}

/// The CRDs of all three.
///
/// # Errors
/// Never in practice: the definitions are constant.
pub fn custom_resource_definitions() -> Result<Vec<CustomResourceDefinition>, serde_json::Error> {
    let documented = [
        (
            "OperatorConfiguration",
            "operatorconfiguration",
            json!({ "runtimeAutomountServiceAccountToken": { "type": "boolean" } }),
        ),
        ("MendixApp", "mendixapp", json!({})),
        (
            "Runtime",
            "runtime",
            json!({
                "replicas": { "type": "integer" },
                "template": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "spec": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": { "serviceAccountName": { "type": "string" } },
                    } },
                },
            }),
        ),
    ];
    documented
        .into_iter()
        .map(|(kind, singular, spec)| {
            serde_json::from_value(json!({
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": { "name": format!("{singular}s.privatecloud.mendix.com") },
                "spec": {
                    "group": "privatecloud.mendix.com",
                    "scope": "Namespaced",
                    "names": { "kind": kind, "singular": singular, "plural": format!("{singular}s") },
                    "versions": [{
                        "name": "v1alpha1",
                        "served": true,
                        "storage": true,
                        "schema": { "openAPIV3Schema": {
                            "type": "object",
                            "properties": { "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": true,
                                "properties": spec,
                            } },
                        } },
                    }],
                },
            }))
        })
        .collect()
}

/// The annotation that makes a Service Account one for apps, by the sibling pages (CSI, Azure): the page lacks it.
pub const ENVIRONMENT_ACCOUNT: &str = "privatecloud.mendix.com/environment-account";

/// `OperatorConfiguration` `mendix-operator-configuration` (`#configure-k8s-for-pmp`).
#[must_use]
pub fn operator_configuration(owner: &Owner, namespace: &str, automount: Option<bool>) -> OperatorConfiguration {
    let spec = OperatorConfigurationSpec { runtime_automount_service_account_token: automount };
    let mut object = OperatorConfiguration::new(OPERATOR_CONFIGURATION, spec);
    object.metadata = owner.meta(OPERATOR_CONFIGURATION, Some(namespace));
    object
}

/// `Runtime` `mxplatform` (`#configure-k8s-for-pmp`): the app, here the probe.
///
/// # Errors
/// Never in practice: a pod can be written as JSON.
pub fn runtime(owner: &Owner, namespace: &str, app: &PodTemplate, replicas: i32) -> Result<Runtime, serde_json::Error> {
    let template = json!({ "spec": serde_json::to_value(app.spec())? });
    let mut object = Runtime::new(RUNTIME, RuntimeSpec { template, replicas: Some(replicas) });
    object.metadata = owner.meta(RUNTIME, Some(namespace));
    Ok(object)
}

/// The `MendixApp` that a `Runtime` is of: an operator names what it makes after the environment.
#[must_use]
pub fn mendix_app(runtime: &Runtime) -> MendixApp {
    let mut object = MendixApp::new(&runtime.name_any(), MendixAppSpec {});
    object.metadata.namespace = runtime.namespace();
    object.metadata.labels = runtime.metadata.labels.clone();
    object
}

/// The app's pod: the probe, with the Service Account that the page sets, or none.
#[must_use]
pub fn app(image: &str, input: String, service_account: Option<&str>) -> PodTemplate {
    PodTemplate {
        args: vec!["probe".to_owned()],
        env: vec![(crate::probe::input::VARIABLE, input)],
        service_account: service_account.map(str::to_owned),
        grace_seconds: Some(2),
        // Hundreds of them share the one node of a testbed, and none may wait for another's share of its processors.
        options: PodOptions {
            requests: BTreeMap::from([("cpu".to_owned(), "1m".to_owned())]),
            ..PodOptions::default()
        },
        ..PodTemplate::new("app", image, Size::Probe)
    }
}

/// What the operator calls the Deployment of an environment (its public documentation).
#[must_use]
pub fn deployment_name(environment: &str) -> String {
    format!("{environment}-master")
}

/// What the stand-in makes of a `Runtime`: a Deployment of its pod template, with the operator's public name and labels,
/// whose `automountServiceAccountToken` is the operator's setting, `false`
/// where that is unset (its documented default). `copied` are labels of the `Runtime` that all of it carries, too.
///
/// # Errors
/// The template is not a pod's.
pub fn deployment(
    runtime: &Runtime,
    configuration: Option<&OperatorConfiguration>,
    copied: &[&str],
) -> Result<Deployment, serde_json::Error> {
    let from_operator = configuration.and_then(|c| c.spec.runtime_automount_service_account_token).unwrap_or(false);
    let automount = match runtime.annotations().get(POD_AUTOMOUNT_ANNOTATION).map(String::as_str) {
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => None,
        None => Some(from_operator),
    };
    let mut pod = runtime.spec.template["spec"].clone();
    if let Some(automount) = automount {
        pod["automountServiceAccountToken"] = json!(automount);
    }
    let mut labels = json!({ "app": runtime.name_any(), "component": "mendix-app", "node-type": "master" });
    for label in copied {
        if let Some(value) = runtime.labels().get(*label) {
            labels[*label] = json!(value);
        }
    }
    serde_json::from_value(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": deployment_name(&runtime.name_any()),
            "namespace": runtime.namespace(),
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "privatecloud.mendix.com/v1alpha1",
                "kind": "Runtime",
                "name": runtime.name_any(),
                "uid": runtime.uid(),
                "controller": true,
            }],
        },
        "spec": {
            "replicas": runtime.spec.replicas.unwrap_or(1),
            "selector": { "matchLabels": { "app": runtime.name_any() } },
            "strategy": { "type": "Recreate" },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cluster::{RUN_LABEL, SCENARIO_LABEL};

    fn owner() -> Owner {
        Owner { run: "run".to_owned(), scenario: "scenario".to_owned() }
    }

    fn annotated(annotation: Option<&str>) -> Runtime {
        let pod = app("probe:1", "{}".to_owned(), Some("pmp-secret-accessor"));
        let mut app = runtime(&owner(), "feature-test", &pod, 1).unwrap();
        app.metadata.uid = Some("uid".to_owned());
        if let Some(value) = annotation {
            app.annotations_mut().insert(POD_AUTOMOUNT_ANNOTATION.to_owned(), value.to_owned());
        }
        app
    }

    #[test]
    fn the_custom_resources_and_their_deployment_are_as_documented() {
        let configuration = operator_configuration(&owner(), "feature-test", Some(true));
        insta::assert_json_snapshot!((
            custom_resource_definitions().unwrap(),
            &configuration,
            mendix_app(&annotated(None)),
            annotated(None),
            deployment(&annotated(None), Some(&configuration), &[RUN_LABEL, SCENARIO_LABEL]).unwrap(),
        ));
    }

    #[rstest]
    #[case::the_operator_says_on(None, Some(true), Some(true))]
    #[case::the_operator_says_off(None, Some(false), Some(false))]
    #[case::the_operator_leaves_it_unset(None, None, Some(false))]
    #[case::past_the_operator_on(Some("true"), Some(false), Some(true))]
    #[case::past_the_operator_off(Some("false"), Some(true), Some(false))]
    #[case::past_the_operator_unset(Some("unset"), Some(true), None)]
    fn a_pods_automount_follows_the_operator_unless_a_scenario_overrides_it(
        #[case] annotation: Option<&str>,
        #[case] operator: Option<bool>,
        #[case] pod: Option<bool>,
    ) {
        let configuration = operator_configuration(&owner(), "feature-test", operator);
        let made = deployment(&annotated(annotation), Some(&configuration), &[]).unwrap();
        let spec = made.spec.unwrap().template.spec.unwrap();
        assert_eq!(spec.automount_service_account_token, pod);
    }
}
