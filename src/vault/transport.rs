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
    Tls(Handshake),
    /// There was one, and it is not Vault's.
    Garbled,
    /// Anything else, in the text beside it.
    Other,
}

/// Why a TLS handshake failed, by what rustls says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// No authority that is trusted signed the certificate.
    Authority,
    /// The certificate's time is over, or has not begun.
    Expired,
    /// The certificate is for other names, or the server knows no such name.
    Name,
    /// What answers speaks no TLS.
    NoTls,
    /// The server wants a certificate of the client's.
    ClientCertificate,
    /// Anything else, in the text beside it.
    Other,
}

impl Handshake {
    fn of(error: &rustls::Error) -> Self {
        use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
        match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                Self::Authority
            }
            // A certificate that is its own authority, which nobody gave to the client (`super::trust`).
            Error::InvalidCertificate(CertificateError::Other(other)) if format!("{other:?}").contains("CaUsedAs") => {
                Self::Authority
            }
            Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Self::Expired,
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )
            | Error::AlertReceived(AlertDescription::UnrecognisedName) => Self::Name,
            // A record that is none of TLS: the first bytes of an answer in HTTP, for example.
            Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                Self::NoTls
            }
            // TLS 1.2 has no word for a certificate that did not come, so a server calls it a bad one. The client
            // here has none to show.
            Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
                Self::ClientCertificate
            }
            _ => Self::Other,
        }
    }
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
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            kind = Transport::Tls(Handshake::of(tls));
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
