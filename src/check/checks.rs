//! The checks of what lies around the app's way: Vault's health, the mount, the
//! secret's age, the token's life, and what else the token may do.

use crate::check::case::{check, ending, failed, warning, words};
use crate::check::ends::{self, End};
use crate::check::target::Target;
use crate::check::{reach, revision};
use crate::page::Page;
use crate::page::cause::{CauseId, Fact, ids};
use crate::probe::observation::{Asked, Observation};
use crate::scenario::revisions::Revisions;
use crate::vault::client::fails;
use crate::verdict::Verdict;
use crate::verdict::capabilities::{self, Revocation};
use crate::verdict::result::{Case, Observed};

/// The checks of what lies around the way, in the order in which they are made.
pub(super) fn cases(
    target: &Target,
    page: &Page,
    revisions: &Revisions,
    now: i64,
    observation: Option<&Observation>,
    observed: &Observed,
) -> Vec<Case> {
    const IDS: [&str; 23] = [
        "vault-name",
        "vault-tcp",
        "vault-tls",
        "vault-health",
        "vault-version",
        "vault-certificate",
        "vault-authority",
        "vault-namespace",
        "auth-method",
        "secret-name",
        "kv-version-2",
        "secret-age",
        "secret-ends",
        "only-documented-keys",
        "page-revision",
        "token-lifetime",
        "token-revoked",
        "capabilities",
        "no-list",
        "no-write",
        "no-patch",
        "no-delete",
        "no-sibling",
    ];
    let asked = observation.and_then(|observation| observation.asked.as_ref().map(|asked| (observation, asked)));
    let Some((observation, asked)) = asked else {
        let (verdict, reason) = match observed.complete {
            true => (Verdict::Skipped, "no pod could run, so nothing was asked".to_owned()),
            false => (Verdict::Inconclusive, observed.text.clone()),
        };
        return IDS.into_iter().map(|id| check(id, verdict, reason.clone())).collect();
    };
    let mut cases = reach::cases(target, asked, observed, now);
    cases.push(auth_method(observation, observed));
    cases.push(secret_name(target, asked));
    cases.push(kv_version(asked));
    cases.push(age(asked, now));
    cases.push(ends(target, observation, now));
    let secret = observation.secret.as_ref().filter(|_| observation.read_with_token);
    cases.extend(revision::cases(page, revisions, secret));
    cases.push(lifetime(observation, asked));
    cases.push(revoked(asked));
    cases.extend(boundary(asked, &observation.read_path));
    cases
}

fn auth_method(observation: &Observation, observed: &Observed) -> Case {
    let id = "auth-method";
    const OF_THE_METHOD: &[CauseId] =
        &[ids::login::AUTH_MOUNT_MISSING, ids::login::OTHER_AUTH_METHOD, ids::login::NOT_CONFIGURED];
    let status = observation.login.as_ref().and_then(|login| login.answer.status);
    match &observed.cause {
        Some(cause) if OF_THE_METHOD.contains(cause) => failed(id, cause.clone(), observed.in_full()),
        _ if observation.login.is_none() => check(id, Verdict::Skipped, "no token, so no login was tried"),
        _ => match status {
            Some(200 | 403) => check(id, Verdict::Conformant, ""),
            Some(400) if observed.cause.is_some() => check(id, Verdict::Conformant, ""),
            // Other methods have texts of their own.
            Some(400) => check(id, Verdict::Skipped, "the answer does not tell which method is enabled there"),
            _ => check(id, Verdict::Skipped, "the login got no usable answer"),
        },
    }
}

/// Whether the Secret Name is the secret's, and no address of Vault's API or web interface.
fn secret_name(target: &Target, asked: &Asked) -> Case {
    let id = "secret-name";
    match &asked.meant {
        Some(path) => {
            let name = path.replacen("/data/", "/", 1);
            let text =
                format!("the app's token may read {path}: the Secret Name for it is {}/{name}", target.secret.address);
            failed(id, ids::read::SECRET_NAME_COPIED, text)
        }
        None if asked.capabilities.is_none() => check(id, Verdict::Skipped, "no login succeeded"),
        None => check(id, Verdict::Conformant, ""),
    }
}

fn kv_version(asked: &Asked) -> Case {
    let id = "kv-version-2";
    match (asked.kv_version, &asked.mount) {
        (Some(2), _) => {
            let slashes = asked.mount_path.as_deref().filter(|path| path.contains('/'));
            check(id, Verdict::Conformant, slashes.map_or(String::new(), |path| format!("the mount is {path}")))
        }
        (Some(version), _) => {
            failed(id, ids::read::KV_VERSION_1, format!("the mount is KV version {version}; the page needs version 2"))
        }
        (None, None) => check(id, Verdict::Skipped, "no login succeeded"),
        (None, Some(answer)) => {
            check(id, Verdict::Skipped, format!("Vault does not tell the app's token: {}", words(answer)))
        }
    }
}

/// How long ago the secret's version was stored.
fn age(asked: &Asked, now: i64) -> Case {
    const YEAR: i64 = 365 * 24 * 3600;
    let id = "secret-age";
    let created = asked.created.as_ref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let Some(created) = created else { return check(id, Verdict::Skipped, "Vault did not say when it was stored") };
    let seconds = now - created.as_second();
    let text = format!("stored {} days ago", seconds / (24 * 3600));
    if seconds > YEAR { warning(id, ids::read::VERSION_OLD, text) } else { check(id, Verdict::Conformant, text) }
}

/// Whether the secret's version is to be deleted by itself, and soon.
fn ends(target: &Target, observation: &Observation, now: i64) -> Case {
    let id = "secret-ends";
    let Some(secret) = observation.secret.as_ref().filter(|_| observation.read_with_token) else {
        return check(id, Verdict::Skipped, "the secret was not read");
    };
    let Some(time) = &secret.ends else { return check(id, Verdict::Conformant, "") };
    let text = format!("Vault deletes the secret's version by itself at {time}");
    let Ok(at) = time.parse() else { return warning(id, ids::read::VERSION_ENDS, text) };
    let case = match ends::of(at, now, target.ends_within) {
        End::Later => check(id, Verdict::Conformant, text),
        End::Soon | End::Over => warning(id, ids::read::VERSION_ENDS, text),
    };
    ending(at, case)
}

/// Whether the login's token is dead. One that its role does not let be revoked
/// is not to blame for it.
fn revoked(asked: &Asked) -> Case {
    let id = "token-revoked";
    let until = "it lives until its time is over, as the app's own do";
    match capabilities::revocation(asked) {
        Revocation::NotAsked => check(id, Verdict::Skipped, "no login succeeded"),
        Revocation::Dead => check(id, Verdict::Conformant, ""),
        Revocation::UsedUp => warning(id, ids::boundary::TOKEN_USED_UP, {
            let uses = asked.token_uses.map_or(String::new(), |uses| format!(" (it has {uses})"));
            format!("the token was dead before it was revoked: its uses{uses} or its time were over")
        }),
        Revocation::Batch(text) => {
            warning(id, ids::boundary::BATCH_TOKEN, format!("a batch token cannot be revoked, so {until}: {text}"))
        }
        Revocation::MayNot(text) => warning(
            id,
            ids::boundary::TOKEN_MAY_NOT_REVOKE_ITSELF,
            format!("the token may not revoke itself, so {until}: {text}"),
        ),
        Revocation::Failing(text) => failed(id, ids::boundary::VAULT_FAILING, text),
        Revocation::Survives(text) => failed(id, ids::boundary::TOKEN_SURVIVES_REVOCATION, text),
    }
}

/// The page gives the role `ttl=24h`.
fn lifetime(observation: &Observation, asked: &Asked) -> Case {
    const DOCUMENTED: u64 = crate::vault::objects::ROLE_TTL_SECONDS;
    let id = "token-lifetime";
    let lease = observation.login.as_ref().and_then(|login| login.lease_duration);
    let kind = asked.token_type.as_deref().unwrap_or("service");
    match lease {
        None => check(id, Verdict::Skipped, "no login succeeded"),
        Some(DOCUMENTED) => check(id, Verdict::Conformant, format!("{DOCUMENTED} s, type {kind}")),
        Some(seconds) => warning(
            id,
            ids::boundary::LEASE_NOT_TTL,
            format!(
                "the Vault token lasts {seconds} s (type {kind}); with the documented ttl=24h it would be {DOCUMENTED} s"
            ),
        ),
    }
}

fn boundary(asked: &Asked, read_path: &str) -> Vec<Case> {
    const CHECKS: [(&str, Fact, CauseId); 5] = [
        ("no-list", Fact::ListAllowed, ids::boundary::LIST_ALLOWED),
        ("no-write", Fact::WriteAllowed, ids::boundary::WRITE_ALLOWED),
        ("no-patch", Fact::PatchAllowed, ids::boundary::PATCH_ALLOWED),
        ("no-delete", Fact::DeleteAllowed, ids::boundary::DELETE_ALLOWED),
        ("no-sibling", Fact::SiblingAllowed, ids::boundary::SIBLING_ALLOWED),
    ];
    let excess = capabilities::excess(asked, read_path);
    let asking = asking(asked);
    let unknown = (asking.verdict != Verdict::Conformant || asking.warning).then(|| {
        let verdict = if asking.verdict == Verdict::Inconclusive { asking.verdict } else { Verdict::Skipped };
        (verdict, asking.message.clone())
    });
    let each =
        CHECKS.into_iter().map(|(id, fact, cause)| match (&unknown, excess.iter().find(|(found, _)| *found == fact)) {
            (Some((verdict, reason)), _) => check(id, *verdict, reason.clone()),
            (None, Some((_, what))) => failed(id, cause, format!("the app's token may {what}")),
            (None, None) => check(id, Verdict::Conformant, ""),
        });
    std::iter::once(asking.clone()).chain(each).collect()
}

/// Whether Vault told what the app's token may do.
fn asking(asked: &Asked) -> Case {
    let id = "capabilities";
    match &asked.capabilities {
        None => check(id, Verdict::Skipped, "no login succeeded"),
        Some(answer) if answer.status.is_none_or(|status| fails(status) || (300..400).contains(&status)) => check(
            id,
            Verdict::Inconclusive,
            format!("Vault does not say what the app's token may do: {}", words(answer)),
        ),
        Some(answer) if answer.status == Some(200) && !asked.allowed.is_empty() => check(id, Verdict::Conformant, ""),
        Some(_) if capabilities::used_up(asked) => warning(
            id,
            ids::boundary::TOKEN_USED_UP,
            "what else the app's token may do is not known: it had no uses or no time left when that was asked",
        ),
        Some(answer) if answer.status == Some(403) => warning(
            id,
            ids::boundary::TOKEN_MAY_NOT_ASK,
            format!("what else the app's token may do is not known, because it may not ask: {}", words(answer)),
        ),
        Some(answer) => check(
            id,
            Verdict::Inconclusive,
            format!("Vault does not say what the app's token may do: {}", words(answer)),
        ),
    }
}
