//! The probe in its own image, `FROM scratch`: names and TLS work without any file.

use std::process::Command;

use pmp_vault_conformance::probe::from_log;
use pmp_vault_conformance::probe::input::{Input, VARIABLE};
use pmp_vault_conformance::probe::observation::Observation;
use pmp_vault_conformance::vault::transport::{Handshake, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testcontainers::core::ContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use crate::support::testbed::{self, program};

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The probe's image, loaded into the engine and removed at the end.
struct Image(String);

impl Image {
    fn load() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("probe.tar");
        let output = program().args(["images", "export"]).arg(&archive).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let reference = String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned();
        docker(&["load", "--input", archive.to_str().unwrap()]);
        Self(reference)
    }

    fn observe(&self, secret_name: &str, ca: Option<String>) -> Observation {
        let input = Input {
            run: "test".to_owned(),
            scenario: "test".to_owned(),
            secret_name: secret_name.to_owned(),
            mount: None,
            keys: vec!["VCS.GitlabAdminPAT".to_owned()],
            auth_mount: "kubernetes".to_owned(),
            role: "role".to_owned(),
            token_file: "/no/such/token".to_owned(),
            ca,
            hmac_key: None,
            sibling: None,
            stay_up: false,
            living: None,
            ask: None,
        };
        let variable = format!("{VARIABLE}={}", serde_json::to_string(&input).unwrap());
        let network = testbed::made_of()["network"].as_str().unwrap().to_owned();
        let log = docker(&[
            "run",
            "--rm",
            "--network",
            &network,
            "--read-only",
            "--cap-drop",
            "ALL",
            "--env",
            &variable,
            &self.0,
            "probe",
        ]);
        from_log(&log, "test", "test").unwrap().expect("an observation")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["image", "rm", "--force", &self.0]).output();
    }
}

/// A Vault behind TLS, its certificate signed by a private authority.
async fn vault_with_tls(name: &str) -> (ContainerAsync<GenericImage>, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = r#"{"storage":{"inmem":{}},"disable_mlock":true,"listener":{"tcp":{"address":"0.0.0.0:8200",
        "tls_cert_file":"/tls/cert.pem","tls_key_file":"/tls/key.pem"}}}"#;
    let made_of = testbed::made_of();
    let image = made_of["vault-image"].as_str().unwrap();
    let (repository, tag) = image.rsplit_once(':').unwrap();
    let container = GenericImage::new(repository, tag)
        .with_exposed_port(ContainerPort::Tcp(8200))
        .with_cmd(["server", "-config", "/tls/config.json"])
        .with_container_name(name)
        .with_network(made_of["network"].as_str().unwrap())
        .with_label("pmp-vault-conformance.run", testbed::owner())
        .with_env_var("SKIP_SETCAP", "true")
        .with_copy_to("/tls/cert.pem", certificate.pem().into_bytes())
        .with_copy_to("/tls/key.pem", key.serialize_pem().into_bytes())
        .with_copy_to("/tls/config.json", config.as_bytes().to_vec())
        .start()
        .await
        .unwrap();
    (container, authority.pem())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Vault and a kind cluster: scripts/test --kind"]
async fn in_an_empty_image_the_probe_resolves_names_and_speaks_https_under_a_private_authority() {
    let image = Image::load();
    let container = testbed::made_of()["vault-container"].as_str().unwrap().to_owned();
    let seen = image.observe(&format!("http://{container}:8200/pmp-dev/admin"), None).read.unwrap();
    // Without a token a real Vault refuses: the name led to it.
    assert_eq!(seen.status, Some(403), "{seen:?}");
    let seen = image.observe("http://no-such-name.invalid:8200/pmp-dev/admin", None).read.unwrap();
    assert_eq!(seen.transport, Some(Transport::NameNotFound), "{seen:?}");

    let name = format!("pvc-{}-tls", testbed::owner());
    let (_vault, authority) = vault_with_tls(&name).await;
    let url = format!("https://{name}:8200/pmp-dev/admin");
    let mut seen = image.observe(&url, Some(authority.clone())).read.unwrap();
    for _ in 0..40 {
        if seen.transport != Some(Transport::Refused) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
        seen = image.observe(&url, Some(authority.clone())).read.unwrap();
    }
    // Sealed, and so of no use; but it said so over a connection that the probe trusted.
    assert_eq!(seen.status, Some(503), "{seen:?}");
    let seen = image.observe(&url, None).read.unwrap();
    assert_eq!(seen.transport, Some(Transport::Tls(Handshake::Authority)), "{seen:?}");
}
