//! Which Rust files the test run compiles: those that a `mod` leads to from a crate's roots.

use std::collections::BTreeSet;

use crate::tree::{File, Tree};

pub(super) fn reached(tree: &Tree) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&File> = tree.under("crates/").filter(|file| is_root(file)).collect();
    while let Some(file) = waiting.pop() {
        if reached.insert(file.path.clone()) {
            let children = modules(file)
                .into_iter()
                .filter_map(|child| child.file(tree));
            waiting.extend(children);
        }
    }
    reached
}

/// `src/lib.rs`, `src/main.rs`, `src/bin/*.rs`, `tests/*.rs` and `tests/*/main.rs`.
fn is_root(file: &File) -> bool {
    let parts: Vec<&str> = file.path.split('/').skip(2).collect();
    match parts[..] {
        ["src", "lib.rs" | "main.rs"] | ["tests", _, "main.rs"] => true,
        ["src", "bin", _] | ["tests", _] => file.is_rust(),
        _ => false,
    }
}

struct Module {
    /// Where it may lie, first that exists.
    candidates: Vec<String>,
}

impl Module {
    fn file<'a>(&self, tree: &'a Tree) -> Option<&'a File> {
        let lies_at = |path: &String| tree.files().find(|file| file.path == *path);
        self.candidates.iter().find_map(lies_at)
    }
}

/// The `mod name;` lines of a file, but for those behind a `cfg` that the ordinary run turns off.
fn modules(file: &File) -> Vec<Module> {
    let mut attributes = String::new();
    let mut modules = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if let Some(name) = declared(line) {
            if is_ordinary(&attributes) {
                modules.push(module(file, name, &attributes));
            }
            attributes.clear();
        } else if line.starts_with("#[") {
            attributes.push_str(line);
        } else if !line.starts_with("//") {
            attributes.clear();
        }
    }
    modules
}

/// `x` for `mod x;` and `pub(crate) mod x;`.
fn declared(line: &str) -> Option<&str> {
    let line = line.strip_suffix(';')?;
    let (before, name) = line.rsplit_once("mod ")?;
    let visible = before.is_empty() || before.starts_with("pub");
    (visible && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
}

/// Attributes under which the ordinary test run, on the systems we test on, compiles the item.
pub(super) fn is_ordinary(attributes: &str) -> bool {
    let known = [
        "#[cfg(test)]",
        "#[cfg(unix)]",
        "#[cfg(target_os = \"linux\")]",
    ];
    let rest = known
        .iter()
        .fold(attributes.to_owned(), |rest, known| rest.replace(known, ""));
    !rest.contains("cfg(")
}

fn module(file: &File, name: &str, attributes: &str) -> Module {
    let (folder, own_name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    if let Some(path) = path_attribute(attributes) {
        return Module {
            candidates: vec![normal(&format!("{folder}/{path}"))],
        };
    }
    let stem = own_name.trim_end_matches(".rs");
    let base = if is_root(file) || stem == "mod" {
        folder.into()
    } else {
        format!("{folder}/{stem}")
    };
    Module {
        candidates: vec![format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")],
    }
}

fn path_attribute(attributes: &str) -> Option<&str> {
    let (_, rest) = attributes.split_once("#[path = \"")?;
    Some(rest.split_once('"')?.0)
}

/// Resolves `..`.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else if part != "." {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_lead_from_the_roots() {
        let files = [
            (
                "crates/a/src/lib.rs",
                "pub mod one;\nmod two;\n#[cfg(feature = \"x\")]\nmod off;\n",
            ),
            ("crates/a/src/one.rs", "mod deep;"),
            ("crates/a/src/one/deep.rs", ""),
            ("crates/a/src/two/mod.rs", "#[cfg(test)]\nmod tests;"),
            ("crates/a/src/two/tests.rs", ""),
            ("crates/a/src/off.rs", ""),
            ("crates/a/src/forgotten.rs", ""),
            (
                "crates/a/tests/it.rs",
                "#[path = \"../shared/x.rs\"]\nmod x;\nmod cases;",
            ),
            ("crates/a/shared/x.rs", ""),
            ("crates/a/tests/cases/mod.rs", ""),
        ];
        let reached = reached(&Tree::of(&files));
        let unreached: Vec<_> = files
            .iter()
            .map(|(path, _)| *path)
            .filter(|path| !reached.contains(*path))
            .collect();
        assert_eq!(
            unreached,
            ["crates/a/src/off.rs", "crates/a/src/forgotten.rs"]
        );
    }
}
