//! Which requirement is proven by which test.
//!
//! `docs/requirements/README.md` says how a test cites what it proves.

mod catalogue;
mod citation;
mod ledger;
mod reach;
mod report;
mod rust_tests;
mod scripts;
mod transcripts;

use std::path::Path;

use crate::failure::Failure;
use crate::tree::Tree;
use catalogue::Catalogue;
use citation::{Citation, Mistake};
use report::Report;

pub(crate) fn table(root: &Path) -> Result<(), Failure> {
    let state = State::read(root)?;
    print!("{}", state.report().table());
    state.require_sound_citations()
}

pub(crate) fn proven(root: &Path) -> Result<(), Failure> {
    let state = State::read(root)?;
    state
        .report()
        .proven()
        .iter()
        .for_each(|id| println!("{id}"));
    state.require_sound_citations()
}

pub(crate) fn open(root: &Path) -> Result<(), Failure> {
    let state = State::read(root)?;
    state
        .report()
        .not_proven()
        .iter()
        .for_each(|id| println!("{id}"));
    state.require_sound_citations()
}

pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let state = State::read(root)?;
    state.require_sound_citations()?;
    let report = state.report();
    println!("{}", report.summary());
    ledger::compare(&ledger::read(&state.tree), &report.proven())
}

pub(crate) fn bless(root: &Path) -> Result<(), Failure> {
    let state = State::read(root)?;
    state.require_sound_citations()?;
    ledger::write(root, &state.report().proven())
}

/// All that the checkout says about requirements.
struct State {
    tree: Tree,
    catalogue: Catalogue,
    citations: Vec<Citation>,
    mistakes: Vec<Mistake>,
}

impl State {
    fn read(root: &Path) -> Result<Self, Failure> {
        let tree = Tree::read(root)?;
        let catalogue = Catalogue::read(&tree)?;
        let (mut citations, mut mistakes) = (Vec::new(), Vec::new());
        for found in [
            rust_tests::find(&tree),
            transcripts::find(&tree),
            scripts::find(&tree),
        ] {
            citations.extend(found.citations);
            mistakes.extend(found.mistakes);
        }
        mistakes.extend(catalogue.unknown(&citations));
        Ok(Self {
            tree,
            catalogue,
            citations,
            mistakes,
        })
    }

    fn report(&self) -> Report<'_> {
        Report::new(&self.catalogue, &self.citations)
    }

    fn require_sound_citations(&self) -> Result<(), Failure> {
        self.mistakes
            .iter()
            .for_each(|mistake| eprintln!("{mistake}"));
        match self.mistakes.len() {
            0 => Ok(()),
            count => Err(Failure::Findings {
                check: "citations",
                count,
            }),
        }
    }
}
