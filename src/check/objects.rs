//! What a check creates: a Service Account without rights, and probe pods.

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::ObjectMeta;

use crate::check::target::Target;
use crate::cluster::objects::Owner;
use crate::cluster::pod_spec::{Lifetime, PodTemplate, Size};
use crate::page::KeyCatalogue;
use crate::probe::input::{Ask, Input, VARIABLE};

/// A probe that does not end by itself is ended by Kubernetes after so many
/// seconds: longer than Vault's own 30 s for an API server that does not answer, twice over.
pub const DEADLINE_SECONDS: u32 = 150;

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

/// What a probe is told.
#[must_use]
pub fn input(target: &Target, owner: &Owner, keys: &KeyCatalogue, login_only: bool) -> Input {
    Input {
        run: owner.run.clone(),
        scenario: owner.scenario.clone(),
        secret_name: target.secret_name.clone(),
        mount: target.mount.clone(),
        keys: if login_only { Vec::new() } else { keys.keys.iter().map(|key| key.name.clone()).collect() },
        auth_mount: target.auth_mount.clone(),
        role: target.role.clone(),
        token_file: target.token_file.clone(),
        ca: target.ca.clone(),
        hmac_key: None,
        sibling: None,
        stay_up: false,
        ask: Some(Ask {
            login_only,
            sibling: format!("pmp-vault-conformance-{}", owner.run),
            vault_namespace: target.vault_namespace.clone(),
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
    (account, automount): (&str, Option<bool>),
    input: &Input,
) -> Result<Pod, serde_json::Error> {
    let template = PodTemplate {
        args: vec!["probe".to_owned()],
        env: vec![(VARIABLE, serde_json::to_string(input)?)],
        service_account: Some(account.to_owned()),
        automount,
        lifetime: Lifetime::Once(Some(DEADLINE_SECONDS)),
        grace_seconds: Some(1),
        options: target.pod.clone(),
        ..PodTemplate::new("probe", &target.probe_image, Size::Probe)
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
        let keys = KeyCatalogue { revision: "one".to_owned(), keys: Vec::new() };
        let mut target = target();
        target.pod.pull_secrets = vec!["registry".to_owned()];
        target.pod.node_selector.insert("pool".to_owned(), "apps".to_owned());
        target.pod.labels.insert("sidecar.istio.io/inject".to_owned(), "false".to_owned());
        target.pod.tolerations =
            vec![Toleration { key: "dedicated".to_owned(), value: None, effect: Some("NoSchedule".to_owned()) }];
        let input = input(&target, &owner, &keys, false);
        insta::assert_json_snapshot!((
            service_account(&target, &mark, "feature-test", &name("run", "fresh")),
            pod(&target, &mark, "feature-test", &name("run", "app"), ("default", None), &input).unwrap(),
        ));
    }
}
