//! Names of identity providers stand in the quirks and in their end-to-end folders only.

use super::{Finding, OURSELVES};
use crate::tree::{File, Tree};

/// Whole words, in any case. (`ping` alone is a WebSocket frame.)
const NAMES: &[&str] = &[
    "entra",
    "azure",
    "microsoft",
    "google",
    "okta",
    "auth0",
    "keycloak",
    "pingfederate",
    "pingidentity",
    "pingone",
    "onelogin",
    "cognito",
    "facebook",
    "github",
    "gitlab",
    "zitadel",
    "authentik",
    "glewlwyd",
    "canaille",
];

/// Where they may stand.
const HOMES: &[&str] = &[
    "crates/oauth/src/quirks/",
    // Tests of the quirks.
    "crates/oauth/tests/",
    "e2e/providers/",
];

/// Folders that the rule looks at; pages for people name providers as they please.
const LOOKED_AT: &[&str] = &["crates/", "e2e/", "fuzz/", "web/"];

/// Phrases that are no identity provider, or a word of the file format.
struct Phrase {
    text: &'static str,
    /// Folders in which the phrase is fine; empty for everywhere.
    folders: &'static [&'static str],
}

const PHRASES: &[Phrase] = &[
    // Content types and service addresses of the Bot Framework's wire protocol.
    Phrase {
        text: "application/vnd.microsoft.",
        folders: &[],
    },
    Phrase {
        text: "vnd.microsoft.card",
        folders: &[],
    },
    Phrase {
        text: "Microsoft Bot Framework",
        folders: &[],
    },
    // Protocol names of a workspace's `exchange.kind`.
    Phrase {
        text: "entra_on_behalf_of",
        folders: &[],
    },
    Phrase {
        text: "EntraOnBehalfOf",
        folders: &[],
    },
    // The type of a token in answers that are read by configuration alone (USR-11).
    Phrase {
        text: "urn:pingidentity.com:",
        folders: &["crates/identity/"],
    },
    // A part of the stock chat client that is left out of its package.
    Phrase {
        text: "microsoft-cognitiveservices-speech-sdk",
        folders: &["web/package.json"],
    },
    Phrase {
        text: "on-behalf-of flow of Entra ID",
        folders: &["crates/app/src/workspace/"],
    },
    // A folder of the place where code is kept.
    Phrase {
        text: ".github/",
        folders: &[],
    },
    // Addresses of code, not of a provider.
    Phrase {
        text: "https://github.com/",
        folders: &[],
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|file| looked_at(file))
        .flat_map(names_in)
        .collect()
}

fn looked_at(file: &File) -> bool {
    let starts = |folders: &[&str]| folders.iter().any(|folder| file.path.starts_with(folder));
    starts(LOOKED_AT) && !starts(HOMES) && !starts(&[OURSELVES]) && !is_lock(file)
}

fn is_lock(file: &File) -> bool {
    file.path.ends_with("-lock.json") || file.ends_in(&["lock"])
}

fn names_in(file: &File) -> Vec<Finding> {
    let message = |name: &str| format!("names the provider `{name}` outside {}", HOMES[0]);
    let findings = |(number, line): (usize, &str)| {
        let line = without_phrases(line, &file.path);
        let name = NAMES
            .iter()
            .find(|name| words(&line).any(|word| word == **name))?;
        Some(Finding::at(file, number, message(name)))
    };
    file.lines().filter_map(findings).collect()
}

fn without_phrases(line: &str, path: &str) -> String {
    let fits = |phrase: &&Phrase| {
        phrase.folders.is_empty() || phrase.folders.iter().any(|folder| path.starts_with(folder))
    };
    PHRASES
        .iter()
        .filter(fits)
        .fold(line.to_owned(), |line, p| line.replace(p.text, " "))
}

/// Words in lower case: `OktaQuirk` and `okta_quirk` both give `okta` and `quirk`.
fn words(line: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in line.chars() {
        if !c.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.into_iter().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn providers_are_named_in_their_place_only() {
        for (path, line, wrong) in [
            ("crates/oauth/src/quirks/okta.rs", "struct Okta;", false),
            (
                "crates/oauth/src/token.rs",
                "// Okta sends a number here",
                true,
            ),
            ("crates/app/src/lib.rs", "fn is_keycloak_like() {}", true),
            ("crates/app/src/lib.rs", "struct GoogleQuirk;", true),
            ("crates/app/src/lib.rs", "let central = okto;", false),
            ("crates/server/src/socket.rs", "Message::Ping(data)", false),
            (
                "crates/server/src/channels/card.rs",
                "application/vnd.microsoft.card.hero",
                false,
            ),
            (
                "crates/server/src/channels/card.rs",
                "// Microsoft says so",
                true,
            ),
            ("e2e/providers/keycloak/start.sh", "keycloak", false),
            ("e2e/journeys/a.test.mjs", "// as in Keycloak", true),
            ("docs/guide.md", "Register it at Okta.", false),
        ] {
            let found = findings(check, &[(path, line)]);
            assert_eq!(!found.is_empty(), wrong, "{path}: {line}: {found:?}");
        }
    }
}
