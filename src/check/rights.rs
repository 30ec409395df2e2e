//! The least rights for what was chosen: a Role for each namespace, a policy
//! for the second depth; and whether the requests of a run kept to them.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::api::ObjectMeta;
use reqwest::Method;

use crate::check::target::Target;
use crate::cluster::mendix::OPERATOR_CONFIGURATION;
use crate::ledger::{HARNESS, Request, Server};

/// The name of every Role, ClusterRole and binding that is printed.
pub const NAME: &str = "pmp-vault-conformance";

/// The ConfigMap with the cluster's certificate authority, which Kubernetes puts into every namespace.
pub const ROOT_CA: &str = "kube-root-ca.crt";

/// The API group of the Mendix Operator's custom resources.
const MENDIX: &str = "privatecloud.mendix.com";

/// One rule: some verbs on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The namespace; none for the whole cluster.
    pub namespace: Option<String>,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource, such as `pods` or `pods/log`.
    pub resource: &'static str,
    /// The one object that it is about, where that is known beforehand.
    pub name: Option<String>,
    /// The verbs.
    pub verbs: &'static [&'static str],
}

/// One right, as `doctor` asks for it and names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right<'a> {
    /// The rule that it is of.
    pub rule: &'a Rule,
    /// The verb.
    pub verb: &'static str,
}

impl std::fmt::Display for Right<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Rule { namespace, group, resource, name, .. } = self.rule;
        write!(f, "{} {resource}", self.verb)?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if let Some(name) = name {
            write!(f, "/{name}")?;
        }
        match namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => write!(f, " in the whole cluster"),
        }
    }
}

impl Right<'_> {
    /// The question whether the caller has it (`SelfSubjectAccessReview`, which every user may make).
    #[must_use]
    pub fn question(&self) -> SelfSubjectAccessReview {
        let (resource, subresource) = match self.rule.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (self.rule.resource, None),
        };
        SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: self.rule.namespace.clone(),
                    verb: Some(self.verb.to_owned()),
                    group: Some(self.rule.group.to_owned()),
                    resource: Some(resource.to_owned()),
                    subresource,
                    name: self.rule.name.clone(),
                    ..ResourceAttributes::default()
                }),
                non_resource_attributes: None,
            },
            ..SelfSubjectAccessReview::default()
        }
    }
}

/// Every rule that a check of this target needs.
#[must_use]
pub fn rules(target: &Target) -> Vec<Rule> {
    let rule = |namespace: &str, group, resource, name: Option<&str>, verbs| Rule {
        namespace: Some(namespace.to_owned()),
        group,
        resource,
        name: name.map(str::to_owned),
        verbs,
    };
    let app = target.namespace.as_str();
    let mut rules = vec![
        rule(app, MENDIX, "runtimes", Some(&target.runtime), &["get"]),
        rule(&target.operator_namespace, MENDIX, "operatorconfigurations", Some(OPERATOR_CONFIGURATION), &["get"]),
        rule(app, "", "pods", None, &["list", "create", "get", "delete"]),
        rule(app, "", "pods/log", None, &["get"]),
        rule(app, "", "serviceaccounts", None, &["create", "get", "delete"]),
    ];
    if target.second_depth {
        rules.push(rule(app, "", "configmaps", Some(ROOT_CA), &["get"]));
    }
    if let Some(other) = &target.other_namespace {
        rules.push(rule(other, "", "pods", None, &["create", "get", "delete"]));
        rules.push(rule(other, "", "pods/log", None, &["get"]));
        rules.push(rule(other, "", "serviceaccounts", None, &["create", "get", "delete"]));
    }
    if let Some(reviewer) = &target.reviewer {
        rules.push(rule(&reviewer.namespace, "", "serviceaccounts", Some(&reviewer.name), &["get"]));
        if target.diagnose_reviewer {
            rules.push(Rule {
                namespace: None,
                group: "authorization.k8s.io",
                resource: "subjectaccessreviews",
                name: None,
                verbs: &["create"],
            });
        }
    }
    rules
}

/// Each single right of these rules.
pub fn each(rules: &[Rule]) -> impl Iterator<Item = Right<'_>> {
    rules.iter().flat_map(|rule| rule.verbs.iter().map(move |verb| Right { rule, verb }))
}

fn policy_rules<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<PolicyRule> {
    rules
        .map(|rule| PolicyRule {
            api_groups: Some(vec![rule.group.to_owned()]),
            resources: Some(vec![rule.resource.to_owned()]),
            resource_names: rule.name.clone().map(|name| vec![name]),
            verbs: rule.verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        })
        .collect()
}

/// One Role a namespace.
#[must_use]
pub fn roles(rules: &[Rule]) -> Vec<Role> {
    let mut namespaces: Vec<&String> = Vec::new();
    for namespace in rules.iter().filter_map(|rule| rule.namespace.as_ref()) {
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    namespaces
        .into_iter()
        .map(|namespace| Role {
            metadata: metadata(Some(namespace)),
            rules: Some(policy_rules(rules.iter().filter(|rule| rule.namespace.as_ref() == Some(namespace)))),
        })
        .collect()
}

/// The ClusterRole, where something was chosen that needs one.
#[must_use]
pub fn cluster_role(rules: &[Rule]) -> Option<ClusterRole> {
    let rules = policy_rules(rules.iter().filter(|rule| rule.namespace.is_none()));
    (!rules.is_empty()).then(|| ClusterRole { metadata: metadata(None), rules: Some(rules), ..ClusterRole::default() })
}

/// The metadata of what is printed.
#[must_use]
pub fn metadata(namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), namespace: namespace.map(str::to_owned), ..ObjectMeta::default() }
}

/// The paths that the second depth reads, below `/v1/`, each once.
#[must_use]
pub fn vault_paths(target: &Target, policies: &[String]) -> Vec<String> {
    let mut paths =
        vec![format!("auth/{}/config", target.auth_mount), format!("auth/{}/role/{}", target.auth_mount, target.role)];
    paths.extend(policies.iter().map(|policy| format!("sys/policies/acl/{policy}")));
    paths.extend(target.secret.places().flat_map(|(mount, name)| vault_paths_of(mount, name)));
    paths
}

/// Those of them that are about the secret in that mount.
#[must_use]
pub fn vault_paths_of(mount: &str, name: &str) -> [String; 3] {
    [format!("sys/mounts/{mount}"), format!("{mount}/metadata/{name}"), format!("{mount}/metadata/data/{name}")]
}

/// The least policy for the second depth.
#[must_use]
pub fn policy(target: &Target, policies: &[String]) -> String {
    let paths = vault_paths(target, policies);
    paths.iter().map(|path| format!("path \"{path}\" {{\n  capabilities = [\"read\"]\n}}\n")).collect()
}

/// One request that a run may make to Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Whether the probe makes it, with the app's own token; else the harness, with the token given.
    pub by_probe: bool,
    /// The HTTP method.
    pub method: Method,
    /// The path below `/v1/`.
    pub path: String,
    /// What for.
    pub why: &'static str,
}

/// Every request that a run may make to Vault. None of them writes a
/// configuration, a policy or a secret.
#[must_use]
pub fn vault_requests(target: &Target) -> Vec<Promise> {
    let promise = |by_probe, method, path: String, why| Promise { by_probe, method, path, why };
    let (mount, name) = (&target.secret.mount, &target.secret.name);
    let mut all = vec![
        promise(true, Method::GET, "sys/health".to_owned(), "is Vault there, unsealed, recent enough"),
        promise(
            true,
            Method::POST,
            format!("auth/{}/login", target.auth_mount),
            "the app's login, and an empty one where it is refused",
        ),
        promise(
            true,
            Method::GET,
            format!("auth/{}/login/{NAME}", target.auth_mount),
            "where a login is refused as if nothing were mounted: is a method there that takes a user's name",
        ),
        promise(
            true,
            Method::POST,
            "sys/capabilities-self".to_owned(),
            "what else the app's Vault token may do; asks, does nothing",
        ),
        promise(true, Method::POST, "auth/token/revoke-self".to_owned(), "the end of the token that the login gave"),
        promise(true, Method::GET, "auth/token/lookup-self".to_owned(), "is that token dead"),
    ];
    if !target.secret.elsewhere.is_empty() {
        let path = format!("sys/internal/ui/mounts/{mount}/{name}");
        all.push(promise(true, Method::GET, path, "how far the mount goes, where the app's read is refused"));
    }
    for (mount, name) in target.secret.places() {
        let path = format!("sys/internal/ui/mounts/{mount}");
        all.push(promise(true, Method::GET, path, "is the mount KV version 2"));
        let read = "the app's read; values stay in the probe's memory";
        all.push(promise(true, Method::GET, format!("{mount}/data/{name}"), read));
        let stray = "does the secret lie one data/ too deep, where the app gets 404";
        all.push(promise(true, Method::GET, format!("{mount}/metadata/data/{name}"), stray));
    }
    if let Some(access) = &target.vault {
        all.push(promise(false, Method::GET, "sys/health".to_owned(), "does Vault answer here"));
        all.push(promise(
            false,
            Method::POST,
            "sys/capabilities-self".to_owned(),
            "may the token given read what is needed, and no more",
        ));
        all.push(promise(
            false,
            Method::GET,
            format!("sys/internal/ui/mounts/auth/{}", target.auth_mount),
            "the auth mount's accessor, by which Vault's log names it",
        ));
        for path in vault_paths(target, &access.policies) {
            all.push(promise(false, Method::GET, path, "compared with the page"));
        }
    }
    all
}

/// The requests that no promise covers; none in a run that kept its word.
#[must_use]
pub fn broken(target: &Target, requests: &[Request]) -> Vec<String> {
    let rules = rules(target);
    let promises = vault_requests(target);
    requests
        .iter()
        .filter(|request| match request.to {
            Server::ApiServer => !covered_by_role(request, &rules),
            Server::Vault => !promises.iter().any(|promise| {
                promise.by_probe == (request.by != HARNESS)
                    && promise.method.as_str() == request.method
                    && request.path.strip_prefix("/v1/") == Some(promise.path.as_str())
            }),
        })
        .map(|request| format!("{} {} by {}", request.method, request.path, request.by))
        .collect()
}

/// What every user may do: ask for the version, and ask about itself.
const FOR_ALL: [(&str, &str); 2] =
    [("GET", "/version"), ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")];

fn covered_by_role(request: &Request, rules: &[Rule]) -> bool {
    if FOR_ALL.contains(&(request.method.as_str(), request.path.as_str())) {
        return true;
    }
    let Some(asked) = Asked::of(&request.method, &request.path) else { return false };
    rules.iter().any(|rule| {
        rule.namespace.as_deref() == asked.namespace
            && rule.group == asked.group
            && rule.resource == asked.resource
            && rule.verbs.contains(&asked.verb)
            && rule.name.as_deref().is_none_or(|name| asked.name == Some(name))
    })
}

/// A request to the API server in the words of RBAC.
struct Asked<'a> {
    namespace: Option<&'a str>,
    group: &'a str,
    resource: String,
    name: Option<&'a str>,
    verb: &'static str,
}

impl<'a> Asked<'a> {
    fn of(method: &str, path: &'a str) -> Option<Self> {
        let mut parts = path.trim_start_matches('/').split('/');
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        parts.next()?;
        let rest: Vec<&str> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (resource, name) = match *rest {
            [resource] => (resource.to_owned(), None),
            [resource, name] => (resource.to_owned(), Some(name)),
            [resource, name, sub] => (format!("{resource}/{sub}"), Some(name)),
            _ => return None,
        };
        let verb = match (method, name) {
            ("GET", Some(_)) => "get",
            ("GET", None) => "list",
            ("POST", _) => "create",
            ("DELETE", Some(_)) => "delete",
            // Nothing that was there is ever changed, so nothing else is covered.
            _ => return None,
        };
        Some(Self { namespace, group, resource, name, verb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::tests::target;
    use crate::probe::input::SecretName;

    #[test]
    fn every_request_is_promised_whichever_way_the_secret_name_is_taken_apart() {
        let secret = SecretName::parse("http://vault.example:8200/team/pmp-dev/admin").unwrap();
        let target = Target { secret, ..target() };
        let by_the_probe = |path: &str| Request {
            to: Server::Vault,
            by: "existing.app".to_owned(),
            method: "GET".to_owned(),
            path: format!("/v1/{path}"),
            status: Some(200),
        };
        let promised = [
            "team/data/pmp-dev/admin",
            "sys/internal/ui/mounts/team/pmp-dev/admin",
            "team/pmp-dev/data/admin",
            "team/pmp-dev/metadata/data/admin",
            "sys/internal/ui/mounts/team",
            "sys/internal/ui/mounts/team/pmp-dev",
        ];
        assert_eq!(broken(&target, &promised.map(by_the_probe)), Vec::<String>::new());
        assert_eq!(broken(&target, &[by_the_probe("pmp-dev/data/admin")]).len(), 1);
        // Once it is known where the mount ends, nothing is asked elsewhere.
        let known = target.with_mount(Some("team/pmp-dev"));
        assert_eq!(broken(&known, &[by_the_probe("team/data/pmp-dev/admin")]).len(), 1);
    }
}
