//! What things are called: the page's names, or a customer's own. Texts of the
//! catalogue hold placeholders such as `{mount}`, which these names fill. A brace
//! that is none of a placeholder is doubled.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the placeholders stand for. One that is not known is a name in pointed
/// brackets, such as `<ACCOUNT>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Names {
    /// The KV mount.
    pub mount: String,
    /// The secret's name in it.
    pub secret: String,
    /// The auth mount's path.
    pub auth: String,
    /// The role.
    pub role: String,
    /// The role's policy.
    pub policy: String,
    /// The app's namespace.
    pub namespace: String,
    /// The Service Account that the app runs as.
    pub account: String,
    /// The namespace of `OperatorConfiguration`.
    pub operator_namespace: String,
    /// The `Runtime`.
    pub runtime: String,
    /// The label selector of the app's pods.
    pub app_selector: String,
    /// Vault's address as the app has it, such as `https://vault.example:8200`.
    pub address: String,
    /// Its host and port alone, such as `vault.example:8200`.
    pub server: String,
    /// The token reviewer's Service Account.
    pub reviewer: String,
    /// Its namespace.
    pub reviewer_namespace: String,
    /// The token's file in the pod.
    pub token_file: String,
}

/// What stands for an account that is not known.
pub const UNKNOWN_ACCOUNT: &str = "<ACCOUNT>";

impl Default for Names {
    /// The documented ones.
    fn default() -> Self {
        Self {
            mount: "pmp-dev".to_owned(),
            secret: "admin".to_owned(),
            auth: "kubernetes".to_owned(),
            role: "pmp-secret-accessor-role".to_owned(),
            policy: "pmp-secret-access".to_owned(),
            namespace: "feature-test".to_owned(),
            account: "pmp-secret-accessor".to_owned(),
            operator_namespace: "<your-operator-ns>".to_owned(),
            runtime: "mxplatform".to_owned(),
            app_selector: "app=mxplatform".to_owned(),
            address: "http://<VAULT_ADDR>:8200".to_owned(),
            server: "<VAULT_ADDR>:8200".to_owned(),
            reviewer: "vault-reviewer".to_owned(),
            reviewer_namespace: "default".to_owned(),
            token_file: "/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned(),
        }
    }
}

/// A part of a text with placeholders.
enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
    /// A brace that nothing closes or opens.
    Stray(&'a str),
}

impl Names {
    /// A text for people. What stands in backquotes is for a shell: see [`Self::command`].
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut shell = false;
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => {
                    shell ^= text.matches('`').count() % 2 == 1;
                    filled.push_str(text);
                }
                Piece::Placeholder(name) => filled.push_str(&self.value(name, shell)),
                Piece::Stray(brace) => filled.push_str(brace),
            }
        }
        filled
    }

    /// A title for people. A name in it stands behind what it names (`the role {role}`), so one that is not known is
    /// left out with the space before it.
    #[must_use]
    pub fn title(&self, text: &str) -> String {
        titled(text, |name| self.known(name).filter(|name| !name.contains(['<', '>'])))
    }

    /// The same title where nothing is called by a name.
    #[must_use]
    pub fn unnamed(text: &str) -> String {
        titled(text, |_| None)
    }

    /// A line for a shell: a name that it would take apart is quoted.
    #[must_use]
    pub fn command(&self, line: &str) -> String {
        let filled = pieces(line).map(|piece| match piece {
            Piece::Text(text) | Piece::Stray(text) => Cow::Borrowed(text),
            Piece::Placeholder(name) => Cow::Owned(self.value(name, true)),
        });
        filled.collect()
    }

    /// What of a text's braces is no placeholder, as it stands there.
    #[must_use]
    pub fn unknown(text: &str) -> Vec<String> {
        let known = Self::default();
        let wrong = pieces(text).filter_map(|piece| match piece {
            Piece::Placeholder(name) if known.get(name).is_none() => Some(format!("{{{name}}}")),
            Piece::Stray(brace) => Some(brace.to_owned()),
            Piece::Text(_) | Piece::Placeholder(_) => None,
        });
        wrong.collect()
    }

    /// Every placeholder, without its braces.
    pub const PLACEHOLDERS: [&str; 15] = [
        "mount",
        "secret",
        "auth",
        "role",
        "policy",
        "namespace",
        "account",
        "operator-namespace",
        "runtime",
        "app-selector",
        "address",
        "server",
        "reviewer",
        "reviewer-namespace",
        "token-file",
    ];

    fn get(&self, placeholder: &str) -> Option<&str> {
        Some(match placeholder {
            "mount" => &self.mount,
            "secret" => &self.secret,
            "auth" => &self.auth,
            "role" => &self.role,
            "policy" => &self.policy,
            "namespace" => &self.namespace,
            "account" => &self.account,
            "operator-namespace" => &self.operator_namespace,
            "runtime" => &self.runtime,
            "app-selector" => &self.app_selector,
            "address" => &self.address,
            "server" => &self.server,
            "reviewer" => &self.reviewer,
            "reviewer-namespace" => &self.reviewer_namespace,
            "token-file" => &self.token_file,
            _ => return None,
        })
    }

    /// The name, unless there is none. One with what would break a line or steer a
    /// terminal is not repeated.
    fn known(&self, placeholder: &str) -> Option<&str> {
        let steers = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        self.get(placeholder).filter(|name| !name.is_empty() && !name.contains(steers))
    }

    /// What stands in the placeholder's place.
    fn value(&self, placeholder: &str, shell: bool) -> String {
        let name = match self.known(placeholder) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("<{}>", placeholder.to_uppercase())),
        };
        match shlex::try_quote(&name) {
            Ok(quoted) if shell => quoted.into_owned(),
            _ => name.into_owned(),
        }
    }
}

fn titled<'a>(text: &str, name: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut title = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) | Piece::Stray(text) => title.push_str(text),
            Piece::Placeholder(placeholder) => match name(placeholder) {
                Some(name) => title.push_str(name),
                None => title.truncate(title.trim_end().len()),
            },
        }
    }
    title
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = match rest.find(['{', '}']) {
            _ if rest.is_empty() => return None,
            Some(0) => 0,
            at => {
                let (before, behind) = rest.split_at(at.unwrap_or(rest.len()));
                rest = behind;
                return Some(Piece::Text(before));
            }
        };
        let (brace, behind) = rest.split_at(at + 1);
        if let Some(behind) = behind.strip_prefix(brace) {
            rest = behind;
            return Some(Piece::Text(brace));
        }
        let name = |c: char| c.is_ascii_lowercase() || c == '-';
        match behind.split_once('}').filter(|(inner, _)| brace == "{" && inner.chars().all(name)) {
            Some((inner, behind)) => {
                rest = behind;
                Some(Piece::Placeholder(inner))
            }
            None => {
                rest = behind;
                Some(Piece::Stray(brace))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_known_and_stands_for_a_field() {
        let fields = serde_json::to_value(Names::default()).unwrap();
        let mut fields: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = Names::PLACEHOLDERS.to_vec();
        fields.sort_unstable();
        known.sort_unstable();
        assert_eq!(fields, known);
        for name in Names::PLACEHOLDERS {
            let value = serde_json::to_value(Names::default()).unwrap()[name].as_str().unwrap().to_owned();
            assert_eq!(Names::default().get(name), Some(&*value));
        }
    }

    #[test]
    fn names_are_quoted_for_a_shell_and_nowhere_else() {
        let names = Names { mount: "team's kv".to_owned(), ..Names::default() };
        assert_eq!(
            names.fill("The mount {mount}: `vault kv get {mount}/{secret}`, {mount}"),
            "The mount team's kv: `vault kv get \"team's kv\"/admin`, team's kv"
        );
        let command = names.command("vault kv get {mount}/{secret}");
        assert_eq!(shlex::split(&command).unwrap(), ["vault", "kv", "get", "team's kv/admin"]);
    }

    #[test]
    fn a_title_has_the_names_that_are_known_and_reads_well_without_them() {
        let title = "The role {role} is not bound to the Service Account {account}";
        let names = Names { account: UNKNOWN_ACCOUNT.to_owned(), role: "shop".to_owned(), ..Names::default() };
        assert_eq!(names.title(title), "The role shop is not bound to the Service Account");
        assert_eq!(Names::unnamed(title), "The role is not bound to the Service Account");
    }

    #[test]
    fn doubled_braces_are_braces_and_anything_else_is_told() {
        let names = Names::default();
        assert_eq!(names.command("kubectl patch -p '{{\"spec\":{{}}}}'"), "kubectl patch -p '{\"spec\":{}}'");
        assert_eq!(Names::unknown("{mount} {{x}} {moutn} { }"), ["{moutn}", "{", "}"]);
        assert_eq!(names.fill("{moutn"), "{moutn");
    }

    #[test]
    fn a_name_that_would_steer_a_terminal_or_is_not_known_stays_a_placeholder() {
        for name in ["a\nb", "\u{1b}[2J", "a\u{202e}b", ""] {
            let names = Names { mount: name.to_owned(), ..Names::default() };
            assert_eq!(names.fill("in {mount}"), "in <MOUNT>", "{name:?}");
            assert_eq!(names.command("vault kv get {mount}"), "vault kv get '<MOUNT>'");
        }
    }
}
