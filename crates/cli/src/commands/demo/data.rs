//! What a demo keeps between two starts.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use app::ports::Entropy;
use secrecy::{SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use vault::KeyRing;

use super::Failure;
use crate::host::SystemEntropy;

/// The name of its one sealing key.
const KEY: &str = "demo";

/// The demo's folder.
pub(super) struct Data {
    folder: Folder,
    /// What `demo.json` says.
    pub(super) kept: Kept,
    key: SecretSlice<u8>,
}

/// `demo.json`. The rehearsal provider's seed is not kept: it forgets its people's tokens when it
/// stops, and must not give the same ones to others afterwards.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The server's port of last time.
    pub(super) port: Option<u16>,
    /// The rehearsal provider's port of last time; its address is part of what is published.
    pub(super) rehearsal_port: Option<u16>,
    /// What the connection and the provider share.
    pub(super) client_secret: String,
    /// The operator's key.
    pub(super) operator_key: String,
}

enum Folder {
    /// Removed when dropped.
    Passing(TempDir),
    Lasting(PathBuf),
}

impl Data {
    /// Takes up what is in `directory`, or begins there; without one, in a folder that goes away.
    pub(super) fn open(directory: Option<&Path>) -> Result<Self, Failure> {
        let folder = match directory {
            Some(path) => Folder::Lasting(make(path)?),
            None => Folder::Passing(passing()?),
        };
        let kept = read_or_make(&folder.path().join("demo.json"), || Kept::new().text())?;
        let kept = Kept::parse(&kept, &folder.path().join("demo.json"))?;
        let key = read_or_make(&folder.path().join("sealing.key"), || random("") + "\n")?;
        Ok(Self {
            kept,
            key: vault::parse_key(&key)?,
            folder,
        })
    }

    /// A file of the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Remembers where it was.
    pub(super) fn keep_ports(&mut self, port: u16, rehearsal_port: u16) -> Result<(), Failure> {
        self.kept.port = Some(port);
        self.kept.rehearsal_port = Some(rehearsal_port);
        let path = self.path("demo.json");
        write(&path, &self.kept.text()).map_err(|source| Failure::DemoFile { path, source })
    }

    /// The ring of its one key.
    pub(super) fn key_ring(&self) -> Result<KeyRing, Failure> {
        Ok(KeyRing::new(KEY, vec![(KEY.to_owned(), self.key.clone())])?)
    }

    /// As the store takes it.
    pub(super) fn operator_key(&self) -> SecretString {
        SecretString::from(self.kept.operator_key.as_str())
    }
}

impl Kept {
    fn new() -> Self {
        Self {
            port: None,
            rehearsal_port: None,
            client_secret: random(""),
            operator_key: random("usher_"),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| Failure::DemoFile {
            path: path.to_owned(),
            // The parser may quote what it read, and that is secret.
            source: io::Error::new(io::ErrorKind::InvalidData, format!("line {}", error.line())),
        })
    }

    fn text(&self) -> String {
        // Plain text and numbers: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Passing(folder) => folder.path(),
            Self::Lasting(path) => path,
        }
    }
}

fn passing() -> Result<TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("usher-demo-").tempdir();
    made.map_err(|source| Failure::DemoFile {
        path: std::env::temp_dir(),
        source,
    })
}

fn make(path: &Path) -> Result<PathBuf, Failure> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| Failure::DemoFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(path.to_owned())
}

fn read_or_make(path: &Path, make: impl FnOnce() -> String) -> Result<String, Failure> {
    let failed = |source| Failure::DemoFile {
        path: path.to_owned(),
        source,
    };
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make();
            write(path, &text).map_err(failed)?;
            Ok(text)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whole or not at all, and for its owner only.
fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let half = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(half, path)
}

fn random(prefix: &str) -> String {
    let entropy: &dyn Entropy = &SystemEntropy;
    let bytes = entropy.bytes::<32>();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    hex.fold(prefix.to_owned(), |text, byte| text + &byte)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_taken_up_and_readable_by_its_owner_only() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("demo");
        let mut first = Data::open(Some(&folder)).unwrap();
        first.keep_ports(1, 2).unwrap();
        for name in ["demo.json", "sealing.key"] {
            let mode = fs::metadata(folder.join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let second = Data::open(Some(&folder)).unwrap();
        assert_eq!(
            (second.kept.port, second.kept.rehearsal_port),
            (Some(1), Some(2))
        );
        assert_eq!(second.kept.operator_key, first.kept.operator_key);
        assert_eq!(second.kept.client_secret, first.kept.client_secret);
    }

    #[test]
    fn without_a_folder_nothing_stays() {
        let data = Data::open(None).unwrap();
        let path = data.path("demo.json");
        assert!(path.exists());
        drop(data);
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_file_is_named_without_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.json");
        fs::write(&path, "{ \"operator_key\": \"canary\", \"canary\": 1 }").unwrap();
        let Err(failure) = Data::open(Some(folder.path())) else {
            panic!("it was taken");
        };
        let shown = format!("{failure} {failure:?}");
        assert!(
            shown.contains("demo.json") && !shown.contains("canary"),
            "{shown}"
        );
    }
}
