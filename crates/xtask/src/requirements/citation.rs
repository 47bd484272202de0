use std::fmt;

use crate::tree::File;

/// A test's claim to prove a requirement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Citation {
    pub(super) id: String,
    /// What the test does not show; `None` if it shows the requirement whole.
    pub(super) missing: Option<String>,
    pub(super) test: String,
    pub(super) path: String,
    pub(super) line: usize,
}

/// A citation that proves nothing, for the reason given.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) what: String,
}

impl Mistake {
    pub(super) fn at(file: &File, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

#[derive(Default)]
pub(super) struct Found {
    pub(super) citations: Vec<Citation>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Found {
    /// Takes `claims`, which stand above `test`, or says why they do not count.
    pub(super) fn settle(&mut self, file: &File, claims: Vec<Claim>, test: Result<&str, &str>) {
        for claim in claims {
            match test {
                Ok(test) => self.citations.push(claim.by(file, test)),
                Err(why) => self.mistakes.push(Mistake::at(file, claim.line, why)),
            }
        }
    }

    pub(super) fn join(mut self, other: Self) -> Self {
        self.citations.extend(other.citations);
        self.mistakes.extend(other.mistakes);
        self
    }
}

/// An id in a `Proves` line, before it is known what stands below that line.
#[derive(Debug, PartialEq)]
pub(super) struct Claim {
    pub(super) line: usize,
    id: String,
    missing: Option<String>,
}

impl Claim {
    fn by(self, file: &File, test: &str) -> Citation {
        let Self { line, id, missing } = self;
        Citation {
            id,
            missing,
            test: test.into(),
            path: file.path.clone(),
            line,
        }
    }
}

const WHOLE: &str = "Proves: ";
const IN_PART: &str = "Proves in part: ";

/// Reads the text of one comment line. `None` if it does not cite at all.
pub(super) fn claims(line: usize, comment: &str) -> Option<Result<Vec<Claim>, String>> {
    if let Some(list) = comment.strip_prefix(WHOLE) {
        Some(
            split(list)
                .into_iter()
                .map(|item| whole(line, item))
                .collect(),
        )
    } else if let Some(list) = comment.strip_prefix(IN_PART) {
        Some(
            split(list)
                .into_iter()
                .map(|item| in_part(line, item))
                .collect(),
        )
    } else {
        let almost = comment.to_ascii_lowercase().starts_with("proves") && names_an_id(comment);
        almost.then(|| {
            Err(format!(
                "write `{WHOLE}ID, ID` or `{IN_PART}ID (what is missing)`"
            ))
        })
    }
}

fn whole(line: usize, item: &str) -> Result<Claim, String> {
    if is_id(item) {
        Ok(Claim {
            line,
            id: item.into(),
            missing: None,
        })
    } else {
        Err(format!("`{item}` is no requirement id"))
    }
}

fn in_part(line: usize, item: &str) -> Result<Claim, String> {
    let parts = item
        .split_once(" (")
        .and_then(|(id, rest)| Some((id, rest.strip_suffix(')')?)));
    match parts {
        Some((id, missing)) if is_id(id) && !missing.trim().is_empty() => Ok(Claim {
            line,
            id: id.into(),
            missing: Some(missing.trim().into()),
        }),
        _ => Err(format!("`{item}` does not read `ID (what is missing)`")),
    }
}

/// Splits at commas that stand outside parentheses.
fn split(list: &str) -> Vec<&str> {
    let (mut items, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    for (index, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(list[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    items.push(list[start..].trim());
    items
}

/// `JWT-2`, `A11Y-1`: whether it exists is the catalogue's to say.
pub(super) fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(area, number)| {
        let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        (3..=4).contains(&area.len())
            && area.starts_with(|c: char| c.is_ascii_uppercase())
            && area.chars().all(upper)
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

fn names_an_id(comment: &str) -> bool {
    comment
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .any(is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(String, Option<String>)>;

    fn read(comment: &str) -> Option<Result<Pairs, String>> {
        let pairs = |claims: Vec<Claim>| claims.into_iter().map(|c| (c.id, c.missing)).collect();
        claims(1, comment).map(|claims| claims.map(pairs))
    }

    #[test]
    fn both_forms_are_read() {
        let whole = |id: &str| (id.to_owned(), None);
        let part = |id: &str, missing: &str| (id.to_owned(), Some(missing.to_owned()));
        assert_eq!(
            read("Proves: JWT-2, A11Y-1"),
            Some(Ok(vec![whole("JWT-2"), whole("A11Y-1")]))
        );
        assert_eq!(
            read("Proves in part: PHI-1 (no widget (yet), no popup), BND-2 (one node)"),
            Some(Ok(vec![
                part("PHI-1", "no widget (yet), no popup"),
                part("BND-2", "one node")
            ]))
        );
    }

    #[test]
    fn what_is_almost_a_citation_is_a_mistake() {
        for comment in [
            "Proves JWT-2",
            "proves: JWT-2",
            "Proves: jwt-2",
            "Proves: JWT-2 (half)",
            "Proves: JWT-2,",
            "Proves in part: JWT-2",
            "Proves in part: JWT-2 ()",
        ] {
            assert!(matches!(read(comment), Some(Err(_))), "{comment}");
        }
    }

    #[test]
    fn other_comments_are_none() {
        for comment in ["Proves that the browser is ours.", "See JWT-2.", ""] {
            assert_eq!(read(comment), None, "{comment}");
        }
    }
}
