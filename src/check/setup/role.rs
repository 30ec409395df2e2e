//! The role: whom it binds, and what tokens it gives.

use super::names::covers;
use super::way::{Way, unknown};
use crate::check::case::{check, warning};
use crate::check::inspect::{Found, Inspection, VaultSide, strings};
use crate::check::sighted::Sighted;
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::ids;
use crate::verdict::Verdict;
use crate::verdict::result::Case;
use serde_json::Value;

/// `role`, `role-binding` and `role-lifetime`.
pub(super) fn cases(target: &Target, sighted: &Sighted, vault: &VaultSide, way: Way<'_>) -> Vec<Case> {
    let rest = |reason: &str| ["role-binding", "role-lifetime"].map(|id| check(id, Verdict::Skipped, reason)).to_vec();
    let what = format!("auth/{}/role/{}", target.auth_mount, target.role);
    let role = match &vault.role {
        Found::There(role) => role,
        Found::Missing(text) => {
            let cause =
                if text.contains("no handler") { ids::login::AUTH_MOUNT_MISSING } else { ids::login::ROLE_NOT_FOUND };
            let mut cases = vec![way.differs("role", Stage::Login, cause, format!("{what} is not there"))];
            cases.extend(rest("there is no such role"));
            return cases;
        }
        found => {
            let mut cases = vec![unknown("role", &what, found)];
            cases.extend(rest("the role could not be read"));
            return cases;
        }
    };
    vec![check("role", Verdict::Conformant, ""), binding(target, sighted, role, way), lifetime(role)]
}

fn binding(target: &Target, sighted: &Sighted, role: &Value, way: Way<'_>) -> Case {
    let id = "role-binding";
    let names = strings(&role["bound_service_account_names"]);
    let namespaces = strings(&role["bound_service_account_namespaces"]);
    let selector =
        role["bound_service_account_namespace_selector"].as_str().is_some_and(|selector| !selector.is_empty());
    let account = &sighted.app.service_account;
    if !covers(&names, account) {
        way.differs(
            id,
            Stage::Login,
            ids::login::SERVICE_ACCOUNT_NOT_AUTHORIZED,
            format!("the role binds Service Accounts {names:?}, and the app runs as {account}"),
        )
    } else if !covers(&namespaces, &target.namespace) && !selector {
        way.differs(
            id,
            Stage::Login,
            ids::login::NAMESPACE_NOT_AUTHORIZED,
            format!("the role binds namespaces {namespaces:?}, and the app is in {}", target.namespace),
        )
    } else if names.iter().chain(&namespaces).any(|name| name == "*") {
        warning(
            id,
            ids::login::ROLE_WILDCARD,
            format!("the role binds Service Accounts {names:?} in namespaces {namespaces:?}"),
        )
    } else {
        check(id, Verdict::Conformant, "")
    }
}

fn lifetime(role: &Value) -> Case {
    let id = "role-lifetime";
    let ttl = role["token_ttl"].as_u64().unwrap_or_default();
    let documented = crate::vault::objects::ROLE_TTL_SECONDS;
    if ttl == documented {
        check(id, Verdict::Conformant, "")
    } else {
        warning(
            id,
            ids::boundary::LEASE_NOT_TTL,
            format!("the role's ttl is {ttl} s, the page gives it {documented} s (24h)"),
        )
    }
}

/// Whether the role binds a Service Account of that name; unknown where the role is.
pub(in crate::check) fn binds(inspection: &Inspection, name: &str) -> Option<bool> {
    let role = inspection.vault.as_ref()?.role.there()?;
    Some(covers(&strings(&role["bound_service_account_names"]), name))
}
