//! Time that only the test moves.

use app::ports::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A clock that stands still until it is moved.
pub struct ManualClock {
    time: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            time: watch::Sender::new(start),
        }
    }

    /// Moves it; whoever waits for a time that has come wakes up. Backwards, too: clocks of
    /// machines are set.
    pub fn set(&self, time: Timestamp) {
        self.time.send_replace(time);
    }

    /// Moves it forward.
    pub fn advance(&self, span: SignedDuration) {
        self.set(self.now().saturating_add(span).unwrap_or(Timestamp::MAX));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.time.borrow()
    }

    async fn sleep_until(&self, instant: Timestamp) {
        // An error means that the clock itself is gone, and nobody waits for that.
        let _ = self.time.subscribe().wait_for(|now| *now >= instant).await;
    }
}
