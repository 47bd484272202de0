//! The command line: configuration, environment, the real clock, network and randomness.
