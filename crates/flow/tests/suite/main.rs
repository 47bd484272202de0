//! Tests through the public interface, in one program: linking is what they cost.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the harnesses read files and bound time"
)]

mod corpus;
mod definition;
mod invariants;
mod links;
mod transcripts;
mod world;
mod yaml;
