//! Metrics to a Pushgateway, which keeps them for Prometheus to read where a check runs in no place that stays.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::metrics;
use super::text::one_line;
use crate::page::Names;
use crate::vault::client::{Proxy, Roots, http_client};
use crate::vault::transport::transport;

/// What the Pushgateway groups by, beside the labels of the app: the label `job`.
pub const JOB: &str = "pmp-vault-check";

/// As the metrics are also the older text format, which every Pushgateway reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A few kilobytes to a server nearby.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How much is repeated of what it says.
const SAID: usize = 200;

/// A Pushgateway.
#[derive(Debug)]
pub struct Gateway {
    url: Url,
    authorization: Option<HeaderValue>,
    http: reqwest::Client,
}

/// Why metrics are not where they should be. [`PushError::remedy`] says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No answer.
    #[error("the metrics could not be pushed to {url}: {why}")]
    NoAnswer {
        /// Where to.
        url: Url,
        /// What the HTTP client says.
        why: String,
    },
    /// Another answer than that they were taken.
    #[error("the metrics could not be pushed to {url}: HTTP {status}{}", said(.text))]
    Refused {
        /// Where to.
        url: Url,
        /// The HTTP status.
        status: u16,
        /// What it says of it.
        text: String,
    },
}

fn said(text: &str) -> String {
    let text: String = one_line(text).chars().take(SAID).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

impl PushError {
    /// How to mend it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoAnswer { .. } => "look whether the Pushgateway is reached from here, and at --push-metrics",
            Self::Refused { status: 401 | 403, .. } => {
                "name the file with its Authorization header: --push-authorization-file"
            }
            Self::Refused { status: 300..=399 | 404 | 405, .. } => {
                "--push-metrics names the Pushgateway itself, such as http://pushgateway.example:9091"
            }
            Self::Refused { .. } => "look at the Pushgateway's own log",
        }
    }
}

impl Gateway {
    /// The Pushgateway at this address, a path before `/metrics` included; what its `Authorization` header is to be, where
    /// it wants one; and authorities beside the public ones, in PEM.
    ///
    /// # Errors
    /// What cannot be used, in words. The header's content is in none.
    pub fn new(address: &str, authorization: Option<&SecretString>, ca: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(address).map_err(|error| format!("--push-metrics `{address}` is no URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            // It is not repeated.
            return Err("--push-metrics holds a user or a password, which every process of this machine can read; \
                        put them into a file as an Authorization header: --push-authorization-file"
                .to_owned());
        }
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "--push-metrics `{address}` is no Pushgateway's address, which has the form http://HOST:9091"
            ));
        }
        let header = |text: &SecretString| {
            let mut value = HeaderValue::from_str(text.expose_secret().trim()).ok()?;
            value.set_sensitive(true);
            (!value.is_empty()).then_some(value)
        };
        let authorization = match authorization {
            None => None,
            Some(text) => Some(header(text).ok_or(
                "--push-authorization-file holds no Authorization header: one line, such as `Bearer` and a token",
            )?),
        };
        let roots = ca.map_or(Roots::Public, |pem| Roots::PublicAnd(pem.as_bytes().to_vec()));
        Ok(Self { url, authorization, http: http_client(&roots, TIMEOUT, Proxy::OfEnvironment)? })
    }

    /// Where the metrics of an app go: `…/metrics/job/pmp-vault-check/app_namespace/NAMESPACE/app/NAME`.
    #[must_use]
    pub fn place(&self, names: &Names) -> Url {
        let mut url = self.url.clone();
        // Only a URL that cannot be a base has no path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["metrics", "job", JOB]);
            for (label, value) in metrics::labels(names) {
                path.extend([label, &value]);
            }
        }
        url
    }

    /// Puts these metrics in the place of all that were pushed for that app before. Tries once.
    ///
    /// # Errors
    /// They were not taken, and why.
    pub async fn push(&self, names: &Names, metrics: &str) -> Result<Url, PushError> {
        let url = self.place(names);
        let mut request = self.http.put(url.clone()).header(CONTENT_TYPE, TEXT).body(metrics.to_owned());
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let reply = match request.send().await {
            Ok(reply) => reply,
            Err(error) => return Err(PushError::NoAnswer { url, why: transport(&error).1 }),
        };
        let status = reply.status();
        if status.is_success() {
            return Ok(url);
        }
        Err(PushError::Refused { url, status: status.as_u16(), text: reply.text().await.unwrap_or_default() })
    }
}
