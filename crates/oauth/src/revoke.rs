//! Ending a token at the provider (RFC 7009).

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::answer;
use crate::client::Caller;
use crate::error::{Error, Unsupported};
use crate::exchange::{Exchange, Progress};
use crate::http::{Form, Purpose, Response};

/// Which kind of token is to be ended. Ending a refresh token ends the whole grant at most providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

/// Ends `token` at `endpoint`. Repeatable: a token that is unknown counts as ended (RFC 7009 §2.2).
pub fn begin(
    endpoint: &Url,
    token: &SecretString,
    hint: Hint,
    caller: &Caller<'_>,
) -> Result<Progress<Revoke>, Error> {
    let kind = match hint {
        Hint::AccessToken => "access_token",
        Hint::RefreshToken => "refresh_token",
    };
    let form = Form::default()
        .with("token", token.expose_secret())
        .with("token_type_hint", kind);
    Ok(Progress::Send(
        caller.post(Purpose::Revocation, endpoint, form)?,
        Revoke(()),
    ))
}

/// A revocation under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoke(());

impl Exchange for Revoke {
    type Outcome = ();

    fn receive(self, answer: Response, now: Timestamp) -> Result<Progress<Revoke>, Error> {
        if (200..=299).contains(&answer.status) {
            return Ok(Progress::Done(()));
        }
        let said = answer::provider_error(&answer);
        if said.is_some_and(|said| said.error == "unsupported_token_type") {
            return Err(Error::Unsupported(Unsupported::Revocation));
        }
        Err(answer::failure(&answer, now))
    }
}
