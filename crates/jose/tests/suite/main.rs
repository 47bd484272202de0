//! What a hostile or broken token, or key set, comes to: tables of cases through `support::check`.

#![expect(
    clippy::unwrap_used,
    reason = "a case that cannot be set up should fail loudly"
)]

mod corpus;
mod keys;
mod signatures;
mod support;
mod times;
mod tokens;
