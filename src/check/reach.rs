//! The checks of the way to Vault: its name, TCP, TLS, health, version, and the
//! namespace that is asked in. They explain the app's login, and fail nothing
//! that it passed: a gateway may hide Vault's health, or one node of many be sealed.

use crate::check::case::{check, ending, failed, warning, words};
use crate::check::ends::{self, End};
use crate::check::target::{NamedBy, Target};
use crate::page::Stage;
use crate::page::cause::{CauseId, SaysOf, ids};
use crate::probe::observation::Asked;
use crate::vault::client::PLAIN_TO_TLS;
use crate::vault::transport::{Handshake, Transport};
use crate::verdict::Verdict;
use crate::verdict::result::{Case, Observed};

/// The checks, in the order of the reports.
pub(super) fn cases(target: &Target, asked: &Asked, observed: &Observed, now: i64) -> Vec<Case> {
    let mut cases = connection(target, asked, observed);
    cases.push(health(asked, observed));
    cases.push(version(asked));
    cases.push(certificate(target, asked, now));
    cases.push(authorities(target, now));
    cases.push(namespace(target, asked, observed));
    cases
}

/// Name, TCP and TLS, from the one request that needs all three.
fn connection(target: &Target, asked: &Asked, observed: &Observed) -> Vec<Case> {
    let health = &asked.health;
    let tls = target.secret.address.starts_with("https://");
    let blamed = match health.transport {
        None | Some(Transport::Garbled) => None,
        Some(_) if observed.passed(Stage::Login) => None,
        Some(Transport::NameNotFound) => Some((0, ids::login::VAULT_UNREACHABLE)),
        Some(Transport::Refused | Transport::Timeout) => Some((1, ids::login::VAULT_UNREACHABLE)),
        Some(Transport::Other) => Some((1, ids::login::VAULT_FAILING)),
        Some(Transport::Tls(handshake)) => Some((2, of_the_handshake(handshake))),
    };
    let case = |(number, id): (usize, &str)| match &blamed {
        Some((blamed, cause)) if number == *blamed => {
            failed(id, cause.clone(), format!("{}: {}", target.secret.address, health.text))
        }
        Some((blamed, _)) if number > *blamed => check(id, Verdict::Skipped, "not reached"),
        _ if id == "vault-tls" && health.text == PLAIN_TO_TLS => {
            failed(id, ids::login::PLAIN_HTTP_TO_TLS, health.text.clone())
        }
        _ if id == "vault-tls" && !tls => warning(
            id,
            ids::login::HTTP_WITHOUT_TLS,
            "the Secret Name URL is http: tokens and credentials go over the network unencrypted",
        ),
        _ => check(id, Verdict::Conformant, ""),
    };
    ["vault-name", "vault-tcp", "vault-tls"].into_iter().enumerate().map(case).collect()
}

fn of_the_handshake(handshake: Handshake) -> CauseId {
    match handshake {
        Handshake::Authority => ids::login::VAULT_AUTHORITY_UNKNOWN,
        Handshake::Expired => ids::login::VAULT_CERTIFICATE_EXPIRED,
        Handshake::Name => ids::login::VAULT_CERTIFICATE_NAME,
        Handshake::NoTls => ids::login::VAULT_WITHOUT_TLS,
        Handshake::ClientCertificate => ids::login::CLIENT_CERTIFICATE_WANTED,
        Handshake::Other => ids::login::VAULT_TLS,
    }
}

fn health(asked: &Asked, observed: &Observed) -> Case {
    let id = "vault-health";
    let went_on = observed.passed(Stage::Login);
    let health = &asked.health;
    let (cause, text) = match (health.status, asked.initialized) {
        // 429 and 473 are standbys, which forward; 472 is a disaster recovery secondary, which does not.
        // Vault itself says beside it that it is initialized; what only stands in front of it does not.
        (Some(200 | 429 | 473), Some(true)) => return check(id, Verdict::Conformant, ""),
        (Some(_), Some(false)) => (ids::login::VAULT_NOT_INITIALIZED, "Vault is not initialized".to_owned()),
        (Some(503), Some(true)) => (ids::login::VAULT_SEALED, "Vault is sealed".to_owned()),
        _ if health.text == PLAIN_TO_TLS => (ids::login::PLAIN_HTTP_TO_TLS, health.text.clone()),
        _ if went_on => (ids::login::HEALTH_NOT_TOLD, words(health)),
        (None, _) if health.transport != Some(Transport::Garbled) => {
            return check(id, Verdict::Skipped, "not reached");
        }
        _ => match &observed.cause {
            Some(cause) if observed.stage == Some(Stage::Login) && observed.says_of == SaysOf::NoAnswer => {
                (cause.clone(), words(health))
            }
            _ => return check(id, Verdict::Inconclusive, words(health)),
        },
    };
    if went_on { warning(id, cause, format!("the app logs in all the same: {text}")) } else { failed(id, cause, text) }
}

/// How long Vault's certificate lasts.
fn certificate(target: &Target, asked: &Asked, now: i64) -> Case {
    let id = "vault-certificate";
    let ends = asked.certificate_ends.as_ref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let Some(at) = ends else { return check(id, Verdict::Skipped, "Vault showed no certificate") };
    let text = format!("Vault's certificate ends at {at}");
    let case = match ends::of(at, now, target.ends_within) {
        End::Later => check(id, Verdict::Conformant, text),
        End::Soon | End::Over => warning(id, ids::login::VAULT_CERTIFICATE_ENDS, text),
    };
    ending(at, case)
}

/// How long the authorities last that Vault's certificate is checked against.
fn authorities(target: &Target, now: i64) -> Case {
    let id = "vault-authority";
    let Some(at) = target.ca.as_deref().and_then(ends::first_of) else {
        return check(id, Verdict::Skipped, "no authority of your own is named with --ca-file");
    };
    let text = format!("the first certificate of --ca-file ends at {at}");
    let case = match ends::of(at, now, target.ends_within) {
        End::Later => check(id, Verdict::Conformant, text),
        End::Soon | End::Over => warning(id, ids::login::VAULT_AUTHORITY_ENDS, text),
    };
    ending(at, case)
}

fn version(asked: &Asked) -> Case {
    let id = "vault-version";
    let Some(version) = &asked.version else { return check(id, Verdict::Skipped, "Vault did not say its version") };
    let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (1, 9) => {
            check(id, Verdict::Conformant, format!("Vault {version}"))
        }
        (Some(Ok(_)), Some(Ok(_))) => {
            warning(id, ids::login::VAULT_TOO_OLD, format!("Vault {version}; the page recommends 1.9 or newer"))
        }
        _ => check(id, Verdict::Skipped, format!("Vault says `{version}`, which is no version with numbers")),
    }
}

/// The namespace of Vault Enterprise that the check asked in. In another one the
/// same mounts are not there, and Vault says no more of it.
fn namespace(target: &Target, asked: &Asked, observed: &Observed) -> Case {
    const AS_IF_MISSING: [CauseId; 3] =
        [ids::login::AUTH_MOUNT_MISSING, ids::read::MOUNT_MISSING, ids::read::POLICY_DENIES];
    let id = "vault-namespace";
    let version = asked.version.as_deref().unwrap_or_default();
    let enterprise = version.contains("+ent");
    // The community edition takes no notice of the header (seen on Vault 1.21.0); OpenBao has namespaces since 2.3.
    let ignored = version.starts_with("1.") && !enterprise;
    let looks_missing = observed.cause.iter().chain(&observed.candidates).any(|cause| AS_IF_MISSING.contains(cause));
    let says = match (&target.vault_namespace, enterprise) {
        (Some(name), _) if ignored => {
            let text = format!("asked in namespace {name}, of which Vault {version} takes no notice");
            return check(id, Verdict::Conformant, text);
        }
        (Some(name), _) => format!("asked in namespace {name}"),
        (None, true) => "asked in the root namespace of Vault Enterprise".to_owned(),
        (None, false) => return check(id, Verdict::Conformant, ""),
    };
    if looks_missing {
        let text = format!("{says}; in another one than the right one Vault answers as if the mount were not there");
        warning(id, ids::login::NAMESPACE_MAY_DIFFER, text)
    } else if target.vault_namespace.is_some() && target.vault_namespace_from == NamedBy::Environment {
        let text = format!("{says}, taken from VAULT_NAMESPACE: what is said here holds only if the app sends it, too");
        warning(id, ids::login::NAMESPACE_FROM_ENVIRONMENT, text)
    } else {
        check(id, Verdict::Conformant, says)
    }
}
