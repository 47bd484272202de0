//! Joins flows, protocols, vault and store: turns, sign-ins, effects, timers.
