//! What the Vault token can do beside reading its secret. Only on the
//! harness's own testbeds: these requests would write and delete if Vault let them.

use reqwest::Method;
use serde_json::json;

use super::input::SecretName;
use super::observation::Boundary;
use super::stages::answer;
use crate::vault::client::Client;

/// Tries to list, write, delete and read a sibling, then revokes the token and
/// looks whether it is dead.
pub async fn ask(client: &Client, secret: &SecretName, sibling: &str) -> Boundary {
    let SecretName { mount, name, .. } = secret;
    let path = format!("{mount}/data/{name}");
    let body = json!({ "data": { "written-by": "pmp-vault-conformance" } });
    let list = Method::from_bytes(b"LIST").unwrap_or(Method::GET);
    Boundary {
        list: answer(&client.send_patiently(list, &format!("{mount}/metadata/"), None).await),
        write: answer(&client.send_patiently(Method::POST, &path, Some(&body)).await),
        delete: answer(&client.send_patiently(Method::DELETE, &path, None).await),
        sibling: answer(&client.send_patiently(Method::GET, &format!("{mount}/data/{sibling}"), None).await),
        revoke: answer(&client.send_patiently(Method::POST, "auth/token/revoke-self", None).await),
        after_revocation: answer(&client.send_patiently(Method::GET, &path, None).await),
    }
}
