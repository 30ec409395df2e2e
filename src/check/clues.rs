//! What was found out beside the app's way, as clues: which facts hold, which do
//! not, which causes are out, and what Vault's log says. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::check::inspect::{ClusterSide, Found, Inspection, strings};
use crate::check::target::Target;
use crate::cluster::objects::user_name;
use crate::page::cause::{CauseId, Fact, Facts, ids};
use crate::vault::log;

/// What follows for an opaque refusal of the app's login or read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clues {
    /// What holds, and what does not.
    pub facts: Facts,
    /// The causes that no fact speaks of and that are out all the same.
    pub ruled_out: BTreeSet<CauseId>,
    /// The line of the log that was handed in.
    pub log: Option<String>,
    /// Why the log that was handed in says nothing, where it does not.
    pub log_problem: Option<String>,
}

impl Inspection {
    fn config(&self) -> Option<&Value> {
        self.vault.as_ref()?.config.there()
    }

    /// Whether the auth configuration has a reviewer's token; unknown without a Vault token, and where the plugin does
    /// not say (up to 0.14). That a reviewer is named with `--reviewer` does not show that Vault has its token.
    fn reviewer_configured(&self) -> Option<bool> {
        self.config()?["token_reviewer_jwt_set"].as_bool()
    }

    /// Whether the configuration has the cluster's own certificate authority.
    /// Unknown where one of them is not at hand or none is configured.
    #[must_use]
    pub fn own_ca(&self) -> Option<bool> {
        let configured = self.config()?["kubernetes_ca_cert"].as_str()?.trim().to_owned();
        let ours = self.cluster.root_ca.as_ref()?;
        (!configured.is_empty()).then(|| certificates(ours).is_superset(&certificates(&configured)))
    }

    /// Whether `kubernetes_host` is Vault's own machine; false where it is not known.
    #[must_use]
    pub fn host_is_loopback(&self) -> bool {
        self.config().and_then(|config| config["kubernetes_host"].as_str()).is_some_and(is_loopback)
    }

    /// Everything that speaks for and against causes.
    #[must_use]
    pub fn clues(&self, target: &Target, account: &str) -> Clues {
        let mut clues = Clues::default();
        self.who_reviews(&mut clues.facts);
        if self.reviewer_configured() == Some(false) {
            let of_the_reviewer = [
                ids::login::REVIEWER_UNAUTHORIZED,
                ids::login::REVIEWER_TOKEN_MALFORMED,
                ids::login::REVIEWER_MAY_NOT_REVIEW,
            ];
            clues.ruled_out.extend(of_the_reviewer);
        }
        self.about_the_api_server(&mut clues);
        self.about_the_role(&mut clues.facts);
        self.about_the_secret(&mut clues.facts);
        self.read_log(target, account, &mut clues);
        clues
    }

    /// Whose token Vault reviews with, and whether that one may.
    fn who_reviews(&self, facts: &mut Facts) {
        let reviewer = self.reviewer_configured();
        facts.note(Fact::ReviewerSet, reviewer);
        let local = self.config().map(|config| config["disable_local_ca_jwt"].as_bool() != Some(true));
        let local_used = match (local, reviewer) {
            (Some(false), _) | (_, Some(true)) => Some(false),
            (Some(true), Some(false)) => Some(true),
            _ => None,
        };
        facts.note(Fact::LocalTokenUsed, local_used);
        if local == Some(false) {
            facts.deny(Fact::ReviewByVault);
        }
        match reviewer {
            Some(true) => {
                for fact in [Fact::ReviewByApp, Fact::ReviewByVault, Fact::AppReviewsWithoutRight] {
                    facts.deny(fact);
                }
            }
            Some(false) => {
                for fact in [Fact::ReviewByReviewer, Fact::ReviewerMissing, Fact::ReviewerLacksRight] {
                    facts.deny(fact);
                }
                if local == Some(false) {
                    facts.note(Fact::AppReviewsWithoutRight, self.cluster.app_may.map(|may| !may));
                }
            }
            None => {}
        }
        if self.cluster.app_may == Some(true) {
            facts.deny(Fact::ReviewByApp);
            facts.deny(Fact::AppReviewsWithoutRight);
        }
        // What is wrong with the reviewer matters where Vault has its token; that nothing is wrong with it does anyway.
        let of_the_reviewer = |holds: Option<bool>| holds.filter(|holds| !holds || reviewer == Some(true));
        let ClusterSide { reviewer_there, reviewer_may, .. } = self.cluster;
        facts.note(Fact::ReviewerMissing, of_the_reviewer(reviewer_there.map(|there| !there)));
        // An account that is gone is not accepted, whatever the binding that it left behind allows.
        let lacks = if reviewer_there == Some(false) { Some(false) } else { reviewer_may.map(|may| !may) };
        facts.note(Fact::ReviewerLacksRight, of_the_reviewer(lacks));
        if lacks == Some(false) {
            facts.deny(Fact::ReviewByReviewer);
        }
    }

    fn about_the_api_server(&self, clues: &mut Clues) {
        let own_ca = self.own_ca();
        clues.facts.note(Fact::ForeignCa, own_ca.map(|own| !own));
        clues.facts.note(Fact::HostIsLoopback, self.config().map(|_| self.host_is_loopback()));
        let host = self.config().and_then(|config| config["kubernetes_host"].as_str());
        clues.facts.note(Fact::HostIsPlainHttp, host.map(|host| host.starts_with("http://")));
        if own_ca == Some(true) {
            // Whoever shows a certificate of this cluster is this cluster, which knows its own tokens. Another one that
            // stands at `kubernetes_host` gets no further than its certificate.
            clues.ruled_out.extend([ids::login::API_SERVER_FRONT, ids::login::APP_TOKEN_REJECTED]);
        }
        if self.config().is_some_and(|config| config["pem_keys"].as_array().is_none_or(Vec::is_empty)) {
            clues.ruled_out.insert(ids::login::MALFORMED_TOKEN);
        }
    }

    fn about_the_role(&self, facts: &mut Facts) {
        let Some(vault) = &self.vault else { return };
        let Some(role) = vault.role.there() else { return };
        if role["token_bound_cidrs"].as_array().is_none_or(Vec::is_empty) {
            facts.deny(Fact::BoundCidrs);
        }
        let named = strings(&role["token_policies"]);
        if named.iter().any(|name| matches!(vault.policies.get(name), Some(Found::Missing(_)))) {
            facts.see(Fact::PolicyMissing);
        } else if named.iter().all(|name| matches!(vault.policies.get(name), Some(Found::There(_)))) {
            facts.deny(Fact::PolicyMissing);
        }
    }

    fn about_the_secret(&self, facts: &mut Facts) {
        let Some(vault) = &self.vault else { return };
        let missing = |found: &Found| match found {
            Found::There(_) => Some(false),
            Found::Missing(_) => Some(true),
            Found::Unknown(_) => None,
        };
        facts.note(Fact::MountMissing, missing(&vault.mount));
        facts.note(Fact::SecretAtDataData, missing(&vault.stray).map(|missing| !missing));
    }

    /// The last refusal of the auth mount in the log that was handed in.
    fn read_log(&self, target: &Target, account: &str, clues: &mut Clues) {
        let Some(text) = &target.vault_log else { return };
        let refusals = log::refusals(text);
        let accessors: BTreeSet<&String> = refusals.iter().map(|(accessor, _)| accessor).collect();
        let known = self.vault.as_ref().and_then(|vault| vault.accessor.as_ref());
        let wanted = known.or_else(|| if accessors.len() == 1 { accessors.first().copied() } else { None });
        let line = wanted.and_then(|wanted| refusals.iter().rfind(|(accessor, _)| accessor == wanted));
        let Some((_, line)) = line else {
            clues.log_problem = Some(match (accessors.len(), text.lines().any(log::is_audit)) {
                (0, true) => {
                    "the log handed in is an audit log, which repeats only what the client saw; Vault's own log at \
                     level debug says why"
                        .to_owned()
                }
                (0, false) => "the log handed in has no line `login unauthorized`, which Vault writes at level debug \
                               only: VAULT_LOG_LEVEL=debug, or `vault monitor -log-level=debug`"
                    .to_owned(),
                (_, _) if known.is_some() => "the log handed in has refusals of other auth mounts only".to_owned(),
                (count, _) => format!(
                    "the log handed in has refusals of {count} auth mounts, and which is the app's is not known \
                     without a Vault token; hand in the lines of one"
                ),
            });
            return;
        };
        // The API server's own answer stands in the line as JSON, so its quotes may be escaped.
        let names = |user: &str| line.contains(&format!("\"{user}\"")) || line.contains(&format!("\"{user}\\\""));
        let reviewer = target.reviewer.as_ref().map(|reviewer| user_name(&reviewer.namespace, &reviewer.name));
        let by_app = names(&user_name(&target.namespace, account));
        clues.facts.note(Fact::ReviewByApp, Some(by_app));
        // Vault looks at the entity when the method has let the app in, and this line says that it has not.
        clues.facts.deny(Fact::EntityDisabled);
        if line.contains("system:anonymous") {
            // Whoever asked, the API server was shown no token.
            clues.facts.deny(Fact::ReviewByReviewer);
            clues.facts.deny(Fact::ReviewByVault);
        } else if !by_app {
            match self.reviewer_configured() {
                _ if reviewer.is_some_and(|user| names(&user)) => clues.facts.see(Fact::ReviewByReviewer),
                Some(true) => clues.facts.see(Fact::ReviewByReviewer),
                Some(false) => clues.facts.see(Fact::ReviewByVault),
                None => {}
            }
        }
        clues.log = Some(line.clone());
    }
}

/// The certificates of a PEM text, white space left aside.
fn certificates(pem: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for block in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body = block.split("-----END CERTIFICATE-----").next().unwrap_or_default();
        found.insert(body.split_whitespace().collect());
    }
    found
}

/// Whether a URL's host is the asker's own machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some("localhost") => true,
        Some(host) => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::check::inspect::VaultSide;
    use crate::check::target::tests::target;

    fn inspection(config: Value, role: Value) -> Inspection {
        let unknown = || Found::Unknown("not asked".to_owned());
        Inspection {
            vault: Some(VaultSide {
                role: Found::There(role),
                config: Found::There(config),
                policies: BTreeMap::new(),
                mount: unknown(),
                mount_path: None,
                secret: unknown(),
                stray: unknown(),
                accessor: Some("auth_kubernetes_1".to_owned()),
                method: Some("kubernetes".to_owned()),
                too_strong: Vec::new(),
            }),
            cluster: ClusterSide::default(),
        }
    }

    #[test]
    fn a_plugin_of_ones_own_is_no_other_method_whatever_it_was_registered_as() {
        let side = |method: &str| {
            let vault = inspection(Value::Null, Value::Null).vault.unwrap();
            VaultSide { method: Some(method.to_owned()), ..vault }
        };
        for name in ["kubernetes", "kubernetes-of-old", "vault-plugin-auth-kubernetes"] {
            assert_eq!(side(name).other_method(), None, "{name}");
        }
        assert_eq!(side("jwt").other_method(), Some("jwt"));
    }

    #[test]
    fn a_configured_reviewer_rules_out_that_others_review() {
        let role = json!({ "token_policies": ["one-that-was-not-read"] });
        let clues = inspection(json!({ "token_reviewer_jwt_set": true }), role).clues(&target(), "app");
        let others = [Fact::ReviewByApp, Fact::ReviewByVault, Fact::AppReviewsWithoutRight, Fact::BoundCidrs];
        assert_eq!(others.map(|fact| clues.facts.of(fact)), [Some(false); 4]);
        assert_eq!([Fact::ReviewByReviewer, Fact::PolicyMissing].map(|fact| clues.facts.of(fact)), [None; 2]);
        assert_eq!(clues.ruled_out, BTreeSet::from([ids::login::MALFORMED_TOKEN]));
    }

    #[test]
    fn what_is_wrong_with_a_named_reviewer_shows_nothing_where_vault_does_not_say_that_it_has_its_token() {
        let facts = |config: Value, reviewer_there: Option<bool>, reviewer_may: Option<bool>| {
            let cluster = ClusterSide { reviewer_there, reviewer_may, ..ClusterSide::default() };
            let clues = Inspection { cluster, ..inspection(config, Value::Null) }.clues(&target(), "app");
            let about = [Fact::ReviewerSet, Fact::ReviewerMissing, Fact::ReviewerLacksRight, Fact::ReviewByReviewer];
            about.map(|fact| clues.facts.of(fact))
        };
        let silent = || json!({ "kubernetes_host": "https://10.0.0.1:6443" });
        let says = |set: bool| json!({ "token_reviewer_jwt_set": set });
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(facts(silent(), yes, no), [None, no, None, None]);
        assert_eq!(facts(silent(), no, yes), [None, None, no, no]);
        assert_eq!(facts(silent(), yes, yes), [None, no, no, no]);
        assert_eq!(facts(silent(), None, None), [None; 4]);
        assert_eq!(facts(says(true), yes, no), [yes, no, yes, None]);
        assert_eq!(facts(says(true), no, yes), [yes, yes, no, no]);
        assert_eq!(facts(says(false), yes, no), [no; 4]);
    }

    #[test]
    fn a_loopback_host_and_a_foreign_authority_are_facts() {
        let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let config = json!({ "kubernetes_host": "https://127.0.0.1:6443", "kubernetes_ca_cert": pem("AAAA") });
        let mut inspection = inspection(config, json!({}));
        inspection.cluster.root_ca = Some(pem("BBBB"));
        let clues = inspection.clues(&target(), "app");
        assert_eq!([Fact::HostIsLoopback, Fact::ForeignCa].map(|fact| clues.facts.of(fact)), [Some(true); 2]);
        inspection.cluster.root_ca = Some(pem("AA\nAA"));
        assert_eq!(inspection.own_ca(), Some(true));
        let clues = inspection.clues(&target(), "app");
        assert_eq!(clues.facts.of(Fact::HostIsPlainHttp), Some(false));
        // What stands at that address may be another server all the same.
        assert!(!clues.ruled_out.contains(&ids::login::API_SERVER_CERTIFICATE));
    }

    #[test]
    fn a_line_of_the_log_counts_only_where_it_is_the_auth_mounts_own() {
        let line = |accessor: &str, user: &str| {
            format!(
                "x [DEBUG] auth.kubernetes.{accessor}: login unauthorized: err=\"User \\\"{user}\\\" cannot create resource\""
            )
        };
        let app = user_name("feature-test", "app");
        let mut target = target();
        target.vault_log = Some([line("auth_kubernetes_1", &app), line("auth_kubernetes_2", "other")].join("\n"));
        let clues = inspection(json!({}), json!({})).clues(&target, "app");
        assert_eq!(clues.facts.of(Fact::ReviewByApp), Some(true));
        let clues = Inspection::default().clues(&target, "app");
        assert!(clues.log.is_none() && clues.log_problem.unwrap().contains("2 auth mounts"));
        target.vault_log = Some("{\"request\":{},\"error\":\"permission denied\"}".to_owned());
        assert!(Inspection::default().clues(&target, "app").log_problem.unwrap().contains("audit log"));
    }
}
