//! The corpus: set-ups as they are met in the field, as data under `tests/field/`. `docs/field.md` says how an entry is
//! written, and is drawn from them; `tests/real/kind_field.rs` makes each on real servers and checks it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A file of the corpus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Theme {
    pub theme: String,
    pub situations: Vec<Situation>,
}

/// One set-up: what differs from the page, and what a check must say of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Situation {
    /// A piece of a sentence.
    pub name: String,
    /// What kind of report it comes from, in words of ours.
    pub seen_at: String,
    #[serde(default)]
    pub link: Option<String>,
    /// What stands in for, or in front of, the API server or Vault; each listens before anything is made.
    #[serde(default)]
    pub servers: BTreeMap<String, Server>,
    /// Files for flags, by name; their paths are `{file.NAME}`.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What is made or broken, in this order, in a set-up that is as the page says.
    #[serde(default)]
    pub make: Vec<Step>,
    /// Another Secret Name than the customer's.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// Flags of the check; one that the customer has too is put in its place.
    #[serde(default)]
    pub flags: Vec<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    pub says: Depths,
    /// What must be said in its place where the plugin is up to 0.14: that one does not tell whether it has a reviewer's
    /// token. The same where it is left out.
    #[serde(default)]
    pub of_old_plugins: Option<Depths>,
}

/// What must be said: with nothing but the app's own way; with a read-only Vault token, the reviewer and its
/// diagnosis; with Vault's log besides. A depth that is left out says what the one before says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Depths {
    pub nothing: Says,
    #[serde(default)]
    pub token: Option<Says>,
    #[serde(default)]
    pub log: Option<Says>,
}

/// What must be said at one depth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Says {
    /// Where the app's way stops: its one cause, or all that it may be; a group's name stands for its causes.
    #[serde(default)]
    pub way: Vec<String>,
    /// What else is failed.
    #[serde(default)]
    pub fails: BTreeSet<String>,
    /// What is warned of.
    #[serde(default)]
    pub warns: BTreeSet<String>,
    /// The exit code; where it is left out, 1 where something fails and else 0.
    #[serde(default)]
    pub code: Option<i32>,
    /// Why it ends before anything is checked: a part of what it says then.
    #[serde(default)]
    pub problem: Option<String>,
    /// What the screen must have.
    #[serde(default)]
    pub shows: Vec<String>,
    /// What the screen must not have.
    #[serde(default)]
    pub never: Vec<String>,
}

/// One step of a set-up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Step {
    /// Writes the role with these fields changed; null leaves one out.
    Role(Value),
    /// The same for the auth method's configuration of method 2.
    Config(Value),
    /// Writes the app's policy.
    Policy(String),
    /// Stores the secret's next version.
    Secret(Value),
    /// A request to Vault by its administrator; `path` is below `/v1/`.
    Vault(Request),
    /// A request to the API server by its administrator, of method GET, POST, PUT or DELETE.
    Kubernetes(Request),
    /// Applies a manifest.
    Apply(Value),
    /// Deletes an object of Kubernetes.
    Delete(Object),
    /// Changes one by a merge patch.
    Patch(Patch),
    /// Starts a pod of the app.
    App(App),
    /// Lets so many seconds pass, for what caches and clocks need.
    Wait(u64),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Request {
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub body: Value,
    /// What is kept of the answer for `{kept.NAME}`: JSON pointers by name.
    #[serde(default)]
    pub keep: BTreeMap<String, String>,
}

/// An object as kubectl names it, such as `serviceaccount/app`, in the app's namespace or another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Object {
    pub object: String,
    #[serde(default)]
    pub namespace: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patch {
    pub object: String,
    #[serde(default)]
    pub namespace: Option<String>,
    pub with: Value,
}

/// A pod of the app, by what differs from one that is as the page says: merge patches (null removes).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct App {
    /// Of the whole pod.
    #[serde(default)]
    pub pod: Value,
    /// Of its container.
    #[serde(default)]
    pub container: Value,
    /// More containers, each by what differs from that one.
    #[serde(default)]
    pub beside: Vec<Value>,
    /// What makes it: a controller of `apps/v1` by its kind, such as `StatefulSet`; else nothing does.
    #[serde(default)]
    pub made_by: Option<String>,
}

/// A server on the network that Vault and the pods reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    pub certificate: Certificate,
    /// The answers to what it is asked, the first that fits.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// What becomes of everything else.
    pub otherwise: Otherwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// None: it speaks plain HTTP.
    None,
    /// For its address, by an authority of its own.
    Own,
    /// The same, not valid any more.
    Expired,
    /// The same, for another name.
    OtherName,
    /// For its address, by itself.
    SelfSigned,
    /// As `own`; and it wants one of the client.
    WantsClients,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answer {
    /// Any where it is left out.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path contains, such as `/tokenreviews`; any where it is left out.
    #[serde(default)]
    pub path: Option<String>,
    /// How often; always where it is left out.
    #[serde(default)]
    pub times: Option<u32>,
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON.
    #[serde(default)]
    pub body: Value,
    /// Any other text.
    #[serde(default)]
    pub text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// It is passed on to the real API server.
    ApiServer,
    /// It is passed on to the real Vault.
    Vault,
    /// The connection is reset (RST) as soon as it is there.
    Reset,
    /// It is closed (EOF) as soon as something was sent.
    Close,
    /// It is held, and nothing ever comes, not even a handshake.
    Silence,
    /// It is passed on to the real API server byte by byte, TLS included.
    Tunnel,
    /// A page in HTML.
    Html,
    /// `{"status":"ok"}`.
    Json,
    /// 404 in the words of an API server.
    NotFound,
    /// 401 in the words of an API server.
    Unauthorized,
}

/// The whole corpus.
#[derive(Debug)]
pub struct Corpus {
    pub themes: Vec<Theme>,
    /// Lists of causes with a name, which `way` may have.
    pub groups: BTreeMap<String, Vec<String>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Corpus {
    /// Reads `tests/field/`, the themes by their files' names.
    pub fn load() -> Self {
        let groups = folder().join("groups.yaml");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| *path != groups);
        files.sort();
        Self { themes: files.iter().map(|path| read(path)).collect(), groups: read(&groups) }
    }

    pub fn situations(&self) -> impl Iterator<Item = &Situation> {
        self.themes.iter().flat_map(|theme| &theme.situations)
    }

    /// The same, and those beside them that an old plugin makes others.
    pub fn with_old_plugins(&self) -> Vec<Situation> {
        self.situations()
            .flat_map(|situation| [Some(situation.clone()), situation.on_an_old_plugin()])
            .flatten()
            .collect()
    }

    /// The situation of that name.
    pub fn named(&self, name: &str) -> &Situation {
        self.situations().find(|situation| situation.name == name).unwrap_or_else(|| panic!("no situation {name}"))
    }

    /// The causes of a way, groups by what is in them.
    pub fn way(&self, says: &Says) -> BTreeSet<String> {
        let named = says.way.iter().flat_map(|name| match self.groups.get(name) {
            Some(causes) => causes.clone(),
            None => vec![name.clone()],
        });
        named.collect()
    }
}

impl Situation {
    /// What must be said at each depth.
    pub fn depths(&self) -> [(&'static str, &Says); 3] {
        let token = self.says.token.as_ref().unwrap_or(&self.says.nothing);
        [("nothing", &self.says.nothing), ("token", token), ("log", self.says.log.as_ref().unwrap_or(token))]
    }

    /// The same on an old plugin, where something else must be said there.
    pub fn on_an_old_plugin(&self) -> Option<Self> {
        let says = self.of_old_plugins.clone()?;
        Some(Self { name: format!("{}, plugin up to 0.14", self.name), says, of_old_plugins: None, ..self.clone() })
    }
}

impl Says {
    pub fn code(&self) -> i32 {
        self.code.unwrap_or_else(|| i32::from(!self.way.is_empty() || !self.fails.is_empty()))
    }
}

/// Names that stand for something of the customer or of the testbed. With a point behind it, one of `servers`, `files`
/// or `keep` is named.
pub const PLACEHOLDERS: [&str; 24] = [
    "name",
    "mount",
    "auth",
    "accessor",
    "policy",
    "role",
    "namespace",
    "other",
    "account",
    "reviewer",
    "reviewer-token",
    "vault-host",
    "vault-port",
    "api-server",
    "api-server-host",
    "closed-address",
    "no-route",
    "issuer",
    "api-server-ca",
    "foreign-ca",
    "image",
    "server.",
    "file.",
    "kept.",
];

/// The placeholders of a text: `{name}`, and no other braces.
pub fn placeholders(text: &str) -> Vec<&str> {
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    // Two braces are those of a templated policy.
    let opened = text.match_indices('{').filter(|(at, _)| !text[..*at].ends_with('{'));
    let inside = opened.filter_map(|(at, _)| text[at + 1..].split_once('}').map(|(inside, _)| inside));
    inside.filter(|inside| !inside.is_empty() && inside.chars().all(name)).collect()
}

/// A text with its placeholders filled in by `value`; what it does not know stays, such as the braces of a policy.
pub fn filled(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    placeholders(text).into_iter().fold(text.to_owned(), |text, name| {
        let placeholder = format!("{{{name}}}");
        match value(name).filter(|_| text.contains(&placeholder)) {
            Some(value) => text.replace(&placeholder, &value),
            None => text,
        }
    })
}

/// The same for every text in JSON, names of fields included.
pub fn filled_json(json: &Value, value: &dyn Fn(&str) -> Option<String>) -> Value {
    match json {
        Value::String(text) => Value::String(filled(text, value)),
        Value::Array(items) => items.iter().map(|item| filled_json(item, value)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (filled(name, value), filled_json(field, value))).collect()
        }
        other => other.clone(),
    }
}
