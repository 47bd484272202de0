//! Citations above Rust tests.

use super::citation::{Claim, Found, Mistake, claims};
use super::reach::{is_ordinary, reached};
use crate::tree::{File, Tree};

/// This crate's own samples of citations.
const SAMPLES: &str = "crates/xtask/src/requirements/";

/// Here a case is a plain function, which a macro lists for each database.
const CASES: &str = "crates/store/tests/cases/";
const SUITES: &str = "crates/store/tests/";

const NOT_DIRECTLY_ABOVE: &str = "this citation is not directly above a test";
const NOT_A_TEST: &str = "this citation is above a function that is not a test";
const IGNORED: &str = "this citation is above a test that is ignored";
const CONDITIONAL: &str = "this citation is above a test that the ordinary run may not compile";
const NOT_COMPILED: &str = "this citation is in a file that no test run compiles";
const NOT_LISTED: &str = "this citation is above a case that no suite lists";

pub(super) fn find(tree: &Tree) -> Found {
    let reached = reached(tree);
    let files = tree
        .files()
        .filter(|file| file.is_rust() && !file.path.starts_with(SAMPLES));
    let found = files.map(|file| {
        let compiled = reached.contains(&file.path);
        find_in(file, &|above| above.verdict(tree, file, compiled))
    });
    found.fold(Found::default(), Found::join)
}

/// What stands directly above a function.
#[derive(Default)]
struct Above {
    claims: Vec<Claim>,
    attributes: String,
    /// Brackets of an attribute that goes on in the next line.
    depth: i32,
    function: String,
    public: bool,
}

fn find_in(file: &File, verdict: &dyn Fn(&Above) -> Result<(), &'static str>) -> Found {
    let mut found = Found::default();
    let mut above = Above::default();
    for (number, line) in file.lines() {
        let line = line.trim();
        if above.depth > 0 || line.starts_with("#[") {
            above.take_attribute(line);
        } else if let Some(comment) = line.strip_prefix("//") {
            above.take_comment(file, number, comment, &mut found);
        } else {
            let above = std::mem::take(&mut above);
            settle(file, above, line, verdict, &mut found);
        }
    }
    found.settle(file, above.claims, Err(NOT_DIRECTLY_ABOVE));
    found
}

fn settle(
    file: &File,
    mut above: Above,
    line: &str,
    verdict: &dyn Fn(&Above) -> Result<(), &'static str>,
    found: &mut Found,
) {
    let Some(function) = function(line) else {
        return found.settle(file, above.claims, Err(NOT_DIRECTLY_ABOVE));
    };
    above.function = function.into();
    above.public = line.starts_with("pub ");
    let verdict = verdict(&above).map(|()| function);
    found.settle(file, above.claims, verdict);
}

impl Above {
    fn take_attribute(&mut self, line: &str) {
        self.attributes.push_str(line);
        let count = |c: char| i32::try_from(line.matches(c).count()).unwrap_or(0);
        self.depth += count('[') - count(']');
    }

    /// A doc comment may cite; a plain one that tries to is a mistake.
    fn take_comment(&mut self, file: &File, line: usize, comment: &str, found: &mut Found) {
        let (doc, comment) = match comment.strip_prefix('/') {
            Some(comment) => (true, comment),
            None => (false, comment),
        };
        match claims(line, comment.trim_start()) {
            Some(Ok(claims)) if doc => self.claims.extend(claims),
            Some(Ok(_)) => found
                .mistakes
                .push(Mistake::at(file, line, "cite in a `///` comment")),
            Some(Err(what)) => found.mistakes.push(Mistake::at(file, line, what)),
            None => {}
        }
    }

    fn verdict(&self, tree: &Tree, file: &File, compiled: bool) -> Result<(), &'static str> {
        if file.path.starts_with(CASES) && !self.is_test() {
            return self.case_verdict(tree, file);
        }
        match () {
            () if !self.is_test() => Err(NOT_A_TEST),
            () if self.attributes.contains("ignore") => Err(IGNORED),
            () if !is_ordinary(&self.attributes) => Err(CONDITIONAL),
            () if !compiled => Err(NOT_COMPILED),
            () => Ok(()),
        }
    }

    fn is_test(&self) -> bool {
        ["#[test]", "#[tokio::test]", "#[tokio::test("]
            .iter()
            .any(|t| self.attributes.contains(t))
    }

    fn case_verdict(&self, tree: &Tree, file: &File) -> Result<(), &'static str> {
        let lists = |suite: &File| {
            suite.path != file.path && suite.lines().any(|(_, line)| lists(line, &self.function))
                || lists_itself(suite, &self.function)
        };
        match () {
            () if !self.public => Err(NOT_A_TEST),
            () if !tree.under(SUITES).any(lists) => Err(NOT_LISTED),
            () => Ok(()),
        }
    }
}

/// Whether a line of a suite names the case as an item of a list: `name,` or `area::name,`.
fn lists(line: &str, case: &str) -> bool {
    let line = line.split("//").next().unwrap_or_default();
    let items = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    items.into_iter().any(|item| item == case) && function(line.trim()).is_none()
}

/// Whether a file that holds cases lists them in a macro of its own.
fn lists_itself(suite: &File, case: &str) -> bool {
    let mut inside = false;
    suite.lines().any(|(_, line)| {
        inside = (inside || line.contains("!{") || line.contains("! {") || line.contains("!("))
            && function(line.trim()).is_none();
        inside && lists(line, case)
    })
}

/// The name in `pub async fn name(…)`.
fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let qualifier = |word| {
        matches!(
            word,
            "pub" | "async" | "const" | "pub(crate)" | "pub(super)"
        )
    };
    let name = rest
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()?;
    (before.split_whitespace().all(qualifier) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in_test(text: &str) -> Found {
        find(&Tree::of(&[("crates/a/tests/it.rs", text)]))
    }

    #[test]
    fn a_test_proves_what_it_cites() {
        for above in [
            "/// Proves: JWT-2\n#[test]\nfn it() {}",
            "/// Words first.\n///\n/// Proves: JWT-2\n#[tokio::test]\nasync fn it() {}",
            "#[test]\n/// Proves: JWT-2\nfn it() {}",
            "    /// Proves: JWT-2\n    #[tokio::test(flavor = \"current_thread\")]\n    async fn it() {}",
            "/// Proves: JWT-2\n#[test]\n#[expect(\n    clippy::too_many_lines,\n)]\nfn it() {}",
        ] {
            let found = find_in_test(above);
            assert_eq!(found.mistakes, [], "{above}");
            assert_eq!(found.citations.len(), 1, "{above}");
            assert_eq!(
                (&*found.citations[0].id, &*found.citations[0].test),
                ("JWT-2", "it")
            );
        }
    }

    #[test]
    fn a_citation_that_proves_nothing_is_a_mistake() {
        for (text, why) in [
            ("/// Proves: JWT-2\nfn helper() {}", NOT_A_TEST),
            (
                "/// Proves: JWT-2\nstruct A;\n#[test]\nfn it() {}",
                NOT_DIRECTLY_ABOVE,
            ),
            (
                "/// Proves: JWT-2\n\n#[test]\nfn it() {}",
                NOT_DIRECTLY_ABOVE,
            ),
            ("/// Proves: JWT-2\n#[test]\n#[ignore]\nfn it() {}", IGNORED),
            (
                "/// Proves: JWT-2\n#[cfg(feature = \"x\")]\n#[test]\nfn it() {}",
                CONDITIONAL,
            ),
            ("/// Proves: JWT-2", NOT_DIRECTLY_ABOVE),
            (
                "// Proves: JWT-2\n#[test]\nfn it() {}",
                "cite in a `///` comment",
            ),
        ] {
            let found = find_in_test(text);
            assert_eq!(found.citations, [], "{text}");
            assert_eq!(found.mistakes.len(), 1, "{text}");
            assert_eq!(found.mistakes[0].what, why, "{text}");
        }
    }

    #[test]
    fn a_file_that_nothing_compiles_proves_nothing() {
        let text = "/// Proves: JWT-2\n#[test]\nfn it() {}";
        let found = find(&Tree::of(&[("crates/a/src/forgotten.rs", text)]));
        assert_eq!(found.mistakes[0].what, NOT_COMPILED);
    }

    #[test]
    fn a_case_counts_when_a_suite_lists_it() {
        let case = "/// Proves: BND-2\npub async fn one_wins(store: &Store) {}\n";
        let path = "crates/store/tests/cases/sign_ins.rs";
        let suite = |list: &str| {
            let text = format!("mod cases;\nsuite! {{\n    {list}\n}}\n");
            find(&Tree::of(&[
                (path, case),
                ("crates/store/tests/sqlite.rs", &text),
            ]))
        };
        assert_eq!(suite("sign_ins::one_wins,").citations.len(), 1);
        assert_eq!(suite("// one_wins").mistakes[0].what, NOT_LISTED);
        assert_eq!(suite("another_one_wins").mistakes[0].what, NOT_LISTED);
        let own = format!("{case}cases! {{\n    one_wins,\n}}\n");
        assert_eq!(find(&Tree::of(&[(path, &own)])).citations.len(), 1);
    }
}
