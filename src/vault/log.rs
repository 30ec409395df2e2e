//! Vault's log, and the lines that belong to one auth mount.
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

/// Why a login was refused, and the accessor of the auth mount that says so,
/// where a line of the log is of that kind. Both of Vault's log formats are read.
#[must_use]
pub fn refusal(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (module, err) = match serde_json::from_str::<Line>(line) {
        Ok(line) if line.message == "login unauthorized" => (line.module, line.err?),
        Ok(_) => return None,
        // TIME [DEBUG] MODULE: login unauthorized: err="…", its quotes escaped.
        Err(_) => {
            let (head, err) = line.split_once(": login unauthorized: err=")?;
            let err = err.strip_prefix('"').and_then(|err| err.strip_suffix('"')).unwrap_or(err);
            (head.rsplit(' ').next()?.to_owned(), err.replace("\\\"", "\""))
        }
    };
    let (_, accessor) = module.rsplit_once('.')?;
    Some((accessor.to_owned(), err))
}

/// Whether a line is of an audit log: there the client's text is repeated, and no more said.
#[must_use]
pub fn is_audit(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line.trim()).is_ok_and(|line| line["request"].is_object())
}

/// What Vault said so far, by the accessor of the auth mount that said it.
#[derive(Debug, Clone, Default)]
pub struct LogBook {
    lines: Arc<Mutex<HashMap<String, Vec<String>>>>,
    news: Arc<Notify>,
}

impl LogBook {
    /// Takes one line of the log. Lines of other loggers are passed over.
    pub fn take(&self, line: &str) {
        let Some((accessor, err)) = refusal(line) else { return };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(accessor).or_default().push(err);
        drop(lines);
        self.news.notify_waiters();
    }

    /// Why Vault refused the last login at that auth mount. Waits for the line
    /// until the time is over: none then, never a guess. The line itself tells
    /// that it has come, so nothing is looked at again and again, and that there
    /// is none is no failure: this is no `wait::until`.
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

    #[test]
    fn both_formats_of_the_log_are_read() {
        let plain = r#"2026-11-24T10:00:00.000Z [DEBUG] auth.kubernetes.auth_kubernetes_1a2b: login unauthorized: err="tokenreviews.authentication.k8s.io is forbidden: User \"system:serviceaccount:a:b\" cannot create resource""#;
        let (accessor, err) = refusal(plain).unwrap();
        assert_eq!(accessor, "auth_kubernetes_1a2b");
        assert!(err.contains(r#"User "system:serviceaccount:a:b" cannot"#), "{err}");
        assert_eq!(refusal("2026-11-24T10:00:00.000Z [INFO]  core: vault is unsealed"), None);
        assert!(is_audit(
            r#"{"type":"response","request":{"path":"auth/kubernetes/login"},"error":"permission denied"}"#
        ));
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
