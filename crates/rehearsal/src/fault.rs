//! What a hostile or broken provider does, switched on by tests.
//!
//! Five families, by what they spoil: [`Http`] how an answer travels, [`Json`] what a JSON answer
//! says, [`Callback`] what the redirect back to the client says, [`IdToken`] the ID token of a code
//! exchange or of a refresh. Faults add up: several may lie on one answer, played in the order they
//! were switched on. A one-shot fault is used up by the first answer that it could spoil.

use jiff::SignedDuration;
use serde_json::Value;

use crate::Endpoint;

/// One thing that goes wrong, and where.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// How the answer of an endpoint travels.
    Http(Endpoint, Http),
    /// What the JSON object that an endpoint answers with status 200 says.
    Json(Endpoint, Json),
    /// What the redirect to the client says, an error redirect too.
    Callback(Callback),
    /// The ID token that answers a code.
    IdToken(IdToken),
    /// The ID token that answers a refresh (IDT-10).
    RefreshedIdToken(IdToken),
}

/// How an answer travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Http {
    /// This status instead of doing the work, with `Retry-After` when given.
    Status {
        /// 500, 503, 429, 401 ...
        status: u16,
        /// Seconds.
        retry_after_s: Option<u32>,
    },
    /// An OAuth error object instead of doing the work. Both texts go out as they are: markup,
    /// control characters, a megabyte (PAG-6).
    Refusal {
        /// The HTTP status.
        status: u16,
        /// The `error` member.
        error: String,
        /// The `error_description` member.
        description: String,
    },
    /// A redirect to this address instead of doing the work (EGR-5).
    Redirect(String),
    /// The connection is not accepted; the work is not done.
    Unreachable,
    /// The work is done, its answer never arrives (RTR-3: rotates and loses).
    Dropped,
    /// The work is done, its answer arrives after this time.
    Late(SignedDuration),
    /// The work is done, the body comes at one byte a second (EGR-8).
    Dripping,
    /// The work is done, the connection is cut after this many bytes of the body.
    CutAfter(usize),
    /// The work is done; the body is padded with blanks to this many bytes (JSON stays JSON).
    Huge(usize),
    /// The work is done; the body is an HTML page, still called what it was.
    NotJson,
    /// The work is done; the body is these bytes.
    Body(Vec<u8>),
    /// The work is done; the content type is this one.
    ContentType(String),
    /// The work is done; one more header. Values are not checked.
    Header(String, String),
}

/// What a JSON object says. Discovery of another issuer is `Set("issuer", ..)`, another person's
/// user information `Set("sub", ..)`, a `mac` token `Set("token_type", ..)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// This member has this value, of whatever type.
    Set(String, Value),
    /// This member is missing.
    Unset(String),
    /// This member stands there twice: first as it was, then with this value. In the text only a
    /// strict reader sees it.
    Twice(String, Value),
}

/// What the redirect back to the client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callback {
    /// This parameter has this value: a wrong `iss`, another `state`, an `access_token`.
    Set(String, String),
    /// This parameter is missing: `iss`, `state`, `code`.
    Unset(String),
    /// This parameter is sent twice, with its value both times.
    Twice(String),
    /// One character of `state` is another one.
    StateMutated,
    /// `error` and `error_description` instead of a code (PAG-6, BND-17).
    Refusal {
        /// The `error` parameter.
        error: String,
        /// The `error_description` parameter.
        description: String,
    },
}

/// What is wrong with an ID token. All but the last group are signed rightly over the wrong content.
#[derive(Debug, Clone, PartialEq)]
pub enum IdToken {
    /// This claim has this value: another `iss`, an `aud` that is a number, a `nonce` that is null.
    Set(String, Value),
    /// This claim is missing.
    Unset(String),
    /// This claim is the time of the answer plus this span, as a whole number: `exp`, `iat`,
    /// `nbf`, `auth_time` (IDT-7).
    At(String, SignedDuration),
    /// `aud` becomes an array with this one added (IDT-4). `azp` stays absent: see [`IdToken::Set`].
    ExtraAudience(String),
    /// This claim stands there twice, the second time with this value (JWT-3).
    Twice(String, Value),
    /// `at_hash` of another access token (IDT-8).
    WrongAtHash,
    /// This header member has this value: `crit`, `jku`, `x5u`, `typ`, `b64`, `zip` (JWT-7, JWT-8).
    Header(String, Value),
    /// Signed by a new key, which the header carries as `jwk`; `kid` names no published key (JWT-7).
    EmbeddedKey,
    /// Signed by a new key that is never published, with its own `kid` (JWK-4).
    UnknownKey,
    /// Signed by a key that is never published, under the `kid` of the published one.
    ForeignKey,

    /// One byte of this part is altered after signing (IDT-1).
    Altered(Part),
    /// `alg` is `none`, the signature is empty (JWT-4).
    Unsigned,
    /// `HS256`, with the text of the published JWK as the secret (JWT-5).
    HmacWithPublicKey,
    /// No ID token in the answer.
    Missing,
    /// This text instead of a token.
    Raw(String),
}

/// One of the three parts of a compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The JOSE header.
    Header,
    /// The claims.
    Payload,
    /// The signature.
    Signature,
}

/// The faults that are switched on. Empty is the honest provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults(Vec<Switched>);

#[derive(Debug, Clone, PartialEq)]
struct Switched {
    fault: Fault,
    /// How many answers it still spoils; `None` is all.
    left: Option<u32>,
}

impl Faults {
    /// Spoils the next answer that it applies to.
    pub fn once(&mut self, fault: impl Into<Fault>) {
        self.times(1, fault);
    }

    /// Spoils the next `count` answers that it applies to.
    pub fn times(&mut self, count: u32, fault: impl Into<Fault>) {
        self.0.push(Switched {
            fault: fault.into(),
            left: Some(count),
        });
    }

    /// Spoils every answer that it applies to until [`Faults::clear`].
    pub fn always(&mut self, fault: impl Into<Fault>) {
        self.0.push(Switched {
            fault: fault.into(),
            left: None,
        });
    }

    /// Switches all off: the provider is honest again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether nothing is switched on, so a test can see that its one-shot faults were used up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn http(&mut self, endpoint: Endpoint) -> Vec<Http> {
        self.take(|fault| match fault {
            Fault::Http(at, fault) if *at == endpoint => Some(fault.clone()),
            _ => None,
        })
    }

    pub(crate) fn json(&mut self, endpoint: Endpoint) -> Vec<Json> {
        self.take(|fault| match fault {
            Fault::Json(at, fault) if *at == endpoint => Some(fault.clone()),
            _ => None,
        })
    }

    pub(crate) fn callback(&mut self) -> Vec<Callback> {
        self.take(|fault| match fault {
            Fault::Callback(fault) => Some(fault.clone()),
            _ => None,
        })
    }

    pub(crate) fn id_token(&mut self, refreshed: bool) -> Vec<IdToken> {
        self.take(|fault| match fault {
            Fault::IdToken(fault) if !refreshed => Some(fault.clone()),
            Fault::RefreshedIdToken(fault) if refreshed => Some(fault.clone()),
            _ => None,
        })
    }

    /// Gives what `pick` finds and counts it as played.
    fn take<T>(&mut self, pick: impl Fn(&Fault) -> Option<T>) -> Vec<T> {
        let mut taken = Vec::new();
        self.0.retain_mut(|switched| {
            let Some(fault) = pick(&switched.fault) else {
                return true;
            };
            taken.push(fault);
            switched.left = switched.left.map(|left| left.saturating_sub(1));
            switched.left != Some(0)
        });
        taken
    }
}

impl From<Callback> for Fault {
    fn from(fault: Callback) -> Self {
        Self::Callback(fault)
    }
}

impl From<IdToken> for Fault {
    fn from(fault: IdToken) -> Self {
        Self::IdToken(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_spoils_as_many_answers_as_it_was_told_to() {
        let mut faults = Faults::default();
        faults.once(Fault::Http(Endpoint::Token, Http::NotJson));
        faults.times(2, Fault::Http(Endpoint::Token, Http::Dropped));
        faults.always(Fault::Http(Endpoint::Keys, Http::Dripping));

        assert_eq!(faults.http(Endpoint::UserInfo), []);
        assert_eq!(faults.http(Endpoint::Token), [Http::NotJson, Http::Dropped]);
        assert_eq!(faults.http(Endpoint::Token), [Http::Dropped]);
        assert_eq!(faults.http(Endpoint::Token), []);
        assert_eq!(faults.http(Endpoint::Keys), faults.http(Endpoint::Keys));
        faults.clear();
        assert!(faults.is_empty());
    }

    #[test]
    fn a_fault_of_refreshed_tokens_waits_for_a_refresh() {
        let mut faults = Faults::default();
        faults.once(Fault::RefreshedIdToken(IdToken::Unsigned));
        assert_eq!(faults.id_token(false), []);
        assert_eq!(faults.id_token(true), [IdToken::Unsigned]);
    }
}
