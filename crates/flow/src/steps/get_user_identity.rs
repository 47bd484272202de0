use serde_json::Value as Json;

use crate::definition::{Checker, GetUserIdentityFile};
use crate::effect::Effect;
use crate::event::{Event, HttpFailure};
use crate::exception::Exception;
use crate::session::{Session, WaitsFor};
use crate::steps::{Context, Next, Step, after, set};

/// Fetches the person's identity and fills `ChatUser`.
///
/// ```yaml
/// - id: who
///   get_user_identity: { connection: corp }
/// ```
///
/// Sends the connection's identity request with the person's token; the connection's mapping says which field of `ChatUser`
/// takes which value (IDN-2). Also a post-action, `post_actions: [get_user_identity]`, at the connection of its step; the
/// switch of the same name in `sign_in` makes it the first one. Raises the upstream status as text, `401` where nobody is signed
/// in, or `no_answer`.
#[derive(Debug)]
pub(super) struct GetUserIdentity {
    connection: String,
}

/// Seconds until an answer is no longer expected: requests are bounded by less.
const PATIENCE_S: u32 = 90;

impl GetUserIdentity {
    pub(super) fn new(connection: &str) -> Self {
        Self {
            connection: connection.to_owned(),
        }
    }

    pub(super) fn parse(file: &GetUserIdentityFile, checker: &mut Checker<'_>) -> Option<Self> {
        Some(Self {
            connection: checker.connection("/connection", &file.connection)?,
        })
    }
}

impl Step for GetUserIdentity {
    fn kind(&self) -> &'static str {
        "get_user_identity"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.note("connection", self.connection.as_str());
        if cx.session.usable(&self.connection, cx.env).is_none() {
            let failure = HttpFailure::NotSignedIn;
            return Err(Exception::new(failure.code(), failure.detail()));
        }
        cx.effects.push(Effect::FetchIdentity {
            run: cx.run,
            connection: self.connection.clone(),
        });
        Ok(Next::Wait {
            until: Some(after(cx.env.now, PATIENCE_S)),
            typing: true,
            for_: WaitsFor::Identity,
        })
    }

    fn resume(&self, event: &Event, cx: &mut Context<'_>) -> Result<Option<Next>, Exception> {
        match event {
            Event::IdentityFetched {
                answer: Ok(fields), ..
            } => {
                fill(fields, cx.session);
                cx.note(
                    "fields",
                    fields
                        .iter()
                        .map(|(name, _)| name.as_str())
                        .collect::<Vec<_>>(),
                );
                Ok(Some(Next::Continue))
            }
            Event::IdentityFetched {
                answer: Err(failure),
                ..
            } => Err(Exception::new(
                failure.code.clone(),
                "the identity could not be fetched",
            )),
            Event::TimedOut { .. } => {
                let failure = HttpFailure::TimedOut;
                Err(Exception::new(failure.code(), failure.detail()))
            }
            // No `_`: a new event makes the compiler ask every step that waits what it means.
            Event::Started
            | Event::Said(_)
            | Event::SignedIn { .. }
            | Event::SignInFailed { .. }
            | Event::HttpAnswered { .. } => Ok(None),
        }
    }

    fn reaches_out(&self) -> bool {
        true
    }
}

/// Fields that the server keeps are not for a mapping to set.
fn fill(fields: &[(String, Json)], session: &mut Session) {
    for (name, value) in fields {
        let field = name.strip_prefix("ChatUser.").unwrap_or(name);
        if !set::KEPT.contains(&field) {
            session.chat_user.set(field, value.clone());
        }
    }
}
