//! The app's Service Account token: by which volume its container has it.

use k8s_openapi::api::core::v1::{
    Container, KeyToPath, PodSpec, ProjectedVolumeSource, SecretVolumeSource, ServiceAccountTokenProjection, Volume,
    VolumeMount, VolumeProjection,
};

use crate::probe::input::TOKEN_FILE;

/// How the volume is called that Kubernetes itself adds where a token is to be mounted.
const OF_KUBERNETES: &str = "kube-api-access-";

/// What a projected token lasts where nothing else is said (Kubernetes' API reference).
const SECONDS: i64 = 3600;

/// Tokens that clouds put into pods for themselves, by a piece of their audience.
const OF_CLOUDS: [&str; 5] =
    ["sts.amazonaws.com", "pods.eks.amazonaws.com", "AzureADTokenExchange", "svc.id.goog", "iam.googleapis.com"];

/// How the app has its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Kubernetes mounts it (automount); it is made anew before so many seconds are over.
    Mounted {
        /// `expirationSeconds`.
        seconds: i64,
    },
    /// A projected volume of the pod's own brings it.
    Own {
        /// `audience`; the API server's own where there is none.
        audience: Option<String>,
        /// `expirationSeconds`.
        seconds: i64,
        /// Whether it is mounted by `subPath`: Kubernetes never brings a newer one then.
        sub_path: bool,
    },
    /// A Secret's volume brings it.
    OfSecret,
    /// Another kind of volume is there, and what it brings cannot be told.
    Foreign(String),
    /// There is none.
    None,
    /// It is not to be taken over.
    NotTold,
}

impl Token {
    /// What is taken over, in words.
    pub(super) fn words(&self, file: &str) -> Option<String> {
        match self {
            Self::Own { audience, .. } => {
                let audience = audience.as_ref().map_or(String::new(), |audience| format!(" for audience {audience}"));
                Some(format!("its own token at {file}{audience}"))
            }
            Self::OfSecret => Some(format!("the token of a Secret at {file}")),
            Self::Mounted { .. } | Self::Foreign(_) | Self::None | Self::NotTold => None,
        }
    }
}

/// A token that was found.
pub(super) struct Found {
    pub token: Token,
    pub file: String,
    pub carried: Option<(Volume, VolumeMount)>,
}

/// The token that is at the file that was named, or else at the usual one; where none was named, those that the pod
/// has of its own elsewhere, too.
pub(super) fn find(spec: &PodSpec, container: &Container, named: Option<&str>, denied: bool) -> Vec<Found> {
    let wanted = named.unwrap_or(TOKEN_FILE);
    let nothing = |token: Token| Found { token, file: wanted.to_owned(), carried: None };
    if denied {
        return vec![nothing(Token::NotTold)];
    }
    let mut found = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let Some(volume) = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name) else { continue };
        found.extend(projected(volume, mount));
        found.extend(of_secret(volume, mount, wanted));
    }
    let (mut first, mut others): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|found| plain(&found.file) == plain(wanted));
    first.truncate(1);
    match named {
        Some(_) => others.clear(),
        None => others.retain(|found| for_the_app(&found.token)),
    }
    if first.is_empty() && others.is_empty() {
        return vec![nothing(foreign(spec, container, wanted).map_or(Token::None, Token::Foreign))];
    }
    first.extend(others);
    first
}

/// Whether a mount is where a file is.
pub(super) fn covers(mount: &VolumeMount, file: &str) -> bool {
    beneath(&mount.mount_path, file).is_some()
}

/// The path of a file in a folder, or of the folder itself, which is empty.
fn beneath<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    let rest = plain(file).strip_prefix(plain(folder))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// `/var/run` is `/run` nearly everywhere.
fn plain(path: &str) -> &str {
    path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path).trim_end_matches('/')
}

fn projected(volume: &Volume, mount: &VolumeMount) -> Vec<Found> {
    let Some(projected) = &volume.projected else { return Vec::new() };
    let tokens = projected.sources.iter().flatten().filter_map(|source| source.service_account_token.as_ref());
    tokens
        .filter_map(|source| Some((at(mount, &source.path)?, source)))
        .map(|(file, source)| {
            let seconds = source.expiration_seconds.unwrap_or(SECONDS);
            if volume.name.starts_with(OF_KUBERNETES) {
                return Found { token: Token::Mounted { seconds }, file, carried: None };
            }
            let token = Token::Own {
                audience: source.audience.clone().filter(|audience| !audience.is_empty()),
                seconds,
                sub_path: mount.sub_path.is_some(),
            };
            Found { token, file, carried: Some((only(volume, projected, source), mount.clone())) }
        })
        .collect()
}

/// The same volume, with nothing but that token.
fn only(volume: &Volume, projected: &ProjectedVolumeSource, token: &ServiceAccountTokenProjection) -> Volume {
    let source = VolumeProjection { service_account_token: Some(token.clone()), ..VolumeProjection::default() };
    Volume {
        name: volume.name.clone(),
        projected: Some(ProjectedVolumeSource { sources: Some(vec![source]), default_mode: projected.default_mode }),
        ..Volume::default()
    }
}

/// Where a file of a volume is in the container; none where `subPath` leaves it out.
fn at(mount: &VolumeMount, path: &str) -> Option<String> {
    let folder = mount.mount_path.trim_end_matches('/');
    let rest = match mount.sub_path.as_deref().filter(|sub| !sub.is_empty()) {
        Some(sub) => beneath(sub, path)?,
        None => path,
    };
    Some(if rest.is_empty() { folder.to_owned() } else { format!("{folder}/{rest}") })
}

/// A Secret that is mounted where the token is looked for. Of its keys only that one is taken over.
fn of_secret(volume: &Volume, mount: &VolumeMount, wanted: &str) -> Option<Found> {
    let secret = volume.secret.as_ref()?;
    let rest = beneath(&mount.mount_path, wanted)?;
    let sub = mount.sub_path.as_deref().unwrap_or_default().trim_matches('/');
    let path = [sub, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let key = match &secret.items {
        Some(items) => items.iter().find(|item| item.path == path)?.key.clone(),
        None => path.clone(),
    };
    let item = KeyToPath { key, path, mode: None };
    let only = SecretVolumeSource {
        secret_name: secret.secret_name.clone(),
        items: Some(vec![item]),
        optional: Some(true),
        default_mode: secret.default_mode,
    };
    let volume = Volume { name: volume.name.clone(), secret: Some(only), ..Volume::default() };
    Some(Found { token: Token::OfSecret, file: wanted.to_owned(), carried: Some((volume, mount.clone())) })
}

/// Whether a token may be meant for Vault: clouds bring tokens of their own.
fn for_the_app(token: &Token) -> bool {
    match token {
        Token::Own { audience, .. } => {
            audience.as_ref().is_none_or(|audience| !OF_CLOUDS.iter().any(|cloud| audience.contains(cloud)))
        }
        _ => false,
    }
}

/// The kind of another volume in the very folder of the file that is looked for, such as one that an agent fills.
fn foreign(spec: &PodSpec, container: &Container, wanted: &str) -> Option<String> {
    let folder = wanted.rsplit_once('/').map_or(wanted, |(folder, _)| folder);
    let mount = container.volume_mounts.iter().flatten().find(|mount| {
        let path = plain(&mount.mount_path);
        path == plain(wanted) || path == plain(folder)
    })?;
    let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name)?;
    // Which of its many fields it has is its kind.
    let json = serde_json::to_value(volume).ok()?;
    json.as_object()?.keys().find(|key| *key != "name").map(|kind| format!("{kind} {}", volume.name))
}
