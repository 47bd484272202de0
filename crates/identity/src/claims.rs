//! Claims of a verified ID token, as a flow reads them: `Auth.email`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Readable without being listed (IDN-5); the last one also decides IDN-7.
pub const USUAL: [&str; 7] = [
    "sub",
    "iss",
    "name",
    "given_name",
    "family_name",
    "email",
    "email_verified",
];

/// An account label has at most this many characters.
pub const MAX_ACCOUNT_CHARS: usize = 64;

const MAX_LISTED: usize = 64;
const MAX_NAME_CHARS: usize = 128;

/// The claims that a connection lists beyond the [usual](USUAL) ones (IDN-6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(BTreeSet<String>);

impl Wanted {
    /// Reads a list such as `preferred_username, tid, groups`. Blanks around a name and empty places do not count.
    ///
    /// # Errors
    /// A name with a blank in it most likely lacks a comma.
    pub fn parse(list: &str) -> Result<Wanted, WantedFault> {
        let names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let names = names
            .map(checked_name)
            .collect::<Result<BTreeSet<_>, _>>()?;
        if names.len() > MAX_LISTED {
            return Err(WantedFault::TooMany {
                listed: names.len(),
            });
        }
        Ok(Wanted(names))
    }

    /// The listed names, each once, in the order of their letters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Why a list of claims is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WantedFault {
    /// A blank or a control character inside a name.
    #[error("`{name}` is not the name of a claim: names are separated by commas")]
    NotAName {
        /// What stands between two commas.
        name: String,
    },
    /// A name beyond 128 characters.
    #[error("the name of a claim has at most {MAX_NAME_CHARS} characters")]
    NameTooLong,
    /// More than 64 names.
    #[error("{listed} claims are listed; at most {MAX_LISTED} may be")]
    TooMany {
        /// How many.
        listed: usize,
    },
}

/// What the flow may read as `Auth`: the usual claims that are there, and every listed one, `null` when missing (IDN-5, IDN-6).
///
/// `claims` must come out of a verified ID token (IDN-8). No other claim is exposed.
pub fn auth(claims: &Map<String, Value>, wanted: &Wanted) -> Map<String, Value> {
    let usual = USUAL
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), claims.get(name)?.clone())));
    let listed = wanted.names().map(|name| {
        (
            name.to_owned(),
            claims.get(name).cloned().unwrap_or(Value::Null),
        )
    });
    usual.chain(listed).collect()
}

/// Whether the provider states that the e-mail address is verified (IDN-7).
///
/// OpenID Connect Core 1.0 §5.1 makes it a JSON boolean; the text `"true"` is not one (PRV-1).
pub fn email_verified(claims: &Map<String, Value>) -> bool {
    claims.get("email_verified") == Some(&Value::Bool(true))
}

/// What to call the account towards the person (PHI-11): its e-mail address, or its user name, or its name.
///
/// At most [`MAX_ACCOUNT_CHARS`] characters, none of which can break or turn round a line. It is no key: two
/// accounts may have the same label. Whoever shows it still escapes it for the place.
pub fn account(claims: &Map<String, Value>) -> Option<String> {
    let texts = ["email", "preferred_username", "name"]
        .into_iter()
        .filter_map(|name| claims.get(name)?.as_str());
    texts.map(label).find(|label| !label.is_empty())
}

fn checked_name(name: &str) -> Result<String, WantedFault> {
    if name.chars().nth(MAX_NAME_CHARS).is_some() {
        return Err(WantedFault::NameTooLong);
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(WantedFault::NotAName {
            name: name.escape_debug().to_string(),
        });
    }
    Ok(name.to_owned())
}

fn label(text: &str) -> String {
    let plain: String = text.chars().filter(|&c| !is_unseen(c)).collect();
    let plain = plain.trim();
    if plain.chars().nth(MAX_ACCOUNT_CHARS).is_none() {
        return plain.to_owned();
    }
    let mut cut: String = plain.chars().take(MAX_ACCOUNT_CHARS - 1).collect();
    cut.push('…');
    cut
}

/// Controls, marks that change the direction of text, line and paragraph separators, blanks of no width.
/// The joiners U+200C and U+200D stay: Persian and Indic names need them.
fn is_unseen(c: char) -> bool {
    let directs = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(
        c,
        '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{2060}' | '\u{feff}'
    );
    c.is_control() || directs || breaks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[track_caller]
    fn check(claims: Value, wanted: &str, expected: &Value) {
        let wanted = Wanted::parse(wanted).unwrap();
        assert_eq!(&Value::Object(auth(&map(claims), &wanted)), expected);
    }

    fn a_token() -> Value {
        json!({
            "iss": "https://login.acme.example", "sub": "u1", "aud": "usher", "exp": 1, "iat": 1, "nonce": "n",
            "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace",
            "email": "ada@acme.example", "email_verified": true,
            "preferred_username": "ada", "groups": ["staff"], "phone_number": "+44",
        })
    }

    /// Proves in part: IDN-5 (that a sign-in fills `Auth` by it is shown elsewhere)
    #[test]
    fn the_usual_claims_are_there_without_configuration() {
        let usual = json!({
            "sub": "u1", "iss": "https://login.acme.example", "name": "Ada Lovelace", "given_name": "Ada",
            "family_name": "Lovelace", "email": "ada@acme.example", "email_verified": true,
        });
        check(a_token(), "", &usual);
        check(
            json!({"sub": "u1", "email": "a@b.example"}),
            "",
            &json!({"sub": "u1", "email": "a@b.example"}),
        );
    }

    /// Proves in part: IDN-6 (that a sign-in fills `Auth` by it is shown elsewhere)
    #[test]
    fn exactly_the_listed_claims_are_added_and_a_missing_one_is_null() {
        let minimal = || json!({"sub": "u1", "preferred_username": "ada", "groups": ["staff"], "phone_number": "+44"});
        let added =
            json!({"sub": "u1", "preferred_username": "ada", "tid": null, "groups": ["staff"]});
        check(minimal(), "preferred_username, tid, groups", &added);
        check(minimal(), "preferred_username,tid,groups", &added);
        check(
            minimal(),
            " preferred_username ,, tid,groups, groups,",
            &added,
        );
        check(minimal(), "", &json!({"sub": "u1"}));
        check(minimal(), "email", &json!({"sub": "u1", "email": null}));
    }

    #[test]
    fn a_list_without_commas_is_refused() {
        let fault = |list: &str| Wanted::parse(list).unwrap_err();
        assert_eq!(
            fault("tid groups"),
            WantedFault::NotAName {
                name: "tid groups".into()
            }
        );
        assert_eq!(
            fault("tid\u{0}x"),
            WantedFault::NotAName {
                name: "tid\\0x".into()
            }
        );
        assert_eq!(fault(&"x".repeat(129)), WantedFault::NameTooLong);
        let many: Vec<String> = (0..65).map(|n| format!("c{n}")).collect();
        assert_eq!(fault(&many.join(",")), WantedFault::TooMany { listed: 65 });
    }

    /// Proves in part: IDN-7 (the switch, and the refusal's reason, need a whole sign-in)
    #[test]
    fn only_the_boolean_true_states_a_verified_address() {
        let states = |claims| email_verified(&map(claims));
        assert!(states(json!({"email_verified": true})));
        for other in [
            json!(false),
            json!("true"),
            json!(1),
            json!(null),
            json!([true]),
            json!({"value": true}),
        ] {
            assert!(!states(json!({"email_verified": other})), "{other}");
        }
        assert!(!states(json!({})));
        assert!(!states(json!({"verified_email": true})));
    }

    #[track_caller]
    fn called(claims: Value, expected: Option<&str>) {
        assert_eq!(account(&map(claims)).as_deref(), expected);
    }

    /// Proves in part: PHI-11 (the label; that the chat says it is the app's)
    #[test]
    fn an_account_is_called_by_its_address_then_its_user_name_then_its_name() {
        called(a_token(), Some("ada@acme.example"));
        called(
            json!({"preferred_username": "ada", "name": "Ada"}),
            Some("ada"),
        );
        called(
            json!({"email": "  ", "preferred_username": 7, "name": "Ada"}),
            Some("Ada"),
        );
        called(json!({"sub": "u1"}), None);
    }

    #[test]
    fn a_hostile_label_cannot_turn_or_break_a_line() {
        called(
            json!({"name": "a\u{202e}b\u{2066}c\u{61c}d\r\ne\u{0}\u{2028}f\u{feff}"}),
            Some("abcdef"),
        );
        called(json!({"name": "نی\u{200c}لوفر"}), Some("نی\u{200c}لوفر"));
        called(
            json!({"name": "x".repeat(64)}),
            Some("x".repeat(64).as_str()),
        );
        called(
            json!({"name": "é".repeat(10_000)}),
            Some(format!("{}…", "é".repeat(63)).as_str()),
        );
    }
}
