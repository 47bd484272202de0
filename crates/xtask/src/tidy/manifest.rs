use toml::{Table, Value};

use super::Finding;
use crate::tree::{File, Tree};

/// A crate of ours and what its `Cargo.toml` names.
pub(super) struct Manifest {
    pub(super) krate: String,
    pub(super) path: String,
    pub(super) dependencies: Vec<Dependency>,
}

pub(super) struct Dependency {
    /// The package's real name, whatever the crate calls it.
    pub(super) package: String,
    pub(super) kind: Kind,
    pub(super) line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Compiled into what ships, or into its build.
    Ships,
    /// Seen by tests only.
    Dev,
}

impl Manifest {
    pub(super) fn finding(&self, dependency: &Dependency, message: String) -> Finding {
        Finding {
            path: self.path.clone(),
            line: dependency.line,
            message,
        }
    }
}

/// Every `crates/*/Cargo.toml`; one that cannot be read is a finding.
pub(super) fn all(tree: &Tree) -> (Vec<Manifest>, Vec<Finding>) {
    let renamed = tree
        .text("Cargo.toml")
        .map(renamed_in_workspace)
        .unwrap_or_default();
    let (mut manifests, mut findings) = (Vec::new(), Vec::new());
    for file in tree.under("crates/").filter(|file| is_manifest(file)) {
        match file.text.parse::<Table>() {
            Ok(table) => manifests.push(read(file, &table, &renamed)),
            Err(error) => findings.push(Finding::about(&file.path, error.to_string())),
        }
    }
    (manifests, findings)
}

fn is_manifest(file: &File) -> bool {
    file.path.ends_with("/Cargo.toml") && file.path.split('/').count() == 3
}

fn read(file: &File, table: &Table, renamed: &[(String, String)]) -> Manifest {
    let mut dependencies = Vec::new();
    for part in parts(table) {
        for (section, kind) in [
            ("dependencies", Kind::Ships),
            ("build-dependencies", Kind::Ships),
            ("dev-dependencies", Kind::Dev),
        ] {
            for (key, value) in part
                .get(section)
                .and_then(Value::as_table)
                .into_iter()
                .flatten()
            {
                let package = package(key, value, renamed);
                dependencies.push(Dependency {
                    package,
                    kind,
                    line: line_of(file, key),
                });
            }
        }
    }
    let krate = file.crate_name().unwrap_or_default().to_owned();
    Manifest {
        krate,
        path: file.path.clone(),
        dependencies,
    }
}

/// The manifest itself and its `[target.'..']` tables.
fn parts(table: &Table) -> impl Iterator<Item = &Table> {
    let targets = table.get("target").and_then(Value::as_table);
    std::iter::once(table).chain(
        targets
            .into_iter()
            .flatten()
            .filter_map(|(_, t)| t.as_table()),
    )
}

fn package(key: &str, value: &Value, renamed: &[(String, String)]) -> String {
    if let Some(package) = value.get("package").and_then(Value::as_str) {
        return package.to_owned();
    }
    let in_workspace = renamed.iter().find(|(name, _)| name == key);
    in_workspace.map_or_else(|| key.to_owned(), |(_, package)| package.clone())
}

fn renamed_in_workspace(text: &str) -> Vec<(String, String)> {
    let table = text.parse::<Table>().unwrap_or_default();
    let dependencies = table
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    let named = |(key, value): (&String, &Value)| {
        Some((key.clone(), value.get("package")?.as_str()?.to_owned()))
    };
    dependencies
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .filter_map(named)
        .collect()
}

fn line_of(file: &File, key: &str) -> usize {
    let names = |line: &str| line.trim_start().trim_start_matches('"').starts_with(key);
    file.lines()
        .find(|(_, line)| names(line))
        .map_or(0, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_naming_a_dependency_is_seen() {
        let tree = Tree::of(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nq = { package = \"quick\", version = \"1\" }",
            ),
            (
                "crates/a/Cargo.toml",
                "[dependencies]\nb.workspace = true\nq.workspace = true\n\
                 [dependencies.c]\npackage = \"real-c\"\n\
                 [build-dependencies]\nd = \"1\"\n[dev-dependencies]\ne = \"1\"\n\
                 [target.'cfg(unix)'.dependencies]\nf = \"1\"\n",
            ),
        ]);

        let (manifests, findings) = all(&tree);

        assert_eq!(findings, []);
        let seen: Vec<_> = manifests[0]
            .dependencies
            .iter()
            .map(|d| (d.package.as_str(), d.kind))
            .collect();
        assert_eq!(
            seen,
            [
                ("b", Kind::Ships),
                ("real-c", Kind::Ships),
                ("quick", Kind::Ships),
                ("d", Kind::Ships),
                ("e", Kind::Dev),
                ("f", Kind::Ships)
            ]
        );
    }

    #[test]
    fn a_broken_manifest_is_a_finding() {
        let tree = Tree::of(&[("crates/a/Cargo.toml", "[dependencies")]);
        assert_eq!(all(&tree).1.len(), 1);
    }
}
