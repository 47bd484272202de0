//! Codes that a person reads on the finished page and types into the chat (PHI-8).
//!
//! Eight letters of an alphabet of twenty, without vowels (no words), and without letters that are taken
//! for one another: 34 bits. That is little, so a code is stored only as
//! [`DataKey::code_digest`](crate::DataKey::code_digest), and its tries are counted by the store.

use std::fmt;

use zeroize::Zeroizing;

/// The letters of a code (PHI-8).
pub const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// How many letters a code has.
pub const LETTERS: usize = 8;

/// A longer text is not a code, however it is spaced.
const MAX_TYPED_CHARS: usize = 64;

/// A code, or a text that has the shape of one: eight upper-case letters of [`ALPHABET`].
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<[u8; LETTERS]>);

impl Code {
    /// As the finished page shows it: `BCDF-GHJK`. The only way to read a code.
    pub fn shown(&self) -> Zeroizing<String> {
        let (left, right) = self.0.split_at(LETTERS / 2);
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + 1));
        text.extend(left.iter().map(|&letter| char::from(letter)));
        text.push('-');
        text.extend(right.iter().map(|&letter| char::from(letter)));
        text
    }

    pub(crate) fn letters(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// A new code. No letter is likelier than another by more than one part in 2^90.
///
/// `random` must be fresh random bytes.
pub fn from_random(random: [u8; 16]) -> Code {
    let mut number = u128::from_be_bytes(random);
    let mut letters = Zeroizing::new([0; LETTERS]);
    for letter in letters.iter_mut() {
        *letter = nth_letter(number);
        number /= ALPHABET.len() as u128;
    }
    Code(letters)
}

/// What was typed, if it has the shape of a code: any case, blanks and hyphens ignored.
///
/// Text of this shape must go to nobody but the sign-in step while a code is awaited (PHI-12).
pub fn shape(text: &str) -> Option<Code> {
    if text.chars().nth(MAX_TYPED_CHARS).is_some() {
        return None;
    }
    let mut letters = Zeroizing::new([0; LETTERS]);
    let mut places = letters.iter_mut();
    for typed in text.chars().filter(|&typed| !is_separator(typed)) {
        *places.next()? = letter(typed)?;
    }
    let complete = places.next().is_none();
    complete.then_some(Code(letters))
}

fn nth_letter(number: u128) -> u8 {
    let index = number % ALPHABET.len() as u128;
    ALPHABET[usize::try_from(index).unwrap_or_default()]
}

/// Telephones turn a hyphen into a dash by themselves, so all of U+2010..=U+2015 count as one.
fn is_separator(typed: char) -> bool {
    typed.is_whitespace() || matches!(typed, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn letter(typed: char) -> Option<u8> {
    let upper = u8::try_from(typed).ok()?.to_ascii_uppercase();
    ALPHABET.contains(&upper).then_some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Option<&str>) {
        let code = shape(typed).map(|code| code.shown().to_string());
        assert_eq!(code.as_deref(), expected, "{typed:?}");
    }

    /// Proves in part: PHI-8 (alphabet and shape; where it is shown, by whom it is typed and how tries are counted is the app's)
    #[test]
    fn a_typed_code_may_have_any_case_blanks_and_hyphens() {
        check("BCDFGHJK", Some("BCDF-GHJK"));
        check("bcdf-ghjk", Some("BCDF-GHJK"));
        check("  bCdF ghJk\n", Some("BCDF-GHJK"));
        check("b c d f\u{2013}g\u{a0}h j k", Some("BCDF-GHJK"));
        check("LMNPQRST", Some("LMNP-QRST"));
        check("vwxzvwxz", Some("VWXZ-VWXZ"));
    }

    #[test]
    fn other_text_has_not_the_shape_of_a_code() {
        check("", None);
        check("BCDFGHJ", None);
        check("BCDFGHJKL", None);
        check("ABCDFGHJ", None);
        check("BCDFGHJ1", None);
        check("BCDF_GHJK", None);
        check("\u{212a}CDFGHJK", None); // the sign for Kelvin is not the letter
        check("ＢCDFGHJK", None);
        check(&format!("BCDFGHJK{}", " ".repeat(57)), None);
        check("cancel", None);
        check("yes please", None);
    }

    #[test]
    fn every_letter_comes_up_about_equally_often() {
        let mut seen = [0_u32; 256];
        let mut number = 1_u128;
        for _ in 0..20_000 {
            // A congruential sequence (Knuth's MMIX constants, widened) stands in for random bytes.
            number = number
                .wrapping_mul(0x0000_0000_0000_0001_5851_f42d_4c95_7f2d)
                .wrapping_add(0x1405_7b7e_f767_814f);
            let code = from_random(digest_half(number));
            for &letter in code.letters() {
                seen[usize::from(letter)] += 1;
            }
        }
        let expected = 20_000 * 8 / 20;
        for &letter in ALPHABET {
            let count = seen[usize::from(letter)];
            assert!(
                count.abs_diff(expected) < expected / 20,
                "{letter} came up {count} times"
            );
        }
        assert_eq!(seen.iter().sum::<u32>(), 20_000 * 8);
    }

    fn digest_half(number: u128) -> [u8; 16] {
        let whole = crate::digest(&number.to_be_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&whole[..16]);
        half
    }

    #[test]
    fn a_new_code_has_the_shape_of_one() {
        let code = from_random([0xa5; 16]);
        assert_eq!(shape(&code.shown()), Some(code));
    }

    #[test]
    fn debug_shows_no_letter() {
        assert_eq!(format!("{:?}", from_random([3; 16])), "Code(..)");
    }
}
