//! The cluster's certificate authority, what it signs, and the kubeconfig.

use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::error::{Error, file};

/// A certificate and its key, as files in PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Pair {
    fn of(folder: &Path, name: &str) -> Self {
        Self { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
    }
}

/// What a further API server shows who asks it, and what signs its tokens once it has another key for that.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// Its own certificate, by that authority.
    pub server: Pair,
    /// A key for tokens; its public key in place of a certificate.
    pub tokens: Pair,
}

/// The certificates of a cluster, in one folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Those in a folder, as [`make`](Self::make) has put them there.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes them all for an API server at this address. The key of the authority is kept nowhere.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn make(folder: PathBuf, api_server: Ipv4Addr) -> Result<Self, Error> {
        let all = Self { folder };
        let authority = serving(&all.authority(), &all.api_server(), api_server)?;
        let server = ExtendedKeyUsagePurpose::ServerAuth;
        let client = ExtendedKeyUsagePurpose::ClientAuth;
        sign(&authority, &all.kubelet(), names(Ipv4Addr::LOCALHOST), "kubelet", None, server)?;
        let administrators = Some("system:masters");
        sign(&authority, &all.administrator(), Vec::new(), "kubernetes-admin", administrators, client.clone())?;
        sign(&authority, &all.kubelet_client(), Vec::new(), "kube-apiserver-kubelet-client", None, client)?;
        signing_key(&all.tokens())?;
        Ok(all)
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The API server's.
    #[must_use]
    pub fn api_server(&self) -> Pair {
        Pair::of(&self.folder, "apiserver")
    }

    /// The one that the API server shows to a kubelet.
    #[must_use]
    pub fn kubelet_client(&self) -> Pair {
        Pair::of(&self.folder, "apiserver-kubelet-client")
    }

    /// The kubelet's, as a server.
    #[must_use]
    pub fn kubelet(&self) -> Pair {
        Pair::of(&self.folder, "kubelet")
    }

    /// An administrator's.
    fn administrator(&self) -> Pair {
        Pair::of(&self.folder, "admin")
    }

    /// What signs the tokens of Service Accounts; its public key in place of a certificate.
    #[must_use]
    pub fn tokens(&self) -> Pair {
        Pair::of(&self.folder, "sa")
    }

    /// An administrator's kubeconfig for a cluster of that name, in kubeadm's shape.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn kubeconfig(&self, cluster: &str, address: &str) -> Result<String, Error> {
        self.kubeconfig_trusting(&self.authority(), cluster, address)
    }

    /// The same for an API server whose certificate that authority has signed.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn kubeconfig_trusting(&self, authority: &Path, cluster: &str, address: &str) -> Result<String, Error> {
        let data = |path: PathBuf| std::fs::read(&path).map(|text| STANDARD.encode(text)).map_err(file("read", &path));
        let Pair { certificate, key } = self.administrator();
        Ok(format!(
            "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {}
    server: {address}
  name: {cluster}
contexts:
- context:
    cluster: {cluster}
    user: kubernetes-admin
  name: kubernetes-admin@{cluster}
current-context: kubernetes-admin@{cluster}
kind: Config
preferences: {{}}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {}
    client-key-data: {}
",
            data(authority.to_owned())?,
            data(certificate)?,
            data(key)?
        ))
    }
}

impl Serving {
    /// What an API server at this address shows who asks it, and what signs tokens anew, as files in a folder: `server.crt`,
    /// `server-ca.crt`, `tokens.key` and others. Nothing of it is the cluster's own.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn make(folder: &Path, address: Ipv4Addr) -> Result<Self, Error> {
        let made = Self {
            authority: folder.join("server-ca.crt"),
            server: Pair::of(folder, "server"),
            tokens: Pair::of(folder, "tokens"),
        };
        signing_key(&made.tokens)?;
        made.renew(address)?;
        Ok(made)
    }

    /// Another authority, and another certificate by it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn renew(&self, address: Ipv4Addr) -> Result<(), Error> {
        serving(&self.authority, &self.server, address).map(drop)
    }
}

/// A new authority's certificate, and by it that of an API server at this address.
fn serving(certificate: &Path, server: &Pair, address: Ipv4Addr) -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    parameters.distinguished_name.push(DnType::CommonName, "kubernetes");
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
    write(certificate, &authority.pem())?;
    sign(&authority, server, names(address), "kube-apiserver", None, ExtendedKeyUsagePurpose::ServerAuth)?;
    Ok(authority)
}

fn names(own: Ipv4Addr) -> Vec<String> {
    let cluster = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned);
    cluster.into_iter().chain([own.to_string(), "localhost".to_owned()]).collect()
}

/// A key that signs tokens, and its public key in place of a certificate.
fn signing_key(pair: &Pair) -> Result<(), Error> {
    let key = KeyPair::generate()?;
    write(&pair.key, &key.serialize_pem())?;
    write(&pair.certificate, &key.public_key_pem())
}

fn sign(
    authority: &CertifiedIssuer<'_, KeyPair>,
    pair: &Pair,
    names: Vec<String>,
    user: &str,
    group: Option<&str>,
    usage: ExtendedKeyUsagePurpose,
) -> Result<(), Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(group) = group {
        parameters.distinguished_name.push(DnType::OrganizationName, group);
    }
    parameters.distinguished_name.push(DnType::CommonName, user);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = vec![usage];
    let key = KeyPair::generate()?;
    write(&pair.certificate, &parameters.signed_by(&key, authority)?.pem())?;
    write(&pair.key, &key.serialize_pem())
}

/// Only this user may read it.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    let opened = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(file("write", path))
}
