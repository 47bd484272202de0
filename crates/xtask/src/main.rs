//! Development commands: tidy, requirements, ci.
fn main() {}
