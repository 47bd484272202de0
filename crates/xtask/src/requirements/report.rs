use std::fmt::Write as _;

use super::catalogue::{Catalogue, Requirement};
use super::citation::Citation;

/// Where each requirement stands.
pub(super) struct Report<'a> {
    catalogue: &'a Catalogue,
    citations: &'a [Citation],
}

#[derive(Debug, PartialEq)]
enum Standing<'a> {
    /// By tests that show all of it.
    Whole(Vec<&'a Citation>),
    /// By tests that each leave something out.
    Part(Vec<&'a Citation>),
    Open,
}

impl<'a> Report<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, citations: &'a [Citation]) -> Self {
        Self {
            catalogue,
            citations,
        }
    }

    pub(super) fn proven(&self) -> Vec<&'a str> {
        self.ids(|standing| matches!(standing, Standing::Whole(_)))
    }

    pub(super) fn not_proven(&self) -> Vec<&'a str> {
        self.ids(|standing| !matches!(standing, Standing::Whole(_)))
    }

    pub(super) fn table(&self) -> String {
        let mut out = String::new();
        for section in &self.catalogue.sections {
            let _ = writeln!(out, "{}", section.title);
            for requirement in &section.requirements {
                out.push_str(&rows(requirement, &self.standing(&requirement.id)));
            }
            out.push('\n');
        }
        out + &self.summary() + "\n"
    }

    pub(super) fn summary(&self) -> String {
        let part = self
            .ids(|standing| matches!(standing, Standing::Part(_)))
            .len();
        let open = self.ids(|standing| *standing == Standing::Open).len();
        let all = self.catalogue.requirements().count();
        format!(
            "{all} requirements: {} proven, {part} in part, {open} open",
            self.proven().len()
        )
    }

    fn ids(&self, keep: impl Fn(&Standing<'a>) -> bool) -> Vec<&'a str> {
        let ids = self
            .catalogue
            .requirements()
            .map(|requirement| requirement.id.as_str());
        ids.filter(|id| keep(&self.standing(id))).collect()
    }

    fn standing(&self, id: &str) -> Standing<'a> {
        let cited = |citation: &&Citation| citation.id == id;
        let (part, whole): (Vec<_>, Vec<_>) = self
            .citations
            .iter()
            .filter(cited)
            .partition(|citation| citation.missing.is_some());
        match (whole.is_empty(), part.is_empty()) {
            (false, _) => Standing::Whole(whole),
            (true, false) => Standing::Part(part),
            (true, true) => Standing::Open,
        }
    }
}

fn rows(requirement: &Requirement, standing: &Standing<'_>) -> String {
    let Requirement { id, text } = requirement;
    match standing {
        Standing::Whole(tests) => format!("  proven  {id:<7} {text}\n{}", lines(tests)),
        Standing::Part(tests) => format!("  part    {id:<7} {text}\n{}", lines(tests)),
        Standing::Open => format!("  open    {id:<7} {text}\n"),
    }
}

fn lines(tests: &[&Citation]) -> String {
    let line = |citation: &&Citation| {
        let missing = citation
            .missing
            .as_ref()
            .map(|missing| format!(", but: {missing}"));
        let Citation {
            path, line, test, ..
        } = citation;
        format!(
            "                  {path}:{line} {test}{}\n",
            missing.unwrap_or_default()
        )
    };
    tests.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirements::catalogue::Section;

    fn catalogue() -> Catalogue {
        let requirement = |id: &str| Requirement {
            id: id.into(),
            text: "Holds.".into(),
        };
        let requirements = ["ABC-1", "ABC-2", "ABC-3"].map(requirement).into();
        Catalogue {
            sections: vec![Section {
                title: "Things".into(),
                requirements,
            }],
        }
    }

    fn citation(id: &str, missing: Option<&str>) -> Citation {
        Citation {
            id: id.into(),
            missing: missing.map(str::to_owned),
            test: "it_holds".into(),
            path: "a.rs".into(),
            line: 1,
        }
    }

    #[test]
    fn a_whole_proof_outweighs_one_in_part() {
        let catalogue = catalogue();
        let citations = [
            citation("ABC-1", Some("half")),
            citation("ABC-1", None),
            citation("ABC-2", Some("no browser")),
        ];
        let report = Report::new(&catalogue, &citations);
        assert_eq!(report.proven(), ["ABC-1"]);
        assert_eq!(report.not_proven(), ["ABC-2", "ABC-3"]);
        assert_eq!(
            report.summary(),
            "3 requirements: 1 proven, 1 in part, 1 open"
        );
    }

    #[test]
    fn the_table_tells_what_is_missing() {
        let catalogue = catalogue();
        let citations = [citation("ABC-2", Some("no browser"))];
        let table = Report::new(&catalogue, &citations).table();
        assert!(table.contains("part    ABC-2   Holds.\n"), "{table}");
        assert!(
            table.contains("a.rs:1 it_holds, but: no browser\n"),
            "{table}"
        );
    }
}
