//! The stages that the pod itself can see: token, login, read, keys.

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::input::Input;
use super::observation::{Answer, KeyObservation, KeyState, Login, Secret, TokenState};
use crate::vault::client::{Client, Error, Reply, fails};
use crate::vault::transport::{Transport, transport};

/// Reads the Service Account's token.
pub(super) fn service_account_token(file: &str) -> (TokenState, Option<SecretString>) {
    match std::fs::read_to_string(file) {
        Ok(jwt) if !jwt.trim().is_empty() => (TokenState::Present, Some(jwt.trim().into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (TokenState::Absent, None),
        Ok(_) | Err(_) => (TokenState::Unreadable, None),
    }
}

/// `POST auth/MOUNT/login`: what is kept of it, the Vault token, and its type.
pub(super) async fn log_in(
    vault: &Client,
    input: &Input,
    jwt: &SecretString,
) -> (Login, Option<SecretString>, Option<String>) {
    let path = format!("auth/{}/login", input.auth_mount);
    let body = json!({ "role": input.role, "jwt": jwt.expose_secret() });
    let result = vault.send_patiently(Method::POST, &path, Some(&body)).await;
    let mut login =
        Login { answer: vaults_answer(&result), lease_duration: None, policies: Vec::new(), empty_login_status: None };
    let (mut token, mut token_type) = (None, None);
    if let Ok(reply) = &result {
        let auth = &reply.body["auth"];
        token_type = auth["token_type"].as_str().map(str::to_owned);
        token = auth["client_token"].as_str().map(SecretString::from);
        login.lease_duration = auth["lease_duration"].as_u64();
        login.policies = auth["token_policies"]
            .as_array()
            .map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
    }
    if login.answer.status == Some(200) && token.is_none() {
        login.answer = nobody("a login that answers 200 without a token");
    }
    if login.answer.status == Some(403) {
        login.empty_login_status =
            vault.send_patiently(Method::POST, &path, Some(&json!({}))).await.ok().map(|r| r.status);
    }
    (login, token, token_type)
}

/// What is kept of an exchange: never its body.
pub(super) fn answer(result: &Result<Reply, Error>) -> Answer {
    match result {
        Ok(reply) => Answer { status: Some(reply.status), text: reply.errors(), transport: None },
        Err(Error::NoAnswer { source, .. }) => {
            let (kind, text) = transport(source);
            Answer { status: None, text, transport: Some(kind) }
        }
        // A server that fails often says so on a page of its own.
        Err(Error::Garbled { status, what, .. }) if fails(*status) => {
            Answer { status: Some(*status), text: (*what).to_owned(), transport: None }
        }
        // What is no answer of Vault's says nothing, whatever its status.
        Err(error) => Answer { status: None, text: error.to_string(), transport: Some(Transport::Garbled) },
    }
}

/// The same of a request whose refusal counts only where it is Vault's own.
pub(super) fn vaults_answer(result: &Result<Reply, Error>) -> Answer {
    match result {
        Ok(reply) if !reply.is_vaults() => nobody(&format!("HTTP {} without Vault's `errors`", reply.status)),
        result => answer(result),
    }
}

/// The same of a read of the secret, which gives `data`.
pub(super) fn read_answer(result: &Result<Reply, Error>) -> Answer {
    match result {
        Ok(reply) if reply.status == 200 && reply.body.get("data").is_none() => {
            nobody("a read that answers 200 without `data`")
        }
        result => vaults_answer(result),
    }
}

/// What is no answer of Vault's, though it looks like one.
pub(super) fn nobody(what: &str) -> Answer {
    Answer { status: None, text: format!("no usable answer: {what}"), transport: Some(Transport::Garbled) }
}

/// The shape and state of a secret. KV version 1 answers without the inner
/// `data` and `metadata`, also with status 200; the app then finds no keys.
pub(super) fn look_at(reply: &Reply, input: &Input) -> Option<Secret> {
    let data = reply.body.get("data")?;
    let metadata = data.get("metadata");
    let inner = data.get("data");
    let version_2_shape = metadata.is_some_and(|m| m.get("version").is_some()) && inner.is_some();
    let deleted = metadata.and_then(|m| m["deletion_time"].as_str()).is_some_and(|time| !time.is_empty());
    let destroyed = metadata.and_then(|m| m["destroyed"].as_bool()).unwrap_or(false);
    let values = inner.and_then(Value::as_object);
    let keys = values.map_or_else(Vec::new, |values| {
        input.keys.iter().map(|name| look_at_key(name, values.get(name), input.hmac_key.as_deref())).collect()
    });
    let unexpected = values.map_or(0, |values| values.keys().filter(|name| !input.keys.contains(name)).count());
    Some(Secret { version_2_shape, deleted, destroyed, keys, unexpected })
}

fn look_at_key(name: &str, value: Option<&Value>, hmac_key: Option<&str>) -> KeyObservation {
    let state = match value {
        None => KeyState::Missing,
        Some(Value::String(text)) if text.is_empty() => KeyState::Empty,
        Some(Value::String(_)) => KeyState::Present,
        Some(_) => KeyState::NotAString,
    };
    let hmac = match (state, value, hmac_key) {
        (KeyState::Present, Some(Value::String(text)), Some(key)) => fingerprint(key, name, text),
        _ => None,
    };
    KeyObservation { name: name.to_owned(), state, hmac }
}

/// HMAC-SHA256 under the run's key over the key's name and the value, in hex,
/// so that one key's value found under another's name is seen.
#[must_use]
pub fn fingerprint(run_key: &str, name: &str, value: &str) -> Option<String> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(run_key.as_bytes()).ok()?;
    mac.update(name.as_bytes());
    mac.update(&[0]);
    mac.update(value.as_bytes());
    Some(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}
