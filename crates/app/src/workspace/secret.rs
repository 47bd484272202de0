use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mistake::{Flaw, hinted};

/// Where the publisher finds a secret. The secret itself is never in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A variable of the publisher's environment.
    Environment(String),
    /// A file on the publisher's machine; a relative path starts at the folder of the file that names it.
    File(String),
}

/// A secret, by reference: `${NAME}` of the publisher's environment, or `{ file: path }` on the publisher's machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SecretFile {
    /// `${NAME}`: a variable of the publisher's environment.
    Environment(String),
    /// A file on the publisher's machine.
    File(FileRef),
}

/// A file on the publisher's machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Its path; a relative one starts at the folder of this file.
    pub file: String,
}

impl SecretFile {
    /// # Errors
    /// The secret itself stands in the file; the mistake does not repeat it.
    pub(super) fn resolve(&self, pointer: &str) -> Result<SecretRef, Flaw> {
        match self {
            Self::Environment(text) => variable(text)
                .map(SecretRef::Environment)
                .ok_or_else(|| literal(pointer)),
            Self::File(FileRef { file }) if file.trim().is_empty() => Err(hinted(
                pointer,
                "the path of the secret's file is empty",
                "write `{ file: corp.secret }`",
            )),
            Self::File(FileRef { file }) => Ok(SecretRef::File(file.clone())),
        }
    }
}

fn variable(text: &str) -> Option<String> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (starts && goes_on).then(|| name.to_owned())
}

fn literal(pointer: &str) -> Flaw {
    hinted(
        pointer,
        "a secret must not stand in the file",
        "write `${NAME}` for a variable of the publisher's environment, or `{ file: PATH }`",
    )
}
