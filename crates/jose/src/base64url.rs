//! Strict base64url (RFC 4648 §5): no padding, no whitespace, no other alphabet, unused bits zero.
//!
//! So every byte string has exactly one encoding, and no token has a second spelling (JWT-2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text is not the one strict encoding of any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not strict base64url")]
pub struct Malformed;

/// Encodes without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes, or refuses anything but the strict form.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformed)
}

/// Decodes into `buffer` and returns the part that was filled; `None` if `buffer` is too small.
pub(crate) fn decode_into<'b>(
    text: &str,
    buffer: &'b mut [u8],
) -> Option<Result<&'b [u8], Malformed>> {
    if text.len() / 4 * 3 + 2 > buffer.len() {
        return None;
    }
    let decoded = URL_SAFE_NO_PAD.decode_slice(text, buffer);
    Some(match decoded {
        Ok(length) => buffer.get(..length).ok_or(Malformed),
        Err(_) => Err(Malformed),
    })
}
