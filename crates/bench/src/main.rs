//! Benchmarks: ratios against peers from one run.
fn main() {}
