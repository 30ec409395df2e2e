//! Why a request got no answer, told from the HTTP client's error.

use std::error::Error as StdError;

use serde::{Deserialize, Serialize};

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// The connection was refused, or nobody has the address.
    Refused,
    /// No answer within the time limit.
    Timeout,
    /// The name did not resolve.
    NameNotFound,
    /// The TLS handshake failed.
    Tls,
    /// There was one, and it is not Vault's.
    Garbled,
    /// Anything else, in the text beside it.
    Other,
}

/// The innermost causes, which say more than "error sending request".
pub(super) fn transport_text(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    match (text.is_empty(), error.is_timeout()) {
        (_, true) => "no answer in time".to_owned(),
        (true, false) => error.to_string(),
        (false, false) => text,
    }
}

/// Why there was no answer, told from the chain of causes.
#[must_use]
pub fn transport(error: &reqwest::Error) -> (Transport, String) {
    let mut kind = transport_kind(error);
    if kind == Transport::Other && error.is_timeout() {
        kind = Transport::Timeout;
    }
    (kind, transport_text(error))
}

/// The same of any HTTP client's error. [`Transport::Other`] is a connection
/// that was there and broke.
#[must_use]
pub fn transport_kind(error: &(dyn StdError + 'static)) -> Transport {
    let mut kind = Transport::Other;
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<rustls::Error>().is_some() {
            kind = Transport::Tls;
        } else if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            match io.kind() {
                // Where nobody has the address, nothing listens at it either.
                std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::HostUnreachable
                | std::io::ErrorKind::NetworkUnreachable => kind = Transport::Refused,
                std::io::ErrorKind::TimedOut => kind = Transport::Timeout,
                _ => {}
            }
            // An I/O error does not name what it holds as its source, but what that has as one.
            source = io.get_ref().map(|held| held as &(dyn StdError + 'static)).or_else(|| inner.source());
            continue;
        } else if kind == Transport::Other && inner.to_string().starts_with("dns error") {
            kind = Transport::NameNotFound;
        }
        source = inner.source();
    }
    kind
}
