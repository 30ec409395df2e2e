//! Vault's log, and the lines that belong to one auth mount.
//!
//! After a failed TokenReview the client sees `permission denied` and no more;
//! the reason stands in Vault's log, under a logger whose name has the auth
//! mount's accessor: at level `debug` as `login unauthorized: err=…`, up to
//! version 0.12 of the plugin (that of Vault 1.10) at level `error` as
//! `login unauthorized due to: …`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Notify;

/// How the message starts that a plugin up to 0.12 writes.
const OLDER: &str = "login unauthorized due to:";
/// How the message starts since.
const TODAY: &str = "login unauthorized:";
/// How the line starts in which a server that keeps everything in memory says what unseals it.
const UNSEAL_KEY: &str = "Unseal Key: ";
/// A reason that is empty, as Vault writes it.
const NOTHING: &str = "err=\"\"";
/// What a plugin that is a process of its own puts behind each line.
const STAMP: &str = " timestamp=";

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

/// Why logins were refused, in the order of the log: the accessor of the auth
/// mount that says so, and the reason. An `err` with line breaks goes over
/// several lines in the plain format.
#[must_use]
pub fn refusals(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let broken = line.trim_end().strip_suffix(TODAY).and_then(|head| head.strip_suffix(": "));
        let (Some(head), true) = (broken, lines.peek().is_some_and(|next| next.trim() == "err=")) else {
            found.extend(refusal(line));
            continue;
        };
        lines.next();
        let mut err = Vec::new();
        while let Some(more) = lines.peek().and_then(|next| next.trim_start().strip_prefix('|')) {
            err.push(more.strip_prefix(' ').unwrap_or(more));
            lines.next();
        }
        found.extend(head.rsplit(' ').next().and_then(accessor).map(|accessor| (accessor, err.join("\n"))));
    }
    found
}

/// Why a login was refused, and the accessor of the auth mount that says so,
/// where a line of the log is of that kind. Both of Vault's log formats are read.
#[must_use]
pub fn refusal(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (module, err) = match serde_json::from_str::<Line>(line) {
        Ok(Line { module, message, err }) => match message.strip_prefix(OLDER) {
            Some(reason) => (module, reason.trim().to_owned()),
            None if message == "login unauthorized" => (module, err?),
            None => return None,
        },
        Err(_) => plain(line)?,
    };
    Some((accessor(&module)?, or_nothing(err)))
}

/// What stands there where an answer had no message: Vault writes it so, and a line needs words.
fn or_nothing(err: String) -> String {
    if err.is_empty() { NOTHING.to_owned() } else { err }
}

/// `TIME [LEVEL] MODULE: MESSAGE`, in the words of today or the older ones.
fn plain(line: &str) -> Option<(String, String)> {
    let module = |head: &str| head.strip_suffix(": ")?.rsplit(' ').next().map(str::to_owned);
    if let Some((head, reason)) = line.split_once(OLDER) {
        let reason = reason.rsplit_once(STAMP).map_or(reason, |(reason, _)| reason.trim_end_matches(':'));
        return Some((module(head)?, reason.trim().to_owned()));
    }
    let (head, err) = line.split_once(TODAY)?;
    let err = err.trim_start().strip_prefix("err=")?;
    // One word has no quotes; what is in quotes may hold anything.
    let err = match err.strip_prefix('"').and_then(|err| err.rsplit_once('"')) {
        Some((quoted, _)) => unescaped(quoted),
        None => err.split_once(STAMP).map_or(err, |(err, _)| err).to_owned(),
    };
    Some((module(head)?, err))
}

/// A quote within a quoted text has a backslash before it. Plugin 0.14 doubles
/// those that are there as well, today's does not.
fn unescaped(text: &str) -> String {
    text.replace(r#"\\\""#, r#"\\""#).replace("\\\"", "\"")
}

/// The accessor in the logger's name: `auth.TYPE.auth_TYPE_ID`, behind which a
/// plugin that is a process of its own has its name. TYPE may have dots itself.
fn accessor(module: &str) -> Option<String> {
    let within = |module: &str| {
        let (kind, rest) = module.strip_prefix("auth.")?.split_once(".auth_")?;
        let id = rest.strip_prefix(kind)?.strip_prefix('_')?.split('.').next()?;
        Some(format!("auth_{kind}_{id}"))
    };
    within(module).or_else(|| module.rsplit_once('.').map(|(_, last)| last.to_owned()))
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
    unseal_key: Arc<OnceLock<SecretString>>,
    news: Arc<Notify>,
}

impl LogBook {
    /// Takes one line of the log. Lines of other loggers are passed over.
    pub fn take(&self, line: &str) {
        if let Some(key) = line.strip_prefix(UNSEAL_KEY) {
            // It is said once.
            let _ = self.unseal_key.set(key.trim().into());
        }
        let Some((accessor, err)) = refusal(line) else { return };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(accessor).or_default().push(err);
        drop(lines);
        self.news.notify_waiters();
    }

    /// What unseals it, where it is one that keeps everything in memory: that says so when it starts.
    #[must_use]
    pub fn unseal_key(&self) -> Option<SecretString> {
        self.unseal_key.get().cloned()
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
    use secrecy::ExposeSecret as _;

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
    fn what_unseals_a_vault_in_memory_is_what_it_says_at_its_start() {
        let book = LogBook::default();
        assert!(book.unseal_key().is_none());
        ["Unseal Key: a2V5", "Root Token: root-x"].iter().for_each(|line| book.take(line));
        assert_eq!(book.unseal_key().map(|key| key.expose_secret().to_owned()).as_deref(), Some("a2V5"));
        assert!(!format!("{book:?}").contains("a2V5"));
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

    const STATUS: &str = r#"{"apiVersion":"v1","code":403,"message":"tokenreviews.authentication.k8s.io is forbidden: User \"system:serviceaccount:default:vault-reviewer\" cannot create resource \"tokenreviews\""}"#;

    /// The lines as plugins 0.12.0, 0.14.0, 0.15.0 and 0.23.0 wrote them, each
    /// under `auth.kubernetes.auth_kubernetes_1a2b3c4d`.
    #[rstest::rstest]
    #[case::older(
        r#"[ERROR] M: login unauthorized due to: lookup failed: [invalid bearer token, serviceaccounts "acc" not found]"#,
        r#"lookup failed: [invalid bearer token, serviceaccounts "acc" not found]"#
    )]
    #[case::older_and_empty("[ERROR] M: login unauthorized due to: ", NOTHING)]
    #[case::older_of_a_process(
        "[ERROR] M: login unauthorized due to: JWT names did not match: timestamp=2026-11-26T15:40:01.123Z",
        "JWT names did not match"
    )]
    #[case::older_in_json(
        r#"{"@level":"error","@message":"login unauthorized due to: JWT UIDs did not match","@module":"M","@timestamp":"x"}"#,
        "JWT UIDs did not match"
    )]
    #[case::quotes_in_quotes_at_0_14(
        r#"[DEBUG] M: login unauthorized: err="{\"apiVersion\":\"v1\",\"code\":403,\"message\":\"tokenreviews.authentication.k8s.io is forbidden: User \\\"system:serviceaccount:default:vault-reviewer\\\" cannot create resource \\\"tokenreviews\\\"\"}""#,
        STATUS
    )]
    #[case::quotes_in_quotes_since_0_15(
        r#"[DEBUG] M: login unauthorized: err="{\"apiVersion\":\"v1\",\"code\":403,\"message\":\"tokenreviews.authentication.k8s.io is forbidden: User \\"system:serviceaccount:default:vault-reviewer\\" cannot create resource \\"tokenreviews\\"\"}""#,
        STATUS
    )]
    #[case::one_word("[DEBUG] M: login unauthorized: err=hello", "hello")]
    #[case::empty("[DEBUG] M: login unauthorized: err=", NOTHING)]
    #[case::empty_in_quotes(r#"[DEBUG] M: login unauthorized: err="""#, NOTHING)]
    #[case::empty_in_json(
        r#"{"@level":"debug","@message":"login unauthorized","@module":"M","@timestamp":"x","err":""}"#,
        NOTHING
    )]
    #[case::of_a_process(
        r#"[DEBUG] M: login unauthorized: err="unexpected EOF" timestamp=2026-11-26T15:40:01.123Z"#,
        "unexpected EOF"
    )]
    #[case::over_several_lines(
        "[DEBUG] M: login unauthorized:\n  err=\n  | <html>\n  | <body>\"Hello\"</body>\n  | </html>",
        "<html>\n<body>\"Hello\"</body>\n</html>"
    )]
    fn what_old_and_new_plugins_write_is_read(#[case] written: &str, #[case] reason: &str) {
        let module = "auth.kubernetes.auth_kubernetes_1a2b3c4d";
        let written = written.replace(" M:", &format!(" {module}:")).replace("\"M\"", &format!("\"{module}\""));
        let log = format!("2026-11-26T15:40:00.000Z [INFO]  core: up\n{written}\nmore\n");
        assert_eq!(refusals(&log), [("auth_kubernetes_1a2b3c4d".to_owned(), reason.to_owned())]);
    }

    #[test]
    fn the_accessor_is_found_where_the_type_has_dots_and_the_plugin_s_name_follows() {
        let module = "auth.plug-0.12.0.auth_plug-0.12.0_4b82ae0e.plug-0.12.0.plug-0.12.0";
        let line = format!("2026-11-26T15:40:01.000Z [ERROR] {module}: login unauthorized due to: x: timestamp=y");
        assert_eq!(refusal(&line), Some(("auth_plug-0.12.0_4b82ae0e".to_owned(), "x".to_owned())));
    }

    #[test]
    fn of_two_refusals_the_later_is_the_last() {
        let of = |err: &str| format!("T [DEBUG] auth.kubernetes.auth_kubernetes_1: login unauthorized: err={err}");
        let log = format!("{}\n{}\n", of("a"), of("b"));
        let reasons: Vec<String> = refusals(&log).into_iter().map(|(_, reason)| reason).collect();
        assert_eq!(reasons, ["a", "b"]);
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
