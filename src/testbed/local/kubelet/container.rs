//! A pod's container as a process: its program, environment and address.
//!
//! The probe is told where its pod's files are ([`ROOT`]). A program that knows
//! nothing of that, such as Vault, or a name that only the pod's `/etc/hosts`
//! has, needs a mount namespace, which this user may be allowed to make or not.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt as _;

use super::station::{PROBE_IMAGE, Station, VAULT_IMAGE};
use crate::probe::input::ROOT;

/// Puts the pod's files where its program expects them, in a mount namespace of its own, and becomes that program.
const IN_NAMESPACE: &str = r#"root=$1; shift
[ ! -e "$root/etc/hosts" ] || mount --bind "$root/etc/hosts" /etc/hosts || exit 125
mount -t tmpfs tmpfs "$(readlink -f /var/run)" && mkdir -p /var/run/secrets || exit 125
[ ! -e "$root/var/run/secrets" ] || mount --bind "$root/var/run/secrets" /var/run/secrets || exit 125
exec "$@""#;

/// What is to be started in place of a container.
#[derive(Debug)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

/// Why a container cannot be a process, in words.
#[derive(Debug)]
pub enum Problem {
    /// Its image is none of ours.
    NoImage(String),
    /// It wants what only a kubelet could give.
    Unusable(String),
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Self::Unusable(reason)
    }
}

/// Whether this user may give a process a view of its own of the file system.
#[must_use]
pub fn may_mount() -> bool {
    let tried = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// The process in place of a container, whose files are below `root`.
///
/// # Errors
/// It cannot be one.
pub fn program(station: &Station, pod: &Pod, container: &Container, root: &Path, ip: &str) -> Result<Program, Problem> {
    let image = container.image.as_deref().unwrap_or_default();
    let own = match image {
        PROBE_IMAGE => std::env::current_exe().map_err(|error| format!("this program is not to be found: {error}"))?,
        VAULT_IMAGE => station.vault.clone(),
        other => {
            return Err(Problem::NoImage(format!(
                "there is no image {other}: a testbed of processes has {PROBE_IMAGE} and {VAULT_IMAGE}"
            )));
        }
    };
    let mut environment = environment(station, pod, container, ip)?;
    let arguments = container.args.clone().unwrap_or_default();
    let has_hosts = root.join("etc/hosts").exists();
    if image == PROBE_IMAGE && !has_hosts {
        environment.push((ROOT.to_owned(), root.display().to_string()));
        return Ok(Program { path: own, arguments, environment });
    }
    let shell = ["--map-root-user", "--mount", "sh", "-c", IN_NAMESPACE, "sh"].map(str::to_owned);
    let inner = [root.display().to_string(), own.display().to_string()].into_iter().chain(arguments);
    let arguments = shell.into_iter().chain(inner).collect();
    Ok(Program { path: PathBuf::from("unshare"), arguments, environment })
}

/// The container's environment, with the variables that a kubelet always adds.
fn environment(station: &Station, pod: &Pod, container: &Container, ip: &str) -> Result<Vec<(String, String)>, String> {
    let (host, port) = &station.api_server;
    let mut all = vec![
        ("KUBERNETES_SERVICE_HOST".to_owned(), host.clone()),
        ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_string()),
        ("HOSTNAME".to_owned(), pod.name_any()),
        // A stand-in's own: pods share this machine's addresses, so a server must be told which is its pod's.
        ("POD_IP".to_owned(), ip.to_owned()),
    ];
    for variable in container.env.iter().flatten() {
        let from = variable.value_from.as_ref();
        let value = match (from, from.and_then(|from| from.field_ref.as_ref())) {
            (None, _) => expanded(variable.value.as_deref().unwrap_or_default(), &all),
            (Some(_), Some(field)) => self::field(pod, &field.field_path, ip)
                .ok_or_else(|| format!("cannot tell {} for variable {}", field.field_path, variable.name))?,
            (Some(_), None) => return Err(format!("variable {} comes from where only a kubelet looks", variable.name)),
        };
        all.push((variable.name.clone(), value));
    }
    Ok(all)
}

/// `$(NAME)` is what a variable before has, as Kubernetes defines it.
fn expanded(value: &str, known: &[(String, String)]) -> String {
    known.iter().fold(value.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

/// A field of the pod that a variable or a file may have.
pub fn field(pod: &Pod, path: &str, ip: &str) -> Option<String> {
    match path {
        "metadata.name" => Some(pod.name_any()),
        "metadata.namespace" => pod.namespace(),
        "metadata.uid" => pod.uid(),
        "spec.serviceAccountName" => pod.spec.as_ref()?.service_account_name.clone(),
        "status.podIP" if !ip.is_empty() => Some(ip.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_have_what_one_before_it_has() {
        let known = [("POD_IP".to_owned(), "127.1.2.3".to_owned())];
        assert_eq!(expanded("$(POD_IP):8200, $(OTHER)", &known), "127.1.2.3:8200, $(OTHER)");
    }
}
