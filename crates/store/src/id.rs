//! Names of stored things.
//!
//! An id is 48 bits of time, in milliseconds, and 128 random bits (TEN-2): unguessable, and in the order
//! of making, so that new rows go to the end of their index. Its text is a prefix that says what it
//! names, then 36 characters of lower-case base 32 (Crockford's alphabet, which keeps the order). A
//! backend may store the 22 bytes instead.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// An id that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id that begins with `{prefix}`")]
pub struct NotAnId {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; BYTES]);

        impl $name {
            /// What its text begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id of the time `now`. All 128 bits of `random` must be.
            pub fn new(now: Timestamp, random: [u8; 16]) -> Self {
                Self(join(now, random))
            }

            /// Reads the text that `Display` writes, and nothing else.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(Self)
                    .ok_or(NotAnId { prefix: $prefix })
            }

            /// As a backend stores it.
            pub fn as_bytes(&self) -> &[u8; BYTES] {
                &self.0
            }

            /// From the bytes that [`as_bytes`](Self::as_bytes) gave.
            pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A conversation: one person (or group) and one agent on one channel.
    ConversationId = "con_";
    /// A run of an agent's flows within a conversation.
    SessionId = "ses_";
    /// One try to sign in: a link, then whatever becomes of it.
    AttemptId = "att_";
    /// The sealed tokens that came of a sign-in.
    GrantId = "gra_";
    /// A published workspace.
    VersionId = "ver_";
    /// An effect that waits to be run.
    OutboxId = "out_";
    /// Something said in a conversation.
    ActivityId = "act_";
}

/// Bytes of an id: 6 of time, 16 random.
pub const BYTES: usize = 22;

/// Characters of an id after its prefix: 176 bits, 5 each, the last one with 4 bits to spare.
const CHARS: usize = 36;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn join(now: Timestamp, random: [u8; 16]) -> [u8; BYTES] {
    // Before 1970 there were no ids; after the year 10889 they are no longer in order.
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let mut bytes = [0; BYTES];
    let (time, rest) = bytes.split_at_mut(6);
    time.copy_from_slice(&millis.to_be_bytes()[2..]);
    rest.copy_from_slice(&random);
    bytes
}

/// Writes `bytes` without prefix.
fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8; BYTES]) -> fmt::Result {
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            fmt::Write::write_char(f, letter(bits >> held))?;
        }
    }
    fmt::Write::write_char(f, letter(bits << (5 - held)))
}

fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits & 31) as usize])
}

fn decode(text: &str) -> Option<[u8; BYTES]> {
    if text.len() != CHARS {
        return None;
    }
    let (mut bits, mut held, mut filled) = (0_u32, 0_u32, 0);
    let mut bytes = [0; BYTES];
    for letter in text.bytes() {
        bits = (bits << 5) | value(letter)?;
        held += 5;
        if held >= 8 && filled < BYTES {
            held -= 8;
            bytes[filled] = (bits >> held).to_le_bytes()[0];
            filled += 1;
        }
    }
    // One id, one text: the spare bits are zero.
    (bits.trailing_zeros() >= 4).then_some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    let position = ALPHABET.iter().position(|l| *l == letter)?;
    u32::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    /// Proves in part: TEN-2 (that no address holds anything else is the server's)
    #[test]
    fn every_random_bit_is_in_the_id_and_nothing_counts() {
        let now = at(1_700_000_000_000);
        let plain = GrantId::new(now, [0; 16]);
        for bit in 0..128 {
            let mut random = [0; 16];
            random[bit / 8] |= 1 << (bit % 8);
            assert_ne!(GrantId::new(now, random).to_string(), plain.to_string());
        }
        assert_eq!(GrantId::new(now, [0; 16]), plain);
    }

    #[test]
    fn the_text_is_a_prefix_and_thirty_six_characters() {
        let id = ConversationId::new(at(1_700_000_000_000), [0xff; 16]);
        assert_eq!(id.to_string(), "con_065wzsb803zzzzzzzzzzzzzzzzzzzzzzzzzg");
        assert_eq!(format!("{id:?}"), id.to_string());
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }

    #[test]
    fn text_and_bytes_lead_back_to_the_id() {
        for seed in 0_u8..=255 {
            let random =
                std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i.to_le_bytes()[0] * 7));
            let id = AttemptId::new(at(i64::from(seed) * 7_777_777_777), random);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(AttemptId::from_bytes(*id.as_bytes()), id);
            let text = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<AttemptId>(&text).unwrap(), id);
        }
    }

    #[test]
    fn ids_and_their_texts_stand_in_the_order_of_their_making() {
        let early = SessionId::new(at(1_700_000_000_000), [0xff; 16]);
        let late = SessionId::new(at(1_700_000_000_001), [0; 16]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn other_texts_are_refused() {
        let good = SessionId::new(at(1), [0; 16]).to_string();
        let other_kind = good.replace("ses_", "con_");
        let upper = SessionId::new(at(1), [0xff; 16])
            .to_string()
            .replace('z', "Z");
        let spare_bits = format!("{}1", &good[..good.len() - 1]);
        let short = &good[..good.len() - 1];
        let long = format!("{good}0");
        for bad in [
            "",
            "ses_",
            &other_kind,
            &upper,
            &spare_bits,
            short,
            &long,
            &good.replace('0', "u"),
        ] {
            assert_eq!(
                SessionId::parse(bad),
                Err(NotAnId { prefix: "ses_" }),
                "{bad:?}"
            );
        }
    }
}
