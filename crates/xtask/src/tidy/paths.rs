//! No file names a place on somebody's machine.

use super::{Finding, OURSELVES};
use crate::tree::{File, Tree};

/// Beginnings of paths that exist on one machine only.
const MACHINE: &[&str] = &[
    "/work/",
    "/root/",
    "/home/",
    "/Users/",
    "/tmp/",
    "/var/folders/",
    "C:\\Users",
];

/// Lines that need such a path, by file and content.
const FINE: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|file| !file.path.starts_with(OURSELVES))
        .flat_map(paths_in)
        .collect()
}

fn paths_in(file: &File) -> Vec<Finding> {
    let found = |(number, line): (usize, &str)| {
        let path = MACHINE.iter().find(|path| names(line, path))?;
        let message = format!("names a place on one machine: `{path}`");
        (!is_fine(file, line)).then(|| Finding::at(file, number, message))
    };
    file.lines().filter_map(found).collect()
}

/// `/tmp/x` is one, `https://host/tmp/x` and `e2e/tmp/x` are not.
fn names(line: &str, path: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || "._-}".contains(c);
    line.match_indices(path)
        .any(|(start, _)| !line[..start].ends_with(inner))
}

fn is_fine(file: &File, line: &str) -> bool {
    FINE.iter()
        .any(|(path, part)| file.path == *path && line.contains(part))
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found() {
        for (line, wrong) in [
            ("open(\"/home/ann/key\")", true),
            ("cd /tmp/x", true),
            ("path = \"C:\\Users\\ann\"", true),
            ("https://api.example/home/trips", false),
            ("e2e/tmp/x", false),
            ("/usr/bin/chromium", false),
        ] {
            let found = findings(check, &[("docs/a.md", line)]);
            assert_eq!(!found.is_empty(), wrong, "{line}: {found:?}");
        }
    }
}
