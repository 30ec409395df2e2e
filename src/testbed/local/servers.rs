//! What each server of the cluster is told.
//!
//! The flags that decide something of what is proved are those of kubeadm: the
//! issuer, RBAC, the admission rules. The rest keeps everything on loopback.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use super::certificates::{Certificates, Pair};

/// The port of the API server.
pub const API_PORT: u16 = 6443;
/// The ports of etcd, for clients and for others of its kind.
pub const ETCD_PORTS: [u16; 2] = [2379, 2380];

/// The controllers that a cluster needs for what is proved: they make pods of
/// Deployments, `default` Service Accounts, the authority's ConfigMap and the
/// tokens of Secrets, and they clear away. By the names that every version takes.
const CONTROLLERS: [&str; 8] = [
    "deployment",
    "replicaset",
    "serviceaccount",
    "serviceaccount-token",
    "root-ca-cert-publisher",
    "namespace",
    "garbagecollector",
    "podgc",
];

/// etcd, without the waits for a disk that only a machine that stops would need.
#[must_use]
pub fn etcd(address: Ipv4Addr, data: &Path) -> Vec<String> {
    let [clients, peers] = ETCD_PORTS.map(|port| format!("http://{address}:{port}"));
    vec![
        "--name=local".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=local={peers}"),
        "--unsafe-no-fsync=true".to_owned(),
    ]
}

/// What an API server shows who asks it, and which keys it has for tokens.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Its certificate.
    pub serving: Pair,
    /// What signs tokens.
    pub signs: Pair,
    /// Whose tokens it takes besides.
    pub also_takes: Option<Pair>,
}

impl Keys {
    /// Those of the cluster's own API server.
    #[must_use]
    pub fn of(certificates: &Certificates) -> Self {
        Self { serving: certificates.api_server(), signs: certificates.tokens(), also_takes: None }
    }
}

/// The API server.
#[must_use]
pub fn api_server(
    address: Ipv4Addr,
    etcd: Ipv4Addr,
    (certificates, keys): (&Certificates, &Keys),
    longest_token: Option<Duration>,
) -> Vec<String> {
    let Keys { serving: Pair { certificate, key }, signs, also_takes } = keys;
    let to_kubelet = certificates.kubelet_client();
    let authority = certificates.authority();
    let mut flags = vec![
        format!("--etcd-servers=http://{etcd}:{}", ETCD_PORTS[0]),
        format!("--bind-address={address}"),
        format!("--secure-port={API_PORT}"),
        // Nothing of ours reaches it by a Service, and a loopback address cannot be an Endpoint.
        format!("--advertise-address={address}"),
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--tls-cert-file={}", certificate.display()),
        format!("--tls-private-key-file={}", key.display()),
        format!("--client-ca-file={}", authority.display()),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", signs.certificate.display()),
        format!("--service-account-signing-key-file={}", signs.key.display()),
        format!("--kubelet-client-certificate={}", to_kubelet.certificate.display()),
        format!("--kubelet-client-key={}", to_kubelet.key.display()),
        format!("--kubelet-certificate-authority={}", authority.display()),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
    ];
    flags.extend(also_takes.iter().map(|it| format!("--service-account-key-file={}", it.certificate.display())));
    // In seconds: Go's durations know no days.
    flags.extend(longest_token.map(|longest| format!("--service-account-max-token-expiration={}s", longest.as_secs())));
    flags
}

/// The controller manager.
#[must_use]
pub fn controller_manager(kubeconfig: &Path, certificates: &Certificates) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--controllers={}", CONTROLLERS.join(",")),
        format!("--root-ca-file={}", certificates.authority().display()),
        format!("--service-account-private-key-file={}", certificates.tokens().key.display()),
        "--leader-elect=false".to_owned(),
        // It serves nothing that anybody asks for.
        "--secure-port=0".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_taken_besides_signs_nothing() {
        let certificates = Certificates::in_folder("/c".into());
        let pair = |name: &str| Pair { certificate: format!("/{name}.crt").into(), key: format!("/{name}.key").into() };
        let address = Ipv4Addr::LOCALHOST;
        let keys = Keys { serving: pair("server"), signs: pair("new"), also_takes: Some(pair("old")) };
        let flags = api_server(address, address, (&certificates, &keys), None);
        let of = |name: &str| -> Vec<&str> { flags.iter().filter_map(|flag| flag.strip_prefix(name)).collect() };
        assert_eq!(of("--service-account-key-file="), ["/new.crt", "/old.crt"]);
        assert_eq!(of("--service-account-signing-key-file="), ["/new.key"]);
        assert_eq!(of("--tls-cert-file="), ["/server.crt"]);
        assert_eq!(of("--client-ca-file="), ["/c/ca.crt"], "the administrator's certificate is the cluster's");
        let own = api_server(address, address, (&certificates, &Keys::of(&certificates)), None);
        assert_eq!(own.iter().filter(|flag| flag.starts_with("--service-account-key-file=")).count(), 1);
    }
}
