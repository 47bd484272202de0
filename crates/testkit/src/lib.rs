//! The whole system for tests: one [`World`] with a clock that only the test moves.
//!
//! A World is the real store in a temporary file, the real router called in process, and the
//! rehearsal provider in the place of the examples' own. People in it have a [`Browser`] with a
//! cookie jar, and a [`Chat`] that does what the chat page does. Time stands still until
//! [`World::advance`]; the work that a server does by itself is done after each request and each
//! step of the clock, unless [`World::stop_work`].
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use testkit::World;
//!
//! let world = World::new().await;
//! let browser = world.browser();
//! let mut chat = browser.chat("acme", "travel").await;
//! let link = chat.prompt().await.link;
//! let page = browser.sign_in(&link, "ann").await;
//! assert_eq!(page.title(), "You are signed in");
//! assert!(chat.said().await.last().unwrap().contains("Ljubljana"));
//! # });
//! ```
//!
//! | to | go to |
//! |---|---|
//! | change what is published | [`Files`] |
//! | change how the server is set up | [`SetUp`] |
//! | let the provider misbehave | [`World::provider`], `rehearsal::Faults` |
//! | put another host on the network | [`World::script`], [`World::add_provider`] |
//! | look at what went out | [`World::sent`] |
//! | look at what came to clients | [`World::answered`] |
//! | look inside | [`World::session`], [`World::steps`], [`World::database`] |

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a kit for tests: whatever goes wrong here fails the test, loudly and at once"
)]

mod answer;
mod browser;
mod chat;
mod clock;
mod entropy;
mod files;
mod jar;
mod outside;
mod trouble;
mod world;

pub use answer::{Answer, Call};
pub use browser::{Browser, SetOut};
pub use chat::{Button, Chat, Prompt};
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use files::Files;
pub use outside::{Sent, SharedProvider, json, status};
pub use trouble::HeldTimers;
pub use world::{BEGIN, CLIENT_SECRET, ISSUER, PUBLIC_URL, SetUp, World};

pub use jose;
pub use rehearsal;
pub use store;
