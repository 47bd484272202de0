use toml::{Table, Value};

use super::citation::{Citation, Mistake, is_id};
use crate::failure::Failure;
use crate::tree::Tree;

const FILES: &[&str] = &[
    "docs/requirements/features.toml",
    "docs/requirements/security.toml",
];

/// A sentence longer than this says more than one thing.
const LONGEST: usize = 120;

/// Every requirement there is, in reading order.
pub(super) struct Catalogue {
    pub(super) sections: Vec<Section>,
}

pub(super) struct Section {
    pub(super) title: String,
    pub(super) requirements: Vec<Requirement>,
}

pub(super) struct Requirement {
    pub(super) id: String,
    pub(super) text: String,
}

impl Catalogue {
    pub(super) fn read(tree: &Tree) -> Result<Self, Failure> {
        let mut sections = Vec::new();
        for path in FILES {
            let text = tree.text(path).unwrap_or_default();
            let table = text.parse::<Table>().map_err(|source| Failure::Toml {
                path: (*path).into(),
                source,
            })?;
            let malformed = |what| Failure::Malformed {
                path: (*path).into(),
                what,
            };
            sections.extend(read_sections(&table).map_err(malformed)?);
        }
        let catalogue = Self { sections };
        catalogue.require_distinct_ids()?;
        Ok(catalogue)
    }

    pub(super) fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.sections
            .iter()
            .flat_map(|section| &section.requirements)
    }

    /// A mistake for each citation of an id that is not in here.
    pub(super) fn unknown(&self, citations: &[Citation]) -> Vec<Mistake> {
        let known = |id: &str| self.requirements().any(|requirement| requirement.id == id);
        let mistake = |citation: &Citation| Mistake {
            path: citation.path.clone(),
            line: citation.line,
            what: format!(
                "{} is no requirement of {}",
                citation.id,
                FILES.join(" or ")
            ),
        };
        citations
            .iter()
            .filter(|citation| !known(&citation.id))
            .map(mistake)
            .collect()
    }

    fn require_distinct_ids(&self) -> Result<(), Failure> {
        let mut ids: Vec<&str> = self.requirements().map(|r| r.id.as_str()).collect();
        ids.sort_unstable();
        let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| {
            let what = format!("{} is there twice", pair[0]);
            Err(Failure::Malformed {
                path: FILES.join(", "),
                what,
            })
        })
    }
}

fn read_sections(table: &Table) -> Result<Vec<Section>, String> {
    let sections = table
        .get("section")
        .and_then(Value::as_array)
        .ok_or("has no [[section]]")?;
    sections.iter().map(read_section).collect()
}

fn read_section(section: &Value) -> Result<Section, String> {
    let title = section
        .get("title")
        .and_then(Value::as_str)
        .ok_or("a section has no title")?;
    let table = section.get("requirements").and_then(Value::as_table);
    let table = table.ok_or_else(|| format!("section `{title}` has no requirements"))?;
    let read = |(id, text): (&String, &Value)| read_requirement(id, text);
    let mut requirements = table.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    requirements.sort_by_key(|requirement| in_order(&requirement.id));
    Ok(Section {
        title: title.into(),
        requirements,
    })
}

fn read_requirement(id: &str, text: &Value) -> Result<Requirement, String> {
    let text = text.as_str().ok_or_else(|| format!("{id} has no text"))?;
    if !is_id(id) {
        Err(format!("`{id}` is no requirement id"))
    } else if text.is_empty() || text.contains('\n') || text.chars().count() > LONGEST {
        Err(format!(
            "{id} is not one line of at most {LONGEST} characters"
        ))
    } else {
        Ok(Requirement {
            id: id.into(),
            text: text.into(),
        })
    }
}

/// `JWT-2` before `JWT-10`.
pub(super) fn in_order(id: &str) -> (String, u32) {
    let (area, number) = id.split_once('-').unwrap_or((id, ""));
    (area.into(), number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(features: &str, security: &str) -> Result<Catalogue, Failure> {
        Catalogue::read(&Tree::of(&[(FILES[0], features), (FILES[1], security)]))
    }

    fn section(lines: &str) -> String {
        format!("[[section]]\ntitle = \"T\"\n[section.requirements]\n{lines}\n")
    }

    #[test]
    fn ids_come_in_reading_order() {
        let features = section("ABC-10 = \"ten\"\nABC-2 = \"two\"");
        let catalogue = read(&features, &section("SEC-1 = \"one\"")).unwrap();
        let ids: Vec<_> = catalogue.requirements().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["ABC-2", "ABC-10", "SEC-1"]);
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said() {
        let good = section("SEC-1 = \"one\"");
        for (lines, said) in [
            ("abc = \"x\"".to_owned(), "no requirement id"),
            ("ABC-1 = 3".to_owned(), "has no text"),
            (format!("ABC-1 = \"{}\"", "x".repeat(121)), "not one line"),
            ("SEC-1 = \"again\"".to_owned(), "there twice"),
        ] {
            let failure = read(&section(&lines), &good).err().unwrap().to_string();
            assert!(failure.contains(said), "{lines}: {failure}");
        }
    }

    #[test]
    fn an_unknown_id_is_a_mistake() {
        let catalogue = read(&section("ABC-1 = \"x\""), &section("SEC-1 = \"y\"")).unwrap();
        let citation = |id: &str| Citation {
            id: id.into(),
            missing: None,
            test: "t".into(),
            path: "a.rs".into(),
            line: 3,
        };
        let mistakes = catalogue.unknown(&[citation("ABC-1"), citation("ABC-9")]);
        assert_eq!(mistakes.len(), 1);
        assert!(
            mistakes[0]
                .to_string()
                .starts_with("a.rs:3: ABC-9 is no requirement")
        );
    }
}
