//! What an administrator does with Vault: the page's steps, and the questions
//! that a verdict needs answered.

use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::client::{Client, Error, Reply, fails};
use super::objects;
use crate::wait::{self, Look};

/// How long a node may take to step down. It stays a standby for ten seconds,
/// so who looks later sees it active again.
const STEP_DOWN_LIMIT: Duration = Duration::from_secs(5);

/// How long a Vault may take to be active that was unsealed.
const UNSEAL_LIMIT: Duration = Duration::from_secs(15);

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

    /// Whether Vault is sealed (`GET sys/seal-status`).
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn is_sealed(&self) -> Result<bool, Error> {
        let reply = self.call(Method::GET, "sys/seal-status", None).await?;
        reply.body["sealed"].as_bool().ok_or_else(|| self.shape(Method::GET, "sys/seal-status", "sealed"))
    }

    /// Unseals Vault with the one key that a server in memory has, and waits until it is active (`GET sys/health`: 200).
    ///
    /// # Errors
    /// Vault does not answer, refuses, or does not get active.
    pub async fn unseal(&self, key: &SecretString) -> Result<(), Error> {
        self.call(Method::PUT, "sys/unseal", Some(&json!({ "key": key.expose_secret() }))).await?;
        self.answers_with(200, "sys/health", &format!("active Vault at {}", self.address()), UNSEAL_LIMIT).await
    }

    /// Waits until a path answers with that status.
    pub(super) async fn answers_with(
        &self,
        wanted: u16,
        path: &str,
        subject: &str,
        limit: Duration,
    ) -> Result<(), Error> {
        wait::until(subject, limit, Duration::from_millis(20), || async {
            match self.send(Method::GET, path, None).await {
                Ok(reply) if reply.status == wanted => Look::Done(()),
                Ok(reply) => Look::NotYet(format!("{path} answers {}", reply.status)),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await?;
        Ok(())
    }

    /// Makes the active node step down, and waits until it is a standby
    /// (`GET sys/health`: 429): Vault says yes before it does it.
    ///
    /// # Errors
    /// Vault does not answer, refuses, or stays active.
    pub async fn step_down(&self) -> Result<(), Error> {
        self.call(Method::PUT, "sys/step-down", None).await?;
        self.answers_with(429, "sys/health", &format!("standby at {}", self.address()), STEP_DOWN_LIMIT).await
    }

    /// What Vault says of a path. That nothing is there is an answer, too; that
    /// Vault, or what stands in front of it, fails is none.
    async fn ask(&self, path: &str) -> Result<Reply, Error> {
        let reply = self.send_patiently(Method::GET, path, None).await?;
        match fails(reply.status) || !reply.is_vaults() {
            true => self.succeeded(Method::GET, path, Ok(reply)),
            false => Ok(reply),
        }
    }

    /// Which version of KV is mounted there; none where nothing is.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn kv_version(&self, mount: &str) -> Result<Option<u8>, Error> {
        let reply = self.ask(&format!("sys/mounts/{mount}")).await?;
        if text(&reply.body, &["type"]).as_deref() != Some("kv") {
            return Ok(None);
        }
        // An absent option means version 1.
        Ok(Some(text(&reply.body, &["options", "version"]).and_then(|v| v.parse().ok()).unwrap_or(1)))
    }

    /// Whether a token reviewer is in the configuration of a Kubernetes auth mount.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn has_reviewer(&self, mount: &str) -> Result<bool, Error> {
        let config = self.ask(&format!("auth/{mount}/config")).await?;
        Ok(config.body["data"]["token_reviewer_jwt_set"] == true)
    }

    /// The type of the engine that is mounted there, such as `transit`; none where nothing is.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn engine(&self, mount: &str) -> Result<Option<String>, Error> {
        Ok(text(&self.ask(&format!("sys/mounts/{mount}")).await?.body, &["type"]))
    }

    /// Writes to a KV engine by its API path.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn write_kv(&self, path: &str, body: &Value) -> Result<(), Error> {
        self.call(Method::POST, path, Some(body)).await.map(drop)
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

    /// Gives the first version of a version 2 secret back that was deleted.
    ///
    /// # Errors
    /// Vault does not answer, or refuses.
    pub async fn undelete_first(&self, mount: &str, name: &str) -> Result<(), Error> {
        self.call(Method::PUT, &format!("{mount}/undelete/{name}"), Some(&json!({ "versions": [1] }))).await?;
        Ok(())
    }

    /// Writes the first version of a version 2 secret again, as `vault kv rollback -version=1` does.
    ///
    /// # Errors
    /// Vault does not answer, or refuses, or the version is not there.
    pub async fn roll_back_to_first(&self, mount: &str, name: &str) -> Result<(), Error> {
        let path = format!("{mount}/data/{name}");
        let first = self.call(Method::GET, &format!("{path}?version=1"), None).await?;
        self.write_kv(&path, &json!({ "data": first.body["data"]["data"] })).await
    }

    /// Whether a path can be read with this client's token.
    ///
    /// # Errors
    /// Vault does not answer.
    pub async fn is_there(&self, path: &str) -> Result<bool, Error> {
        Ok(self.ask(path).await?.status == 200)
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
