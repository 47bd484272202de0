//! The only place with HTTP and WebSocket: channels, hosted pages, the publish API.
//!
//! Handlers translate: a request into a call of [`app::App`], what it answers into a response.
//! They decide nothing and store nothing.

mod cookies;
pub mod plain;
mod serve;

pub use serve::{ConnectionLimits, Peer, serve};
