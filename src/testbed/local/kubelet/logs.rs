//! The server of logs, as the API server asks a kubelet for them:
//! `GET /containerLogs/NAMESPACE/POD/CONTAINER`.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::super::super::tls::TlsListener;
use super::super::certificates::{Certificates, Pair};
use super::super::error::{Error, file};
use super::super::process::read_from;
use super::station::{Log, Logs};

/// How often to look whether a log that is followed has grown.
const INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    follow: bool,
    /// How many of the last lines; none: all of them.
    tail_lines: Option<usize>,
}

/// Listens on 127.0.0.1 for the cluster's API server and nobody else. Gives the port, and what serves.
///
/// # Errors
/// No port can be had, or a certificate cannot be read.
pub async fn serve(certificates: &Certificates, logs: Logs) -> Result<(u16, impl Future<Output = ()> + use<>), Error> {
    let other = |error: std::io::Error| Error::Other { what: "serve logs", reason: error.to_string() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(other)?;
    let port = listener.local_addr().map_err(other)?.port();
    let app = Router::new().route("/containerLogs/{namespace}/{pod}/{container}", get(log)).with_state(logs);
    let listener = TlsListener::new(listener, server(certificates)?);
    let serving = async move {
        // It ends with the task.
        let _ = axum::serve(listener, app).await;
    };
    Ok((port, serving))
}

fn server(certificates: &Certificates) -> Result<ServerConfig, Error> {
    let other = |reason: String| Error::Other { what: "serve logs", reason };
    let read = |path: &PathBuf| std::fs::read(path).map_err(file("read", path));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(&certificates.authority())?) {
        let certificate = certificate.map_err(|error| other(error.to_string()))?;
        roots.add(certificate).map_err(|error| other(error.to_string()))?;
    }
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().map_err(|error| other(error.to_string()))?;
    let Pair { certificate, key } = certificates.kubelet();
    let certificate = CertificateDer::from_pem_slice(&read(&certificate)?).map_err(|error| other(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&read(&key)?).map_err(|error| other(error.to_string()))?;
    let config = ServerConfig::builder().with_client_cert_verifier(clients);
    config.with_single_cert(vec![certificate], key).map_err(|error| other(error.to_string()))
}

async fn log(
    State(logs): State<Logs>,
    Path((namespace, pod, _)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let found = logs.lock().unwrap_or_else(PoisonError::into_inner).get(&(namespace, pod)).cloned();
    let Some(Log { file, process }) = found else {
        return (StatusCode::NOT_FOUND, "the container has not started").into_response();
    };
    if !wanted.follow {
        return match read_from(&file, 0) {
            Ok(text) => last_lines(&text, wanted.tail_lines).to_vec().into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        };
    }
    let grown = futures::stream::unfold((file, 0_u64), move |(file, at)| {
        let process = process.clone();
        async move {
            loop {
                let ended = !process.runs();
                let more = read_from(&file, at).ok()?;
                if !more.is_empty() {
                    let next = at + more.len() as u64;
                    return Some((Ok::<_, std::io::Error>(Bytes::from(more)), (file, next)));
                }
                if ended {
                    return None;
                }
                tokio::time::sleep(INTERVAL).await;
            }
        }
    });
    Body::from_stream(grown).into_response()
}

/// The last lines of a log, the one that is on its way included.
fn last_lines(log: &[u8], wanted: Option<usize>) -> &[u8] {
    let Some(wanted) = wanted else { return log };
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let passed_over: usize = lines.iter().take(lines.len().saturating_sub(wanted)).map(|line| line.len()).sum();
    &log[passed_over..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_log_are_as_many_as_are_wanted() {
        for (log, wanted, lines) in [
            ("a\nb\nc\n", Some(2), "b\nc\n"),
            ("a\nb\nc", Some(2), "b\nc"),
            ("a\n", Some(2), "a\n"),
            ("", Some(2), ""),
            ("a\nb\n", None, "a\nb\n"),
        ] {
            assert_eq!(last_lines(log.as_bytes(), wanted), lines.as_bytes(), "{log:?} {wanted:?}");
        }
    }
}
