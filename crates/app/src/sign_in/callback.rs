//! The provider's answer, from the browser's arrival to quarantine (`security.md` section 2).

use std::sync::Arc;

use oauth::{
    callback::{self, Outcome},
    error::{Error as OauthError, Refusal},
    id_token::{self, Expected, IdToken},
    token::{self, Code, Tokens},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use store::{Attempt, AttemptId, AttemptState, Claim, Json, Organization, Quarantine};
use vault::grant;
use zeroize::Zeroizing;

use super::{
    Browser, Details, Held, Luggage, Who,
    end::Ending,
    proofs::{self, Proofs, Verdict},
};
use crate::{
    App,
    connections::{Registration, Unverified},
    drive::{DriveError, causes, drive},
    keys::{Sealed, digest},
    turn::{Cause, TurnError},
};

/// Where a browser that came back is sent to next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackPage {
    /// The page of this attempt, which shows its browser how it ended.
    Finished(AttemptId),
    /// The page of an attempt that is unknown or over (PAG-7).
    Ended,
}

/// Why a callback does not lead to a grant: how the attempt ends, and what the log says (JWT-12).
struct Failed {
    ending: Ending,
    check: String,
    /// What the check met, where its name alone does not say it.
    because: String,
}

impl Failed {
    fn new(ending: Ending, check: &(impl ToString + ?Sized)) -> Self {
        Self {
            ending,
            check: check.to_string(),
            because: String::new(),
        }
    }
}

impl App {
    /// Takes a provider's answer. Goes on even when the browser does not wait for it: a code that
    /// was consumed must come to its end.
    pub async fn callback(
        self: &Arc<Self>,
        organization: &Organization,
        connection: &str,
        query: &str,
        browser: &Browser,
    ) -> Result<CallbackPage, TurnError> {
        let state = callback::state_of(query);
        let Some(state) = state.filter(|_| query.len() <= callback::MAX_QUERY_BYTES) else {
            return Ok(CallbackPage::Ended);
        };
        let attempt = self
            .store
            .sign_ins
            .by_state(organization, connection, digest(&state))
            .await?;
        let Some(attempt) = attempt else {
            return Ok(CallbackPage::Ended);
        };
        if attempt.state != AttemptState::Claimed {
            return Ok(page(&attempt, browser));
        }
        match callback::parse(query) {
            _ if !browser.set_out_on(&attempt) => self.other_browser(&attempt, query).await,
            Err(fault) => {
                let failed = Failed::new(Ending::Misbehaved, fault.code());
                self.give_up(&attempt, failed).await?;
                Ok(CallbackPage::Finished(attempt.id))
            }
            Ok(answer) => self.take_answer(attempt, answer, browser).await,
        }
    }

    /// P1 does not hold. A code is not redeemed and the attempt fails (BND-4); an error answer
    /// changes nothing, since anybody can send a browser here with one (BND-17).
    async fn other_browser(
        &self,
        attempt: &Attempt,
        query: &str,
    ) -> Result<CallbackPage, TurnError> {
        let brings_code = matches!(
            callback::parse(query),
            Ok(callback::Answer {
                outcome: Outcome::Code(_),
                ..
            })
        );
        if brings_code {
            let failed = Failed::new(Ending::OtherBrowser, "callback.other_browser");
            self.give_up(attempt, failed).await?;
        }
        Ok(CallbackPage::Ended)
    }

    async fn take_answer(
        self: &Arc<Self>,
        attempt: Attempt,
        answer: callback::Answer,
        browser: &Browser,
    ) -> Result<CallbackPage, TurnError> {
        let now = self.ports.clock.now();
        let mine = self
            .store
            .sign_ins
            .consume(&attempt.organization, attempt.id, now)
            .await?;
        if !mine {
            return Ok(page(&attempt, browser));
        }
        let id = attempt.id;
        let (app, browser) = (Arc::clone(self), browser.clone());
        let finish = tokio::spawn(async move { app.finish(attempt, answer, &browser).await });
        match finish.await {
            Ok(finished) => finished?,
            Err(panic) => tracing::error!(attempt = %id, %panic, "a callback was cut off"),
        }
        Ok(CallbackPage::Finished(id))
    }

    /// From the consumed answer to release, quarantine or failure.
    async fn finish(
        &self,
        mut attempt: Attempt,
        answer: callback::Answer,
        browser: &Browser,
    ) -> Result<(), TurnError> {
        attempt.state = AttemptState::Exchanging;
        let proofs = Proofs {
            same_browser: browser.set_out_on(&attempt),
            chat_browser: self.holds_conversation(&attempt, browser).await?,
            code: false,
        };
        let held = match self.exchange(&attempt, answer).await {
            Ok(held) => held,
            Err(failed) => return self.give_up(&attempt, failed).await,
        };
        match proofs::judge(proofs) {
            Verdict::Refuse => {
                let failed = Failed::new(Ending::OtherBrowser, "proofs.refuse");
                self.give_up(&attempt, failed).await
            }
            Verdict::Release(leave) => {
                if self.put_in_quarantine(&attempt, held, proofs).await? {
                    self.release(&attempt, leave).await?;
                }
                Ok(())
            }
            Verdict::AwaitCode => {
                if self.put_in_quarantine(&attempt, held, proofs).await? {
                    self.turn(
                        &attempt.organization,
                        attempt.conversation,
                        Cause::CodeAwaited,
                    )
                    .await?;
                }
                Ok(())
            }
        }
    }

    async fn holds_conversation(
        &self,
        attempt: &Attempt,
        browser: &Browser,
    ) -> Result<bool, TurnError> {
        let snapshot = self
            .store
            .conversations
            .load(&attempt.organization, attempt.conversation)
            .await?;
        Ok(snapshot.is_some_and(|snapshot| browser.holds(snapshot.conversation.browser)))
    }

    /// The code becomes tokens, and the ID token a person. The code is sent once, whatever comes.
    async fn exchange(&self, attempt: &Attempt, answer: callback::Answer) -> Result<Held, Failed> {
        let claim = attempt
            .claim
            .as_ref()
            .ok_or_else(|| Failed::new(Ending::Misbehaved, "callback.not_claimed"))?;
        let registration = self.registration_of(attempt).await?;
        callback::check_issuer(
            &answer,
            claim.issuer.as_deref(),
            registration.provider.sends_iss,
        )
        .map_err(|error| misbehaved(&error.into()))?;
        let code = answer.into_code().map_err(|error| misbehaved(&error))?;
        let luggage = self.luggage(attempt, claim).await?;
        let tokens = self.redeem(&registration, claim, &luggage, &code).await?;
        let required = required(&registration.settings().scopes);
        if !tokens
            .lacks(&required, registration.provider.quirk())
            .is_empty()
        {
            return Err(Failed::new(Ending::PartialConsent, "scopes.partial"));
        }
        let id_token = self
            .believe(&registration, &tokens, &luggage, &code)
            .await?;
        held(&registration, tokens, id_token.as_ref())
    }

    async fn registration_of(&self, attempt: &Attempt) -> Result<Registration, Failed> {
        let details =
            Details::of(attempt).map_err(|error| Failed::new(Ending::NoConfiguration, &error))?;
        let published = self
            .version(&attempt.organization, details.version)
            .await
            .map_err(|error| Failed::new(Ending::NoConfiguration, &error))?;
        self.live_registration(&published, &attempt.connection)
            .await
            .map_err(|error| Failed::new(Ending::ProviderDown, &error))
    }

    async fn luggage(&self, attempt: &Attempt, claim: &Claim) -> Result<Luggage, Failed> {
        let place = Sealed::Claim {
            attempt: &attempt.id.to_string(),
            connection: &attempt.connection,
        };
        let unreadable = |error: &str| Failed::new(Ending::NoConfiguration, error);
        let plain = self
            .open(&attempt.organization, place, &claim.sealed)
            .await
            .map_err(|error| unreadable(&error.to_string()))?;
        serde_json::from_slice(&plain).map_err(|_| unreadable("claim.unreadable"))
    }

    async fn redeem(
        &self,
        registration: &Registration,
        claim: &Claim,
        luggage: &Luggage,
        code: &SecretString,
    ) -> Result<Tokens, Failed> {
        let code = Code {
            code,
            redirect_uri: &claim.redirect_uri,
            verifier: &SecretString::from(luggage.verifier.as_str()),
            scopes: &registration.settings().scopes,
        };
        let caller = registration.caller(&self.ports);
        let progress = token::redeem(&caller, &code).map_err(|error| misbehaved(&error))?;
        drive(&self.ports, progress)
            .await
            .map_err(|error| match error {
                DriveError::NoAnswer(error) => Failed::new(Ending::ProviderDown, &error),
                DriveError::Answered(error) => misbehaved(&error),
            })
    }

    /// The signature is checked although the token came over TLS (IDT-1).
    async fn believe(
        &self,
        registration: &Registration,
        tokens: &Tokens,
        luggage: &Luggage,
        code: &SecretString,
    ) -> Result<Option<IdToken>, Failed> {
        let Some(id_token) = &tokens.id_token else {
            return Ok(None);
        };
        let Some(expected) = registration.expected(Some(tokens.access_token.expose_secret()))
        else {
            return Ok(None);
        };
        let expected = Expected {
            nonce: luggage.nonce.as_deref().map(String::as_str),
            code: Some(code.expose_secret()),
            ..expected
        };
        let now = self.ports.clock.now();
        let ports = &self.ports;
        self.connections
            .with_keys(ports, registration, id_token.expose_secret(), |keys| {
                id_token::verify(id_token.expose_secret(), &expected, keys, now)
            })
            .await
            .map(Some)
            .map_err(|error| match error {
                Unverified::NoKeys => Failed::new(Ending::ProviderDown, &error),
                Unverified::Refused(misbehavior) => misbehaved(&misbehavior.into()),
            })
    }

    /// Puts the tokens where nothing reads them. `false`: the attempt was over meanwhile, and they
    /// are revoked (PHI-15).
    async fn put_in_quarantine(
        &self,
        attempt: &Attempt,
        mut held: Held,
        proofs: Proofs,
    ) -> Result<bool, TurnError> {
        let code = vault::code::from_random(self.ports.entropy.bytes());
        held.who.code = (!proofs.chat_browser).then(|| Zeroizing::new(code.shown().to_string()));
        let place = Sealed::Quarantine {
            attempt: &attempt.id.to_string(),
            connection: &attempt.connection,
        };
        let key = self.data_key(&attempt.organization).await?;
        let code = held.who.code.as_ref().map(|_| {
            store::Digest(key.code_digest(&place.place(attempt.organization.as_str()), &code))
        });
        let plain = held.to_bytes().map_err(|_| crate::keys::KeyError::Seal)?;
        let quarantine = Quarantine {
            sealed: self.seal(&attempt.organization, place, &plain).await?,
            identity: Json::of(&proofs)?,
            code,
            at: self.ports.clock.now(),
        };
        let sealed = quarantine.sealed.clone();
        let kept = self
            .store
            .sign_ins
            .quarantine(&attempt.organization, attempt.id, quarantine)
            .await?;
        if !kept {
            self.revoke_sealed(attempt, &sealed).await?;
        }
        Ok(kept)
    }

    async fn give_up(&self, attempt: &Attempt, failed: Failed) -> Result<(), TurnError> {
        tracing::info!(
            organization = %attempt.organization,
            connection = attempt.connection,
            attempt = %attempt.id,
            check = failed.check,
            because = failed.because,
            ending = failed.ending.code(),
            "a sign-in failed"
        );
        self.end(attempt, failed.ending).await
    }
}

/// What goes into quarantine, if the connection's demands on the person are met.
fn held(
    registration: &Registration,
    tokens: Tokens,
    id_token: Option<&IdToken>,
) -> Result<Held, Failed> {
    let settings = registration.settings();
    let claims = id_token.map(|token| token.claims().to_map());
    let claims = claims.unwrap_or_default();
    if settings.require_verified_email && !identity::claims::email_verified(&claims) {
        return Err(Failed::new(
            Ending::EmailNotVerified,
            "claims.email_verified",
        ));
    }
    let first = id_token
        .map(IdToken::first_login)
        .transpose()
        .map_err(|error| misbehaved(&error.into()))?;
    let first = first.map_or(Value::Null, |first| {
        serde_json::to_value(first).unwrap_or(Value::Null)
    });
    Ok(Held {
        who: Who {
            claims: identity::claims::auth(&claims, &settings.additional_claims),
            account: identity::claims::account(&claims),
            code: None,
        },
        tokens: grant::Tokens {
            access: tokens.access_token,
            refresh: tokens.refresh_token,
            id: tokens.id_token,
            expires_at: tokens.expires_at,
            expires_known: tokens.expires_known,
            scopes: tokens.scopes,
            token_type: "Bearer".to_owned(),
            first,
        },
    })
}

/// Only the browser that set out learns which attempt it is.
fn page(attempt: &Attempt, browser: &Browser) -> CallbackPage {
    if browser.set_out_on(attempt) {
        CallbackPage::Finished(attempt.id)
    } else {
        CallbackPage::Ended
    }
}

/// What a provider's error means for the attempt.
fn misbehaved(error: &OauthError) -> Failed {
    let ending = match error {
        OauthError::Refused(Refusal::AccessDenied(_) | Refusal::NeedsPerson(_)) => Ending::Refused,
        OauthError::Refused(_) | OauthError::Misbehaved(_) => Ending::Misbehaved,
        OauthError::Unsupported(_) | OauthError::Rejected(_) => Ending::NoConfiguration,
        OauthError::Unavailable { .. } => Ending::ProviderDown,
    };
    Failed {
        because: causes(error),
        ..Failed::new(ending, error.code())
    }
}

/// The scopes without which a sign-in is of no use (BND-12). `offline_access` is a wish: many
/// providers grant it without saying so, and some sign-ins do without.
fn required(scopes: &[String]) -> Vec<String> {
    let wished = |scope: &&String| *scope != "offline_access";
    scopes.iter().filter(wished).cloned().collect()
}
