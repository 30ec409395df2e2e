//! The one proxy in front of the real servers: it passes on what no rule
//! concerns. It listens on the gateway of the run's own network, where pods and
//! Vault reach it, for the time of one trial.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::catalogue::{Act, Endpoint, Rule, Tls};
use crate::configure::merge;
use crate::vault::client::{Proxy as Through, Roots, http_client};

/// A request of a probe is small.
const LARGEST_REQUEST: usize = 1 << 20;

/// A proxy that listens. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where.
    pub address: SocketAddr,
    /// The authority that signed its certificate, in PEM, where it speaks TLS.
    pub ca: Option<String>,
    /// How often a rule was followed.
    pub followed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The Vault behind it.
pub struct Behind {
    /// Its address as the harness sees it.
    pub address: String,
    /// Its root token.
    pub root_token: SecretString,
    /// The policy that a token of a lie carries.
    pub policy: String,
}

struct InFront {
    http: reqwest::Client,
    behind: Behind,
    rules: Mutex<Vec<Rule>>,
    followed: Arc<AtomicUsize>,
}

/// Starts a proxy in front of Vault.
///
/// # Errors
/// It cannot listen there, or its certificate cannot be made; in words.
pub async fn vault(gateway: IpAddr, behind: Behind, rules: Vec<Rule>, tls: Option<Tls>) -> Result<Proxy, String> {
    let http = http_client(&Roots::Public, Duration::from_secs(60), Through::Never)?;
    let followed = Arc::new(AtomicUsize::new(0));
    let state = Arc::new(InFront { http, behind, rules: Mutex::new(rules), followed: followed.clone() });
    listen(gateway, Router::new().fallback(in_front).with_state(state), tls, followed).await
}

/// Starts a proxy in front of the API server whose TokenReview says yes to every token.
///
/// # Errors
/// It cannot listen there, or its certificate cannot be made; in words.
pub async fn says_yes(gateway: IpAddr) -> Result<Proxy, String> {
    listen(gateway, Router::new().fallback(yes), Some(Tls::Sound), Arc::default()).await
}

async fn listen(
    gateway: IpAddr,
    router: Router,
    tls: Option<Tls>,
    followed: Arc<AtomicUsize>,
) -> Result<Proxy, String> {
    let listener =
        TcpListener::bind((gateway, 0)).await.map_err(|error| format!("cannot listen on {gateway}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let Some(tls) = tls else {
        let task = tokio::spawn(async move {
            // It ends with the trial; what failed until then, the scenario has seen.
            let _ = axum::serve(listener, router).await;
        });
        return Ok(Proxy { address, ca: None, followed, task });
    };
    let (config, ca) = certificate(gateway, tls).map_err(|error| format!("cannot make a certificate: {error}"))?;
    let listener = TlsListener { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok(Proxy { address, ca: Some(ca), followed, task })
}

/// A certificate with what is wrong with it, and the authority that a client is given.
fn certificate(gateway: IpAddr, tls: Tls) -> Result<(ServerConfig, String), Box<dyn std::error::Error + Send + Sync>> {
    let authority = || -> Result<rcgen::CertifiedIssuer<'static, rcgen::KeyPair>, rcgen::Error> {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "self-test");
        rcgen::CertifiedIssuer::self_signed(parameters, rcgen::KeyPair::generate()?)
    };
    let (signer, other) = (authority()?, authority()?);
    let name = if tls == Tls::OtherName { "other.example".to_owned() } else { gateway.to_string() };
    let mut parameters = rcgen::CertificateParams::new(vec![name])?;
    if tls == Tls::Expired {
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 2, 1);
    }
    let key = rcgen::KeyPair::generate()?;
    let signed = parameters.signed_by(&key, &signer)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![signed.der().clone()], key)?;
    let trusted = if tls == Tls::Untrusted { &other } else { &signer };
    Ok((config, trusted.pem()))
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A client that does not like the certificate ends the handshake; the next one is waited for.
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Endpoint {
    fn of(method: &str, path: &str) -> Option<Self> {
        Some(match (method, path) {
            ("POST", path) if path.starts_with("/v1/auth/") && path.ends_with("/login") => Self::Login,
            ("POST", "/v1/auth/token/revoke-self") => Self::Revoke,
            ("GET", path) if path.ends_with("/data/admin") => Self::Read,
            ("GET", path) if path.ends_with("/data/sibling") => Self::Sibling,
            ("LIST", _) => Self::List,
            ("POST", path) if path.ends_with("/data/admin") => Self::Write,
            ("DELETE", path) if path.ends_with("/data/admin") => Self::Delete,
            _ => return None,
        })
    }
}

/// What comes back from Vault.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl InFront {
    /// The first rule that still holds at this endpoint.
    fn act(&self, endpoint: Option<Endpoint>) -> Option<Act> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter_mut().find(|rule| Some(rule.on) == endpoint && rule.times != Some(0))?;
        rule.times = rule.times.map(|times| times - 1);
        self.followed.fetch_add(1, Ordering::Relaxed);
        Some(rule.does.clone())
    }

    async fn pass_on(&self, request: &http::request::Parts, body: Bytes, as_root: bool) -> Answer {
        let path = request.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut out = self.http.request(request.method.clone(), format!("{}{path}", self.behind.address)).body(body);
        for name in ["x-vault-token", "x-vault-request", "content-type"] {
            if let Some(value) = request.headers.get(name).filter(|_| !(as_root && name == "x-vault-token")) {
                out = out.header(name, value);
            }
        }
        if as_root {
            out = out.header("x-vault-token", self.behind.root_token.expose_secret());
        }
        match out.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                Answer { status, body: answer.bytes().await.map(|bytes| bytes.to_vec()).unwrap_or_default() }
            }
            Err(_) => Answer { status: 502, body: Vec::new() },
        }
    }

    /// A token of the documented policy, as a login would give it.
    async fn token(&self) -> Answer {
        let url = format!("{}/v1/auth/token/create", self.behind.address);
        let body = json!({ "policies": [self.behind.policy], "ttl": "24h" });
        let request = self.http.post(url).header("x-vault-token", self.behind.root_token.expose_secret()).json(&body);
        match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                Answer { status, body: answer.bytes().await.map(|bytes| bytes.to_vec()).unwrap_or_default() }
            }
            Err(_) => Answer { status: 502, body: Vec::new() },
        }
    }
}

async fn in_front(State(state): State<Arc<InFront>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else { return plain(400, Body::empty()) };
    let endpoint = Endpoint::of(parts.method.as_str(), parts.uri.path());
    let Some(act) = state.act(endpoint) else { return whole(state.pass_on(&parts, body, false).await) };
    match act {
        Act::LogIn => {
            let answer = state.pass_on(&parts, body, false).await;
            whole(if answer.status == 200 { answer } else { state.token().await })
        }
        Act::AsRoot => whole(state.pass_on(&parts, body, true).await),
        Act::Answer { status, body } => {
            let text = body.map(|body| body.to_string()).unwrap_or_default();
            whole(Answer { status, body: text.into_bytes() })
        }
        Act::Redirect => {
            let location = parts.uri.path().to_owned();
            let mut response = plain(307, Body::empty());
            if let Ok(location) = location.parse() {
                response.headers_mut().insert(http::header::LOCATION, location);
            }
            response
        }
        Act::Html => {
            let mut response = plain(200, Body::from("<html><body>Please log in.</body></html>"));
            response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/html"));
            response
        }
        Act::Huge => {
            let block = Bytes::from(vec![b' '; 1 << 20]);
            plain(
                200,
                Body::from_stream(futures::stream::iter(
                    (0..1000).map(move |_| Ok::<_, std::io::Error>(block.clone())),
                )),
            )
        }
        Act::SlowStart(seconds) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            whole(state.pass_on(&parts, body, false).await)
        }
        act => changed(&act, state.pass_on(&parts, body, false).await),
    }
}

/// What is done with an answer that came.
fn changed(act: &Act, answer: Answer) -> Response {
    let Answer { status, body } = answer;
    let half = body.len() / 2;
    match act {
        Act::Truncate => whole(Answer { status, body: body[..half].to_vec() }),
        Act::Reset => {
            let first = Bytes::from(body[..half].to_vec());
            let cut = std::io::Error::other("cut off on purpose");
            plain(status, Body::from_stream(futures::stream::iter([Ok(first), Err(cut)])))
        }
        Act::SlowBody(seconds) => {
            let (first, second) = (Bytes::from(body[..half].to_vec()), Bytes::from(body[half..].to_vec()));
            let pause = Duration::from_secs(*seconds);
            let rest = futures::stream::once(async move {
                tokio::time::sleep(pause).await;
                Ok(second)
            });
            let stream = futures::stream::iter([Ok::<_, std::io::Error>(first)]).chain(rest);
            plain(status, Body::from_stream(stream))
        }
        act => {
            let Ok(mut value) = serde_json::from_slice::<Value>(&body) else { return whole(Answer { status, body }) };
            lie(act, &mut value);
            whole(Answer { status, body: value.to_string().into_bytes() })
        }
    }
}

/// The lies about what is in an answer.
fn lie(act: &Act, answer: &mut Value) {
    if let Act::Merge(patch) = act {
        merge(answer, patch);
        return;
    }
    let Some(values) = answer.pointer_mut("/data/data").and_then(Value::as_object_mut) else { return };
    let names: Vec<String> = values.keys().cloned().collect();
    let [first, .., last] = names.as_slice() else { return };
    match act {
        Act::SwapValues => {
            let (one, other) = (values[first].clone(), values[last].clone());
            values.insert(first.clone(), other);
            values.insert(last.clone(), one);
        }
        Act::StaleValues => {
            for (name, value) in values.iter_mut() {
                *value = json!(format!("an older value of {name}"));
            }
        }
        Act::DropKey => {
            values.remove(last);
        }
        Act::AddKey => {
            values.insert("Not.OfThePage".to_owned(), json!("made up"));
        }
        _ => {}
    }
}

fn whole(answer: Answer) -> Response {
    let mut response = plain(answer.status, Body::from(answer.body));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

fn plain(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    response
}

/// A TokenReview that says yes, with what the token says of itself.
async fn yes(request: Request) -> Response {
    let Ok(body) = to_bytes(request.into_body(), LARGEST_REQUEST).await else { return plain(400, Body::empty()) };
    let mut review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let claims = review["spec"]["token"]
        .as_str()
        .and_then(|token| token.split('.').nth(1))
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
        .and_then(|payload| serde_json::from_slice::<Value>(&payload).ok())
        .unwrap_or_default();
    let account = &claims["kubernetes.io"];
    let (namespace, uid) = (account["namespace"].clone(), account["serviceaccount"]["uid"].clone());
    review["status"] = json!({
        "authenticated": true,
        "audiences": claims["aud"],
        "user": {
            "username": claims["sub"],
            "uid": uid,
            "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{}", namespace.as_str().unwrap_or_default())],
        },
    });
    whole(Answer { status: 201, body: review.to_string().into_bytes() })
}
