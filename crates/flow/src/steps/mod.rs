//! The kinds of steps. One file a kind, whose doc comment is its page in the manual.
//!
//! A step asks and never does: what it wants done is an [`Effect`], what it wants said a [`Said`]. It does not know where
//! failure leads; it raises, and the engine routes. To add a kind, write its file, and give it a line in [`parse`].

mod ask;
mod branch;
mod call;
mod end;
mod get_user_identity;
mod goto;
mod http;
mod message;
mod save_authenticated_user;
mod save_identified_user;
mod set;
mod sign_in;

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::definition::{Checker, PostActionFile, Program, StepFile, Target};
use crate::effect::{Effect, Said};
use crate::env::Env;
use crate::event::Event;
use crate::exception::Exception;
use crate::expr::{Fault, Library, Scope};
use crate::session::{Run, Session, WaitsFor};

/// A checked step, or post-action, of one kind.
pub(crate) trait Step: fmt::Debug + Send + Sync {
    /// Its name in flow files and in the monitor.
    fn kind(&self) -> &'static str;

    /// The session arrived here.
    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception>;

    /// Something happened while the session waited here; `None` waits on. Only a step that waits is asked.
    fn resume(&self, _event: &Event, _cx: &mut Context<'_>) -> Result<Option<Next>, Exception> {
        Ok(None)
    }

    /// Whether its success says that outside systems work again, which clears `SystemError` (TMO-8). Other steps leave it
    /// alone, so that a route can tell the person what happened before it looks at the code once more.
    fn reaches_out(&self) -> bool {
        false
    }
}

/// What follows.
#[derive(Debug)]
pub(crate) enum Next {
    /// The step succeeded; on with its post-actions and the next step.
    Continue,
    /// To a step of the same flow.
    Goto(Target),
    /// Into another flow, then on.
    Call(String),
    /// The session waits.
    Wait {
        until: Option<Timestamp>,
        typing: bool,
        for_: WaitsFor,
    },
}

/// What a step may touch.
pub(crate) struct Context<'a> {
    pub(crate) program: &'a Program,
    pub(crate) env: &'a Env<'a>,
    pub(crate) session: &'a mut Session,
    pub(crate) run: Run,
    pub(crate) said: &'a mut Vec<Said>,
    pub(crate) effects: &'a mut Vec<Effect>,
    /// What the monitor shows.
    pub(crate) detail: &'a mut Map<String, Json>,
}

impl<'a> Context<'a> {
    fn library(&self) -> &'a Library {
        self.program.library()
    }

    /// What expressions read now. Later changes of the session do not show in it.
    fn scope(&self) -> Scope {
        Scope::new(self.session, self.env)
    }

    fn note(&mut self, name: &str, value: impl Into<Json>) {
        self.detail.insert(name.to_owned(), value.into());
    }
}

/// Seconds from now; at the end of time, the end of time.
fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds.into()))
        .unwrap_or(Timestamp::MAX)
}

/// Whether the person said the word that ends a wait for a sign-in (CRD-3).
pub(crate) fn is_cancel(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("cancel")
}

/// The variable that a step fills, if it fills one: it need not be declared.
pub(crate) fn into_variable(file: &StepFile) -> Option<&str> {
    let ask = file.ask.as_ref().map(|ask| ask.into.as_str());
    ask.or_else(|| file.http.as_ref().and_then(|http| http.into.as_deref()))
}

type Parsed = Option<Box<dyn Step>>;

/// The one kind that a step has.
pub(crate) fn parse(file: &StepFile, checker: &mut Checker<'_>) -> Parsed {
    let mut kinds: Vec<(&str, Parsed)> = Vec::new();
    macro_rules! kind {
        ($member:ident, $parse:expr) => {
            if let Some(written) = &file.$member {
                let parsed = checker.within(concat!("/", stringify!($member)), |checker| {
                    $parse(written, checker)
                });
                kinds.push((
                    stringify!($member),
                    parsed.map(|step| Box::new(step) as Box<dyn Step>),
                ));
            }
        };
    }
    kind!(message, message::Message::parse);
    kind!(ask, ask::Ask::parse);
    kind!(set, set::Set::parse);
    kind!(branch, branch::Branch::parse);
    kind!(goto, goto::Goto::parse);
    kind!(call, call::Call::parse);
    kind!(http, http::Http::parse);
    kind!(sign_in, sign_in::SignIn::parse);
    kind!(get_user_identity, get_user_identity::GetUserIdentity::parse);
    kind!(save_identified_user, |on: &bool, checker| {
        save_identified_user::SaveIdentifiedUser::parse(*on, checker)
    });
    kind!(save_authenticated_user, |on: &bool, checker| {
        save_authenticated_user::SaveAuthenticatedUser::parse(*on, checker)
    });
    kind!(end, |on: &bool, checker| end::End::parse(*on, checker));
    one_of(kinds, checker)
}

fn one_of(mut kinds: Vec<(&str, Parsed)>, checker: &mut Checker<'_>) -> Parsed {
    if kinds.len() == 1 {
        return kinds.pop().and_then(|(_, step)| step);
    }
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    let fault = if names.is_empty() {
        Fault::new("the step has no kind").hint("add one, such as `message` or `sign_in`")
    } else {
        Fault::new(format!("the step has several kinds: {}", names.join(", ")))
            .hint("make a step of each")
    };
    checker.mistake("", fault);
    None
}

/// The actions that follow a step's success: identity first where its switch asks for it (IDN-1), then those listed.
pub(crate) fn parse_post_actions(file: &StepFile, checker: &mut Checker<'_>) -> Vec<Box<dyn Step>> {
    let connection = connection_of(file);
    let switched = file
        .sign_in
        .as_ref()
        .is_some_and(|sign_in| sign_in.get_user_identity);
    let first = switched.then_some(PostActionFile::GetUserIdentity);
    let listed = file
        .post_actions
        .iter()
        .copied()
        .enumerate()
        .map(|(index, action)| (Some(index), action));
    let mut actions = Vec::new();
    for (index, action) in first.map(|action| (None, action)).into_iter().chain(listed) {
        match post_action(action, connection) {
            Some(step) => actions.push(step),
            None => checker.mistake(
                &index
                    .map(|index| format!("/post_actions/{index}"))
                    .unwrap_or_default(),
                Fault::new("this step has no connection whose identity could be fetched"),
            ),
        }
    }
    actions
}

fn connection_of(file: &StepFile) -> Option<&str> {
    let sign_in = file.sign_in.as_ref().map(|step| step.connection.as_str());
    let http = || {
        file.http
            .as_ref()
            .and_then(|step| step.connection.as_deref())
    };
    let identity = || {
        file.get_user_identity
            .as_ref()
            .map(|step| step.connection.as_str())
    };
    sign_in.or_else(http).or_else(identity)
}

fn post_action(action: PostActionFile, connection: Option<&str>) -> Option<Box<dyn Step>> {
    Some(match action {
        PostActionFile::GetUserIdentity => {
            Box::new(get_user_identity::GetUserIdentity::new(connection?))
        }
        PostActionFile::SaveIdentifiedUser => Box::new(save_identified_user::SaveIdentifiedUser),
        PostActionFile::SaveAuthenticatedUser => {
            Box::new(save_authenticated_user::SaveAuthenticatedUser)
        }
    })
}
