//! A container engine that has every image, makes a network and no more: a run
//! against it gets as far as its first steps, and stays there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

#[derive(Default)]
struct Known {
    stuck: AtomicBool,
    /// The networks that were made. A library that does not find the run's own
    /// would make another one.
    networks: Mutex<Vec<Value>>,
}

/// It answers as long as this lives.
pub struct Engine {
    address: String,
    known: Arc<Known>,
    tools: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Engine {
    /// Starts it; `folder` gets a `kind` that is never done.
    pub fn start(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let known = Arc::new(Known::default());
        let router = Router::new().fallback(answer).with_state(known.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        let tools = folder.join("tools");
        std::fs::create_dir_all(&tools).unwrap();
        for (tool, text) in [("kind", "#!/bin/sh\nexec sleep 600\n"), ("docker", "#!/bin/sh\nexit 1\n")] {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(tools.join(tool), text).unwrap();
            std::fs::set_permissions(tools.join(tool), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { address, known, tools, _runtime: runtime }
    }

    /// Where it answers.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the `kind` is that a run finds.
    pub fn path(&self) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        format!("{}:{path}", self.tools.display())
    }

    /// Removals are not answered from now on.
    pub fn get_stuck(&self) {
        self.known.stuck.store(true, Ordering::SeqCst);
    }
}

async fn answer(State(known): State<Arc<Known>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let answer = |value: Value| ([("content-type", "application/json")], value.to_string()).into_response();
    let networks = || known.networks.lock().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path();
    if method == Method::DELETE {
        if known.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        return StatusCode::NO_CONTENT.into_response();
    }
    match path {
        _ if path.ends_with("/_ping") => "OK".into_response(),
        _ if path.ends_with("/version") => {
            answer(json!({ "Version": "1.0", "ApiVersion": "1.41", "MinAPIVersion": "1.12" }))
        }
        _ if path.contains("/images/") => answer(json!({ "Id": "sha256:0123" })),
        _ if path.ends_with("/networks/create") => {
            let wanted: Value = serde_json::from_slice(&body).unwrap();
            networks().push(json!({ "Name": wanted["Name"], "Id": "n0123" }));
            (StatusCode::CREATED, answer(json!({ "Id": "n0123", "Warning": "" }))).into_response()
        }
        _ if path.ends_with("/networks") => answer(Value::Array(networks().clone())),
        _ if path.ends_with("/containers/json") => answer(json!([])),
        // Vault never starts.
        _ if path.ends_with("/containers/create") => std::future::pending().await,
        _ => (StatusCode::NOT_FOUND, answer(json!({ "message": "there is none" }))).into_response(),
    }
}
