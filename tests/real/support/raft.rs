//! A Vault as in production: three nodes with integrated storage (raft), TLS by an authority of its own, an audit
//! device. Its containers go with the value.

use std::time::Duration;

use serde_json::{Value, json};

use super::own_vault::OwnVault;
use super::testbed::eventually;

/// Where a process in a pod finds its Service Account's token.
const POD_TOKEN: &str = "var/run/secrets/kubernetes.io/serviceaccount/token";

pub struct Raft {
    /// The first is the active one, until it steps down.
    pub nodes: Vec<OwnVault>,
    /// Who signed the certificate, in PEM.
    pub ca: String,
}

fn configuration(name: &str) -> String {
    let address = |port: u16| format!("https://{name}:{port}");
    let text = json!({
        "storage": { "raft": { "path": "/raft", "node_id": name } },
        "listener": { "tcp": { "address": "0.0.0.0:8200", "cluster_address": "0.0.0.0:8201",
            "tls_cert_file": "/tls/cert.pem", "tls_key_file": "/tls/key.pem" } },
        "api_addr": address(8200), "cluster_addr": address(8201), "disable_mlock": true,
    });
    text.to_string()
}

/// Signs certificates for the nodes.
struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "an authority within a company");
        let key = rcgen::KeyPair::generate().unwrap();
        Self(rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// The certificate and its key, in PEM.
    fn sign(&self, names: Vec<String>) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let signed = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (signed.pem(), key.serialize_pem())
    }
}

/// Vault is not root there, and must read them.
fn put(node: &OwnVault, files: &[(&str, &str)]) {
    let files: Vec<_> = files.iter().map(|(path, content)| (*path, content.as_bytes(), 0o644)).collect();
    node.put(&files);
}

impl Raft {
    /// Starts the nodes, makes one Vault of them, and unseals it.
    pub fn start(label: &str) -> Self {
        let authority = Authority::new();
        let mut raft = Self { nodes: Vec::new(), ca: authority.0.pem() };
        // What it stores is in memory: a disk that is busy would make elections.
        let with = ["--tmpfs", "/raft:mode=1777"];
        for number in 0..3 {
            let mut node = OwnVault::create(&format!("{label}-{number}"), &with, &["-config", "/tls/config.json"]);
            node.ca = Some(raft.ca.clone());
            raft.nodes.push(node);
        }
        let mut names: Vec<String> = raft.nodes.iter().map(|node| node.name.clone()).collect();
        let (certificate, key) = authority.sign(names.clone());
        for node in &mut raft.nodes {
            let configuration = configuration(&node.name);
            put(node, &[("tls/cert.pem", &certificate), ("tls/key.pem", &key), ("tls/config.json", &configuration)]);
            names.push(node.start().to_string());
        }
        // Pods ask by address, which is known only now. Vault reads its certificate anew as it does in production.
        let (certificate, key) = authority.sign(names);
        for node in &raft.nodes {
            put(node, &[("tls/cert.pem", &certificate), ("tls/key.pem", &key)]);
            node.signal("HUP");
        }
        raft.unite();
        raft
    }

    fn unite(&mut self) {
        let [active, standbys @ ..] = &mut self.nodes[..] else { panic!("no node") };
        let unseal = active.initialise();
        // A node that joins may be elected when it was there for so long.
        let soon = json!({ "server_stabilization_time": "1s" });
        active.must("POST", "sys/storage/raft/autopilot/configuration", soon);
        let join = json!({ "leader_api_addr": active.url, "leader_ca_cert": self.ca });
        for standby in &mut *standbys {
            standby.token.clone_from(&active.token);
            standby.must("PUT", "sys/storage/raft/join", join.clone());
            standby.must("PUT", "sys/unseal", unseal.clone());
        }
        standbys.iter().for_each(|standby| standby.is(429));
        active.must("PUT", "sys/audit/file", json!({ "type": "file", "options": { "file_path": "stdout" } }));
    }

    /// Waits until every node may be elected.
    pub fn is_whole(&self) {
        eventually("every node may be elected", Duration::from_secs(60), || {
            let configuration = self.nodes[0].ask("GET", "sys/storage/raft/configuration", Value::Null).1;
            let servers = configuration["data"]["config"]["servers"].as_array().cloned().unwrap_or_default();
            servers.iter().filter(|server| server["voter"] == true).count() == self.nodes.len()
        });
    }

    /// Gives each node a Service Account's token, as if it ran in a pod.
    pub fn runs_in_a_pod_with(&self, token: &str) {
        self.nodes.iter().for_each(|node| put(node, &[(POD_TOKEN, token)]));
    }
}
