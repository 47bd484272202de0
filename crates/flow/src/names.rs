//! Names that designers give, and what they probably meant.

/// Longest name.
const MAX: usize = 64;

/// Whether `name` may name a step or a flow.
pub(crate) fn is_step(name: &str) -> bool {
    is_name(name, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
    })
}

/// Whether `name` may name a variable.
pub(crate) fn is_variable(name: &str) -> bool {
    is_name(name, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_name(name: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins && name.len() <= MAX && name.bytes().all(allowed)
}

/// The name of `known` that is most like `name`, if any is like it at all.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).min(3))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["sign_in", "trips", "sorry"];
        let cases = [
            ("signin", Some("sign_in")),
            ("Tripps", Some("trips")),
            ("xyz", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(is_step("sign-in_2") && is_variable("_a1"));
        for bad in ["", "1a", "a b", "ä", "a.b", "-a"] {
            assert!(!is_step(bad) && !is_variable(bad), "{bad}");
        }
        assert!(!is_variable("a-b") && !is_step(&"a".repeat(65)));
    }
}
