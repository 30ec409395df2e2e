//! The probe's way: that of a testbed of our own, or the one that only asks.

use reqwest::Method;

use super::input::{Input, SecretName};
use super::observation::{Answer, Observation, SCHEMA, Secret};
use super::stages::{log_in, look_at, read_answer, service_account_token};
use super::{asking, boundary, trust};
use crate::vault::client::{Client, Proxy};

/// Goes as far as the configuration lets it, and says what it saw.
///
/// # Errors
/// The input cannot be used at all; whatever a server does is an observation.
pub async fn observe(input: &Input) -> Result<Observation, String> {
    let started = std::time::Instant::now();
    let secret_name = SecretName::parse(&input.secret_name)?;
    let secret_name = match &input.mount {
        Some(mount) => secret_name.with_mount(mount)?,
        None => secret_name,
    };
    let (roots, mounted) = trust::roots(input);
    if let Some(ask) = &input.ask {
        // The pod has no variables for proxies but those of the app.
        let vault = Client::through(&secret_name.address, None, &roots, Proxy::OfEnvironment);
        let mut observation = asking::observe(input, ask, &vault.map_err(|e| e.to_string())?, &secret_name).await;
        if let Some(asked) = &mut observation.asked {
            asked.mounted_authorities = mounted;
        }
        return Ok(observation);
    }
    let vault = Client::new(&secret_name.address, None, &roots).map_err(|e| e.to_string())?;
    let path = format!("{}/data/{}", secret_name.mount, secret_name.name);

    let (token, jwt) = service_account_token(&input.token_file);
    let mut vault_token = None;
    let login = match jwt {
        Some(jwt) => {
            let (login, granted) = log_in(&vault, input, &jwt).await;
            vault_token = granted.token;
            Some(login)
        }
        None => None,
    };

    // After a denial the secret is asked for all the same, with what the app
    // then holds: no token.
    let read_with_token = vault_token.is_some();
    let client = vault.with_token(vault_token);
    let (read, secret) = read(&client, &path, input).await;

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

/// Asks for the secret: the answer, and what is in it.
pub(super) async fn read(client: &Client, path: &str, input: &Input) -> (Answer, Option<Secret>) {
    let result = client.send_patiently(Method::GET, path, None).await;
    let read = read_answer(&result);
    (read, result.ok().and_then(|reply| look_at(&reply, input)))
}
