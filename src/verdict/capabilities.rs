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
    let Some((mount, name)) = read_path.split_once("/data/") else { return found };
    for (path, capabilities) in &asked.allowed {
        let mut note = |fact: Fact, capability: &str| {
            if !found.iter().any(|(known, _)| *known == fact) {
                found.push((fact, format!("`{capability}` on {path}")));
            }
        };
        let ends_a_version =
            ["delete", "undelete", "destroy"].iter().any(|verb| *path == format!("{mount}/{verb}/{name}"));
        let sibling = *path != read_path && path.starts_with(&format!("{mount}/data/"));
        for capability in capabilities {
            match capability.as_str() {
                "create" | "update" if ends_a_version => note(Fact::DeleteAllowed, capability),
                "create" | "update" | "sudo" => note(Fact::WriteAllowed, capability),
                "patch" => note(Fact::PatchAllowed, capability),
                "delete" => note(Fact::DeleteAllowed, capability),
                "list" => note(Fact::ListAllowed, capability),
                "read" if sibling => note(Fact::SiblingAllowed, capability),
                "root" => {
                    for fact in [Fact::WriteAllowed, Fact::PatchAllowed, Fact::DeleteAllowed, Fact::ListAllowed] {
                        note(fact, capability);
                    }
                }
                _ => {}
            }
        }
    }
    found.extend(survives(asked));
    found
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

/// Why the token that the login gave is not known to be dead, where it is not:
/// it survived, or Vault failed when it was asked.
#[must_use]
pub fn survives(asked: &Asked) -> Option<(Fact, String)> {
    let revoke = asked.revoke.as_ref()?;
    let status = |answer: Option<&Answer>| {
        answer.and_then(|answer| answer.status).map_or("no answer".to_owned(), |status| format!("HTTP {status}"))
    };
    let revoked = revoked(revoke);
    let after = asked.after_revocation.as_ref();
    let dead = after.is_some_and(|after| matches!(after.status, Some(400 | 403)));
    if revoked && dead {
        return None;
    }
    let unusable = |answer: &Answer| answer.status.is_none_or(|status| fails(status) || (300..400).contains(&status));
    let failing = unusable(revoke) || (revoked && after.is_some_and(unusable));
    let fact = if failing { Fact::VaultFailing } else { Fact::TokenSurvivesRevocation };
    let (revoke, after) = (status(Some(revoke)), status(after));
    Some((fact, format!("revoke-self gave {revoke}, and a look-up with the token afterwards {after}")))
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
    fn a_token_that_was_not_seen_dead_survives() {
        let answer = |status| Some(Answer { status: Some(status), ..Answer::default() });
        let mut asked = Asked { revoke: answer(204), after_revocation: answer(403), ..Asked::default() };
        assert_eq!(survives(&asked), None);
        asked.after_revocation = answer(200);
        let (fact, text) = survives(&asked).unwrap();
        assert_eq!(fact, Fact::TokenSurvivesRevocation);
        assert!(text.contains("HTTP 200"));
        asked.after_revocation = None;
        assert!(survives(&asked).is_some());
    }

    #[test]
    fn a_vault_that_fails_when_it_should_revoke_is_not_blamed_on_the_token() {
        let answer = |status| Some(Answer { status, ..Answer::default() });
        for status in [Some(503), Some(429), Some(307), None] {
            let asked = Asked { revoke: answer(status), after_revocation: answer(Some(200)), ..Asked::default() };
            assert_eq!(survives(&asked).map(|(fact, _)| fact), Some(Fact::VaultFailing), "{status:?}");
            let asked = Asked { revoke: answer(Some(204)), after_revocation: answer(status), ..Asked::default() };
            assert_eq!(survives(&asked).map(|(fact, _)| fact), Some(Fact::VaultFailing), "{status:?}");
        }
    }

    #[test]
    fn a_revocation_whose_answer_got_lost_and_that_was_asked_again_is_one() {
        let refused = |text: &str| Some(Answer { status: Some(403), text: text.to_owned(), transport: None });
        let mut asked = Asked {
            revoke: refused("2 errors occurred: * permission denied * invalid token"),
            after_revocation: refused("permission denied"),
            ..Asked::default()
        };
        assert_eq!(survives(&asked), None);
        asked.revoke = refused("1 error occurred: * permission denied");
        assert!(survives(&asked).is_some());
    }
}
