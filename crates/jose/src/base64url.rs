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

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515, appendix C, and every length of the last group.
    #[test]
    fn bytes_are_written_without_padding_and_read_back() {
        for (bytes, text) in [
            (&[3, 236, 255, 224, 193][..], "A-z_4ME"),
            (b"", ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Ok(bytes));
            let mut buffer = [0; 12];
            assert_eq!(decode_into(text, &mut buffer), Some(Ok(bytes)));
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "Zg==", "Zg=", "Zh", "Zm9", "Z", "Zm9vZ", "A+z/", "Zm 9v", "Zm9v\n", "Zm9é", "=",
        ] {
            assert_eq!(decode(text), Err(Malformed), "{text}");
            assert_eq!(
                decode_into(text, &mut [0; 12]),
                Some(Err(Malformed)),
                "{text}"
            );
        }
        assert_eq!(decode_into("AAAA", &mut [0; 4]), None);
    }
}
