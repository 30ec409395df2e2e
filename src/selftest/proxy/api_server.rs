//! In front of the API server: what the harness meets there, and a TokenReview
//! that says yes to Vault.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::Client;
use kube::client::Body as KubeBody;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Answer, LARGEST_REQUEST, Proxy, Rules, cut, fail, listen, plain, whole};
use crate::cluster::patience::{self, Outages, Whose};
use crate::probe::observation::MARKER;
use crate::random::random;
use crate::scenario::self_test::{ApiAct, ApiEndpoint, Failure, Rule, Tls};

/// An answer that is collected is small: a log, or one object.
const LARGEST_ANSWER: usize = 8 << 20;

struct InFront {
    behind: Client,
    token: SecretString,
    run: String,
    rules: Rules<ApiEndpoint, ApiAct>,
}

/// Starts a proxy on loopback in front of the API server, and gives a client
/// of it with the rights of the one behind.
///
/// # Errors
/// It cannot listen there, or the client cannot be made; in words.
pub async fn start(
    behind: Client,
    run: &str,
    rules: Vec<Rule<ApiEndpoint, ApiAct>>,
) -> Result<(Proxy, Client), String> {
    let rules = Rules::new(rules);
    let followed = rules.followed.clone();
    // Whoever else is on this machine has no part in those rights.
    let token = SecretString::from(random(40));
    let state = Arc::new(InFront { behind, token: token.clone(), run: run.to_owned(), rules });
    let router = Router::new().fallback(in_front).with_state(state);
    let proxy = listen(IpAddr::V4(Ipv4Addr::LOCALHOST), router, None, followed).await?;
    let url = format!("http://{}", proxy.address).parse().map_err(|error| format!("no URL: {error}"))?;
    let mut config = kube::Config::new(url);
    config.auth_info.token = Some(token);
    let client = patience::client(config, Whose::Ours(&Outages::default())).map_err(|error| error.to_string())?;
    Ok((proxy, client))
}

impl ApiEndpoint {
    fn of(request: &http::request::Parts) -> Self {
        let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
        match request.method.as_str() {
            "POST" if path.ends_with("/subjectaccessreviews") => Self::Review,
            "POST" => Self::Create,
            "PATCH" | "PUT" => Self::Change,
            "DELETE" => Self::Delete,
            _ if query.contains("watch=true") => Self::Watch,
            _ if path.ends_with("/log") => Self::Log,
            _ if query.contains("labelSelector=") => Self::List,
            _ => Self::Get,
        }
    }
}

impl InFront {
    async fn pass_on(&self, request: &http::request::Parts, body: Bytes) -> http::Response<Body> {
        let path = request.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut out = http::Request::builder().method(request.method.clone()).uri(path);
        for name in [http::header::CONTENT_TYPE, http::header::ACCEPT] {
            if let Some(value) = request.headers.get(&name) {
                out = out.header(name, value);
            }
        }
        let Ok(out) = out.body(KubeBody::from(body)) else { return plain(400, Body::empty()) };
        match self.behind.send(out).await {
            Ok(answer) => answer.map(Body::new),
            Err(_) => plain(502, Body::empty()),
        }
    }

    async fn collected(&self, request: &http::request::Parts, body: Bytes) -> Answer {
        let answer = self.pass_on(request, body).await;
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), LARGEST_ANSWER).await.map(|bytes| bytes.to_vec()).unwrap_or_default();
        Answer { status, body }
    }

    /// A pod's log. The harness asks for it before the container runs, and
    /// whatever is done with that answer is no fault: only one with an observation counts.
    async fn log(&self, request: &http::request::Parts, body: Bytes) -> Response {
        let log = self.collected(request, body).await;
        if log.status != 200 || !String::from_utf8_lossy(&log.body).contains(MARKER) {
            return whole(log);
        }
        match self.rules.act(&ApiEndpoint::Log) {
            Some(act) => self.does(&act, request.uri.path(), std::future::ready(log)).await,
            None => whole(log),
        }
    }

    async fn does(&self, act: &ApiAct, path: &str, answer: impl Future<Output = Answer>) -> Response {
        match act {
            ApiAct::Fails(Failure::Answer { status, body: None }) => whole(refusal(*status)),
            ApiAct::Fails(failure) => fail(failure, path, answer).await,
            ApiAct::Twice => {
                let Answer { status, body } = answer.await;
                whole(Answer { status, body: body.repeat(2) })
            }
            ApiAct::OfAnotherRun => {
                let Answer { status, body } = answer.await;
                let body = String::from_utf8_lossy(&body).replace(&self.run, "another");
                whole(Answer { status, body: body.into_bytes() })
            }
        }
    }
}

async fn in_front(State(state): State<Arc<InFront>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bearer = format!("Bearer {}", state.token.expose_secret());
    if parts.headers.get(http::header::AUTHORIZATION).is_none_or(|value| *value != *bearer) {
        return plain(401, Body::empty());
    }
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else { return plain(400, Body::empty()) };
    let endpoint = ApiEndpoint::of(&parts);
    if endpoint == ApiEndpoint::Log {
        return state.log(&parts, body).await;
    }
    match state.rules.act(&endpoint) {
        None => state.pass_on(&parts, body).await,
        // A watch has no end of its own: it breaks after the first news.
        Some(ApiAct::Fails(Failure::Reset)) if endpoint == ApiEndpoint::Watch => {
            let news = state.pass_on(&parts, body).await.into_body().into_data_stream().take(1);
            let end = futures::stream::once(async { Err(cut()) });
            plain(200, Body::from_stream(news.map_err(std::io::Error::other).chain(end)))
        }
        Some(act) => state.does(&act, parts.uri.path(), state.collected(&parts, body)).await,
    }
}

/// What the API server says with this status (Kubernetes API, `Status`).
fn refusal(status: u16) -> Answer {
    let reason = match status {
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "failing on purpose", "reason": reason, "code": status,
    });
    Answer { status, body: body.to_string().into_bytes() }
}

/// Starts a proxy in front of the API server whose TokenReview says yes to every token.
///
/// # Errors
/// It cannot listen there, or its certificate cannot be made; in words.
pub async fn says_yes(gateway: IpAddr) -> Result<Proxy, String> {
    listen(gateway, Router::new().fallback(yes), Some(Tls::Sound), Arc::default()).await
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST", "/api/v1/namespaces", ApiEndpoint::Create)]
    #[case("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", ApiEndpoint::Review)]
    #[case("PATCH", "/api/v1/namespaces/ns/serviceaccounts/default", ApiEndpoint::Change)]
    #[case("DELETE", "/api/v1/namespaces/ns", ApiEndpoint::Delete)]
    #[case("GET", "/api/v1/namespaces/ns/serviceaccounts/default", ApiEndpoint::Get)]
    #[case("GET", "/api/v1/pods?&labelSelector=a%3Db&limit=500", ApiEndpoint::List)]
    #[case("GET", "/api/v1/pods?&watch=true&labelSelector=a%3Db&resourceVersion=1", ApiEndpoint::Watch)]
    #[case("GET", "/api/v1/namespaces/ns/pods/app/log?", ApiEndpoint::Log)]
    fn every_request_of_the_harness_is_told_from_the_others(
        #[case] method: &str,
        #[case] path: &str,
        #[case] endpoint: ApiEndpoint,
    ) {
        let (parts, ()) = http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        assert_eq!(ApiEndpoint::of(&parts), endpoint);
    }

    #[tokio::test]
    async fn only_a_log_that_has_an_observation_is_failed_and_counted() {
        let answers =
            Mutex::new(vec![(400, "waiting to start"), (200, "starting\n"), (200, "PMP-VAULT-OBSERVATION {}\n")]);
        let answers = Arc::new(answers);
        let behind = Client::new(
            tower::service_fn(move |_: http::Request<KubeBody>| {
                let (status, body) = answers.lock().unwrap().remove(0);
                let answer = http::Response::builder().status(status).body(KubeBody::from(Bytes::from(body)));
                std::future::ready(answer)
            }),
            "default",
        );
        let rule = Rule { on: ApiEndpoint::Log, does: ApiAct::Fails(Failure::Truncate), times: None };
        let (proxy, client) = start(behind, "r1", vec![rule]).await.unwrap();
        let pods = kube::Api::<k8s_openapi::api::core::v1::Pod>::namespaced(client, "ns");
        let log = async || pods.logs("app", &kube::api::LogParams::default()).await;
        let followed = || proxy.followed.load(std::sync::atomic::Ordering::Relaxed);
        assert!(log().await.is_err());
        assert_eq!((log().await.unwrap().as_str(), followed()), ("starting\n", 0));
        assert_eq!((log().await.unwrap().as_str(), followed()), ("PMP-VAULT-OB", 1));
    }
}
