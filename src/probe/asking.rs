//! The way on a customer's cluster. The app's login and read are the same; what
//! else the Vault token may do is asked of `sys/capabilities-self`, never tried:
//! no request here could write, patch or delete. The token is revoked in the end.

use std::time::{Duration, Instant};

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

/// A proxy beside the probe that starts at the same time lets nothing through in its first seconds.
const SETTLING: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3), Duration::from_secs(4)];

/// What it then looks like.
const fn passes(why: Transport) -> bool {
    matches!(why, Transport::Refused | Transport::NameNotFound | Transport::Other)
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
    for pause in SETTLING.iter().filter(|_| ask.settles) {
        if asked.health.transport.is_none_or(|why| !passes(why)) {
            break;
        }
        tokio::time::sleep(*pause).await;
        health(&vault, &mut asked).await;
    }
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
                let before = Instant::now();
                if !ask.login_only {
                    read(&client, input, ask, secret_name, &mut observation, &mut asked).await;
                }
                asked.revoke = Some(answer(&client.send_patiently(Method::POST, "auth/token/revoke-self", None).await));
                let after = client.send_patiently(Method::GET, "auth/token/lookup-self", None).await;
                asked.after_revocation = Some(answer(&after));
                asked.boundary_millis = Some(millis(before).saturating_sub(asked.read_millis.unwrap_or_default()));
            }
        }
    } else if jwt.is_some() {
        let answer = asked.health.clone();
        observation.login = Some(Login::of(answer));
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
    let before = Instant::now();
    let mut secret_name = secret_name.clone();
    let mut result = client.send_patiently(Method::GET, &observation.read_path, None).await;
    // A path of several slashes may be taken apart at each, and the app's own token is told where the mount ends. The
    // read goes first: a token with one use has none left for a question.
    if !secret_name.elsewhere.is_empty() && matches!(read_answer(&result).status, Some(403 | 404)) {
        let whole = format!("{}/{}", secret_name.mount, secret_name.name);
        ask_mount(client, &whole, asked).await;
        let found = asked.mount_path.as_deref().and_then(|mount| secret_name.with_mount(mount).ok());
        if let Some(found) = found.filter(|found| found.mount != secret_name.mount) {
            observation.read_path = format!("{}/data/{}", found.mount, found.name);
            let path = &observation.read_path;
            let without = client.with_token(None).send_patiently(Method::GET, path, None).await;
            asked.read_without_token = Some(read_answer(&without));
            result = client.send_patiently(Method::GET, path, None).await;
            secret_name = found;
        }
    }
    let read = read_answer(&result);
    asked.read_millis = Some(millis(before));
    observation.read_with_token = true;
    if let Ok(reply) = &result {
        observation.secret = look_at(reply, input);
        let metadata = &reply.body["data"]["metadata"];
        asked.created = metadata["created_time"].as_str().map(str::to_owned);
    }
    // Before the mount is asked about: a token with few uses may have none left for this.
    let meant = secret_name.meant().filter(|_| matches!(read.status, Some(403 | 404)));
    let meant = meant.map(|(mount, name)| format!("{mount}/data/{name}"));
    let all: Vec<String> = paths(&secret_name, &ask.sibling).into_iter().chain(meant.clone()).collect();
    let body = json!({ "paths": all });
    let result = client.send_patiently(Method::POST, "sys/capabilities-self", Some(&body)).await;
    asked.capabilities = Some(answer(&result));
    if let Ok(reply) = result {
        for path in paths(&secret_name, &ask.sibling) {
            let Some(allowed) = reply.body["data"][&path].as_array() else { continue };
            let allowed = allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            asked.allowed.insert(path, allowed);
        }
        let may_read = |path: &String| {
            let allowed = reply.body["data"][path].as_array();
            allowed.is_some_and(|allowed| allowed.iter().any(|capability| capability == "read"))
        };
        asked.meant = meant.filter(may_read);
    }

    let SecretName { mount, name, .. } = &secret_name;
    if asked.mount.is_none() {
        ask_mount(client, mount, asked).await;
    }
    if read.status == Some(404) {
        let stray = client.send_patiently(Method::GET, &format!("{mount}/metadata/data/{name}"), None).await;
        asked.at_data_data = Some(answer(&stray));
    }
    observation.read = Some(read);
}

/// Asks which mount a path is in, and what it is.
async fn ask_mount(client: &Client, path: &str, asked: &mut Asked) {
    let result = client.send_patiently(Method::GET, &format!("sys/internal/ui/mounts/{path}"), None).await;
    asked.mount = Some(answer(&result));
    let Ok(reply) = result else { return };
    let text = |field: &str| reply.body["data"][field].as_str();
    asked.mount_path = text("path").map(|path| path.trim_matches('/').to_owned());
    asked.engine = text("type").map(str::to_owned);
    asked.kv_version = kv_version(&reply.body);
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
