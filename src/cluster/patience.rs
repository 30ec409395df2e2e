//! The one way to make a Kubernetes client: what passes is tried again, and
//! not for longer than a scenario can wait. kube's own policy would go on for
//! minutes, and would take a 500 or a broken connection for final.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use kube::api::{Api, PostParams};
use kube::client::{Body, ClientBuilder};
use kube::config::Config;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::BoxError;
use tower::buffer::BufferLayer;
use tower::retry::{Policy, RetryLayer};

use super::{RUN_LABEL, SCENARIO_LABEL};
use crate::ledger::Ledger;
use crate::vault::transport::{Transport, transport_kind};

/// The pauses before further tries, twelve seconds in all: an API server that
/// restarts takes about half of that. A `Retry-After` (in seconds, RFC 9110) is
/// kept to up to the longest of them.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
    Duration::from_millis(3200),
    Duration::from_millis(3200),
];

/// How many requests may wait for each other; kube's own client has as many.
const WAITING: usize = 1024;

/// Where the API server says whether it is ready: whatever comes of that is the answer.
const READY: &str = "/readyz";

/// How the path of a pod's log ends. Whoever wants one asks again and again
/// anyway, and says meanwhile why there is none.
const LOG: &str = "/log";

/// Whose API server it is.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// That of a testbed of ours, where the harness may do everything and which
    /// was seen to answer. While it restarts it refuses connections, and then
    /// says 403 until it has its roles again. That it does is noted.
    Ours(&'a Outages),
    /// A customer's; what is asked there is noted.
    Customers(&'a Ledger),
}

/// A client that is patient.
///
/// # Errors
/// The configuration cannot be used.
pub fn client(mut config: Config, whose: Whose<'_>) -> Result<Client, kube::Error> {
    config.default_retry = false;
    let ours = match whose {
        Whose::Ours(outages) => Some(outages.clone()),
        Whose::Customers(_) => None,
    };
    let patience = Patience { tried: 0, ours };
    let builder = ClientBuilder::try_from(config)?;
    let builder = builder.with_layer(&BufferLayer::new(WAITING)).with_layer(&RetryLayer::new(patience));
    Ok(match whose {
        Whose::Ours(_) => builder.build(),
        Whose::Customers(ledger) => builder.with_layer(&ledger.layer()).build(),
    })
}

/// What the API server said of a request that failed, or the innermost cause
/// where it said nothing, which tells more than "client error".
#[must_use]
pub fn why(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    loop {
        if let Some(kube::Error::Api(status)) = innermost.downcast_ref() {
            return status.message.clone();
        }
        match innermost.source() {
            Some(source) => innermost = source,
            None => return innermost.to_string(),
        }
    }
}

/// What is tried again: what the API server, or something before it, could not
/// do at the moment, and a connection that broke. What was created though its
/// answer was lost is found by whoever creates.
#[derive(Debug, Clone)]
pub struct Patience {
    tried: usize,
    ours: Option<Outages>,
}

/// When the API server was last seen to be gone: a connection broke, or was
/// refused. Watches are always open, so nobody else sees that sooner.
#[derive(Debug, Clone, Default)]
pub struct Outages(Arc<Mutex<Option<Instant>>>);

impl Outages {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether there was one since then.
    #[must_use]
    pub fn any_since(&self, then: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last >= then)
    }
}

impl Patience {
    fn may_pass(&self, status: u16) -> bool {
        matches!(status, 429 | 500 | 502 | 503 | 504) || (self.ours.is_some() && status == 403)
    }
}

impl<R> Policy<Request<Body>, Response<R>, BoxError> for Patience {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<R>, BoxError>,
    ) -> Option<Self::Future> {
        if request.uri().path() == READY {
            return None;
        }
        let asked_for = match result {
            Ok(response) if self.may_pass(response.status().as_u16()) => {
                let header = response.headers().get(http::header::RETRY_AFTER);
                let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
                seconds.map_or(Duration::ZERO, Duration::from_secs)
            }
            Err(error) => {
                let kind = transport_kind(&**error);
                if let (Some(outages), Transport::Other | Transport::Refused) = (&self.ours, kind) {
                    outages.note();
                }
                match kind {
                    Transport::Other => Duration::ZERO,
                    Transport::Refused if self.ours.is_some() => Duration::ZERO,
                    _ => return None,
                }
            }
            Ok(_) => return None,
        };
        if request.uri().path().ends_with(LOG) {
            return None;
        }
        let pause = *PAUSES.get(self.tried)?;
        self.tried += 1;
        let longest = PAUSES[PAUSES.len() - 1];
        Some(tokio::time::sleep(pause.max(asked_for.min(longest))))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        // A stream, such as a port that is forwarded, cannot be sent again.
        let mut copy = Request::new(request.body().try_clone()?);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        Some(copy)
    }
}

/// The pauses before further tries where the API server has a conflict, such as
/// two writers of one quota.
const CONFLICT: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(400), Duration::from_millis(800)];

/// Creates an object. Where an earlier try got through and only its answer was
/// lost, what that made is given.
///
/// # Errors
/// The API server refuses, or fails for as long as it is waited for.
pub async fn create<K>(api: &Api<K>, object: &K) -> Result<K, kube::Error>
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let mut pauses = CONFLICT.iter();
    loop {
        match api.create(&PostParams::default(), object).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let found = api.get_opt(&object.name_any()).await?;
                return found.filter(|found| is(found, object)).ok_or(kube::Error::Api(status));
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(kube::Error::Api(status)),
            },
            made => return made,
        }
    }
}

/// Whether what is there was made of this object: it has the run's and the
/// scenario's labels, and stays.
fn is<K: Resource>(found: &K, object: &K) -> bool {
    let labels = |of: &K| [RUN_LABEL, SCENARIO_LABEL].map(|label| of.labels().get(label).cloned());
    let [run, scenario] = labels(object);
    run.is_some() && labels(found) == [run, scenario] && found.meta().deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use rstest::rstest;

    use super::*;
    use crate::cluster::objects::{self, Owner};

    fn pauses(administrator: bool, path: &str, result: impl Fn() -> Result<Response<()>, BoxError>) -> usize {
        let mut patience = Patience { tried: 0, ours: administrator.then(Outages::default) };
        let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
        (0..20).take_while(|_| patience.retry(&mut request, &mut result()).is_some()).count()
    }

    fn answered(status: u16) -> Result<Response<()>, BoxError> {
        Ok(Response::builder().status(status).body(()).unwrap())
    }

    fn broke(kind: std::io::ErrorKind) -> Result<Response<()>, BoxError> {
        Err(std::io::Error::from(kind).into())
    }

    #[rstest]
    #[case::done("/api/v1/pods", 201, 0)]
    #[case::not_there("/api/v1/pods", 404, 0)]
    #[case::conflict("/api/v1/pods", 409, 0)]
    #[case::too_many_requests("/api/v1/pods", 429, PAUSES.len())]
    #[case::fails("/api/v1/pods", 500, PAUSES.len())]
    #[case::not_available("/api/v1/pods", 503, PAUSES.len())]
    #[case::not_ready_is_an_answer("/readyz", 500, 0)]
    #[case::a_log_is_asked_for_again_anyway("/api/v1/namespaces/ns/pods/app/log", 500, 0)]
    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_not_for_ever(
        #[case] path: &str,
        #[case] status: u16,
        #[case] tries: usize,
    ) {
        for administrator in [true, false] {
            assert_eq!(pauses(administrator, path, || answered(status)), tries);
        }
    }

    #[tokio::test]
    async fn what_an_api_server_says_that_restarts_is_final_on_a_customers_cluster_only() {
        for administrator in [true, false] {
            let tries = if administrator { PAUSES.len() } else { 0 };
            assert_eq!(pauses(administrator, "/api", || broke(std::io::ErrorKind::ConnectionReset)), PAUSES.len());
            assert_eq!(pauses(administrator, "/api", || broke(std::io::ErrorKind::ConnectionRefused)), tries);
            assert_eq!(pauses(administrator, "/api", || answered(403)), tries);
            assert_eq!(pauses(administrator, READY, || broke(std::io::ErrorKind::ConnectionRefused)), 0);
        }
    }

    #[tokio::test]
    async fn an_outage_is_a_connection_that_broke_or_was_refused_and_no_answer() {
        let outages = Outages::default();
        let (before, mut request) = (Instant::now(), Request::new(Body::empty()));
        let mut meets = |result: Result<Response<()>, BoxError>| {
            let mut patience = Patience { tried: PAUSES.len(), ours: Some(outages.clone()) };
            let mut result = result;
            assert!(patience.retry(&mut request, &mut result).is_none());
            outages.any_since(before)
        };
        assert!(!meets(answered(403)) && !meets(answered(500)));
        assert!(meets(broke(std::io::ErrorKind::ConnectionRefused)));
        assert!(!outages.any_since(Instant::now()));
    }

    #[test]
    fn only_what_has_the_same_owner_and_stays_is_taken_for_what_was_made() {
        let owner = |run: &str| Owner { run: run.to_owned(), scenario: "a.b".to_owned() };
        let wanted = objects::namespace(&owner("r1"), "ns");
        assert!(is(&wanted, &wanted));
        assert!(!is(&objects::namespace(&owner("r2"), "ns"), &wanted));
        assert!(!is(&Namespace::default(), &Namespace::default()));
        let mut going = wanted.clone();
        going.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
        assert!(!is(&going, &wanted));
    }
}
