//! The manifests of an operator, where somebody has them: read from a folder, and
//! refused before a testbed is started for them where no app could come of them.

use std::path::{Path, PathBuf};

use kube::api::DynamicObject;
use kube::{Resource, ResourceExt};
use serde::Deserialize as _;
use serde_json::Value;
use thiserror::Error;

use super::mendix::{OperatorConfiguration, Runtime};
use super::pod_spec::with_variable;

/// Where objects go that have no namespace of their own.
pub const NAMESPACE: &str = "mendix-operator";

/// The kind of a definition of custom resources.
const DEFINITION: &str = "CustomResourceDefinition";

/// Why a folder holds no operator.
#[derive(Debug, Error)]
pub enum Error {
    /// It, or a file in it, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The folder or the file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It has no manifest.
    #[error("{} holds no manifest: no file there ends in .yaml, .yml or .json", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is no YAML.
    #[error("{} is not YAML: {reason}", file.display())]
    NotYaml {
        /// The file.
        file: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// A document is no object of Kubernetes.
    #[error("document {number} of {} is no object of Kubernetes: it has no {lacks}", file.display())]
    NoObject {
        /// The file.
        file: PathBuf,
        /// Which document, from 1.
        number: usize,
        /// Such as `metadata.name`.
        lacks: &'static str,
    },
    /// The custom resources that the page speaks of are not defined.
    #[error(
        "{} defines no {plural}.{group} with the version {version}, which the page's custom resource {kind} is; \
         the operator's CustomResourceDefinitions belong there, too",
        folder.display()
    )]
    NoDefinition {
        /// The folder.
        folder: PathBuf,
        /// Such as `Runtime`.
        kind: String,
        /// Such as `runtimes`.
        plural: String,
        /// `privatecloud.mendix.com`.
        group: String,
        /// `v1alpha1`.
        version: String,
    },
    /// Nothing in it would run.
    #[error("{} has no Deployment, so no operator would run", folder.display())]
    NoOperator {
        /// The folder.
        folder: PathBuf,
    },
}

/// One object, and the file that it is from.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file's name.
    pub file: String,
    /// The object.
    pub object: DynamicObject,
}

impl Manifest {
    /// Its kind, such as `Deployment`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.object.types.as_ref().map_or("", |types| types.kind.as_str())
    }
}

impl std::fmt::Display for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} of {}", self.kind(), self.object.name_any(), self.file)
    }
}

/// An operator's manifests.
#[derive(Debug, Clone)]
pub struct Manifests {
    /// The folder that they are from.
    pub folder: PathBuf,
    /// The definitions of custom resources.
    pub definitions: Vec<Manifest>,
    /// Everything else, namespaces first.
    pub objects: Vec<Manifest>,
}

impl Manifests {
    /// Reads the manifests that lie in a folder, in the order of their names, as `kubectl apply -f DIR` does.
    ///
    /// # Errors
    /// A file is no manifest, or no app could come of all of them.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Unreadable { path, source }
        };
        let entries = std::fs::read_dir(folder).map_err(unreadable(folder))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_one(path)).collect();
        files.sort();
        let mut read = Vec::new();
        for file in &files {
            read.extend(parse(file, &std::fs::read_to_string(file).map_err(unreadable(file))?)?);
        }
        if read.is_empty() {
            return Err(Error::Empty { folder: folder.to_owned() });
        }
        let (definitions, mut objects): (Vec<_>, Vec<_>) = read.into_iter().partition(|it| it.kind() == DEFINITION);
        // What is in a namespace can be made once that is there.
        objects.sort_by_key(|it| it.kind() != "Namespace");
        let read = Self { folder: folder.to_owned(), definitions, objects };
        read.defines::<OperatorConfiguration>()?;
        read.defines::<Runtime>()?;
        if read.deployments().next().is_none() {
            return Err(Error::NoOperator { folder: folder.to_owned() });
        }
        Ok(read)
    }

    fn defines<K: Resource<DynamicType = ()>>(&self) -> Result<(), Error> {
        let (group, plural, version) = (K::group(&()), K::plural(&()), K::version(&()));
        let served = |it: &Value| it["name"] == *version && it["served"] == true;
        let defined = self.definitions.iter().any(|it| {
            let spec = &it.object.data["spec"];
            spec["group"] == *group
                && spec["names"]["plural"] == *plural
                && spec["versions"].as_array().is_some_and(|versions| versions.iter().any(served))
        });
        defined.then_some(()).ok_or_else(|| Error::NoDefinition {
            folder: self.folder.clone(),
            kind: K::kind(&()).into_owned(),
            plural: plural.into_owned(),
            group: group.into_owned(),
            version: version.into_owned(),
        })
    }

    /// The Deployments, by namespace and name: what must run before an app can come.
    pub fn deployments(&self) -> impl Iterator<Item = (String, String)> {
        let deployments = self.objects.iter().filter(|it| it.kind() == "Deployment");
        deployments.map(|it| (it.object.namespace().unwrap_or_else(|| NAMESPACE.to_owned()), it.object.name_any()))
    }

    /// The same, whose pods are told another address of the API server than the one
    /// that every pod is told: the testbed has no network of Services.
    #[must_use]
    pub fn told_of(mut self, host: &str, port: u16) -> Self {
        for manifest in &mut self.objects {
            let at = match manifest.kind() {
                "Pod" => "/spec",
                "CronJob" => "/spec/jobTemplate/spec/template/spec",
                _ => "/spec/template/spec",
            };
            if let Some(pod) = manifest.object.data.pointer_mut(at) {
                with_variable(pod, "KUBERNETES_SERVICE_HOST", host);
                with_variable(pod, "KUBERNETES_SERVICE_PORT", &port.to_string());
            }
        }
        self
    }
}

fn is_one(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    path.is_file() && matches!(extension, Some("yaml" | "yml" | "json"))
}

fn parse(file: &Path, text: &str) -> Result<Vec<Manifest>, Error> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| Error::NotYaml { file: file.to_owned(), reason: error.to_string() })?;
    let mut manifests = Vec::new();
    for (index, document) in documents.into_iter().enumerate().filter(|(_, document)| !document.is_null()) {
        let items = match document["kind"].as_str() {
            Some(kind) if kind.ends_with("List") => document["items"].as_array().cloned().unwrap_or_default(),
            _ => vec![document],
        };
        for item in items {
            let lacks = |lacks| Error::NoObject { file: file.to_owned(), number: index + 1, lacks };
            for (pointer, name) in
                [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
            {
                item.pointer(pointer).and_then(Value::as_str).ok_or_else(|| lacks(name))?;
            }
            let object = DynamicObject::deserialize(item).map_err(|_| lacks("metadata of that form"))?;
            let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            manifests.push(Manifest { file, object });
        }
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cluster::mendix::custom_resource_definitions;

    const OPERATOR: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: operator}
spec: {template: {spec: {containers: [{name: operator, image: x, env: [{name: KUBERNETES_SERVICE_HOST, value: own}]}, {name: second, image: y}]}}}
---
# Nothing here.
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: operator, namespace: here}}
- {apiVersion: v1, kind: Namespace, metadata: {name: here}}
";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn definitions(which: &[&str]) -> String {
        let all = custom_resource_definitions().unwrap();
        let wanted = all.iter().filter(|it| which.contains(&it.spec.names.kind.as_str()));
        wanted.map(|it| format!("---\n{}\n", serde_json::to_string(it).unwrap())).collect()
    }

    #[test]
    fn a_folder_is_read_whole_with_its_lists_and_namespaces_come_first() {
        let definitions = definitions(&["Runtime", "OperatorConfiguration"]);
        let folder = folder(&[("b.yaml", OPERATOR), ("a.yml", &definitions), ("README.md", "no: [manifest")]);
        let read = Manifests::read(folder.path()).unwrap();
        assert_eq!(read.definitions.len(), 2);
        let named: Vec<_> = read.objects.iter().map(ToString::to_string).collect();
        assert_eq!(
            named,
            ["Namespace here of b.yaml", "Deployment operator of b.yaml", "ServiceAccount operator of b.yaml"]
        );
        assert_eq!(read.deployments().collect::<Vec<_>>(), [(NAMESPACE.to_owned(), "operator".to_owned())]);

        let told = read.told_of("172.18.0.2", 6443);
        let pod = &told.objects[1].object.data["spec"]["template"]["spec"];
        let hosts: Vec<_> = (0..2).map(|at| &pod["containers"][at]["env"][0]["value"]).collect();
        assert_eq!(hosts, ["own", "172.18.0.2"], "what a manifest says itself stays");
        assert_eq!(pod["containers"][0]["env"][1]["value"], "6443");
        assert!(told.objects[0].object.data.get("spec").is_none());
    }

    #[rstest]
    #[case::nothing(&[], "holds no manifest")]
    #[case::only_other_files(&[("notes.txt", "x")], "holds no manifest")]
    #[case::no_yaml(&[("a.yaml", "a: [b")], "a.yaml is not YAML")]
    #[case::no_kind(&[("a.yaml", "a: b")], "document 1 of ")]
    #[case::no_name(&[("a.yaml", "---\napiVersion: v1\nkind: Pod\nmetadata: {}")], "it has no metadata.name")]
    #[case::no_definition(&[("a.yaml", OPERATOR)], "defines no operatorconfigurations.privatecloud.mendix.com")]
    fn what_is_no_operator_is_refused_with_what_is_missing(#[case] files: &[(&str, &str)], #[case] said: &str) {
        let error = Manifests::read(folder(files).path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }

    #[test]
    fn an_operator_without_the_definition_of_the_runtime_or_without_a_deployment_is_refused() {
        let half = definitions(&["OperatorConfiguration"]);
        let error = Manifests::read(folder(&[("a.yaml", &half), ("b.yaml", OPERATOR)]).path()).unwrap_err();
        assert!(error.to_string().contains("defines no runtimes.privatecloud.mendix.com"), "{error}");
        let whole = definitions(&["Runtime", "OperatorConfiguration"]);
        let error = Manifests::read(folder(&[("a.yaml", &whole)]).path()).unwrap_err();
        assert!(error.to_string().contains("has no Deployment"), "{error}");
        let error = Manifests::read(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().contains("cannot read /nowhere/at/all"), "{error}");
    }
}
