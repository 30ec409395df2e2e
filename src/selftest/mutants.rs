//! Every field of every documented object, broken one at a time. The objects
//! are those of the pure constructors, so a field that comes to one of them is
//! broken from then on; there is no list of fields.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cluster::mendix;
use crate::cluster::objects::{self as k8s, Owner};
use crate::configure::mutation::{How, Mutation, Object, fields};
use crate::page::{Page, Stage};
use crate::vault::objects as vault;

/// What the harness itself puts around or into an object: its own bookkeeping,
/// what the type gives, and the probe's container. None of it is documented.
const OURS: [&str; 10] = [
    "/apiVersion",
    "/kind",
    "/metadata/labels",
    "/metadata/annotations",
    "/metadata/namespace",
    "/spec/replicas",
    "/spec/template/spec/containers",
    "/spec/template/spec/securityContext",
    "/spec/template/spec/enableServiceLinks",
    "/spec/template/spec/terminationGracePeriodSeconds",
];

/// One documented object.
#[derive(Debug, Clone, PartialEq)]
pub struct Documented {
    /// Which.
    pub object: Object,
    /// Its form, with stand-ins for what a run fills in.
    pub form: Value,
    /// A scenario that reads all keys with it.
    pub permitted: &'static str,
    /// The stages at which a broken field of it may be noticed.
    pub stages: &'static [Stage],
}

/// Every documented object of Vault and the cluster.
///
/// # Errors
/// An object cannot be written as JSON; none of ours is such.
pub fn documented(page: &Page) -> Result<Vec<Documented>, serde_json::Error> {
    use Stage::{Boundary, Keys, Login, Pod, Read, Token};
    const REVIEWER: &str = "service-account.custom";
    const ISSUER: &str = "auth.issuer-app-may-review";
    let owner = Owner { run: "run".to_owned(), scenario: "scenario".to_owned() };
    let secret: serde_json::Map<String, Value> =
        page.keys.iter().map(|key| (key.name.clone(), json!("canary"))).collect();
    let account = "pmp-secret-accessor";
    let namespace = "feature-test";
    let entry = |object, form: Value, permitted, stages| Documented { object, form, permitted, stages };
    Ok(vec![
        entry(Object::KvMount, vault::kv_mount(2), REVIEWER, &[Read]),
        entry(Object::Secret, json!({ "data": secret }), REVIEWER, &[Keys]),
        entry(Object::Policy, form(vault::read_policy("pmp-dev/data/admin"))?, REVIEWER, &[Read, Boundary]),
        entry(Object::AuthMount, vault::kubernetes_auth_mount(), REVIEWER, &[Login]),
        entry(
            Object::ReviewerConfig,
            vault::token_reviewer_config("JWT", "https://host:6443", "PEM"),
            REVIEWER,
            &[Login],
        ),
        entry(
            Object::IssuerConfig,
            vault::issuer_config("https://issuer", "https://host:6443", "PEM"),
            ISSUER,
            &[Login],
        ),
        entry(
            Object::Role,
            vault::role(account, namespace, "pmp-secret-access", None),
            REVIEWER,
            &[Login, Read, Boundary],
        ),
        entry(
            Object::ServiceAccount,
            form(k8s::service_account(&owner, namespace, account, None))?,
            REVIEWER,
            &[Pod, Token, Login],
        ),
        entry(
            Object::ReviewerAccount,
            form(k8s::service_account(&owner, "default", "vault-reviewer", None))?,
            REVIEWER,
            &[Login],
        ),
        entry(
            Object::ReviewerBinding,
            form(k8s::auth_delegator_binding(&owner, "vault-reviewer-auth-delegator", "default", "vault-reviewer"))?,
            REVIEWER,
            &[Login],
        ),
        entry(Object::ReviewerToken, form(k8s::reviewer_token_request())?, REVIEWER, &[Login]),
        entry(
            Object::OperatorConfiguration,
            form(mendix::operator_configuration(&owner, namespace, Some(true)))?,
            REVIEWER,
            &[Token],
        ),
        entry(
            Object::Runtime,
            form(mendix::runtime(&owner, namespace, &mendix::app("probe", String::new(), Some(account)), 1)?)?,
            REVIEWER,
            &[Pod, Login],
        ),
    ])
}

fn form(object: impl Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(object)
}

impl Documented {
    /// Its mutants.
    #[must_use]
    pub fn mutants(&self) -> Vec<Mutation> {
        let mut found = Vec::new();
        for field in fields(&self.form) {
            // Any name of the Runtime will do (`names.own-runtime`).
            let ours = OURS.iter().any(|ours| field == *ours || field.starts_with(&format!("{ours}/")))
                || (self.object == Object::Runtime && field == "/metadata/name");
            if ours {
                continue;
            }
            for how in How::ALL {
                let mutation = Mutation { object: self.object, field: field.clone(), how };
                if mutation.broken(&self.form).is_some() {
                    found.push(mutation);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::load::Catalogue;

    #[test]
    fn every_documented_object_has_mutants_and_each_has_a_name_of_its_own() {
        let catalogue = Catalogue::embedded().unwrap();
        let all = documented(&catalogue.page).unwrap();
        let mut names = BTreeSet::new();
        for documented in &all {
            let mutants = documented.mutants();
            assert!(!mutants.is_empty(), "{:?}", documented.object);
            assert!(catalogue.get(documented.permitted).is_some(), "{}", documented.permitted);
            for mutant in mutants {
                assert!(names.insert(mutant.to_string()), "{mutant} twice");
            }
        }
        assert!(names.contains("role/bound_service_account_names/0 widened"), "{names:?}");
        assert!(names.contains("secret/data/Email.SMTPPassword case-changed"), "{names:?}");
    }

    #[test]
    fn what_is_marked_as_without_effect_is_a_mutant_and_its_proof_a_scenario() {
        let catalogue = Catalogue::embedded().unwrap();
        let names: Vec<String> =
            documented(&catalogue.page).unwrap().iter().flat_map(Documented::mutants).map(|m| m.to_string()).collect();
        for entry in &catalogue.self_test.no_effect {
            let pattern = globset::Glob::new(&entry.mutants).unwrap().compile_matcher();
            assert!(names.iter().any(|name| pattern.is_match(name)), "{} is no mutant any more", entry.mutants);
            assert!(catalogue.get(&entry.proved_by).is_some(), "{}", entry.proved_by);
        }
    }
}
