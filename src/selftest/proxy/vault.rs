//! In front of Vault: what an app's requests meet there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, EvictParams, ListParams};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Answer, LARGEST_REQUEST, Proxy, Rules, fail, listen, plain, whole};
use crate::cluster::mendix::RUNTIME;
use crate::scenario::self_test::{Act, Endpoint, Rule, Tls};
use crate::vault::client::{Proxy as Through, Roots, http_client};

/// Longer than a pod lives that was told to end.
const NEVER: Duration = Duration::from_secs(60);

/// The Vault behind it.
pub struct Behind {
    /// Its address as the harness sees it.
    pub address: String,
    /// Its root token.
    pub root_token: SecretString,
    /// The policy that a token of a lie carries.
    pub policy: String,
    /// The pods of the app's namespace, where a rule may evict them.
    pub pods: Option<Api<Pod>>,
}

struct InFront {
    http: reqwest::Client,
    behind: Behind,
    rules: Rules<Endpoint, Act>,
}

/// Starts a proxy in front of Vault.
///
/// # Errors
/// It cannot listen there, or its certificate cannot be made; in words.
pub async fn start(
    gateway: IpAddr,
    behind: Behind,
    rules: Vec<Rule<Endpoint, Act>>,
    tls: Option<Tls>,
) -> Result<Proxy, String> {
    let http = http_client(&Roots::Public, Duration::from_secs(60), Through::Never)?;
    let rules = Rules::new(rules);
    let followed = rules.followed.clone();
    let state = Arc::new(InFront { http, behind, rules });
    listen(gateway, Router::new().fallback(in_front).with_state(state), tls, followed).await
}

impl Endpoint {
    fn of(method: &str, path: &str) -> Self {
        match (method, path) {
            ("POST", path) if path.starts_with("/v1/auth/") && path.ends_with("/login") => Self::Login,
            ("POST", "/v1/auth/token/revoke-self") => Self::Revoke,
            ("GET", path) if path.ends_with("/data/admin") => Self::Read,
            ("GET", path) if path.ends_with("/data/sibling") => Self::Sibling,
            ("LIST", _) => Self::List,
            ("POST", path) if path.ends_with("/data/admin") => Self::Write,
            ("DELETE", path) if path.ends_with("/data/admin") => Self::Delete,
            _ => Self::Configure,
        }
    }
}

impl InFront {
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
        Answer::of(out.send().await).await
    }

    /// A token of the documented policy, as a login would give it.
    async fn token(&self) -> Answer {
        let url = format!("{}/v1/auth/token/create", self.behind.address);
        let body = json!({ "policies": [self.behind.policy], "ttl": "24h" });
        let request = self.http.post(url).header("x-vault-token", self.behind.root_token.expose_secret()).json(&body);
        Answer::of(request.send().await).await
    }

    /// Evicts the app's pods (`POST …/pods/NAME/eviction`), and gives how many.
    async fn evict(&self) -> Result<usize, kube::Error> {
        let Some(pods) = &self.behind.pods else { return Ok(0) };
        let found = pods.list_metadata(&ListParams::default().labels(&format!("app={RUNTIME}"))).await?.items;
        for pod in &found {
            match pods.evict(&pod.name_any(), &EvictParams::default()).await {
                // One that was evicted before is gone by now.
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                evicted => _ = evicted?,
            }
        }
        Ok(found.len())
    }
}

async fn in_front(State(state): State<Arc<InFront>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else { return plain(400, Body::empty()) };
    let Some(act) = state.rules.act(&Endpoint::of(parts.method.as_str(), parts.uri.path())) else {
        return whole(state.pass_on(&parts, body, false).await);
    };
    match act {
        Act::LogIn => {
            let answer = state.pass_on(&parts, body, false).await;
            whole(if answer.status == 200 { answer } else { state.token().await })
        }
        Act::AsRoot => whole(state.pass_on(&parts, body, true).await),
        Act::Evict => {
            // A pod that stays is answered, so that its fault counts as none.
            if state.evict().await.is_ok_and(|evicted| evicted > 0) {
                tokio::time::sleep(NEVER).await;
            }
            whole(state.pass_on(&parts, body, false).await)
        }
        Act::Fails(failure) => fail(&failure, parts.uri.path(), state.pass_on(&parts, body, false)).await,
        lies => {
            let Answer { status, body } = state.pass_on(&parts, body, false).await;
            let Ok(mut value) = serde_json::from_slice::<Value>(&body) else { return whole(Answer { status, body }) };
            lie(&lies, &mut value);
            whole(Answer { status, body: value.to_string().into_bytes() })
        }
    }
}

/// The lies about what is in an answer.
fn lie(act: &Act, answer: &mut Value) {
    if let Act::Merge(patch) = act {
        json_patch::merge(answer, patch);
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
