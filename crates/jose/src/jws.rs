//! The compact serialisation (RFC 7515 §7.1), taken apart and decoded; nothing in it is believed yet.

use crate::alg::Alg;
use crate::base64url;
use crate::json::{Document, Item, Limits, Repeats};
use crate::jwt::{Fault, MAX_HEADER_BYTES, MAX_KID_BYTES, Part};

/// The longest signature there is: RSA with a modulus of 8192 bit. The decoder wants some room.
const SIGNATURE_BUFFER: usize = 1024 + 4;

/// The three parts, decoded.
pub(crate) struct Compact<'t> {
    /// What the signature is over: header and payload as they were sent.
    pub(crate) signing_input: &'t [u8],
    pub(crate) header: Header,
    /// Not to be read before the signature is known to be good.
    pub(crate) payload: Vec<u8>,
    signature: [u8; SIGNATURE_BUFFER],
    signature_len: usize,
}

impl<'t> Compact<'t> {
    /// Sizes are checked before anything is decoded (JWT-1), and all parts are decoded before the
    /// signature counts (JWT-2).
    pub(crate) fn parse(token: &'t str, max_bytes: usize) -> Result<Compact<'t>, Fault> {
        if token.len() > max_bytes {
            return Err(Fault::TooLong);
        }
        let Split {
            signing_input,
            header,
            payload,
            signature,
        } = Split::at_dots(token)?;
        let header = decode(header, Part::Header)?;
        let payload = decode(payload, Part::Payload)?;
        let mut buffer = [0; SIGNATURE_BUFFER];
        let signature_len = base64url::decode_into(signature, &mut buffer)
            .ok_or(Fault::SignatureLength)?
            .map_err(|_| Fault::Encoding(Part::Signature))?
            .len();
        Ok(Compact {
            signing_input: signing_input.as_bytes(),
            header: Header::read(header)?,
            payload,
            signature: buffer,
            signature_len,
        })
    }

    pub(crate) fn signature(&self) -> &[u8] {
        self.signature.get(..self.signature_len).unwrap_or_default()
    }
}

struct Split<'t> {
    signing_input: &'t str,
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Split<'t> {
    fn at_dots(token: &'t str) -> Result<Split<'t>, Fault> {
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Fault::NotThreeParts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Fault::NotThreeParts)?;
        if payload.contains('.') {
            return Err(Fault::NotThreeParts);
        }
        for (text, part) in [
            (header, Part::Header),
            (payload, Part::Payload),
            (signature, Part::Signature),
        ] {
            if text.is_empty() {
                return Err(Fault::EmptyPart(part));
            }
        }
        if header.len() > MAX_HEADER_BYTES {
            return Err(Fault::HeaderTooLong);
        }
        Ok(Split {
            signing_input,
            header,
            payload,
            signature,
        })
    }
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, Fault> {
    base64url::decode(text).map_err(|_| Fault::Encoding(part))
}

/// The header parameters we act on. `jwk`, `jku`, `x5u`, `x5c` and `x5t` are not among them, so no
/// token can bring or point to its own key (JWT-7).
pub(crate) struct Header {
    pub(crate) alg: Alg,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
}

impl Header {
    fn read(bytes: Vec<u8>) -> Result<Header, Fault> {
        let document =
            Document::read(bytes, Limits::TOKEN, Repeats::Refused).map_err(Fault::Header)?;
        let (mut alg, mut kid, mut typ) = (None, None, None);
        for (name, value) in document.root().members() {
            match name {
                "alg" => alg = Some(read_alg(text(value, "alg")?)?),
                "kid" => kid = Some(read_kid(text(value, "kid")?)?),
                "typ" => typ = Some(text(value, "typ")?.to_owned()),
                "cty" => refuse_nested(text(value, "cty")?)?,
                // JWT-8: we understand no critical parameter, and neither unencoded nor
                // compressed payloads.
                "crit" => return Err(Fault::Crit),
                "b64" => return Err(Fault::B64),
                "zip" => return Err(Fault::Zip),
                // RFC 7515 §4: what is not understood and not critical is ignored.
                _ => {}
            }
        }
        Ok(Header {
            alg: alg.ok_or(Fault::AlgMissing)?,
            kid,
            typ,
        })
    }
}

/// JWT-4: `none` is refused by name, before anything else could permit it.
fn read_alg(name: &str) -> Result<Alg, Fault> {
    if name.is_empty() {
        return Err(Fault::AlgMissing);
    }
    if name.eq_ignore_ascii_case("none") {
        return Err(Fault::AlgNone);
    }
    name.parse().map_err(|_| Fault::AlgUnknown)
}

fn read_kid(kid: &str) -> Result<String, Fault> {
    if kid.len() > MAX_KID_BYTES {
        return Err(Fault::KidTooLong);
    }
    Ok(kid.to_owned())
}

/// JWT-8: a token within a token is not unpacked.
fn refuse_nested(cty: &str) -> Result<(), Fault> {
    if cty.to_ascii_uppercase().contains("JWT") {
        return Err(Fault::Nested);
    }
    Ok(())
}

fn text<'d>(value: Item<'d>, name: &'static str) -> Result<&'d str, Fault> {
    value.text().ok_or(Fault::HeaderType(name))
}
