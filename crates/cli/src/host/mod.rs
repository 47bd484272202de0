//! The real world behind the ports of `app`: clock, randomness, network.

pub mod admin;
pub mod environment;
pub mod folder;
pub mod http;
pub mod log;

use app::ports::{Clock, Entropy};
use async_trait::async_trait;
use jiff::Timestamp;

/// The machine's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the time comes from"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, instant: Timestamp) {
        // Bounded, so that a clock set forward meanwhile is noticed.
        const AT_MOST: std::time::Duration = std::time::Duration::from_secs(30);
        while let Ok(left) = std::time::Duration::try_from(instant - self.now())
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(AT_MOST)).await;
        }
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(
            clippy::expect_used,
            reason = "a system without randomness can keep no secret: stopping is the only safe answer"
        )]
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}
