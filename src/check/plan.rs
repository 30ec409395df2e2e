//! Everything that a check creates, and in words everything that it asks
//! (`--dry-run`). A run creates what this module says, so both agree.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};

use crate::check::app::{App, Source};
use crate::check::error::Error;
use crate::check::likeness::Likeness;
use crate::check::objects::{Mark, Standing, expiry};
use crate::check::target::Target;
use crate::check::{judge, objects, rights};
use crate::probe::input::VARIABLE;
use crate::scenario::load::Catalogue;

/// The objects of a check.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The app's twin: a pod with exactly what the app has, as far as it can be had.
    pub twin: Pod,
    /// A Service Account without rights, and its pod.
    pub fresh: (ServiceAccount, Pod),
    /// The pod of another namespace, and its Service Account where it is not `default`.
    pub other: Option<(Option<ServiceAccount>, Pod)>,
    /// The twins of the app's pods that run in another way, in the order of [`App::other_kinds`].
    pub kinds: Vec<Pod>,
    /// The app's twin in each other way, in the order of [`App::other_ways`]; made only where the first is not let in.
    pub ways: Vec<Pod>,
}

/// The objects of the check of this app.
///
/// # Errors
/// They cannot be written as Kubernetes objects: a flag's value does not fit.
pub fn objects(target: &Target, run: &str, catalogue: &Catalogue, app: &App) -> Result<Planned, Error> {
    let expires = expiry();
    let pod = |mark: &Mark<'_>, namespace: &str, what: &str, standing: &Standing<'_>, login_only| {
        let input = objects::input(target, &mark.owner, catalogue, standing, login_only);
        objects::pod(target, mark, namespace, &objects::name(run, what), standing, &input).map_err(Error::Pod)
    };
    let account = app.service_account.as_str();
    let like = app.like.as_ref();
    let fresh_mark = Mark::new(run, judge::FRESH_ACCOUNT, &expires);
    let fresh = objects::name(run, "fresh");
    let other = match &target.other_namespace {
        None => None,
        Some(namespace) => {
            let mark = Mark::new(run, judge::OTHER_NAMESPACE, &expires);
            let made = (account != "default").then(|| objects::service_account(target, &mark, namespace, account));
            Some((made, pod(&mark, namespace, "other", &Standing::beside(like, account), true)?))
        }
    };
    let app_mark = Mark::new(run, judge::APP, &expires);
    let twin = match like {
        Some(like) => Standing::like(like, app.automount),
        None => Standing { account, automount: app.automount, ..Standing::default() },
    };
    let more = |all: &[Likeness], what: &str| {
        let each = all.iter().enumerate().map(|(number, like)| {
            let standing = Standing::like(like, like.automount().or(like.field));
            pod(&app_mark, &target.namespace, &format!("{what}-{number}"), &standing, false)
        });
        each.collect::<Result<Vec<Pod>, Error>>()
    };
    Ok(Planned {
        twin: pod(&app_mark, &target.namespace, "app", &twin, false)?,
        fresh: (
            objects::service_account(target, &fresh_mark, &target.namespace, &fresh),
            pod(&fresh_mark, &target.namespace, "fresh", &Standing::beside(like, &fresh), true)?,
        ),
        other,
        kinds: more(&app.other_kinds, "kind")?,
        ways: more(&app.other_ways, "way")?,
    })
}

/// What a run would create and ask, for people.
///
/// # Errors
/// An object cannot be written.
pub fn text(target: &Target, catalogue: &Catalogue, app: &App) -> Result<String, Error> {
    let planned = objects(target, "RUN-ID", catalogue, app)?;
    let mut text =
        String::from("# Nothing was created. A run would create these objects, and delete them by their UID:\n");
    for account in
        [Some(&planned.fresh.0), planned.other.as_ref().and_then(|(account, _)| account.as_ref())].into_iter().flatten()
    {
        let _ = write!(text, "---\n{}", serde_saphyr::to_string(account)?);
    }
    let pods = [Some(&planned.twin), Some(&planned.fresh.1), planned.other.as_ref().map(|(_, pod)| pod)];
    for pod in pods.into_iter().flatten().chain(&planned.kinds) {
        let _ = write!(text, "---\n{}", serde_saphyr::to_string(&veiled(pod))?);
    }
    for pod in &planned.ways {
        text.push_str("---\n# Only where the first pod is not let in:\n");
        let _ = write!(text, "{}", serde_saphyr::to_string(&veiled(pod))?);
    }
    let from = match &app.source {
        Source::Pod(name) => format!("pod {name}"),
        Source::WaitingPod(name) => format!("pod {name} (which does not run yet)"),
        Source::Runtime => format!("Runtime {} (the app has no pod)", target.runtime),
        Source::Flag => "--service-account".to_owned(),
    };
    let _ = writeln!(text, "---\n# Service Account and token are those of {from}.");
    if let Some(like) = &app.like {
        let _ = writeln!(text, "# Also taken over from pod {}: {}.", like.pod, list(&like.taken));
        let _ = writeln!(
            text,
            "# Not taken over: {}. --not-from-app leaves out more.",
            list(&[&like.apart[..], &like.left].concat())
        );
    }
    let _ = writeln!(text, "#\n# Requests to the API server, each with your user's own rights:");
    let _ = writeln!(text, "#   get /version; create SelfSubjectAccessReviews");
    for right in rights::each(&rights::rules(target)) {
        let _ = writeln!(text, "#   {right}");
    }
    let _ = writeln!(text, "#\n# Requests to Vault:");
    for promise in rights::vault_requests(target) {
        let who = if promise.by_probe { "probe" } else { "this machine" };
        let _ = writeln!(text, "#   {} /v1/{} ({who}): {}", promise.method, promise.path, promise.why);
    }
    text.push_str(
        "#\n# Each login writes a token into Vault's storage, which is revoked in the same second. The first login of a\n\
         # Service Account leaves an entity and an alias in Vault's identity store, as the app's own login does, and may\n\
         # count as a client. Nothing else is written to Vault.\n",
    );
    Ok(text)
}

/// The same pod without what its variables hold that it takes over from any pod: a proxy's may have a password.
fn veiled(pod: &Pod) -> Pod {
    let taken = |name: &str| name != VARIABLE;
    let mut pod = pod.clone();
    for container in pod.spec.iter_mut().flat_map(|spec| &mut spec.containers) {
        for variable in container.env.iter_mut().flatten().filter(|variable| taken(&variable.name)) {
            variable.value = variable.value.take().map(|_| "as in the app's pod".to_owned());
        }
    }
    pod
}

fn list(all: &[String]) -> String {
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dry_run_shows_no_value_of_a_variable_but_the_probes_own() {
        let env =
            [VARIABLE, "HTTPS_PROXY", "ANYTHING"].map(|name| json!({ "name": name, "value": format!("of {name}") }));
        let pod = json!({ "spec": { "containers": [{ "name": "probe", "env": env }] } });
        let text = serde_json::to_string(&veiled(&serde_json::from_value(pod).unwrap())).unwrap();
        assert_eq!(text.matches("\"of ").count(), 1, "{text}");
        assert!(text.contains(&format!("of {VARIABLE}")), "{text}");
    }
}
