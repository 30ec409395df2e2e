//! Every request that the harness and its probes make to a customer's API
//! server and Vault: verb, path and status, never a body. It is in the JSON
//! report, and a run holds it against what it promised beforehand.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// The cluster's API server.
    ApiServer,
    /// Vault.
    Vault,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// To whom.
    pub to: Server,
    /// From whom: `harness`, or a probe by its scenario's id.
    pub by: String,
    /// The HTTP method; Vault's `LIST` included.
    pub method: String,
    /// The path without query, such as `/v1/auth/kubernetes/login`.
    pub path: String,
    /// The HTTP status; absent where there was no answer.
    pub status: Option<u16>,
}

/// The requests so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    requests: Arc<Mutex<Vec<Request>>>,
}

/// The harness, as [`Request::by`] names it.
pub const HARNESS: &str = "harness";

impl Ledger {
    /// Notes one request.
    pub fn note(&self, request: Request) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    /// All of them, in the order in which they were answered.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A layer for a Kubernetes client that notes each request of the harness.
    pub fn layer<S>(&self) -> impl tower::Layer<S, Service = Noting<S>> + Clone + use<S> {
        let ledger = self.clone();
        tower::layer::layer_fn(move |inner| Noting { inner, ledger: ledger.clone() })
    }
}

/// A Kubernetes client's service that notes what goes through it.
#[derive(Debug, Clone)]
pub struct Noting<S> {
    inner: S,
    ledger: Ledger,
}

impl<S, B, R> tower::Service<http::Request<B>> for Noting<S>
where
    S: tower::Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let (ledger, answer) = (self.ledger.clone(), self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await;
            let status = answer.as_ref().ok().map(|response| response.status().as_u16());
            ledger.note(Request { to: Server::ApiServer, by: HARNESS.to_owned(), method, path, status });
            answer
        })
    }
}
