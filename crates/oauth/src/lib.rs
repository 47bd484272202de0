//! The only place that speaks OAuth 2.0 and OpenID Connect, without doing any IO.
