//! Why a request got no answer is told apart, on real sockets of this machine;
//! and HTTPS under a private certificate authority works with that one alone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pmp_vault_conformance::probe::input::{Ask, Input};
use pmp_vault_conformance::probe::way::observe;
use pmp_vault_conformance::vault::client::{Client, PLAIN_TO_TLS, Proxy, Roots, http_client};
use pmp_vault_conformance::vault::transport::{Handshake, Transport, transport};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rstest::rstest;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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
    assert_eq!(why(&format!("https://{plain}/"), &Roots::Public).await, Transport::Tls(Handshake::NoTls));
}

#[tokio::test]
async fn a_tls_listener_asked_by_plain_http_is_none_of_the_known_reasons() {
    let authority = Authority::new("private");
    let address = authority.serve("127.0.0.1");
    assert_eq!(why(&format!("http://{address}/"), &Roots::Public).await, Transport::Other);
}

// What is no JSON and says what is wrong all the same.

async fn said(answer: &'static str) -> (u16, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = listen(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(answer.as_bytes());
    });
    let client = Client::new(&format!("http://{address}"), None, &Roots::Public).unwrap();
    let reply = client.send(reqwest::Method::GET, "sys/health", None).await.unwrap();
    (reply.status, reply.errors())
}

#[tokio::test]
async fn a_redirect_says_where_to_and_no_more_of_it() {
    let answer = "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://vault-1.example:8200/v1/x?token=canary\r\n\
                  content-length: 6\r\nconnection: close\r\n\r\n<html>";
    assert_eq!(said(answer).await, (307, "redirects to https://vault-1.example:8200".to_owned()));
}

#[rstest]
#[case::vault("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")]
#[case::nginx("HTTP/1.0 400 Bad Request\r\n\r\n<html><center>The plain HTTP request was sent to HTTPS port</center>")]
#[tokio::test]
async fn a_tls_listener_that_says_so_is_told_in_vaults_words_of(#[case] answer: &'static str) {
    assert_eq!(said(answer).await, (400, PLAIN_TO_TLS.to_owned()));
}

// TLS under a private authority.

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Whom a listener lets in.
enum Clients {
    Any,
    /// By that version of TLS, with a certificate of that authority.
    WithCertificate(&'static rustls::SupportedProtocolVersion, CertificateDer<'static>),
}

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
        self.serve_as(name, Clients::Any, |_| {})
    }

    /// The same with another certificate, or for other clients.
    fn serve_as(&self, name: &str, clients: Clients, change: impl FnOnce(&mut CertificateParams)) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut parameters);
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        serve_with(&certificate, &key, clients)
    }
}

fn serve_with(certificate: &Certificate, key: &KeyPair, clients: Clients) -> SocketAddr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = match clients {
        Clients::Any => ServerConfig::builder().with_no_client_auth(),
        Clients::WithCertificate(version, authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            ServerConfig::builder_with_protocol_versions(&[version]).with_client_cert_verifier(verifier)
        }
    };
    let config = Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap());
    listen(move |stream| {
        let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
        if tls.read(&mut [0; 4096]).is_ok() {
            let _ = tls.write_all(PLAIN_ANSWER);
            tls.conn.send_close_notify();
        }
        let _ = tls.flush();
    })
}

#[tokio::test]
async fn https_under_a_private_authority_works_with_that_authority() {
    let authority = Authority::new("private");
    let url = format!("https://{}/", authority.serve("127.0.0.1"));
    assert_eq!(ask(&url, &authority.roots()).await, Ok(200));
}

#[tokio::test]
async fn a_tls_listener_that_breaks_off_plain_http_is_told_by_its_handshake() {
    let address = Authority::new("private").serve("127.0.0.1");
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "a token").unwrap();
    let input = |address: SocketAddr| Input {
        run: "r1".to_owned(),
        scenario: "existing.app".to_owned(),
        secret_name: format!("http://{address}/pmp-dev/admin"),
        mount: None,
        keys: Vec::new(),
        auth_mount: "kubernetes".to_owned(),
        role: "pmp-secret-accessor-role".to_owned(),
        token_file: token_file.display().to_string(),
        ca: None,
        hmac_key: None,
        sibling: None,
        stay_up: false,
        living: None,
        ask: Some(Ask {
            login_only: false,
            sibling: "sibling".to_owned(),
            vault_namespace: None,
            settles: false,
            authorities: Vec::new(),
            keys_of_others: Vec::new(),
        }),
    };
    let observation = observe(&input(address)).await.unwrap();
    assert_eq!(observation.login.unwrap().answer.text, PLAIN_TO_TLS);
    // The token was not sent; the two requests are the one that every check is known to make.
    let paths: Vec<String> = observation.asked.unwrap().requests.into_iter().map(|request| request.path).collect();
    assert!(paths.iter().all(|path| path == "/v1/sys/health"), "{paths:?}");
    let rude = observe(&input(listen(drop))).await.unwrap();
    assert_eq!(rude.login.unwrap().answer.transport, Some(Transport::Other));
}

#[tokio::test]
async fn the_end_of_the_certificate_that_was_shown_is_told() {
    let authority = Authority::new("private");
    let address = authority
        .serve_as("127.0.0.1", Clients::Any, |parameters| parameters.not_after = rcgen::date_time_ymd(2299, 1, 2));
    let client = Client::new(&format!("https://{address}"), None, &authority.roots()).unwrap();
    let reply = client.send(reqwest::Method::GET, "sys/health", None).await.unwrap();
    assert_eq!(reply.certificate_ends.unwrap().to_string(), "2299-01-02T00:00:00Z");
}

#[tokio::test]
async fn https_under_a_private_authority_fails_with_the_public_ones_and_with_another() {
    let authority = Authority::new("private");
    let url = format!("https://{}/", authority.serve("127.0.0.1"));
    assert_eq!(why(&url, &Roots::Public).await, Transport::Tls(Handshake::Authority));
    assert_eq!(why(&url, &Authority::new("another").roots()).await, Transport::Tls(Handshake::Authority));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_failure_of_tls() {
    let authority = Authority::new("private");
    let url = format!("https://{}/", authority.serve("vault.example"));
    assert_eq!(why(&url, &authority.roots()).await, Transport::Tls(Handshake::Name));
}

#[rstest]
#[case::is_over(1990, 2000)]
#[case::has_not_begun(2500, 2600)]
#[tokio::test]
async fn a_certificate_is_told_to_be_out_of_its_time_where_that(#[case] from: i32, #[case] to: i32) {
    let authority = Authority::new("private");
    let address = authority.serve_as("127.0.0.1", Clients::Any, |parameters| {
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
    });
    let url = format!("https://{address}/");
    assert_eq!(why(&url, &authority.roots()).await, Transport::Tls(Handshake::Expired));
}

#[rstest]
#[case::tls_1_2(&rustls::version::TLS12)]
#[case::tls_1_3(&rustls::version::TLS13)]
#[tokio::test]
async fn a_listener_that_wants_a_certificate_of_the_clients_says_so_by(
    #[case] version: &'static rustls::SupportedProtocolVersion,
) {
    let authority = Authority::new("private");
    let url = format!(
        "https://{}/",
        authority.serve_as("127.0.0.1", Clients::WithCertificate(version, authority.0.der().clone()), |_| {})
    );
    assert_eq!(why(&url, &authority.roots()).await, Transport::Tls(Handshake::ClientCertificate));
}

#[rstest]
#[case::for_that_name("127.0.0.1", Ok(200))]
#[case::for_another_name("vault.example", Err(Transport::Tls(Handshake::Name)))]
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_where_it_is_given(
    #[case] name: &str,
    #[case] expected: Result<u16, Transport>,
) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = parameters.self_signed(&key).unwrap();
    let roots = Roots::Pem(certificate.pem().into_bytes());
    let url = format!("https://{}/", serve_with(&certificate, &key, Clients::Any));
    assert_eq!(ask(&url, &roots).await.map_err(|(kind, _)| kind), expected);
    assert_eq!(why(&url, &Authority::new("another").roots()).await, Transport::Tls(Handshake::Authority));
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
