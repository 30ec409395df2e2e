//! The checks of which revision of the page a secret's keys are of. Pure.

use std::collections::BTreeSet;

use crate::check::case::{check, warning};
use crate::page::Page;
use crate::page::cause::ids;
use crate::probe::observation::{KeyState, Secret};
use crate::scenario::revisions::Revisions;
use crate::verdict::Verdict;
use crate::verdict::result::Case;

/// In a fixed order; `secret` is none where it was not read.
pub(super) fn cases(page: &Page, revisions: &Revisions, secret: Option<&Secret>) -> [Case; 2] {
    const IDS: [&str; 2] = ["only-documented-keys", "page-revision"];
    match secret {
        None => IDS.map(|id| check(id, Verdict::Skipped, "the secret was not read")),
        Some(secret) => [documented(IDS[0], page, revisions, secret), fits(IDS[1], page, revisions, secret)],
    }
}

/// Keys that the revision does not list. Those that another one lists are named, for they are the page's.
fn documented(id: &str, page: &Page, revisions: &Revisions, secret: &Secret) -> Case {
    if secret.unexpected == 0 {
        return check(id, Verdict::Conformant, "");
    }
    let mut text =
        format!("the secret holds {} keys that revision {} of the page does not name", secret.unexpected, page.id);
    let others: Vec<String> = secret.of_others.iter().map(|key| of_another(key, page, revisions)).collect();
    if !others.is_empty() {
        text.push_str(&format!("; of another revision: {}", others.join(", ")));
    }
    let cause = match secret.of_others.len() == secret.unexpected {
        true => ids::keys::OF_ANOTHER_REVISION,
        false => ids::keys::UNEXPECTED,
    };
    warning(id, cause, text)
}

/// Such as `ClusterSettings.GrafanaAPIKey (30-keys, seed; now serverClusterManager.GrafanaAPIKey)`.
fn of_another(key: &str, page: &Page, revisions: &Revisions) -> String {
    let whose: Vec<&str> = revisions.pages().filter(|other| other.lists(key)).map(|other| other.id.as_str()).collect();
    let now = page.became(key).map_or(String::new(), |now| format!("; now {now}"));
    format!("{key} ({}{now})", whose.join(", "))
}

/// Which revision lists the most of what is stored; the one that is tested where none lists more.
fn fits(id: &str, page: &Page, revisions: &Revisions, secret: &Secret) -> Case {
    let there = secret.keys.iter().filter(|key| key.state != KeyState::Missing).map(|key| key.name.as_str());
    let stored: BTreeSet<&str> = there.chain(secret.of_others.iter().map(String::as_str)).collect();
    if stored.is_empty() {
        return check(id, Verdict::Skipped, "the secret holds no key of any revision of the page");
    }
    let listed = |page: &Page| stored.iter().filter(|key| page.lists(key)).count();
    let words = |page: &Page| format!("{} of them are keys of {}", listed(page), page.id);
    let best = revisions.pages().max_by_key(|other| (listed(other), std::cmp::Reverse(other.keys.len())));
    let head = format!("the secret holds {} keys that some revision of the page lists", stored.len());
    match best.filter(|best| listed(best) > listed(page)) {
        None => check(id, Verdict::Conformant, format!("{head}, and {}", words(page))),
        Some(best) => {
            let text =
                format!("{head}: {}, and {}; --page {} checks it by that one", words(best), words(page), best.id);
            warning(id, ids::keys::OF_ANOTHER_REVISION, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::observation::KeyObservation;
    use crate::scenario::load::Catalogue;

    /// The cases of a secret with these keys, by a revision.
    fn told(by: &str, stored: &[&str], foreign: usize) -> [Case; 2] {
        let catalogue = Catalogue::embedded().unwrap().on_page(by).unwrap();
        let page = &catalogue.page;
        let state = |key: &str| if stored.contains(&key) { KeyState::Present } else { KeyState::Missing };
        let keys = page.keys.iter().map(|key| KeyObservation {
            name: key.name.clone(),
            state: state(&key.name),
            ..KeyObservation::default()
        });
        let others = catalogue.revisions.keys_beside(page);
        let of_others: Vec<String> = others.into_iter().filter(|key| stored.contains(&key.as_str())).collect();
        let unexpected = of_others.len() + foreign;
        let secret = Secret { keys: keys.collect(), of_others, unexpected, ..Secret::default() };
        cases(page, &catalogue.revisions, Some(&secret))
    }

    const OLD: &str = "ClusterSettings.GrafanaAPIKey";
    const NEW: &str = "serverClusterManager.GrafanaAPIKey";

    #[test]
    fn a_key_of_another_revision_is_named_with_what_it_became_and_no_other_is() {
        let [documented, fits] = told("35-keys", &["Email.SMTPPassword", OLD], 0);
        assert_eq!(documented.cause, Some(ids::keys::OF_ANOTHER_REVISION));
        assert!(documented.message.contains(&format!("{OLD} (30-keys, seed; now {NEW})")), "{}", documented.message);
        assert!(fits.warning && fits.message.contains("--page seed"), "{}", fits.message);
        let [documented, _] = told("35-keys", &["Email.SMTPPassword", OLD], 2);
        assert_eq!(documented.cause, Some(ids::keys::UNEXPECTED));
        assert!(documented.message.starts_with("the secret holds 3 keys"), "{}", documented.message);
    }

    #[test]
    fn a_secret_that_fits_as_well_by_the_tested_revision_is_of_that_one() {
        for by in ["seed", "30-keys", "25-keys", "35-keys"] {
            let [documented, fits] = told(by, &["Email.SMTPPassword"], 0);
            assert_eq!((documented.warning, fits.warning, fits.verdict), (false, false, Verdict::Conformant), "{by}");
        }
        let [_, fits] = told("seed", &[NEW, "OpenAiApiKey"], 0);
        assert!(fits.warning && fits.message.contains("--page 35-keys"), "{}", fits.message);
        assert_eq!(told("seed", &[], 4)[1].verdict, Verdict::Skipped);
    }
}
