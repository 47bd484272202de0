//! The only place with SQL: a trait for each area, and the databases behind them.
