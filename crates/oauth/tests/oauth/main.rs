//! Tables through one `check` function each, and the replay of the corpora.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod authorize;
mod callback;
mod client;
mod corpus;
mod discovery;
mod id_token;
mod keys;
mod masks;
mod real_providers;
mod scene;
mod token;
mod userinfo;
