//! Servers of the corpus that stand in for the API server or Vault, or in front of them: on the gateway of the
//! testbed's network, where Vault's container and the pods reach them. One ends when it is dropped.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use pmp_vault_conformance::scenario::self_test::Tls;
use pmp_vault_conformance::selftest::proxy::tls;
use pmp_vault_conformance::testbed::tls::TlsListener;
use pmp_vault_conformance::vault::client::{Proxy, Roots, http_client};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::field::{self, Certificate, Otherwise};
use super::testbed::record;

/// Longer than Vault waits for an API server.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct StandIn {
    pub url: String,
    /// Who signed its certificate, in PEM; empty where it has none.
    pub ca: String,
    task: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StandIn {
    pub async fn start(gateway: IpAddr, server: &field::Server) -> Self {
        let listener = TcpListener::bind((gateway, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (scheme, ca, config) = match server.certificate {
            Certificate::None => ("http", String::new(), None),
            kind => {
                let (config, ca) = certificate(gateway, kind);
                ("https", ca, Some(config))
            }
        };
        let url = format!("{scheme}://{address}");
        let task = match server.otherwise {
            otherwise @ (Otherwise::Reset | Otherwise::Close | Otherwise::Silence | Otherwise::Tunnel) => {
                tokio::spawn(connections(listener, otherwise))
            }
            otherwise => {
                let behind = Arc::new(Behind::new(server, otherwise));
                let router = Router::new().fallback(answer).with_state(behind);
                tokio::spawn(async move {
                    let _ = match config {
                        Some(config) => axum::serve(TlsListener::new(listener, config), router).await,
                        None => axum::serve(listener, router).await,
                    };
                })
            }
        };
        Self { url, ca, task }
    }
}

/// What accepts connections and knows no HTTP.
async fn connections(listener: TcpListener, otherwise: Otherwise) {
    let mut held = JoinSet::new();
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        match otherwise {
            Otherwise::Reset => drop(stream.set_zero_linger()),
            Otherwise::Close => {
                held.spawn(async move {
                    // What was read is not answered with a reset.
                    let _ = stream.read(&mut [0; 4096]).await;
                });
            }
            Otherwise::Tunnel => {
                let record = record();
                let address =
                    record["api-server"]["address"].as_str().unwrap().trim_start_matches("https://").to_owned();
                held.spawn(async move {
                    let mut behind = TcpStream::connect(address).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
                });
            }
            _ => {
                held.spawn(async move {
                    tokio::time::sleep(PATIENCE).await;
                    drop(stream);
                });
            }
        }
    }
}

/// A certificate with what is wrong with it, and who signed it.
fn certificate(gateway: IpAddr, kind: Certificate) -> (rustls::ServerConfig, String) {
    let signed = |what| tls::certificate(gateway, what).unwrap();
    match kind {
        Certificate::Expired => signed(Tls::Expired),
        Certificate::OtherName => signed(Tls::OtherName),
        Certificate::SelfSigned | Certificate::WantsClients => self_signed(gateway, kind),
        Certificate::Own | Certificate::None => signed(Tls::Sound),
    }
}

fn self_signed(gateway: IpAddr, kind: Certificate) -> (rustls::ServerConfig, String) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec![gateway.to_string()]).unwrap();
    let builder = rustls::ServerConfig::builder();
    let builder = match kind {
        Certificate::WantsClients => {
            let mut roots = RootCertStore::empty();
            roots.add(cert.der().clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
        _ => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    (builder.with_single_cert(vec![cert.der().clone()], key).unwrap(), cert.pem())
}

/// What a server answers with.
struct Behind {
    /// Each with how often it is still given.
    answers: Mutex<Vec<field::Answer>>,
    otherwise: Otherwise,
    client: reqwest::Client,
    url: String,
}

impl Behind {
    fn new(server: &field::Server, otherwise: Otherwise) -> Self {
        let record = record();
        let api_server = &record["api-server"];
        let (url, roots) = match otherwise {
            Otherwise::ApiServer => (&api_server["address"], Roots::Pem(api_server["ca"].as_str().unwrap().into())),
            _ => (&record["vault-address"], Roots::Public),
        };
        Self {
            answers: Mutex::new(server.answers.clone()),
            otherwise,
            client: http_client(&roots, PATIENCE, Proxy::Never).unwrap(),
            url: url.as_str().unwrap().to_owned(),
        }
    }

    fn answer(&self, request: &http::request::Parts) -> Option<field::Answer> {
        let path = request.uri.path();
        let fits = |answer: &&mut field::Answer| {
            answer.times != Some(0)
                && answer.method.as_ref().is_none_or(|method| request.method == method.as_str())
                && answer.path.as_ref().is_none_or(|part| path.contains(part))
        };
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.iter_mut().find(fits)?;
        answer.times = answer.times.map(|times| times - 1);
        Some(answer.clone())
    }

    async fn pass_on(&self, parts: http::request::Parts, body: Body) -> Response {
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let url = format!("{}{}", self.url, parts.uri.path_and_query().map_or("/", |path| path.as_str()));
        let mut headers = parts.headers;
        for name in [http::header::HOST, http::header::CONTENT_LENGTH, http::header::ACCEPT_ENCODING] {
            headers.remove(name);
        }
        let sent = self.client.request(parts.method, url).headers(headers).body(body).send().await;
        let Ok(reply) = sent else { return written(502, "text/plain", String::new()) };
        let (status, headers) = (reply.status(), reply.headers().clone());
        let mut response = Response::new(Body::from(reply.bytes().await.unwrap_or_default()));
        *response.status_mut() = status;
        if let Some(kind) = headers.get(http::header::CONTENT_TYPE) {
            response.headers_mut().insert(http::header::CONTENT_TYPE, kind.clone());
        }
        response
    }
}

async fn answer(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(answer) = behind.answer(&parts) {
        let (kind, text) = match answer.text {
            Some(text) => ("text/plain", text),
            None if answer.body.is_null() => ("text/plain", String::new()),
            None => ("application/json", answer.body.to_string()),
        };
        let mut response = written(answer.status, kind, text);
        for (name, value) in &answer.headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        return response;
    }
    let status = |code: u16, reason: &str, message: &str| {
        let body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code });
        written(code, "application/json", body.to_string())
    };
    match behind.otherwise {
        Otherwise::Html => {
            written(200, "text/html", "<!doctype html><html><body>Please log in.</body></html>".to_owned())
        }
        Otherwise::Json => written(200, "application/json", r#"{"status":"ok"}"#.to_owned()),
        Otherwise::NotFound => status(404, "NotFound", "the server could not find the requested resource"),
        Otherwise::Unauthorized => status(401, "Unauthorized", "Unauthorized"),
        _ => behind.pass_on(parts, body).await,
    }
}

fn written(status: u16, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
