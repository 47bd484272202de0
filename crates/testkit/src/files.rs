//! What is published, as a test puts it together.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A workspace folder in memory: path to text.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    /// The examples, as they are shipped.
    pub fn examples() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let mut files = BTreeMap::new();
        read(&root, &root, &mut files);
        Self(files)
    }

    /// The organization `acme` with its one connection `corp`, and no agent.
    pub fn acme() -> Self {
        let mut files = Self::examples();
        files.0.retain(|path, _| !path.contains("/agents/"));
        files
    }

    /// One more file, or another text for one.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Without the files whose path begins so.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.0.retain(|held, _| !held.starts_with(path));
        self
    }

    /// With `to` wherever `from` stood in this file, which must have it.
    #[must_use]
    pub fn replacing(mut self, path: &str, from: &str, to: &str) -> Self {
        let text = self.0.get_mut(path).expect("the file is there");
        assert!(text.contains(from), "`{path}` does not say `{from}`");
        *text = text.replace(from, to);
        self
    }

    /// With `to` wherever `from` stood in any file.
    #[must_use]
    pub fn replacing_everywhere(mut self, from: &str, to: &str) -> Self {
        self.0
            .values_mut()
            .for_each(|text| *text = text.replace(from, to));
        self
    }

    /// One more agent of `acme`, with a single flow of these steps, signing in to `corp`.
    ///
    /// `steps` is the YAML list below `steps:`; `before` what stands above it, such as `variables:`.
    #[must_use]
    pub fn agent(self, name: &str, before: &str, steps: &str) -> Self {
        let flow = format!("flow: main\nstarts: chat\n{before}\nsteps:\n{steps}\n");
        self.agent_of("acme", name, &flow)
    }

    /// One more agent, with a single flow: the whole text of its file.
    #[must_use]
    pub fn agent_of(self, organization: &str, name: &str, flow: &str) -> Self {
        let folder = format!("organizations/{organization}/agents/{name}");
        let agent = format!(
            "agent: {name}\ntitle: Agent {name}\nsecurity:\n  sign_in: {{ connection: corp }}\nstart: main\n"
        );
        self.with(&format!("{folder}/agent.yaml"), &agent)
            .with(&format!("{folder}/flows/main.yaml"), flow)
    }

    /// One more connection of `acme`: a copy of `corp` at the provider `issuer`, with the API there.
    #[must_use]
    pub fn connection(self, code: &str, issuer: &str) -> Self {
        let text = self
            .text(CORP)
            .replace("connection: corp", &format!("connection: {code}"));
        let text = text
            .replace(super::ISSUER, issuer)
            .replace(API, issuer)
            .replace("Acme sign-in", &format!("Sign-in {code}"));
        self.with(
            &format!("organizations/acme/connections/{code}.yaml"),
            &text,
        )
    }

    /// One more organization, with its connection `corp` and the agents of `acme` so far.
    #[must_use]
    pub fn organization(mut self, name: &str) -> Self {
        let acme = "organizations/acme/";
        let copies: Vec<(String, String)> = self
            .0
            .iter()
            .filter_map(|(path, text)| {
                let rest = path.strip_prefix(acme)?;
                let text = text.replace("organization: acme", &format!("organization: {name}"));
                Some((format!("organizations/{name}/{rest}"), text))
            })
            .collect();
        self.0.extend(copies);
        self
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> String {
        self.0.get(path).expect("the file is there").clone()
    }

    /// Paths and texts.
    pub fn into_vec(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }
}

/// The one connection of the examples.
pub(crate) const CORP: &str = "organizations/acme/connections/corp.yaml";
/// The examples' protected API.
pub(crate) const API: &str = "https://api.acme.example";

fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).expect("the examples are there");
    let paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    for path in paths {
        if path.is_dir() {
            read(root, &path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let name = path.strip_prefix(root).expect("it lies below");
            let text = fs::read_to_string(&path).expect("it can be read");
            files.insert(name.to_string_lossy().into_owned(), text);
        }
    }
}
