//! TLS in front of a server, with what is wrong with it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::scenario::self_test::Tls;

/// A certificate with what is wrong with it, and the authority that a client is given.
///
/// # Errors
/// The certificate cannot be made.
pub fn certificate(
    gateway: IpAddr,
    tls: Tls,
) -> Result<(ServerConfig, String), Box<dyn std::error::Error + Send + Sync>> {
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

/// Accepts connections, and shakes hands.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    /// Listens there with this certificate.
    #[must_use]
    pub fn new(listener: TcpListener, config: ServerConfig) -> Self {
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
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
