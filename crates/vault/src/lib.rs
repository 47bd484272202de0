//! The only place that opens a sealed token.
//!
//! Two levels of keys (SEA-3): the key-encryption keys of the installation, a [`KeyRing`], wrap one
//! [`DataKey`] for each organization; the data key seals that organization's tokens, client secrets and
//! verifiers. Deleting the wrapped key makes every copy of them unreadable, backups included.
//!
//! A sealed value opens only at its own [`Place`]: organization, table, column, row and owner are bound
//! into it (SEA-2). Nothing here has a clock or randomness: nonces and keys come in as bytes, which must be
//! random and never used twice (SEA-1).

pub mod code;
mod digest;
pub mod grant;
mod keyring;
mod seal;

pub use digest::{digest, same};
pub use keyring::{EXAMPLE_KEYS, KeyFault, KeyRing, RingFault, parse_key};
pub use seal::{DataKey, IdFault, NONCE_BYTES, OpenFault, Place, SealFault};
