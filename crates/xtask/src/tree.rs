use std::fs;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use crate::failure::Failure;

/// Folders that hold nothing anyone wrote.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    "dist",
    "out",
    "usher-demo",
];

/// The files of a checkout in memory, so that a rule is a function from text to findings.
pub(crate) struct Tree {
    files: Vec<File>,
}

pub(crate) struct File {
    /// From the root of the checkout, with `/` on every system.
    pub(crate) path: String,
    /// Empty for a file that is not UTF-8: no rule has anything to say about those.
    pub(crate) text: String,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for entry in WalkDir::new(root)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(is_written)
        {
            let entry = entry.map_err(Failure::Walk)?;
            if entry.file_type().is_file() {
                files.push(File::read(root, entry.path())?);
            }
        }
        Ok(Self { files })
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Files below `folder`, which ends in `/`.
    pub(crate) fn under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a File> {
        self.files
            .iter()
            .filter(move |file| file.path.starts_with(folder))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    pub(crate) fn holds(&self, path: &str) -> bool {
        self.text(path).is_some()
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).into(),
            text: (*text).into(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }
}

impl File {
    /// Numbered from one, as editors do.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    pub(crate) fn ends_in(&self, extensions: &[&str]) -> bool {
        let extension = self.path.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| extensions.contains(&extension))
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.ends_in(&["rs"])
    }

    /// `app` for `crates/app/src/lib.rs`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    fn read(root: &Path, path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path).map_err(|source| Failure::Read {
            path: path.into(),
            source,
        })?;
        let path = path
            .strip_prefix(root)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/");
        Ok(Self {
            path,
            text: String::from_utf8(bytes).unwrap_or_default(),
        })
    }
}

fn is_written(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0 || !entry.file_type().is_dir() || !SKIPPED.contains(&name.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wrote_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "crates/a/src/lib.rs",
            "target/debug/x.rs",
            "web/node_modules/m/i.js",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        fs::write(root.path().join("picture.png"), [0xff, 0xfe]).unwrap();

        let tree = Tree::read(root.path()).unwrap();

        let paths: Vec<_> = tree.files().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["crates/a/src/lib.rs", "picture.png"]);
        assert_eq!(tree.text("picture.png"), Some(""));
    }
}
