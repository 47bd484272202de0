//! The sample workspace, which is `examples/` of the repository, inside the program.

use std::collections::BTreeSet;

use app::publish::{Folder, ResolvedSecret};
use rust_embed::RustEmbed;
use secrecy::SecretString;

#[derive(RustEmbed)]
#[folder = "../../examples"]
struct Examples;

/// In whose place the rehearsal provider stands.
const PROVIDER: &str = "https://login.acme.example";
const API: &str = "https://api.acme.example";

/// The one connection whose secret the provider knows.
const CONNECTION: (&str, &str) = ("acme", "corp");

/// The examples with the rehearsal provider, and its protected API, in the place of the real one.
pub(super) fn folder(issuer: &str, client_secret: &str) -> Folder {
    let (organization, connection) = CONNECTION;
    let files = files().map(|(path, text)| {
        let text = text.replace(PROVIDER, issuer).replace(API, issuer);
        (path, text)
    });
    Folder {
        files: files.collect(),
        secrets: vec![ResolvedSecret {
            organization: organization.to_owned(),
            connection: connection.to_owned(),
            secret: SecretString::from(client_secret),
        }],
    }
}

/// The organizations of the examples.
pub(super) fn organizations() -> BTreeSet<String> {
    let name = |(path, _): (String, String)| {
        let rest = path.strip_prefix("organizations/")?;
        Some(rest.split('/').next()?.to_owned())
    };
    files().filter_map(name).collect()
}

fn files() -> impl Iterator<Item = (String, String)> {
    Examples::iter()
        .filter(|path| path.starts_with("organizations/") && path.ends_with(".yaml"))
        .filter_map(|path| {
            let file = Examples::get(&path)?;
            let text = String::from_utf8(file.data.into_owned()).ok()?;
            Some((path.into_owned(), text))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_have_no_mistake_and_lead_to_the_provider_alone() {
        let folder = folder("http://127.0.0.1:4000", "s3cret");
        let rules = oauth::Rules { development: true };
        let workspace = app::workspace::read(&folder.files, &rules).unwrap();
        assert_eq!(workspace.organizations.len(), organizations().len());
        for (path, text) in &folder.files {
            assert!(!text.contains("acme.example"), "{path}");
        }
        let secrets = app::workspace::secret_refs(&workspace);
        let named: Vec<_> = secrets
            .iter()
            .map(|(organization, code, _)| (*organization, *code))
            .collect();
        assert_eq!(named, [CONNECTION]);
    }
}
