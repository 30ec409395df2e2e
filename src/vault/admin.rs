//! What an administrator does with Vault: the page's steps, and the questions
//! that a verdict needs answered.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, Error, fails};
use super::objects;

/// How often a fresh KV version 2 mount is asked again while it upgrades itself.
const UPGRADE_ATTEMPTS: u32 = 50;

impl Client {
    /// Vault's version, from `GET /sys/health`.
    ///
    /// # Errors
    /// Vault does not answer, or is not active and unsealed.
    pub async fn version(&self) -> Result<String, Error> {
        let reply = self.call(Method::GET, "sys/health", None).await?;
        text(&reply.body, &["version"]).ok_or_else(|| self.shape(Method::GET, "sys/health", "version"))
    }

    /// Enables a KV engine.
    ///
    /// # Errors
    /// Also where the path is in use: status 400.
    pub async fn enable_kv(&self, mount: &str, version: u8) -> Result<(), Error> {
        self.enable_engine(mount, &objects::kv_mount(version)).await
    }

    /// Enables what `POST sys/mounts/MOUNT` is given.
    ///
    /// # Errors
    /// Also where the path is in use: status 400.
    pub async fn enable_engine(&self, mount: &str, engine: &Value) -> Result<(), Error> {
        self.enable(&format!("sys/mounts/{mount}"), engine).await
    }

    /// Enables what `path` names. Where the first answer was lost on its way,
    /// "in use" is what a further one says.
    async fn enable(&self, path: &str, body: &Value) -> Result<(), Error> {
        let first = self.send(Method::POST, path, Some(body)).await;
        let lost = first.as_ref().map_or(true, |reply| fails(reply.status));
        match self.succeeded(Method::POST, path, first) {
            Err(_) if lost => match self.call(Method::POST, path, Some(body)).await {
                Err(Error::Status { status: 400, text, .. }) if text.contains("already in use") => Ok(()),
                again => again.map(drop),
            },
            taken => taken.map(drop),
        }
    }

    /// Seals Vault.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn seal(&self) -> Result<(), Error> {
        self.call(Method::PUT, "sys/seal", None).await.map(drop)
    }

    /// Makes the active node step down, and sees that it is a standby then
    /// (`GET sys/health`: 429).
    ///
    /// # Errors
    /// Vault does not answer, refuses, or stays active.
    pub async fn step_down(&self) -> Result<(), Error> {
        self.call(Method::PUT, "sys/step-down", None).await?;
        match self.send(Method::GET, "sys/health", None).await?.status {
            429 => Ok(()),
            _ => Err(self.shape(Method::GET, "sys/health", "standby")),
        }
    }

    /// Which version of KV is mounted there; none where nothing is.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn kv_version(&self, mount: &str) -> Result<Option<u8>, Error> {
        let reply = self.send(Method::GET, &format!("sys/mounts/{mount}"), None).await?;
        if text(&reply.body, &["type"]).as_deref() != Some("kv") {
            return Ok(None);
        }
        // An absent option means version 1.
        Ok(Some(text(&reply.body, &["options", "version"]).and_then(|v| v.parse().ok()).unwrap_or(1)))
    }

    /// Writes to a KV engine by its API path. A fresh version 2 mount answers
    /// 400 while it upgrades itself; that answer alone is waited out.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn write_kv(&self, path: &str, body: &Value) -> Result<(), Error> {
        let mut attempt = 0;
        loop {
            match self.call(Method::POST, path, Some(body)).await {
                Ok(_) => return Ok(()),
                Err(Error::Status { status: 400, text, .. })
                    if attempt < UPGRADE_ATTEMPTS && text.contains("Upgrading from non-versioned") =>
                {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes the latest version of a version 2 secret.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn delete_latest(&self, mount: &str, name: &str) -> Result<(), Error> {
        self.call(Method::DELETE, &format!("{mount}/data/{name}"), None).await?;
        Ok(())
    }

    /// Destroys the first version of a version 2 secret, its latest here.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn destroy_first(&self, mount: &str, name: &str) -> Result<(), Error> {
        self.call(Method::PUT, &format!("{mount}/destroy/{name}"), Some(&json!({ "versions": [1] }))).await?;
        Ok(())
    }

    /// Whether a path can be read with this client's token.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn is_there(&self, path: &str) -> Result<bool, Error> {
        Ok(self.send(Method::GET, path, None).await?.status == 200)
    }

    /// Enables an auth method at a path and gives the mount's accessor, by
    /// which Vault's log names it.
    ///
    /// # Errors
    /// Also where the path is in use: status 400.
    pub async fn enable_auth(&self, mount: &str, method: &Value) -> Result<String, Error> {
        self.enable(&format!("sys/auth/{mount}"), method).await?;
        self.auth_accessor(mount).await
    }

    /// The accessor of an auth mount.
    ///
    /// # Errors
    /// Nothing is mounted there: status 400.
    pub async fn auth_accessor(&self, mount: &str) -> Result<String, Error> {
        let path = format!("sys/auth/{mount}");
        let reply = self.call(Method::GET, &path, None).await?;
        text(&reply.body, &["accessor"]).ok_or_else(|| self.shape(Method::GET, &path, "accessor"))
    }

    /// Writes `auth/MOUNT/config`.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn write_auth_config(&self, mount: &str, config: &Value) -> Result<(), Error> {
        self.call(Method::POST, &format!("auth/{mount}/config"), Some(config)).await?;
        Ok(())
    }

    /// Writes `auth/MOUNT/role/NAME`.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn write_role(&self, mount: &str, name: &str, role: &Value) -> Result<(), Error> {
        self.call(Method::POST, &format!("auth/{mount}/role/{name}"), Some(role)).await?;
        Ok(())
    }

    /// Writes a policy.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn write_policy(&self, name: &str, policy: &Value) -> Result<(), Error> {
        self.call(Method::PUT, &format!("sys/policies/acl/{name}"), Some(policy)).await?;
        Ok(())
    }

    /// Whether a policy exists.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn policy_exists(&self, name: &str) -> Result<bool, Error> {
        self.is_there(&format!("sys/policies/acl/{name}")).await
    }

    /// Removes what a path of `sys/` names: a mount, an auth mount, a policy.
    /// What is not there already counts as removed.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn remove(&self, sys_path: &str) -> Result<(), Error> {
        self.call(Method::DELETE, &format!("sys/{sys_path}"), None).await?;
        Ok(())
    }

    /// The mounts, auth mounts and policies whose name contains a word, as paths
    /// for [`Client::remove`].
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn find(&self, word: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for kind in ["mounts", "auth"] {
            let reply = self.call(Method::GET, &format!("sys/{kind}"), None).await?;
            let names =
                reply.body["data"].as_object().into_iter().flatten().map(|(name, _)| name.trim_end_matches('/'));
            found.extend(names.filter(|name| name.contains(word)).map(|name| format!("{kind}/{name}")));
        }
        let reply = self.call(Method::GET, "sys/policies/acl?list=true", None).await?;
        let names = reply.body["data"]["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(names.filter(|name| name.contains(word)).map(|name| format!("policies/acl/{name}")));
        Ok(found)
    }

    fn shape(&self, method: Method, path: &str, field: &'static str) -> Error {
        Error::Shape { method, url: format!("{}/v1/{path}", self.address()), field }
    }
}

/// A string somewhere in a body.
fn text(body: &Value, path: &[&str]) -> Option<String> {
    path.iter().try_fold(body, |value, name| value.get(name)).and_then(Value::as_str).map(str::to_owned)
}
