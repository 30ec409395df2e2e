//! What the customer's things are called, so that remedies can be pasted. Pure.

use crate::check::app::App;
use crate::check::inspect::{Inspection, strings};
use crate::check::target::Target;
use crate::page::Names;
use crate::page::names::UNKNOWN_ACCOUNT;
use crate::probe::observation::Observation;

/// The policy that every token has besides, which no remedy is about.
const EVERY_TOKENS: &str = "default";

/// As far as the flags tell.
pub(super) fn told(target: &Target) -> Names {
    let documented = Names::default();
    let named = target.vault.as_ref().and_then(|access| access.policies.first());
    let (reviewer, reviewer_namespace) = match &target.reviewer {
        Some(reviewer) => (reviewer.name.clone(), reviewer.namespace.clone()),
        None => (documented.reviewer, documented.reviewer_namespace),
    };
    Names {
        mount: target.secret.mount.clone(),
        secret: target.secret.name.clone(),
        auth: target.auth_mount.clone(),
        role: target.role.clone(),
        policy: named.cloned().unwrap_or(documented.policy),
        namespace: target.namespace.clone(),
        account: target.service_account.clone().unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned()),
        operator_namespace: target.operator_namespace.clone(),
        runtime: target.runtime.clone(),
        app_selector: target.app_selector.clone(),
        address: target.secret.address.clone(),
        server: server(&target.secret.address),
        reviewer,
        reviewer_namespace,
        token_file: target.token_file.clone().unwrap_or(documented.token_file),
    }
}

/// The host and port of a URL; nothing where it has none.
fn server(address: &str) -> String {
    let url = reqwest::Url::parse(address).ok();
    let parts = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    parts.map(|(host, port)| format!("{host}:{port}")).unwrap_or_default()
}

/// As far as what was read tells: the account that the app really runs as, and
/// the role's own policy where it names none that was given.
pub(super) fn seen(target: &Target, app: &App, inspection: &Inspection) -> Names {
    let token_file = app.token_file(target).to_owned();
    let mut names = Names { account: app.service_account.clone(), token_file, ..told(target) };
    let role = inspection.vault.as_ref().and_then(|vault| vault.role.there());
    let own = role.map(|role| strings(&role["token_policies"])).unwrap_or_default();
    if !own.contains(&names.policy)
        && let Some(policy) = own.into_iter().find(|policy| policy != EVERY_TOKENS)
    {
        names.policy = policy;
    }
    names
}

/// With mount and secret as they were meant, where the Secret Name is an address of Vault's API or web interface.
pub(super) fn meant(names: Names, target: &Target, observation: Option<&Observation>) -> Names {
    let asked = observation.and_then(|observation| observation.asked.as_ref());
    match target.secret.meant().filter(|_| asked.is_some_and(|asked| asked.meant.is_some())) {
        Some((mount, secret)) => Names { mount, secret, ..names },
        None => names,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_server_is_the_host_and_the_port_of_its_address() {
        for (address, server) in [
            ("https://vault.example:8200", "vault.example:8200"),
            ("https://vault.example", "vault.example:443"),
            ("http://[::1]:8200", "[::1]:8200"),
            ("vault", ""),
        ] {
            assert_eq!(super::server(address), server);
        }
    }
}
