//! `#create-vault-secret`: the mount, the secret, and what happens to it.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::mutation::Object;
use super::names::SIBLING;
use super::site::{Error, Site, Stored, create_in_vault};
use crate::probe::stages::fingerprint;
use crate::random::random;
use crate::scenario::configuration::{Configuration, KvEngine, Policy, Put, SecretFate, Stored as Content};
use crate::vault::objects;
use crate::verdict::sighting::EnableAgain;

/// The key that scenarios with one odd key use.
pub const ODD_KEY: &str = "Email.SMTPPassword";

/// Mounts the engine, stores the secret and writes the policy.
///
/// # Errors
/// Vault refuses a step that the page has.
pub async fn apply(site: Site<'_>, configuration: &Configuration) -> Result<Stored, Error> {
    let admin = &site.vault.admin;
    let (mount, secret) = (&site.names.kv_mount, site.names.secret);
    mount_engine(site, configuration.kv_engine).await?;
    let (values, fingerprints) = values(site, configuration.stored);
    let mut stored = Stored { fingerprints, enable_again: None };
    match configuration.put {
        // What is put there is seen by the token alone that puts it, so nobody can put it for the app.
        Put::Api if configuration.kv_engine == KvEngine::Cubbyhole => {}
        Put::Api => {
            let body = match configuration.kv_engine {
                KvEngine::V1 => Value::Object(values),
                _ => json!({ "data": values }),
            };
            let body = site.bend(Object::Secret, body)?;
            match admin.write_kv(&format!("{mount}/data/{secret}"), &body).await {
                // Another engine takes no such put, and the app is to find out that there is nothing.
                Err(crate::vault::Error::Status { .. }) if configuration.kv_engine.version().is_none() => {}
                put => put?,
            }
        }
        Put::CliDocumented => kv_put(site, &format!("{mount}/data/{secret}"), &values).await?,
        Put::CliMended => kv_put(site, &format!("{mount}/{secret}"), &values).await?,
    }
    if configuration.enable_again {
        stored.enable_again = Some(match admin.enable_kv(mount, 2).await {
            Ok(()) => EnableAgain { refused: false, text: "accepted".to_owned() },
            Err(crate::vault::Error::Status { text, .. }) => EnableAgain { refused: true, text },
            Err(error) => return Err(error.into()),
        });
    }
    match configuration.secret_fate {
        SecretFate::Kept => {}
        SecretFate::Deleted => admin.delete_latest(mount, secret).await?,
        SecretFate::Destroyed => admin.destroy_first(mount, secret).await?,
        SecretFate::PutAgainInPart => {
            let value = canary(site);
            let print = fingerprint(&site.run.hmac_key, ODD_KEY, &value).map(|print| (ODD_KEY.to_owned(), print));
            stored.fingerprints = print.into_iter().collect();
            let one = Map::from_iter([(ODD_KEY.to_owned(), json!(value))]);
            kv_put(site, &format!("{mount}/{secret}"), &one).await?;
        }
    }
    let path = match configuration.policy {
        Policy::Documented | Policy::WithComments => format!("{mount}/data/{secret}"),
        Policy::WithoutData => format!("{mount}/{secret}"),
        Policy::Missing => return Ok(stored),
    };
    let policy = site.bend(Object::Policy, objects::read_policy(&path))?;
    let mut body = policy.body();
    if configuration.policy == Policy::WithComments {
        body = objects::with_comments(&body);
    }
    create_in_vault(site, format!("policies/acl/{}", site.names.policy), admin.write_policy(&site.names.policy, &body))
        .await?;
    Ok(stored)
}

/// Mounts the engine, and puts beside the central secret what the app must not read.
async fn mount_engine(site: Site<'_>, engine: KvEngine) -> Result<(), Error> {
    let (admin, mount) = (&site.vault.admin, &site.names.kv_mount);
    let kv = |version| site.bend(Object::KvMount, objects::kv_mount(version));
    let body = match engine {
        KvEngine::V2 => kv(2)?,
        KvEngine::V1 => kv(1)?,
        KvEngine::Transit => json!({ "type": "transit" }),
        KvEngine::Database => json!({ "type": "database" }),
        // It is there.
        KvEngine::Cubbyhole => return Ok(()),
    };
    create_in_vault(site, format!("mounts/{mount}"), admin.enable_engine(mount, &body)).await?;
    // The first write waits until a fresh version 2 mount takes writes, so that
    // no step after it, Vault's command line above all, has to.
    let sibling = json!({ "not-for-the-app": canary(site) });
    let (path, body) = match engine.version() {
        Some(2) => (format!("{mount}/data/{SIBLING}"), json!({ "data": sibling })),
        Some(_) => (format!("{mount}/{SIBLING}"), sibling),
        None => return Ok(()),
    };
    Ok(admin.write_kv(&path, &body).await?)
}

/// A random value that no report may show.
pub(super) fn canary(site: Site<'_>) -> String {
    let value = format!("canary-{}", random(24));
    site.run.redactor.add(&SecretString::from(value.clone()));
    value
}

/// What is stored, and the fingerprint of each value that the app can use.
pub(super) fn values(
    site: Site<'_>,
    content: Content,
) -> (Map<String, Value>, std::collections::BTreeMap<String, String>) {
    let mut values = Map::new();
    let mut fingerprints = std::collections::BTreeMap::new();
    for key in &site.run.page.keys {
        if content == Content::PageExample && !key.in_example {
            continue;
        }
        let odd = key.name == ODD_KEY;
        let name = content.name_of(&key.name);
        let (name, value) = match content {
            Content::Nested => (name, json!({ "value": canary(site) })),
            Content::OneEmpty if odd => (name, json!("")),
            Content::OneNumber if odd => (name, json!(31_415_926)),
            Content::OneInWrongCase if odd => (name.to_lowercase(), json!(canary(site))),
            Content::NestedByGroup if name != key.name => {
                let mut group = values.remove(&name).unwrap_or_else(|| json!({}));
                group[&key.name[name.len() + 1..]] = json!(canary(site));
                (name, group)
            }
            Content::WithHyphens if name != key.name => (name, json!(canary(site))),
            _ => {
                let value = canary(site);
                fingerprints
                    .extend(fingerprint(&site.run.hmac_key, &key.name, &value).map(|print| (key.name.clone(), print)));
                (key.name.clone(), json!(value))
            }
        };
        values.insert(name, value);
    }
    if content == Content::PageExample {
        let unlisted = site.run.page.example_also_stores.iter();
        values.extend(unlisted.map(|key| (key.clone(), json!(canary(site)))));
    }
    if content == Content::OneTooMany {
        values.insert("Not.OfThePage".to_owned(), json!(canary(site)));
    }
    (values, fingerprints)
}

/// `vault kv put PATH KEY=VALUE …` by Vault's own command line.
async fn kv_put(site: Site<'_>, path: &str, values: &Map<String, Value>) -> Result<(), Error> {
    let mut arguments: Vec<String> = ["kv", "put", path].map(str::to_owned).to_vec();
    arguments.extend(values.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())));
    let (code, output) = site.vault.command(arguments).await?;
    if code == 0 {
        return Ok(());
    }
    Err(Error::VaultCli { command: "kv put", code, output: output.lines().last().unwrap_or_default().to_owned() })
}
