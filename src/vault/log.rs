//! Vault's log in JSON, and the lines that belong to one auth mount.
//!
//! After a failed TokenReview the client sees `permission denied` and no more;
//! the reason stands in Vault's log at level `debug`, under a logger whose name
//! ends in the auth mount's accessor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Notify;

/// One line, as `VAULT_LOG_FORMAT=json` writes it.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "@module", default)]
    module: String,
    #[serde(rename = "@message", default)]
    message: String,
    #[serde(default)]
    err: Option<String>,
}

/// What Vault said so far, by the accessor of the auth mount that said it.
#[derive(Debug, Clone, Default)]
pub struct LogBook {
    lines: Arc<Mutex<HashMap<String, Vec<String>>>>,
    news: Arc<Notify>,
}

impl LogBook {
    /// Takes one line of the log. Lines that are not JSON, and those of other
    /// loggers, are passed over.
    pub fn take(&self, line: &str) {
        let Ok(line) = serde_json::from_str::<Line>(line.trim()) else { return };
        let Some((_, accessor)) = line.module.rsplit_once('.') else { return };
        if line.message != "login unauthorized" {
            return;
        }
        let Some(err) = line.err else { return };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(accessor.to_owned()).or_default().push(err);
        drop(lines);
        self.news.notify_waiters();
    }

    /// Why Vault refused the last login at that auth mount. Waits for the line
    /// until the time is over: none then, never a guess.
    pub async fn refusal(&self, accessor: &str, limit: Duration) -> Option<String> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let news = self.news.notified();
            {
                let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(line) = lines.get(accessor).and_then(|lines| lines.last()) {
                    return Some(line.clone());
                }
            }
            tokio::time::timeout_at(deadline, news).await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_is_found_under_its_own_auth_mount_only() {
        let book = LogBook::default();
        book.take("==> Vault server started! Log data will stream in below:");
        book.take(
            r#"{"@level":"debug","@message":"login unauthorized","@module":"auth.kubernetes.auth_kubernetes_1a2b","@timestamp":"x","err":"lookup failed"}"#,
        );
        let limit = Duration::from_millis(10);
        assert_eq!(book.refusal("auth_kubernetes_1a2b", limit).await.as_deref(), Some("lookup failed"));
        assert_eq!(book.refusal("auth_kubernetes_ffff", limit).await, None);
    }

    #[tokio::test]
    async fn a_line_that_comes_late_is_waited_for() {
        let book = LogBook::default();
        let writer = book.clone();
        let (found, ()) = tokio::join!(book.refusal("auth_kubernetes_1", Duration::from_secs(5)), async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            writer.take(
                r#"{"@message":"login unauthorized","@module":"auth.kubernetes.auth_kubernetes_1","err":"late"}"#,
            );
        });
        assert_eq!(found.as_deref(), Some("late"));
    }
}
