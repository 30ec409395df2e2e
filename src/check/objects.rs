//! What a check creates: a Service Account without rights, and probe pods.

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::ObjectMeta;

use crate::check::likeness::Likeness;
use crate::check::target::Target;
use crate::cluster::inherited::Inherited;
use crate::cluster::objects::Owner;
use crate::cluster::pod_spec::{Lifetime, PodTemplate, Size};
use crate::probe::input::{Ask, Input, TOKEN_FILE, VARIABLE};
use crate::scenario::load::Catalogue;

/// A probe that does not end by itself is ended by Kubernetes after so many
/// seconds: longer than Vault's own 30 s for an API server that does not answer, twice over.
pub const DEADLINE_SECONDS: u32 = 150;

/// The probe's container, beside which a cluster may put others.
pub const CONTAINER: &str = "probe";

/// The annotation with the time after which the object is of no use to anybody.
pub const EXPIRES: &str = "pmp-vault-conformance/expires";

/// The annotation with the name of who started the run.
pub const OWNER: &str = "pmp-vault-conformance/owner";

/// Who an object belongs to, and until when.
#[derive(Debug, Clone)]
pub struct Mark<'a> {
    /// Run and scenario.
    pub owner: Owner,
    /// RFC 3339, UTC.
    pub expires: &'a str,
}

impl<'a> Mark<'a> {
    /// Of one scenario of a run.
    #[must_use]
    pub fn new(run: &str, scenario: &str, expires: &'a str) -> Self {
        Self { owner: Owner { run: run.to_owned(), scenario: scenario.to_owned() }, expires }
    }

    fn meta(&self, target: &Target, namespace: &str, name: &str) -> ObjectMeta {
        let mut meta = self.owner.meta(name, Some(namespace));
        let annotations = meta.annotations.get_or_insert_default();
        annotations.insert(EXPIRES.to_owned(), self.expires.to_owned());
        annotations.insert(OWNER.to_owned(), target.owner.clone());
        meta
    }
}

/// When what a check makes is of no use any more: RFC 3339, UTC.
#[must_use]
pub fn expiry() -> String {
    let lifetime = i64::from(DEADLINE_SECONDS) * 4;
    let end = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + lifetime);
    end.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// The name of an object of a run, such as `pmp-vault-conformance-rk3f9xa2b-app`.
#[must_use]
pub fn name(run: &str, what: &str) -> String {
    format!("pmp-vault-conformance-{run}-{what}")
}

/// A Service Account that nothing is bound to.
#[must_use]
pub fn service_account(target: &Target, mark: &Mark<'_>, namespace: &str, name: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: mark.meta(target, namespace, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// As whom a probe's pod runs, and what it takes over from the app's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing<'a> {
    /// The Service Account.
    pub account: &'a str,
    /// `automountServiceAccountToken`.
    pub automount: Option<bool>,
    /// The token's file; the one that was named, or the usual one, where there is none.
    pub token_file: Option<&'a str>,
    /// Files and folders in which authorities are.
    pub authorities: &'a [String],
    /// Whether the app's pod has containers beside it, such as a service mesh's proxy.
    pub settles: bool,
    /// What is taken over.
    pub inherited: Inherited,
}

impl<'a> Standing<'a> {
    /// As the app's pod itself.
    #[must_use]
    pub fn like(like: &'a Likeness, automount: Option<bool>) -> Self {
        Self {
            account: &like.service_account,
            automount,
            token_file: Some(&like.token_file),
            authorities: &like.authorities,
            settles: !like.beside.is_empty(),
            inherited: like.inherited.clone(),
        }
    }

    /// In the same place as another account.
    #[must_use]
    pub fn beside(like: Option<&'a Likeness>, account: &'a str) -> Self {
        let Some(like) = like else { return Self { account, automount: Some(true), ..Self::default() } };
        let (inherited, automount, token_file) = like.for_another_account();
        let settles = !like.beside.is_empty();
        Self { account, automount, token_file, authorities: &like.authorities, settles, inherited }
    }
}

/// What a probe is told.
#[must_use]
pub fn input(
    target: &Target,
    owner: &Owner,
    catalogue: &Catalogue,
    standing: &Standing<'_>,
    login_only: bool,
) -> Input {
    let page = &catalogue.page;
    let token_file = standing.token_file.or(target.token_file.as_deref()).unwrap_or(TOKEN_FILE);
    Input {
        run: owner.run.clone(),
        scenario: owner.scenario.clone(),
        secret_name: target.secret_name.clone(),
        mount: target.mount.clone(),
        keys: if login_only { Vec::new() } else { page.keys.iter().map(|key| key.name.clone()).collect() },
        auth_mount: target.auth_mount.clone(),
        role: target.role.clone(),
        token_file: token_file.to_owned(),
        ca: target.ca.clone(),
        hmac_key: None,
        sibling: None,
        stay_up: false,
        living: None,
        ask: Some(Ask {
            login_only,
            keys_of_others: if login_only { Vec::new() } else { catalogue.revisions.keys_beside(page) },
            sibling: format!("pmp-vault-conformance-{}", owner.run),
            vault_namespace: target.vault_namespace.clone(),
            settles: standing.settles,
            authorities: standing.authorities.to_vec(),
        }),
    }
}

/// One probe pod, ended by Kubernetes where nobody else does it.
///
/// # Errors
/// The probe's input cannot be written.
pub fn pod(
    target: &Target,
    mark: &Mark<'_>,
    namespace: &str,
    name: &str,
    standing: &Standing<'_>,
    input: &Input,
) -> Result<Pod, serde_json::Error> {
    let template = PodTemplate {
        args: vec!["probe".to_owned()],
        env: vec![(VARIABLE, serde_json::to_string(input)?)],
        service_account: Some(standing.account.to_owned()),
        automount: standing.automount,
        lifetime: Lifetime::Once(Some(DEADLINE_SECONDS)),
        grace_seconds: Some(1),
        options: target.pod.clone(),
        inherited: standing.inherited.clone(),
        ..PodTemplate::new(CONTAINER, &target.probe_image, Size::Probe)
    };
    Ok(template.pod(mark.meta(target, namespace, name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::tests::target;
    use crate::cluster::pod_spec::Toleration;

    #[test]
    fn what_a_check_creates_is_labelled_bounded_and_restricted() {
        let owner = Owner { run: "run".to_owned(), scenario: "existing.app".to_owned() };
        let mark = Mark { owner: owner.clone(), expires: "2026-01-01T00:00:00Z" };
        let mut catalogue = Catalogue::embedded().unwrap();
        catalogue.page.keys.clear();
        catalogue.revisions.0.clear();
        let mut target = target();
        target.pod.pull_secrets = vec!["registry".to_owned()];
        target.pod.node_selector.insert("pool".to_owned(), "apps".to_owned());
        target.pod.labels.insert("sidecar.istio.io/inject".to_owned(), "false".to_owned());
        target.pod.tolerations =
            vec![Toleration { key: "dedicated".to_owned(), value: None, effect: Some("NoSchedule".to_owned()) }];
        let standing = Standing { account: "default", ..Standing::default() };
        let input = input(&target, &owner, &catalogue, &standing, false);
        insta::assert_json_snapshot!((
            service_account(&target, &mark, "feature-test", &name("run", "fresh")),
            pod(&target, &mark, "feature-test", &name("run", "app"), &standing, &input).unwrap(),
        ));
    }
}
