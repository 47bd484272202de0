use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::definition::Checker;
use crate::exception::Exception;
use crate::expr::{Fault, Shape, escape_pointer};
use crate::session::Session;
use crate::steps::{Context, Next, Step};
use crate::value::Value;

/// Sets variables, or fields of `ChatUser`.
///
/// ```yaml
/// - id: keep
///   set:
///     tries: "{{ tries + 1 }}"
///     ChatUser.Nickname: "{{ answer | trim }}"
/// ```
///
/// Texts are templates; one that is a single `{{ … }}` keeps its type, so that `tries` stays a number. Values are set in
/// order, and later ones see earlier ones. Variables are declared under `variables`, or filled by an `into`.
///
/// `ChatUser.SSOToken: null` forgets the sign-in: it and `Auth` read null from then on, the person counts as unknown, and calls
/// with that sign-in fail with `401`. It takes no other value. A value of more than 1 MB raises `too_large`.
#[derive(Debug)]
pub(super) struct Set {
    values: Vec<(Place, Shape)>,
}

#[derive(Debug)]
enum Place {
    Variable(String),
    ChatUser(String),
    SsoToken,
}

/// Fields of `ChatUser` that the server keeps.
pub(super) const KEPT: [&str; 4] = [
    "SSOToken",
    "OauthAccessURL",
    "IsIdentified",
    "IsAuthenticated",
];

/// Largest value, in bytes and elements.
const MAX_WEIGHT: usize = 1024 * 1024;

impl Set {
    pub(super) fn parse(
        values: &IndexMap<String, Json>,
        checker: &mut Checker<'_>,
    ) -> Option<Self> {
        let parsed: Vec<_> = values
            .iter()
            .map(|(name, json)| {
                let below = format!("/{}", escape_pointer(name));
                let place = place(&below, name, json, checker);
                let shape = checker.shape(&below, json);
                place.zip(shape)
            })
            .collect();
        Some(Self {
            values: parsed.into_iter().collect::<Option<_>>()?,
        })
    }
}

fn place(below: &str, name: &str, json: &Json, checker: &mut Checker<'_>) -> Option<Place> {
    let Some(field) = name
        .strip_prefix("ChatUser.")
        .or_else(|| name.strip_prefix("[[ChatUser]]."))
    else {
        return checker.variable(below, name).map(Place::Variable);
    };
    let fault = match field {
        "SSOToken" if json.is_null() => return Some(Place::SsoToken),
        "SSOToken" => {
            Fault::new("a sign-in sets this; a step may only set it to null, which signs out")
        }
        field if KEPT.contains(&field) => {
            Fault::new(format!("the server keeps `ChatUser.{field}`"))
        }
        field if crate::names::is_variable(field) => {
            return Some(Place::ChatUser(field.to_owned()));
        }
        field => Fault::new(format!("`{field}` is not a name for a field")),
    };
    checker.mistake(below, fault);
    None
}

impl Step for Set {
    fn kind(&self) -> &'static str {
        "set"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        for (place, shape) in &self.values {
            let value = cx.library().shape(shape, &cx.scope())?;
            if value.weight(MAX_WEIGHT).is_none() {
                return Err(Exception::new("too_large", "a value is too large"));
            }
            put(place, value, cx.session);
        }
        Ok(Next::Continue)
    }
}

fn put(place: &Place, value: Value, session: &mut Session) {
    match place {
        Place::Variable(name) => session.variables.set(name, value),
        Place::ChatUser(name) => session.chat_user.set(name, value),
        Place::SsoToken => session.sign_out(),
    }
}
