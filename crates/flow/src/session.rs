//! One person's run of a flow.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::definition::Program;
use crate::effect::LinkId;
use crate::env::Env;
use crate::expr::Scope;
use crate::value::{Fields, TokenHandle, Value};

/// The state of one run of a flow, between two turns.
///
/// Holds names only, no position in a file, and nothing of the program: it is loaded with the program version it began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub(crate) id: String,
    /// Number of the last run.
    #[serde(default)]
    pub(crate) runs: u64,
    /// Where the session stands: the flow begun first is first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stack: Vec<Frame>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<Waiting>,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub(crate) variables: Fields,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub(crate) chat_user: Fields,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub(crate) auth: Fields,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed_in: Option<SignedIn>,
    /// Grants that the flow has signed out of (`ChatUser.SSOToken: null`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) left: BTreeSet<String>,
    #[serde(default)]
    pub(crate) level: Level,
    #[serde(default, skip_serializing_if = "SystemError::is_clear")]
    pub(crate) system_error: SystemError,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) last_message: String,
    /// Exceptions since the person last did something.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) faults: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ended: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One entering of one step, or of one post-action, within a session. Strictly growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Run(pub u64);

/// A flow begun and the step it stands at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) flow: String,
    pub(crate) step: String,
    /// 0 is the step itself, `n` its n-th post-action.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) action: u32,
}

/// What the session waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which run; events for another one are ignored.
    pub run: Run,
    /// The step that waits.
    pub step: String,
    /// When [`Event::TimedOut`](crate::Event::TimedOut) is due; `None` waits until the person speaks.
    pub until: Option<Timestamp>,
    /// Whether the person may type meanwhile (SGN-5).
    pub typing: bool,
    /// What ends the wait.
    pub for_: WaitsFor,
}

/// What ends a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A sign-in.
    SignIn {
        /// Connection to sign in to.
        connection: String,
        /// Last segment of the prompt's link.
        link_id: LinkId,
    },
    /// The person's answer.
    Answer,
    /// An outside system.
    Http {
        /// Whether the call may not be repeated, so that its outcome is unknown when no answer comes.
        once: bool,
    },
    /// The answer to an identity request.
    Identity,
}

/// How far a person is known (SGN-11). Set by actions only, never by a token's arrival (SGN-12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing is recorded.
    #[default]
    Unknown,
    /// `save_identified_user` ran.
    Identified,
    /// `save_authenticated_user` ran.
    Authenticated,
}

impl Level {
    /// What `Session.Level` reads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Identified => "identified",
            Self::Authenticated => "authenticated",
        }
    }
}

/// Who signed in last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The connection.
    pub connection: String,
    /// Name of the account as shown to people.
    pub account: Option<String>,
}

/// `SystemError`: what went wrong last (TMO-8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SystemError {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) step: String,
}

impl SystemError {
    pub(crate) fn is_clear(&self) -> bool {
        self.code.is_empty()
    }
}

impl Session {
    /// A session that has not begun: [`Event::Started`](crate::Event::Started) or the person's first words begin it.
    pub fn new(id: &str, program: &Program) -> Self {
        Self {
            id: id.to_owned(),
            runs: 0,
            stack: Vec::new(),
            waiting: None,
            variables: program.variables().clone(),
            chat_user: Fields::default(),
            auth: Fields::default(),
            signed_in: None,
            left: BTreeSet::new(),
            level: Level::Unknown,
            system_error: SystemError::default(),
            last_message: String::new(),
            faults: 0,
            ended: false,
        }
    }

    /// Another pass of a session that came to its end: the flow begins anew with its variables at their
    /// defaults, and for the same person, so that nobody is asked to sign in twice (SGN-8, IDN-4).
    #[must_use]
    pub fn again(self, program: &Program) -> Self {
        Self {
            runs: self.runs,
            chat_user: self.chat_user,
            auth: self.auth,
            signed_in: self.signed_in,
            left: self.left,
            level: self.level,
            ..Self::new(&self.id, program)
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it waits for. `None` before it began and after it ended only.
    pub fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    /// Whether what the person types is refused, `cancel` excepted (SGN-5).
    pub fn typing_blocked(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| !waiting.typing)
    }

    /// Whether it is over; nothing happens to it any more.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// How far the person is known (SGN-11).
    pub fn level(&self) -> Level {
        self.level
    }

    /// Who signed in last, until the flow signs them out. Whether the grant lives, the app knows.
    pub fn signed_in(&self) -> Option<&SignedIn> {
        self.signed_in.as_ref()
    }

    /// Flow and step where it stands.
    pub fn current_step(&self) -> Option<(&str, &str)> {
        self.stack
            .last()
            .map(|frame| (frame.flow.as_str(), frame.step.as_str()))
    }

    /// The value a flow would read at `path`, such as `ChatUser.Email` or `trips`; null for what flows cannot read.
    pub fn read(&self, path: &str, env: &Env<'_>) -> Value {
        Scope::new(self, env).read(path)
    }

    /// Whether the deadline of the wait has passed.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.waiting
            .as_ref()
            .and_then(|waiting| waiting.until)
            .is_some_and(|until| until <= now)
    }

    /// The next run's number.
    pub(crate) fn next_run(&mut self) -> Run {
        self.runs += 1;
        Run(self.runs)
    }

    /// The grant of `connection` that the flow may still use.
    pub(crate) fn usable<'e>(&self, connection: &str, env: &Env<'e>) -> Option<&'e TokenHandle> {
        env.tokens
            .get(connection)
            .filter(|handle| !self.left.contains(&handle.grant))
    }

    /// `ChatUser.SSOToken`: the handle of the last sign-in, null once its grant is gone (SGN-8). A session that
    /// has not signed in reads what a connection shares with it, if one does (TOK-1).
    pub(crate) fn sso_token(&self, env: &Env<'_>) -> Value {
        let held = match self.chat_user.get("SSOToken") {
            Some(Value::Token(handle)) => self
                .usable(&handle.connection, env)
                .filter(|it| *it == handle),
            Some(_) => None,
            None => env
                .tokens
                .values()
                .find(|handle| !self.left.contains(&handle.grant)),
        };
        held.cloned().map_or(Value::Null, Value::from)
    }

    /// Forgets the sign-in that `ChatUser.SSOToken` stands for; the app still owns the grant.
    pub(crate) fn sign_out(&mut self) {
        if let Value::Token(handle) = self.chat_user.read("SSOToken") {
            self.left.insert(handle.grant);
        }
        self.chat_user.set("SSOToken", Value::Null);
        self.auth = Fields::default();
        self.signed_in = None;
        self.level = Level::Unknown;
    }
}
