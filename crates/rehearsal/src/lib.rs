//! A scripted OpenID provider with faults and a clock of its own, for demo and tests.
