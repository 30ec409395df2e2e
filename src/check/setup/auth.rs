//! The auth method's configuration.

use super::way::{Way, unknown};
use crate::check::case::{check, ending, warning};
use crate::check::ends::{self, End};
use crate::check::inspect::{Found, Inspection, VaultSide};
use crate::check::target::Target;
use crate::page::Stage;
use crate::page::cause::ids;
use crate::verdict::Verdict;
use crate::verdict::result::Case;

/// The role and the configuration of another method say nothing of what the page documents.
pub(super) fn of_another_method(target: &Target, method: &str, way: Way<'_>) -> Vec<Case> {
    let reason = format!("auth/{} is of method {method}", target.auth_mount);
    let mut cases = ["role", "role-binding", "role-lifetime"].map(|id| check(id, Verdict::Skipped, &*reason)).to_vec();
    cases.push(way.differs("auth-config", Stage::Login, ids::login::OTHER_AUTH_METHOD, reason));
    cases
}

pub(super) fn config(target: &Target, inspection: &Inspection, vault: &VaultSide, way: Way<'_>, now: i64) -> Case {
    let id = "auth-config";
    let differs = |cause, text: String| way.differs(id, Stage::Login, cause, text);
    let config = match &vault.config {
        Found::There(config) => config,
        Found::Missing(text) if text.contains("no handler") => {
            return differs(ids::login::AUTH_MOUNT_MISSING, "no auth method is enabled at that path".to_owned());
        }
        Found::Missing(_) => {
            return differs(ids::login::NOT_CONFIGURED, "the auth method is not configured".to_owned());
        }
        found => return unknown(id, "the auth configuration", found),
    };
    let host = config["kubernetes_host"].as_str().unwrap_or_default();
    if inspection.host_is_loopback() {
        return differs(ids::login::API_SERVER_UNREACHABLE, format!("kubernetes_host {host} is Vault's own machine"));
    }
    if inspection.own_ca() == Some(false) {
        let text = "kubernetes_ca_cert is not this cluster's certificate authority".to_owned();
        let cause = ids::login::API_SERVER_CERTIFICATE;
        // It may be that of what stands in front of the API server, and then it is the right one.
        if way.reviewed_but_for(&cause) {
            return check(id, Verdict::Conformant, format!("{text}; Vault has no complaint about it"));
        }
        return differs(cause, text);
    }
    let ends_at = config["kubernetes_ca_cert"].as_str().and_then(ends::first_of);
    if let Some(at) = ends_at {
        let cause = ids::login::API_SERVER_AUTHORITY_ENDS;
        let text = |ends: &str| format!("a certificate in kubernetes_ca_cert {ends} at {at}");
        match ends::of(at, now, target.ends_within) {
            End::Over => return ending(at, differs(cause, text("ended"))),
            End::Soon => return ending(at, warning(id, cause, text("ends"))),
            End::Later => {}
        }
    }
    let method = match config["token_reviewer_jwt_set"].as_bool() {
        Some(true) => "a token reviewer (method 2)",
        Some(false) => "no token reviewer (method 1)",
        None => "a Vault that does not say whether a token reviewer is set",
    };
    ending(ends_at, check(id, Verdict::Conformant, format!("{method}, kubernetes_host {host}")))
}
