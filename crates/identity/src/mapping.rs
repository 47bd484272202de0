//! Which field of the profile receives which attribute of an identity answer (IDN-2).

use serde_json::Value;

/// The entity whose fields a mapping fills.
const ENTITY: &str = "ChatUser";

/// Fields that the engine writes: an answer must not forge a token or a link.
const RESERVED: [&str; 2] = ["SSOToken", "OauthAccessURL"];

const MAX_FIELD_CHARS: usize = 64;

/// A checked mapping: fields of `ChatUser`, and where the answer holds their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(Vec<(Field, Path)>);

impl Mapping {
    /// Reads entries such as `ChatUser.Email` -> `email`.
    ///
    /// The attribute may sit deeper, its path divided by dots: `access_token.email` (USR-11). A name that holds
    /// a dot itself is written as a JSON pointer (RFC 6901): `/https:~1~1acme.example~1unit`.
    ///
    /// # Errors
    /// Every faulty entry, in the order in which they were given.
    pub fn parse<K, V>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Mapping, Vec<MappingFault>>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut mapped = Vec::new();
        let mut faults = Vec::new();
        for (key, path) in entries {
            match entry(key.as_ref(), path.as_ref()) {
                Ok(entry) => mapped.push(entry),
                Err(reason) => faults.push(MappingFault {
                    key: key.as_ref().to_owned(),
                    reason,
                }),
            }
        }
        if faults.is_empty() {
            Ok(Mapping(mapped))
        } else {
            Err(faults)
        }
    }

    /// The fields that `answer` fills, named without `ChatUser.`, in the order of the mapping.
    ///
    /// What the answer lacks, or holds as `null`, is left out, so that an earlier value stays.
    pub fn apply(&self, answer: &Value) -> Vec<(String, Value)> {
        let filled =
            |(field, path): &(Field, Path)| Some((field.0.clone(), path.find(answer)?.clone()));
        self.0.iter().filter_map(filled).collect()
    }
}

/// An entry of a mapping that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct MappingFault {
    /// The entry's key, as it was written.
    pub key: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with an entry of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The key is not a field of `ChatUser`.
    #[error("a mapping fills fields of `ChatUser`, such as `ChatUser.Email`")]
    NotAField,
    /// The field is the engine's own.
    #[error("`ChatUser.SSOToken` and `ChatUser.OauthAccessURL` are never filled by a mapping")]
    Reserved,
    /// The value is no path into an answer.
    #[error(
        "the value must name an attribute of the answer, such as `email` or `access_token.email`"
    )]
    NotAPath,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field(String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Path {
    Dotted(Vec<String>),
    Pointer(String),
}

impl Path {
    fn find<'a>(&self, answer: &'a Value) -> Option<&'a Value> {
        let found = match self {
            Path::Dotted(names) => names
                .iter()
                .try_fold(answer, |inside, name| inside.as_object()?.get(name)),
            Path::Pointer(pointer) => answer.pointer(pointer),
        };
        found.filter(|value| !value.is_null())
    }
}

fn entry(key: &str, path: &str) -> Result<(Field, Path), Reason> {
    Ok((field(key)?, parse_path(path)?))
}

fn field(key: &str) -> Result<Field, Reason> {
    let name = key
        .strip_prefix(ENTITY)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or(Reason::NotAField)?;
    if RESERVED.contains(&name) {
        return Err(Reason::Reserved);
    }
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts && goes_on && name.len() <= MAX_FIELD_CHARS {
        Ok(Field(name.to_owned()))
    } else {
        Err(Reason::NotAField)
    }
}

fn parse_path(path: &str) -> Result<Path, Reason> {
    if path.starts_with('/') {
        return Ok(Path::Pointer(path.to_owned()));
    }
    let names: Vec<String> = path.split('.').map(str::to_owned).collect();
    let faulty = |name: &String| name.is_empty() || name.contains(char::is_whitespace);
    if names.iter().any(faulty) {
        Err(Reason::NotAPath)
    } else {
        Ok(Path::Dotted(names))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(entries: &[(&str, &str)], answer: &Value, expected: &[(&str, Value)]) {
        let filled = Mapping::parse(entries.iter().copied())
            .unwrap()
            .apply(answer);
        let filled: Vec<(&str, Value)> = filled
            .iter()
            .map(|(field, value)| (field.as_str(), value.clone()))
            .collect();
        assert_eq!(filled, expected);
    }

    /// Proves in part: IDN-2 (that the fields are written at the next sign-in needs a whole one)
    #[test]
    fn the_mapping_alone_decides_which_field_receives_which_value() {
        let answer =
            json!({"email": "ada@acme.example", "given_name": "Ada", "age": 36, "title": null});
        check(
            &[
                ("ChatUser.Email", "email"),
                ("ChatUser.FirstName", "given_name"),
                ("ChatUser.Age", "age"),
            ],
            &answer,
            &[
                ("Email", json!("ada@acme.example")),
                ("FirstName", json!("Ada")),
                ("Age", json!(36)),
            ],
        );
        check(
            &[("ChatUser.Contact", "email")],
            &answer,
            &[("Contact", json!("ada@acme.example"))],
        );
        check(
            &[("ChatUser.Title", "title"), ("ChatUser.Unit", "unit")],
            &answer,
            &[],
        );
        check(&[], &answer, &[]);
    }

    /// Proves in part: USR-11 (people are not provisioned yet)
    #[test]
    fn attributes_are_read_from_a_nested_object() {
        let answer = json!({
            "access_token": {"email": "ada@acme.example", "userid": "ada", "firstname": "Ada"},
            "scope": "openid profile", "token_type": "urn:pingidentity.com:oauth2:validated_token",
            "expires_in": 7199, "client_id": "usher",
        });
        check(
            &[
                ("ChatUser.Email", "access_token.email"),
                ("ChatUser.UserId", "access_token.userid"),
            ],
            &answer,
            &[
                ("Email", json!("ada@acme.example")),
                ("UserId", json!("ada")),
            ],
        );
        check(
            &[
                ("ChatUser.Email", "email"),
                ("ChatUser.Name", "access_token.email.more"),
            ],
            &answer,
            &[],
        );
        check(
            &[
                ("ChatUser.Scope", "scope.length"),
                ("ChatUser.Client", "/client_id"),
            ],
            &answer,
            &[("Client", json!("usher"))],
        );
    }

    #[test]
    fn a_name_with_dots_is_reached_by_a_pointer() {
        let answer = json!({"https://acme.example/unit": "Travel", "groups": ["staff", "pilots"]});
        check(
            &[
                ("ChatUser.Unit", "/https:~1~1acme.example~1unit"),
                ("ChatUser.Group", "/groups/1"),
            ],
            &answer,
            &[("Unit", json!("Travel")), ("Group", json!("pilots"))],
        );
    }

    #[track_caller]
    fn refused(key: &str, path: &str, reason: Reason) {
        let faults = Mapping::parse([("ChatUser.Fine", "fine"), (key, path)]).unwrap_err();
        assert_eq!(
            faults,
            [MappingFault {
                key: key.to_owned(),
                reason
            }]
        );
    }

    #[test]
    fn a_faulty_entry_is_named_with_its_reason() {
        refused("Email", "email", Reason::NotAField);
        refused("ChatUser", "email", Reason::NotAField);
        refused("ChatUser.", "email", Reason::NotAField);
        refused("ChatUser.A.B", "email", Reason::NotAField);
        refused("ChatUser.1st", "email", Reason::NotAField);
        refused("chatuser.Email", "email", Reason::NotAField);
        refused("Auth.email", "email", Reason::NotAField);
        refused("ChatUser.SSOToken", "email", Reason::Reserved);
        refused("ChatUser.OauthAccessURL", "email", Reason::Reserved);
        refused("ChatUser.Email", "", Reason::NotAPath);
        refused("ChatUser.Email", "a..b", Reason::NotAPath);
        refused("ChatUser.Email", "{{ email }}", Reason::NotAPath);
    }

    #[test]
    fn all_faulty_entries_are_told_at_once() {
        let faults =
            Mapping::parse([("Email", "email"), ("ChatUser.Email", ""), ("x", "y")]).unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["Email", "ChatUser.Email", "x"]);
    }
}
