//! The way on a customer's cluster. The app's login and read are the same; what
//! else the Vault token may do is asked of `sys/capabilities-self`, never tried:
//! no request here could write, patch or delete. The token is revoked in the end.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use super::input::{Ask, Input, SecretName};
use super::stages::{answer, log_in, look_at, nobody, read_answer, service_account_token};
use crate::ledger::Ledger;
use crate::probe::observation::{Answer, Asked, Login, Observation, SCHEMA};
use crate::vault::client::{Client, Error, PLAIN_TO_TLS};
use crate::vault::transport::{Handshake, Transport, transport};

/// The paths below `/v1/` whose capabilities are asked, in the order of
/// [`crate::check::judge`]: the secret, and what lies around it.
#[must_use]
pub fn paths(secret: &SecretName, sibling: &str) -> Vec<String> {
    let SecretName { mount, name, .. } = secret;
    vec![
        format!("{mount}/data/{name}"),
        format!("{mount}/metadata/{name}"),
        format!("{mount}/metadata/"),
        format!("{mount}/delete/{name}"),
        format!("{mount}/undelete/{name}"),
        format!("{mount}/destroy/{name}"),
        // What a pattern in a policy may reach: beside the secret, by the beginning of its name, below it, elsewhere.
        format!("{mount}/data/{sibling}"),
        format!("{mount}/data/{name}-{sibling}"),
        format!("{mount}/data/{name}/{sibling}"),
        format!("{sibling}/data/{name}"),
    ]
}

/// Goes as far as it is let, and says what it saw.
pub async fn observe(input: &Input, ask: &Ask, vault: &Client, secret_name: &SecretName) -> Observation {
    let started = Instant::now();
    let ledger = Ledger::default();
    let vault = vault.clone().in_namespace(ask.vault_namespace.as_deref()).noted(&ledger, &input.scenario);
    let path = format!("{}/data/{}", secret_name.mount, secret_name.name);
    let mut asked = Asked::default();
    let (token, jwt) = service_account_token(&input.token_file);
    let mut observation = Observation {
        schema: SCHEMA,
        run: input.run.clone(),
        scenario: input.scenario.clone(),
        token,
        login: None,
        read_path: path.clone(),
        read: None,
        read_with_token: false,
        secret: None,
        boundary: None,
        asked: None,
        millis: 0,
    };

    health(&vault, &mut asked).await;
    // A TLS listener may break off a longer request in plain HTTP before it says what is wrong, as it does here.
    let plain_to_tls = asked.health.text == PLAIN_TO_TLS;
    // What hides Vault's health may still let the app through. Where there is no connection at all, a login ends
    // the same way, and is not tried again.
    let no_connection =
        matches!(asked.health.transport, Some(Transport::Refused | Transport::NameNotFound | Transport::Tls(_)));
    if !plain_to_tls && !no_connection {
        // Two waits for a Vault that does not answer are what the pod has time for.
        if !ask.login_only && asked.health.transport != Some(Transport::Timeout) {
            asked.read_without_token = Some(read_answer(&vault.send_patiently(Method::GET, &path, None).await));
        }
        if let Some(jwt) = jwt {
            let before = Instant::now();
            let (login, granted) = log_in(&vault, input, &jwt).await;
            asked.login_millis = Some(millis(before));
            asked.token_type = granted.kind;
            asked.token_uses = granted.uses;
            observation.login = Some(login);
            if let Some(token) = granted.token {
                let client = vault.with_token(Some(token));
                if !ask.login_only {
                    read(&client, input, ask, secret_name, &mut observation, &mut asked).await;
                }
                asked.revoke = Some(answer(&client.send_patiently(Method::POST, "auth/token/revoke-self", None).await));
                let after = client.send_patiently(Method::GET, "auth/token/lookup-self", None).await;
                asked.after_revocation = Some(answer(&after));
            }
        }
    } else if jwt.is_some() {
        let answer = asked.health.clone();
        observation.login =
            Some(Login { answer, lease_duration: None, policies: Vec::new(), empty_login_status: None });
    }
    asked.requests = ledger.requests();
    observation.asked = Some(asked);
    observation.millis = millis(started);
    observation
}

/// `GET sys/health`. A standby, sealed or uninitialized Vault says so by its status.
async fn health(vault: &Client, asked: &mut Asked) {
    let result = vault.send_patiently(Method::GET, "sys/health", None).await;
    asked.health = answer(&result);
    if let Ok(reply) = &result {
        asked.version = reply.body["version"].as_str().map(str::to_owned);
        asked.initialized = reply.body["initialized"].as_bool();
        asked.certificate_ends = reply.certificate_ends.map(|ends| ends.to_string());
        if reply.status == 200 && asked.initialized.is_none() {
            asked.health = nobody("a health that answers 200 without `initialized`");
        }
    }
    if asked.health.transport == Some(Transport::Other) && speaks_tls(vault).await {
        asked.health = Answer { text: PLAIN_TO_TLS.to_owned(), ..Answer::default() };
    }
}

/// Whether what breaks off a request in plain HTTP speaks TLS. Some listeners say nothing of it.
async fn speaks_tls(vault: &Client) -> bool {
    let Some(url) = reqwest::Url::parse(vault.address()).ok().filter(|url| url.scheme() == "http") else {
        return false;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let by_tls = vault.clone().at(&format!("https://{host}:{port}"));
    match by_tls.send(Method::GET, "sys/health", None).await {
        Ok(_) | Err(Error::Garbled { .. }) => true,
        Err(Error::NoAnswer { source, .. }) => {
            matches!(transport(&source).0, Transport::Tls(handshake) if handshake != Handshake::NoTls)
        }
        Err(_) => false,
    }
}

async fn read(
    client: &Client,
    input: &Input,
    ask: &Ask,
    secret_name: &SecretName,
    observation: &mut Observation,
    asked: &mut Asked,
) {
    let result = client.send_patiently(Method::GET, &observation.read_path, None).await;
    let read = read_answer(&result);
    observation.read_with_token = true;
    if let Ok(reply) = &result {
        observation.secret = look_at(reply, input);
        let metadata = &reply.body["data"]["metadata"];
        asked.created = metadata["created_time"].as_str().map(str::to_owned);
    }
    // Before the mount is asked about: a token with few uses may have none left for this.
    let body = json!({ "paths": paths(secret_name, &ask.sibling) });
    let result = client.send_patiently(Method::POST, "sys/capabilities-self", Some(&body)).await;
    asked.capabilities = Some(answer(&result));
    if let Ok(reply) = result {
        for path in paths(secret_name, &ask.sibling) {
            let Some(allowed) = reply.body["data"][&path].as_array() else { continue };
            let allowed = allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            asked.allowed.insert(path, allowed);
        }
    }

    let SecretName { mount, name, .. } = secret_name;
    let result = client.send_patiently(Method::GET, &format!("sys/internal/ui/mounts/{mount}"), None).await;
    asked.mount = Some(answer(&result));
    asked.kv_version = result.ok().and_then(|reply| kv_version(&reply.body));
    if read.status == Some(404) {
        let stray = client.send_patiently(Method::GET, &format!("{mount}/metadata/data/{name}"), None).await;
        asked.at_data_data = Some(answer(&stray));
    }
    observation.read = Some(read);
}

/// The KV version that a description of a mount gives; none where it is no KV mount.
#[must_use]
pub fn kv_version(body: &Value) -> Option<u8> {
    let data = if body["data"]["type"].is_string() { &body["data"] } else { body };
    if !matches!(data["type"].as_str(), Some("kv" | "generic")) {
        return None;
    }
    // An absent option means version 1.
    Some(data["options"]["version"].as_str().and_then(|version| version.parse().ok()).unwrap_or(1))
}

/// Whether an answer says that something is there.
#[must_use]
pub fn is_there(answer: Option<&Answer>) -> bool {
    answer.is_some_and(|answer| answer.status == Some(200))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
