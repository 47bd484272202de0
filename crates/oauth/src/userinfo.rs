//! Who an access token belongs to (OpenID Connect Core 1.0 §5.3), or what a plain OAuth provider
//! says about its person.

use jiff::Timestamp;
use jose::{Alg, KeySet, Kind, Policy};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use std::sync::Arc;
use url::Url;

use crate::answer;
use crate::error::{Error, Misbehavior, Refusal};
use crate::exchange::{Exchange, Progress};
use crate::http::{Purpose, Request, Response};

/// Whom the answer must be about (UIN-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The `sub` of the ID token, byte for byte.
    Subject(String),
    /// No ID token: the attribute by which the connection tells people apart must be there.
    Attribute(String),
    /// Nobody in particular: for a request that decides nothing.
    Anybody,
}

impl From<Option<&str>> for About {
    fn from(subject: Option<&str>) -> About {
        subject.map_or(About::Anybody, |subject| About::Subject(subject.to_owned()))
    }
}

/// What a signed answer must be (UIN-2). Once a connection expects one, nothing else is accepted.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Who signs.
    pub issuer: String,
    /// Whom for.
    pub client_id: String,
    /// By what.
    pub algs: Vec<Alg>,
    /// With which keys.
    pub keys: Arc<KeySet>,
}

/// Asks `endpoint`, which is the connection's own and nothing a flow made up (UIN-3).
pub fn begin(
    endpoint: &Url,
    access_token: &SecretString,
    about: impl Into<About>,
) -> Result<Progress<UserInfo>, Error> {
    Ok(ask(endpoint, access_token, about.into(), None))
}

/// Like [`begin`], where the connection expects a signed answer.
pub fn begin_signed(
    endpoint: &Url,
    access_token: &SecretString,
    about: impl Into<About>,
    signed: Signed,
) -> Result<Progress<UserInfo>, Error> {
    Ok(ask(endpoint, access_token, about.into(), Some(signed)))
}

/// A question for user information under way.
#[derive(Clone, Debug)]
pub struct UserInfo {
    about: About,
    signed: Option<Signed>,
}

impl Exchange for UserInfo {
    /// The whole answer: data, whose values nothing has been checked about (UIN-5).
    type Outcome = Map<String, Value>;

    fn receive(self, answer: Response, now: Timestamp) -> Result<Progress<UserInfo>, Error> {
        match answer.status {
            200 => {}
            401 => return Err(Error::Refused(Refusal::AccessToken)),
            403 => return Err(Error::Refused(Refusal::Forbidden)),
            _ => return Err(answer::failure(&answer, now)),
        }
        let claims = match &self.signed {
            None => plain(&answer)?,
            Some(signed) => verified(&answer, signed, now)?,
        };
        check_person(&claims, &self.about)?;
        Ok(Progress::Done(claims))
    }
}

/// Which check an answer failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Neither what was expected, nor anything to fall back to (UIN-2).
    #[error("the answer is not {0}")]
    MediaType(&'static str),
    /// The member that names the person is missing, empty or no text.
    #[error("the answer does not say whom it is about")]
    NobodyNamed,
    /// The answer is about someone else.
    #[error("the answer is about another person")]
    OtherPerson,
    /// A signed answer that cannot be believed.
    #[error(transparent)]
    Token(jose::Fault),
    /// A claim of a signed answer.
    #[error(transparent)]
    Claim(jose::ClaimFault),
    /// A signed answer by another issuer.
    #[error("signed by another issuer")]
    Issuer,
    /// A signed answer for another client.
    #[error("signed for another client")]
    Audience,
}

impl Fault {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Fault::MediaType(_) => "misbehaved.userinfo.media_type",
            Fault::NobodyNamed => "misbehaved.userinfo.nobody_named",
            Fault::OtherPerson => "misbehaved.userinfo.other_person",
            Fault::Token(_) => "misbehaved.userinfo.token",
            Fault::Claim(_) => "misbehaved.userinfo.claim",
            Fault::Issuer => "misbehaved.userinfo.issuer",
            Fault::Audience => "misbehaved.userinfo.audience",
        }
    }
}

impl From<Fault> for Misbehavior {
    fn from(fault: Fault) -> Misbehavior {
        Misbehavior::UserInfo(fault)
    }
}

impl From<jose::ClaimFault> for Fault {
    fn from(fault: jose::ClaimFault) -> Fault {
        Fault::Claim(fault)
    }
}

fn ask(
    endpoint: &Url,
    access_token: &SecretString,
    about: About,
    signed: Option<Signed>,
) -> Progress<UserInfo> {
    let accept = if signed.is_some() { JWT } else { JSON };
    let bearer = format!("Bearer {}", access_token.expose_secret());
    let request = Request::get(Purpose::UserInfo, endpoint.clone(), accept);
    Progress::Send(
        request.with_header("authorization", bearer),
        UserInfo { about, signed },
    )
}

const JSON: &str = "application/json";
const JWT: &str = "application/jwt";

fn plain(answer: &Response) -> Result<Map<String, Value>, Misbehavior> {
    if answer.media_type() != JSON {
        return Err(Fault::MediaType(JSON).into());
    }
    answer::object(&answer.body)
}

fn verified(
    answer: &Response,
    signed: &Signed,
    now: Timestamp,
) -> Result<Map<String, Value>, Misbehavior> {
    if answer.media_type() != JWT {
        return Err(Fault::MediaType(JWT).into());
    }
    let text = str::from_utf8(&answer.body).map_err(|_| Fault::MediaType(JWT))?;
    let policy = Policy {
        kind: Kind::UserInfo,
        algs: &signed.algs,
        max_bytes: jose::MAX_ID_TOKEN_BYTES,
    };
    let claims = jose::verify(text.trim_ascii(), &policy, &signed.keys)
        .map_err(Fault::Token)?
        .claims;
    check_addressee(&claims, signed)?;
    check_life(&claims, now).map_err(Fault::Claim)?;
    Ok(claims.to_map())
}

/// OpenID Connect Core 1.0 §5.3.2: a signed answer names its issuer and its audience.
fn check_addressee(claims: &jose::Claims, signed: &Signed) -> Result<(), Fault> {
    if claims.required_text("iss")? != signed.issuer {
        return Err(Fault::Issuer);
    }
    if !claims.audience()?.contains(&signed.client_id.as_str()) {
        return Err(Fault::Audience);
    }
    Ok(())
}

/// User information need not end; where it says when, that counts.
fn check_life(claims: &jose::Claims, now: Timestamp) -> Result<(), jose::ClaimFault> {
    if claims.has("exp") {
        return claims.check_times(now);
    }
    for (name, fault) in [
        ("nbf", jose::ClaimFault::NotYetValid),
        ("iat", jose::ClaimFault::IssuedAhead),
    ] {
        if claims
            .instant(name)?
            .is_some_and(|instant| instant.is_ahead(now))
        {
            return Err(fault);
        }
    }
    Ok(())
}

fn check_person(claims: &Map<String, Value>, about: &About) -> Result<(), Misbehavior> {
    let named = |name: &str| match claims.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    match about {
        About::Anybody => Ok(()),
        About::Subject(subject) => match named("sub") {
            None => Err(Fault::NobodyNamed.into()),
            Some(sub) if sub == subject => Ok(()),
            Some(_) => Err(Fault::OtherPerson.into()),
        },
        // Plain OAuth providers often number people.
        About::Attribute(name) => match claims.get(name.as_str()) {
            Some(Value::Number(_)) => Ok(()),
            _ => named(name).map(|_| ()).ok_or(Fault::NobodyNamed.into()),
        },
    }
}
