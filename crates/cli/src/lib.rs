//! The command line: configuration, environment, the real clock, network and randomness.
//!
//! | to | go to |
//! |---|---|
//! | add a command | [`commands`] |
//! | add a setting | [`config`] |
//! | change how the world is reached | [`host`] |

pub mod commands;
pub mod config;
pub mod host;
