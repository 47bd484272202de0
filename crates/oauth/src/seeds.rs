//! Random bytes, as they come in, turned into text for the wire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 32 bytes as 43 characters of base64url (RFC 7636 §4.1 asks for 43 to 128).
pub(crate) fn text(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 of a text, as 43 characters of base64url: the S256 of RFC 7636 §4.2.
pub(crate) fn digest(text: &str) -> String {
    use sha2::Digest as _;
    URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(text.as_bytes()))
}
