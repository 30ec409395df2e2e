//! The rounds of an app that lives on, as the log of its pod has them.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use super::patience::why;
use super::pod::Apps;
use crate::probe::living::{Round, last_round};
use crate::wait::{self, Look, TimedOut};

/// How often to look for another round.
const INTERVAL: Duration = Duration::from_millis(400);

/// So many lines of a log have a whole round in them, also where the last one is on its way.
const LINES: i64 = 3;

/// Waits for a round that is as wanted.
///
/// # Errors
/// None is within the time limit. An earlier round says nothing of what is asked for: on a machine that is too slow, the app
/// may not have looked since.
pub async fn round(
    apps: &Apps,
    namespace: &str,
    run: &str,
    scenario: &str,
    limit: Duration,
    wanted: impl Fn(&Round) -> bool,
) -> Result<Round, TimedOut> {
    let pods = Api::<Pod>::namespaced(apps.client(), namespace);
    let subject = format!("round of the app in namespace {namespace}");
    let parameters = LogParams { tail_lines: Some(LINES), ..LogParams::default() };
    wait::until(&subject, limit, INTERVAL, || async {
        let Some(pod) = apps.pod(namespace, scenario) else { return Look::NotYet("no pod".to_owned()) };
        let log = match pods.logs(&pod, &parameters).await {
            Ok(log) => log,
            Err(error) => return Look::NotYet(format!("its log cannot be read: {}", why(&error))),
        };
        match last_round(&log, run, scenario) {
            Ok(Some(round)) if wanted(&round) => Look::Done(round),
            Ok(Some(_)) => Look::NotYet("a round from before, or in which the app does not see that".to_owned()),
            Ok(None) => Look::NotYet("no round".to_owned()),
            Err(reason) => Look::NotYet(reason),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::RUN_LABEL;
    use crate::cluster::api_server::{ApiServer, NAMESPACE, ROUND_BEGAN, RUN, SCENARIO_ID, Scenario};

    #[tokio::test]
    async fn a_round_from_before_says_nothing_of_what_is_asked_for_later() {
        let server = ApiServer::playing(Scenario::LivesOn);
        let apps =
            Apps::watch(&server.client(), &format!("{RUN_LABEL}={RUN}"), crate::cluster::operator::Refusals::default());
        let begun = async |from: i64| {
            round(&apps, NAMESPACE, RUN, SCENARIO_ID, Duration::from_millis(1200), |round| round.began >= from).await
        };
        assert_eq!(begun(ROUND_BEGAN).await.unwrap().began, ROUND_BEGAN);
        let error = begun(ROUND_BEGAN + 1).await.unwrap_err().to_string();
        assert!(error.contains("a round from before"), "{error}");
    }
}
