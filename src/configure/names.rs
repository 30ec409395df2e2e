//! What the objects of a scenario are called.
//!
//! Scenarios that share a testbed cannot all use the page's names: what is
//! global in Vault or the cluster gets the run's id and the scenario's name
//! behind the documented one. Where a scenario has a Vault of its own, that
//! Vault has the documented names; the literal scenarios have them everywhere.

/// The secret's documented name.
pub const SECRET: &str = "admin";

/// Another secret of the same mount, which the app must not read.
pub const SIBLING: &str = "sibling";

/// The documented role. Roles live in their auth mount, so it never needs another name.
pub const ROLE: &str = "pmp-secret-accessor-role";

/// The documented app namespace.
pub const APP_NAMESPACE: &str = "feature-test";

/// The documented names of the token reviewer.
pub const REVIEWER: &str = "vault-reviewer";
/// Its ClusterRoleBinding.
pub const REVIEWER_BINDING: &str = "vault-reviewer-auth-delegator";

/// What the objects of a scenario are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The app's namespace.
    pub namespace: String,
    /// A namespace that the app is not in; it need not exist.
    pub other_namespace: String,
    /// The KV mount, documented `pmp-dev`.
    pub kv_mount: String,
    /// The auth mount, documented `kubernetes`.
    pub auth_mount: String,
    /// The policy, documented `pmp-secret-access`.
    pub policy: String,
    /// The prefix of what is global in the cluster.
    pub global: String,
    /// Whether the Vault is shared with other scenarios.
    pub shared_vault: bool,
}

impl Names {
    /// The names of one scenario in one run.
    #[must_use]
    pub fn new(run: &str, scenario: &str, shared_vault: bool) -> Self {
        let slug = scenario.replace('.', "-");
        // A namespace has at most 63 characters; the run's id keeps it apart.
        let global: String = format!("{run}-{slug}").chars().take(60).collect();
        let global = global.trim_end_matches('-').to_owned();
        let suffix = if shared_vault { format!("-{global}") } else { String::new() };
        Self {
            namespace: global.clone(),
            other_namespace: format!("{run}-elsewhere"),
            kv_mount: format!("pmp-dev{suffix}"),
            auth_mount: format!("kubernetes{suffix}"),
            policy: format!("pmp-secret-access{suffix}"),
            global,
            shared_vault,
        }
    }

    /// Whether this scenario gives that name to something outside its namespace,
    /// or to the namespace. Another scenario's name may begin with this one's.
    #[must_use]
    pub fn own(&self, name: &str) -> bool {
        let Self { kv_mount, auth_mount, policy, global, .. } = self;
        let in_cluster = ["", "-app", "-reader", "-vault"].iter().any(|end| name == format!("{global}{end}"));
        let reviewer = ["", "-auth-delegator"].iter().any(|end| name == format!("vault-reviewer-{global}{end}"));
        in_cluster || reviewer || [kv_mount, auth_mount, policy].iter().any(|known| *known == name)
    }

    /// The token reviewer of a scenario that makes one of its own.
    #[must_use]
    pub fn reviewer(&self) -> String {
        format!("{REVIEWER}-{}", self.global)
    }

    /// The names of a literal scenario: the page's own.
    #[must_use]
    pub fn documented(run: &str, scenario: &str) -> Self {
        Self { namespace: APP_NAMESPACE.to_owned(), ..Self::new(run, scenario, false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_of_its_own_has_the_documented_names() {
        let names = Names::new("r1", "url.without-port", false);
        assert_eq!(
            (&*names.kv_mount, &*names.auth_mount, &*names.policy),
            ("pmp-dev", "kubernetes", "pmp-secret-access")
        );
        assert_eq!(Names::documented("r1", "literal.example-a").namespace, "feature-test");
    }

    #[test]
    fn a_scenario_does_not_take_another_ones_names_for_its_own() {
        let (one, other) =
            (Names::new("r1", "auth.issuer", true), Names::new("r1", "auth.issuer-app-may-review", true));
        for name in [&other.namespace, &other.kv_mount, &other.auth_mount, &other.policy] {
            assert!(other.own(name) && !one.own(name), "{name}");
        }
        assert!(one.own("r1-auth-issuer-app") && one.own("vault-reviewer-r1-auth-issuer-auth-delegator"));
    }

    #[test]
    fn names_on_a_shared_vault_differ_by_run_and_scenario_and_fit_a_namespace() {
        let long = format!("service-account.{}", "x".repeat(80));
        let names = Names::new("r1", &long, true);
        assert!(names.namespace.len() <= 63, "{}", names.namespace);
        assert_ne!(Names::new("r2", "a.b", true), Names::new("r1", "a.b", true));
    }
}
