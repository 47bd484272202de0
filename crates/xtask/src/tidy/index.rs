//! Every page of the documentation is in both its indexes, and every listed address exists (DOC-5).

use super::Finding;
use crate::tree::{File, Tree};

const DOCS: &str = "docs/";

/// The book's table of contents, and the list for machines.
const INDEXES: &[&str] = &["docs/SUMMARY.md", "docs/llms.txt"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let indexes = INDEXES
        .iter()
        .filter_map(|path| tree.files().find(|file| file.path == *path));
    indexes
        .flat_map(|index| [unlisted(tree, index), dangling(tree, index)].concat())
        .collect()
}

fn unlisted(tree: &Tree, index: &File) -> Vec<Finding> {
    let listed: Vec<&str> = addresses(index).map(|(_, address)| address).collect();
    let page = |file: &File| {
        let page = file
            .path
            .strip_prefix(DOCS)
            .filter(|_| file.ends_in(&["md"]))?;
        (page != "SUMMARY.md" && !listed.contains(&page)).then(|| page.to_owned())
    };
    let message = |page: String| Finding::about(&index.path, format!("does not list {page}"));
    tree.under(DOCS).filter_map(page).map(message).collect()
}

fn dangling(tree: &Tree, index: &File) -> Vec<Finding> {
    let missing = |address: &str| {
        !address.contains("://") && !tree.holds(&format!("{DOCS}{}", without_fragment(address)))
    };
    let found = addresses(index).filter(|(_, address)| missing(address));
    found
        .map(|(line, to)| Finding::at(index, line, format!("{to} does not exist")))
        .collect()
}

fn without_fragment(address: &str) -> &str {
    address.split_once('#').map_or(address, |(page, _)| page)
}

/// Targets of Markdown links, one a line at most.
fn addresses(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.lines().filter_map(|(number, line)| {
        let (_, rest) = line.split_once("](")?;
        Some((number, rest.split_once(')')?.0))
    })
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn pages_are_listed_and_listed_pages_exist() {
        let found = findings(
            check,
            &[
                ("docs/SUMMARY.md", "- [A](a.md)\n- [Gone](gone.md)\n"),
                ("docs/a.md", ""),
                ("docs/b.md", ""),
            ],
        );
        assert_eq!(
            found,
            [
                "docs/SUMMARY.md: does not list b.md",
                "docs/SUMMARY.md:2: gone.md does not exist"
            ]
        );
    }
}
