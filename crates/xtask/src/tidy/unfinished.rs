//! Nothing is left for later in the code.

use super::{Finding, OURSELVES, has_word};
use crate::tree::{File, Tree};

const MARKS: &[&str] = &["todo!", "unimplemented!", "TODO", "FIXME", "XXX"];

const CODE: &[&str] = &[
    "rs", "ts", "tsx", "js", "mjs", "css", "html", "sql", "sh", "yaml", "yml", "toml",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_code = |file: &&File| file.ends_in(CODE) && !file.path.starts_with(OURSELVES);
    tree.files().filter(is_code).flat_map(marks_in).collect()
}

fn marks_in(file: &File) -> Vec<Finding> {
    let found = |(number, line): (usize, &str)| {
        let mark = MARKS.iter().find(|mark| has_word(line, mark))?;
        Some(Finding::at(
            file,
            number,
            format!("`{mark}`: finish it or leave it out"),
        ))
    };
    file.lines().filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn marks_for_later_are_found() {
        for (line, wrong) in [
            ("    todo!()", true),
            ("// TODO: later", true),
            ("let todos = list;", false),
            ("let a = TODOS;", false),
        ] {
            let found = findings(check, &[("crates/app/src/lib.rs", line)]);
            assert_eq!(!found.is_empty(), wrong, "{line}: {found:?}");
        }
    }
}
