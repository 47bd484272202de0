//! The way to the provider: the authorization request (RFC 6749 §4.1.1, RFC 7636).

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::discovery::Provider;
use crate::error::{Error, MemberFault, Misbehavior, Rejection, Unsupported};
use crate::http::without_query;
use crate::seeds;

/// What to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Where to.
    pub provider: &'a Provider,
    /// Our registration there.
    pub client_id: &'a str,
    /// Goes into the address as it is, and unchanged into the token request (BND-8).
    pub redirect_uri: &'a str,
    /// In the order they are asked for. With `openid` among them a nonce is made.
    pub scopes: &'a [String],
    /// `login`, `consent`, `select_account`, `none`; `None` sends nothing.
    pub prompt: Option<&'a str>,
    /// Parameters of the connection. They win over those of the provider's quirk.
    pub extras: &'a [(String, String)],
    /// Parameters fed by flow variables: of [`HINTS`] only. They win over `prompt` and `extras`.
    pub hints: &'a [(String, String)],
}

/// Random bytes for one attempt. Never used for a second one.
pub struct Seeds {
    /// Becomes `state`.
    pub state: [u8; 32],
    /// Becomes `nonce`.
    pub nonce: [u8; 32],
    /// Becomes the PKCE verifier.
    pub verifier: [u8; 32],
}

/// Where to send the person, and what to remember until they come back.
pub struct Authorization {
    /// Holds `state` and `nonce`: a secret until the attempt is over.
    pub url: Url,
    /// Store its digest only (BND-1).
    pub state: SecretString,
    /// The ID token must carry it (BND-6). `None` unless `openid` was asked.
    pub nonce: Option<SecretString>,
    /// Store it sealed; the token request carries it (BND-5).
    pub verifier: SecretString,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("url", &without_query(&self.url))
            .finish_non_exhaustive()
    }
}

/// What a flow variable may feed (BND-11).
pub const HINTS: [&str; 6] = [
    "login_hint",
    "ui_locales",
    "prompt",
    "max_age",
    "acr_values",
    "domain_hint",
];

/// The longest value that a flow variable may feed, in bytes (BND-11).
pub const MAX_HINT_BYTES: usize = 512;

/// Makes the authorization request of one attempt: code flow, PKCE with S256, always.
pub fn begin(ask: &Ask<'_>, seeds: &Seeds) -> Result<Authorization, Error> {
    if !ask.provider.has_s256() {
        return Err(Error::Unsupported(Unsupported::Pkce));
    }
    let state = SecretString::from(seeds::text(&seeds.state));
    let verifier = SecretString::from(seeds::text(&seeds.verifier));
    let asks_identity = ask.scopes.iter().any(|scope| scope == "openid");
    let nonce = asks_identity.then(|| SecretString::from(seeds::text(&seeds.nonce)));

    let mut query = Query::over(&ask.provider.authorization_endpoint)?;
    query.push("response_type", "code");
    query.push("client_id", ask.client_id);
    query.push("redirect_uri", ask.redirect_uri);
    let scope = scope(ask);
    if !scope.is_empty() {
        query.push("scope", &scope);
    }
    query.push("state", state.expose_secret());
    if let Some(nonce) = &nonce {
        query.push("nonce", nonce.expose_secret());
    }
    query.push("code_challenge", &seeds::digest(verifier.expose_secret()));
    query.push("code_challenge_method", "S256");
    for (name, value) in others(ask)? {
        query.push(name, value);
    }
    Ok(Authorization {
        url: query.into_url(),
        state,
        nonce,
        verifier,
    })
}

/// The challenge that a verifier answers (RFC 7636 §4.2). For scripted providers and tests.
pub fn challenge(verifier: &str) -> String {
    seeds::digest(verifier)
}

/// Names that only this module may set (BND-11).
const RESERVED: [&str; 13] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "resource",
    "iss",
];

fn scope(ask: &Ask<'_>) -> String {
    let quirk = ask.provider.quirk();
    let sent = ask
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| quirk.sends(scope));
    sent.collect::<Vec<_>>().join(" ")
}

/// All further parameters, each once: a flow's word before the connection's before the quirk's.
fn others<'a>(ask: &Ask<'a>) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    add(&mut all, hints(ask.hints)?)?;
    let prompt = ask.prompt.map(|prompt| ("prompt", prompt));
    let set_by_flow = all.len();
    let extras = extras(ask.extras)?.into_iter().chain(prompt);
    let extras =
        extras.filter(|(name, _)| !all[..set_by_flow].iter().any(|(held, _)| held == name));
    let extras: Vec<_> = extras.collect();
    add(&mut all, extras)?;
    let quirk = ask.provider.quirk().parameters(ask.scopes);
    all.extend(quirk.filter(|(name, _)| !all.iter().any(|(held, _)| held == name)));
    Ok(all)
}

fn add<'a>(all: &mut Vec<(&'a str, &'a str)>, more: Vec<(&'a str, &'a str)>) -> Result<(), Error> {
    for (name, value) in more {
        if all.iter().any(|(held, _)| *held == name) {
            return Err(Error::Rejected(Rejection::Parameter {
                name: name.to_owned(),
            }));
        }
        all.push((name, value));
    }
    Ok(())
}

fn hints(given: &[(String, String)]) -> Result<Vec<(&str, &str)>, Error> {
    let check = |(name, value): &'_ (String, String)| {
        if !HINTS.contains(&name.as_str()) {
            return Err(Error::Rejected(Rejection::Parameter { name: name.clone() }));
        }
        if value.len() > MAX_HINT_BYTES {
            return Err(Error::Rejected(Rejection::ParameterTooLong {
                name: name.clone(),
            }));
        }
        Ok(())
    };
    given.iter().try_for_each(check)?;
    Ok(pairs(given))
}

fn extras(given: &[(String, String)]) -> Result<Vec<(&str, &str)>, Error> {
    match given.iter().find(|(name, _)| is_reserved(name)) {
        Some((name, _)) => Err(Error::Rejected(Rejection::ReservedParameter {
            name: name.clone(),
        })),
        None => Ok(pairs(given)),
    }
}

fn pairs(given: &[(String, String)]) -> Vec<(&str, &str)> {
    given
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// In any case and with any blanks around it, since some servers are lenient.
fn is_reserved(name: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| name.trim().eq_ignore_ascii_case(reserved))
}

/// All but the unreserved characters of RFC 3986 §2.3: no blank becomes `+`, which some read as is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A query under construction, after whatever the endpoint's own address already holds.
struct Query {
    url: Url,
    text: String,
}

impl Query {
    /// RFC 6749 §3.1: the endpoint's own query stays, but it may not speak for us (MIX-5).
    fn over(endpoint: &Url) -> Result<Query, Error> {
        if endpoint.query_pairs().any(|(name, _)| is_reserved(&name)) {
            let fault = MemberFault::ReservedParameter;
            return Err(Misbehavior::member("authorization_endpoint", fault).into());
        }
        let text = endpoint.query().unwrap_or_default().to_owned();
        Ok(Query {
            url: endpoint.clone(),
            text,
        })
    }

    fn push(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.extend(utf8_percent_encode(name, ENCODED));
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, ENCODED));
    }

    fn into_url(mut self) -> Url {
        self.url.set_query(Some(&self.text));
        self.url
    }
}
