//! A Service Account token that has ended, as an app shows it that read the
//! token file once and kept what it read.
//!
//! The API server issues none that lasts for less than ten minutes, so the
//! times of a real one are put into the past. That breaks its signature, which
//! Vault does not look at: it checks the times first, then lets the API server
//! judge the rest (Vault's Kubernetes auth method, without `pem_keys`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, PostParams};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::site::{Error, Site, create, token_of};
use crate::cluster::pod_spec::{Mount, Source};

/// The Secret that holds it.
pub const SECRET: &str = "expired-token";

/// Where the app finds it.
pub const FILE: &str = "/var/run/secrets/expired/token";

/// What puts it there.
pub const MOUNT: Mount = Mount { name: SECRET, path: "/var/run/secrets/expired", source: Source::Secret(SECRET) };

/// How long ago it ended, in seconds; Vault allows for a minute.
const AGO: i64 = 3600;

/// Puts an expired token of the app's Service Account into its namespace.
///
/// # Errors
/// The API server refuses.
pub async fn store(site: Site<'_>, account: &str) -> Result<(), Error> {
    let (kube, namespace) = (&site.run.testbed.kube, &site.names.namespace);
    let accounts = Api::<ServiceAccount>::namespaced(kube.clone(), namespace);
    let granted = accounts.create_token_request(account, &PostParams::default(), &TokenRequest::default()).await;
    let granted = granted.map_err(token_of(&accounts, account))?;
    let token = granted.status.map(|status| SecretString::from(status.token)).unwrap_or_default();
    site.run.redactor.add(&token);
    let expired = expire(&token, jiff::Timestamp::now().as_second() - AGO).ok_or_else(|| Error::Other {
        what: "put a token's times into the past",
        reason: "it is no JSON Web Token".to_owned(),
    })?;
    site.run.redactor.add(&expired);
    let secret = Secret {
        metadata: site.owner.meta(SECRET, Some(namespace)),
        string_data: Some([("token".to_owned(), expired.expose_secret().to_owned())].into()),
        ..Secret::default()
    };
    create(site.run, &Api::<Secret>::namespaced(kube.clone(), namespace), None, &secret).await?;
    Ok(())
}

/// The same token with its end at `end`, in seconds of Unix time.
fn expire(token: &SecretString, end: i64) -> Option<SecretString> {
    let [header, payload, signature] = token.expose_secret().split('.').collect::<Vec<_>>().try_into().ok()?;
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims["exp"] = json!(end);
    for start in ["iat", "nbf"] {
        claims[start] = json!(end - AGO);
    }
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    Some(format!("{header}.{payload}.{signature}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_where_the_app_looks_for_it() {
        assert_eq!(FILE.strip_prefix(MOUNT.path), Some("/token"));
    }

    #[test]
    fn only_the_times_of_a_token_are_changed() {
        let claims = json!({ "exp": 20, "iat": 10, "nbf": 10, "sub": "system:serviceaccount:a:b" });
        let token = format!("head.{}.signature", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let expired = expire(&token.into(), 10_000).unwrap();
        let [header, payload, signature] = expired.expose_secret().split('.').collect::<Vec<_>>().try_into().unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!((header, signature), ("head", "signature"));
        assert_eq!(claims, json!({ "exp": 10_000, "iat": 6400, "nbf": 6400, "sub": "system:serviceaccount:a:b" }));
        assert!(expire(&"no token".to_owned().into(), 0).is_none());
    }
}
