//! The log, on standard error, for people who look for a fault (`RUST_LOG`).
//!
//! At level debug, libraries log bodies and environments, so everything but
//! this program's own lines is capped at `warn`, whatever the user asks; and
//! every line passes the filter that knows the run's secrets.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::redact::Redactor;

/// Starts the log at the level of `RUST_LOG`, a bare word such as `debug`; at
/// `warn` where it is unset or says something else.
pub fn start(redactor: &Redactor) {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::WARN);
    let allowed = move |metadata: &Metadata<'_>| {
        let ours = metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
        // It calls each request that failed an error of its own, though a server
        // that is just starting is asked until it answers; we are told anyway.
        let told = metadata.target().starts_with("kube_client::client");
        *metadata.level() <= wanted && (ours || *metadata.level() <= Level::WARN && !told)
    };
    let writer = Mutex::new(redactor.writer(super::say::StandardError));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal() && super::shared::colours_wanted())
        .with_writer(writer)
        .with_filter(filter_fn(allowed));
    // A second start fails, harmlessly.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
