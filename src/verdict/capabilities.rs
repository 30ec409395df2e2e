//! What `sys/capabilities-self` allows beyond the documented policy, which is
//! `read` on one path. Vault API: `POST /sys/capabilities-self`.

use crate::page::cause::Fact;
use crate::probe::observation::{Answer, Asked};
use crate::vault::client::fails;

/// What the Vault token may do and must not, each with what was said. Empty
/// where nothing is in excess, and where nothing could be asked.
#[must_use]
pub fn excess(asked: &Asked, read_path: &str) -> Vec<(Fact, String)> {
    let mut found = Vec::new();
    let Some((mount, name)) = place(asked, read_path) else { return found };
    let mut siblings: Vec<String> = Vec::new();
    for (path, capabilities) in &asked.allowed {
        let mut note = |fact: Fact, capability: &str| {
            if !found.iter().any(|(known, _)| *known == fact) {
                found.push((fact, format!("`{capability}` on {path}")));
            }
        };
        let ends_a_version =
            ["delete", "undelete", "destroy"].iter().any(|verb| *path == format!("{mount}/{verb}/{name}"));
        let sibling = another_secret(path, mount, name);
        for capability in capabilities {
            match capability.as_str() {
                "create" | "update" if ends_a_version => note(Fact::DeleteAllowed, capability),
                "create" | "update" | "sudo" => note(Fact::WriteAllowed, capability),
                "patch" => note(Fact::PatchAllowed, capability),
                "delete" => note(Fact::DeleteAllowed, capability),
                "list" => note(Fact::ListAllowed, capability),
                "read" => siblings.extend(sibling.map(|which| format!("`read` on {path} ({which})"))),
                "root" => {
                    for fact in [Fact::WriteAllowed, Fact::PatchAllowed, Fact::DeleteAllowed, Fact::ListAllowed] {
                        note(fact, capability);
                    }
                }
                _ => {}
            }
        }
    }
    if !siblings.is_empty() {
        found.push((Fact::SiblingAllowed, siblings.join(", ")));
    }
    match revocation(asked) {
        Revocation::Survives(text) => found.push((Fact::TokenSurvivesRevocation, text)),
        Revocation::Failing(text) => found.push((Fact::VaultFailing, text)),
        _ => {}
    }
    found
}

/// The mount and the secret's name in a path of KV version 2. Both may have `/data/` in them, so Vault's own word goes first.
fn place<'a>(asked: &'a Asked, path: &'a str) -> Option<(&'a str, &'a str)> {
    let known = asked.mount_path.as_deref();
    let known = known.and_then(|mount| Some((mount, path.strip_prefix(mount)?.strip_prefix("/data/")?)));
    known.or_else(|| path.split_once("/data/"))
}

/// Whether Vault says that the token may read the path; unknown where it was not told.
#[must_use]
pub fn may_read(asked: &Asked, path: &str) -> Option<bool> {
    let allowed = asked.allowed.get(path)?;
    Some(allowed.iter().any(|capability| matches!(capability.as_str(), "read" | "root")))
}

/// Which other secret a path is, in words; none where it is the app's own, or no secret's.
fn another_secret(path: &str, mount: &str, name: &str) -> Option<&'static str> {
    let in_it = path.strip_prefix(mount).and_then(|rest| rest.strip_prefix("/data/"));
    let (of, secret) = in_it.map(|secret| (mount, secret)).or_else(|| path.split_once("/data/"))?;
    match secret.strip_prefix(name) {
        Some("") if of == mount => None,
        _ if of != mount => Some("in another mount"),
        Some(rest) if rest.starts_with('/') => Some("below the secret"),
        Some(_) => Some("a name that begins with the secret's"),
        None => Some("beside the secret"),
    }
}

/// Whether an answer says that the token is revoked. Where the first answer got
/// lost, the next try meets a dead token.
#[must_use]
pub fn revoked(answer: &Answer) -> bool {
    match answer.status {
        Some(200 | 204) => true,
        Some(403) => answer.text.contains("invalid token"),
        _ => false,
    }
}

/// What became of the token that the login gave, when it was revoked and looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// There was none, or it was not revoked.
    NotAsked,
    /// Revoked, and seen to be dead.
    Dead,
    /// It had no uses or no time left, so it was dead before.
    UsedUp,
    /// A batch token, which nobody can revoke.
    Batch(String),
    /// Vault did not let it revoke itself.
    MayNot(String),
    /// Vault failed when it was asked.
    Failing(String),
    /// It was revoked, and works.
    Survives(String),
}

/// What became of the token that the login gave.
#[must_use]
pub fn revocation(asked: &Asked) -> Revocation {
    let Some(revoke) = &asked.revoke else { return Revocation::NotAsked };
    let after = asked.after_revocation.as_ref();
    let status = |answer: Option<&Answer>| {
        answer.and_then(|answer| answer.status).map_or("no answer".to_owned(), |status| format!("HTTP {status}"))
    };
    let text =
        format!("revoke-self gave {}, and a look-up with the token afterwards {}", status(Some(revoke)), status(after));
    if used_up(asked) && after.is_some_and(|after| matches!(after.status, Some(400 | 403))) {
        return Revocation::UsedUp;
    }
    let revoked = revoked(revoke);
    let unusable = |answer: &Answer| answer.status.is_none_or(|status| fails(status) || (300..400).contains(&status));
    if revoked && after.is_some_and(|after| matches!(after.status, Some(400 | 403))) {
        return Revocation::Dead;
    }
    if unusable(revoke) || (revoked && after.is_some_and(unusable)) {
        Revocation::Failing(text)
    } else if asked.token_type.as_deref() == Some("batch") {
        Revocation::Batch(text)
    } else if revoke.status == Some(403) && !revoked {
        Revocation::MayNot(text)
    } else {
        Revocation::Survives(text)
    }
}

/// Whether the token was dead before anybody revoked it. Vault says the same of a
/// token that is revoked, so it is told by what was asked before.
#[must_use]
pub fn used_up(asked: &Asked) -> bool {
    let limited = asked.revoke.iter().filter(|_| asked.token_uses.is_some());
    [&asked.capabilities, &asked.mount].into_iter().flatten().chain(limited).any(token_is_dead)
}

/// Whether an answer says that Vault does not know the token: in so many words, or
/// bare. What a policy denies has the number of errors before it.
fn token_is_dead(answer: &Answer) -> bool {
    let says = answer.text.contains("invalid token");
    matches!((answer.status, says), (Some(400 | 403), true))
        || (answer.status == Some(403) && answer.text == "permission denied")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn asked(path: &str, capabilities: &[&str]) -> Asked {
        let mut asked = Asked::default();
        asked.allowed.insert(path.to_owned(), capabilities.iter().map(|c| (*c).to_owned()).collect());
        asked
    }

    #[rstest]
    #[case("pmp-dev/data/admin", &["read"], &[])]
    #[case("pmp-dev/metadata/", &["deny"], &[])]
    #[case("pmp-dev/metadata/", &["list"], &[Fact::ListAllowed])]
    #[case("pmp-dev/data/admin", &["create", "read", "update"], &[Fact::WriteAllowed])]
    #[case("pmp-dev/data/admin", &["delete", "patch", "read"], &[Fact::DeleteAllowed, Fact::PatchAllowed])]
    #[case("pmp-dev/destroy/admin", &["update"], &[Fact::DeleteAllowed])]
    #[case("pmp-dev/data/other", &["read"], &[Fact::SiblingAllowed])]
    #[case("pmp-dev/data/admin-other", &["read"], &[Fact::SiblingAllowed])]
    #[case("pmp-dev/data/admin/other", &["read"], &[Fact::SiblingAllowed])]
    #[case("other/data/admin", &["read"], &[Fact::SiblingAllowed])]
    #[case("pmp-dev/metadata/admin", &["read"], &[])]
    #[case("pmp-dev/data/admin", &["root"], &[Fact::WriteAllowed, Fact::PatchAllowed, Fact::DeleteAllowed, Fact::ListAllowed])]
    fn what_goes_beyond_read_on_one_path_is_named(
        #[case] path: &str,
        #[case] capabilities: &[&str],
        #[case] facts: &[Fact],
    ) {
        let found: Vec<Fact> =
            excess(&asked(path, capabilities), "pmp-dev/data/admin").into_iter().map(|(fact, _)| fact).collect();
        assert_eq!(found, facts);
    }

    #[test]
    fn everything_that_a_pattern_opens_is_said() {
        let mut asked = asked("pmp-dev/data/admin-x", &["read"]);
        asked.allowed.insert("pmp-dev/data/admin/x".to_owned(), vec!["read".to_owned()]);
        let text = "`read` on pmp-dev/data/admin-x (a name that begins with the secret's), \
                    `read` on pmp-dev/data/admin/x (below the secret)";
        assert_eq!(excess(&asked, "pmp-dev/data/admin"), [(Fact::SiblingAllowed, text.to_owned())]);
    }

    fn answer(status: impl Into<Option<u16>>) -> Option<Answer> {
        Some(Answer { status: status.into(), ..Answer::default() })
    }

    fn refused(text: &str) -> Option<Answer> {
        Some(Answer { status: Some(403), text: text.to_owned(), transport: None })
    }

    const DEAD: &str = "2 errors occurred: * permission denied * invalid token";

    #[test]
    fn a_token_that_was_not_seen_dead_survives() {
        let mut asked = Asked { revoke: answer(204), after_revocation: answer(403), ..Asked::default() };
        assert_eq!(revocation(&asked), Revocation::Dead);
        asked.after_revocation = answer(200);
        let Revocation::Survives(text) = revocation(&asked) else { panic!("{asked:?}") };
        assert!(text.contains("HTTP 200"));
        asked.after_revocation = None;
        assert!(matches!(revocation(&asked), Revocation::Survives(_)));
        assert_eq!(excess(&asked, "pmp-dev/data/admin")[0].0, Fact::TokenSurvivesRevocation);
    }

    #[test]
    fn a_vault_that_fails_when_it_should_revoke_is_not_blamed_on_the_token() {
        for status in [Some(503), Some(429), Some(307), None] {
            let asked = Asked { revoke: answer(status), after_revocation: answer(200), ..Asked::default() };
            assert!(matches!(revocation(&asked), Revocation::Failing(_)), "{status:?}");
            let asked = Asked { revoke: answer(204), after_revocation: answer(status), ..Asked::default() };
            assert!(matches!(revocation(&asked), Revocation::Failing(_)), "{status:?}");
            assert_eq!(excess(&asked, "pmp-dev/data/admin")[0].0, Fact::VaultFailing);
        }
    }

    #[test]
    fn a_revocation_whose_answer_got_lost_and_that_was_asked_again_is_one() {
        let asked = Asked { revoke: refused(DEAD), after_revocation: refused("permission denied"), ..Asked::default() };
        assert_eq!(revocation(&asked), Revocation::Dead);
    }

    #[test]
    fn what_cannot_or_may_not_be_revoked_is_no_excess() {
        let batch = Asked {
            revoke: answer(400),
            after_revocation: answer(200),
            token_type: Some("batch".to_owned()),
            ..Asked::default()
        };
        assert!(matches!(revocation(&batch), Revocation::Batch(_)));
        let denied = refused("1 error occurred: * permission denied");
        let may_not = Asked { revoke: denied.clone(), after_revocation: denied, ..Asked::default() };
        assert!(matches!(revocation(&may_not), Revocation::MayNot(_)));
        let used_up = Asked {
            capabilities: refused(DEAD),
            revoke: refused(DEAD),
            after_revocation: refused(DEAD),
            ..Asked::default()
        };
        assert_eq!(revocation(&used_up), Revocation::UsedUp);
        // As OpenBao 2.7.2 says it.
        let of_two_uses = Asked {
            token_uses: Some(2),
            capabilities: Some(Answer { status: Some(400), ..refused("1 error occurred: * invalid token").unwrap() }),
            revoke: refused("permission denied"),
            after_revocation: refused("permission denied"),
            ..Asked::default()
        };
        assert_eq!(revocation(&of_two_uses), Revocation::UsedUp);
        for asked in [batch, may_not, used_up, of_two_uses] {
            assert_eq!(excess(&asked, "pmp-dev/data/admin"), []);
        }
    }
}
