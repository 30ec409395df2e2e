//! The stages that the pod itself can see: token, login, read, keys.

use std::collections::BTreeMap;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::input::Input;
use super::observation::{Answer, KeyObservation, KeyState, Login, Secret, TokenState};
use super::{doubt, near};
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

/// What a login gave.
#[derive(Default)]
pub(super) struct Granted {
    /// The Vault token.
    pub token: Option<SecretString>,
    /// `auth.token_type`.
    pub kind: Option<String>,
    /// `auth.num_uses`; none where it has no limit of uses.
    pub uses: Option<u64>,
}

/// `POST auth/MOUNT/login`: what is kept of it, and what it gave.
pub(super) async fn log_in(vault: &Client, input: &Input, jwt: &SecretString) -> (Login, Granted) {
    let path = format!("auth/{}/login", input.auth_mount);
    let body = json!({ "role": input.role, "jwt": jwt.expose_secret() });
    let result = vault.send_patiently(Method::POST, &path, Some(&body)).await;
    let mut login = Login::of(vaults_answer(&result));
    let mut granted = Granted::default();
    if let Ok(reply) = &result {
        let auth = &reply.body["auth"];
        granted.kind = auth["token_type"].as_str().map(str::to_owned);
        granted.token = auth["client_token"].as_str().filter(|token| !token.is_empty()).map(SecretString::from);
        granted.uses = auth["num_uses"].as_u64().filter(|uses| *uses > 0);
        login.lease_duration = auth["lease_duration"].as_u64();
        login.policies = auth["token_policies"]
            .as_array()
            .map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
    }
    if login.answer.status == Some(200) && granted.token.is_none() {
        let second_factor = result.as_ref().is_ok_and(|reply| reply.body["auth"]["mfa_requirement"].is_object());
        login.lease_duration = None;
        login.answer = match second_factor {
            true => Answer { text: "Vault asks for a second factor".to_owned(), ..Answer::default() },
            false => nobody("a login that answers 200 without a token"),
        };
    }
    // The method for Azure knows roles, too, and says so in the same words.
    let no_such_role = login.answer.status == Some(400) && login.answer.text.starts_with("invalid role name");
    if login.answer.status == Some(403) || no_such_role {
        let empty = vault.send_patiently(Method::POST, &path, Some(&json!({}))).await.ok();
        login.another_method = no_such_role && empty.as_ref().is_some_and(|reply| reply.errors() == "jwt is required");
        login.empty_login_status = empty.map(|reply| reply.status);
    }
    if login.answer.status == Some(403) && login.empty_login_status == Some(403) {
        login.another_method = logs_in_by_name(vault, &path).await;
    }
    (login, granted)
}

/// Whether a method is there that takes a user's name in the path (userpass, LDAP, Okta, OCI, RADIUS). It answers a
/// login without one as if nothing were mounted, and knows the path with one, for another verb than GET (seen on Vault
/// 1.21.0: 405 `unsupported operation`; 403 where nothing is mounted, and of every other method).
async fn logs_in_by_name(vault: &Client, path: &str) -> bool {
    let reply = vault.send_patiently(Method::GET, &format!("{path}/pmp-vault-conformance"), None).await;
    reply.is_ok_and(|reply| reply.status == 405 && reply.is_vaults())
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

/// What is said of an answer that holds another token in the place of the secret.
pub const WRAPPED: &str = "the answer is wrapped: it holds a token in the secret's place";

/// The same of a read of the secret, which gives `data`.
pub(super) fn read_answer(result: &Result<Reply, Error>) -> Answer {
    match result {
        Ok(reply) if reply.status == 200 && reply.body.get("data").is_none() => {
            nobody("a read that answers 200 without `data`")
        }
        Ok(reply) if reply.status == 200 && reply.body["wrap_info"].is_object() => {
            Answer { text: WRAPPED.to_owned(), ..vaults_answer(result) }
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
    let values = inner.and_then(Value::as_object);
    // Vault sets it beforehand where a version is to end by itself (`delete_version_after`), and gives the
    // values until then. By whether they came, and not by this pod's clock, it is told whether that is over.
    let deletion = metadata.and_then(|m| m["deletion_time"].as_str()).filter(|time| !time.is_empty());
    let ends = deletion.filter(|_| values.is_some()).and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let keys = values.map_or_else(Vec::new, |values| {
        let near = if input.ask.is_some() { near::misses(&input.keys, values) } else { BTreeMap::new() };
        let key = |name: &String| {
            let near = near.get(name.as_str()).copied();
            KeyObservation { near, ..look_at_key(name, values.get(name), input) }
        };
        input.keys.iter().map(key).collect()
    });
    Some(Secret {
        version_2_shape: metadata.is_some_and(|m| m.get("version").is_some()) && inner.is_some(),
        deleted: deletion.is_some() && values.is_none(),
        ends: ends.map(|time| time.to_string()),
        destroyed: metadata.and_then(|m| m["destroyed"].as_bool()).unwrap_or(false),
        keys,
        unexpected: values.map_or(0, |values| values.keys().filter(|name| !input.keys.contains(name)).count()),
        of_others: values.map_or_else(Vec::new, |values| of_others(input, values)),
    })
}

/// The keys of other revisions of the page that have a value.
fn of_others(input: &Input, values: &serde_json::Map<String, Value>) -> Vec<String> {
    let has_value = |key: &&String| values.get(*key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    input.ask.iter().flat_map(|ask| &ask.keys_of_others).filter(has_value).cloned().collect()
}

/// One key. Of a customer's value only the kind of a doubt is told; of one of
/// ours, which is random, only a fingerprint.
fn look_at_key(name: &str, value: Option<&Value>, input: &Input) -> KeyObservation {
    let state = match value {
        None => KeyState::Missing,
        Some(Value::String(text)) if text.is_empty() => KeyState::Empty,
        Some(Value::String(_)) => KeyState::Present,
        Some(_) => KeyState::NotAString,
    };
    let text = value.and_then(Value::as_str).filter(|_| state == KeyState::Present);
    KeyObservation {
        name: name.to_owned(),
        state,
        near: None,
        doubt: text.filter(|_| input.ask.is_some()).and_then(|text| doubt::doubt(name, text)),
        hmac: text.zip(input.hmac_key.as_deref()).and_then(|(text, key)| fingerprint(key, name, text)),
    }
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
