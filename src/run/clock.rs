//! How long a scenario takes, with the time left out in which it waits for
//! names that another one has.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A clock that stands still while its scenario waits for its turn.
pub struct Clock {
    started: Instant,
    waited: Cell<Duration>,
    waits_since: Cell<Option<Instant>>,
}

impl Clock {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), waited: Cell::default(), waits_since: Cell::default() }
    }

    /// How long the scenario has been at work.
    #[must_use]
    pub fn spent(&self) -> Duration {
        let waits = self.waits_since.get().map_or(Duration::ZERO, |since| since.elapsed());
        self.started.elapsed().saturating_sub(self.waited.get() + waits)
    }

    /// The same in whole milliseconds.
    #[must_use]
    pub fn millis(&self) -> u64 {
        u64::try_from(self.spent().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is left of a time limit, less a moment in which who waits for
    /// something can still say what was seen of it.
    #[must_use]
    pub fn left_of(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.spent() + Duration::from_millis(500))
    }

    /// Stands still for as long as something takes.
    pub async fn wait<T>(&self, turn: impl Future<Output = T>) -> T {
        let since = Instant::now();
        self.waits_since.set(Some(since));
        let got = turn.await;
        self.waits_since.set(None);
        self.waited.set(self.waited.get() + since.elapsed());
        got
    }

    /// Comes back when the scenario has been at work for that long.
    pub async fn reaches(&self, limit: Duration) {
        loop {
            let left = limit.saturating_sub(self.spent());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_for_a_turn_takes_nothing_from_the_limit() {
        let clock = Clock::start();
        let limit = Duration::from_millis(100);
        let work = clock.wait(tokio::time::sleep(limit * 3));
        tokio::select! {
            () = work => {}
            () = clock.reaches(limit) => panic!("the clock went on"),
        }
        clock.reaches(limit).await;
        assert!(clock.spent() >= limit && clock.millis() < 300, "{:?}", clock.spent());
    }
}
