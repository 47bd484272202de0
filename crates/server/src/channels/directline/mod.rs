//! Direct Line 3.0, as the stock Web Chat and directlinejs speak it.

pub(crate) mod routes;
pub(crate) mod stream;
pub(crate) mod token;
pub(crate) mod wire;

pub(crate) use routes::routes;
