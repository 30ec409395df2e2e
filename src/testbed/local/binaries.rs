//! Where the servers' programs are found.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::server::Server;
use super::error::{Error, file};
use crate::process::is_program;

/// The key-value store of the API server.
pub const ETCD: &str = "etcd";
/// The API server.
pub const API_SERVER: &str = "kube-apiserver";
/// What makes pods of Deployments; a stand-in does where it is not to be found.
pub const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// The command line, which only typed commands need.
pub const KUBECTL: &str = "kubectl";

/// All that a testbed with this server needs.
#[must_use]
pub const fn all(server: Server) -> [&'static str; 4] {
    [ETCD, API_SERVER, CONTROLLER_MANAGER, server.program()]
}

/// Where `scripts/servers` puts a program, below the cache; the versions are those of `scripts/env.sh`.
const fn kept(program: &str) -> Option<&'static str> {
    Some(match program.as_bytes() {
        b"etcd" => "servers/etcd-v3.7.3",
        b"kube-apiserver" | b"kube-controller-manager" => "servers/kubernetes-v1.37.2",
        b"vault" => "servers/vault-v1.21.4",
        b"bao" => "servers/openbao-v2.7.2",
        b"kubectl" => "bin",
        _ => return None,
    })
}

/// What a testbed without containers is made of.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Programs {
    /// Folder of the servers' programs for --testbed local, looked into before KUBEBUILDER_ASSETS, the PATH and what scripts/servers got
    #[arg(long, value_name = "DIR", value_parser = folder)]
    pub bin_dir: Option<PathBuf>,
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    if folder.is_dir() { Ok(folder) } else { Err("there is no such folder".to_owned()) }
}

/// A program, and what named the place.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Which place it is, in words.
    pub place: String,
}

impl Programs {
    /// The folders to look into, each with what names it, in order.
    fn places(&self, program: &str) -> Vec<(PathBuf, String)> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mut places = Vec::new();
        places.extend(self.bin_dir.clone().map(|folder| (folder, "--bin-dir".to_owned())));
        // The name that the envtest of controller-runtime gave to it.
        places.extend(
            variable("KUBEBUILDER_ASSETS").map(|folder| (PathBuf::from(folder), "KUBEBUILDER_ASSETS".to_owned())),
        );
        let path = variable("PATH").unwrap_or_default();
        places.extend(std::env::split_paths(&path).map(|folder| (folder, "PATH".to_owned())));
        let cache = variable("PMP_CACHE").map(PathBuf::from).or_else(|| {
            let home = variable("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
            Some(home.join("pmp-vault-conformance"))
        });
        let gotten = cache.zip(kept(program)).map(|(cache, folder)| cache.join(folder));
        places.extend(gotten.map(|folder| (folder, "scripts/servers".to_owned())));
        places
    }

    /// A program by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Found> {
        let found = |(folder, place): (PathBuf, String)| {
            // A relative one would be another for a process that works elsewhere.
            let path = std::path::absolute(folder.join(name)).ok()?;
            is_program(&path).then_some(Found { path, place })
        };
        self.places(name).into_iter().find_map(found)
    }

    /// All that a testbed needs.
    ///
    /// # Errors
    /// Some are missing, or one was built for another machine.
    pub fn all(&self, server: Server) -> Result<BTreeMap<String, Found>, Error> {
        let mut missing = Vec::new();
        let mut programs = BTreeMap::new();
        for name in all(server) {
            match self.find(name) {
                // A stand-in of ours does what is needed of it.
                None if name == CONTROLLER_MANAGER => {}
                Some(found) if is_foreign(&found.path) => return Err(Error::Foreign(found.path)),
                Some(found) => _ = programs.insert(name.to_owned(), found),
                None => missing.push(name.to_owned()),
            }
        }
        if missing.is_empty() { Ok(programs) } else { Err(Error::Missing(missing)) }
    }
}

/// Whether it was built for another machine. Whoever starts such a file is told of a shell's troubles with it.
fn is_foreign(path: &Path) -> bool {
    let header = |path: &Path| {
        let mut header = [0; 20];
        std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header)).ok().map(|()| header)
    };
    // The class, the byte order and the machine of an ELF file (elf(5)).
    let built_for = |header: [u8; 20]| (header[4], header[5], header[18], header[19]);
    let ours = header(Path::new("/proc/self/exe")).map(built_for);
    header(path).filter(|header| header.starts_with(b"\x7fELF")).map(built_for).is_some_and(|it| Some(it) != ours)
}

/// `sha256:…` of a file.
///
/// # Errors
/// It cannot be read.
pub fn digest(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut opened = std::fs::File::open(path).map_err(file("read", path))?;
    let mut part = vec![0; 1 << 20];
    loop {
        match opened.read(&mut part).map_err(file("read", path))? {
            0 => break,
            read => hash.update(&part[..read]),
        }
    }
    let bytes = hash.finalize();
    Ok(format!("sha256:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_scripts_have_put_somewhere_is_looked_for_there() {
        let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/env.sh")).unwrap();
        let version = |name: &str| {
            let line = script.lines().find_map(|line| line.trim().strip_prefix(&format!("PMP_{name}_VERSION=")));
            line.unwrap().to_owned()
        };
        for (program, kind, name) in [
            (ETCD, "etcd", "ETCD"),
            (API_SERVER, "kubernetes", "KUBERNETES"),
            (CONTROLLER_MANAGER, "kubernetes", "KUBERNETES"),
            (Server::Vault.program(), "vault", "VAULT"),
            (Server::OpenBao.program(), "openbao", "OPENBAO"),
        ] {
            assert_eq!(kept(program), Some(&*format!("servers/{kind}-{}", version(name))));
        }
    }

    #[test]
    fn a_folder_that_is_named_goes_before_all_others_and_what_cannot_be_started_is_passed_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sh");
        let programs = Programs { bin_dir: Some(folder.path().to_owned()) };
        std::fs::write(&path, "").unwrap();
        assert_eq!(programs.find("sh").unwrap().place, "PATH");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = programs.find("sh").unwrap();
        assert_eq!((found.path, &*found.place), (path, "--bin-dir"));
    }
}
