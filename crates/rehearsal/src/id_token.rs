//! ID tokens (OpenID Connect Core 1.0 §2), right ones and wrong ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jose::Alg;
use jose::sign::SigningKey;
use serde_json::{Map, Value, json};

use crate::api::claims_for;
use crate::authorize::mutated;
use crate::fault::{IdToken, Part};
use crate::grants::{Grant, after};
use crate::keys::{generate, is_hmac};
use crate::spoil::object_text;
use crate::{Client, Error, Provider};

/// Whom a token is about and for, and what it goes with.
pub(crate) struct Occasion<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) client: &'a Client,
    /// The access token of the same answer.
    pub(crate) access: &'a str,
    /// Whether the answer is that of a refresh.
    pub(crate) refreshed: bool,
    pub(crate) now: Timestamp,
}

/// A token in the making.
struct Draft {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Claims that stand there a second time.
    twice: Vec<(String, Value)>,
    key: SigningKey,
}

impl Provider {
    /// The ID token for `occasion`, as the faults have it; `None` if one withholds it.
    pub(crate) fn id_token(&mut self, occasion: &Occasion<'_>) -> Result<Option<String>, Error> {
        let faults = self.faults.id_token(occasion.refreshed);
        let mut draft = self.draft(occasion)?;
        for fault in &faults {
            draft.spoil(fault, occasion.now)?;
        }
        let mut token = Some(draft.signed()?);
        for fault in &faults {
            token = self.respelled(token, fault)?;
        }
        Ok(token)
    }

    fn draft(&self, occasion: &Occasion<'_>) -> Result<Draft, Error> {
        let alg = self.config.id_token_alg;
        let key = if is_hmac(alg) {
            let secret = occasion.client.auth.secret().ok_or(Error::NoSecret(alg))?;
            SigningKey::hmac(alg, "", secret.as_bytes())
                .map_err(|source| Error::Key(alg, source))?
        } else {
            self.keys.newest(alg).ok_or(Error::NoKey(alg))?.clone()
        };
        let mut header = Map::new();
        header.insert("alg".into(), json!(alg.as_str()));
        header.insert("typ".into(), json!("JWT"));
        if !key.kid().is_empty() {
            header.insert("kid".into(), json!(key.kid()));
        }
        Ok(Draft {
            header,
            claims: self.claims(occasion),
            twice: Vec::new(),
            key,
        })
    }

    fn claims(&self, occasion: &Occasion<'_>) -> Map<String, Value> {
        let Occasion {
            grant, client, now, ..
        } = occasion;
        let person = self.person(&grant.person);
        let audience = if self.config.audience_as_array {
            json!([client.id])
        } else {
            json!(client.id)
        };
        let mut claims = Map::new();
        let mut add = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        add("iss", json!(self.config.issuer));
        add("sub", json!(person.map(crate::Person::subject)));
        add("aud", audience);
        add(
            "exp",
            json!(after(*now, self.config.lives.id_token).as_second()),
        );
        add("iat", json!(now.as_second()));
        add("auth_time", json!(grant.auth_time.as_second()));
        add(
            "at_hash",
            json!(jose::half_hash(self.config.id_token_alg, occasion.access)),
        );
        if let Some(nonce) = &grant.nonce {
            add("nonce", json!(nonce));
        }
        if let Some(person) = person.filter(|_| self.config.claims_in_id_token) {
            claims.extend(claims_for(person, grant));
        }
        claims
    }

    /// What a fault makes of a token that is signed.
    fn respelled(&self, token: Option<String>, fault: &IdToken) -> Result<Option<String>, Error> {
        let Some(token) = token else { return Ok(None) };
        Ok(match fault {
            IdToken::Missing => None,
            IdToken::Raw(text) => Some(text.clone()),
            IdToken::Altered(part) => Some(altered(&token, *part)),
            IdToken::Unsigned => Some(unsigned(&token)),
            IdToken::HmacWithPublicKey => Some(self.hmac_with_public_key(&token)?),
            IdToken::Set(..)
            | IdToken::Unset(_)
            | IdToken::At(..)
            | IdToken::ExtraAudience(_)
            | IdToken::Twice(..)
            | IdToken::WrongAtHash
            | IdToken::Header(..)
            | IdToken::EmbeddedKey
            | IdToken::UnknownKey
            | IdToken::ForeignKey => Some(token),
        })
    }

    /// The secret is the JWK as the key set has it, byte for byte.
    fn hmac_with_public_key(&self, token: &str) -> Result<String, Error> {
        let alg = self.config.id_token_alg;
        let jwk = self.keys.newest(alg).ok_or(Error::NoKey(alg))?.public_jwk();
        let wrong = |source| Error::Key(Alg::HS256, source);
        let key = SigningKey::hmac(Alg::HS256, "", jwk.to_string().as_bytes()).map_err(wrong)?;
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": jwk["kid"] });
        let payload = token.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
        key.sign_text(&header.to_string(), &String::from_utf8_lossy(&claims))
            .map_err(wrong)
    }
}

impl Draft {
    /// What a fault changes before signing.
    fn spoil(&mut self, fault: &IdToken, now: Timestamp) -> Result<(), Error> {
        match fault {
            IdToken::Set(name, value) => self.set(name, value.clone()),
            IdToken::Unset(name) => {
                self.claims.shift_remove(name);
            }
            IdToken::At(name, span) => self.set(name, json!(after(now, *span).as_second())),
            IdToken::ExtraAudience(audience) => self.add_audience(audience),
            IdToken::Twice(name, value) => self.twice.push((name.clone(), value.clone())),
            IdToken::WrongAtHash => {
                let wrong = self.claims["at_hash"].as_str().map(mutated);
                self.set("at_hash", json!(wrong));
            }
            IdToken::Header(name, value) => {
                self.header.insert(name.clone(), value.clone());
            }
            IdToken::EmbeddedKey => {
                let jwk = self.take_new_key("embedded")?;
                self.header.insert("jwk".into(), jwk);
            }
            IdToken::UnknownKey => {
                self.take_new_key("unknown")?;
            }
            IdToken::ForeignKey => {
                let kid = self.header.get("kid").cloned();
                self.take_new_key("foreign")?;
                self.header.extend(kid.map(|kid| ("kid".to_owned(), kid)));
            }
            IdToken::Altered(_)
            | IdToken::Unsigned
            | IdToken::HmacWithPublicKey
            | IdToken::Missing
            | IdToken::Raw(_) => {}
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value) {
        self.claims.insert(name.to_owned(), value);
    }

    fn add_audience(&mut self, audience: &str) {
        let mut all = match self.claims.get("aud") {
            Some(Value::Array(all)) => all.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        all.push(json!(audience));
        self.set("aud", Value::Array(all));
    }

    /// Signs with a key that nobody knows, of the usual kind; gives its public half.
    fn take_new_key(&mut self, kid: &str) -> Result<Value, Error> {
        let alg = if is_hmac(self.key.alg()) {
            Alg::ES256
        } else {
            self.key.alg()
        };
        let key = generate(alg, kid)?;
        let jwk = key.public_jwk();
        self.header.insert("alg".into(), json!(alg.as_str()));
        self.header.insert("kid".into(), json!(kid));
        self.key = key;
        Ok(jwk)
    }

    fn signed(&self) -> Result<String, Error> {
        let header = Value::Object(self.header.clone()).to_string();
        let claims = object_text(&self.claims, &self.twice);
        self.key
            .sign_text(&header, &claims)
            .map_err(|source| Error::Key(self.key.alg(), source))
    }
}

/// Changes one byte below the encoding, so that what comes out is good base64url.
fn altered(token: &str, part: Part) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let at = match part {
        Part::Header => 0,
        Part::Payload => 1,
        Part::Signature => 2,
    };
    if let Some(text) = parts.get_mut(at) {
        let mut bytes = URL_SAFE_NO_PAD.decode(&*text).unwrap_or_default();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        *text = URL_SAFE_NO_PAD.encode(bytes);
    }
    parts.join(".")
}

fn unsigned(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let payload = token.split('.').nth(1).unwrap_or_default();
    format!("{header}.{payload}.")
}
