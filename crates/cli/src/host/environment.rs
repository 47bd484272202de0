//! The environment, read once.

use std::collections::BTreeMap;

/// Name to value. Variables that are no text are left out.
pub type Environment = BTreeMap<String, String>;

/// What this process was started with.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
