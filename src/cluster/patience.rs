//! The one way to make a Kubernetes client: what passes is tried again, and
//! not for longer than a scenario can wait. kube's own policy would go on for
//! minutes, and would take a 500 or a broken connection for final.

use std::time::Duration;

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
use crate::probe::observation::Transport;
use crate::vault::client::transport_kind;

/// The pauses before further tries, six seconds in all; a `Retry-After` (in
/// seconds, RFC 9110) is kept to up to the longest of them.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// How many requests may wait for each other; kube's own client has as many.
const WAITING: usize = 1024;

/// Where the API server says whether it is ready: a 500 there is the answer.
const READY: &str = "/readyz";

/// A client that is patient. What it asks is noted in the ledger, where there is one.
///
/// # Errors
/// The configuration cannot be used.
pub fn client(mut config: Config, ledger: Option<&Ledger>) -> Result<Client, kube::Error> {
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config)?;
    let builder = builder.with_layer(&BufferLayer::new(WAITING)).with_layer(&RetryLayer::new(Patience::default()));
    Ok(match ledger {
        Some(ledger) => builder.with_layer(&ledger.layer()).build(),
        None => builder.build(),
    })
}

/// What is tried again: what the API server, or something before it, could not
/// do at the moment, and a connection that broke. What was created though its
/// answer was lost is found by whoever creates.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    tried: usize,
}

impl<R> Policy<Request<Body>, Response<R>, BoxError> for Patience {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<R>, BoxError>,
    ) -> Option<Self::Future> {
        let pause = *PAUSES.get(self.tried)?;
        let asked_for = match result {
            Ok(response) if matches!(response.status().as_u16(), 429 | 500 | 502 | 503 | 504) => {
                if request.uri().path() == READY {
                    return None;
                }
                let header = response.headers().get(http::header::RETRY_AFTER);
                let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
                seconds.map_or(Duration::ZERO, Duration::from_secs)
            }
            Err(error) if transport_kind(&**error) == Transport::Other => Duration::ZERO,
            _ => return None,
        };
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
