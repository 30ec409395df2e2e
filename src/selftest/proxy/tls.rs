//! TLS in front of a server, with what is wrong with it.

use std::net::IpAddr;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

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
