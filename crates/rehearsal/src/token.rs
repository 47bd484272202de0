//! The token and revocation endpoints.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client_auth::{Form, refusal};
use crate::grants::{Grant, GrantId};
use crate::id_token::Occasion;
use crate::{Client, Provider, Request, Response};

/// What the answer of one request carries beside the access token.
struct Answer {
    grant: GrantId,
    scopes: Vec<String>,
    refresh_token: bool,
    /// Whether this answers a refresh.
    refreshed: bool,
}

impl Provider {
    /// RFC 6749 §3.2. A request that is refused changes nothing, unless the refusal is that a code
    /// or refresh token came a second time.
    pub(crate) fn token(&mut self, request: &Request, now: Timestamp) -> Response {
        self.try_token(request, now)
            .unwrap_or_else(|refusal| refusal)
    }

    /// RFC 7009: an unknown token is as revoked as one can wish.
    pub(crate) fn revoke(&mut self, request: &Request, now: Timestamp) -> Response {
        self.try_revoke(request, now)
            .unwrap_or_else(|refusal| refusal)
    }

    fn try_token(&mut self, request: &Request, now: Timestamp) -> Result<Response, Response> {
        let form = Form::read(request)?;
        let client = self.authenticate(request, &form, now)?;
        let answer = match form.need("grant_type")? {
            "authorization_code" => self.redeem(&form, &client, now)?,
            "refresh_token" => self.refresh(&form, &client, now)?,
            _ => return Err(refusal(400, "unsupported_grant_type")),
        };
        self.give(&answer, &client, now)
    }

    fn try_revoke(&mut self, request: &Request, now: Timestamp) -> Result<Response, Response> {
        let form = Form::read(request)?;
        let client = self.authenticate(request, &form, now)?;
        self.ledger.revoke(form.need("token")?, &client.id);
        Ok(Response::empty(200))
    }

    /// RFC 6749 §4.1.3 and RFC 7636 §4.6.
    fn redeem(&mut self, form: &Form, client: &Client, now: Timestamp) -> Result<Answer, Response> {
        let (text, redirect_uri) = (form.need("code")?, form.need("redirect_uri")?);
        let verifier = form.need("code_verifier")?;
        let stale = || refusal(400, "invalid_grant");
        let code = self.ledger.code(text).ok_or_else(stale)?;
        if code.grant.client != client.id {
            return Err(stale());
        }
        if let Some(grant) = code.used {
            self.ledger.end(grant);
            return Err(stale());
        }
        if code.expires <= now
            || code.redirect_uri != redirect_uri
            || !proves(verifier, &code.challenge)
        {
            return Err(stale());
        }
        let grant = code.grant.clone();
        let refresh_token = self.config.always_refresh_token || grant.allows("offline_access");
        let scopes = grant.scopes.clone();
        let id = self.ledger.open(grant);
        if let Some(code) = self.ledger.code(text) {
            code.used = Some(id);
        }
        Ok(Answer {
            grant: id,
            scopes,
            refresh_token,
            refreshed: false,
        })
    }

    /// RFC 6749 §6.
    fn refresh(
        &mut self,
        form: &Form,
        client: &Client,
        now: Timestamp,
    ) -> Result<Answer, Response> {
        let token = form.need("refresh_token")?;
        let rotation = self.config.rotation;
        let stale = |_| refusal(400, "invalid_grant");
        let id = self
            .ledger
            .refreshable(token, &client.id, rotation, now)
            .map_err(stale)?;
        let scopes = self
            .ledger
            .grant(id)
            .map(|grant| narrowed(grant, form.field("scope")));
        let scopes = scopes.unwrap_or_else(|| Ok(Vec::new()))?;
        let refresh_token = self.ledger.take_refresh(token, rotation);
        Ok(Answer {
            grant: id,
            scopes,
            refresh_token,
            refreshed: true,
        })
    }

    fn give(
        &mut self,
        answer: &Answer,
        client: &Client,
        now: Timestamp,
    ) -> Result<Response, Response> {
        let grant = self
            .ledger
            .grant(answer.grant)
            .ok_or_else(|| refusal(400, "invalid_grant"))?
            .clone();
        let lives = self.config.lives;
        let access = self
            .ledger
            .give_access(answer.grant, &mut self.mint, &lives, now);
        let mut body = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": lives.access_token.as_secs(),
            "scope": answer.scopes.join(" "),
        });
        if answer.refresh_token {
            body["refresh_token"] =
                Value::String(
                    self.ledger
                        .give_refresh(answer.grant, &mut self.mint, &lives, now),
                );
        }
        let wanted = !answer.refreshed || self.config.refreshes_id_token;
        if wanted && grant.allows("openid") {
            let occasion = Occasion {
                grant: &grant,
                client,
                access: &access,
                refreshed: answer.refreshed,
                now,
            };
            let token = self
                .id_token(&occasion)
                .map_err(|_| refusal(500, "server_error"))?;
            if let Some(token) = token {
                body["id_token"] = Value::String(token);
            }
        }
        Ok(Response::of_json(200, &body).with("pragma", "no-cache"))
    }
}

fn proves(verifier: &str, challenge: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(allowed)
        && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
}

/// A refresh may ask for fewer scopes, never for more (RFC 6749 §6).
fn narrowed(grant: &Grant, asked: Option<&str>) -> Result<Vec<String>, Response> {
    let Some(asked) = asked else {
        return Ok(grant.scopes.clone());
    };
    let scopes: Vec<String> = asked
        .split(' ')
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    if scopes.iter().all(|scope| grant.allows(scope)) {
        Ok(scopes)
    } else {
        Err(refusal(400, "invalid_scope"))
    }
}
