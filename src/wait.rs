//! The one way to wait: it knows what for, how long, and what was seen last,
//! and says all three when it gives up.

use std::future::Future;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

/// The time is over.
#[derive(Debug, Error)]
#[error("{subject}: not within {} s; last seen: {last_seen}", limit.as_secs())]
pub struct TimedOut {
    /// What was waited for.
    pub subject: String,
    /// How long.
    pub limit: Duration,
    /// What was seen last.
    pub last_seen: String,
}

/// What one look found.
#[derive(Debug)]
pub enum Look<T> {
    /// It is there.
    Done(T),
    /// Not yet; this is what was seen.
    NotYet(String),
}

/// Looks every `interval` until it is there.
///
/// # Errors
/// [`TimedOut`] after `limit`.
pub async fn until<T, F, Fut>(subject: &str, limit: Duration, interval: Duration, mut look: F) -> Result<T, TimedOut>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Look<T>>,
{
    let deadline = Instant::now() + limit;
    let mut last_seen = "nothing".to_owned();
    loop {
        match tokio::time::timeout_at(deadline, look()).await {
            Ok(Look::Done(found)) => return Ok(found),
            Ok(Look::NotYet(seen)) => last_seen = seen,
            Err(_) => last_seen = format!("{last_seen}, then no answer"),
        }
        if Instant::now() + interval >= deadline {
            return Err(TimedOut { subject: subject.to_owned(), limit, last_seen });
        }
        tokio::time::sleep(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_gives_up_says_what_for_how_long_and_what_it_saw() {
        let waited = until("pod app", Duration::from_secs(1), Duration::from_millis(400), || async {
            Look::<()>::NotYet("Pending".to_owned())
        });
        let text = waited.await.unwrap_err().to_string();
        assert_eq!(text, "pod app: not within 1 s; last seen: Pending");
    }

    #[tokio::test]
    async fn a_look_that_hangs_does_not_hang_the_wait() {
        let waited = until("answer", Duration::from_millis(50), Duration::from_millis(10), || async {
            std::future::pending::<Look<()>>().await
        });
        assert!(waited.await.unwrap_err().to_string().contains("no answer"));
    }
}
