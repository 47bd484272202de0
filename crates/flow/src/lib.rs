//! The only place that interprets flows: definitions, expressions, steps, the engine.
//!
//! Pure: no clock, randomness, environment, network, files. The same program, session, event and [`Env`] give the
//! same [`Turn`], byte for byte. Flow files become a [`Program`] by [`Program::check`] and by nothing else; a session
//! lives by [`engine::advance`] and by nothing else.
//!
//! To add a step kind: write `steps/<kind>.rs`, whose doc comment is its page in the manual, give it a line in
//! `steps/mod.rs` and a member in `definition/file.rs`; then the compiler and `tests/transcripts.rs` lead on.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod definition;
pub mod engine;

mod effect;
mod env;
mod event;
mod exception;
mod expr;
mod names;
mod session;
mod steps;
mod texts;
mod turn;
mod value;

pub use definition::{Facts, FlowFile, Mistake, Program};
pub use effect::{Button, Closed, Effect, HeaderValue, HttpCall, LinkId, Method, Said};
pub use engine::advance;
pub use env::{Channel, Env};
pub use event::{Event, HttpAnswer, HttpFailure, IdentityFailure, SignInFailure};
pub use session::{Level, Run, Session, SignedIn, Waiting, WaitsFor};
pub use turn::{Refusal, Status, StepRecord, Turn};
pub use value::{Fields, MASK, MAX_DEPTH, TokenHandle, Value};
