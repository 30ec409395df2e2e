//! The checks of how the cluster and Vault are set up: the custom resources,
//! and, with a Vault token, role, auth configuration, policy, mount and secret
//! as they stand against the page.
//!
//! - [`way`]: a difference, weighed against the app's own way.
//! - `cluster`: the custom resources, the app's pod and account, the reviewer.
//! - `role`, `auth`, `policy`, `mount`, `secret`: Vault's side, one thing each.
//! - `names`: how the Kubernetes auth method compares names.

mod auth;
mod cluster;
mod mount;
mod names;
mod policy;
mod role;
mod secret;
mod way;

use crate::check::case::{check, warning};
use crate::check::inspect::VaultSide;
use crate::check::sighted::Sighted;
use crate::check::target::Target;
use crate::page::cause::ids;
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Observed};
use way::Way;

pub(super) use role::binds;

/// Every check, in a fixed order. `now` is Unix time in seconds.
pub(super) fn cases(target: &Target, sighted: &Sighted, observed: &Observed, now: i64) -> Vec<Case> {
    let way = Way(observed);
    let mut cases =
        vec![cluster::custom_resources(sighted), cluster::app_pod(sighted), cluster::service_account(sighted, way)];
    cases.push(cluster::reviewer(target, &sighted.inspection, way));
    cases.push(cluster::reviewer_token(target, &sighted.inspection, way, now));
    cases.push(cluster::next_pod(sighted));
    match &sighted.inspection.vault {
        Some(vault) => cases.extend(vault_cases(target, sighted, vault, way, now)),
        None => {
            let reason = "needs a read-only Vault token: --vault-token-file; `print policy` prints what it needs";
            let ids =
                ["role", "role-binding", "role-lifetime", "auth-config", "policy", "mount", "secret", "check-token"];
            cases.extend(ids.map(|id| check(id, Verdict::Skipped, reason)));
        }
    }
    cases
}

fn vault_cases(target: &Target, sighted: &Sighted, vault: &VaultSide, way: Way<'_>, now: i64) -> Vec<Case> {
    let mut cases = match vault.other_method() {
        Some(method) => auth::of_another_method(target, method, way),
        None => {
            let mut cases = role::cases(target, sighted, vault, way);
            cases.push(auth::config(target, &sighted.inspection, vault, way, now));
            cases
        }
    };
    if way.names_another_path() {
        let reason = "the Secret Name is not the secret's, so nothing is compared with it";
        cases.extend(["policy", "mount", "secret"].map(|id| check(id, Verdict::Skipped, reason)));
    } else {
        cases.push(policy::case(target, sighted, vault, way));
        cases.push(mount::case(target, vault, way));
        cases.push(secret::case(target, vault, way, now));
    }
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
