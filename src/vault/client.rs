//! One exchange with Vault, its errors, and why a request got no answer.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use thiserror::Error;

use super::certificate::not_after;
use super::objects::BEING_UPGRADED;
use super::transport::{Transport, transport, transport_text};
use super::trust::Given;
use crate::ledger::{Ledger, Request, Server};
use crate::wait::TimedOut;

/// Vault itself gives up on an API server that drops packets after 30 s, so a
/// client that wants to see what Vault says of it waits longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);

/// Longer than a slow network needs, far shorter than a run's time limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Vault's own limit for a request is 32 MiB, and what is asked for here is small.
const LARGEST_ANSWER: usize = 8 << 20;

/// What Vault's TLS listener answers to plain HTTP (Go's `net/http`).
pub const PLAIN_TO_TLS: &str = "Client sent an HTTP request to an HTTPS server";

/// The same of Vault, nginx and Apache, as it stands in the answer's body.
const PLAIN_TO_TLS_OF: [&str; 3] = [
    PLAIN_TO_TLS,
    "The plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
];

/// How the text of an answer begins that sends the client elsewhere.
pub const REDIRECTS: &str = "redirects to ";

/// Why a request to Vault gave no usable answer.
#[derive(Debug, Error)]
pub enum Error {
    /// No answer at all.
    #[error("{method} {url}: {}", transport_text(.source))]
    NoAnswer {
        /// The HTTP method.
        method: Method,
        /// The URL.
        url: String,
        /// What the HTTP client says.
        source: reqwest::Error,
    },
    /// An answer, but another than was needed.
    #[error("{method} {url}: Vault answered {status}{}", explained(.text))]
    Status {
        /// The HTTP method.
        method: Method,
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Vault's `errors`.
        text: String,
    },
    /// An answer whose body lacks a field.
    #[error("{method} {url}: Vault's answer has no `{field}`")]
    Shape {
        /// The HTTP method.
        method: Method,
        /// The URL.
        url: String,
        /// The field.
        field: &'static str,
    },
    /// An answer that is not Vault's: no JSON, of another shape, or far too long. Something stands in between.
    #[error("{method} {url}: HTTP {status}, and {what}")]
    Garbled {
        /// The HTTP method.
        method: Method,
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client for {address}: {reason}")]
    Client {
        /// Vault's address.
        address: String,
        /// Why.
        reason: String,
    },
    /// Something did not come in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}

impl Error {
    /// Vault's status, where there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What is wrong with Vault or the way to it, where that is what went wrong.
    #[must_use]
    pub fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::NoAnswer { .. } => Some("Vault is not reached"),
            Self::Status { status, .. } | Self::Garbled { status, .. } if fails(*status) => {
                Some("Vault, or what stands in front of it, fails")
            }
            Self::Status { status, .. } if (300..400).contains(status) => Some(NOT_VAULT),
            Self::Garbled { .. } | Self::Shape { .. } => Some(NOT_VAULT),
            Self::Status { .. } | Self::Client { .. } | Self::TimedOut(_) => None,
        }
    }
}

const NOT_VAULT: &str = "what answers is not Vault";

/// Whether a status says that a server fails, or has too much to do.
#[must_use]
pub fn fails(status: u16) -> bool {
    status == 429 || status >= 500
}

/// Vault's `errors` behind its status.
fn explained(text: &str) -> String {
    if text.is_empty() { " without an explanation".to_owned() } else { format!(": {text}") }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// How long to wait before each further try.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(600), Duration::from_millis(1500)];

/// A Vault that is not active, and finds no other that is, becomes active or
/// hears of one within about ten seconds; then tries go on this often, so long.
const ELECTION: (Duration, u32) = (Duration::from_secs(1), 15);

/// A KV engine that becomes version 2 gives and takes nothing for a moment, or for as long as it has much to change; so
/// often, so many milliseconds, twenty seconds in all.
const UPGRADE: [u64; 16] = [100, 100, 100, 200, 300, 400, 800, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000];

/// What a Vault in between says (`vault/core.go`, seen on 1.21.0 after `vault operator step-down`).
const NO_ACTIVE_NODE: &str = "active cluster node not found";

/// The pauses before further tries, where an answer, or its absence, may be
/// another the next time. What Vault explains otherwise stays as it is, and so
/// does a refused connection.
fn pauses(result: &Result<Reply, Error>) -> Vec<Duration> {
    let passes = match result {
        Ok(reply) if reply.errors().contains(NO_ACTIVE_NODE) => return vec![ELECTION.0; ELECTION.1 as usize],
        Ok(reply) if reply.status == 400 && reply.errors().contains(BEING_UPGRADED) => {
            return UPGRADE.map(Duration::from_millis).to_vec();
        }
        // A rate limit says so in words, and is over in a moment all the same.
        Ok(reply) => reply.status == 429 || (fails(reply.status) && reply.errors().is_empty()),
        Err(Error::NoAnswer { source, .. }) => transport(source).0 == Transport::Other,
        Err(Error::Garbled { status, .. }) => fails(*status),
        Err(_) => false,
    };
    if passes { PAUSES.to_vec() } else { Vec::new() }
}

/// Whom the client trusts for TLS.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// The public certificate authorities that Mozilla trusts, compiled in.
    #[default]
    Public,
    /// These, in PEM, and no other.
    Pem(Vec<u8>),
    /// The public ones, and these in PEM.
    PublicAnd(Vec<u8>),
}

/// Whether `HTTPS_PROXY` and its like count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// They do not: a pod, or a testbed on loopback.
    Never,
    /// They do: the harness's own calls to a customer's Vault, and the probe's in a pod with the app's own variables.
    OfEnvironment,
}

/// An HTTP client that works in an image without any file: its roots of trust
/// are given, and names are resolved without the C library.
///
/// # Errors
/// The PEM holds no certificate, or a broken one.
pub fn http_client(roots: &Roots, timeout: Duration, proxy: Proxy) -> Result<reqwest::Client, String> {
    let mut store = RootCertStore::empty();
    let builder = rustls::ClientConfig::builder();
    let tls = match roots {
        Roots::Public => {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            builder.with_root_certificates(store).with_no_client_auth()
        }
        Roots::Pem(pem) | Roots::PublicAnd(pem) => {
            if matches!(roots, Roots::PublicAnd(_)) {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            let mut certificates = Vec::new();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|e| format!("broken PEM: {e}"))?;
                store.add(certificate.clone()).map_err(|e| e.to_string())?;
                certificates.push(certificate);
            }
            if store.is_empty() {
                return Err("the PEM holds no certificate".to_owned());
            }
            let signed = WebPkiServerVerifier::builder(Arc::new(store)).build().map_err(|e| e.to_string())?;
            let verifier = Arc::new(Given { signed, certificates });
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        }
    };
    let builder = reqwest::Client::builder();
    let builder = if proxy == Proxy::Never { builder.no_proxy() } else { builder };
    builder
        .tls_backend_preconfigured(tls)
        .tls_info(true)
        .hickory_dns(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .build()
        .map_err(|e| transport_text(&e))
}

/// An answer of Vault.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body; `null` where it is empty or not JSON.
    pub body: Value,
    /// When the certificate ends that the server showed, where it showed one.
    pub certificate_ends: Option<Timestamp>,
}

impl Reply {
    /// Vault's `errors`, joined with `; `, each on one line.
    #[must_use]
    pub fn errors(&self) -> String {
        let Some(errors) = self.body.get("errors").and_then(Value::as_array) else { return String::new() };
        let texts: Vec<String> = errors
            .iter()
            .filter_map(Value::as_str)
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        texts.join("; ")
    }

    /// Whether a refusal is Vault's own, which always has `errors`, or the
    /// description of a deleted secret. A gateway in between knows neither.
    #[must_use]
    pub fn is_vaults(&self) -> bool {
        let refusal = (400..500).contains(&self.status) && !fails(self.status);
        !refusal || self.body["errors"].is_array() || self.body["data"].is_object()
    }
}

/// A Vault at an address, with or without a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Arc<str>,
    token: Option<SecretString>,
    namespace: Option<Arc<str>>,
    ledger: Option<(Ledger, Arc<str>)>,
}

impl Client {
    /// A client for the Vault at `address`, such as `http://127.0.0.1:8200`.
    ///
    /// # Errors
    /// The roots of trust are unusable.
    pub fn new(address: &str, token: Option<SecretString>, roots: &Roots) -> Result<Self, Error> {
        Self::through(address, token, roots, Proxy::Never)
    }

    /// The same, through a proxy where the environment names one and `proxy` says so.
    ///
    /// # Errors
    /// The roots of trust are unusable.
    pub fn through(address: &str, token: Option<SecretString>, roots: &Roots, proxy: Proxy) -> Result<Self, Error> {
        let http = http_client(roots, REQUEST_TIMEOUT, proxy)
            .map_err(|reason| Error::Client { address: address.to_owned(), reason })?;
        let address = address.trim_end_matches('/').into();
        Ok(Self { http, address, token, namespace: None, ledger: None })
    }

    /// The same in a namespace of Vault Enterprise (`X-Vault-Namespace`).
    #[must_use]
    pub fn in_namespace(self, namespace: Option<&str>) -> Self {
        Self { namespace: namespace.map(Into::into), ..self }
    }

    /// The same client at another address.
    #[must_use]
    pub fn at(self, address: &str) -> Self {
        Self { address: address.trim_end_matches('/').into(), ..self }
    }

    /// The same, with every request noted as that of `by`.
    #[must_use]
    pub fn noted(self, ledger: &Ledger, by: &str) -> Self {
        Self { ledger: Some((ledger.clone(), by.into())), ..self }
    }

    /// The same Vault with another token, or with none.
    #[must_use]
    pub fn with_token(&self, token: Option<SecretString>) -> Self {
        Self { token, ..self.clone() }
    }

    /// Vault's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends one request to `/v1/PATH`, whatever the status of the answer.
    ///
    /// # Errors
    /// [`Error::NoAnswer`], or [`Error::Garbled`] where something else than Vault answers.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Error> {
        let reply = self.exchange(method.clone(), path, body).await;
        if let Some((ledger, by)) = &self.ledger {
            let path = format!("/v1/{}", path.split('?').next().unwrap_or(path));
            let status = reply.as_ref().ok().map(|reply| reply.status);
            ledger.note(Request { to: Server::Vault, by: by.to_string(), method: method.to_string(), path, status });
        }
        reply
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Error> {
        let url = format!("{}/v1/{path}", self.address);
        let mut request = self.http.request(method.clone(), &url).header("X-Vault-Request", "true");
        // Vault tells its health in no namespace but the root.
        if let Some(namespace) = self.namespace.as_ref().filter(|_| path != "sys/health") {
            request = request.header("X-Vault-Namespace", &**namespace);
        }
        if let Some(token) = &self.token {
            request = request.header("X-Vault-Token", token.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |source: reqwest::Error| Error::NoAnswer { method: method.clone(), url: url.clone(), source };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate_ends = tls.and_then(|tls| tls.peer_certificate()).and_then(not_after);
        let elsewhere = response.headers().get(reqwest::header::LOCATION).and_then(|to| to.to_str().ok());
        // Where to, and no more of it: a path may hold anything.
        let elsewhere =
            elsewhere.and_then(|to| response.url().join(to).ok()).map(|to| to.origin().ascii_serialization());
        let garbled = |what| Error::Garbled { method: method.clone(), url: url.clone(), status, what };
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&part);
            if bytes.len() > LARGEST_ANSWER {
                return Err(garbled("its body does not end"));
            }
        }
        // A TLS listener's answer to plain HTTP, and a redirect, are no JSON, and say what is wrong all the same.
        let said = |text: String| Ok(Reply { status, body: serde_json::json!({ "errors": [text] }), certificate_ends });
        if status == 400 && PLAIN_TO_TLS_OF.iter().any(|text| holds(&bytes, text)) {
            return said(PLAIN_TO_TLS.to_owned());
        }
        if let Some(to) = elsewhere.filter(|_| (300..400).contains(&status)) {
            return said(format!("{REDIRECTS}{to}"));
        }
        if bytes.is_empty() {
            return Ok(Reply { status, body: Value::Null, certificate_ends });
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| garbled("its body is no JSON"))?;
        Ok(Reply { status, body, certificate_ends })
    }

    /// Sends one request, and again where what went wrong may pass: a server that
    /// is busy or on its way up and does not say more, a connection that broke.
    /// Nothing is waited for here, so this is no `wait::until`: how long to try
    /// hangs on each answer, and the last one is the answer.
    ///
    /// # Errors
    /// As [`Client::send`], of the last try.
    pub async fn send_patiently(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Error> {
        let mut tried = 0;
        loop {
            let result = self.send(method.clone(), path, body).await;
            let Some(pause) = pauses(&result).get(tried).copied() else { return result };
            tried += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends one request that must succeed, with the patience of [`Client::send_patiently`].
    ///
    /// # Errors
    /// As [`Client::send`], or [`Error::Status`] for every status but 2xx.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Error> {
        let reply = self.send_patiently(method.clone(), path, body).await;
        self.succeeded(method, path, reply)
    }

    /// An answer that must be a success.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(super) fn succeeded(&self, method: Method, path: &str, reply: Result<Reply, Error>) -> Result<Reply, Error> {
        let reply = reply?;
        let (url, status) = (format!("{}/v1/{path}", self.address), reply.status);
        match StatusCode::from_u16(status) {
            Ok(code) if code.is_success() => Ok(reply),
            _ if !reply.is_vaults() => Err(Error::Garbled { method, url, status, what: "it has no `errors`" }),
            _ => Err(Error::Status { method, url, status, text: reply.errors() }),
        }
    }
}
