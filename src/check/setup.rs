//! The checks of how the cluster and Vault are set up: the custom resources,
//! and, with a Vault token, role, auth configuration, policy, mount and secret
//! as they stand against the page.

use crate::check::app::Source;
use crate::check::case::{check, failed, warning};
use crate::check::inspect::{Found, Inspection, VaultSide, mount_version, strings};
use crate::check::sighted::Sighted;
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::{CauseId, ids};
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Observed};
use globset::Glob;

/// Every check, in a fixed order.
pub(super) fn cases(target: &Target, sighted: &Sighted, observed: &Observed) -> Vec<Case> {
    let mut cases = vec![custom_resources(sighted), app_pod(sighted), service_account(sighted, observed)];
    cases.push(reviewer(target, &sighted.inspection));
    match &sighted.inspection.vault {
        Some(vault) => cases.extend(vault_cases(target, sighted, vault)),
        None => {
            let reason = "needs a read-only Vault token: --vault-token-file; `print policy` prints what it needs";
            let ids =
                ["role", "role-binding", "role-lifetime", "auth-config", "policy", "mount", "secret", "check-token"];
            cases.extend(ids.map(|id| check(id, Verdict::Skipped, reason)));
        }
    }
    cases
}

fn noted(sighted: &Sighted, id: &str, cause: CauseId) -> Option<Case> {
    let texts: Vec<&str> =
        sighted.app.notes.iter().filter(|(known, _)| *known == cause).map(|(_, text)| text.as_str()).collect();
    (!texts.is_empty()).then(|| warning(id, cause, texts.join("; ")))
}

fn custom_resources(sighted: &Sighted) -> Case {
    let id = "custom-resources";
    noted(sighted, id, ids::token::OPERATOR_AUTOMOUNT_OFF).unwrap_or_else(|| check(id, Verdict::Conformant, ""))
}

fn app_pod(sighted: &Sighted) -> Case {
    let id = "app-pod";
    let account = &sighted.app.service_account;
    noted(sighted, id, ids::pod::NOT_AS_RUNTIME).unwrap_or_else(|| match &sighted.app.source {
        Source::Pod(name) => check(id, Verdict::Conformant, format!("pod {name} runs as {account}")),
        Source::Runtime => check(id, Verdict::Skipped, format!("no pod of the app runs; the Runtime says {account}")),
        Source::Flag => check(id, Verdict::Skipped, format!("--service-account names {account}")),
    })
}

fn service_account(sighted: &Sighted, observed: &Observed) -> Case {
    let id = "service-account";
    match sighted.app.service_account.as_str() {
        "default" if observed.passed(Stage::Login) => warning(
            id,
            ids::login::DEFAULT_BOUND,
            "the app runs as `default`, and the role binds it: every pod of the namespace with a mounted token reads all credentials",
        ),
        _ => check(id, Verdict::Conformant, ""),
    }
}

fn reviewer(target: &Target, inspection: &Inspection) -> Case {
    let id = "reviewer";
    let Some(account) = &target.reviewer else {
        return check(id, Verdict::Skipped, "no --reviewer is named; Vault never gives back whose token it has");
    };
    let name = format!("{}/{}", account.namespace, account.name);
    match (inspection.cluster.reviewer_there, inspection.cluster.reviewer_may) {
        (Some(false), _) => {
            failed(id, ids::login::REVIEWER_UNAUTHORIZED, format!("Service Account {name} is not there"))
        }
        (_, Some(false)) => {
            failed(id, ids::login::REVIEWER_MAY_NOT_REVIEW, format!("{name} may not create TokenReviews"))
        }
        (Some(true), Some(true)) => check(id, Verdict::Conformant, format!("{name} is there and may review tokens")),
        (Some(true), None) => check(
            id,
            Verdict::Conformant,
            format!("{name} is there; --diagnose-reviewer asks whether it may review tokens"),
        ),
        (None, _) => check(id, Verdict::Inconclusive, format!("the API server does not say whether {name} is there")),
    }
}

fn vault_cases(target: &Target, sighted: &Sighted, vault: &VaultSide) -> Vec<Case> {
    let mut cases = role(target, sighted, vault);
    cases.push(auth_config(&sighted.inspection, vault));
    cases.push(policy(target, vault));
    cases.push(mount(target, vault));
    cases.push(secret(target, vault));
    cases.push(match vault.too_strong.as_slice() {
        [] => check("check-token", Verdict::Conformant, ""),
        more => warning(
            "check-token",
            ids::boundary::CHECK_TOKEN_TOO_STRONG,
            format!("the token given may also: {}", more.join("; ")),
        ),
    });
    cases
}

/// What the answer was, where it is neither there nor missing.
fn unknown(id: &str, what: &str, found: &Found) -> Case {
    match found {
        Found::Unknown(text) => check(id, Verdict::Inconclusive, format!("{what} cannot be read: {text}")),
        Found::Missing(text) => check(id, Verdict::Inconclusive, format!("{what} is not there: {text}")),
        Found::There(_) => check(id, Verdict::Conformant, ""),
    }
}

fn role(target: &Target, sighted: &Sighted, vault: &VaultSide) -> Vec<Case> {
    let rest = |reason: &str| ["role-binding", "role-lifetime"].map(|id| check(id, Verdict::Skipped, reason)).to_vec();
    let what = format!("auth/{}/role/{}", target.auth_mount, target.role);
    let role = match &vault.role {
        Found::There(role) => role,
        Found::Missing(text) => {
            let cause =
                if text.contains("no handler") { ids::login::AUTH_MOUNT_MISSING } else { ids::login::ROLE_NOT_FOUND };
            let mut cases = vec![failed("role", cause, format!("{what} is not there"))];
            cases.extend(rest("there is no such role"));
            return cases;
        }
        found => {
            let mut cases = vec![unknown("role", &what, found)];
            cases.extend(rest("the role could not be read"));
            return cases;
        }
    };
    let names = strings(&role["bound_service_account_names"]);
    let namespaces = strings(&role["bound_service_account_namespaces"]);
    let selector =
        role["bound_service_account_namespace_selector"].as_str().is_some_and(|selector| !selector.is_empty());
    let account = &sighted.app.service_account;
    let binding = "role-binding";
    let bound = if !matches(&names, account) {
        failed(
            binding,
            ids::login::SERVICE_ACCOUNT_NOT_AUTHORIZED,
            format!("the role binds Service Accounts {names:?}, and the app runs as {account}"),
        )
    } else if !matches(&namespaces, &target.namespace) && !selector {
        failed(
            binding,
            ids::login::NAMESPACE_NOT_AUTHORIZED,
            format!("the role binds namespaces {namespaces:?}, and the app is in {}", target.namespace),
        )
    } else if names.iter().chain(&namespaces).any(|name| name == "*") {
        warning(
            binding,
            ids::login::ROLE_WILDCARD,
            format!("the role binds Service Accounts {names:?} in namespaces {namespaces:?}"),
        )
    } else {
        check(binding, Verdict::Conformant, "")
    };
    let ttl = role["token_ttl"].as_u64().unwrap_or_default();
    let documented = crate::vault::objects::ROLE_TTL_SECONDS;
    let lifetime = if ttl == documented {
        check("role-lifetime", Verdict::Conformant, "")
    } else {
        warning(
            "role-lifetime",
            ids::boundary::LEASE_NOT_TTL,
            format!("the role's ttl is {ttl} s, the page gives it {documented} s (24h)"),
        )
    };
    vec![check("role", Verdict::Conformant, ""), bound, lifetime]
}

/// Whether the role binds a Service Account of that name; unknown where the role is.
pub(super) fn binds(inspection: &Inspection, name: &str) -> Option<bool> {
    let role = inspection.vault.as_ref()?.role.there()?;
    Some(matches(&strings(&role["bound_service_account_names"]), name))
}

/// The Kubernetes auth method compares names with patterns.
fn matches(patterns: &[String], name: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern == name || Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name)))
}

fn auth_config(inspection: &Inspection, vault: &VaultSide) -> Case {
    let id = "auth-config";
    let config = match &vault.config {
        Found::There(config) => config,
        Found::Missing(text) if text.contains("no handler") => {
            return failed(id, ids::login::AUTH_MOUNT_MISSING, "no auth method is enabled at that path");
        }
        Found::Missing(_) => return failed(id, ids::login::NOT_CONFIGURED, "the auth method is not configured"),
        found => return unknown(id, "the auth configuration", found),
    };
    let host = config["kubernetes_host"].as_str().unwrap_or_default();
    if inspection.host_is_loopback() {
        return failed(
            id,
            ids::login::API_SERVER_UNREACHABLE,
            format!("kubernetes_host {host} is Vault's own machine"),
        );
    }
    if inspection.own_ca() == Some(false) {
        return failed(
            id,
            ids::login::API_SERVER_CERTIFICATE,
            "kubernetes_ca_cert is not this cluster's certificate authority",
        );
    }
    let method = match config["token_reviewer_jwt_set"].as_bool() {
        Some(true) => "a token reviewer (method 2)",
        Some(false) => "no token reviewer (method 1)",
        None => "a Vault that does not say whether a token reviewer is set",
    };
    check(id, Verdict::Conformant, format!("{method}, kubernetes_host {host}"))
}

fn policy(target: &Target, vault: &VaultSide) -> Case {
    let id = "policy";
    let Some(role) = vault.role.there() else { return check(id, Verdict::Skipped, "the role could not be read") };
    let named = strings(&role["token_policies"]);
    if named.is_empty() {
        return failed(id, ids::read::POLICY_DENIES, "the role names no policy");
    }
    let path = target.data_path();
    let mut unread = Vec::new();
    let mut text = String::new();
    for name in &named {
        match vault.policies.get(name) {
            Some(Found::There(policy)) => text.push_str(policy["policy"].as_str().unwrap_or_default()),
            Some(Found::Missing(_)) => {
                return failed(
                    id,
                    ids::read::POLICY_MISSING,
                    format!("the role names policy {name}, which does not exist"),
                );
            }
            Some(Found::Unknown(_)) | None => unread.push(name.as_str()),
        }
    }
    if text.contains(&format!("\"{path}\"")) {
        return check(id, Verdict::Conformant, "");
    }
    if !unread.is_empty() {
        return check(
            id,
            Verdict::Skipped,
            format!("not read: policies {}; name them with --policy", unread.join(", ")),
        );
    }
    if text.contains(['*', '+']) {
        return check(
            id,
            Verdict::Skipped,
            format!("no policy names {path} itself, and patterns are not interpreted; the app's read tells"),
        );
    }
    failed(id, ids::read::POLICY_DENIES, format!("none of the policies {} names {path}", named.join(", ")))
}

fn mount(target: &Target, vault: &VaultSide) -> Case {
    let id = "mount";
    let mount = &target.secret.mount;
    match &vault.mount {
        Found::There(found) => match mount_version(found) {
            Some(2) => check(id, Verdict::Conformant, ""),
            Some(version) => failed(id, ids::read::KV_VERSION_1, format!("{mount} is KV version {version}")),
            None => failed(
                id,
                ids::read::NOT_VERSION_2_SHAPE,
                format!("{mount} is no KV engine but `{}`", found["type"].as_str().unwrap_or_default()),
            ),
        },
        Found::Missing(_) => failed(id, ids::read::MOUNT_MISSING, format!("nothing is mounted at {mount}")),
        found => unknown(id, "the mount", found),
    }
}

/// Where the secret is: from its metadata, never its values.
fn secret(target: &Target, vault: &VaultSide) -> Case {
    let id = "secret";
    let (mount, name) = (&target.secret.mount, &target.secret.name);
    let stray = vault.stray.there().is_some();
    if vault.mount.there().is_none_or(|found| mount_version(found) != Some(2)) {
        return check(id, Verdict::Skipped, "the mount is no KV version 2");
    }
    let metadata = match &vault.secret {
        Found::There(metadata) => metadata,
        Found::Missing(_) if stray => {
            let text = format!("the secret lies at {mount}/data/data/{name}, one data/ too deep");
            return failed(id, ids::read::SECRET_AT_DATA_DATA, text);
        }
        Found::Missing(_) => {
            return failed(id, ids::read::SECRET_NOT_FOUND, format!("there is no secret at {mount}/{name}"));
        }
        found => return unknown(id, "the secret's metadata", found),
    };
    let current = metadata["current_version"].as_u64().unwrap_or_default();
    let version = &metadata["versions"][current.to_string()];
    if version["destroyed"].as_bool() == Some(true) {
        return failed(id, ids::read::VERSION_DESTROYED, format!("version {current} was destroyed"));
    }
    if version["deletion_time"].as_str().is_some_and(|time| !time.is_empty()) {
        return failed(id, ids::read::SECRET_DELETED, format!("version {current} was deleted"));
    }
    match stray {
        true => warning(
            id,
            ids::read::SECRET_AT_DATA_DATA,
            format!("it is there; another lies at {mount}/data/data/{name}, where nobody looks"),
        ),
        false => check(id, Verdict::Conformant, ""),
    }
}
