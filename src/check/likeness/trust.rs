//! Certificate authorities that the app's container has where programs look for them: in the folders that
//! distributions have for it, or where a variable of OpenSSL's says. Key stores of Java cannot be read.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, KeyToPath, PodSpec, ProjectedVolumeSource, SecretProjection, SecretVolumeSource,
    Volume, VolumeMount, VolumeProjection,
};

/// Where programs and `update-ca-certificates` look.
const FOLDERS: [&str; 5] =
    ["/etc/ssl", "/etc/pki", "/usr/local/share/ca-certificates", "/usr/share/ca-certificates", "/usr/share/pki"];

/// Variables that name a file or a folder of authorities.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Keys of a Secret that hold no private key by their name.
const PUBLIC: [&str; 5] = ["ca.crt", "ca.pem", "ca-bundle.crt", "ca-certificates.crt", "tls-ca-bundle.pem"];

/// What is taken over.
#[derive(Default)]
pub(super) struct Trust {
    pub volumes: Vec<(Volume, VolumeMount)>,
    pub paths: Vec<String>,
    pub taken: Vec<String>,
    pub left: Vec<String>,
}

pub(super) fn of(spec: &PodSpec, container: &Container) -> Trust {
    let mut trust = Trust::default();
    let named: Vec<&str> = container
        .env
        .iter()
        .flatten()
        .filter(|variable| VARIABLES.contains(&variable.name.as_str()))
        .flat_map(|variable| variable.value.as_deref().unwrap_or_default().split(':'))
        .filter(|path| !path.is_empty())
        .collect();
    for mount in container.volume_mounts.iter().flatten() {
        let path = mount.mount_path.as_str();
        let looked_for =
            FOLDERS.iter().any(|folder| within(folder, path)) || named.iter().any(|file| within(path, file));
        if !looked_for {
            continue;
        }
        let Some(volume) = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name) else { continue };
        match public(volume, mount) {
            Some(volume) => {
                trust.taken.push(format!("authorities at {path}"));
                trust.paths.push(path.to_owned());
                trust.volumes.push((volume, mount.clone()));
            }
            None => trust.left.push(format!("what is mounted at {path}")),
        }
    }
    trust
}

/// Whether a path is a folder or in it.
fn within(folder: &str, path: &str) -> bool {
    let rest = path.trim_end_matches('/').strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The same volume with what is public alone, and nothing that the pod would wait for; none where that cannot be told.
fn public(volume: &Volume, mount: &VolumeMount) -> Option<Volume> {
    let named = |volume: Volume| Volume { name: mount.name.clone(), ..volume };
    if let Some(map) = &volume.config_map {
        let map = ConfigMapVolumeSource { optional: Some(true), ..map.clone() };
        return Some(named(Volume { config_map: Some(map), ..Volume::default() }));
    }
    if let Some(secret) = &volume.secret {
        let items = certificates(secret.items.as_deref(), mount.sub_path.as_deref())?;
        let secret = SecretVolumeSource { optional: Some(true), items: Some(items), ..secret.clone() };
        return Some(named(Volume { secret: Some(secret), ..Volume::default() }));
    }
    let projected = volume.projected.as_ref()?;
    let sources: Vec<VolumeProjection> = projected.sources.iter().flatten().filter_map(source).collect();
    let projected = ProjectedVolumeSource { sources: Some(sources), default_mode: projected.default_mode };
    let some = projected.sources.as_ref().is_some_and(|sources| !sources.is_empty());
    some.then(|| named(Volume { projected: Some(projected), ..Volume::default() }))
}

fn source(source: &VolumeProjection) -> Option<VolumeProjection> {
    if let Some(map) = &source.config_map {
        let mut map = map.clone();
        map.optional = Some(true);
        return Some(VolumeProjection { config_map: Some(map), ..VolumeProjection::default() });
    }
    if let Some(bundle) = &source.cluster_trust_bundle {
        let mut bundle = bundle.clone();
        bundle.optional = Some(true);
        return Some(VolumeProjection { cluster_trust_bundle: Some(bundle), ..VolumeProjection::default() });
    }
    let secret = source.secret.as_ref()?;
    let items = certificates(secret.items.as_deref(), None)?;
    let secret = SecretProjection { optional: Some(true), items: Some(items), ..secret.clone() };
    Some(VolumeProjection { secret: Some(secret), ..VolumeProjection::default() })
}

/// Which keys of a Secret are certificates by their names; none where no key is one, because no list means all of them.
fn certificates(items: Option<&[KeyToPath]>, sub_path: Option<&str>) -> Option<Vec<KeyToPath>> {
    let is_one = |key: &str| {
        let ending = key.rsplit_once('.').map(|(_, ending)| ending);
        PUBLIC.contains(&key) || matches!(ending, Some("crt" | "cer")) && !key.starts_with("tls.")
    };
    let item = |key: &str| KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None };
    let some: Vec<KeyToPath> = match (items, sub_path) {
        (Some(items), _) => items.iter().filter(|item| is_one(&item.key)).cloned().collect(),
        (None, Some(key)) => Some(key).filter(|key| is_one(key)).map(item).into_iter().collect(),
        (None, None) => PUBLIC.iter().map(|key| item(key)).collect(),
    };
    Some(some).filter(|some| !some.is_empty())
}
