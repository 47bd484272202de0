//! A world for flows: plays the app, keeps the clock and the grants.

use std::collections::{BTreeMap, BTreeSet};

use crate::yaml;
use flow::{
    Channel, Env, Event, Facts, Mistake, Program, Run, Session, TokenHandle, Turn, WaitsFor,
};
use jiff::{SignedDuration, Timestamp};

/// The flow of the manual's first page.
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "not every test file uses it"
)]
pub(crate) const TRAVEL: &str = include_str!("../travel.yaml");

/// Checks flows, of which the first is the one to start with. Connections are `corp` and `other`.
pub(crate) fn check(sources: &[&str]) -> Result<Program, Vec<(String, Mistake)>> {
    let files: Vec<_> = sources
        .iter()
        .map(|source| yaml::flow(source))
        .map(|file| (file.flow.clone(), file))
        .collect();
    let connections = BTreeSet::from(["corp", "other"].map(str::to_owned));
    let flows = files.iter().map(|(name, _)| name.clone()).collect();
    let start = files.first().map(|(name, _)| name.clone()).expect("a flow");
    Program::check(
        files,
        &start,
        &Facts {
            connections: &connections,
            flows: &flows,
        },
    )
}

/// What the app would hold for one conversation.
pub(crate) struct World {
    pub(crate) program: Program,
    pub(crate) session: Session,
    pub(crate) now: Timestamp,
    pub(crate) tokens: BTreeMap<String, TokenHandle>,
    pub(crate) buttons: bool,
    pub(crate) proves_browser: bool,
    seed: u64,
    grants: u32,
}

impl World {
    pub(crate) fn new(program: Program) -> Self {
        let session = Session::new("ses_1", &program);
        let now = "2030-01-01T12:00:00Z".parse().expect("a time");
        let tokens = BTreeMap::new();
        Self {
            program,
            session,
            now,
            tokens,
            buttons: true,
            proves_browser: true,
            seed: 0,
            grants: 0,
        }
    }

    pub(crate) fn env(&self) -> Env<'_> {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        Env {
            now: self.now,
            seed,
            public_url: "https://usher.example",
            channel: Channel {
                name: "chat",
                buttons: self.buttons,
                proves_browser: self.proves_browser,
            },
            tokens: &self.tokens,
        }
    }

    /// One turn. Computes it twice and demands the same bytes; stores the session and loads it again.
    pub(crate) fn give(&mut self, event: Event) -> Turn {
        self.seed += 1;
        let turn = flow::advance(
            &self.program,
            self.session.clone(),
            event.clone(),
            &self.env(),
        );
        let again = flow::advance(&self.program, self.session.clone(), event, &self.env());
        let bytes = serde_json::to_vec(&turn).expect("JSON");
        assert_eq!(
            bytes,
            serde_json::to_vec(&again).expect("JSON"),
            "the same input gave another turn"
        );
        let stored = serde_json::to_string(&turn.session).expect("JSON");
        self.session = serde_json::from_str(&stored).expect("a session");
        assert_eq!(
            self.session, turn.session,
            "the session changed by being stored"
        );
        turn
    }

    /// The run that is waited for; one that never was if there is none.
    pub(crate) fn run(&self) -> Run {
        self.session.waiting().map_or(Run(0), |waiting| waiting.run)
    }

    /// The connection that a prompt is open for.
    pub(crate) fn prompted(&self) -> String {
        match self.session.waiting().map(|waiting| &waiting.for_) {
            Some(WaitsFor::SignIn { connection, .. }) => connection.clone(),
            Some(WaitsFor::Answer | WaitsFor::Http { .. } | WaitsFor::Identity) | None => {
                "corp".to_owned()
            }
        }
    }

    /// A new grant of `connection`, as the app makes one when a sign-in succeeds.
    pub(crate) fn grant(&mut self, connection: &str) {
        self.grants += 1;
        let handle = TokenHandle {
            connection: connection.to_owned(),
            grant: format!("gra_{}", self.grants),
        };
        self.tokens.insert(connection.to_owned(), handle);
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now = self
            .now
            .checked_add(SignedDuration::from_secs(seconds))
            .expect("a time");
    }
}
