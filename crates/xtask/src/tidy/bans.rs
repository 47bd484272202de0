//! Pure crates ban clock, randomness, environment, files and network by lint, each with a reason.

use toml::{Table, Value};

use super::manifest::{self, Manifest};
use super::{Finding, PURE};
use crate::tree::Tree;

/// Something of the world, and the usual ways to it.
struct Way {
    to: &'static str,
    /// Banning one of them shows that the way was thought of.
    by: &'static [&'static str],
    /// The dependency that opens the way; `None` for the standard library.
    with: Option<&'static str>,
}

const WAYS: &[Way] = &[
    Way {
        to: "the clock",
        by: &["std::time::SystemTime::now", "std::time::SystemTime"],
        with: None,
    },
    Way {
        to: "the stopwatch",
        by: &["std::time::Instant::now", "std::time::Instant"],
        with: None,
    },
    Way {
        to: "the calendar",
        by: &["jiff::Timestamp::now", "jiff::Zoned::now"],
        with: Some("jiff"),
    },
    Way {
        to: "randomness",
        by: &[
            "aws_lc_rs::rand::fill",
            "aws_lc_rs::rand::SystemRandom::new",
        ],
        with: Some("aws-lc-rs"),
    },
    Way {
        to: "the environment",
        by: &["std::env::var", "std::env::vars"],
        with: None,
    },
    Way {
        to: "files",
        by: &["std::fs::read", "std::fs::File", "std::fs::File::open"],
        with: None,
    },
    Way {
        to: "the network",
        by: &["std::net::TcpStream", "std::net::TcpStream::connect"],
        with: None,
    },
];

/// The lists in which clippy takes bans.
const LISTS: &[&str] = &["disallowed-methods", "disallowed-types"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (manifests, _) = manifest::all(tree);
    let pure = manifests
        .iter()
        .filter(|manifest| PURE.contains(&manifest.krate.as_str()));
    pure.flat_map(|manifest| missing(tree, manifest)).collect()
}

fn missing(tree: &Tree, manifest: &Manifest) -> Vec<Finding> {
    let path = format!("crates/{}/clippy.toml", manifest.krate);
    let Some(text) = tree.text(&path) else {
        return vec![Finding::about(&path, "a pure crate needs its bans")];
    };
    let bans = match text.parse::<Table>() {
        Ok(table) => bans(&table),
        Err(error) => return vec![Finding::about(&path, error.to_string())],
    };
    let unbanned = WAYS
        .iter()
        .filter(|way| way.is_open_to(manifest) && !way.is_banned_by(&bans))
        .map(|way| format!("does not ban {} (`{}`)", way.to, way.by[0]));
    let unreasoned = bans
        .iter()
        .filter(|ban| !ban.has_reason)
        .map(|ban| format!("bans `{}` without a reason", ban.path));
    let messages = unbanned.chain(unreasoned);
    messages
        .map(|message| Finding::about(&path, message))
        .collect()
}

impl Way {
    fn is_open_to(&self, manifest: &Manifest) -> bool {
        let depends = |on: &str| {
            manifest
                .dependencies
                .iter()
                .any(|found| found.package == on)
        };
        self.with.is_none_or(depends)
    }

    fn is_banned_by(&self, bans: &[Ban]) -> bool {
        bans.iter().any(|ban| self.by.contains(&ban.path.as_str()))
    }
}

struct Ban {
    path: String,
    has_reason: bool,
}

fn bans(table: &Table) -> Vec<Ban> {
    let lists = LISTS.iter().filter_map(|list| table.get(*list)?.as_array());
    lists.flatten().filter_map(ban).collect()
}

fn ban(entry: &Value) -> Option<Ban> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str);
    let path = entry.as_str().or_else(|| text("path"))?.to_owned();
    Some(Ban {
        path,
        has_reason: text("reason").is_some_and(|reason| !reason.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    const MANIFEST: (&str, &str) = (
        "crates/flow/Cargo.toml",
        "[dependencies]\njiff = \"0\"\naws-lc-rs = \"1\"\n",
    );

    fn found_with(clippy: &str) -> Vec<String> {
        findings(check, &[MANIFEST, ("crates/flow/clippy.toml", clippy)])
    }

    #[test]
    fn a_pure_crate_without_bans_is_found() {
        let found = findings(check, &[MANIFEST]);
        assert_eq!(
            found,
            ["crates/flow/clippy.toml: a pure crate needs its bans"]
        );
    }

    #[test]
    fn each_way_to_the_world_is_closed() {
        let ban = |way: &Way| format!("{{ path = \"{}\", reason = \"r\" }}", way.by[0]);
        let all: Vec<String> = WAYS.iter().map(ban).collect();
        let list = |bans: &[String]| format!("disallowed-methods = [{}]", bans.join(", "));

        assert_eq!(found_with(&list(&all)), [""; 0]);
        for (index, way) in WAYS.iter().enumerate() {
            let mut less = all.clone();
            less.remove(index);
            let said = format!("does not ban {} (`{}`)", way.to, way.by[0]);
            assert_eq!(
                found_with(&list(&less)),
                [format!("crates/flow/clippy.toml: {said}")]
            );
        }
    }

    #[test]
    fn a_way_that_no_dependency_opens_needs_no_ban() {
        let found = findings(
            check,
            &[
                ("crates/flow/Cargo.toml", ""),
                ("crates/flow/clippy.toml", ""),
            ],
        );
        assert!(
            !found.iter().any(|finding| finding.contains("calendar")),
            "{found:?}"
        );
    }

    #[test]
    fn a_ban_gives_its_reason() {
        let text = "disallowed-types = [\"std::fs::File\"]";
        let found = found_with(text);
        assert!(
            found
                .iter()
                .any(|f| f.contains("bans `std::fs::File` without")),
            "{found:?}"
        );
    }
}
