//! What a pod's volumes hold, as files below the pod's folder.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, KeyToPath, Pod, Secret, ServiceAccount, ServiceAccountTokenProjection, Volume,
    VolumeProjection,
};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt as _};

use crate::cluster::patience::why;

/// What a volume is to hold: a path in it, and the content.
type Held = BTreeMap<String, Vec<u8>>;

/// How long a token lives where its volume does not say.
const DEFAULT_LIFETIME: i64 = 3600;

/// Puts what the container mounts below `root`, at the paths where it expects it.
///
/// # Errors
/// Something is not there, or is of a kind that only a kubelet could mount; in words.
pub async fn mount(kube: &Client, pod: &Pod, container: &Container, root: &Path) -> Result<(), String> {
    let spec = pod.spec.as_ref().ok_or("it has no specification")?;
    std::fs::create_dir_all(root).map_err(|error| format!("cannot make {}: {error}", root.display()))?;
    for mounted in container.volume_mounts.iter().flatten() {
        let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mounted.name);
        let volume = volume.ok_or_else(|| format!("it has no volume {}", mounted.name))?;
        let folder = below(root, &mounted.mount_path)?;
        std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        for (path, content) in held(kube, pod, volume).await? {
            write(&below(&folder, &path)?, &content)?;
        }
    }
    for alias in spec.host_aliases.iter().flatten() {
        let line = format!("{} {}\n", alias.ip, alias.hostnames.clone().unwrap_or_default().join(" "));
        let hosts = below(root, "/etc/hosts")?;
        let known = std::fs::read_to_string(&hosts).unwrap_or_else(|_| "127.0.0.1 localhost\n".to_owned());
        write(&hosts, (known + &line).as_bytes())?;
    }
    Ok(())
}

/// A path of the pod below a folder of ours, and never above it.
pub fn below(root: &Path, path: &str) -> Result<PathBuf, String> {
    let inner: Option<PathBuf> = Path::new(path)
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir))
        .map(|part| matches!(part, Component::Normal(_)).then_some(part.as_os_str()))
        .collect();
    inner.map(|inner| root.join(inner)).ok_or_else(|| format!("the path {path} leads out of the pod"))
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    use std::io::Write as _;
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let opened = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(content)).map_err(cannot)
}

async fn held(kube: &Client, pod: &Pod, volume: &Volume) -> Result<Held, String> {
    let namespace = pod.namespace().unwrap_or_default();
    if volume.empty_dir.is_some() {
        return Ok(Held::new());
    }
    if let Some(secret) = &volume.secret {
        let name = secret.secret_name.clone().unwrap_or_default();
        return of_secret(kube, &namespace, &name, secret.items.as_deref(), secret.optional).await;
    }
    if let Some(map) = &volume.config_map {
        return of_config_map(kube, &namespace, &map.name, map.items.as_deref(), map.optional).await;
    }
    let Some(projected) = &volume.projected else {
        return Err(format!("volume {} is of a kind that needs a kubelet", volume.name));
    };
    let mut all = Held::new();
    for source in projected.sources.iter().flatten() {
        all.extend(of_source(kube, pod, &namespace, source).await?);
    }
    Ok(all)
}

async fn of_source(kube: &Client, pod: &Pod, namespace: &str, source: &VolumeProjection) -> Result<Held, String> {
    if let Some(token) = &source.service_account_token {
        return Ok(Held::from([(token.path.clone(), self::token(kube, pod, namespace, token).await?)]));
    }
    if let Some(map) = &source.config_map {
        return of_config_map(kube, namespace, &map.name, map.items.as_deref(), map.optional).await;
    }
    if let Some(secret) = &source.secret {
        return of_secret(kube, namespace, &secret.name, secret.items.as_deref(), secret.optional).await;
    }
    if let Some(items) = source.downward_api.as_ref().map(|api| api.items.iter().flatten()) {
        return items
            .map(|item| {
                let field = item.field_ref.as_ref().map(|field| field.field_path.as_str()).unwrap_or_default();
                let value = super::container::field(pod, field, "").ok_or_else(|| format!("cannot tell {field}"))?;
                Ok((item.path.clone(), value.into_bytes()))
            })
            .collect();
    }
    Err("it has a projected volume of a kind that needs a kubelet".to_owned())
}

/// The token that a kubelet would ask for: for this pod, and as long as it lives.
async fn token(
    kube: &Client,
    pod: &Pod,
    namespace: &str,
    wanted: &ServiceAccountTokenProjection,
) -> Result<Vec<u8>, String> {
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone()).unwrap_or_default();
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: wanted.audience.clone().into_iter().collect(),
            expiration_seconds: Some(wanted.expiration_seconds.unwrap_or(DEFAULT_LIFETIME)),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            }),
        },
        ..TokenRequest::default()
    };
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), namespace);
    let granted = accounts.create_token_request(&account, &PostParams::default(), &request).await;
    let granted = granted.map_err(|error| format!("no token for Service Account {account}: {}", why(&error)))?;
    Ok(granted.status.map(|status| status.token.into_bytes()).unwrap_or_default())
}

async fn of_secret(
    kube: &Client,
    namespace: &str,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<Held, String> {
    let found = Api::<Secret>::namespaced(kube.clone(), namespace).get_opt(name).await;
    let found = found.map_err(|error| format!("Secret {name}: {}", why(&error)))?;
    let data = found.map(|secret| secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)));
    chosen(data.map(Iterator::collect), items, optional)
        .ok_or_else(|| format!("Secret {name} is not there, or not whole"))
}

async fn of_config_map(
    kube: &Client,
    namespace: &str,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<Held, String> {
    let found = Api::<ConfigMap>::namespaced(kube.clone(), namespace).get_opt(name).await;
    let found = found.map_err(|error| format!("ConfigMap {name}: {}", why(&error)))?;
    let data = found.map(|map| {
        let texts = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
        let bytes = map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
        texts.chain(bytes).collect()
    });
    chosen(data, items, optional).ok_or_else(|| format!("ConfigMap {name} is not there, or not whole"))
}

/// All of it, or the keys that are chosen, by their paths; none where something is missing that must be there.
fn chosen(data: Option<Held>, items: Option<&[KeyToPath]>, optional: Option<bool>) -> Option<Held> {
    let missing_is_fine = optional == Some(true);
    let Some(data) = data else { return missing_is_fine.then(Held::new) };
    let Some(items) = items else { return Some(data) };
    let mut held = Held::new();
    for item in items {
        match data.get(&item.key) {
            Some(value) => _ = held.insert(item.path.clone(), value.clone()),
            None if missing_is_fine => {}
            None => return None,
        }
    }
    Some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_pod_is_below_its_folder_or_none() {
        let root = Path::new("/pods/one");
        assert_eq!(below(root, "/var/run/x").unwrap(), Path::new("/pods/one/var/run/x"));
        assert_eq!(below(root, "ca.crt").unwrap(), Path::new("/pods/one/ca.crt"));
        assert!(below(root, "../two/token").is_err() && below(root, "/var/../../x").is_err());
    }

    #[test]
    fn of_chosen_keys_each_must_be_there_unless_that_is_said_to_be_fine() {
        let data = || Some(Held::from([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())]));
        let item = |key: &str| KeyToPath { key: key.to_owned(), path: format!("in/{key}"), mode: None };
        assert_eq!(chosen(data(), None, None).unwrap().len(), 2);
        assert_eq!(chosen(data(), Some(&[item("a")]), None), Some(Held::from([("in/a".to_owned(), b"1".to_vec())])));
        assert_eq!(chosen(data(), Some(&[item("c")]), None), None);
        assert_eq!(chosen(data(), Some(&[item("c")]), Some(true)), Some(Held::new()));
        assert_eq!((chosen(None, None, None), chosen(None, None, Some(true))), (None, Some(Held::new())));
    }
}
