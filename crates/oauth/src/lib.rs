//! The only place that speaks OAuth 2.0 and OpenID Connect, without doing any IO.
//!
//! Each dialogue with a provider is an [`Exchange`]: it hands out a [`http::Request`], takes the
//! [`http::Response`], and either asks again or is done. Whoever drives it owns the network, the
//! clock and the randomness; this crate owns what is asked and what is believed.
//!
//! | to do | start at |
//! |---|---|
//! | learn a provider's endpoints | [`discovery::begin`] |
//! | send a person to the provider | [`authorize::begin`] |
//! | read what the browser brought back | [`callback::parse`], [`callback::check_issuer`] |
//! | get, renew or end tokens | [`token::redeem`], [`token::refresh`], [`revoke::begin`] |
//! | believe an ID token | [`id_token::verify`], [`id_token::verify_refreshed`] |
//! | hold a provider's keys | [`keys::KeyCache`] |
//! | ask who the person is | [`userinfo::begin`] |
//!
//! What one provider does differently is data in [`quirks`], and nowhere else.

pub mod authorize;
pub mod callback;
pub mod client;
pub mod discovery;
pub mod error;
pub mod exchange;
pub mod http;
pub mod id_token;
pub mod keys;
pub mod quirks;
pub mod revoke;
pub mod token;
pub mod userinfo;

mod answer;
mod seeds;

pub use discovery::{Provider, Rules};
pub use error::{Error, Misbehavior, ProviderError, Refusal, Rejection, Unsupported};
pub use exchange::{Exchange, Progress};
