//! What a check asked for, held against the Roles and the policy that `print`
//! printed for it: read from the text, not from the program.

use serde_json::Value;

/// A request to the API server in the words of RBAC.
#[derive(Debug)]
struct Asked {
    namespace: String,
    group: String,
    resource: String,
    name: Option<String>,
    verb: &'static str,
}

fn asked(method: &str, path: &str) -> Option<Asked> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] => (*namespace, rest),
        rest => ("", rest),
    };
    let (resource, name) = match rest {
        [resource] => ((*resource).to_owned(), None),
        [resource, name] => ((*resource).to_owned(), Some(*name)),
        [resource, name, sub] => (format!("{resource}/{sub}"), Some(*name)),
        _ => return None,
    };
    let verb = match (method, name) {
        ("GET", Some(_)) => "get",
        ("GET", None) => "list",
        ("POST", None) => "create",
        ("DELETE", Some(_)) => "delete",
        _ => return None,
    };
    Some(Asked {
        namespace: namespace.to_owned(),
        group: group.to_owned(),
        resource,
        name: name.map(str::to_owned),
        verb,
    })
}

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|value| value == wanted))
}

fn granted(roles: &[Value], asked: &Asked) -> bool {
    roles.iter().filter(|role| role["metadata"]["namespace"].as_str().unwrap_or_default() == asked.namespace).any(
        |role| {
            role["rules"].as_array().into_iter().flatten().any(|rule| {
                has(&rule["apiGroups"], &asked.group)
                    && has(&rule["resources"], &asked.resource)
                    && has(&rule["verbs"], asked.verb)
                    && (rule["resourceNames"].is_null()
                        || asked.name.as_ref().is_some_and(|name| has(&rule["resourceNames"], name)))
            })
        },
    )
}

/// What every user may ask without any Role.
const OF_EVERYBODY: [(&str, &str); 2] =
    [("GET", "/version"), ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")];

/// What every token may ask of Vault about itself.
const OF_EVERY_TOKEN: [(&str, &str); 2] = [("GET", "sys/health"), ("POST", "sys/capabilities-self")];

/// The requests of a ledger that neither the Roles nor the policy grant.
pub fn not_granted(
    ledger: &[[String; 4]],
    roles: &[Value],
    policy: &str,
    auth: &str,
    secret: (&str, &str),
) -> Vec<String> {
    let (mount, name) = secret;
    // What the app itself does, and what any token may do with itself.
    let of_the_probe = [
        ("GET", "sys/health".to_owned()),
        ("POST", format!("auth/{auth}/login")),
        ("GET", format!("{mount}/data/{name}")),
        ("GET", format!("sys/internal/ui/mounts/{mount}")),
        ("GET", format!("auth/{auth}/login/pmp-vault-conformance")),
        ("GET", format!("{mount}/metadata/data/{name}")),
        ("POST", "sys/capabilities-self".to_owned()),
        ("POST", "auth/token/revoke-self".to_owned()),
        ("GET", "auth/token/lookup-self".to_owned()),
    ];
    let fine = |[to, by, method, path]: &&[String; 4]| {
        let below = path.strip_prefix("/v1/").unwrap_or_default();
        match (to.as_str(), by.as_str()) {
            ("api-server", "harness") => {
                OF_EVERYBODY.contains(&(method.as_str(), path.as_str()))
                    || asked(method, path).is_some_and(|asked| granted(roles, &asked))
            }
            ("vault", "harness") => {
                OF_EVERY_TOKEN.contains(&(method.as_str(), below))
                    || method == "GET"
                        && (policy.contains(&format!("path \"{below}\""))
                            || below == format!("sys/internal/ui/mounts/auth/{auth}"))
            }
            ("vault", _) => of_the_probe.iter().any(|(wanted, place)| method == wanted && below == place),
            _ => false,
        }
    };
    ledger.iter().filter(|request| !fine(request)).map(|request| request.join(" ")).collect()
}
