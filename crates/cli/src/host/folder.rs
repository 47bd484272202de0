//! A workspace folder on this machine, and the secrets that it refers to.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use app::{
    publish::{Folder, ResolvedSecret},
    workspace::{self, Mistake, SecretRef, Workspace},
};
use secrecy::{ExposeSecret as _, SecretString};
use walkdir::{DirEntry, WalkDir};

use super::environment::Environment;

/// The most files of a workspace.
const FILES: usize = 2_000;
/// The largest file, in bytes.
const FILE_BYTES: u64 = 1_000_000;
/// The largest secret, in bytes.
const SECRET_BYTES: u64 = 64 * 1024;
/// What is read of a workspace.
const ORGANIZATIONS: &str = "organizations";

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is none.
    #[error("{} is no workspace: it has no folder `organizations`", .0.display())]
    NoWorkspace(PathBuf),
    /// Something in it could not be read.
    #[error("{} could not be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its name or content is not UTF-8.
    #[error("{} is no text in UTF-8", .0.display())]
    NoText(PathBuf),
    /// A file outside the folder could be meant.
    #[error("{} is a symbolic link, and those are not followed", .0.display())]
    Link(PathBuf),
    /// It is too large.
    #[error("{} has more than {FILE_BYTES} bytes", .0.display())]
    LargeFile(PathBuf),
    /// There are too many.
    #[error("{} has more than {FILES} files", .0.display())]
    ManyFiles(PathBuf),
}

impl FolderError {
    fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}

/// Reads the YAML files below `organizations`, as (path below `directory` with `/`, text), sorted.
///
/// What begins with a dot is passed over.
pub fn read(directory: &Path) -> Result<Vec<(String, String)>, FolderError> {
    let organizations = directory.join(ORGANIZATIONS);
    if !organizations.is_dir() {
        return Err(FolderError::NoWorkspace(directory.to_owned()));
    }
    let mut files = Vec::new();
    for entry in WalkDir::new(&organizations)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !is_hidden(entry))
    {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(&organizations).to_owned();
            FolderError::unreadable(&path, error.into())
        })?;
        if entry.path_is_symlink() {
            return Err(FolderError::Link(entry.into_path()));
        }
        if entry.file_type().is_file() && is_yaml(entry.path()) {
            if files.len() == FILES {
                return Err(FolderError::ManyFiles(directory.to_owned()));
            }
            files.push((relative(directory, entry.path())?, text(entry.path())?));
        }
    }
    Ok(files)
}

/// Fetches what the connections of `workspace` refer to, which was read from `directory`.
///
/// # Errors
/// Every reference that leads to nothing, or out of the folder.
pub fn resolve(
    directory: &Path,
    files: Vec<(String, String)>,
    workspace: &Workspace,
    environment: &Environment,
) -> Result<Folder, Vec<Mistake>> {
    let mut secrets = Vec::new();
    let mut mistakes = Vec::new();
    for (organization, connection, reference) in workspace::secret_refs(workspace) {
        let file = format!("{ORGANIZATIONS}/{organization}/connections/{connection}.yaml");
        let found = match reference {
            SecretRef::Environment(name) => variable(name, environment),
            SecretRef::File(path) => secret_file(directory, &file, path),
        };
        match found {
            Ok(secret) => secrets.push(ResolvedSecret {
                organization: organization.to_owned(),
                connection: connection.to_owned(),
                secret,
            }),
            Err(missing) => mistakes.push(missing.at(file, &files)),
        }
    }
    if mistakes.is_empty() {
        Ok(Folder { files, secrets })
    } else {
        Err(mistakes)
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("the environment has no variable `{0}`")]
    Variable(String),
    #[error("the secret is empty")]
    Empty,
    #[error("the file `{0}` lies outside the workspace")]
    Outside(String),
    #[error("the file `{0}` has more than {SECRET_BYTES} bytes: that is no secret")]
    Large(String),
    #[error("the file `{path}` could not be read: {source}")]
    Unreadable { path: String, source: io::Error },
}

impl Missing {
    fn at(&self, file: String, files: &[(String, String)]) -> Mistake {
        let text = files.iter().find(|(path, _)| *path == file);
        let line = text.and_then(|(_, text)| {
            let mut lines = text.lines();
            lines.position(|line| line.starts_with("client_secret"))
        });
        Mistake {
            file,
            line: line.unwrap_or_default() + 1,
            column: 1,
            message: self.to_string(),
            hint: self.hint().map(str::to_owned),
        }
    }

    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Variable(_) => Some("set it for this command"),
            Self::Outside(_) => Some("put it beside the connection, or write `${NAME}`"),
            Self::Empty | Self::Large(_) | Self::Unreadable { .. } => None,
        }
    }
}

fn variable(name: &str, environment: &Environment) -> Result<SecretString, Missing> {
    let value = environment
        .get(name)
        .ok_or_else(|| Missing::Variable(name.to_owned()))?;
    not_empty(SecretString::from(value.as_str()))
}

/// A folder may come from somebody else: it must not make the publisher send them other files.
fn secret_file(directory: &Path, named_in: &str, path: &str) -> Result<SecretString, Missing> {
    let unreadable = |source| Missing::Unreadable {
        path: path.to_owned(),
        source,
    };
    let beside = directory.join(named_in);
    let beside = beside.parent().unwrap_or(directory);
    let root = directory.canonicalize().map_err(unreadable)?;
    let found = beside.join(path).canonicalize().map_err(unreadable)?;
    if !found.starts_with(&root) {
        return Err(Missing::Outside(path.to_owned()));
    }
    let mut text = String::new();
    let file = File::open(&found).map_err(unreadable)?;
    let read = file.take(SECRET_BYTES + 1).read_to_string(&mut text);
    let text = zeroize::Zeroizing::new(text);
    if read.map_err(unreadable)? as u64 > SECRET_BYTES {
        return Err(Missing::Large(path.to_owned()));
    }
    not_empty(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

fn not_empty(secret: SecretString) -> Result<SecretString, Missing> {
    if secret.expose_secret().is_empty() {
        return Err(Missing::Empty);
    }
    Ok(secret)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// `.yml` too: the workspace tells how it is to be called.
fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn relative(directory: &Path, path: &Path) -> Result<String, FolderError> {
    let no_text = || FolderError::NoText(path.to_owned());
    let below = path.strip_prefix(directory).map_err(|_| no_text())?;
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    Ok(parts.ok_or_else(no_text)?.join("/"))
}

fn text(path: &Path) -> Result<String, FolderError> {
    let unreadable = |source| FolderError::unreadable(path, source);
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let length = file.take(FILE_BYTES + 1).read_to_end(&mut bytes);
    if length.map_err(unreadable)? as u64 > FILE_BYTES {
        return Err(FolderError::LargeFile(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| FolderError::NoText(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CORP: &str = "organizations/acme/connections/corp.yaml";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn workspace(client_secret: &str) -> tempfile::TempDir {
        let connection = format!(
            "connection: corp\ntitle: Corp\ndiscovery: https://login.acme.example\n\
             client_id: usher\nclient_secret: {client_secret}\n"
        );
        folder(&[
            (
                "organizations/acme/organization.yaml",
                "organization: acme\ntitle: Acme\n",
            ),
            (CORP, &connection),
            ("organizations/acme/connections/corp.secret", "s3cret\n"),
            ("elsewhere.secret", "s3cret of all\n"),
        ])
    }

    #[track_caller]
    fn resolves(client_secret: &str) -> Result<String, String> {
        let outer = workspace(client_secret);
        let environment = Environment::from([
            ("CORP".to_owned(), "s3cret".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        let files = read(outer.path()).unwrap();
        let rules = oauth::Rules { development: false };
        let read = workspace::read(&files, &rules).unwrap();
        match resolve(outer.path(), files, &read, &environment) {
            Ok(folder) => Ok(folder.secrets[0].secret.expose_secret().to_owned()),
            Err(mistakes) => Err(mistakes[0].to_string()),
        }
    }

    #[test]
    fn yaml_below_organizations_is_read_and_nothing_else() {
        let folder = folder(&[
            ("organizations/b/organization.yaml", "b"),
            ("organizations/a/connections/x.yml", "x"),
            ("organizations/a/connections/x.secret", "no"),
            ("organizations/a/.git/config.yaml", "no"),
            ("README.yaml", "no"),
        ]);
        let files = read(folder.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "organizations/a/connections/x.yml",
                "organizations/b/organization.yaml"
            ]
        );
    }

    #[test]
    fn a_folder_without_organizations_is_no_workspace() {
        let folder = folder(&[("organization.yaml", "x")]);
        assert!(matches!(
            read(folder.path()),
            Err(FolderError::NoWorkspace(_))
        ));
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let folder = folder(&[("organizations/a/organization.yaml", "x"), ("y.yaml", "y")]);
        let link = folder.path().join("organizations/a/y.yaml");
        std::os::unix::fs::symlink(folder.path().join("y.yaml"), &link).unwrap();
        assert!(matches!(read(folder.path()), Err(FolderError::Link(path)) if path == link));
    }

    #[test]
    fn too_much_is_refused() {
        let large = "#".repeat(1_000_001);
        let folder = folder(&[("organizations/a/organization.yaml", &large)]);
        assert!(matches!(
            read(folder.path()),
            Err(FolderError::LargeFile(_))
        ));
        let many = tempfile::tempdir().unwrap();
        let inside = many.path().join("organizations/a");
        fs::create_dir_all(&inside).unwrap();
        for n in 0..=FILES {
            fs::write(inside.join(format!("{n}.yaml")), "").unwrap();
        }
        assert!(matches!(read(many.path()), Err(FolderError::ManyFiles(_))));
    }

    #[test]
    fn secrets_come_from_the_environment_or_from_files_of_the_workspace() {
        assert_eq!(resolves("${CORP}").as_deref(), Ok("s3cret"));
        assert_eq!(resolves("{ file: corp.secret }").as_deref(), Ok("s3cret"));
        assert_eq!(
            resolves("{ file: ../../../elsewhere.secret }").as_deref(),
            Ok("s3cret of all")
        );
    }

    #[test]
    fn a_secret_that_is_not_there_is_a_mistake_at_its_line() {
        assert_eq!(
            resolves("${CROP}").unwrap_err(),
            format!("{CORP}:5:1: the environment has no variable `CROP`; set it for this command")
        );
        assert_eq!(
            resolves("${EMPTY}").unwrap_err(),
            format!("{CORP}:5:1: the secret is empty")
        );
        let missing = resolves("{ file: crop.secret }").unwrap_err();
        assert!(
            missing.contains("`crop.secret` could not be read"),
            "{missing}"
        );
    }

    #[test]
    fn a_workspace_cannot_make_its_publisher_send_files_from_elsewhere() {
        for path in ["/etc/hostname", "../../../../../../../../etc/hostname"] {
            let refused = resolves(&format!("{{ file: {path} }}")).unwrap_err();
            assert!(refused.contains("outside the workspace"), "{refused}");
        }
        let inside = workspace("{ file: link }");
        let link = inside.path().join("organizations/acme/connections/link");
        std::os::unix::fs::symlink("/etc/hostname", link).unwrap();
        let refused = secret_file(inside.path(), CORP, "link").unwrap_err();
        assert!(matches!(refused, Missing::Outside(_)), "{refused}");
    }
}
