//! The one proxy in front of the real servers: it passes on what no rule
//! concerns, for the time of one trial.
//!
//! - [`vault`]: in front of Vault, on the gateway of the run's own network, where pods reach it.
//! - [`api_server`]: in front of the API server: for the harness, and for Vault.
//! - [`tls`]: TLS, with what is wrong with it.

pub mod api_server;
pub mod tls;
pub mod vault;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::scenario::self_test::{Failure, Rule, Tls};
use crate::testbed::tls::TlsListener;

/// A request of a probe or of the harness is small.
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

/// The rules of one proxy, and how often they were followed.
struct Rules<E, A> {
    rules: Mutex<Vec<Rule<E, A>>>,
    followed: Arc<AtomicUsize>,
}

impl<E: PartialEq, A: Clone> Rules<E, A> {
    fn new(rules: Vec<Rule<E, A>>) -> Self {
        Self { rules: Mutex::new(rules), followed: Arc::default() }
    }

    /// What the first rule says that still holds at this endpoint.
    fn act(&self, endpoint: &E) -> Option<A> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter_mut().find(|rule| rule.on == *endpoint && rule.times != Some(0))?;
        rule.times = rule.times.map(|times| times - 1);
        self.followed.fetch_add(1, Ordering::Relaxed);
        Some(rule.does.clone())
    }
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
    let (config, ca) = tls::certificate(gateway, tls).map_err(|error| format!("cannot make a certificate: {error}"))?;
    let listener = TlsListener::new(listener, config);
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok(Proxy { address, ca: Some(ca), followed, task })
}

/// What comes back from the server behind.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    async fn of(answer: Result<reqwest::Response, reqwest::Error>) -> Self {
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                Self { status, body: answer.bytes().await.map(|bytes| bytes.to_vec()).unwrap_or_default() }
            }
            Err(_) => Self { status: 502, body: Vec::new() },
        }
    }
}

/// What a server that fails makes of a request to `path`, whose real answer comes with `answer`.
async fn fail(failure: &Failure, path: &str, answer: impl Future<Output = Answer>) -> Response {
    match failure {
        Failure::Answer { status, body } => {
            let text = body.as_ref().map(ToString::to_string).unwrap_or_default();
            whole(Answer { status: *status, body: text.into_bytes() })
        }
        Failure::Redirect => {
            let mut response = plain(307, Body::empty());
            if let Ok(location) = path.parse() {
                response.headers_mut().insert(http::header::LOCATION, location);
            }
            response
        }
        Failure::Html => {
            let mut response = plain(200, Body::from("<html><body>Please log in.</body></html>"));
            response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/html"));
            response
        }
        Failure::Huge => {
            let block = Bytes::from(vec![b' '; 1 << 20]);
            let blocks = (0..1000).map(move |_| Ok::<_, std::io::Error>(block.clone()));
            plain(200, Body::from_stream(futures::stream::iter(blocks)))
        }
        Failure::SlowStart(seconds) => {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            whole(answer.await)
        }
        Failure::SlowBody(seconds) => {
            let Answer { status, body } = answer.await;
            let (first, second) = body.split_at(body.len() / 2);
            let (first, second) = (Bytes::copy_from_slice(first), Bytes::copy_from_slice(second));
            let pause = Duration::from_secs(*seconds);
            let rest = futures::stream::once(async move {
                tokio::time::sleep(pause).await;
                Ok(second)
            });
            let stream = futures::stream::iter([Ok::<_, std::io::Error>(first)]).chain(rest);
            plain(status, Body::from_stream(stream))
        }
        Failure::Reset => {
            let Answer { status, body } = answer.await;
            // A 204 has no body that could be cut off, and would be whole without one.
            let (status, first) = match body.len() {
                0 => (200, Bytes::from_static(b"{")),
                length => (status, Bytes::copy_from_slice(&body[..length / 2])),
            };
            plain(status, Body::from_stream(futures::stream::iter([Ok(first), Err(cut())])))
        }
        Failure::Truncate => {
            let Answer { status, body } = answer.await;
            whole(Answer { status, body: body[..body.len() / 2].to_vec() })
        }
    }
}

/// What ends a connection in the middle of an answer.
fn cut() -> std::io::Error {
    std::io::Error::other("cut off on purpose")
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
