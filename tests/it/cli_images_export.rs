//! `images export` writes an OCI archive that any tool can check: every digest
//! is right, the layer holds the program alone, and it does not run as root.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::cli::program;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))
}

/// One file of an archive.
struct Entry {
    mode: u32,
    content: Vec<u8>,
}

fn unpack(archive: &[u8]) -> BTreeMap<String, Entry> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap_or_else(|error| panic!("{error}"));
    entries
        .map(|entry| {
            let mut entry = entry.unwrap_or_else(|error| panic!("{error}"));
            let name = entry.path().map(|path| path.display().to_string()).unwrap_or_else(|error| panic!("{error}"));
            let mode = entry.header().mode().unwrap_or_else(|error| panic!("{error}"));
            assert!(entry.header().entry_type().is_file(), "{name} is no file");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap_or_else(|error| panic!("{error}"));
            (name, Entry { mode, content })
        })
        .collect()
}

fn json(content: &[u8]) -> Value {
    serde_json::from_slice(content).unwrap_or_else(|error| panic!("{error}"))
}

fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// What a descriptor points at, its digest and size checked.
fn follow<'a>(files: &'a BTreeMap<String, Entry>, descriptor: &Value) -> &'a [u8] {
    let wanted = descriptor["digest"].as_str().unwrap_or_else(|| panic!("{descriptor} has no digest"));
    let blob = &files[&format!("blobs/{}", wanted.replace(':', "/"))];
    assert_eq!(digest(&blob.content), wanted);
    assert_eq!(descriptor["size"], blob.content.len());
    &blob.content
}

fn export(archive: &Path) -> String {
    let state = folder();
    let assert = program(state.path()).args(["images", "export"]).arg(archive).assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn the_archive_holds_the_program_alone_under_digests_that_are_right() {
    let folder = folder();
    let archive = folder.path().join("probe.tar");
    let said = export(&archive);
    let files = unpack(&std::fs::read(&archive).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(json(&files["oci-layout"].content)["imageLayoutVersion"], "1.0.0");

    let index = json(&files["index.json"].content);
    let manifests = index["manifests"].as_array().cloned().unwrap_or_default();
    assert_eq!(manifests.len(), 1, "{index}");
    let manifest = json(follow(&files, &manifests[0]));
    let config = json(follow(&files, &manifest["config"]));
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    assert_eq!(layers.len(), 1, "{manifest}");
    let layer = follow(&files, &layers[0]);
    assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!([digest(layer)]));
    let blobs = files.keys().filter(|name| name.starts_with("blobs/")).count();
    assert_eq!(blobs, 3, "every blob is spoken of: {:?}", files.keys());

    // The reference tells the content, so that a node never takes an older program for this one.
    let manifest_digest = manifests[0]["digest"].as_str().unwrap_or_default();
    let tag = manifest_digest.trim_start_matches("sha256:").get(..16).unwrap_or_default();
    let reference = format!("localhost/pmp-vault-conformance/probe:{tag}");
    assert_eq!(manifests[0]["annotations"]["io.containerd.image.name"], reference);
    assert!(said.contains(&reference) && said.contains(manifest_digest), "{said}");

    let old = json(&files["manifest.json"].content);
    assert_eq!(old[0]["RepoTags"], serde_json::json!([reference]));
    for named in [&old[0]["Config"], &old[0]["Layers"][0]] {
        assert!(named.as_str().is_some_and(|name| files.contains_key(name)), "{old}");
    }

    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    assert_eq!((&config["os"], &config["architecture"]), (&"linux".into(), &architecture.into()));
    assert_eq!(manifests[0]["platform"]["architecture"], architecture);
    let user = config["config"]["User"].as_str().unwrap_or_default();
    let ids: Vec<u32> = user.split(':').filter_map(|id| id.parse().ok()).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| *id != 0), "`{user}` is not a number that is not root's");

    let root = unpack(layer);
    assert_eq!(root.keys().collect::<Vec<_>>(), ["pmp-vault-conformance"]);
    assert_eq!(root["pmp-vault-conformance"].mode, 0o755);
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/pmp-vault-conformance"]));
}

#[test]
fn the_program_in_the_archive_is_this_one_and_runs() {
    let folder = folder();
    let archive = folder.path().join("probe.tar");
    export(&archive);
    let files = unpack(&std::fs::read(&archive).unwrap_or_else(|error| panic!("{error}")));
    let manifest = json(follow(&files, &json(&files["index.json"].content)["manifests"][0]));
    let program = &unpack(follow(&files, &manifest["layers"][0]))["pmp-vault-conformance"].content;
    let path = folder.path().join("program");
    std::fs::write(&path, program).unwrap_or_else(|error| panic!("{error}"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap_or_else(|error| panic!("{error}"));
    for arguments in [&["--version"][..], &["list"]] {
        let of_the_archive = Command::new(&path).args(arguments).env_clear().output();
        let of_the_archive = of_the_archive.unwrap_or_else(|error| panic!("{error}"));
        assert!(of_the_archive.status.success(), "{of_the_archive:?}");
        let of_the_build = self::program(folder.path()).args(arguments).assert().success();
        assert_eq!(of_the_archive.stdout, of_the_build.get_output().stdout);
    }
}

#[test]
fn the_same_program_gives_the_same_archive() {
    let folder = folder();
    let (first, second) = (folder.path().join("first.tar"), folder.path().join("second.tar"));
    let said = |archive: &Path| export(archive).lines().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(said(&first), said(&second));
    let bytes = |archive: &Path| std::fs::read(archive).unwrap_or_else(|error| panic!("{error}"));
    assert!(bytes(&first) == bytes(&second));
}

#[test]
fn an_archive_that_cannot_be_written_is_said_with_its_path() {
    let state = folder();
    program(state.path())
        .args(["images", "export", "/nonexistent/probe.tar"])
        .assert()
        .code(3)
        .stdout(is_empty())
        .stderr(contains("/nonexistent/probe.tar").and(contains("No such file")));
}
