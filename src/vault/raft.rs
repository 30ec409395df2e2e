//! What an administrator does with the nodes of a Vault that has integrated storage.

use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::client::{Client, Error};
use crate::wait::{self, Look};

/// How long a node that has joined may take until it may be elected.
const VOTER_LIMIT: Duration = Duration::from_secs(60);

/// How long a node may take to know an active one: it hears of the one that there is, or another is elected.
const ELECTION_LIMIT: Duration = Duration::from_secs(60);

impl Client {
    /// Makes this node, which is fresh, one of another's Vault, unseals it, and waits until it passes on what it is asked.
    ///
    /// # Errors
    /// Vault does not answer, or refuses, or the node does not come to know the active one.
    pub async fn join(&self, active: &str, key: &SecretString) -> Result<(), Error> {
        self.call(Method::PUT, "sys/storage/raft/join", Some(&json!({ "leader_api_addr": active }))).await?;
        self.call(Method::PUT, "sys/unseal", Some(&json!({ "key": key.expose_secret() }))).await?;
        self.has_active_node().await
    }

    /// Waits until so many nodes may be elected.
    ///
    /// # Errors
    /// They are fewer within the time limit.
    pub async fn has_voters(&self, count: usize) -> Result<(), Error> {
        let subject = format!("{count} nodes that may be elected");
        wait::until(&subject, VOTER_LIMIT, Duration::from_millis(50), || async {
            match self.call(Method::GET, "sys/storage/raft/configuration", None).await {
                Ok(reply) => {
                    let servers = reply.body["data"]["config"]["servers"].as_array().map_or(&[][..], Vec::as_slice);
                    match servers.iter().filter(|server| server["voter"] == Value::Bool(true)).count() {
                        voters if voters == count => Look::Done(()),
                        voters => Look::NotYet(format!("{voters} may")),
                    }
                }
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await?;
        Ok(())
    }

    /// Waits until there is an active node that answers what this one is asked.
    ///
    /// # Errors
    /// There is none within the time limit.
    pub async fn has_active_node(&self) -> Result<(), Error> {
        let subject = format!("active node of the Vault at {}", self.address());
        self.answers_with(200, "sys/mounts", &subject, ELECTION_LIMIT).await
    }
}
