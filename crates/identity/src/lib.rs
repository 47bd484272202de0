//! The only place that says who someone is: which claims a flow may read, which fields of the profile an
//! answer fills, and what an account is called.
//!
//! Everything here is given claims that were verified before (IDN-8); nothing here believes a token.

pub mod claims;
pub mod mapping;
