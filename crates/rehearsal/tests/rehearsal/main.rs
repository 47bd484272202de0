//! The provider as its clients see it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod faulty;
mod honest;
mod play;
