//! The harness's own binary as an image: alone, `FROM scratch`, not root. The
//! archive is made here, without a container engine, so that it can be made
//! and carried anywhere.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::super::terms::Exported;

/// The binary's path in the image.
const PROGRAM: &str = "pmp-vault-conformance";

/// A user that is nobody's, as a number, so that the kubelet can see that it is not root.
const USER: &str = "65532:65532";

/// Why there is no image of the probe.
#[derive(Debug, Error)]
pub enum Error {
    /// This binary cannot run alone in an image.
    #[error(
        "this program cannot be the probe: {reason}; build it with `scripts/build`, or name an image of it with --probe-image"
    )]
    NotStatic {
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot make the probe's image at {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The program that is running.
fn program() -> PathBuf {
    // The link in /proc stays valid when the file is replaced by a new build.
    let link = Path::new("/proc/self/exe");
    if link.exists() { link.to_owned() } else { std::env::current_exe().unwrap_or_else(|_| link.to_owned()) }
}

/// Writes the image of the running program as an OCI archive
/// (OCI image layout 1.0 in a tar file).
///
/// # Errors
/// The program is not static, not for Linux, or a file cannot be read or written.
pub fn export(archive: &Path) -> Result<Exported, Error> {
    let path = program();
    let unreadable = |source| Error::Io { path: path.clone(), source };
    let io = |source| Error::Io { path: archive.to_owned(), source };
    let mut binary = File::open(&path).map_err(unreadable)?;
    let architecture = check_static(&mut binary).map_err(|reason| Error::NotStatic { reason })?;
    // The layer goes through a file: the program is too large to be held in memory twice.
    let folder = archive.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut layer = tempfile::tempfile_in(folder).map_err(io)?;
    let (diff_id, layer_size) = write_layer(binary, &layer).map_err(io)?;
    layer.rewind().map_err(io)?;
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Entrypoint": [format!("/{PROGRAM}")], "User": USER },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    })
    .to_string();
    let descriptor = |kind: &str, digest: String, size: u64| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", digest(config.as_bytes()), config.len() as u64),
        "layers": [descriptor("layer.v1.tar", diff_id.clone(), layer_size)],
    })
    .to_string();
    let manifest_digest = digest(manifest.as_bytes());
    let tag: String = manifest_digest.trim_start_matches("sha256:").chars().take(16).collect();
    let reference = format!("localhost/pmp-vault-conformance/probe:{tag}");
    let mut entry = descriptor("manifest.v1+json", manifest_digest.clone(), manifest.len() as u64);
    entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
    entry["annotations"] = json!({
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": tag,
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    })
    .to_string();

    // Engines older than the layout take an archive by this file alone.
    let blob = |digest: &str| format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"));
    let config_digest = digest(config.as_bytes());
    let for_old_engines =
        json!([{ "Config": blob(&config_digest), "RepoTags": [reference], "Layers": [blob(&diff_id)] }]).to_string();

    let file = File::create(archive).map_err(io)?;
    let mut tar = tar::Builder::new(std::io::BufWriter::new(file));
    let files: [(String, &[u8]); 5] = [
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#),
        ("index.json".to_owned(), index.as_bytes()),
        (blob(&manifest_digest), manifest.as_bytes()),
        ("manifest.json".to_owned(), for_old_engines.as_bytes()),
        (blob(&config_digest), config.as_bytes()),
    ];
    for (name, content) in files {
        append(&mut tar, &name, content, content.len() as u64, 0o644).map_err(io)?;
    }
    append(&mut tar, &blob(&diff_id), &layer, layer_size, 0o644).map_err(io)?;
    tar.into_inner().and_then(|mut file| file.flush()).map_err(io)?;
    Ok(Exported { reference, digest: manifest_digest })
}

/// The one layer: the program alone. Gives its digest and its size.
fn write_layer(binary: File, layer: &File) -> std::io::Result<(String, u64)> {
    let size = binary.metadata()?.len();
    let mut tar = tar::Builder::new(Hashed { out: std::io::BufWriter::new(layer), hash: Sha256::new(), size: 0 });
    append(&mut tar, PROGRAM, binary, size, 0o755)?;
    let mut hashed = tar.into_inner()?;
    hashed.flush()?;
    Ok((hex(&hashed.hash.finalize()), hashed.size))
}

/// Writes on, and hashes and counts what goes by.
struct Hashed<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// The same content gives the same bytes, whenever it is written.
fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    name: &str,
    content: impl Read,
    size: u64,
    mode: u32,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_cksum();
    tar.append_data(&mut header, name, content)
}

fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn hex(hash: &[u8]) -> String {
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The OCI name of the architecture of a static Linux program.
fn check_static(binary: &mut (impl Read + Seek)) -> Result<&'static str, String> {
    use object::read::elf::{FileHeader as _, ProgramHeader as _};
    const NO_ELF: &str = "it is not a 64-bit Linux program";
    // Both headers stand at the start.
    let mut start = Vec::new();
    let read = binary.take(16 * 1024).read_to_end(&mut start).and_then(|_| binary.rewind());
    read.map_err(|error| error.to_string())?;
    let binary = start.as_slice();
    let endian = object::Endianness::Little;
    let header = object::elf::FileHeader64::<object::Endianness>::parse(binary).map_err(|_| NO_ELF.to_owned())?;
    let segments = header.program_headers(endian, binary).map_err(|_| NO_ELF.to_owned())?;
    if segments.iter().any(|segment| segment.p_type(endian) == object::elf::PT_INTERP) {
        return Err("it is linked with shared libraries, and the image has none".to_owned());
    }
    match header.e_machine(endian) {
        object::elf::EM_X86_64 => Ok("amd64"),
        object::elf::EM_AARCH64 => Ok("arm64"),
        other => Err(format!("its machine type {other:?} is neither amd64 nor arm64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_linux_program_cannot_be_the_probe() {
        assert!(check_static(&mut std::io::Cursor::new(b"MZ")).unwrap_err().contains("not a 64-bit Linux program"));
    }

    #[test]
    fn the_same_program_gives_the_same_archive() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        match (export(&a), export(&b)) {
            (Ok(first), Ok(second)) => {
                assert_eq!(first, second);
                assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
            }
            // A test binary that is linked dynamically is refused for that reason alone.
            (Err(first), _) => assert!(first.to_string().contains("shared libraries"), "{first}"),
            other => panic!("{other:?}"),
        }
    }
}
