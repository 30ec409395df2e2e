//! Whom the probe trusts for TLS: the public authorities or those that were given, and what is mounted beside.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::input::Input;
use crate::vault::client::Roots;

/// What is larger is no bundle of authorities: all public ones together are a quarter of a megabyte.
const LARGEST: u64 = 4 << 20;

/// How the text of a certificate begins and ends in a file.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The roots, and how many authorities among them are mounted.
pub(super) fn roots(input: &Input) -> (Roots, usize) {
    let mounted: Vec<String> =
        input.ask.iter().flat_map(|ask| &ask.authorities).flat_map(|path| certificates(Path::new(path))).collect();
    let pem = mounted.concat();
    let roots = match (&input.ca, mounted.is_empty()) {
        (Some(given), _) => Roots::Pem(format!("{given}\n{pem}").into_bytes()),
        (None, false) => Roots::PublicAnd(pem.into_bytes()),
        (None, true) => Roots::Public,
    };
    (roots, mounted.len())
}

/// Every certificate of a file, or of the files in a folder. What is none, or is broken, counts for nothing: the app
/// does not stumble over it either.
fn certificates(path: &Path) -> Vec<String> {
    let files: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect(),
        Err(_) => vec![path.to_owned()],
    };
    files.iter().flat_map(|file| in_file(file)).collect()
}

fn in_file(file: &Path) -> Vec<String> {
    if std::fs::metadata(file).map_or(true, |about| about.len() > LARGEST) {
        return Vec::new();
    }
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END));
    blocks.map(|(body, _)| format!("{BEGIN}{body}{END}\n")).filter(|pem| is_usable(pem)).collect()
}

fn is_usable(pem: &str) -> bool {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
    certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        rcgen::generate_simple_self_signed(vec!["vault.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn certificates_are_found_in_files_and_folders_and_what_is_none_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = format!("# ours\n{}{BEGIN}\nbroken\n{END}\n{}", authority(), authority());
        std::fs::write(folder.path().join("bundle.crt"), &bundle).unwrap();
        std::fs::write(folder.path().join("truststore.jks"), [0xfe, 0xed, 0xfe, 0xed]).unwrap();
        std::fs::create_dir(folder.path().join("..data")).unwrap();
        assert_eq!(certificates(folder.path()).len(), 2);
        assert_eq!(certificates(&folder.path().join("bundle.crt")).len(), 2);
        assert_eq!(certificates(Path::new("/no/such/folder")), Vec::<String>::new());
    }
}
