//! Which crate of ours may name which.

use super::Finding;
use super::manifest::{self, Dependency, Kind, Manifest};
use crate::tree::Tree;

/// Lowest first. A crate names only crates of its own row, so every arrow goes down.
const ARROWS: &[(&str, &[&str])] = &[
    ("jose", &[]),
    ("oauth", &["jose"]),
    ("flow", &[]),
    ("identity", &[]),
    ("vault", &[]),
    ("rehearsal", &["jose"]),
    ("store", &["flow", "identity", "oauth", "vault"]),
    (
        "app",
        &["flow", "identity", "jose", "oauth", "store", "vault"],
    ),
    (
        "server",
        &["app", "flow", "identity", "jose", "oauth", "vault"],
    ),
    (
        "cli",
        &[
            "app",
            "flow",
            "identity",
            "jose",
            "oauth",
            "rehearsal",
            "server",
            "store",
            "vault",
        ],
    ),
    (
        "testkit",
        &[
            "app",
            "flow",
            "identity",
            "jose",
            "oauth",
            "rehearsal",
            "server",
            "store",
            "vault",
        ],
    ),
    (
        "bench",
        &[
            "app", "flow", "identity", "jose", "oauth", "server", "store", "testkit", "vault",
        ],
    ),
    ("xtask", &[]),
];

/// What tests of any crate may name besides its row: the whole system, to try itself in.
const IN_TESTS: &[&str] = &["testkit"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (manifests, mut findings) = manifest::all(tree);
    for manifest in &manifests {
        match row(&manifest.krate) {
            Some(may_name) => findings.extend(forbidden(manifest, may_name)),
            None => findings.push(Finding::about(&manifest.path, unknown(&manifest.krate))),
        }
    }
    findings
}

fn forbidden(manifest: &Manifest, may_name: &[&str]) -> Vec<Finding> {
    let allowed = |dependency: &Dependency| {
        let name = dependency.package.as_str();
        row(name).is_none()
            || may_name.contains(&name)
            || (dependency.kind == Kind::Dev && IN_TESTS.contains(&name))
    };
    let message = |name: &str| format!("`{}` must not name `{name}`", manifest.krate);
    let wrong = manifest
        .dependencies
        .iter()
        .filter(|dependency| !allowed(dependency));
    wrong
        .map(|found| manifest.finding(found, message(&found.package)))
        .collect()
}

fn row(krate: &str) -> Option<&'static [&'static str]> {
    ARROWS
        .iter()
        .find(|(name, _)| *name == krate)
        .map(|(_, row)| *row)
}

fn unknown(krate: &str) -> String {
    format!("`{krate}` has no row in {}: say what it may name", file!())
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn arrows_go_down_only() {
        for (from, names, wrong) in [
            ("oauth", "jose", false),
            ("jose", "oauth", true),
            ("flow", "vault", true),
            ("store", "flow", false),
            ("store", "app", true),
            ("app", "store", false),
            ("server", "store", true),
            ("server", "rehearsal", true),
            ("cli", "rehearsal", false),
            ("rehearsal", "oauth", true),
            ("app", "testkit", true),
            ("cli", "xtask", true),
            ("cli", "serde", false),
        ] {
            let text = format!("[dependencies]\n{names}.workspace = true\n");
            let found = findings(check, &[(&format!("crates/{from}/Cargo.toml"), &text)]);
            assert_eq!(!found.is_empty(), wrong, "{from} -> {names}: {found:?}");
        }
    }

    #[test]
    fn tests_may_name_the_testkit_and_nothing_else() {
        let text = "[dev-dependencies]\ntestkit.workspace = true\nstore.workspace = true\n";
        assert_eq!(
            findings(check, &[("crates/server/Cargo.toml", text)]),
            ["crates/server/Cargo.toml:3: `server` must not name `store`"]
        );
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        let found = findings(check, &[("crates/common/Cargo.toml", "")]);
        assert!(found[0].contains("`common` has no row"), "{found:?}");
    }

    #[test]
    fn the_table_itself_has_no_way_up() {
        for (index, (from, row)) in ARROWS.iter().enumerate() {
            let lower: Vec<&str> = ARROWS[..index].iter().map(|(name, _)| *name).collect();
            assert!(row.iter().all(|name| lower.contains(name)), "{from}");
        }
    }
}
