//! The only place that opens a sealed token.
