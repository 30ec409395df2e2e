//! Kubernetes objects as pure constructors, one for each object that the page
//! documents or that a scenario needs.

use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use kube::api::ObjectMeta;

use super::{RUN_LABEL, SCENARIO_LABEL};

/// The API group of roles and bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

/// The ClusterRole whose holders may create TokenReviews.
const AUTH_DELEGATOR: &str = "system:auth-delegator";

/// Who an object belongs to.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The run's id.
    pub run: String,
    /// The scenario's id, or `run` for what all scenarios share.
    pub scenario: String,
}

impl Owner {
    /// The labels that say so.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(RUN_LABEL.to_owned(), self.run.clone()), (SCENARIO_LABEL.to_owned(), self.scenario.clone())])
    }

    /// Metadata with a name, and a namespace where it has one.
    #[must_use]
    pub fn meta(&self, name: &str, namespace: Option<&str>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: namespace.map(str::to_owned),
            labels: Some(self.labels()),
            ..ObjectMeta::default()
        }
    }
}

/// The app's namespace (the page: `feature-test`). Pod Security is enforced at
/// its strictest level, so that a probe that runs here runs anywhere.
#[must_use]
pub fn namespace(owner: &Owner, name: &str) -> Namespace {
    let mut metadata = owner.meta(name, None);
    metadata
        .labels
        .get_or_insert_default()
        .insert("pod-security.kubernetes.io/enforce".to_owned(), "restricted".to_owned());
    Namespace { metadata, ..Namespace::default() }
}

/// `kubectl create serviceaccount NAME` (`#configure-k8s-for-pmp`), with the
/// field `automountServiceAccountToken` that scenarios vary.
#[must_use]
pub fn service_account(owner: &Owner, namespace: &str, name: &str, automount: Option<bool>) -> ServiceAccount {
    ServiceAccount {
        metadata: owner.meta(name, Some(namespace)),
        automount_service_account_token: automount,
        ..ServiceAccount::default()
    }
}

/// `kubectl create clusterrolebinding NAME --clusterrole=system:auth-delegator
/// --serviceaccount=NAMESPACE:ACCOUNT` (`#configure-k8s-auth`, method 2).
#[must_use]
pub fn auth_delegator_binding(owner: &Owner, name: &str, namespace: &str, account: &str) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: owner.meta(name, None),
        role_ref: RoleRef {
            api_group: RBAC.to_owned(),
            kind: "ClusterRole".to_owned(),
            name: AUTH_DELEGATOR.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.to_owned(),
            namespace: Some(namespace.to_owned()),
            ..Subject::default()
        }]),
    }
}

/// What the page's prerequisites list of rights in a cluster: making and changing Service Accounts and Runtimes.
#[must_use]
pub fn listed_role(owner: &Owner, name: &str) -> ClusterRole {
    let verbs = ["create", "get", "list", "patch", "update"];
    ClusterRole {
        metadata: owner.meta(name, None),
        rules: Some(vec![
            rule("", &["serviceaccounts"], &verbs),
            rule("privatecloud.mendix.com", &["runtimes"], &verbs),
        ]),
        ..ClusterRole::default()
    }
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|it| (*it).to_owned()).collect()),
        verbs: verbs.iter().map(|it| (*it).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

/// All that the page's blocks do in a cluster, but for asking for its issuer, which by default only administrators and
/// Service Accounts may (`system:service-account-issuer-discovery`).
#[must_use]
pub fn reader_role(owner: &Owner, name: &str) -> ClusterRole {
    let mut bind = rule(RBAC, &["clusterroles"], &["bind"]);
    bind.resource_names = Some(vec![AUTH_DELEGATOR.to_owned()]);
    ClusterRole {
        metadata: owner.meta(name, None),
        rules: Some(vec![
            rule("", &["serviceaccounts"], &["create", "get", "patch"]),
            rule("", &["serviceaccounts/token"], &["create"]),
            rule(RBAC, &["clusterrolebindings"], &["create", "get", "patch"]),
            bind,
        ]),
        ..ClusterRole::default()
    }
}

/// Gives a ClusterRole to a user of the same name.
#[must_use]
pub fn reader_binding(owner: &Owner, name: &str) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: owner.meta(name, None),
        role_ref: RoleRef { api_group: RBAC.to_owned(), kind: "ClusterRole".to_owned(), name: name.to_owned() },
        subjects: Some(vec![Subject {
            api_group: Some(RBAC.to_owned()),
            kind: "User".to_owned(),
            name: name.to_owned(),
            ..Subject::default()
        }]),
    }
}

/// `kubectl create token NAME --duration=8760h` (`#configure-k8s-auth`, method 2).
#[must_use]
pub fn reviewer_token_request() -> TokenRequest {
    TokenRequest {
        spec: TokenRequestSpec { expiration_seconds: Some(8760 * 3600), ..TokenRequestSpec::default() },
        ..TokenRequest::default()
    }
}

/// Asks whether a user may make Service Accounts in a namespace.
#[must_use]
pub fn may_make_accounts(user: &str, namespace: &str) -> SubjectAccessReview {
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.to_owned()),
                resource: Some("serviceaccounts".to_owned()),
                verb: Some("create".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

/// Asks whether a Service Account may create TokenReviews: a fresh binding
/// holds only after a moment.
#[must_use]
pub fn may_review(namespace: &str, account: &str) -> SubjectAccessReview {
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user_name(namespace, account)),
            resource_attributes: Some(ResourceAttributes {
                group: Some("authentication.k8s.io".to_owned()),
                resource: Some("tokenreviews".to_owned()),
                verb: Some("create".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

/// A Service Account's user name, as the API server's messages have it.
#[must_use]
pub fn user_name(namespace: &str, account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{account}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_objects_of_kubernetes_are_as_the_page_has_them() {
        let owner = Owner { run: "run".to_owned(), scenario: "scenario".to_owned() };
        insta::assert_json_snapshot!((
            namespace(&owner, "feature-test"),
            service_account(&owner, "feature-test", "pmp-secret-accessor", None),
            service_account(&owner, "default", "vault-reviewer", None),
            auth_delegator_binding(&owner, "vault-reviewer-auth-delegator", "default", "vault-reviewer"),
            reviewer_token_request(),
            may_review("default", "vault-reviewer"),
        ));
    }
}
