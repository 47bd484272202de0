//! The only place that signs or verifies: algorithms, keys, compact JWS, JWT claims.
//!
//! A token goes through [`verify`] and comes out as [`Claims`], or as the one [`Fault`] that names
//! the check it failed. Nothing of the payload is read before the signature has been found good
//! (JWT-12), and there is no other way to come by a [`Claims`] (IDT-11). What a claim must *be* (an
//! issuer, an audience, a nonce) is the caller's matter; that it is of the right type is ours.
//!
//! Outside the process every fault is the same "invalid token": faults are for the log.
//!
//! The modules, lowest first: [`base64url`] and [`json`] are the strict readers, [`Alg`] the closed
//! list of algorithms, [`KeySet`] the keys a provider publishes, parsed once, and [`verify`] the one
//! door. [`sign`] is the other half: it makes client assertions, and the tokens of a rehearsal.
//!
//! A new algorithm starts as a variant of [`Alg`]; the exhaustive matches lead on from there.

mod alg;
pub mod base64url;
mod claims;
mod ed25519;
pub mod json;
mod jwk;
mod jws;
mod jwt;
mod rsa;
pub mod sign;

pub use alg::{Alg, UnknownAlg, half_hash};
pub use claims::{ClaimFault, Claims, LEEWAY, MAX_AUDIENCES, NumericDate};
pub use jwk::{KeyAlert, KeySet, KeySetFault, MAX_KEY_SET_BYTES, MAX_KEYS, Unusable, Unused};
pub use jwt::{
    Fault, HOST_TYP, Kind, MAX_BYTES, MAX_HEADER_BYTES, MAX_ID_TOKEN_BYTES, MAX_KID_BYTES, Part,
    Policy, Verified, verify,
};
