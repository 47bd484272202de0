//! The only place that signs or verifies: algorithms, keys, compact JWS, JWT claims.
