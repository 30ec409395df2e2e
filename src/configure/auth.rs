//! `#configure-k8s-auth`: the auth mount, its configuration by one of two
//! methods, and the role.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, DeleteParams, PostParams};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::mutation::{Mutation, Object, bend};
use super::site::{Error, Operation, ReviewerToken, Run, Site, cluster, create, create_in_vault, token_of};
use crate::cluster::objects::{self as k8s, Owner};
use crate::cluster::patience::why;
use crate::journal::Resource;
use crate::scenario::configuration::{
    AccountName, AuthMethod, CaCert, Configuration, KubernetesHost, Reviewer, Role, RoleNamespace,
};
use crate::vault::objects;
use crate::wait::{self, Look, TimedOut};

/// The documented namespace of the token reviewer.
pub const REVIEWER_NAMESPACE: &str = "default";

/// The documented audience-less role accepts any; a scenario's role wants this one.
const AUDIENCE: &str = "vault";

/// How long a new binding takes to hold, with room.
const BINDING_HOLDS: Duration = Duration::from_secs(2);

/// What the API server says of a right that is not there.
const NOT_ALLOWED: &str = "not allowed";

/// Enables and configures the auth mount and writes the role. Gives the
/// mount's accessor, where one was enabled, and the reviewer's Service Account.
///
/// # Errors
/// Vault or the API server refuses a step that the page has.
pub async fn apply(site: Site<'_>, configuration: &Configuration) -> Result<(Option<String>, Option<String>), Error> {
    if configuration.auth_method == AuthMethod::NotEnabled {
        return Ok((None, None));
    }
    let admin = &site.vault.admin;
    let mount = &site.names.auth_mount;
    let method = site.bend(Object::AuthMount, objects::kubernetes_auth_mount())?;
    let accessor = create_in_vault(site, format!("auth/{mount}"), admin.enable_auth(mount, &method)).await?;

    let api_server = site.api_server;
    let host = match configuration.kubernetes_host {
        KubernetesHost::Reachable => &api_server.address,
        KubernetesHost::ClosedPort => &api_server.closed_address,
    };
    let foreign;
    let ca = match configuration.kubernetes_ca_cert {
        CaCert::Cluster => &api_server.ca,
        CaCert::Foreign => {
            foreign = foreign_ca()?;
            &foreign
        }
    };
    let mut account = None;
    match configuration.auth_method {
        AuthMethod::TokenReviewer => {
            let own = configuration.day_two.concerns_reviewer();
            let reviewer = reviewer(site, configuration.reviewer, own).await?;
            let config = objects::token_reviewer_config(reviewer.token.expose_secret(), host, ca);
            let config = site.bend(Object::ReviewerConfig, config)?;
            admin.write_auth_config(mount, &config).await?;
            if configuration.reviewer == Reviewer::Deleted {
                delete_reviewer(site.run, &reviewer.account).await?;
            }
            account = Some(reviewer.account);
        }
        AuthMethod::Issuer => {
            let config = site.bend(Object::IssuerConfig, objects::issuer_config(&api_server.issuer, host, ca))?;
            admin.write_auth_config(mount, &config).await?;
        }
        AuthMethod::HostAndCa => admin.write_auth_config(mount, &objects::host_and_ca_config(host, ca)).await?,
        // Typed once everything else is there.
        AuthMethod::GenericBlock | AuthMethod::OpenshiftBlock | AuthMethod::EksBlock | AuthMethod::AksBlock => {}
        AuthMethod::NotConfigured | AuthMethod::NotEnabled => {}
    }
    if configuration.role == Role::Documented {
        let namespace = match configuration.role_namespace {
            RoleNamespace::App => &site.names.namespace,
            RoleNamespace::Other => &site.names.other_namespace,
        };
        let audience = configuration.role_audience.then_some(AUDIENCE);
        let first = configuration.role_service_account;
        let other = match first {
            AccountName::PmpSecretAccessor => AccountName::Default,
            AccountName::Default => AccountName::PmpSecretAccessor,
        };
        // The page has one role name for both examples, so the second overwrites the first.
        let examples = if configuration.role_overwritten { vec![first, other] } else { vec![first] };
        for example in examples {
            let mut role = objects::role(site.names.account(example), namespace, &site.names.policy, audience);
            if let Some(times) = configuration.day_two.role_times(site.bent.without_event) {
                role["ttl"] = json!(times.ttl);
                role["token_max_ttl"] = json!(times.max.unwrap_or(0));
            }
            let role = site.bend(Object::Role, role)?;
            admin.write_role(mount, site.names.role, &role).await?;
        }
    }
    Ok((Some(accessor), account))
}

/// The token reviewer of a scenario: the run's own where it is as documented,
/// one apart where it is not.
async fn reviewer(site: Site<'_>, kind: Reviewer, own: bool) -> Result<ReviewerToken, Error> {
    let run = site.run;
    let name = site.names.reviewer();
    let broken = [Object::ReviewerAccount, Object::ReviewerBinding, Object::ReviewerToken];
    match kind {
        // A broken one is not for the others.
        Reviewer::Documented
            if own || site.bent.mutation.as_ref().is_some_and(|mutation| broken.contains(&mutation.object)) =>
        {
            make_reviewer(run, site.owner, &name, true, site.bent.mutation.as_ref()).await
        }
        Reviewer::Documented => {
            let shared = run.reviewer.get_or_try_init(|| async {
                let owner = Owner { run: site.owner.run.clone(), scenario: "run".to_owned() };
                make_reviewer(run, &owner, &format!("vault-reviewer-{}", owner.run), true, None).await
            });
            shared.await.cloned()
        }
        Reviewer::WithoutAuthDelegator | Reviewer::Deleted => {
            make_reviewer(run, site.owner, &name, kind == Reviewer::Deleted, None).await
        }
    }
}

async fn make_reviewer(
    run: &Run<'_>,
    owner: &Owner,
    name: &str,
    delegator: bool,
    mutation: Option<&Mutation>,
) -> Result<ReviewerToken, Error> {
    let broken = |error: serde_json::Error| Error::Broken(error.to_string());
    let accounts = Api::<ServiceAccount>::namespaced(run.testbed.kube.clone(), REVIEWER_NAMESPACE);
    let account = k8s::service_account(owner, REVIEWER_NAMESPACE, name, None);
    let account = bend(mutation, Object::ReviewerAccount, account).map_err(broken)?;
    create(run, &accounts, Some(Resource::ServiceAccount), &account).await?;
    let binding_name = format!("{name}-auth-delegator");
    if delegator && mutation.is_some_and(|mutation| mutation.object == Object::ReviewerBinding) {
        let binding = k8s::auth_delegator_binding(owner, &binding_name, REVIEWER_NAMESPACE, name);
        let binding = bend(mutation, Object::ReviewerBinding, binding).map_err(broken)?;
        let bindings = Api::<ClusterRoleBinding>::all(run.testbed.kube.clone());
        create(run, &bindings, Some(Resource::ClusterRoleBinding), &binding).await?;
        // One that is broken may never hold: that is for the app to find out.
        let _ = may_review(run, REVIEWER_NAMESPACE, name, BINDING_HOLDS).await;
    } else if delegator {
        allow_review(run, owner, &binding_name, REVIEWER_NAMESPACE, name).await?;
    }
    let request = bend(mutation, Object::ReviewerToken, k8s::reviewer_token_request()).map_err(broken)?;
    Ok(ReviewerToken { account: name.to_owned(), token: token_for(run, &accounts, name, &request).await? })
}

/// Another token of the scenario's own token reviewer, as documented, of the API server that its Vault asks.
///
/// # Errors
/// The API server refuses.
pub async fn reviewers_token(site: Site<'_>) -> Result<SecretString, Error> {
    let kube = site.run.testbed.kube_of(&site.names.global);
    let accounts = Api::<ServiceAccount>::namespaced(kube, REVIEWER_NAMESPACE);
    token_for(site.run, &accounts, &site.names.reviewer(), &k8s::reviewer_token_request()).await
}

async fn token_for(
    run: &Run<'_>,
    accounts: &Api<ServiceAccount>,
    name: &str,
    request: &TokenRequest,
) -> Result<SecretString, Error> {
    let granted = accounts.create_token_request(name, &PostParams::default(), request).await;
    let granted = granted.map_err(token_of(accounts, name))?;
    let token = granted.status.map(|status| SecretString::from(status.token)).ok_or_else(|| Error::Other {
        what: "get the token reviewer's token",
        reason: "the API server's answer has none".to_owned(),
    })?;
    run.redactor.add(&token);
    Ok(token)
}

/// Binds a Service Account to `system:auth-delegator` and waits until the
/// binding holds, which takes up to a second.
///
/// # Errors
/// The API server refuses, or the binding does not come to hold.
pub async fn allow_review(
    run: &Run<'_>,
    owner: &Owner,
    name: &str,
    namespace: &str,
    account: &str,
) -> Result<(), Error> {
    let binding = k8s::auth_delegator_binding(owner, name, namespace, account);
    let bindings = Api::<ClusterRoleBinding>::all(run.testbed.kube.clone());
    create(run, &bindings, Some(Resource::ClusterRoleBinding), &binding).await?;
    Ok(may_review(run, namespace, account, Duration::from_secs(30)).await?)
}

/// Waits until a Service Account may create TokenReviews.
///
/// # Errors
/// It may not within the time limit.
pub async fn may_review(run: &Run<'_>, namespace: &str, account: &str, limit: Duration) -> Result<(), TimedOut> {
    let subject = format!("right of {namespace}/{account} to create TokenReviews");
    may(run, &subject, &k8s::may_review(namespace, account), limit).await
}

/// Whether a Service Account may create TokenReviews, where it is given so long until its binding holds.
///
/// # Errors
/// The API server did not answer at the end of that time: then nobody knows.
pub async fn comes_to_review(run: &Run<'_>, namespace: &str, account: &str, limit: Duration) -> Result<bool, TimedOut> {
    match may_review(run, namespace, account, limit).await {
        Ok(()) => Ok(true),
        Err(over) if over.last_seen == NOT_ALLOWED => Ok(false),
        Err(over) => Err(over),
    }
}

/// Waits until a right is there.
///
/// # Errors
/// It is not within the time limit.
pub async fn may(
    run: &Run<'_>,
    subject: &str,
    question: &SubjectAccessReview,
    limit: Duration,
) -> Result<(), TimedOut> {
    let reviews = Api::<SubjectAccessReview>::all(run.testbed.kube.clone());
    wait::until(subject, limit, Duration::from_millis(50), || async {
        match reviews.create(&PostParams::default(), question).await {
            Ok(answer) if answer.status.as_ref().is_some_and(|status| status.allowed) => Look::Done(()),
            Ok(_) => Look::NotYet(NOT_ALLOWED.to_owned()),
            Err(error) => Look::NotYet(why(&error)),
        }
    })
    .await
}

/// Deletes a reviewer whose token is in Vault already. The token was never
/// used, so the API server has no cached authentication of it.
async fn delete_reviewer(run: &Run<'_>, name: &str) -> Result<(), Error> {
    let accounts = Api::<ServiceAccount>::namespaced(run.testbed.kube.clone(), REVIEWER_NAMESPACE);
    let deleted = accounts.delete(name, &DeleteParams::default()).await;
    deleted.map_err(cluster(Operation::Delete, &accounts, name))?;
    Ok(())
}

/// A certificate authority that signed nothing.
fn foreign_ca() -> Result<String, Error> {
    let failed =
        |error: rcgen::Error| Error::Other { what: "make a foreign certificate authority", reason: error.to_string() };
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "foreign");
    Ok(parameters.self_signed(&key).map_err(failed)?.pem())
}
