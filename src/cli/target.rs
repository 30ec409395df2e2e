//! The flags that name a customer's app and secret, and what they come to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;

use super::access::{Access, read};
use crate::check::likeness::Part;
use crate::check::target::{AccountRef, NamedBy, Target};
use crate::cluster::connect::ClusterChoice;
use crate::cluster::pod_spec::{PodOptions, Toleration};
use crate::page::{Page, Reads};
use crate::probe::input::SecretName;
use crate::scenario::near::near;

#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Your own cluster, app and Vault")]
pub struct Arguments {
    /// Image of the probe, of the same version as this program: `images export` writes it; bring it into a registry
    /// that your nodes can pull from, and name it here, best with its digest
    #[arg(long, value_name = "REF", env = "PMP_PROBE_IMAGE")]
    pub probe_image: Option<String>,
    /// The revision of the page whose keys the secret must have; `list --pages` shows all of them
    #[arg(long, value_name = "ID", default_value = crate::scenario::revisions::DEFAULT)]
    pub(super) page: String,
    /// The app's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The namespace of OperatorConfiguration mendix-operator-configuration [default: the app's]
    #[arg(long, value_name = "NAME")]
    operator_namespace: Option<String>,
    /// The name of the Runtime
    #[arg(long, value_name = "NAME", default_value = crate::cluster::mendix::RUNTIME)]
    runtime: String,
    /// Label selector of the app's pods [default: app=RUNTIME]
    #[arg(long, value_name = "SELECTOR")]
    app_selector: Option<String>,
    /// Take this Service Account, whatever the app has; for a check before there is an app
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// The Secret Name URL of the admin panel, such as `http://vault.example:8200/pmp-dev/admin`
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "vault_addr",
        conflicts_with_all = ["vault_addr", "mount", "secret"]
    )]
    secret_name: Option<String>,
    /// In place of --secret-name: Vault's address as pods see it
    #[arg(long, value_name = "URL")]
    vault_addr: Option<String>,
    /// With --vault-addr: the KV mount, slashes in it included
    #[arg(long, value_name = "PATH", default_value = "pmp-dev", requires = "vault_addr")]
    mount: String,
    /// With --vault-addr: the secret's name
    #[arg(long, value_name = "NAME", default_value = "admin", requires = "vault_addr")]
    secret: String,
    /// The path of the auth mount
    #[arg(long, value_name = "PATH", default_value = "kubernetes")]
    auth_mount: String,
    /// The role that the app logs in with
    #[arg(long, value_name = "NAME", default_value = crate::configure::names::ROLE)]
    role: String,
    /// The Service Account token's file in the pod [default: as the app's pod has it, usually
    /// /var/run/secrets/kubernetes.io/serviceaccount/token]
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// What the probe's pods do not take over from the app's running pod, or `all`
    #[arg(long, value_name = "PART", num_args = 1.., value_delimiter = ',', value_parser = PossibleValuesParser::new(parts()))]
    not_from_app: Vec<String>,
    /// Keys that must be there, or `all`; without it the check reports what is there
    #[arg(long, value_name = "KEY", num_args = 1.., value_delimiter = ',')]
    require: Vec<String>,
    /// A namespace whose pods must not be let in
    #[arg(long, value_name = "NAME")]
    other_namespace: Option<String>,
    /// The namespace of Vault Enterprise [env: VAULT_NAMESPACE]
    #[arg(long, value_name = "NAME")]
    vault_namespace: Option<String>,
    /// Certificate authorities that Vault's certificate is checked against, in PEM
    #[arg(long, value_name = "FILE", env = "VAULT_CACERT", hide_env_values = true)]
    ca_file: Option<PathBuf>,
    /// The token reviewer's Service Account
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = account)]
    reviewer: Option<AccountRef>,
    /// Also ask whether the reviewer and the app may review tokens; needs the ClusterRole of `print rbac --diagnose-reviewer`
    #[arg(long, requires = "reviewer")]
    diagnose_reviewer: bool,
    /// Warn of what ends within this time: the secret's version, Vault's certificate, authorities, the reviewer's token
    #[arg(long, value_name = "D", default_value = "30d", value_parser = humantime::parse_duration)]
    ends_within: Duration,
    /// A pull secret for the probe's image, may be given more than once
    #[arg(long, value_name = "NAME")]
    image_pull_secret: Vec<String>,
    /// Node selector of the pods, the probe's and that of a printed Job
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    node_selector: Vec<(String, String)>,
    /// Toleration of these pods
    #[arg(long, value_name = "KEY[=VALUE][:EFFECT]", value_parser = toleration)]
    toleration: Vec<Toleration>,
    /// Label of these pods, such as sidecar.istio.io/inject=false
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Annotation of these pods
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    annotation: Vec<(String, String)>,
    /// Resource request of these pods
    #[arg(long, value_name = "RESOURCE=QUANTITY", value_parser = pair)]
    request: Vec<(String, String)>,
    /// Resource limit of these pods
    #[arg(long, value_name = "RESOURCE=QUANTITY", value_parser = pair)]
    limit: Vec<(String, String)>,
    /// Who is named as the owner of what is created [default: your login name]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
}

impl Arguments {
    /// The target, with everything read that the flags name.
    ///
    /// # Errors
    /// What is missing or cannot be used, and how to mend it.
    pub fn target(&self, page: &Page, access: &Access) -> Result<Target, String> {
        let mut target = self.shape(page, Some(access))?;
        target.cluster = access.cluster()?;
        target.ca = self.ca()?;
        target.vault_log = access.vault_log()?;
        target.reviewer_token = access.reviewer_token(target.reviewer.as_ref())?;
        target.vault = access.vault(&target.secret)?;
        Ok(target)
    }

    /// The target as far as flags alone tell it: nothing is read, no cluster is
    /// needed and there is no token. What `print` prints depends on no more. A
    /// Job has no access but its own.
    ///
    /// # Errors
    /// What is missing or cannot be used, and how to mend it.
    pub fn shape(&self, page: &Page, access: Option<&Access>) -> Result<Target, String> {
        let namespace = self.namespace.clone();
        let (secret_name, secret) = self.secret()?;
        if self.other_namespace.as_ref() == Some(&namespace) {
            return Err(
                "--other-namespace is the app's own namespace; name one whose pods must not be let in".to_owned()
            );
        }
        let (vault_namespace, vault_namespace_from) = self.vault_namespace();
        Ok(Target {
            cluster: ClusterChoice::default(),
            operator_namespace: self.operator_namespace.clone().unwrap_or_else(|| namespace.clone()),
            namespace,
            runtime: self.runtime.clone(),
            app_selector: self.app_selector.clone().unwrap_or_else(|| format!("app={}", self.runtime)),
            service_account: self.service_account.clone(),
            mount: self.vault_addr.as_ref().map(|_| secret.mount.clone()),
            secret_name,
            secret,
            auth_mount: self.auth_mount.trim_matches('/').to_owned(),
            role: self.role.clone(),
            token_file: self.token_file.clone(),
            not_from_app: self.left_out(),
            require: self.required(page)?,
            vault_namespace,
            vault_namespace_from,
            ca: None,
            second_depth: access.is_some_and(Access::has_vault_token),
            vault: None,
            reviewer: self.reviewer.clone(),
            diagnose_reviewer: self.diagnose_reviewer,
            reviewer_token: None,
            ends_within: self.ends_within,
            vault_log: None,
            other_namespace: self.other_namespace.clone(),
            probe_image: self.probe_image.clone().unwrap_or_default(),
            pod: PodOptions {
                pull_secrets: self.image_pull_secret.clone(),
                node_selector: map(&self.node_selector),
                tolerations: self.toleration.clone(),
                labels: map(&self.label),
                annotations: map(&self.annotation),
                requests: map(&self.request),
                limits: map(&self.limit),
            },
            owner: self.owner.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unknown".to_owned()),
        })
    }

    /// The Secret Name URL, whole and taken apart: at the mount, where that is named for itself.
    fn secret(&self) -> Result<(String, SecretName), String> {
        let Some(address) = self.vault_addr.as_deref().map(|address| address.trim_end_matches('/')) else {
            // One of both is there: the command line has no other form.
            let url = self.secret_name.clone().unwrap_or_default();
            let secret = SecretName::parse(&url)?;
            return Ok((url, secret));
        };
        let (mount, name) = (self.mount.trim_matches('/'), self.secret.trim_start_matches('/'));
        let url = format!("{address}/{mount}/{name}");
        let secret = SecretName::parse(&url)?;
        if reqwest::Url::parse(address).is_ok_and(|url| url.path() != "/") {
            return Err(format!("--vault-addr `{address}` has a path; it is {}", secret.address));
        }
        // In the URL some characters are written in another way, slashes are not.
        let parts = mount.matches('/').count();
        let at = secret.places().nth(parts).map(|(mount, name)| secret.at(mount, name));
        at.map(|secret| (url, secret)).ok_or_else(|| format!("--mount `{}` names no mount", self.mount))
    }

    /// The namespace of Vault Enterprise, and who named it: of the app only a flag can speak.
    fn vault_namespace(&self) -> (Option<String>, NamedBy) {
        let there = |name: &String| !name.is_empty();
        match &self.vault_namespace {
            Some(name) => (Some(name.clone()).filter(there), NamedBy::Flag),
            None => (std::env::var("VAULT_NAMESPACE").ok().filter(there), NamedBy::Environment),
        }
    }

    /// The certificate authorities given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn ca(&self) -> Result<Option<String>, String> {
        let path = self.ca_file.as_deref().filter(|path| !path.as_os_str().is_empty());
        path.map(|path| read("--ca-file", path)).transpose()
    }

    /// The arguments of `check` for the same check in the cluster itself. Of files
    /// there is the one of `--ca-file`, whose content is in the Job.
    pub fn for_job(&self, target: &Target) -> Vec<String> {
        let mut arguments = vec!["check".to_owned()];
        let mut add = |flag: &str, value: &str| arguments.push(format!("--{flag}={value}"));
        add("probe-image", &target.probe_image);
        add("namespace", &target.namespace);
        add("operator-namespace", &target.operator_namespace);
        add("runtime", &target.runtime);
        add("app-selector", &target.app_selector);
        match &target.mount {
            Some(mount) => {
                add("vault-addr", &target.secret.address);
                add("mount", mount);
                add("secret", &target.secret.name);
            }
            None => add("secret-name", &target.secret_name),
        }
        add("page", &self.page);
        add("auth-mount", &target.auth_mount);
        add("role", &target.role);
        add("owner", &target.owner);
        add("ends-within", &humantime::format_duration(target.ends_within).to_string().replace(' ', ""));
        target.not_from_app.iter().for_each(|part| add("not-from-app", part.as_str()));
        let optional = [
            ("token-file", &target.token_file),
            ("service-account", &target.service_account),
            ("other-namespace", &target.other_namespace),
            ("vault-namespace", &target.vault_namespace),
        ];
        for (flag, value) in optional {
            if let Some(value) = value {
                add(flag, value);
            }
        }
        self.require.iter().for_each(|key| add("require", key));
        if let Some(reviewer) = &target.reviewer {
            add("reviewer", &format!("{}/{}", reviewer.namespace, reviewer.name));
        }
        self.image_pull_secret.iter().for_each(|name| add("image-pull-secret", name));
        let pairs = [
            ("node-selector", &self.node_selector),
            ("label", &self.label),
            ("annotation", &self.annotation),
            ("request", &self.request),
            ("limit", &self.limit),
        ];
        for (flag, pairs) in pairs {
            pairs.iter().for_each(|(key, value)| add(flag, &format!("{key}={value}")));
        }
        for toleration in &target.pod.tolerations {
            let mut text = toleration.key.clone();
            if let Some(value) = &toleration.value {
                text.push_str(&format!("={value}"));
            }
            if let Some(effect) = &toleration.effect {
                text.push_str(&format!(":{effect}"));
            }
            add("toleration", &text);
        }
        if target.diagnose_reviewer {
            arguments.push("--diagnose-reviewer".to_owned());
        }
        arguments
    }

    fn left_out(&self) -> BTreeSet<Part> {
        let named = |part: &Part| self.not_from_app.iter().any(|name| name == EVERY_PART || name == part.as_str());
        Part::ALL.into_iter().filter(named).collect()
    }

    fn required(&self, page: &Page) -> Result<Option<Reads>, String> {
        if self.require.is_empty() {
            return Ok(None);
        }
        if self.require == ["all"] {
            return Ok(Some(Reads::All));
        }
        for key in &self.require {
            if !page.keys.iter().any(|known| known.name == *key) {
                let offered = near(key, page.keys.iter().map(|known| known.name.as_str()));
                let hint =
                    if offered.is_empty() { String::new() } else { format!("; did you mean {}?", offered.join(", ")) };
                return Err(format!(
                    "--require names `{key}`, which is no key of the page (revision {}){hint}",
                    page.id
                ));
            }
        }
        Ok(Some(Reads::Keys(self.require.iter().cloned().collect())))
    }
}

/// In place of every part.
const EVERY_PART: &str = "all";

fn parts() -> Vec<&'static str> {
    Part::ALL.iter().map(|part| part.as_str()).chain([EVERY_PART]).collect()
}

fn map(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    pairs.iter().cloned().collect()
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it has the form KEY=VALUE".to_owned()),
    }
}

fn account(text: &str) -> Result<AccountRef, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(AccountRef { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("it has the form NAMESPACE/NAME, such as default/vault-reviewer".to_owned()),
    }
}

fn toleration(text: &str) -> Result<Toleration, String> {
    let (taint, effect) = match text.rsplit_once(':') {
        Some((taint, effect)) => (taint, Some(effect)),
        None => (text, None),
    };
    if effect.is_some_and(|effect| !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect)) {
        return Err("its effect is NoSchedule, PreferNoSchedule or NoExecute".to_owned());
    }
    let (key, value) = match taint.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (taint, None),
    };
    if key.is_empty() {
        return Err("it has the form KEY[=VALUE][:EFFECT]".to_owned());
    }
    Ok(Toleration { key: key.to_owned(), value, effect: effect.map(str::to_owned) })
}
