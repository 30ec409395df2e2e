//! The stages that the pod itself can see: token, login, read, keys. On a
//! customer's cluster [`asking`] goes the same way.

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::input::{Input, SecretName};
use super::{asking, boundary};
use crate::probe::observation::{Answer, KeyObservation, KeyState, Login, Observation, SCHEMA, Secret, TokenState};
use crate::vault::client::{Client, Error, Reply, Roots, fails};
use crate::vault::transport::Transport;
use crate::vault::transport::transport;

/// Goes as far as the configuration lets it, and says what it saw.
///
/// # Errors
/// The input cannot be used at all; whatever a server does is an observation.
pub async fn observe(input: &Input) -> Result<Observation, String> {
    let started = std::time::Instant::now();
    let secret_name = SecretName::parse(&input.secret_name)?;
    let roots = input.ca.as_ref().map_or(Roots::Public, |pem| Roots::Pem(pem.clone().into_bytes()));
    let vault = Client::new(&secret_name.address, None, &roots).map_err(|e| e.to_string())?;
    if let Some(ask) = &input.ask {
        return Ok(asking::observe(input, ask, &vault, &secret_name).await);
    }
    let path = format!("{}/data/{}", secret_name.mount, secret_name.name);

    let (token, jwt) = service_account_token(&input.token_file);
    let mut vault_token = None;
    let login = match jwt {
        Some(jwt) => {
            let (login, token, _) = log_in(&vault, input, &jwt).await;
            vault_token = token;
            Some(login)
        }
        None => None,
    };

    // After a denial the secret is asked for all the same, with what the app
    // then holds: no token.
    let read_with_token = vault_token.is_some();
    let client = vault.with_token(vault_token);
    let result = client.send_patiently(Method::GET, &path, None).await;
    let read = read_answer(&result);
    let secret = result.ok().and_then(|reply| look_at(&reply, input));

    let can_use = read_with_token && read.status == Some(200) && secret.as_ref().is_some_and(|s| s.version_2_shape);
    let boundary = match &input.sibling {
        Some(sibling) if can_use => Some(boundary::ask(&client, &secret_name, sibling).await),
        _ => None,
    };
    Ok(Observation {
        schema: SCHEMA,
        run: input.run.clone(),
        scenario: input.scenario.clone(),
        token,
        login,
        read_path: path,
        read: Some(read),
        read_with_token,
        secret,
        boundary,
        asked: None,
        millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

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
