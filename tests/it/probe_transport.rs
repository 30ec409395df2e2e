//! Why a request got no answer is told apart, on real sockets of this machine;
//! and HTTPS under a private certificate authority works with that one alone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pmp_vault_conformance::vault::client::{Proxy, Roots, http_client};
use pmp_vault_conformance::vault::transport::{Transport, transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rstest::rstest;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Asks, with a short patience.
async fn ask(url: &str, roots: &Roots) -> Result<u16, (Transport, String)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = http_client(roots, Duration::from_millis(1500), Proxy::Never).unwrap();
    match client.get(url).send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(transport(&error)),
    }
}

async fn why(url: &str, roots: &Roots) -> Transport {
    match ask(url, roots).await {
        Err((kind, text)) => {
            assert!(!text.is_empty(), "{kind:?} says nothing");
            kind
        }
        Ok(status) => panic!("{url} answered {status}"),
    }
}

/// A listener whose first connections go to `serve`.
fn listen(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

fn answer_plainly(mut stream: std::net::TcpStream) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(PLAIN_ANSWER);
}

// No answer.

#[tokio::test]
async fn a_closed_port_refuses() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(why(&format!("http://{closed}/"), &Roots::Public).await, Transport::Refused);
    assert_eq!(why(&format!("https://{closed}/"), &Roots::Public).await, Transport::Refused);
}

#[rstest]
#[case::http("http")]
#[case::https("https")]
#[tokio::test]
async fn a_listener_that_says_nothing_is_a_time_out_by(#[case] scheme: &str) {
    let held = std::sync::Mutex::new(Vec::new());
    let silent = listen(move |stream| held.lock().unwrap().push(stream));
    assert_eq!(why(&format!("{scheme}://{silent}/"), &Roots::Public).await, Transport::Timeout);
}

#[tokio::test]
async fn a_listener_that_hangs_up_is_none_of_the_known_reasons() {
    let rude = listen(drop);
    assert_eq!(why(&format!("http://{rude}/"), &Roots::Public).await, Transport::Other);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_none_of_the_known_reasons() {
    let short = listen(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200");
    });
    assert_eq!(why(&format!("http://{short}/"), &Roots::Public).await, Transport::Other);
}

#[tokio::test]
async fn a_name_that_cannot_exist_is_not_found_and_at_once() {
    // RFC 6761: no resolver asks the network for `.invalid`.
    let started = Instant::now();
    let url = "http://nosuchhost.invalid:8200/";
    assert_eq!(why(url, &Roots::Public).await, Transport::NameNotFound);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_plain_listener_asked_by_https_is_a_failure_of_tls() {
    let plain = listen(answer_plainly);
    assert_eq!(ask(&format!("http://{plain}/"), &Roots::Public).await, Ok(200));
    assert_eq!(why(&format!("https://{plain}/"), &Roots::Public).await, Transport::Tls);
}

#[tokio::test]
async fn a_tls_listener_asked_by_plain_http_is_none_of_the_known_reasons() {
    let authority = Authority::new("private");
    let address = authority.serve("127.0.0.1");
    assert_eq!(why(&format!("http://{address}/"), &Roots::Public).await, Transport::Other);
}

// TLS under a private authority.

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> Roots {
        Roots::Pem(self.0.pem().into_bytes())
    }

    /// Serves HTTPS with a certificate of this authority for that name.
    fn serve(&self, name: &str) -> SocketAddr {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain = vec![certificate.der().clone()];
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let config = Arc::new(config);
        listen(move |stream| {
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            if tls.read(&mut [0; 4096]).is_ok() {
                let _ = tls.write_all(PLAIN_ANSWER);
                tls.conn.send_close_notify();
            }
            let _ = tls.flush();
        })
    }
}

#[tokio::test]
async fn https_under_a_private_authority_works_with_that_authority() {
    let authority = Authority::new("private");
    let url = format!("https://{}/", authority.serve("127.0.0.1"));
    assert_eq!(ask(&url, &authority.roots()).await, Ok(200));
}

#[tokio::test]
async fn https_under_a_private_authority_fails_with_the_public_ones_and_with_another() {
    let authority = Authority::new("private");
    let url = format!("https://{}/", authority.serve("127.0.0.1"));
    assert_eq!(why(&url, &Roots::Public).await, Transport::Tls);
    assert_eq!(why(&url, &Authority::new("another").roots()).await, Transport::Tls);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_failure_of_tls() {
    let authority = Authority::new("private");
    let url = format!("https://{}/", authority.serve("vault.example"));
    assert_eq!(why(&url, &authority.roots()).await, Transport::Tls);
}

#[rstest]
#[case::nothing("", "no certificate")]
#[case::something_else("no PEM at all", "no certificate")]
#[case::a_broken_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "")]
#[case::a_certificate_cut_off("-----BEGIN CERTIFICATE-----\nAAAA\n", "")]
fn roots_are_refused_where_the_pem_holds(#[case] pem: &str, #[case] reason: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let error = http_client(&Roots::Pem(pem.as_bytes().to_vec()), Duration::from_secs(1), Proxy::Never).unwrap_err();
    assert!(!error.is_empty() && error.contains(reason), "{error}");
}
