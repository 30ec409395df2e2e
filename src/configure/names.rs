//! What the objects of a scenario are called.
//!
//! Scenarios that share a testbed cannot all use the page's names: what is
//! global in Vault or the cluster gets the run's id and the scenario's name
//! behind the documented one. Where a scenario has a Vault of its own, that
//! Vault has the documented names; the literal scenarios have them everywhere.

use crate::cluster::mendix::RUNTIME;
use crate::scenario::configuration::{AccountName, Configuration, KvEngine, OwnName};

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

/// What a reader might have in place of the page's names.
mod own {
    pub const MOUNT: &str = "platform-kv";
    pub const SECRET: &str = "credentials";
    pub const POLICY: &str = "credentials-read";
    pub const ROLE: &str = "credentials-reader";
    pub const ACCOUNT: &str = "platform-app";
    pub const RUNTIME: &str = "ourplatform";
}

/// What the objects of a scenario are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The app's namespace.
    pub namespace: String,
    /// A namespace that the app is not in; it need not exist.
    pub other_namespace: String,
    /// The KV mount, documented `pmp-dev`.
    pub kv_mount: String,
    /// The central secret, documented `admin`.
    pub secret: &'static str,
    /// The auth mount, documented `kubernetes`.
    pub auth_mount: String,
    /// The policy, documented `pmp-secret-access`.
    pub policy: String,
    /// The role, documented `pmp-secret-accessor-role`.
    pub role: &'static str,
    /// The custom Service Account, documented `pmp-secret-accessor`.
    pub custom_account: &'static str,
    /// The Runtime, documented `mxplatform`.
    pub runtime: &'static str,
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
            secret: SECRET,
            auth_mount: format!("kubernetes{suffix}"),
            policy: format!("pmp-secret-access{suffix}"),
            role: ROLE,
            custom_account: AccountName::PmpSecretAccessor.as_str(),
            runtime: RUNTIME,
            global,
            shared_vault,
        }
    }

    /// The same with the names that a configuration has in place of the documented ones.
    #[must_use]
    pub fn of(mut self, configuration: &Configuration) -> Self {
        let ours = |one| configuration.own_name.covers(one);
        let suffix = if self.shared_vault { format!("-{}", self.global) } else { String::new() };
        if ours(OwnName::Mount) {
            self.kv_mount = format!("{}{suffix}", own::MOUNT);
        }
        if ours(OwnName::Policy) {
            self.policy = format!("{}{suffix}", own::POLICY);
        }
        let or = |one, ours_is, documented| if ours(one) { ours_is } else { documented };
        self.secret = or(OwnName::Secret, own::SECRET, self.secret);
        self.role = or(OwnName::Role, own::ROLE, self.role);
        self.custom_account = or(OwnName::ServiceAccount, own::ACCOUNT, self.custom_account);
        self.runtime = or(OwnName::Runtime, own::RUNTIME, self.runtime);
        if configuration.kv_engine == KvEngine::Cubbyhole {
            "cubbyhole".clone_into(&mut self.kv_mount);
        }
        self
    }

    /// The Kubernetes object's name of a Service Account that the page names.
    #[must_use]
    pub fn account(&self, account: AccountName) -> &'static str {
        match account {
            AccountName::PmpSecretAccessor => self.custom_account,
            AccountName::Default => account.as_str(),
        }
    }

    /// Whether this scenario gives that name to something outside its namespace,
    /// or to the namespace. Another scenario's name may begin with this one's.
    #[must_use]
    pub fn own(&self, name: &str) -> bool {
        let global = &self.global;
        let in_cluster = ["", "-app", "-reader", "-vault"].iter().any(|end| name == format!("{global}{end}"));
        // Of the shared Vault's names and of the reviewer's, the documented part may be another.
        in_cluster || ["", "-auth-delegator"].iter().any(|end| name.ends_with(&format!("-{global}{end}")))
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
    use crate::scenario::configuration::{Base, Change};

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
    fn ones_own_names_take_the_documented_ones_places_and_are_the_scenarios_still() {
        let documented = Names::new("r1", "names.own", true);
        let differ = |own_name| {
            let change = Change { own_name: Some(own_name), ..Change::default() };
            let names = documented.clone().of(&change.apply(Base::Custom));
            assert!([&names.kv_mount, &names.policy].iter().all(|name| documented.own(name)), "{names:?}");
            [
                names.kv_mount != documented.kv_mount,
                names.secret != documented.secret,
                names.policy != documented.policy,
                names.role != documented.role,
                names.account(AccountName::PmpSecretAccessor) != documented.custom_account,
                names.runtime != documented.runtime,
            ]
        };
        let single = [
            OwnName::Mount,
            OwnName::Secret,
            OwnName::Policy,
            OwnName::Role,
            OwnName::ServiceAccount,
            OwnName::Runtime,
        ];
        for (place, own_name) in single.into_iter().enumerate() {
            let only: Vec<bool> = (0..single.len()).map(|other| other == place).collect();
            assert_eq!(differ(own_name).to_vec(), only, "{own_name:?}");
        }
        assert_eq!(differ(OwnName::All), [true; 6]);
        assert_eq!(differ(OwnName::None), [false; 6]);
    }

    #[test]
    fn names_on_a_shared_vault_differ_by_run_and_scenario_and_fit_a_namespace() {
        let long = format!("service-account.{}", "x".repeat(80));
        let names = Names::new("r1", &long, true);
        assert!(names.namespace.len() <= 63, "{}", names.namespace);
        assert_ne!(Names::new("r2", "a.b", true), Names::new("r1", "a.b", true));
    }
}
