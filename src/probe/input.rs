//! What the app is told: the Secret Name URL and the key names of the admin
//! panel, and what the page leaves open (auth mount, role, token file).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The environment variable that carries the input as JSON.
pub const VARIABLE: &str = "PMP_VAULT_PROBE_INPUT";

/// The environment variable that names the folder below which the pod's files are, where they cannot be at their own
/// paths: on a testbed without a kubelet.
pub const ROOT: &str = "PMP_VAULT_PROBE_ROOT";

/// Where Kubernetes mounts a Service Account's token.
pub const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The probe's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Input {
    /// The run that starts the probe.
    pub run: String,
    /// The scenario that it serves.
    pub scenario: String,
    /// `#configure-pmp-credentials`: `SCHEME://ADDRESS[:PORT]/MOUNT/NAME`.
    pub secret_name: String,
    /// The KV mount, where it is named apart from the URL; else Vault says how far it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// The key names, in the catalogue's order.
    pub keys: Vec<String>,
    /// Not documented, so configurable.
    pub auth_mount: String,
    /// Not documented for the app, so configurable.
    pub role: String,
    /// Not documented, so configurable.
    pub token_file: String,
    /// Certificate authorities in PEM; the public ones where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The run's key for the HMAC of each value. Never set on a customer's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac_key: Option<String>,
    /// The name of another secret of the mount, to ask what the Vault token can
    /// do beside reading. Never set on a customer's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sibling: Option<String>,
    /// Whether the probe stays up after its observation.
    pub stay_up: bool,
    /// How it lives on then, where it does more than wait. Never set on a customer's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub living: Option<Living>,
    /// Set on a customer's cluster: there the probe asks and never tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
}

/// How an app lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Living {
    /// How long it rests after each round, in milliseconds.
    pub rests_ms: u64,
    /// How often it renews the Vault token that it keeps, in milliseconds; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews_ms: Option<u64>,
}

/// What a probe asks on a customer's cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ask {
    /// Whether the login is all that is tried: where it must be refused, nothing is read.
    pub login_only: bool,
    /// The name of a secret that is not there, to ask what the Vault token may do beside its own.
    pub sibling: String,
    /// Keys that other revisions of the page list: of these it is said which are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys_of_others: Vec<String>,
    /// The namespace of Vault Enterprise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_namespace: Option<String>,
    /// Whether what the cluster puts beside the probe may take a moment until it lets anything through.
    #[serde(default)]
    pub settles: bool,
    /// Files and folders in which there are more certificate authorities, in PEM, beside the public ones or those given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<String>,
}

impl Input {
    /// Reads the input from the environment.
    ///
    /// # Errors
    /// The variable is missing or malformed.
    pub fn from_environment() -> Result<Self, String> {
        let json = std::env::var(VARIABLE).map_err(|_| {
            format!("{VARIABLE} is not set: this command is started by the harness, in the probe's pod")
        })?;
        let mut input: Self = serde_json::from_str(&json).map_err(|e| format!("{VARIABLE} is malformed: {e}"))?;
        if let Some(root) = std::env::var_os(ROOT) {
            let below = std::path::Path::new(&root).join(input.token_file.trim_start_matches('/'));
            input.token_file = below.to_string_lossy().into_owned();
        }
        Ok(input)
    }
}

/// The parts of a Secret Name URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretName {
    /// `SCHEME://ADDRESS[:PORT]`.
    pub address: String,
    /// The KV mount: as it was named or found, else the path's first segment, as the page has it.
    pub mount: String,
    /// The secret's name: the rest, as it stands.
    pub name: String,
    /// How else the path may be taken apart, the shortest mount first: mounts and names may have slashes.
    /// Empty where the mount is known.
    pub elsewhere: Vec<(String, String)>,
}

impl SecretName {
    /// Takes a Secret Name URL apart. How the real app does it is not
    /// documented; this keeps everything behind the mount, slashes included. What the URL has to write in another way, such
    /// as a space, stands in mount and name as Vault knows it.
    ///
    /// # Errors
    /// It is not such a URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        // Who would be logged in at a proxy on the way is nobody's to read.
        let shown = match (url.find("://"), url.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => format!("{}…{}", &url[..scheme + 3], &url[at..]),
            _ => url.to_owned(),
        };
        let wrong = |why: &str| format!("Secret Name `{shown}` {why}; it has the form http://ADDRESS:8200/MOUNT/NAME");
        let parsed = reqwest::Url::parse(url).map_err(|e| wrong(&format!("is not a URL ({e})")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong("is neither http nor https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("has a user or password before the address, with which nobody logs in to Vault"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("has something behind `?` or `#`, which is no part of a secret's name"));
        }
        let path: Vec<String> = parsed.path().trim_start_matches('/').split('/').map(decoded).collect();
        let path = path.join("/");
        let splits = path.match_indices('/').map(|(at, _)| (path[..at].to_owned(), path[at + 1..].to_owned()));
        let mut splits = splits.filter(|(_, name)| !name.trim_matches('/').is_empty());
        let (mount, name) = splits.next().ok_or_else(|| wrong("names no secret"))?;
        let elsewhere = splits.collect();
        Ok(Self { address: parsed.origin().ascii_serialization(), mount, name, elsewhere })
    }

    /// The same where the mount is known.
    ///
    /// # Errors
    /// The path does not begin with it, or ends with it.
    pub fn with_mount(&self, mount: &str) -> Result<Self, String> {
        let mount = mount.trim_matches('/');
        match self.places().find(|(known, _)| *known == mount) {
            Some((mount, name)) => Ok(self.at(mount, name)),
            None => Err(format!("the Secret Name has no secret in the mount `{mount}`")),
        }
    }

    /// Every way to take the path apart, as mount and name: the one that is taken unless Vault says otherwise first.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.elsewhere.iter().map(|(mount, name)| (mount.as_str(), name.as_str()));
        std::iter::once((self.mount.as_str(), self.name.as_str())).chain(others)
    }

    /// What was meant where the path is an address of Vault's API (`v1/`, `data/`, `metadata/`) or of its web interface
    /// (`ui/vault/secrets/…`), as mount and name; none where it is neither.
    #[must_use]
    pub fn meant(&self) -> Option<(String, String)> {
        let whole = format!("{}/{}", self.mount, self.name);
        if let Some(rest) = whole.strip_prefix("ui/vault/secrets/") {
            let (mount, rest) = rest.split_once('/')?;
            let name = rest.strip_prefix("kv/").or_else(|| rest.strip_prefix("show/"))?;
            let name = ["/details", "/metadata", "/paths", "/edit"]
                .iter()
                .find_map(|page| name.strip_suffix(page))
                .unwrap_or(name);
            return Some((mount.replace("%2F", "/"), name.replace("%2F", "/")));
        }
        let (api, rest) = whole.strip_prefix("v1/").map_or((false, &*whole), |rest| (true, rest));
        let of_the_api = ["/data/", "/metadata/"].iter().filter_map(|part| rest.split_once(part)).next();
        let (mount, name) = of_the_api.or_else(|| rest.split_once('/').filter(|_| api))?;
        (!mount.is_empty() && !name.is_empty()).then(|| (mount.to_owned(), name.to_owned()))
    }

    /// The same secret in that mount.
    #[must_use]
    pub fn at(&self, mount: &str, name: &str) -> Self {
        let address = self.address.clone();
        Self { address, mount: mount.to_owned(), name: name.to_owned(), elsewhere: Vec::new() }
    }
}

/// A part of a URL's path as Vault knows it; as it stands where that could not be asked for again.
fn decoded(part: &str) -> String {
    let plain = percent_decode_str(part).decode_utf8().ok();
    let plain = plain.filter(|plain| !plain.contains(['/', '?', '#', '%']) && !plain.contains(char::is_control));
    plain.map_or_else(|| part.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_writes_in_another_way_is_as_vault_knows_it() {
        let name = |url: &str| SecretName::parse(url).unwrap().name;
        assert_eq!(name("http://vault/pmp-dev/my%20app"), "my app");
        assert_eq!(name("http://vault/pmp-dev/my app"), "my app");
        assert_eq!(name("http://vault/pmp-dev/caf\u{e9}"), "caf\u{e9}");
        assert_eq!(name("http://vault/pmp-dev/a%2Fb"), "a%2Fb");
        assert_eq!(name("http://vault/pmp-dev/a%3Fb"), "a%3Fb");
    }

    #[test]
    fn a_user_a_query_and_a_fragment_are_refused_and_no_password_is_repeated() {
        for url in ["http://me:hunter2@vault:8200/pmp-dev/admin", "http://me@vault/pmp-dev/admin"] {
            let said = SecretName::parse(url).unwrap_err();
            assert!(said.contains("user or password") && !said.contains("hunter2") && !said.contains("me@"), "{said}");
        }
        for url in ["http://vault/pmp-dev/admin?version=1", "http://vault/pmp-dev/admin#x"] {
            assert!(SecretName::parse(url).unwrap_err().contains("no part of a secret's name"), "{url}");
        }
    }

    #[test]
    fn an_address_of_vaults_api_or_web_interface_is_known_for_what_was_meant() {
        let meant = |path: &str| SecretName::parse(&format!("http://vault:8200/{path}")).unwrap().meant();
        let place = |mount: &str, name: &str| Some((mount.to_owned(), name.to_owned()));
        assert_eq!(meant("pmp-dev/admin"), None);
        assert_eq!(meant("team/pmp-dev/admin"), None);
        assert_eq!(meant("pmp-dev/data/admin"), place("pmp-dev", "admin"));
        assert_eq!(meant("team/pmp-dev/data/apps/admin"), place("team/pmp-dev", "apps/admin"));
        assert_eq!(meant("v1/pmp-dev/data/admin"), place("pmp-dev", "admin"));
        assert_eq!(meant("v1/pmp-dev/metadata/admin"), place("pmp-dev", "admin"));
        assert_eq!(meant("v1/pmp-dev/admin"), place("pmp-dev", "admin"));
        assert_eq!(meant("ui/vault/secrets/pmp-dev/kv/admin/details"), place("pmp-dev", "admin"));
        assert_eq!(meant("ui/vault/secrets/pmp-dev/kv/apps%2Fadmin/details"), place("pmp-dev", "apps/admin"));
        assert_eq!(meant("ui/vault/secrets/pmp-dev/show/apps/admin"), place("pmp-dev", "apps/admin"));
        assert_eq!(meant("ui/vault/secrets/pmp-dev/kv/list"), place("pmp-dev", "list"));
        assert_eq!(meant("ui/vault"), None);
    }

    #[test]
    fn a_secret_name_url_is_taken_apart_as_the_page_writes_it() {
        let name = SecretName::parse("http://10.0.0.7:8200/pmp-dev/admin").unwrap();
        assert_eq!((&*name.address, &*name.mount, &*name.name), ("http://10.0.0.7:8200", "pmp-dev", "admin"));
        let name = SecretName::parse("http://vault/pmp-dev/admin/").unwrap();
        assert_eq!((&*name.address, &*name.name), ("http://vault", "admin/"));
        assert!(name.elsewhere.is_empty());
    }

    #[test]
    fn a_path_of_more_parts_may_be_taken_apart_at_each_slash() {
        let name = SecretName::parse("http://vault/team/pmp-dev/apps/admin").unwrap();
        let places: Vec<_> = name.places().collect();
        assert_eq!(
            places,
            [("team", "pmp-dev/apps/admin"), ("team/pmp-dev", "apps/admin"), ("team/pmp-dev/apps", "admin")]
        );
        let known = name.with_mount("/team/pmp-dev/").unwrap();
        assert_eq!((&*known.mount, &*known.name, known.elsewhere.len()), ("team/pmp-dev", "apps/admin", 0));
        for other in ["te", "pmp-dev", "team/pmp-dev/apps/admin", ""] {
            assert!(name.with_mount(other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_no_secret_name_url_is_refused_with_the_form() {
        for url in
            ["pmp-dev/admin", "ftp://x/pmp-dev/admin", "http://x/pmp-dev", "http://x/pmp-dev/", "http://x//admin"]
        {
            assert!(SecretName::parse(url).unwrap_err().contains("http://ADDRESS:8200/MOUNT/NAME"), "{url}");
        }
    }
}
